"""Where the dancers were a part of a beat ago.

Shapes   positions_m: (D, 24, 3); beats as the beat clock tells them, or half seconds where there is none.
Threads  the one that draws.
"""

from __future__ import annotations

import math

import numpy as np

from audio2pose.arrays import F32, F64

LONGEST_BEATS = 0.5
STEP_BEATS = 1.0 / 48.0
N_SAMPLES = 32
"""A little more than LONGEST_BEATS at the closest step."""
LEAP_BEATS = 0.5
"""A beat clock that moves further than this between two pictures was set anew: what was before is no past."""


class Afterimage:
    """The last half beat of a group.

    Threads: the one that draws.
    """

    def __init__(self, dancers: int) -> None:
        self._poses: F32 = np.zeros((N_SAMPLES, dancers, 24, 3), np.float32)
        self._beats: F64 = np.zeros(N_SAMPLES, np.float64)
        self.reset()

    def reset(self) -> None:
        """Forget all poses."""
        self._head, self._count, self._now = -1, 0, -math.inf

    @property
    def samples(self) -> int:
        """How many poses are known."""
        return self._count

    def push(self, positions_m: F32, t_s: float, beat: float) -> None:
        """Note the poses of this picture; never raises on numbers."""
        now = beat if math.isfinite(beat) else 2.0 * t_s
        if not math.isfinite(now):
            return
        if not 0.0 <= now - self._now <= LEAP_BEATS:
            self.reset()
        self._now = now
        if self._count and now - self._beats[self._head] < STEP_BEATS:
            return
        self._head = (self._head + 1) % N_SAMPLES
        self._count = min(self._count + 1, N_SAMPLES)
        self._poses[self._head] = positions_m
        self._beats[self._head] = now

    def recall(self, dancer: int, ago_beats: float, out: F32) -> bool:
        """Write into *out* (24, 3) the pose of *dancer* so long ago; whether that is known."""
        wanted = self._now - ago_beats
        for k in range(self._count - 1):
            after, before = (self._head - k) % N_SAMPLES, (self._head - k - 1) % N_SAMPLES
            if self._beats[before] <= wanted:
                gap = max(self._beats[after] - self._beats[before], 1e-6)
                share = np.float32(min((wanted - self._beats[before]) / gap, 1.0))
                np.subtract(self._poses[after, dancer], self._poses[before, dancer], out=out)
                out *= share
                out += self._poses[before, dancer]
                return True
        return False
