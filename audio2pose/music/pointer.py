"""The bar pointer: a forward filter over where in the bar, and in which tempo, the music is.

Shapes   G places of all bars (3 and 4 beats), n tempi of L hops a beat; rows: (G, NS) one circular row for each place and
         tempo, NS = sum(L); mass: (G, n) the rows' sums; head: (n,) where the rows begin now.
Threads  engine thread only; nothing is made here.
Source   Whiteley et al. 2006, Krebs et al. 2015 (bar pointer), Böck et al. 2014 (observation); circular rows our own.

Everything is divided by the likelihood of 'no beat here', so a hop that passes changes only states near a beat: rows
turn by moving the place where they begin, and the rest of the 28,000 states is not touched.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit

from audio2pose.arrays import F64, I64

METERS: I64 = np.array([3, 4])
METER_PRIOR: F64 = np.array([0.2, 0.8])
PLACE: I64 = np.concatenate([np.arange(m) for m in METERS]) + 1
METER: I64 = np.concatenate([np.full(m, m) for m in METERS])
FOLLOWING: I64 = np.concatenate([first + (np.arange(m) + 1) % m for first, m in zip(np.cumsum(METERS) - METERS, METERS)])
PLACE_PRIOR: F64 = np.concatenate([np.full(m, p / m) for m, p in zip(METERS, METER_PRIOR)])
N_PLACES = len(PLACE)
# Tempi further apart than this many steps of the grid never follow each other, but for octaves.
REACH = 10
STEP = 1.022
# read: what it writes, and how far around the peak it averages.
LENGTH, REST, PROBABILITY, GROUP, GROUP_PROBABILITY = range(5)
N_READ = 5
NEAR_HOPS, NEAR_TEMPI = 4, 3
# A phase far from the one told before must be so much likelier: between two that are equally likely none would be told.
SAME_PHASE = 10.0


def tempo_grid(min_bpm: float, max_bpm: float, hop_s: float) -> I64:
    """(n,) beat lengths in hops, about 2 % apart and at least one hop, short to long."""
    lengths = [math.floor(60.0 / (max_bpm * hop_s))]
    while lengths[-1] < 60.0 / (min_bpm * hop_s):
        lengths.append(max(lengths[-1] + 1, round(lengths[-1] * STEP)))
    return np.array(lengths, np.int64)


def tempo_change(lengths: I64, tempo_lambda: float) -> F64:
    """(n, n) probability that a beat of length i is followed by one of length j; each row's sum is 1."""
    width = np.gradient(np.log(lengths)) if len(lengths) > 1 else np.ones(1)
    ratio = lengths[None, :] / lengths[:, None]
    change = np.exp(-tempo_lambda * np.abs(ratio - 1.0)) * width[None, :]
    return np.asarray(change / change.sum(axis=1, keepdims=True))


def beat_share(tempo_prior: F64, lengths: I64, beat_hops: int) -> float:
    """How much of the time is a beat's first part where no more than *tempo_prior* (n,) is known."""
    return float((tempo_prior * beat_hops / lengths).sum())


def octaves(lengths: I64) -> I64:
    """(n, 2) index of the tempo half and twice as fast, -1 where there is none."""
    found = np.full((len(lengths), 2), -1, np.int64)
    for side, ratio in enumerate((2.0, 0.5)):
        nearest = np.abs(np.log(lengths[None, :] / (lengths[:, None] * ratio))).argmin(axis=1)
        close = np.abs(np.log(lengths[nearest] / (lengths * ratio))) < math.log(STEP)
        found[close, side] = nearest[close]
    return found


@njit(cache=True, nogil=True)
def spread(tempo_prior: F64, place_prior: F64, lengths: I64, first: I64, rows: F64, mass: F64) -> None:
    """Write into *rows* (G, NS) and *mass* (G, n) that nothing is known: every place and phase alike."""
    for g in range(place_prior.shape[0]):
        for i in range(lengths.shape[0]):
            mass[g, i] = tempo_prior[i] * place_prior[g]
            for k in range(first[i], first[i] + lengths[i]):
                rows[g, k] = mass[g, i] / lengths[i]


