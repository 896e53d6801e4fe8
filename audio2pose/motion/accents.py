"""Where a body all but stops, and a clip whose beats lie there: what the eye takes for the beat of a dance.

Shapes   positions_m: (T, 24, 3); stops: (K,) pose indices, fractions included; knots: (2B + 1,) of a clip of B beats, every
         half beat.
Threads  any; done once when a library is built.
Source   the motion beats of Li et al. 2021 (AI choreographer), with a depth below which there is none, so that an even walk
         has no beats.

Dancers set their feet and settle their hips a little before the beat, each step by as much as it is (tens of milliseconds).
A clip's beats and half beats are moved onto the moments in which its body stops, so that those land on the music's and not
the count to which the phrase was written: danced in half time, a half beat is a beat of the music.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from audio2pose.arrays import F32, F64
from audio2pose.motion.clip import Clip
from audio2pose.motion.kinematics import positions

SIDE_S, AROUND_S, DEPTH = 10 / 60, 0.25, 0.25
"""The lowest speed within SIDE_S to each side, and this share lower than the mean within AROUND_S."""
REACH_BEATS = 0.16
"""A stop further from its beat or half beat than this belongs to neither."""
STEP_BEATS = 0.07
"""From knot to knot the shift changes by no more: the rate stays within a seventh of the phrase's own."""
LOOSE = 0.05
"""Confidence of a knot with nothing on it: it gives way to its neighbours."""
ROUNDS = 60
ON_BEATS = 0.02
"""A stop as near to its knot as this has landed, and may be declared an accent."""


def depths(positions_m: F32, fps: float) -> F64:
    """The stops of *positions_m*: (K, 2) pose index, and how far its speed lies below the mean around it, DEPTH to 1."""
    moved = np.diff(positions_m.astype(np.float64), axis=0)
    v = np.sqrt((moved * moved).sum(axis=2)).sum(axis=1)
    side, around = max(round(SIDE_S * fps), 1), max(round(AROUND_S * fps), 1)
    found = []
    for t in range(1, v.shape[0] - 1):
        first = max(t - side, 0)
        if first + int(np.argmin(v[first : t + side + 1])) != t:
            continue
        mean = v[max(t - around, 0) : t + around + 1].mean()
        if v[t] <= (1.0 - DEPTH) * mean:
            a, b, c = v[t - 1 : t + 2]
            bend = a - 2.0 * b + c
            middle = t + 0.5 + (0.5 * (a - c) / bend if bend > 0.0 else 0.0)  # a speed belongs between two poses
            found.append((middle, 1.0 - v[t] / mean if mean > 0.0 else 0.0))
    return np.array(found).reshape(-1, 2)


def stops(positions_m: F32, fps: float) -> F64:
    """The pose indices (K,) at which the body all but stops."""
    return depths(positions_m, fps)[:, 0]


def _on_knots(clip: Clip) -> tuple[F64, F64]:
    """For each knot of *clip* how much later its body stops, in beats, and how deeply; 0 deep where it does not."""
    joints = positions(clip.root_m, clip.rotations)
    ends = clip.beat_poses[[0, -1]]
    knots = 0.5 * np.arange(2 * clip.beats + 1)
    if clip.looped:
        start, n = round(float(ends[0])), round(float(ends[1] - ends[0]))
        once, travel = joints[start : start + n], joints[start + n] - joints[start]
        found = depths(np.concatenate([once + k * travel.mean(axis=0) for k in (-1, 0, 1)]), clip.fps)
        poses = np.concatenate([clip.knots[:-1] - n, clip.knots, clip.knots[1:] + n])
        at = np.interp(found[:, 0] - n + start, poses, 0.5 * np.arange(-2 * clip.beats, 4 * clip.beats + 1))
    else:
        found = depths(joints, clip.fps)
        at = np.interp(found[:, 0], clip.knots, knots)
    late, depth = np.zeros(2 * clip.beats + 1), np.zeros(2 * clip.beats + 1)
    knot = np.round(2.0 * at).astype(np.int64)
    off = at - 0.5 * knot
    for k, o, d in zip(knot, off, found[:, 1]):
        if 0 <= k < late.shape[0] and abs(o) <= REACH_BEATS and d > depth[k]:
            late[k], depth[k] = o, d
    return late, depth


