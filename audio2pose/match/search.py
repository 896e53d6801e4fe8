"""The search: what each segment would cost as the next one, term by term, and the cheapest few of them.

Shapes   S segments, C clips, J join joints, T terms; best, best_cost: (k,). The library's arrays come as two tuples.
Order    What a segment costs by itself is cheap to tell and told for all; the join, nine joints and their speeds, only for
         those that may still win, and only as far as they may: the answer is the exact one.
Threads  engine thread; the kernels work without heap or GIL on arrays they are given.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I32, I64, U8

TERMS: tuple[str, ...] = (
    "energy", "music", "tempo", "pose", "velocity", "contact", "repetition", "phrase", "stage", "style", "threshold", "chance",
)  # fmt: skip
ENERGY, MUSIC, TEMPO, POSE, VELOCITY, CONTACT, REPETITION, PHRASE, STAGE, STYLE, THRESHOLD, CHANCE = range(len(TERMS))
POSE_SCALE_M = 0.25
VELOCITY_SCALE_M_S = 1.5
STEP_SCALE_M = 0.20
"""A standing foot this far from where the new segment stands on it costs a term of one."""
OUT_OF_RANGE, UNFIT = 25.0, 2.0
"""A tempo that no body follows; one that its author did not mean the phrase for."""
OTHER_LEVEL = 0.35
KIN_SHARE = 0.6
"""How much of a phrase's own repetition its mirror image counts for."""
OTHER_STYLE, FOREIGN_STYLE = 0.5, 8.0
IN_BAR, IN_PHRASE, OFF_BAR, OTHER_METER = 1.0, 0.3, 2.0, 2.0
"""A phrase begun in the middle of a bar, at a later bar of its own, against the music's bar, or in another metre."""
LEFT_ANKLE, RIGHT_ANKLE = 3, 4  # among the join joints
IDLE_BIT = 1


class Segments(NamedTuple):
    """The library's segments (S, ...)."""

    clip: I32
    beat: I32
    pose: F32
    velocity: F32
    contact: F32
    descriptor: F32
    travel: F32


class Clips(NamedTuple):
    """The library's clips (C, ...)."""

    bpm: F32
    tempo: F32
    style: I32
    kin: I32
    flags: U8
    phrase: I32
    meter: U8


class Wanted(NamedTuple):
    """What a query asks, as the kernels take it."""

    pose: F64  # (J, 3)
    velocity: F64  # (J, 3)
    contact: F64  # (2,)
    music: F64  # (4,)
    stage_xz: F64  # (2,)
    tempo_bpm: float
    beats: float
    idle: int
    style: int
    last_style: int
    going_on_clip: int
    going_on_beat: int
    place: int
    meter: int
    news: float
    seed: int
    cut: int


class Limits(NamedTuple):
    """What stays the same from query to query."""

    weights: F64  # (T,)
    music_weights: F64  # (4,) of which the first is not used
    low: float
    high: float
    threshold_bpm: float
    memory_beats: float


@njit(cache=True, nogil=True)
def octave(ratio: float, low: float, high: float) -> float:
    """The factor of 0.5, 1 or 2 that brings *ratio* into, or nearest to, [low, high]; 1 wins a tie."""
    best, best_miss = 1.0, 1e9
    for factor in (1.0, 0.5, 2.0):
        r = ratio * factor
        miss = max(math.log(low / r), math.log(r / high), 0.0)
        if miss < best_miss - 1e-9:
            best, best_miss = factor, miss
    return best


@njit(cache=True, nogil=True)
def suits(clips: Clips, c: int, low: float, high: float) -> tuple[float, float]:
    """The slowest and the fastest rate at which clip *c* is still itself, within what the dancer allows."""
    slow, fast = low, high
    if clips.tempo[c, 1] > 0.0:
        slow, fast = max(low, clips.tempo[c, 0] / clips.bpm[c]), min(high, clips.tempo[c, 1] / clips.bpm[c])
    return slow, fast


@njit(cache=True, nogil=True)
def level_of(clips: Clips, c: int, tempo_bpm: float, low: float, high: float) -> float:
    """Whether clip *c* is danced to music of *tempo_bpm* beat for beat (1), at half (0.5) or at double time (2)."""
    slow, fast = suits(clips, c, low, high)
    return octave(tempo_bpm / clips.bpm[c], slow, fast)


@njit(cache=True, nogil=True)
def chance(seed: np.uint64, cut: np.uint64, segment: np.uint64) -> float:
    """A number in 0..1 that depends on its arguments alone (splitmix64), so that a dance can be repeated."""
    x = seed * np.uint64(0x9E3779B97F4A7C15) + cut * np.uint64(0xBF58476D1CE4E5B9) + segment + np.uint64(0x632BE59BD9B4E019)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def freshness(now_beats: float, used_beats: float, memory_beats: float) -> float:
    """1 for what was danced just now, 0 for what was danced *memory_beats* ago or never."""
    return max(1.0 - max(now_beats - used_beats, 0.0) / memory_beats, 0.0)


