"""Drive: how hard the music asks a body to work, 0..1: how full it sounds, and whether kick and bass strike.

A build-up may be louder than what follows it; people move when the low end comes back.

Shapes   numbers, one hop at a time; `whole` takes arrays (H,).
Threads  engine thread only; the kernel works without heap or GIL.
Source   Burger et al. 2013 (flux of the low bands goes with the speed of people who move to music); weights our own.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from audio2pose.arrays import F64

WITHOUT_LOW = 0.45
"""What is left of the drive where nothing low strikes."""
HALF_LIFE_BEATS = 0.75
RANGE_HALF_LIFE_S = 60.0
LEAST_RATE = 0.012
"""Mean onset strength of the low part below which a piece has no low strikes to be missed."""
SETTLE_S = 3.0
"""The first kick alone is no rate of strikes."""
FULL_SHARE = 0.7
"""Of the highest rate of strikes so far, this much counts as all."""
BEFORE_BEATS, AFTER_BEATS = 0.5, 1.5
"""What of a known song a moment's drive is made of."""


@njit(cache=True, nogil=True)
def driven(energy: float, rate: float, most: float) -> float:
    """The drive of music of *energy* whose low part strikes at *rate*, *most* being its own highest."""
    low = 1.0 if most < LEAST_RATE else min(rate / (FULL_SHARE * most), 1.0)
    return energy * (WITHOUT_LOW + (1.0 - WITHOUT_LOW) * low)


class Drive:
    """Follows the low part's onsets, twice smoothed so that a single kick does not show."""

    def __init__(self, hop_s: float) -> None:
        self._hop_s = hop_s
        self._keep_range = 0.5 ** (hop_s / RANGE_HALF_LIFE_S)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._once = self._rate = self._most = 0.0
        self._hops = 0

    def process(self, energy: float, onset_low: float, rate_hz: float) -> float:
        """Drive after a hop with *onset_low*, at a clock of *rate_hz*."""
        self._hops += 1
        # The first hops are a plain mean, or a song would begin without its kick.
        keep = min(0.5 ** (rate_hz * self._hop_s / HALF_LIFE_BEATS), (self._hops - 1.0) / self._hops)
        self._once += (1.0 - keep) * (onset_low - self._once)
        self._rate += (1.0 - keep) * (self._once - self._rate)
        if self._hops * self._hop_s >= SETTLE_S:
            self._most = max(self._rate, self._rate + self._keep_range * (self._most - self._rate))
        return driven(energy, self._rate, self._most)


def whole(energy: F64, onset_low: F64, beat: F64) -> F64:
    """Drive of a song that is known: each moment from the beats about it. All (H,)."""
    sums = np.concatenate([[0.0], np.cumsum(onset_low, dtype=np.float64)])
    a = np.searchsorted(beat, beat - BEFORE_BEATS)
    b = np.maximum(np.searchsorted(beat, beat + AFTER_BEATS), a + 1)
    rate = (sums[np.minimum(b, len(beat))] - sums[a]) / (b - a)
    most = float(np.percentile(rate, 98.0)) if rate.size else 0.0
    return np.array([driven(float(e), float(r), most) for e, r in zip(energy, rate)])
