"""Poses over the network: where to, how often, and the thread that sends them.

Time     each target gets the pose for the moment at which it is sent plus the target's own latency.
Threads  `Broadcaster.run` is the body of the one sender thread; its sockets never wait and errors are counted, not raised.
Source   our own.
"""

from __future__ import annotations

import math
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

from audio2pose.arrays import I32
from audio2pose.config import nearest
from audio2pose.errors import DeviceError, UsageError

from .handoff import Latest
from .moment import Follower
from .osc import AXES, PROFILES
from .sources import StreamClock

FORM = "PROFILE@HOST:PORT[,rate=60][,axes=unity][,latency=MS]"
_OPTIONS = ("rate", "axes", "latency")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One receiver."""

    profile: str
    host: str
    port: int
    rate_hz: float = 60.0
    axes: str = "touchdesigner"
    latency_s: float = 0.0

    @property
    def name(self) -> str:
        """PROFILE@HOST:PORT, as the summary calls it."""
        return f"{self.profile}@{self.host}:{self.port}"


def parse_target(text: str) -> Target:
    """The target that *text* names, e.g. native@127.0.0.1:9000,rate=60,axes=unity,latency=20 (milliseconds).

    Raises UsageError that tells which part is wrong.
    """
    address, *options = text.split(",")
    profile, at, place = address.partition("@")
    host, colon, port_text = place.rpartition(":")
    if not (at and colon and host):
        raise UsageError(f"'{text}' is no target for --send: write {FORM}")
    if profile not in PROFILES:
        raise UsageError(f"no profile '{profile}' to send{nearest(profile, PROFILES)}")
    port = port_number(port_text, text, FORM)
    values: dict[str, str] = {}
    for option in options:
        key, _, value = option.partition("=")
        if key not in _OPTIONS:
            raise UsageError(f"no option '{key}' for a target{nearest(key, _OPTIONS)}")
        values[key] = value
    axes = values.get("axes", "touchdesigner")
    if axes not in AXES:
        raise UsageError(f"no axes '{axes}'{nearest(axes, AXES)}")
    return Target(
        profile=profile,
        host=host.strip("[]"),
        port=port,
        rate_hz=_number(values.get("rate", "60"), "rate", 1.0, 240.0),
        axes=axes,
        latency_s=_number(values.get("latency", "0"), "latency", 0.0, 500.0) / 1e3,
    )


def port_number(text: str, whole: str, form: str) -> int:
    """The port that *text* names, a part of *whole*, which should look like *form*. Raises UsageError."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise UsageError(f"port '{text}' in '{whole}', must be 1 to 65535: write {form}")
    return int(text)


def _number(text: str, key: str, least: float, most: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise UsageError(f"{key} is '{text}' in a target, must be {least:g} to {most:g}: write {FORM}")
    return value


class Sender:
    """One target: its socket, its bytes, its pace.

    Raises DeviceError where the host does not resolve. Threads: made and closed by main, used by the sender thread.
    """

    def __init__(self, target: Target, latest: Latest, clock: StreamClock, segment_styles: I32) -> None:
        self.target = target
        self.packets = self.errors = self.untold = 0
        self._address: Any
        try:
            family, kind, proto, _, self._address = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind, proto)
        except (OSError, UnicodeError) as error:
            raise DeviceError(f"host '{target.host}' of {target.name} does not resolve ({error}): check its name") from error
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self._follower = Follower(latest, clock, target.latency_s)
        self._profile = PROFILES[target.profile](target.axes, segment_styles, len(self._follower.poses))
        self.due_s = -math.inf

    def send(self, wall_s: float) -> None:
        """Send the pose of the moment and say when the next is due; never waits, never raises. Threads: sender."""
        stream_s = self._follower.moment_s(wall_s)
        if self._follower.look(stream_s):
            for datagram in self._profile.datagrams(self._follower, stream_s):
                try:
                    self._socket.sendto(datagram, self._address)
                    self.packets += 1
                except OSError:
                    self.errors += 1
        period_s = 1.0 / self.target.rate_hz
        # Late by more than a period: what was missed is stale, so it is left out, not sent in a rush.
        self.due_s = self.due_s + period_s if wall_s - self.due_s < period_s else wall_s + period_s

    def tell(self, packet: bytes) -> None:
        """One more packet, to a profile that speaks our own addresses; never waits, never raises. Threads: main."""
        if not self._profile.ours:
            return
        try:
            self._socket.sendto(packet, self._address)
        except OSError:
            self.untold += 1

    def close(self) -> None:
        """Threads: main, after the sender thread has ended."""
        self._socket.close()


class Broadcaster:
    """All targets, sent to by one thread, each at its own rate."""

    def __init__(self, senders: Sequence[Sender]) -> None:
        self._senders = tuple(senders)

    @property
    def packets(self) -> dict[str, int]:
        """Datagrams that left, by target. Threads: any."""
        counts: dict[str, int] = {}
        for sender in self._senders:
            counts[sender.target.name] = counts.get(sender.target.name, 0) + sender.packets
        return counts

    @property
    def errors(self) -> int:
        """Datagrams that the system would not take. Threads: any."""
        return sum(sender.errors + sender.untold for sender in self._senders)

    def tell(self, packet: bytes) -> None:
        """Send *packet* to every target once, beside its poses; never waits. Threads: main."""
        for sender in self._senders:
            sender.tell(packet)

    def run(self, stop: Event) -> None:
        """Until *stop*. Threads: the sender's own."""
        while not stop.is_set():
            now_s = time.perf_counter()
            for sender in self._senders:
                if sender.due_s <= now_s:
                    sender.send(now_s)
            left_s = min(sender.due_s for sender in self._senders) - time.perf_counter()
            if left_s > 0.0 and stop.wait(left_s):
                return

    def close(self) -> None:
        """Threads: main, after `run` has ended."""
        for sender in self._senders:
            sender.close()
