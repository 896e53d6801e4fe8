"""Clicks on the sound output, and the wall moment at which each is heard: for `live --calibrate`.

Shapes   outdata: (n, C) as PortAudio wants it filled.
Time     wall seconds are time.perf_counter(); a click's moment is outputBufferDacTime, told against PortAudio's clock of the
         same callback.
Threads  PortAudio's own calls `_callback`, which copies and counts; all else is main's.
Source   our own.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from audio2pose.arrays import F32
from audio2pose.errors import DeviceError

from .devices import portaudio, quiet_drivers

PERIOD_S = 0.75
CLICK_HZ, CLICK_S, LEVEL = 1500.0, 0.02, 0.5
RATE_HZ = 48_000
MAX_AGE_S = 2.0


def click(rate_hz: int) -> F32:
    """(N,) one click, loudest at its first samples."""
    t = np.arange(round(CLICK_S * rate_hz)) / rate_hz
    return (LEVEL * np.cos(2.0 * math.pi * CLICK_HZ * t) * np.exp(-t / (CLICK_S / 5.0))).astype(np.float32)


class Metronome:
    """A click every PERIOD_S while `audible`; it counts on in silence. Raises DeviceError where no output opens."""

    def __init__(self) -> None:
        sounddevice = portaudio()
        self.audible = False
        self.calls = 0
        self._loop: F32 = np.zeros(round(PERIOD_S * RATE_HZ), np.float32)
        one = click(RATE_HZ)
        self._loop[: one.shape[0]] = one
        self._frame = 0
        self._anchor: tuple[int, float] | None = None
        try:
            with quiet_drivers():
                self._stream = sounddevice.OutputStream(
                    samplerate=RATE_HZ, channels=1, dtype="float32", latency="low", callback=self._callback
                )
                self._stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            what = str(error).replace(": ", ", ")
            raise DeviceError(
                f"no sound output opens for the clicks ({what}): plug one in, or find --latency-ms by trying"
            ) from error

    def _callback(self, outdata: F32, frames: int, times: Any, status: Any) -> None:
        began_s = time.perf_counter()
        ahead_s = times.outputBufferDacTime - times.currentTime
        if not 0.0 <= ahead_s <= MAX_AGE_S:
            ahead_s = float(self._stream.latency)
        self._anchor = (self._frame, began_s + ahead_s)
        n, at, done = self._loop.shape[0], self._frame % self._loop.shape[0], 0
        out = outdata[:, 0]
        while done < frames:
            k = min(frames - done, n - at)
            if self.audible:
                out[done : done + k] = self._loop[at : at + k]
            else:
                out[done : done + k] = 0.0
            done, at = done + k, (at + k) % n
        self._frame += frames
        self.calls += 1

    def beat_at(self, wall_s: float) -> float:
        """How many periods of the clicks were heard at *wall_s*: a whole number on each click; NaN before any sound."""
        anchor = self._anchor
        if anchor is None:
            return math.nan
        return (anchor[0] / RATE_HZ + wall_s - anchor[1]) / PERIOD_S

    def close(self) -> None:
        """Silence."""
        with quiet_drivers():
            self._stream.abort(ignore_errors=True)
            self._stream.close(ignore_errors=True)
