"""Beats as they come: a beat-pointer forward filter over onset activations, that commits each beat before it happens.

Shapes   state: n tempi x hops since the beat, one circular row for each tempo, NS = sum(lengths) in all.
Threads  engine thread only; the kernels need no heap. A better tracker fits behind the same reset / process.
Source   Whiteley et al. 2006, Krebs et al. 2015 (pointer); Böck et al. 2014 (observation); circular rows are our own.

Everything is divided by the likelihood of 'no beat here', so a hop that passes changes only states near a beat: rows
turn by moving the place where they begin, and the rest of the 4,000 states is not touched.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I64, Record
from audio2pose.config import BeatConfig
from audio2pose.music.bar import BarCounter

BEAT_STATE = np.dtype(
    [
        ("committed", np.bool_),  # a beat was committed in this hop
        ("beat_s", np.float64),  # its stream time
        ("position", np.int64),  # its place in the bar, 1 is the downbeat
        ("meter", np.int64),  # beats in that bar
        ("locked", np.bool_),  # evidence stands above the gate
        ("tempo_bpm", np.float64),
        ("next_beat_s", np.float64),  # stream time at which the next beat is expected now
        ("phase", np.float64),  # 0..1 since the last beat
        ("confidence", np.float64),  # 0..1
        ("novelty", np.float64),  # what is new in this hop, for bars
        ("evidence", np.float64),  # nats a second above 'no pulse at all'
    ]
)

# The window's middle and the flux's two hops: an onset is seen this much after it happened (measured on music).
ONSET_DELAY_S = 0.016
LEAST_ACTIVATION, MOST_ACTIVATION = 0.005, 0.97
NEAR_HOPS = 4
# A beat is told no later than this before it happens; one that turns up later by less than the slack is told late by
# as much, one still later is left out.
LEAST_AHEAD_S, SLACK_S = 0.060, 0.030
# Of beats told with all probability in one place, exp(CERTAIN) to one were right; fitted on 4,600 beats of 43 songs.
CERTAIN, SHARPNESS = 2.0, 3.8
# Nats a second before anything was heard: what noise and crowds stay at (-9 to -13), music stands above -5.
NO_EVIDENCE = -9.0


def tempo_grid(config: BeatConfig, hop_s: float) -> I64:
    """(n,) beat lengths in hops, about 2 % apart and at least one hop, short to long."""
    lengths = [math.floor(60.0 / (config.max_bpm * hop_s))]
    while lengths[-1] < 60.0 / (config.min_bpm * hop_s):
        lengths.append(max(lengths[-1] + 1, round(lengths[-1] * 1.022)))
    return np.array(lengths, np.int64)


def tempo_change(lengths: I64, tempo_lambda: float) -> F64:
    """(n, n) probability that a beat of length i is followed by one of length j; each row's sum is 1."""
    width = np.gradient(np.log(lengths))
    ratio = lengths[None, :] / lengths[:, None]
    change = np.exp(-tempo_lambda * np.abs(ratio - 1.0)) * width[None, :]
    return np.asarray(change / change.sum(axis=1, keepdims=True))


@njit(cache=True, nogil=True)
def spread(tempo_prior: F64, lengths: I64, first: I64, rows: F64, mass: F64) -> None:
    """Write into *rows* (NS,) and *mass* (n,) that nothing is known: every phase alike."""
    for i in range(lengths.shape[0]):
        mass[i] = tempo_prior[i]
        for p in range(lengths[i]):
            rows[first[i] + p] = tempo_prior[i] / lengths[i]


