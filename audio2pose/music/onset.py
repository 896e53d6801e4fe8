"""Onset strength of one hop: how much louder five parts of the spectrum became, each against its own peak.

Shapes   bands: (B,) magnitudes; strength: (5,) each 0..1, low to high; activation: 0..1, all of them weighed together.
Threads  engine thread only.
Source   Böck and Widmer 2013 (flux against the neighbours' maximum two hops ago), split into five parts.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I64

# First band of each part and the end: to 165 Hz, 550 Hz, 1.7 kHz, 5.3 kHz, 15 kHz.
PART_START: I64 = np.array([0, 4, 12, 24, 36, 48])
N_PARTS = len(PART_START) - 1
# Share of each part in the activation: the low one carries the beat (+4 points of F with the split, measured).
PART_WEIGHT: F64 = np.array([1.5, 0.7, 1.0, 1.0, 1.3])
PEAK_HALF_LIFE_S, MEAN_HALF_LIFE_S = 3.5, 0.7
# A rise below this, in summed log10 magnitude, is taken for noise: it keeps silence from being normalised up to music.
SMALLEST_RISE = 0.02
LAST, BEFORE = 0, 1


@njit(cache=True, nogil=True)
def rise(bands: F32, start: I64, past: F64, part: F64) -> None:
    """Write into *part* (5,) how far log *bands* (B,) rose above their neighbourhood two hops ago; *past* (2, B) moves on."""
    n = bands.shape[0]
    for q in range(part.shape[0]):
        total = 0.0
        for k in range(start[q], start[q + 1]):
            before = past[BEFORE, k]
            if k > 0:
                before = max(before, past[BEFORE, k - 1])
            if k < n - 1:
                before = max(before, past[BEFORE, k + 1])
            total += max(math.log10(1.0 + bands[k]) - before, 0.0)
        part[q] = total
    for k in range(n):
        past[BEFORE, k] = past[LAST, k]
        past[LAST, k] = math.log10(1.0 + bands[k])


@njit(cache=True, nogil=True)
def normalise(part: F64, weight: F64, keep_mean: float, keep_peak: float, mean: F64, peak: F64, out: F32) -> float:
    """Write into *out* (5,) each *part* above its running *mean* over its running *peak*; return them weighed, 0..1.

    *peak* (6,) holds the parts' peaks and last that of their sum.
    """
    total = 0.0
    whole = 0.0
    for q in range(part.shape[0]):
        mean[q] += (1.0 - keep_mean) * (part[q] - mean[q])
        above: float = max(part[q] - 1.2 * mean[q], 0.0)
        fallen = float(peak[q] * keep_peak)
        peak[q] = max(above, fallen, SMALLEST_RISE)
        out[q] = above / peak[q]
        total += weight[q] * out[q]
        whole += weight[q]
    total /= whole
    last = part.shape[0]
    fallen = float(peak[last] * keep_peak)
    peak[last] = max(total, fallen, 0.05)
    return float(total / peak[last])


class Onset:
    """Running onset strength. After process: `strength` (5,) and `activation`, both 0..1."""

    def __init__(self, hop_s: float, n_bands: int) -> None:
        self._keep_mean = 0.5 ** (hop_s / MEAN_HALF_LIFE_S)
        self._keep_peak = 0.5 ** (hop_s / PEAK_HALF_LIFE_S)
        self._past: F64 = np.zeros((2, n_bands))
        self._part: F64 = np.zeros(N_PARTS)
        self._mean: F64 = np.zeros(N_PARTS)
        self._peak: F64 = np.zeros(N_PARTS + 1)
        self.strength: F32 = np.zeros(N_PARTS, np.float32)
        self.activation = 0.0

    def reset(self) -> None:
        """Forget all sound."""
        for state in (self._past, self._part, self._mean, self._peak, self.strength):
            state.fill(0)
        self.activation = 0.0

    def process(self, bands: F32) -> float:
        """Activation of the hop whose spectrum has these *bands* (B,). Threads: engine."""
        rise(bands, PART_START, self._past, self._part)
        self.activation = normalise(
            self._part, PART_WEIGHT, self._keep_mean, self._keep_peak, self._mean, self._peak, self.strength
        )
        return self.activation
