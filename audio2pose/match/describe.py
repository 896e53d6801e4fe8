"""What the matcher knows of a place in a clip: how the body stands and moves there, and what kind of movement follows.

Join     9 joints against the root's place on the floor, facing kept, and their velocities.
Descriptors  energy, bass, density, brightness, each 0..1, the same four that the ears tell of the music: how hard the body
         works, how much of it is hips and legs, how many strokes fall in a beat, how much of it is raised hands. Each but
         the energy is a rank within the library, so that any library spans the whole range.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F32, F64
from audio2pose.motion.body import JOINT
from audio2pose.motion.clip import Clip
from audio2pose.motion.kinematics import positions

DESCRIPTORS: tuple[str, ...] = ("energy", "bass", "density", "brightness")
JOIN_JOINTS: tuple[int, ...] = tuple(
    JOINT[n]
    for n in (
        "pelvis", "head", "spine3", "left_ankle", "right_ankle", "left_wrist", "right_wrist", "left_elbow", "right_elbow",
    )
)  # fmt: skip
_HANDS = (JOINT["left_wrist"], JOINT["right_wrist"])
_LEGS = (JOINT["pelvis"], JOINT["left_knee"], JOINT["right_knee"], JOINT["left_ankle"], JOINT["right_ankle"])


@dataclass(frozen=True, slots=True)
class Join:
    """How the body stands and moves at an entry."""

    pose_m: F32  # (J, 3)
    velocity_m_s: F32  # (J, 3)
    contact: F32  # (2,)
    travel_m: F32  # (2,)


def join_features(clip: Clip, entry: int) -> Join:
    """The body at whole beat *entry* of *clip*, and where a phrase from there leads."""
    at = float(clip.beat_poses[entry])
    last = clip.root_m.shape[0] - 1
    k = min(max(round(at), 0), last - 1)
    P = positions(clip.root_m[k : k + 2], clip.rotations[k : k + 2])
    joints = P[:, JOIN_JOINTS].astype(np.float64)
    pose = joints[0] - clip.root_m[k].astype(np.float64) * [1.0, 0.0, 1.0]
    end = min(entry + clip.phrase_beats, clip.beats)
    travel = clip.root_m[round(clip.beat_poses[end])] - clip.root_m[k]
    return Join(
        pose.astype(np.float32),
        ((joints[1] - joints[0]) * clip.fps).astype(np.float32),
        clip.contacts[k, [1, 3]].astype(np.float32),
        travel[[0, 2]].astype(np.float32),
    )


def middle(clip: Clip) -> F32:
    """(24, 4) the mean of the clip's rotations, joint by joint."""
    q = clip.rotations.astype(np.float64)
    near = np.sum(q * q[:1], axis=2, keepdims=True)
    mean = np.where(near < 0.0, -q, q).mean(axis=0)
    length = np.linalg.norm(mean, axis=1, keepdims=True)
    return np.where(length > 1e-3, mean / np.maximum(length, 1e-3), q[0]).astype(np.float32)


def describe(clips: Sequence[Clip], entries: Sequence[tuple[int, int]]) -> F32:
    """(S, 4) descriptors of the phrase that follows each (clip, entry)."""
    sums = [_sums(c) for c in clips]
    raw = np.array([_raw(clips[i], sums[i], e) for i, e in entries], np.float64)
    out = np.stack([_rank(raw[:, d]) for d in range(raw.shape[1])], 1)
    told = np.array([clips[i].energy for i, _ in entries], np.float64)
    out[:, 0] = 0.5 * told + 0.5 * out[:, 0]
    return out.astype(np.float32)


def _sums(clip: Clip) -> F64:
    """(T, 4) running sums of the body's speed, of hips' and legs' speed, of hand strokes and of how high the hands are."""
    P = positions(clip.root_m, clip.rotations).astype(np.float64)
    speed = np.linalg.norm(np.diff(P, axis=0, append=P[-1:]), axis=2) * clip.fps  # (T, 24) metres per second
    hands = speed[:, _HANDS]
    strokes = np.zeros(P.shape[0])
    strokes[1:-1] = ((hands[1:-1] < hands[:-2]) & (hands[1:-1] <= hands[2:])).sum(axis=1) / 2
    raised = P[:, _HANDS, 1].mean(axis=1) - P[:, JOINT["pelvis"], 1]
    return np.cumsum(np.stack([speed.mean(axis=1), speed[:, _LEGS].mean(axis=1), strokes, raised], 1), axis=0)


def _raw(clip: Clip, sums: F64, entry: int) -> tuple[float, float, float, float]:
    """Over the phrase from *entry* on, round its loop: speed, share of legs, strokes a beat, height of hands."""
    last = sums.shape[0] - 1
    end = entry + clip.phrase_beats
    a, b = round(clip.beat_poses[entry]), round(clip.beat_poses[min(end, clip.beats)])
    total, poses = sums[b] - sums[a], b - a
    if clip.looped and end > clip.beats:
        c = round(clip.beat_poses[min(end - clip.beats, clip.beats)])
        total, poses = total + sums[c] - sums[0], poses + c
    elif poses < 4:
        total, poses = sums[last] - sums[max(last - 4, 0)], 4
    beats = max(min(end, clip.beats) - entry, 1) if not clip.looped else clip.phrase_beats
    speed, legs, strokes, raised = total / max(poses, 1)
    return float(speed), float(legs / max(speed, 1e-6)), float(strokes * poses / beats), float(raised)


def _rank(x: F64) -> F64:
    """Share of values below each, ties shared, 0..1."""
    _, inverse, counts = np.unique(np.round(x, 6), return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - 0.5 * counts
    ranked: F64 = middle[inverse] / x.shape[0]
    return ranked