@njit(cache=True, nogil=True)
def advance(
    t: int, activation: float, half_share: float, observation_lambda: float, change: F64, lengths: I64, first: I64,
    enter: F64, rows: F64, mass: F64,
) -> float:  # fmt: skip
    """Move the filter to hop *t* and weigh it with what was heard; return the log evidence against 'no pulse at all'.

    *enter* (n,) is scratch.
    """
    n = lengths.shape[0]
    before = mass.sum()
    enter[:] = 0.0
    for i in range(n):
        leaving = rows[first[i] + (-t) % lengths[i]]
        mass[i] -= leaving
        # Below this share a transition changes nothing that float64 could tell at a beat.
        if leaving > 1e-13 * before:
            for j in range(n):
                enter[j] += leaving * change[i, j]
    ratio = activation / ((1.0 - activation) / (observation_lambda - 1.0))
    # Half of the way to the next beat there may be an onset too: a slow tempo must not lose to its double for that.
    between = 1.0 - half_share + half_share * ratio
    after = 0.0
    for i in range(n):
        rows[first[i] + (-t) % lengths[i]] = enter[i]
        gained = enter[i]
        half = lengths[i] // 2
        p = 0
        while p * observation_lambda < lengths[i]:
            k = first[i] + (p - t) % lengths[i]
            gained += rows[k] * (ratio - 1.0)
            rows[k] *= ratio
            k = first[i] + (half + p - t) % lengths[i]
            gained += rows[k] * (between - 1.0)
            rows[k] *= between
            p += 1
        mass[i] = max(mass[i] + gained, 1e-300)
        after += mass[i]
    if after < 1e-5 or after > 1e8 or t % 256 == 0:
        rescale(after, lengths, first, rows, mass)
    return math.log(after / before) - math.log(1.0 + (ratio + between - 2.0) / observation_lambda)


@njit(cache=True, nogil=True)
def rescale(total: float, lengths: I64, first: I64, rows: F64, mass: F64) -> None:
    """Divide everything by *total* and sum *mass* anew, so that rounding does not pile up; nothing ever dies out."""
    for i in range(lengths.shape[0]):
        together = 0.0
        for k in range(first[i], first[i] + lengths[i]):
            rows[k] = max(rows[k] / total, 1e-30)
            together += rows[k]
        mass[i] = together


