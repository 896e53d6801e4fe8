"""Bars: which of the beats is the downbeat, told by what is new in the sound, for bars of 3 and 4 beats.

The same novelty tells on-beat from off-beat: an off-beat bass can be louder than the beat, but chords change on the beat.

Shapes   bands: (B,) magnitudes; places: (G,) all places of all bars, 3 then 4; likelihood: (G,), sum 1.
Threads  engine thread only.
Source   our own: new notes and chords come on the downbeat; a beat that repeats the last bar brings nothing new.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I64

METERS: I64 = np.array([3, 4])
METER_PRIOR: F64 = np.array([0.2, 0.8])
N_PLACES = int(METERS.sum())
PLACE: I64 = np.concatenate([np.arange(m) for m in METERS]) + 1
METER: I64 = np.concatenate([np.full(m, m) for m in METERS])
PRIOR: F64 = np.concatenate([np.full(m, p / m) for m, p in zip(METERS, METER_PRIOR)])
# A beat in fifty does not follow its forerunner: one was missed, or the song itself starts a bar anew.
SLIP = 0.02
# Novelty is summed from 40 Hz to 3.3 kHz: hi-hats repeat and tell nothing of the bar.
N_NOVELTY_BANDS = 30
# The past begins this long ago, so that an onset is not hidden by its own attack.
ATTACK_HOPS = 5
# How fast the past is forgotten, in log10 of magnitude a second.
FORGET_A_S = 0.3
# A beat's novelty is the greatest from this long before to this long after it.
BEFORE_S, AFTER_S = 0.03, 0.10
MEAN_HALF_LIFE_BEATS = 8.0
# Beats lie off the beat where twice as much is new half a beat later, for this many beats and with this half-life.
OFF_BEAT_RATIO, OFF_BEAT_BEATS, OFF_BEAT_HALF_LIFE_BEATS = 1.8, 16, 10.0
# log likelihood ratio of a downbeat: SLOPE * (novelty over its mean - MIDDLE), the first at most MOST.
SLOPE, MIDDLE, MOST = 0.6, 1.5, 3.0


def transitions() -> F64:
    """(G, G) probability that place i is followed by place j."""
    follow = np.zeros((N_PLACES, N_PLACES))
    for i in range(N_PLACES):
        last = PLACE[i] == METER[i]
        follow[i, i + 1 - METER[i] if last else i + 1] = 1.0
    return (1.0 - SLIP) * follow + SLIP * PRIOR[None, :]


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


def downbeat_log_ratio(beat_novelty: float, mean: float) -> float:
    """How much likelier a downbeat is than another beat at which so much is new; *mean* is that of the beats before."""
    return SLOPE * (min(beat_novelty / max(mean, 1e-3), MOST) - MIDDLE)


class BarCounter:
    """Novelty and committed beats in; `place` and `meter` of each committed beat out."""

    def __init__(self, hop_s: float) -> None:
        self._forget = FORGET_A_S * hop_s
        self._keep_mean = 0.5 ** (1.0 / MEAN_HALF_LIFE_BEATS)
        self._keep_off_beat = 0.5 ** (1.0 / OFF_BEAT_HALF_LIFE_BEATS)
        self._recent: F64 = np.zeros((ATTACK_HOPS, N_NOVELTY_BANDS))
        self._past: F64 = np.zeros(N_NOVELTY_BANDS)
        self._transitions = transitions()
        self.likelihood: F64 = PRIOR.copy()
        self.reset()

    def reset(self) -> None:
        """Forget all sound and all beats."""
        self._recent.fill(0)
        self._past.fill(0)
        self.likelihood[:] = PRIOR
        self._hop = 0
        self._beat_s = self._half_s = -math.inf
        self._at_beat = self._at_half = 0.0
        self._mean = 0.0
        self._n_beats = 0
        self._forget_off_beat()
        self.novelty = 0.0
        self.place = 0
        self.meter = 0

    def listen(self, bands: F32, now_s: float) -> float:
        """Novelty of the hop that ends at *now_s* with these *bands* (B,). Threads: engine."""
        self.novelty = novelty(self._hop, bands, self._forget, self._recent, self._past)
        self._hop += 1
        if self._beat_s - BEFORE_S <= now_s <= self._beat_s + AFTER_S:
            self._at_beat = max(self._at_beat, self.novelty)
        if self._half_s - BEFORE_S <= now_s <= self._half_s + AFTER_S:
            self._at_half = max(self._at_half, self.novelty)
        return self.novelty

    def _forget_off_beat(self) -> None:
        self._on, self._off = 0.0, 0.0
        self._n_weighed = 0

    def off_beat(self) -> bool:
        """Whether the beats lie half a beat off; once it was told, it is weighed anew. Threads: engine."""
        off = self._n_weighed >= OFF_BEAT_BEATS and self._off > OFF_BEAT_RATIO * self._on
        if off:
            self._forget_off_beat()
        return off

    def count(self, beat_s: float, period_s: float) -> None:
        """Weigh what was new at the last beat, then step on to the one committed for *beat_s*. Threads: engine."""
        if self._n_beats > 0:
            likelihood = self.likelihood
            if self._mean > 0.0:
                likelihood[PLACE == 1] *= math.exp(downbeat_log_ratio(self._at_beat, self._mean))
            keep = min(self._keep_mean, self._n_beats / (self._n_beats + 1.0))
            self._mean = keep * self._mean + (1.0 - keep) * self._at_beat
            self._on = self._keep_off_beat * self._on + self._at_beat
            self._off = self._keep_off_beat * self._off + self._at_half
            self._n_weighed += 1
            # Beats that were not told, in a breakdown, have passed all the same.
            for _ in range(min(max(1, round((beat_s - self._beat_s) / period_s)), 16)):
                likelihood[:] = (likelihood[:, None] * self._transitions).sum(axis=0)
            likelihood /= likelihood.sum()
        self._n_beats += 1
        self._beat_s, self._half_s = beat_s, beat_s + 0.5 * period_s
        self._at_beat = self._at_half = 0.0
        best = int(self.likelihood.argmax())
        self.place, self.meter = int(PLACE[best]), int(METER[best])


def places_of(beat_novelty: F64) -> I64:
    """Most likely place of each beat, given what is new at each (B,): Viterbi over whole bars."""
    n = len(beat_novelty)
    places = np.zeros(n, np.int64)
    if n == 0:
        return places
    log_follow = np.log(transitions())
    mean = float(beat_novelty.mean())
    best = np.log(PRIOR)
    came = np.zeros((n, N_PLACES), np.int64)
    for k in range(n):
        if k > 0:
            ways = best[:, None] + log_follow
            came[k] = ways.argmax(axis=0)
            best = ways.max(axis=0)
        best = best + np.where(PLACE == 1, downbeat_log_ratio(float(beat_novelty[k]), mean), 0.0)
    state = int(best.argmax())
    for k in range(n - 1, -1, -1):
        places[k] = PLACE[state]
        state = int(came[k, state])
    return places
