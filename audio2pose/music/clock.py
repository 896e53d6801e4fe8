"""The beat clock b(t): monotone and smooth, a whole number on each beat, running on between and past beats.

Shapes   scalars only; BeatState in, `beat`, `rate_hz`, `bar_origin`, `meter`, `position`, `jumps` out.
Threads  engine thread only.
Source   our own, after phase-locked loops: committed beats pull a straight line, b is bent towards that line.
"""

from __future__ import annotations

import math

from audio2pose.arrays import Record
from audio2pose.config import ClockConfig
from audio2pose.timeline import position_in_bar

# A tempo further than this from the line's own is another tempo, not jitter: the line takes it over at once.
NEW_TEMPO = 0.06
# How far beats fall from where they were expected, as a running mean square: so many beats are remembered, and so much of
# a beat is believed of a new line.
SPREAD_BEATS, FIRST_SPREAD = 8.0, 0.12
# The hop's own grain: nothing is known better.
GRAIN_S = 0.003


class BeatClock:
    """b(t), and the numbers that its beats and bars bear."""

    def __init__(self, config: ClockConfig, hop_s: float) -> None:
        self._config = config
        self._hop_s = hop_s
        self._bend = math.log(2.0) / config.half_life_beats
        self.reset()

    def reset(self) -> None:
        """b is 0 and runs at the idle tempo."""
        self.beat = 0.0
        self.tempo_hz = self._config.idle_bpm / 60.0
        self.rate_hz = self.tempo_hz
        self.bar_origin = 0
        self.meter = 0
        self.position = 0
        self.jumps = 0
        self._ever_locked = False
        self._line_beat = 0
        self._line_s = 0.0
        self._others = 0
        self._spread_s2 = self._now_s = 0.0

    @property
    def tempo_bpm(self) -> float:
        """Tempo of the line, without b's bend; 0 before the first beat."""
        return 60.0 * self.tempo_hz if self._ever_locked else 0.0

    def ahead(self, lead_s: float) -> tuple[float, float]:
        """b *lead_s* after the last call as far as is known now, and its standard deviation in seconds.

        The deviation is told from how far the last beats fell from where they were expected; it grows the longer none
        was told. Infinite before the first beat. Threads: engine.
        """
        beat = self.beat + self.rate_hz * lead_s
        if not self._ever_locked:
            return beat, math.inf
        since_s = self._now_s + lead_s - self._line_s
        since_beats = max(since_s, 0.0) * self.tempo_hz
        off_s = (self._line_beat + since_s * self.tempo_hz - beat) / self.tempo_hz
        return beat, math.sqrt(GRAIN_S**2 + self._spread_s2 * (0.5 + 0.5 * since_beats**2) + 0.25 * off_s * off_s)

    def process(self, now_s: float, state: Record) -> float:
        """b at *now_s*, one hop after the last call, given the tracker's *state* there. Threads: engine."""
        config = self._config
        self._now_s = now_s
        error = self._line_beat + (now_s - self._hop_s - self._line_s) * self.tempo_hz - self.beat if self._ever_locked else 0.0
        bend = min(max(1.0 + self._bend * error, config.min_rate), config.max_rate)
        self.rate_hz = self.tempo_hz * bend
        self.beat += self.rate_hz * self._hop_s
        if state["committed"]:
            self._pull(now_s, state)
        return self.beat

    def _pull(self, now_s: float, state: Record) -> None:
        """Move the line towards a committed beat, number the beat, and jump forward where it stands too far away."""
        config = self._config
        beat_s, told_hz = float(state["beat_s"]), float(state["tempo_bpm"]) / 60.0
        if not self._ever_locked or abs(math.log(told_hz / self.tempo_hz)) > NEW_TEMPO:
            fresh = True
            self.tempo_hz = told_hz
        else:
            fresh = False
        expected = self.beat + self.tempo_hz * (beat_s - now_s)
        number = round(expected)
        if self._ever_locked:
            number = max(number, self._line_beat + 1)
        error = number - expected
        if abs(error) > config.jump_beats:
            # Only forward, so that b stays monotone: a beat too early is taken for the next one.
            if error < 0.0:
                number += 1
                error += 1.0
            self.beat += error
            self.jumps += 1
            fresh = True
        if fresh:
            self._line_s = beat_s
            self._spread_s2 = (FIRST_SPREAD / self.tempo_hz) ** 2
        else:
            gap = number - self._line_beat
            at_s = self._line_s + gap / self.tempo_hz
            late_s = beat_s - at_s
            self._spread_s2 += (late_s * late_s - self._spread_s2) / SPREAD_BEATS
            self._line_s = at_s + config.phase_gain * late_s
            self.tempo_hz = 1.0 / (1.0 / self.tempo_hz + config.tempo_gain * late_s / gap)
        self._line_beat = number
        self._ever_locked = True
        self._count_bars(number, int(state["position"]), int(state["meter"]))

    def _count_bars(self, number: int, position: int, meter: int) -> None:
        """Keep the bar's origin until the tracker has gainsaid it for some beats in a row."""
        agrees = meter == self.meter and position_in_bar(number, origin=self.bar_origin, meter=meter) == position
        self._others = 0 if agrees else self._others + 1
        if position > 0 and (self.meter == 0 or self._others >= self._config.bar_change_beats):
            self.meter = meter
            self.bar_origin = number - (position - 1)
            self._others = 0
        self.position = position_in_bar(number, origin=self.bar_origin, meter=self.meter)
