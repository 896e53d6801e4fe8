"""`live --calibrate`: how late a screen shows its pictures, found by tapping to clicks, then to flashes.

Time     a tap is late by the hand and the eye or ear; tapping to both takes the hand out. What is left is how much later a
         flash is seen than it was given to the screen, beside how exactly the sound card tells when a click is heard.
Threads  main, but for the metronome's callback.
Source   our own; rhythm games calibrate so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from vispy import gloo

from audio2pose.config import StageConfig
from audio2pose.errors import UsageError
from audio2pose.stage.hud import Hud, HudState
from audio2pose.terminal import say

from .metronome import PERIOD_S, Metronome
from .pane import DOWN, Pane

TAPS = 12
"""In each round; the first ones find the beat and do not count."""
SETTLING_TAPS = 3
FLASH_S = 0.090
POLL_S = 0.002
STEP_S = 0.005
UNEVEN_MS = 35.0
EXIT_INTERRUPTED = 130
KEYS = ("SPACE", "LEFT", "RIGHT", "ENTER", "KP_ENTER", "Q", "ESCAPE")
HEAR, SEE, MATCH = "hear", "see", "match"
WORDS = {
    HEAR: "tap space with the clicks that you hear",
    SEE: "tap space with the flashes that you see",
    MATCH: "do they meet? left and right move the flash, return keeps it",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What taps say: the screen's latency and how far the taps scatter about it, milliseconds."""

    latency_ms: float
    scatter_ms: float


def lateness_ms(phases: Sequence[float]) -> tuple[float, float]:
    """Median of how late taps are that came at *phases* (periods since the start), and their median distance from it.

    Raises UsageError where there are too few.
    """
    counted = [p for p in phases if math.isfinite(p)][SETTLING_TAPS:]
    if len(counted) < TAPS - SETTLING_TAPS:
        wanted = TAPS - SETTLING_TAPS
        raise UsageError(f"{len(counted)} taps counted, {wanted} were wanted: begin again and tap through each round")
    # About their circular mean, so that taps around half a period do not fall apart into early and late ones.
    x, y = (sum(f(2.0 * math.pi * p) for p in counted) for f in (math.cos, math.sin))
    middle = math.atan2(y, x) / (2.0 * math.pi)
    off = [middle + math.remainder(p - middle, 1.0) for p in counted]
    mid = median(off)
    return 1e3 * PERIOD_S * mid, 1e3 * PERIOD_S * median(abs(p - mid) for p in off)


def verdict(heard: Sequence[float], seen: Sequence[float]) -> Verdict:
    """The screen's latency, from the phases of taps to clicks and to flashes. Raises UsageError for too few taps."""
    (late_ms, scatter), (seen_ms, more) = lateness_ms(heard), lateness_ms(seen)
    return Verdict(1e3 * PERIOD_S * math.remainder((seen_ms - late_ms) / (1e3 * PERIOD_S), 1.0), max(scatter, more))


