"""OSC from strangers: what python-osc and liblo send is read, all else is nothing, and nothing raises."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from audio2pose.realtime.osc import message
from audio2pose.realtime.packets import MAX_BYTES, MAX_MESSAGES, read


def _built(address: str, *arguments: tuple[object, str]) -> OscMessageBuilder:
    builder = OscMessageBuilder(address)
    for value, tag in arguments:
        builder.add_arg(value, tag)  # type: ignore[arg-type]
    return builder


def test_our_own_messages_are_read_back() -> None:
    assert read(message("/dance/ctl/nudge", 5.5, 7, "word")) == [("/dance/ctl/nudge", (5.5, 7.0, "word"))]
    assert read(message("/a")) == [("/a", ())]


def test_every_type_that_controllers_send_is_a_number_or_a_word() -> None:
    packet = _built(
        "/x", (3, "i"), (0.5, "f"), (2.25, "d"), (2**40, "h"), (True, "T"), (False, "F"), ("näme", "s"), (None, "N")
    )
    assert read(packet.build().dgram) == [("/x", (3.0, 0.5, 2.25, float(2**40), 1.0, 0.0, "näme", 0.0))]


def test_blobs_and_arrays_beside_the_number_are_read_over() -> None:
    assert read(b"/a\0\0,fb\0" + struct.pack(">f", 0.5) + b"\0\0\0\x03abc\0") == [("/a", (0.5,))]
    assert read(b"/a\0\0,f[i]\0\0\0" + struct.pack(">fi", 0.5, 7)) == [("/a", (0.5, 7.0))]


def test_a_number_too_large_for_the_wire_is_the_largest_that_fits() -> None:
    assert read(message("/a", 1e300, -1e300, 2**40)) == [("/a", (pytest.approx(3e38), pytest.approx(-3e38), 2.0**31 - 1))]


def test_bundles_are_read_in_order_whatever_their_time() -> None:
    inner = OscBundleBuilder(2_000_000_000)  # years ahead
    inner.add_content(_built("/b", (1, "i")).build())
    outer = OscBundleBuilder(1.0)
    outer.add_content(_built("/a", (1, "i")).build())
    outer.add_content(inner.build())
    assert read(outer.build().dgram) == [("/a", (1.0,)), ("/b", (1.0,))]


GOOD = message("/dance/ctl/style", 3, 0.5, "house")


@pytest.mark.parametrize("cut", range(len(GOOD)))
def test_a_truncated_packet_is_nothing(cut: int) -> None:
    assert read(GOOD[:cut]) is None


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0\0\0\0",
        b"tap\0",
        b"/tap",
        b"/tap\0\0\0\0",
        b"/tap\0\0\0x",
        b"/a\0\0,i\0\0",
        b"/a\0\0,q\0\0\0\0\0\0",
        b"/a\0\0,b\0\0\0\0\0\x09data",
        b"/a\0\0,b\0\0\xff\xff\xff\xff",
        b"/a\0\0,f\0\0" + struct.pack(">f", float("nan")),
        b"/a\0\0,d\0\0" + struct.pack(">d", float("inf")),
        b"/\xff\0\0,\0\0\0",
        b"/a\0\0,i\0\0\0\0\0\x01\0\0\0\x01",
        b"/a\0\0," + b"i" * 39 + bytes(4 + 39 * 4),
        b"#bundle\0",
        b"#bundle\0" + bytes(8) + struct.pack(">i", -4),
        b"#bundle\0" + bytes(8) + struct.pack(">i", 400) + bytes(8),
        b"#bundle\0" + bytes(8) + struct.pack(">i", 2) + b"/a",
        bytes(MAX_BYTES + 4),
    ],
)
def test_what_is_malformed_is_nothing(packet: bytes) -> None:
    assert read(packet) is None


def test_bundles_within_bundles_come_to_an_end() -> None:
    packet = message("/a", 1)
    for _ in range(50):
        packet = b"#bundle\0" + bytes(8) + struct.pack(">i", len(packet)) + packet
    assert read(packet) is None


def test_a_flood_in_one_packet_is_nothing() -> None:
    one = struct.pack(">i", 8) + b"/a\0\0,\0\0\0"
    assert read(b"#bundle\0" + bytes(8) + one * MAX_MESSAGES) is not None
    assert read(b"#bundle\0" + bytes(8) + one * (MAX_MESSAGES + 1)) is None


def test_a_hundred_thousand_packets_of_noise_raise_nothing() -> None:
    rng = np.random.default_rng(7)
    bundle = b"#bundle\0" + bytes(7) + b"\x01" + struct.pack(">i", len(GOOD)) + GOOD
    read_at_all = 0
    for k in range(100_000):
        if k % 3 == 0:
            packet = rng.bytes(int(rng.integers(0, 96)))
        else:
            broken = bytearray(GOOD if k % 3 == 1 else bundle)
            for _ in range(int(rng.integers(1, 4))):
                broken[int(rng.integers(len(broken)))] = int(rng.integers(256))
            packet = bytes(broken[: int(rng.integers(len(broken) + 1))] if k % 2 else broken)
        read_at_all += read(packet) is not None
    assert 1000 < read_at_all < 99_000  # some damage leaves a packet whole
