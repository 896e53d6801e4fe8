"""What a picture knows of the music, as numbers that any set can be driven by.

Shapes   mood: (8,) float32, rows PHASE to TIME below.
Threads  the one that draws.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from audio2pose.arrays import F32
from audio2pose.timeline import phase

PHASE, PULSE, ENERGY, LOW, MID, HIGH, BAR, TIME = range(8)
"""Phase within the beat, how much of the beat's stroke is left, energy, the three bands, phase within the bar (all 0..1),
seconds of the stream (within TIME_S, so that a float32 knows them to the millisecond after a whole night)."""

PULSE_HALF_LIFE_BEATS = 0.18
BAND_HALF_LIVES_S = 0.14, 0.10, 0.07
"""An onset is one hop long; light that rises at once and falls like this can be seen, the deeper the longer."""
TIME_S = 3600.0
GAP_S = 1.0


def unit(x: float) -> float:
    """*x* within 0..1; 0 where it is no number."""
    return min(max(x, 0.0), 1.0) if math.isfinite(x) else 0.0


class Mood:
    """Bands that fall softly; everything else as it is told.

    Threads: the one that draws.
    """

    def __init__(self) -> None:
        self.numbers: F32 = np.zeros(8, np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget what the bands did."""
        self._last_s = -math.inf
        self.numbers[:] = 0.0

    def follow(
        self, t_s: float, beat: float, energy: float, onset: float, bands: Sequence[float] | F32 | None, bar: float
    ) -> F32:
        """The numbers (8,) of this picture; never raises on numbers. Without *bands* all three are *onset*."""
        dt_s = t_s - self._last_s
        if not 0.0 <= dt_s <= GAP_S:
            self.numbers[LOW : HIGH + 1] = 0.0
        at = phase(beat, cycle_beats=1.0) if math.isfinite(beat) else 0.0
        for k in range(3):
            new = unit(onset if bands is None else float(bands[k]))
            kept = float(self.numbers[LOW + k]) * 0.5 ** (max(dt_s, 0.0) / BAND_HALF_LIVES_S[k]) if dt_s <= GAP_S else 0.0
            self.numbers[LOW + k] = max(new, kept)
        self.numbers[PHASE] = at
        self.numbers[PULSE] = math.pow(0.5, at / PULSE_HALF_LIFE_BEATS)
        self.numbers[ENERGY] = unit(energy)
        self.numbers[BAR] = unit(bar)
        self.numbers[TIME] = math.fmod(t_s, TIME_S) if math.isfinite(t_s) else 0.0
        self._last_s = t_s if math.isfinite(t_s) else self._last_s
        return self.numbers
