"""The control port: orders by OSC from a controller, a console or a phone, and the echo of what holds.

Time     an order of the engine waits in the port's own queue and is heard at the next hop; the desk's wait for the next frame.
Threads  `Control.run` is the body of the control thread and alone reads the socket; `answer` is main's.
Source   our own. Whatever comes in is from strangers: what is malformed or no order is counted and changes nothing.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any

from audio2pose.config import nearest
from audio2pose.errors import DeviceError, UsageError
from audio2pose.performer import checked

from .broadcast import port_number
from .handoff import Commands
from .orders import ENGINE, FLOATS, ORDERS, STATE, understood
from .osc import message
from .packets import MAX_BYTES, read

FORM = "HOST:PORT[,echo=HOST:PORT]"
LOOK_S = 0.2
"""How long the thread waits for a packet before it looks whether the show is over."""
MAX_LISTENERS = 8
"""So many of those who sent orders last hear the echo."""
MAX_WAITING = 64


class Control:
    """Listens on *host*:*port* from the start. Raises DeviceError where the port cannot be had.

    *choices* names the values of the orders that take a name. `orders` are those of the desk, as (name, value).
    """

    def __init__(
        self,
        address: tuple[str, int],
        hand: Commands,
        choices: Mapping[str, Sequence[str]],
        echo: Sequence[tuple[str, int]] = (),
    ) -> None:
        self._hand, self._choices = hand, choices
        self.last_refused = ""
        """Why the last order was refused, in words."""
        self.orders: deque[tuple[str, float]] = deque()
        self.packets = self.malformed = self.refused = self.dropped = self.echo_errors = 0
        host, port = address
        try:
            family, kind, proto, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)[0]
            self._socket = socket.socket(family, kind, proto)
            self._socket.bind(place)
            # A socket of its own never waits; answers come from another port than the one that orders went to.
            self._out = socket.socket(family, kind, proto)
            self._out.setblocking(False)
            self._echo = [socket.getaddrinfo(*to, family=family, type=socket.SOCK_DGRAM)[0][4] for to in echo]
        except (OSError, UnicodeError) as error:
            raise DeviceError(
                f"the control port {host}:{port} cannot be had ({error}): choose another one, or end what uses it"
            ) from error
        self._socket.settimeout(LOOK_S)
        self._listeners: deque[Any] = deque(maxlen=MAX_LISTENERS)

    @property
    def port(self) -> int:
        """The port that it listens on, also where 0 was asked for. Threads: any."""
        return int(self._socket.getsockname()[1])

    def run(self, stop: Event) -> None:
        """Until *stop*. Threads: control."""
        while not stop.is_set():
            try:
                packet, sender = self._socket.recvfrom(MAX_BYTES + 1)
            except OSError:  # nothing came in time, or an echo of ours was refused where it went
                continue
            self.take(packet, sender)

    def take(self, packet: bytes, sender: Any) -> None:
        """Act on one *packet*; never raises on what it holds. Threads: control."""
        self.packets += 1
        messages = read(packet)
        if messages is None:
            self.malformed += 1
            return
        for address, arguments in messages:
            try:
                order = understood(address, arguments, self._choices)
                if order is None:
                    continue
                if ORDERS[order[0]].by == ENGINE:
                    self._hand.put(*checked(*order))
                elif len(self.orders) < MAX_WAITING:
                    self.orders.append(order)
                else:
                    self.dropped += 1
            except UsageError as error:
                self.refused += 1
                self.last_refused = error.parts[0]
                continue
            if sender not in self._listeners:
                self._listeners.append(sender)

    def answer(self, packet: bytes) -> None:
        """Send *packet* to all who ordered lately, and all who are always told; never waits. Threads: main."""
        for to in (*self._echo, *tuple(self._listeners)):
            try:
                self._out.sendto(packet, to)
            except OSError:
                self.echo_errors += 1

    def close(self) -> None:
        """Threads: main, after `run` has ended."""
        self._socket.close()
        self._out.close()


def state_packet(name: str, value: float) -> bytes:
    """The packet that says that *name* is *value* now."""
    return message(STATE + name, float(value) if name in FLOATS else int(value))


def parse_control(text: str) -> tuple[tuple[str, int], tuple[tuple[str, int], ...]]:
    """'127.0.0.1:9001,echo=192.0.2.7:9000' -> where to listen, whom to tell; ':9001' and '9001' are loopback's.

    Raises UsageError that tells which part is wrong.
    """
    place, *options = text.split(",")
    told = []
    for option in options:
        key, _, value = option.partition("=")
        if key != "echo":
            raise UsageError(f"no option '{key}' for --control{nearest(key, ('echo',))}")
        told.append(_place(value, text))
    return _place(place, text), tuple(told)


def _place(text: str, whole: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]") or "127.0.0.1", port_number(port, whole, FORM)
