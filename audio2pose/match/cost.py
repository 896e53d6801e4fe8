"""What a segment would cost as the next one, term by term.

Shapes   S segments, C clips, J join joints, T terms. The library's arrays come as two tuples, a query as one.
Terms    see `Matcher` for what each means. What a whole clip shares is told once a clip (`of_clips`), what a segment costs by
         itself for all of them (`alone`), its join apart (`join`).
Threads  engine thread; the kernels work without heap or GIL on arrays they are given.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I32, U8

TERMS: tuple[str, ...] = (
    "energy", "music", "tempo", "pose", "velocity", "contact", "repetition", "phrase", "stage", "style", "threshold", "chance",
)  # fmt: skip
ENERGY, MUSIC, TEMPO, POSE, VELOCITY, CONTACT, REPETITION, PHRASE, STAGE, STYLE, THRESHOLD, CHANCE = range(len(TERMS))
POSE_SCALE_M = 0.25
VELOCITY_SCALE_M_S = 1.5
PER_STEP = 1.0 / 0.20**2
"""A standing foot 0.20 m from where the new segment stands on it costs a term of one."""
OUT_OF_RANGE, UNFIT = 25.0, 2.0
"""A tempo that no body follows; one that its author did not mean the phrase for."""
OTHER_LEVEL = 0.35
KIN_SHARE = 0.6
"""How much of a phrase's own repetition its mirror image counts for."""
OTHER_STYLE, FOREIGN_STYLE = 0.5, 8.0
START, BAR, BEAT = range(3)
BEGINS: F64 = np.array([0.0, 0.3, 1.0])
"""What it costs to begin at a phrase's start, at a later bar of its, or in the middle of a bar."""
OFF_BAR, OTHER_METER = 2.0, 2.0
"""Against the music's bar; in another metre."""
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
    begins: U8  # START, BAR or BEAT of its phrase
    place: U8  # of its beat in the clip's own bar
    sketch: F32  # (S, B) its pose along the library's main directions
    directions: F64  # (B, J, 3) those, of length 1 and square to each other


class Clips(NamedTuple):
    """The library's clips (C, ...)."""

    bpm: F32
    tempo: F32
    style: I32
    kin: I32
    flags: U8
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
def alone(
    clip: I32, beat: I32, descriptor: F32, travel: F32, begins: U8, own_place: U8, meter: U8, music: F64, stage_xz: F64,
    weights: F64, music_weights: F64, own: F64, going_on_clip: int, going_on_beat: int, place: int, bar: int, news: float,
    seed: int, cut: int, first: int, last: int, terms: F64, total: F32,
) -> None:  # fmt: skip
    """Write what segments *first* to *last* cost without their joins into *total* (S,), the last one's terms into *terms* (T,).

    Arrays come one by one: reached through a tuple in this loop they would cost ten times the sum itself.
    """
    for s in range(first, last):
        c = clip[s]
        level = own[c, 0]
        if level == 0.0:
            total[s] = np.inf
            continue
        e = descriptor[s, 0] - music[0]
        terms[ENERGY] = weights[ENERGY] * e * e
        m = 0.0
        for d in range(1, music.shape[0]):
            e = descriptor[s, d] - music[d]
            m += music_weights[d] * e * e
        terms[MUSIC] = weights[MUSIC] * m
        terms[TEMPO] = own[c, 2]
        terms[REPETITION] = own[c, 3]
        p = BEGINS[begins[s]]
        if c == going_on_clip and beat[s] == going_on_beat:
            p = news
        elif bar > 1:
            if meter[c] != bar:
                p += OTHER_METER
            elif (own_place[s] / level - place) % (bar / max(level, 1.0)) != 0.0:
                p += OFF_BAR
        terms[PHRASE] = weights[PHRASE] * p
        x, z = stage_xz[0] + travel[s, 0], stage_xz[1] + travel[s, 1]
        terms[STAGE] = weights[STAGE] * (x * x + z * z)
        terms[STYLE] = own[c, 4]
        terms[THRESHOLD] = own[c, 5]
        u = chance(np.uint64(seed), np.uint64(cut), np.uint64(s))
        terms[CHANCE] = weights[CHANCE] * 4.0 * (0.5 - u)
        terms[POSE] = terms[VELOCITY] = terms[CONTACT] = 0.0
        sum_ = 0.0
        for t in range(terms.shape[0]):
            sum_ += terms[t]
        total[s] = sum_


@njit(cache=True, nogil=True)
def join(
    pose: F32, velocity: F32, contact: F32, to_pose: F64, to_velocity: F64, to_contact: F64, kp: float, kv: float, kc: float,
    rate: float, s: int, room: float, terms: F64,
) -> float:  # fmt: skip
    """Write the terms of the join to segment *s*, weighted by kp, kv, kc; return their sum, or its part once above *room*."""
    share, lasting, apart = 0.0, 0.0, 1.0
    for f in range(2):
        there, wants = float(contact[s, f]), to_contact[f]
        share += 0.5 * (there - wants) * (there - wants)
        lasting = max(lasting, there * wants)
        apart *= there * wants
    x = (pose[s, LEFT_ANKLE, 0] - pose[s, RIGHT_ANKLE, 0]) - (to_pose[LEFT_ANKLE, 0] - to_pose[RIGHT_ANKLE, 0])
    z = (pose[s, LEFT_ANKLE, 2] - pose[s, RIGHT_ANKLE, 2]) - (to_pose[LEFT_ANKLE, 2] - to_pose[RIGHT_ANKLE, 2])
    contacts = kc * (share + 1.0 - lasting + apart * (x * x + z * z) * PER_STEP)
    a, b = 0.0, 0.0
    for j in range(to_pose.shape[0]):
        if contacts + kp * a + kv * b > room:
            break
        for i in range(3):
            e = pose[s, j, i] - to_pose[j, i]
            a += e * e
            e = velocity[s, j, i] * rate - to_velocity[j, i]
            b += e * e
    terms[CONTACT], terms[POSE], terms[VELOCITY] = contacts, kp * a, kv * b
    return contacts + kp * a + kv * b


@njit(cache=True, nogil=True)
def scales(weights: F64, joints: int) -> tuple[float, float, float]:
    """What a square metre, a square metre per second, and a unit of ill contact cost in a join of *joints*."""
    kp = weights[POSE] / (joints * POSE_SCALE_M * POSE_SCALE_M)
    return kp, weights[VELOCITY] / (joints * VELOCITY_SCALE_M_S * VELOCITY_SCALE_M_S), weights[CONTACT]