@njit(cache=True, nogil=True)
def turn(change: F64, octave: I64, octave_share: float, slip: float, afresh: float, favour: F64, following: I64,
         tempo_prior: F64, place_prior: F64, lengths: I64, first: I64, head: I64, enter: F64, rows: F64,
         mass: F64) -> float:  # fmt: skip
    """Let one hop pass: what ends a beat begins the next one, in *enter* (G, n), each tempo times its *favour* (n,).

    A share *afresh* of everything begins anew here, at any tempo: another song may have begun. Returns the total
    mass then, before the hop is weighed.
    """
    n_places, n = mass.shape
    before = 0.0
    for g in range(n_places):
        for i in range(n):
            before += mass[g, i]
            enter[g, i] = 0.0
    for i in range(n):
        head[i] = head[i] - 1 if head[i] > 0 else lengths[i] - 1
    least = 1e-13 * before
    for g in range(n_places):
        to = following[g]
        for i in range(n):
            leaving = rows[g, first[i] + head[i]]
            mass[g, i] -= leaving
            # Below this share a transition changes nothing that float64 could tell at a beat.
            if leaving > least:
                for j in range(max(0, i - REACH), min(n, i + REACH + 1)):
                    enter[to, j] += leaving * change[i, j]
                for side in range(2):
                    if octave[i, side] >= 0:
                        enter[to, octave[i, side]] += leaving * octave_share
    total = 0.0
    for j in range(n):
        arriving = 0.0
        for g in range(n_places):
            arriving += enter[g, j]
        for g in range(n_places):
            anew = afresh * before * tempo_prior[j] * place_prior[g]
            enter[g, j] = ((1.0 - slip) * enter[g, j] + slip * place_prior[g] * arriving + anew) * favour[j]
            total += mass[g, j] + enter[g, j]
    return total


@njit(cache=True, nogil=True)
def weigh(ratio: float, downbeat: float, other: float, beat_hops: int, place: I64, lengths: I64, first: I64, head: I64,
          enter: F64, rows: F64, mass: F64) -> float:  # fmt: skip
    """Put *enter* (G, n) in its place and weigh each beat's first *beat_hops* with the likelihood *ratio* of a beat.

    As many hops at any tempo: a share of the beat would make a slow one pay for hops in which nothing is heard.

    *downbeat* and *other* multiply it on the first beat of a bar and on the others. Returns the total mass after.
    """
    n_places, n = mass.shape
    after = 0.0
    for g in range(n_places):
        here = ratio * (downbeat if place[g] == 1 else other)
        for i in range(n):
            k = first[i] + head[i]
            end = first[i] + lengths[i]
            rows[g, k] = enter[g, i]
            gained = enter[g, i]
            for _ in range(beat_hops):
                v = rows[g, k]
                gained += v * (here - 1.0)
                rows[g, k] = v * here
                k += 1
                if k == end:
                    k = first[i]
            mass[g, i] = max(mass[g, i] + gained, 1e-300)
            after += mass[g, i]
    return after


@njit(cache=True, nogil=True)
def rescale(total: float, lengths: I64, first: I64, rows: F64, mass: F64) -> None:
    """Divide everything by *total* and sum *mass* anew, so that rounding does not pile up; nothing ever dies out."""
    for g in range(mass.shape[0]):
        for i in range(lengths.shape[0]):
            together = 0.0
            for k in range(first[i], first[i] + lengths[i]):
                rows[g, k] = max(rows[g, k] / total, 1e-30)
                together += rows[g, k]
            mass[g, i] = together


@njit(cache=True, nogil=True)
def read(
    told_hops: float,
    told_rest: float,
    stay: float,
    lengths: I64,
    first: I64,
    head: I64,
    rows: F64,
    mass: F64,
    tempo: F64,
    out: F64,
) -> None:
    """Write into *out* (5,) the passing beat's length and rest in hops, its probability, its place and that one's.

    A tempo far from *told_hops* must have *stay* times the mass to be told instead, a phase far from *told_rest* SAME_PHASE
    times; *tempo* (n,) gets each tempo's mass.
    """
    n_places, n = mass.shape
    total = 0.0
    for i in range(n):
        tempo[i] = 0.0
        for g in range(n_places):
            tempo[i] += mass[g, i]
        total += tempo[i]
    best = -1.0
    chosen = 0
    for i in range(n):
        here = tempo[i]
        if i > 0:
            here += 0.9 * tempo[i - 1]
        if i < n - 1:
            here += 0.9 * tempo[i + 1]
        if abs(lengths[i] - told_hops) < 0.15 * told_hops:
            here *= stay
        if here > best:
            best = here
            chosen = i
    best = -1.0
    peak = chosen
    since = 0
    for i in range(max(0, chosen - 1), min(n, chosen + 2)):
        k = first[i] + head[i]
        for p in range(lengths[i]):
            v = 0.0
            for g in range(n_places):
                v += rows[g, k]
            off = (lengths[i] - p - told_rest) / lengths[i]
            if abs(off - math.floor(off + 0.5)) < 0.12:
                v *= SAME_PHASE
            if v > best:
                best = v
                peak = i
                since = p
            k += 1
            if k == first[i] + lengths[i]:
                k = first[i]
    rest = lengths[peak] - since
    weight = 0.0
    mean_length = 0.0
    mean_rest = 0.0
    best = -1.0
    for g in range(n_places):
        here = 0.0
        for i in range(max(0, peak - NEAR_TEMPI), min(n, peak + NEAR_TEMPI + 1)):
            for r in range(rest - NEAR_HOPS, rest + NEAR_HOPS + 1):
                p = lengths[i] - r
                if 0 <= p < lengths[i]:
                    v = rows[g, first[i] + (p + head[i]) % lengths[i]]
                    here += v
                    mean_length += v * lengths[i]
                    mean_rest += v * r
        weight += here
        if here > best:
            best = here
            out[GROUP] = g
    out[LENGTH] = mean_length / weight
    out[REST] = mean_rest / weight
    out[PROBABILITY] = weight / total
    out[GROUP_PROBABILITY] = best / weight