class Calibration:
    """The rounds, one after another; `press` is what keys do. `round` is "" at the end, `latency_s` what was found."""

    def __init__(self, metronome: Metronome) -> None:
        self._metronome = metronome
        self.taps: dict[str, list[float]] = {HEAR: [], SEE: []}
        self.round = HEAR
        self.latency_s = 0.0
        self.scatter_ms = 0.0
        metronome.audible = True

    def press(self, key: str, wall_s: float) -> None:
        """A key went down at *wall_s*. Raises UsageError where the taps say nothing."""
        if self.round in self.taps and key == "SPACE":
            self.taps[self.round].append(self._metronome.beat_at(wall_s))
            if len(self.taps[self.round]) >= TAPS:
                self._go_on()
        elif self.round == MATCH and key in ("LEFT", "RIGHT"):
            self.latency_s = min(max(self.latency_s + (STEP_S if key == "LEFT" else -STEP_S), 0.0), 0.4)
        elif self.round == MATCH and key in ("ENTER", "KP_ENTER"):
            self.round = ""

    def _go_on(self) -> None:
        if self.round == HEAR:
            self.round, self._metronome.audible = SEE, False
            return
        found = verdict(self.taps[HEAR], self.taps[SEE])
        self.latency_s, self.scatter_ms = min(max(found.latency_ms / 1e3, 0.0), 0.4), found.scatter_ms
        self.round, self._metronome.audible = MATCH, True

    def flashes(self, wall_s: float) -> bool:
        """Whether a picture that is given to the screen at *wall_s* is a flash."""
        if self.round not in (SEE, MATCH):
            return False
        beat = self._metronome.beat_at(wall_s + (self.latency_s if self.round == MATCH else 0.0))
        return math.isfinite(beat) and (beat - math.floor(beat)) * PERIOD_S < FLASH_S

    @property
    def words(self) -> str:
        """What to do now."""
        text = WORDS.get(self.round, "")
        if self.round in self.taps:
            return f"{text} ({len(self.taps[self.round])} of {TAPS})"
        return f"{1e3 * self.latency_s:.0f} ms: {text}" if text else ""


def run(config: StageConfig, *, title: str, screen: int | None, fullscreen: bool) -> int:
    """The whole of `live --calibrate`; returns the exit code. Raises DeviceError without display or sound output."""
    metronome = Metronome()
    try:
        rounds = Rounds(config, Calibration(metronome), title=title, screen=screen, fullscreen=fullscreen)
        try:
            while rounds.frame():
                pass
        finally:
            rounds.close()
    finally:
        metronome.close()
    found = rounds.calibration
    if found.round:
        say("ended before it was done: nothing was found")
        return EXIT_INTERRUPTED
    if found.scatter_ms > UNEVEN_MS:
        say(f"the taps scatter by {found.scatter_ms:.0f} ms: do it again for a better figure")
    print(f"--latency-ms {1e3 * found.latency_s:.0f}")  # noqa: T201
    return 0


class Rounds:
    """The window of a calibration."""

    def __init__(
        self, config: StageConfig, calibration: Calibration, *, title: str, screen: int | None, fullscreen: bool
    ) -> None:
        self.calibration = calibration
        self._wrong: UsageError | None = None
        self._pane = Pane(config, KEYS, self._key, title=title, screen=screen, fullscreen=fullscreen)
        self._hud = Hud()
        self._least_s = 1.0 / (1.05 * self._pane.refresh_hz) if self._pane.refresh_hz else 1.0 / 60.0
        self._due_s = 0.0
        self.flashed = False
        """Whether the picture shown last is a flash."""

    def _key(self, name: str, how: str) -> None:
        if name in ("Q", "ESCAPE"):
            self._pane.closed = True
        elif how == DOWN or name in ("LEFT", "RIGHT"):
            try:
                self.calibration.press(name, time.perf_counter())
            except UsageError as error:
                self._wrong = error

    def frame(self) -> bool:
        """Look for keys; draw when it is time. False: it is over. Raises UsageError where taps say nothing."""
        if not self._pane.look() or not self.calibration.round:
            return False
        if self._wrong is not None:
            raise self._wrong
        now_s = time.perf_counter()
        if now_s < self._due_s:
            time.sleep(min(self._due_s - now_s, POLL_S))  # taps are stamped when they are looked for
            return True
        self._due_s = max(self._due_s, now_s - self._least_s) + self._least_s
        canvas, (width, height) = self._pane.canvas, self._pane.size
        canvas.set_current()
        self.flashed = self.calibration.flashes(now_s)
        gloo.set_viewport(0, 0, width, height)
        gloo.clear(color=(1.0, 1.0, 1.0, 1.0) if self.flashed else (0.0, 0.0, 0.0, 1.0), depth=False)
        self._hud.draw(HudState(message=self.calibration.words, panel=False), width, height)
        canvas.context.flush_commands()
        self._pane.show()
        return True

    def close(self) -> None:
        """Close the window."""
        self._pane.close()
