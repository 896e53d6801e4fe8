"""A source that runs as in the show, and clicks to play to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from audio2pose.arrays import F32
from audio2pose.realtime.capture import OPEN, DeviceSource
from audio2pose.realtime.handoff import HopRing
from audio2pose.realtime.sources import StreamClock

RATE_HZ = 48_000
CLICK = np.hanning(49).astype(np.float32)  # 1 ms, its peak on one sample


class Listener:
    """A source that runs as in the show, and what came through its ring."""

    def __init__(self, source: DeviceSource) -> None:
        self.source, self.clock = source, StreamClock()
        self._ring = HopRing(4 * source.sample_rate_hz)
        self._out: F32 = np.zeros(4 * source.sample_rate_hz, np.float32)
        self._heard: list[F32] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=source.run, args=(self._stop,))

    def __enter__(self) -> Listener:
        self.source.start(self._ring, self.clock)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        self._thread.join(5.0)
        assert not self._thread.is_alive()
        self.source.stop()

    def hear(self, seconds: float) -> F32:
        """All sound from the start until *seconds* from now."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            time.sleep(0.05)
            n = self._ring.read(self._out)
            self._heard.append(self._out[:n].copy())
        return np.concatenate(self._heard)

    def wait_for_sound(self) -> None:
        """The device is open and sends: a sound server that was idle takes a second or two."""
        assert self.source.state == OPEN
        began_s = time.monotonic()
        while not self.clock.running:
            assert time.monotonic() - began_s < 3.0, "no sound came"
            self.hear(0.05)
        self.hear(0.2)

    def wait_for(self, state: str, limit_s: float = 6.0) -> float:
        """Seconds until the source is in *state*; the sound is read on meanwhile."""
        began_s = time.monotonic()
        while self.source.state != state:
            assert time.monotonic() - began_s < limit_s, f"still {self.source.state}: {self.source.trouble}"
            self.hear(0.05)
        return time.monotonic() - began_s


def clicks(every_s: float, count: int, *, left: float = 0.5, right: float = 0.5) -> F32:
    """(N, 2): a click every *every_s*, a quarter of a second of silence around them."""
    out = np.zeros((round((0.5 + every_s * count) * RATE_HZ), 2), np.float32)
    for k in range(count):
        at = round((0.25 + k * every_s) * RATE_HZ)
        out[at : at + CLICK.size] = CLICK[:, None] * np.array([left, right], np.float32)
    return out


def peaks_s(sound: F32, rate_hz: int) -> list[float]:
    """Where the clicks peak, to a fraction of a sample (a parabola through the three highest)."""
    loud = np.flatnonzero(np.abs(sound) > 0.3 * np.abs(sound).max())
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > rate_hz // 20) + 1)
    found = []
    for group in groups:
        k = int(group[np.argmax(sound[group])])
        before, top, after = (float(v) for v in sound[k - 1 : k + 2])
        found.append((k + 0.5 * (before - after) / (before - 2.0 * top + after)) / rate_hz)
    return found


@contextmanager
def listening(*args: Any, **named: Any) -> Iterator[Listener]:
    with Listener(DeviceSource(*args, **named)) as listener:
        listener.wait_for_sound()
        yield listener
