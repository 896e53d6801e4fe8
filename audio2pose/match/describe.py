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
        travel[[0, 2]].astype(np.float32),
    )


def describe(clips: Sequence[Clip], entries: Sequence[tuple[int, int]]) -> F32:
    """(S, 4) descriptors of the phrase that follows each (clip, entry)."""
    joints = [positions(c.root_m, c.rotations) for c in clips]
    raw = np.array([_raw(clips[i], joints[i], e) for i, e in entries], np.float64)
    out = np.stack([_rank(raw[:, d]) for d in range(raw.shape[1])], 1)
    told = np.array([clips[i].energy for i, _ in entries], np.float64)
    out[:, 0] = 0.5 * told + 0.5 * out[:, 0]
    return out.astype(np.float32)


def _raw(clip: Clip, P: F32, entry: int) -> tuple[float, float, float, float]:
    a = round(clip.beat_poses[entry])
    b = max(round(clip.beat_poses[min(entry + clip.phrase_beats, clip.beats)]), a + 4)
    v = np.diff(P[a : b + 1].astype(np.float64), axis=0) * clip.fps  # (n, 24, 3) metres per second
    speed: F64 = np.linalg.norm(v, axis=2)
    whole = speed.mean()
    strokes = ((speed[1:-1, _HANDS] < speed[:-2, _HANDS]) & (speed[1:-1, _HANDS] <= speed[2:, _HANDS])).sum() / 2
    beats = max(min(entry + clip.phrase_beats, clip.beats) - entry, 1)
    raised = P[a:b, _HANDS, 1].mean() - P[a:b, JOINT["pelvis"], 1].mean()
    return float(whole), float(speed[:, _LEGS].mean() / max(whole, 1e-6)), float(strokes / beats), float(raised)


def _rank(x: F64) -> F64:
    """Share of values below each, ties shared, 0..1."""
    _, inverse, counts = np.unique(np.round(x, 6), return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - 0.5 * counts
    ranked: F64 = middle[inverse] / x.shape[0]
    return ranked
