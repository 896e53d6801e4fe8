"""What the show draws on, and how a stage follows the dance.

Time     a picture is for one stream moment; light fades in wall time.
Threads  main, which owns the GL context.
"""

from __future__ import annotations

import time
from typing import Protocol

from audio2pose.stage.stage import Stage
from audio2pose.timeline import phase

from .moment import Follower
from .spread import Spread

FADE_S = 0.12
"""From light to dark: short enough for a beat, long enough not to look like a fault."""


class Screen(Protocol):
    """A window, or pictures in memory. `frame_ms` is what a picture costs, `interval_ms` the time from one to the next.

    Threads: main.
    """

    follower: Follower
    frames: int
    late_frames: int
    frame_ms: Spread
    interval_ms: Spread
    blackout: bool

    def frame(self) -> bool:
        """Wait for the next frame's moment, a little at most, and draw it if it has come. False: it was closed."""

    def set_palette(self, name: str) -> None:
        """From the next picture on."""

    def set_scene(self, name: str) -> None:
        """From the next picture on."""

    def close(self) -> None:
        """Give everything back."""


class View:
    """One stage and the follower that it shows."""

    def __init__(self, stage: Stage, follower: Follower) -> None:
        self.stage, self._follower = stage, follower
        self._faded_s = time.perf_counter()

    def fade(self, blackout: bool) -> None:
        """Move the light on towards darkness or back."""
        now_s = time.perf_counter()
        step = (now_s - self._faded_s) / FADE_S
        self._faded_s = now_s
        light = self.stage.light
        self.stage.light = max(light - step, 0.0) if blackout else min(light + step, 1.0)

    def draw(self, moment_s: float) -> None:
        """Draw what the follower last looked at, as of *moment_s*."""
        f, stage = self._follower, self.stage
        heard, beat = f.heard, float(f.pose["beat"])
        meter = int(heard["meter"]) or 4
        stage.draw(
            f.positions_m,
            t_s=moment_s,
            beat=beat,
            energy=float(heard["energy"]),
            onset=float(f.onsets.max()),
            faces=f.faces,
            bands=f.onsets,
            bar=phase(beat - int(heard["bar_origin"]), cycle_beats=meter) / meter,
        )


class Pace:
    """Measures from picture to picture."""

    def __init__(self) -> None:
        self.interval_ms = Spread()
        self._last_s = 0.0
        self.fps = 0.0

    def mark(self, now_s: float) -> None:
        """A picture was shown at *now_s*."""
        if self._last_s:
            interval_s = now_s - self._last_s
            self.interval_ms.add(1e3 * interval_s)
            rate = 1.0 / max(interval_s, 1e-4)
            self.fps += (rate - self.fps) * (1.0 if not self.fps else 0.05)
        self._last_s = now_s