@dataclass(frozen=True, slots=True, kw_only=True)
class PointerModel:
    """What the filter believes of music: how tempi and bars go on, how long the beat's first part is."""

    tempo_lambda: float
    beat_hops: int
    octave_share: float
    slip: float
    afresh: float


class Pointer:
    """The filter's state. After process: `reading` (5,) of LENGTH.. and `tempo` (n,), the mass of each tempo."""

    def __init__(self, model: PointerModel, lengths: I64) -> None:
        self._model = model
        self.lengths = lengths
        n = len(lengths)
        self.first: I64 = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        self._change = tempo_change(lengths, model.tempo_lambda)
        self.octave = octaves(lengths)
        width = np.gradient(np.log(lengths)) if n > 1 else np.ones(1)
        self.tempo_prior: F64 = np.asarray(width / width.sum(), np.float64)
        # How much of the time is a beat's first part where nothing is known.
        self.beat_share = beat_share(self.tempo_prior, lengths, model.beat_hops)
        self.head: I64 = np.zeros(n, np.int64)
        self.rows: F64 = np.zeros((N_PLACES, int(lengths.sum())))
        self.mass: F64 = np.zeros((N_PLACES, n))
        self._enter: F64 = np.zeros((N_PLACES, n))
        self.tempo: F64 = np.zeros(n)
        self.reading: F64 = np.zeros(N_READ)
        self.reset()

    def reset(self) -> None:
        """Every tempo and place is as likely as before any sound."""
        self.head.fill(0)
        self._hop = 0
        self._told_hops = 0.0
        self.tempo.fill(0)
        self.reading[:] = (self.lengths[len(self.lengths) // 2], 0.0, 0.0, 0.0, 0.0)
        spread(self.tempo_prior, PLACE_PRIOR, self.lengths, self.first, self.rows, self.mass)

    def told(self, length_hops: float) -> None:
        """A beat of *length_hops* is told from now on unless another tempo is much likelier."""
        self._told_hops = length_hops

    def process(self, ratio: float, downbeat: float, other: float, favour: F64, stay: float, trusted: bool = False) -> float:
        """One hop with the likelihood *ratio* of a beat here; *downbeat*, *other* times that by place, *favour* (n,) by tempo.

        The tempo told before stays unless another is *stay* times likelier; bars that are *trusted* are not begun anew.
        Returns the log evidence against 'no pulse at all'. Threads: engine.
        """
        m = self._model
        slip = 0.0 if trusted else m.slip
        self._hop += 1
        before = turn(
            self._change, self.octave, m.octave_share, slip, m.afresh, favour, FOLLOWING, self.tempo_prior, PLACE_PRIOR,
            self.lengths, self.first, self.head, self._enter, self.rows, self.mass,
        )  # fmt: skip
        after = weigh(
            ratio, downbeat, other, m.beat_hops, PLACE, self.lengths, self.first, self.head, self._enter, self.rows,
            self.mass,
        )  # fmt: skip
        gained = math.log(after / before) - math.log(1.0 + (ratio - 1.0) * self.beat_share)
        if not 1e-5 < after < 1e8 or self._hop % 256 == 0:
            rescale(after, self.lengths, self.first, self.rows, self.mass)
        told_rest = float(self.reading[REST]) - 1.0
        read(
            self._told_hops, told_rest, stay, self.lengths, self.first, self.head, self.rows, self.mass, self.tempo,
            self.reading,
        )  # fmt: skip
        self._told_hops = float(self.reading[LENGTH])
        return gained