@njit(cache=True, nogil=True)
def of_clips(clips: Clips, wanted: Wanted, limits: Limits, used_beats: F64, kin_used: F64, own: F64) -> None:
    """Write into *own* (C, 6) level, rate and the terms that a whole clip shares: tempo, repetition, style, threshold.

    A clip that may not be danced now gets level 0. *kin_used* (C,) is scratch.
    """
    w = limits.weights
    kin_used.fill(0.0)
    for c in range(clips.kin.shape[0]):
        used = freshness(wanted.beats, used_beats[c], limits.memory_beats)
        kin_used[clips.kin[c]] = max(kin_used[clips.kin[c]], used)
    span = math.log2(limits.high)
    for c in range(clips.kin.shape[0]):
        if ((clips.flags[c] >> IDLE_BIT) & 1) != wanted.idle:
            own[c, 0] = 0.0
            continue
        slow, fast = suits(clips, c, limits.low, limits.high)
        level = octave(wanted.tempo_bpm / clips.bpm[c], slow, fast)
        rate = level * wanted.tempo_bpm / clips.bpm[c]
        tempo = (math.log2(rate) / span) ** 2 + (0.0 if level == 1.0 else OTHER_LEVEL)
        if rate < limits.low * 0.999 or rate > limits.high * 1.001:
            tempo += OUT_OF_RANGE
        elif rate < slow * 0.999 or rate > fast * 1.001:
            tempo += UNFIT
        used = freshness(wanted.beats, used_beats[c], limits.memory_beats)
        off_style = 0.0
        if wanted.style >= 0:
            off_style = FOREIGN_STYLE if clips.style[c] != wanted.style else 0.0
        elif wanted.last_style >= 0 and clips.style[c] != wanted.last_style:
            off_style = OTHER_STYLE * (1.0 - wanted.news)
        own[c, 0], own[c, 1] = level, rate
        own[c, 2] = w[TEMPO] * tempo
        own[c, 3] = w[REPETITION] * max(used, KIN_SHARE * kin_used[clips.kin[c]])
        own[c, 4] = w[STYLE] * off_style
        own[c, 5] = OUT_OF_RANGE if 0.0 < limits.threshold_bpm < abs(wanted.tempo_bpm * level - clips.bpm[c]) else 0.0


@njit(cache=True, nogil=True)
def _phrase(segments: Segments, clips: Clips, s: int, level: float, wanted: Wanted) -> float:
    c, beat = segments.clip[s], segments.beat[s]
    if c == wanted.going_on_clip and beat == wanted.going_on_beat:
        return wanted.news
    meter = max(int(clips.meter[c]), 1)
    cost = 0.0
    if beat % clips.phrase[c] != 0:
        cost = IN_PHRASE if beat % meter == 0 else IN_BAR
    if wanted.meter > 1 and wanted.idle == 0:
        if meter != wanted.meter:
            cost += OTHER_METER
        elif level == 1.0 and beat % meter != wanted.place:
            cost += OFF_BAR
    return cost


@njit(cache=True, nogil=True)
def alone(
    segments: Segments, clips: Clips, wanted: Wanted, limits: Limits, own: F64, s: int, terms: F64,
) -> float:  # fmt: skip
    """Write the weighted terms of segment *s* that need no join into *terms* (T,), 0 in the others; return their sum."""
    w, c = limits.weights, segments.clip[s]
    music = 0.0
    for d in range(1, wanted.music.shape[0]):
        e = segments.descriptor[s, d] - wanted.music[d]
        music += limits.music_weights[d] * e * e
    e = segments.descriptor[s, 0] - wanted.music[0]
    x, z = wanted.stage_xz[0] + segments.travel[s, 0], wanted.stage_xz[1] + segments.travel[s, 1]
    terms[ENERGY] = w[ENERGY] * e * e
    terms[MUSIC] = w[MUSIC] * music
    terms[TEMPO] = own[c, 2]
    terms[POSE] = terms[VELOCITY] = terms[CONTACT] = 0.0
    terms[REPETITION] = own[c, 3]
    terms[PHRASE] = w[PHRASE] * _phrase(segments, clips, s, own[c, 0], wanted)
    terms[STAGE] = w[STAGE] * (x * x + z * z)
    terms[STYLE] = own[c, 4]
    terms[THRESHOLD] = own[c, 5]
    terms[CHANCE] = w[CHANCE] * 4.0 * (0.5 - chance(np.uint64(wanted.seed), np.uint64(wanted.cut), np.uint64(s)))
    total = 0.0
    for t in range(terms.shape[0]):
        total += terms[t]
    return total


