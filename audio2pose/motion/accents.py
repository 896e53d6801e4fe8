"""Where a body all but stops, and a clip whose beats lie there: what the eye takes for the beat of a dance.

Shapes   positions_m: (T, 24, 3); stops: (K,) pose indices, fractions included.
Threads  any; done once when a library is built.
Source   the motion beats of Li et al. 2021 (AI choreographer), with a depth below which there is none, so that an even walk
         has no beats.

Dancers set their feet and settle their hips a little before the beat, each step by as much as it is (tens of milliseconds).
A clip's beats are moved onto the moments in which its body stops, so that those land on the music's beats and not the count
to which the phrase was written.
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
"""A stop further from the beat than this is another one: the "and" before it, or the step itself."""
STEP_BEATS = 0.14
"""From beat to beat the shift changes by no more: the rate stays within a seventh of the phrase's own."""


def stops(positions_m: F32, fps: float) -> F64:
    """The pose indices (K,) at which the body all but stops."""
    moved = np.diff(positions_m.astype(np.float64), axis=0)
    v = np.sqrt((moved * moved).sum(axis=2)).sum(axis=1)
    side, around = max(round(SIDE_S * fps), 1), max(round(AROUND_S * fps), 1)
    found = []
    for t in range(1, v.shape[0] - 1):
        first = max(t - side, 0)
        if first + int(np.argmin(v[first : t + side + 1])) != t:
            continue
        if v[t] <= (1.0 - DEPTH) * v[max(t - around, 0) : t + around + 1].mean():
            a, b, c = v[t - 1 : t + 2]
            bend = a - 2.0 * b + c
            found.append(t + 0.5 + (0.5 * (a - c) / bend if bend > 0.0 else 0.0))  # a speed belongs between two poses
    return np.array(found)


def shifts(clip: Clip) -> F64:
    """(B,) how much later than each of *clip*'s beats its body stops, in beats; between stops, what lies between."""
    joints = positions(clip.root_m, clip.rotations)
    ends = clip.beat_poses[[0, -1]]
    beats = np.arange(clip.beats + 1.0)
    if clip.looped:
        start, n = round(float(ends[0])), round(float(ends[1] - ends[0]))
        once, travel = joints[start : start + n], joints[start + n] - joints[start]
        there = stops(np.concatenate([once + k * travel.mean(axis=0) for k in (-1, 0, 1)]), clip.fps) - n + start
        at = np.interp(there, np.concatenate([clip.beat_poses[:-1] - n, clip.beat_poses, clip.beat_poses[1:] + n]),
                       np.concatenate([beats[:-1] - clip.beats, beats, beats[1:] + clip.beats]))  # fmt: skip
    else:
        at = np.interp(stops(joints, clip.fps), clip.beat_poses, beats)
    off = at - np.round(at)
    near = np.abs(off) <= REACH_BEATS
    if not near.any():
        return np.zeros(clip.beats + 1)
    found = np.interp(beats, at[near], off[near])
    if clip.looped:
        found[-1] = found[0]
    return _gentle(found, clip.looped)


def _gentle(found: F64, looped: bool) -> F64:
    """The same with steps of at most STEP_BEATS from beat to beat, moved no more than that takes."""
    out = found.copy()
    for _ in range(8):
        for k in range(out.shape[0] - 1):
            step = out[k + 1] - out[k]
            over = max(abs(step) - STEP_BEATS, 0.0) * np.sign(step) / 2.0
            out[k], out[k + 1] = out[k] + over, out[k + 1] - over
        if looped:
            out[0] = out[-1] = 0.5 * (out[0] + out[-1])
    return out


def landed(clip: Clip) -> Clip:
    """*clip* with its beats where its body stops. A looped one begins elsewhere in its loop, so that beat 0 does too."""
    if clip.idle:
        return clip
    late = shifts(clip)
    if not clip.looped:
        poses = np.clip(np.interp(np.arange(clip.beats + 1.0) + late, np.arange(clip.beats + 1.0), clip.beat_poses),
                        0.0, clip.root_m.shape[0] - 1.0)  # fmt: skip
        return replace(clip, beat_poses=poses) if (np.diff(poses) > 0.0).all() else clip
    per_beat = (clip.beat_poses[-1] - clip.beat_poses[0]) / clip.beats
    roll = round(late[0] * per_beat)
    n = clip.root_m.shape[0] - 1
    at = (np.arange(n + 1) + roll) % n
    laps = (np.arange(n + 1) + roll) // n
    root = clip.root_m[at].copy()
    root[:, [0, 2]] += laps[:, None] * (clip.root_m[-1] - clip.root_m[0])[[0, 2]]
    root[:, [0, 2]] -= root[0, [0, 2]] - clip.root_m[0, [0, 2]]
    poses = (np.arange(clip.beats + 1.0) + late) * per_beat - roll
    poses[0], poses[-1] = 0.0, n
    return replace(clip, root_m=root, rotations=clip.rotations[at].copy(), contacts=clip.contacts[at].copy(), beat_poses=poses)
