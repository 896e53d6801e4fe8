"""The control port: orders are carried out, garbage is counted, and whoever orders hears what holds."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.udp_client import SimpleUDPClient

from audio2pose.errors import DeviceError, UsageError
from audio2pose.realtime.control import Control, parse_control, state_packet
from audio2pose.realtime.handoff import Commands
from audio2pose.realtime.orders import BUTTON, CHOICE, ORDERS, SWITCH, understood
from audio2pose.realtime.osc import message

CHOICES = {"style": ("disco", "house"), "palette": ("ember", "neon"), "scene": ("rings", "sun")}


@pytest.fixture
def control() -> Iterator[Control]:
    made = Control(("127.0.0.1", 0), Commands(), CHOICES)
    stop = threading.Event()
    thread = threading.Thread(target=made.run, args=(stop,))
    thread.start()
    yield made
    stop.set()
    thread.join()
    made.close()


def _wait(what: object, until: object) -> None:
    deadline_s = time.monotonic() + 5.0
    while not until():  # type: ignore[operator]
        assert time.monotonic() < deadline_s, what
        time.sleep(0.005)


@pytest.mark.parametrize("name", ORDERS)
def test_every_order_of_the_contract_is_understood_as_int_and_as_float_with_too_many_arguments(name: str) -> None:
    for one in (1.0, 1):
        assert understood(f"/dance/ctl/{name}", (one, 7.0, "more"), CHOICES) == (name, 1.0)


@pytest.mark.parametrize("name", [name for name, order in ORDERS.items() if order.kind == BUTTON])
def test_a_button_acts_as_it_goes_down_and_not_as_it_comes_up(name: str) -> None:
    assert understood(f"/dance/ctl/{name}", (1.0,), CHOICES) == (name, 1.0)
    assert understood(f"/dance/ctl/{name}", (), CHOICES) == (name, 1.0)
    assert understood(f"/dance/ctl/{name}", (0.0,), CHOICES) is None


def test_switches_take_any_number_and_choices_a_name_too() -> None:
    assert [understood(f"/dance/ctl/{n}", (0.4,), CHOICES) for n, o in ORDERS.items() if o.kind == SWITCH] == [
        (n, 1.0) for n, o in ORDERS.items() if o.kind == SWITCH
    ]
    assert understood("/dance/ctl/freeze", (0.0,), CHOICES) == ("freeze", 0.0)
    for name in (n for n, o in ORDERS.items() if o.kind == CHOICE):
        assert understood(f"/dance/ctl/{name}", (CHOICES[name][1],), CHOICES) == (name, 1.0)
    assert understood("/dance/ctl/style", (-1.0,), CHOICES) == ("style", -1.0)


@pytest.mark.parametrize(
    ("address", "arguments", "words"),
    [
        ("/dance/ctl/tapp", (1.0,), "did you mean 'tap'"),
        ("/dance/tap", (1.0,), "no order"),
        ("/dance/ctl/", (1.0,), "no order"),
        ("/dance/ctl/nudge", (), "without a number"),
        ("/dance/ctl/nudge", ("much",), "a number"),
        ("/dance/ctl/style", ("hause",), "did you mean 'house'"),
    ],
)
def test_what_is_no_order_says_so(address: str, arguments: tuple[float | str, ...], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        understood(address, arguments, CHOICES)


def test_orders_go_to_whom_they_are_for(control: Control) -> None:
    client = SimpleUDPClient("127.0.0.1", control.port)
    client.send_message("/dance/ctl/nudge", 5.0)
    client.send_message("/dance/ctl/style", "house")
    client.send_message("/dance/ctl/blackout", 1)
    client.send_message("/dance/ctl/tap", [1, 0.5, "x"])
    _wait("four packets", lambda: control.packets == 4)
    hand = control._hand
    assert [hand.take() for _ in range(hand.waiting)] == [("nudge", 5.0), ("style", 1.0), ("tap", 1.0)]
    assert list(control.orders) == [("blackout", 1.0)]
    assert (control.malformed, control.refused) == (0, 0)


def test_a_value_beyond_its_range_is_refused_and_a_button_that_comes_up_is_not_counted(control: Control) -> None:
    client = SimpleUDPClient("127.0.0.1", control.port)
    for name, value in (("quantize", 3), ("lock", 7), ("gain", 900.0), ("nudge", 1e6), ("tempo", 1e30), ("tap", 0)):
        client.send_message(f"/dance/ctl/{name}", value)
    _wait("six packets", lambda: control.packets == 6)
    assert (control.refused, control._hand.waiting) == (5, 0)


def test_whoever_ordered_hears_what_holds_and_strangers_do_not(control: Control) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        for s in (one, other):
            s.bind(("127.0.0.1", 0))
            s.settimeout(5.0)
        one.sendto(message("/dance/ctl/tap", 1), ("127.0.0.1", control.port))
        other.sendto(b"garbage!", ("127.0.0.1", control.port))
        _wait("two packets", lambda: control.packets == 2)
        control.answer(state_packet("style", 1.0))
        told = OscMessage(one.recv(2048))
        assert (told.address, told.params) == ("/dance/state/style", [1])
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.recv(2048)


def test_a_listener_that_was_asked_for_is_always_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as light:
        light.bind(("127.0.0.1", 0))
        light.settimeout(5.0)
        made = Control(("127.0.0.1", 0), Commands(), CHOICES, [light.getsockname()])
        made.answer(state_packet("gain", -2.0))
        told = OscMessage(light.recv(2048))
        made.close()
    assert (told.address, told.params) == ("/dance/state/gain", [-2.0])


def test_a_hundred_thousand_bad_packets_are_counted_and_order_nothing() -> None:
    made = Control(("127.0.0.1", 0), Commands(), CHOICES)
    rng = np.random.default_rng(11)
    address = "/dance/ctl/"
    for k in range(100_000):
        if k % 4 == 0:
            packet = rng.bytes(int(rng.integers(0, 128)))
        elif k % 4 == 1:  # a true address with the wrong kind of value
            packet = message(address + ("nudge", "tempo", "freeze", "lock")[k // 4 % 4], "word")
        elif k % 4 == 2:
            packet = message(address + "tap", 1)[: int(rng.integers(1, 20))]
        else:
            packet = message(address + "style", 0.0)[:-4] + struct.pack(">f", float("nan"))
        made.take(packet, ("127.0.0.1", 1))
    assert made.packets == 100_000
    assert made.malformed + made.refused == 100_000
    assert (made._hand.waiting, len(made.orders)) == (0, 0)
    made.close()


def test_orders_that_nobody_takes_never_grow(control: Control) -> None:
    for _ in range(5000):
        control.take(message("/dance/ctl/blackout", 1), ("127.0.0.1", 1))
        control.take(message("/dance/ctl/tap", 1), ("127.0.0.1", 1))
    assert len(control.orders) <= 64
    assert control._hand.waiting <= 64
    assert control._hand.dropped > 4000


def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(DeviceError, match="cannot be had"):
            Control(taken.getsockname(), Commands(), CHOICES)


@pytest.mark.parametrize(
    ("text", "place", "echo"),
    [
        ("9001", ("127.0.0.1", 9001), ()),
        (":9001", ("127.0.0.1", 9001), ()),
        ("0.0.0.0:9001", ("0.0.0.0", 9001), ()),
        ("[::1]:9001", ("::1", 9001), ()),
        ("9001,echo=192.0.2.7:9000", ("127.0.0.1", 9001), (("192.0.2.7", 9000),)),
    ],
)
def test_it_listens_on_loopback_unless_told_otherwise(text: str, place: object, echo: object) -> None:
    assert parse_control(text) == (place, echo)


@pytest.mark.parametrize("text", ["", "x", "127.0.0.1:", "127.0.0.1:0", "1:2:99999", "9001,ecco=1:2", "9001,echo=x"])
def test_what_is_no_port_is_wrong_use(text: str) -> None:
    with pytest.raises(UsageError):
        parse_control(text)