@njit(cache=True, nogil=True)
def turn_half(t: int, lengths: I64, first: I64, row: F64, rows: F64) -> None:
    """Move every state of *rows* (NS,) by half a beat; *row* (longest,) is scratch."""
    for i in range(lengths.shape[0]):
        n = lengths[i]
        for p in range(n):
            row[(p + n // 2) % n] = rows[first[i] + (p - t) % n]
        for p in range(n):
            rows[first[i] + (p - t) % n] = row[p]


@njit(cache=True, nogil=True)
def read(t: int, lengths: I64, first: I64, rows: F64, mass: F64, out: F64) -> None:
    """Write into *out* (3,) the passing beat's length and rest in hops, and its probability."""
    n = lengths.shape[0]
    total = 0.0
    best = -1.0
    tempo = 0
    for i in range(n):
        total += mass[i]
        here = mass[i]
        if i > 0:
            here += 0.9 * mass[i - 1]
        if i < n - 1:
            here += 0.9 * mass[i + 1]
        if here > best:
            best = here
            tempo = i
    best = -1.0
    peak = tempo
    since = 0
    for i in range(max(0, tempo - 1), min(n, tempo + 2)):
        for p in range(lengths[i]):
            v = rows[first[i] + (p - t) % lengths[i]]
            if v > best:
                best = v
                peak = i
                since = p
    rest = lengths[peak] - since
    weight = 0.0
    mean_length = 0.0
    mean_rest = 0.0
    for i in range(max(0, peak - 3), min(n, peak + 4)):
        for r in range(rest - NEAR_HOPS, rest + NEAR_HOPS + 1):
            p = lengths[i] - r
            if 0 <= p < lengths[i]:
                v = rows[first[i] + (p - t) % lengths[i]]
                weight += v
                mean_length += v * lengths[i]
                mean_rest += v * r
    out[0] = mean_length / weight
    out[1] = mean_rest / weight
    out[2] = weight / total


class BeatTracker:
    """Activations in, committed beats out. A beat is told at least 60 ms ahead and never taken back."""

    def __init__(self, config: BeatConfig, hop_s: float) -> None:
        self._config = config
        self._hop_s = hop_s
        self._lengths = tempo_grid(config, hop_s)
        self._first: I64 = np.concatenate([[0], np.cumsum(self._lengths)[:-1]]).astype(np.int64)
        self._change = tempo_change(self._lengths, config.tempo_lambda)
        prior = np.gradient(np.log(self._lengths))
        self._tempo_prior: F64 = np.asarray(prior / prior.sum(), np.float64)
        self._rows: F64 = np.zeros(int(self._lengths.sum()))
        self._mass: F64 = np.zeros(len(self._lengths))
        self._enter: F64 = np.zeros(len(self._lengths))
        self._row: F64 = np.zeros(int(self._lengths[-1]))
        self._bar = BarCounter(hop_s)
        self._read: F64 = np.zeros(3)
        self._keep_evidence = 0.5 ** (hop_s / config.evidence_half_life_s)
        self._states = np.zeros(1, BEAT_STATE)
        self.state: Record = self._states[0]
        self.reset()

    def reset(self) -> None:
        """Forget all sound and count hops from 0 again."""
        self._hop = 0
        self._last_beat_s = -math.inf
        self._quiet_hops = 0
        self._evidence = NO_EVIDENCE
        self._locked = False
        self._forget()
        self._bar.reset()
        self._states[:] = 0

    def _forget(self) -> None:
        spread(self._tempo_prior, self._lengths, self._first, self._rows, self._mass)

    def process(self, activation: float, bands: F32, sounding: bool) -> Record:
        """State after one more hop with onset *activation* 0..1 and the *bands* (B,) that tell of bars.

        *sounding* is False where the level says that there is no music: nothing is committed then. Threads: engine.
        """
        config, state = self._config, self.state
        self._hop += 1
        now_s = self._hop * self._hop_s
        clipped = min(max(activation, LEAST_ACTIVATION), MOST_ACTIVATION)
        gained = advance(
            self._hop, clipped, config.half_share, config.observation_lambda, self._change,
            self._lengths, self._first, self._enter, self._rows, self._mass,
        )  # fmt: skip
        state["novelty"] = self._bar.listen(bands, now_s - ONSET_DELAY_S)
        self._evidence += (1.0 - self._keep_evidence) * (gained / self._hop_s - self._evidence)
        self._quiet_hops = self._quiet_hops + 1 if activation < 0.08 else 0
        alive = self._quiet_hops * self._hop_s < config.forget_s
        if not alive:
            if self._locked:
                self._forget()
            self._locked = False
            self._evidence = NO_EVIDENCE
        gate = config.evidence_off if self._locked else config.evidence_on
        read(self._hop, self._lengths, self._first, self._rows, self._mass, self._read)
        length_s, rest_s = self._read[0] * self._hop_s, self._read[1] * self._hop_s
        next_s = now_s + rest_s - ONSET_DELAY_S
        state["committed"] = False
        if next_s - now_s <= config.commit_ahead_s and next_s - self._last_beat_s > config.least_gap_beats * length_s:
            in_time = next_s - now_s >= LEAST_AHEAD_S - SLACK_S
            next_s = max(next_s, now_s + LEAST_AHEAD_S)
            self._last_beat_s = next_s
            self._locked = alive and sounding and self._evidence >= gate
            if self._locked and in_time:
                state["committed"] = True
                state["beat_s"] = next_s
                self._bar.count(next_s, length_s)
                if self._bar.off_beat():
                    turn_half(self._hop, self._lengths, self._first, self._row, self._rows)
        state["position"], state["meter"] = self._bar.place, self._bar.meter
        state["locked"] = self._locked
        state["tempo_bpm"] = 60.0 / length_s
        state["next_beat_s"] = next_s
        state["phase"] = min(max(1.0 - rest_s / length_s, 0.0), 1.0)
        state["confidence"] = 1.0 / (1.0 + math.exp(-CERTAIN) * max(float(self._read[2]), 1e-3) ** -SHARPNESS)
        state["evidence"] = self._evidence
        return state