def shifts(clip: Clip) -> F64:
    """(2B + 1,) how much later than each knot of *clip* its body stops, in beats; between stops, what lies between.

    Where two stops ask for more than STEP_BEATS from knot to knot, the deeper one is met more nearly, and an authored accent
    before all.
    """
    late, depth = _on_knots(clip)
    if not depth.any():
        return late
    trust = np.where(depth > 0.0, depth, LOOSE)
    for beat, strength in clip.accents:
        k = round(2.0 * float(beat))
        if abs(2.0 * float(beat) - k) < 1e-3 and 0 <= k < trust.shape[0] and depth[k] > 0.0:
            trust[k] += float(strength)
    knots = np.arange(late.shape[0])
    there = depth > 0.0
    if clip.looped:
        late[-1], trust[0] = late[0], max(trust[0], trust[-1])
        trust[-1], there[-1] = trust[0], there[0]
        found = np.interp(knots, knots[there], late[there], period=late.shape[0] - 1)
    else:
        found = np.interp(knots, knots[there], late[there])
    return _gentle(found, trust, clip.looped)


def _gentle(found: F64, trust: F64, looped: bool) -> F64:
    """The same with steps of at most STEP_BEATS from knot to knot, each moved no more than that takes, the trusted least."""
    out, give = found.copy(), 1.0 / trust
    for _ in range(ROUNDS):
        for first in (0, 1):  # every second step at a time: they share no knot
            a, b = slice(first, -1, 2), slice(first + 1, None, 2)
            step = out[b] - out[a]
            over = np.sign(step) * np.maximum(np.abs(step) - STEP_BEATS, 0.0) / (give[a] + give[b])
            out[a] += over * give[a]
            out[b] -= over * give[b]
            if looped:
                out[0] = out[-1] = 0.5 * (out[0] + out[-1])
    return out


def landed(clip: Clip) -> Clip:
    """*clip* with its beats and half beats where its body stops, and an accent in every bar that has a stop on a beat.

    A looped one begins elsewhere in its loop, so that beat 0 lies on its stop too.
    """
    if clip.idle:
        return clip
    late = shifts(clip)
    knots = 0.5 * np.arange(2 * clip.beats + 1)
    if not clip.looped:
        poses = np.clip(np.interp(knots + late, knots, clip.knots), 0.0, clip.root_m.shape[0] - 1.0)
        if not (np.diff(poses) > 0.0).all():
            return clip
        return _declared(replace(clip, beat_poses=poses[::2], half_poses=poses[1::2]))
    per_beat = (clip.beat_poses[-1] - clip.beat_poses[0]) / clip.beats
    roll = round(late[0] * per_beat)
    n = clip.root_m.shape[0] - 1
    at = (np.arange(n + 1) + roll) % n
    laps = (np.arange(n + 1) + roll) // n
    root = clip.root_m[at].copy()
    root[:, [0, 2]] += laps[:, None] * (clip.root_m[-1] - clip.root_m[0])[[0, 2]]
    root[:, [0, 2]] -= root[0, [0, 2]] - clip.root_m[0, [0, 2]]
    poses = (knots + late) * per_beat - roll
    poses[0], poses[-1] = 0.0, n
    return _declared(
        replace(
            clip, root_m=root, rotations=clip.rotations[at].copy(), contacts=clip.contacts[at].copy(),
            beat_poses=poses[::2], half_poses=poses[1::2],
        )
    )  # fmt: skip


def _declared(clip: Clip) -> Clip:
    """*clip* with its deepest stop that lies on a beat declared an accent in each bar that has none of its author's."""
    late, depth = _on_knots(clip)
    depth[np.abs(late) > ON_BEATS] = 0.0
    rank = np.where(depth > 0.0, depth, -1.0)
    rank[::2] += 1.0  # any stop on a beat before one on a half beat
    rows = [(float(b), float(s)) for b, s in clip.accents]
    for bar in range(0, clip.beats, clip.meter):
        ends = min(bar + clip.meter, clip.beats)
        k = 2 * bar + int(np.argmax(rank[2 * bar : 2 * ends]))
        if depth[k] > 0.0 and not any(bar <= b < ends for b, _ in rows):
            rows.append((0.5 * k, float(depth[k])))
    return replace(clip, accents=np.array(sorted(rows), np.float32).reshape(-1, 2))