@njit(cache=True, nogil=True)
def join(segments: Segments, wanted: Wanted, weights: F64, rate: float, s: int, room: float, terms: F64) -> float:
    """Write the weighted terms of the join to segment *s*; return their sum, or what it has come to once above *room*."""
    terms[POSE] = terms[VELOCITY] = terms[CONTACT] = 0.0
    if segments.clip[s] == wanted.going_on_clip and segments.beat[s] == wanted.going_on_beat:
        return 0.0
    pose, velocity = segments.pose[s], segments.velocity[s]
    J = pose.shape[0]
    share, lasting, apart = 0.0, 0.0, 1.0
    for f in range(2):
        there, wants = float(segments.contact[s, f]), wanted.contact[f]
        share += 0.5 * (there - wants) * (there - wants)
        lasting = max(lasting, there * wants)
        apart *= there * wants
    x = (pose[LEFT_ANKLE, 0] - pose[RIGHT_ANKLE, 0]) - (wanted.pose[LEFT_ANKLE, 0] - wanted.pose[RIGHT_ANKLE, 0])
    z = (pose[LEFT_ANKLE, 2] - pose[RIGHT_ANKLE, 2]) - (wanted.pose[LEFT_ANKLE, 2] - wanted.pose[RIGHT_ANKLE, 2])
    share += 1.0 - lasting + apart * (x * x + z * z) / (STEP_SCALE_M * STEP_SCALE_M)
    terms[CONTACT] = weights[CONTACT] * share
    total = terms[CONTACT]
    kp = weights[POSE] / (J * POSE_SCALE_M * POSE_SCALE_M)
    kv = weights[VELOCITY] / (J * VELOCITY_SCALE_M_S * VELOCITY_SCALE_M_S)
    for j in range(J):
        if total > room:
            return total
        a, b = 0.0, 0.0
        for i in range(3):
            e = pose[j, i] - wanted.pose[j, i]
            a += e * e
            e = velocity[j, i] * rate - wanted.velocity[j, i]
            b += e * e
        terms[POSE] += kp * a
        terms[VELOCITY] += kv * b
        total += kp * a + kv * b
    return total


@njit(cache=True, nogil=True)
def cheapest(
    segments: Segments, clips: Clips, wanted: Wanted, limits: Limits, used_beats: F64, one_a_clip: bool, kin_used: F64,
    own: F64, terms: F64, total: F32, best: I64, best_cost: F64,
) -> int:  # fmt: skip
    """Write the cheapest segments, cheapest first, into *best* (k,) and *best_cost* (k,); return how many there are.

    *one_a_clip* keeps the best of each clip alone. *kin_used* (C,), *own* (C, 6), *terms* (T,), *total* (S,) are scratch;
    *own* holds what `of_clips` wrote.
    """
    of_clips(clips, wanted, limits, used_beats, kin_used, own)
    found, first = 0, -1
    for s in range(segments.clip.shape[0]):
        if own[segments.clip[s], 0] == 0.0:
            total[s] = np.inf
            continue
        total[s] = alone(segments, clips, wanted, limits, own, s, terms)
        if first < 0 or total[s] < total[first]:
            first = s
    if first < 0:
        return 0
    k = best.shape[0]
    # The likeliest comes first, so that most of the others need no join.
    for n in range(-1, segments.clip.shape[0]):
        s = first if n < 0 else n
        if n == first or total[s] == np.inf:
            continue
        bound = best_cost[k - 1] if found == k else np.inf
        if total[s] >= bound:
            continue
        c = segments.clip[s]
        cost = total[s] + join(segments, wanted, limits.weights, own[c, 1], s, bound - total[s], terms)
        if cost >= bound:
            continue
        at = found if found < k else k - 1
        if one_a_clip:
            twin = -1
            for i in range(found):
                if segments.clip[best[i]] == c:
                    twin = i
            if twin >= 0:
                if best_cost[twin] <= cost:
                    continue
                at = twin
            elif found < k:
                found += 1
        elif found < k:
            found += 1
        while at > 0 and best_cost[at - 1] > cost:
            best[at], best_cost[at] = best[at - 1], best_cost[at - 1]
            at -= 1
        best[at], best_cost[at] = s, cost
    return found


@njit(cache=True, nogil=True)
def costs_of(segments: Segments, clips: Clips, wanted: Wanted, limits: Limits, own: F64, s: int, terms: F64) -> float:
    """Write every weighted term of segment *s* into *terms* (T,) and return their sum; *own* as `of_clips` wrote it."""
    total = alone(segments, clips, wanted, limits, own, s, terms)
    return total + join(segments, wanted, limits.weights, own[segments.clip[s], 1], s, np.inf, terms)
