"""Bars without the network: new notes and chords come on the downbeat, a beat that repeats the last bar brings nothing new.

Shapes   bands: (B,) magnitudes; downbeat: (N,) probability that each beat, if it is one, is a downbeat; places: from 1.
Threads  engine thread only.
Source   our own.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I64
from audio2pose.music.pointer import FOLLOWING, METER_PRIOR, METERS, N_PLACES, PLACE, PLACE_PRIOR

DOWNBEAT_PRIOR = float((METER_PRIOR / METERS).sum())
# Novelty is summed from 40 Hz to 3.3 kHz: hi-hats repeat and tell nothing of the bar.
N_NOVELTY_BANDS = 30
# The past begins this long ago, so that an onset is not hidden by its own attack.
ATTACK_HOPS = 5
# How fast the past is forgotten, in log10 of magnitude a second.
FORGET_A_S = 0.3
# Novelty is told against its mean over the onsets of the last seconds.
MEAN_HALF_LIFE_S = 4.0
# log likelihood ratio of a downbeat: SLOPE * (novelty over its mean - MIDDLE), the first at most MOST.
SLOPE, MIDDLE, MOST = 0.6, 1.5, 3.0


@njit(cache=True, nogil=True)
def novelty(t: int, bands: F32, forget: float, recent: F64, past: F64) -> float:
    """How far log *bands* (B,) reach above *past* (B',); *recent* (ATTACK_HOPS, B') is a ring of the hops before it."""
    total = 0.0
    row = t % recent.shape[0]
    for k in range(past.shape[0]):
        past[k] = max(recent[row, k], past[k] - forget)
        level = math.log10(1.0 + bands[k])
        total += max(level - past[k], 0.0)
        recent[row, k] = level
    return total


def downbeat_probability(beat_novelty: float, mean: float) -> float:
    """How likely a beat is a downbeat at which so much is new; *mean* is that of the beats before."""
    if mean <= 0.0:
        return DOWNBEAT_PRIOR
    ratio = math.exp(SLOPE * (min(beat_novelty / mean, MOST) - MIDDLE)) * DOWNBEAT_PRIOR / (1.0 - DOWNBEAT_PRIOR)
    return ratio / (1.0 + ratio)


class Novelty:
    """Bands in; how likely the hop, if it is a beat, is a downbeat, out."""

    def __init__(self, hop_s: float) -> None:
        self._forget = FORGET_A_S * hop_s
        self._share = 1.0 - 0.5 ** (hop_s / MEAN_HALF_LIFE_S)
        self._recent: F64 = np.zeros((ATTACK_HOPS, N_NOVELTY_BANDS))
        self._past: F64 = np.zeros(N_NOVELTY_BANDS)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        self._recent.fill(0)
        self._past.fill(0)
        self._hop = 0
        self._sum = self._weight = 0.0

    def process(self, bands: F32, onset: float) -> float:
        """Probability of a downbeat after the hop with these *bands* (B,) and onset strength *onset*. Threads: engine."""
        new = novelty(self._hop, bands, self._forget, self._recent, self._past)
        self._hop += 1
        mean = self._sum / self._weight if self._weight > 0.0 else 0.0
        self._sum += self._share * (onset * new - self._sum)
        self._weight += self._share * (onset - self._weight)
        return downbeat_probability(new, mean)


def places_of(downbeat: F64, slip: float) -> I64:
    """Most likely place of each beat, given how likely each is a downbeat (N,): Viterbi over whole bars."""
    n = len(downbeat)
    places = np.zeros(n, np.int64)
    if n == 0:
        return places
    follow = np.zeros((N_PLACES, N_PLACES))
    follow[np.arange(N_PLACES), FOLLOWING] = 1.0
    log_follow = np.log((1.0 - slip) * follow + slip * PLACE_PRIOR[None, :])
    p = np.clip(downbeat, 1e-3, 1.0 - 1e-3)
    first, other = np.log(p / DOWNBEAT_PRIOR), np.log((1.0 - p) / (1.0 - DOWNBEAT_PRIOR))
    best = np.log(PLACE_PRIOR)
    came = np.zeros((n, N_PLACES), np.int64)
    for k in range(n):
        if k > 0:
            ways = best[:, None] + log_follow
            came[k] = ways.argmax(axis=0)
            best = ways.max(axis=0)
        best = best + np.where(PLACE == 1, first[k], other[k])
    state = int(best.argmax())
    for k in range(n - 1, -1, -1):
        places[k] = PLACE[state]
        state = int(came[k, state])
    return places
