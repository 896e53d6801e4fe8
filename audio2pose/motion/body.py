"""The one body that everything dances on: 24 joints in SMPL's order, our own offsets of a 1.70 m figure.

Axes     y up, right-handed, metres; the rest pose is a T, facing +Z, its left is +X, floor y = 0.
Rotation local unit quaternions, w first, relative to the parent; identity everywhere is the rest pose.
Source   joint names and order: SMPL (Loper et al. 2015); proportions: our own, after Winter 2009, table 4.1.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F32, I32

JOINT_NAMES: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle", "right_ankle",
    "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head", "left_shoulder",
    "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hand", "right_hand",
)  # fmt: skip
JOINT: dict[str, int] = {name: j for j, name in enumerate(JOINT_NAMES)}
N_JOINTS = len(JOINT_NAMES)

PARENTS: I32 = np.array([-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21], np.int32)

OFFSETS_M: F32 = np.array(
    [
        [0.0, 0.935, 0.0], [0.088, -0.050, 0.0], [-0.088, -0.050, 0.0], [0.0, 0.105, -0.005],
        [0.0, -0.410, 0.0], [0.0, -0.410, 0.0], [0.0, 0.130, 0.0], [0.0, -0.400, 0.0], [0.0, -0.400, 0.0],
        [0.0, 0.100, 0.0], [0.012, -0.057, 0.135], [-0.012, -0.057, 0.135], [0.0, 0.185, -0.010],
        [0.060, 0.115, 0.0], [-0.060, 0.115, 0.0], [0.0, 0.105, 0.020], [0.120, 0.015, 0.0], [-0.120, 0.015, 0.0],
        [0.275, 0.0, 0.0], [-0.275, 0.0, 0.0], [0.250, 0.0, 0.0], [-0.250, 0.0, 0.0], [0.085, 0.0, 0.0], [-0.085, 0.0, 0.0],
    ],
    np.float32,
)  # fmt: skip
"""(24, 3) offset of each joint from its parent in the rest pose; the pelvis' own is its rest place."""

REST_FOOT_M = float(OFFSETS_M[0, 1] + OFFSETS_M[1, 1] + OFFSETS_M[4, 1] + OFFSETS_M[7, 1] + OFFSETS_M[10, 1])
"""Height of the ball of a foot that stands flat: 0.018 m."""
REST_ANKLE_M = REST_FOOT_M - float(OFFSETS_M[10, 1])
"""Height of the ankle of a foot that stands flat: 0.075 m."""

CONTACT_JOINTS: tuple[int, ...] = (JOINT["left_ankle"], JOINT["left_foot"], JOINT["right_ankle"], JOINT["right_foot"])

MIRROR: I32 = np.array([0, 2, 1, 3, 5, 4, 6, 8, 7, 9, 11, 10, 12, 14, 13, 15, 17, 16, 19, 18, 21, 20, 23, 22], np.int32)
"""For each joint its twin on the other side."""

LIMBS: tuple[tuple[int, int], ...] = tuple((int(p), j) for j, p in enumerate(PARENTS) if p >= 0)
"""The 23 bones as (parent, joint)."""


def mirrored(root_m: F32, rotations: F32) -> tuple[F32, F32]:
    """Left and right exchanged: *root_m* (T, 3), *rotations* (T, 24, 4) -> the same shapes."""
    root = root_m * np.array([-1.0, 1.0, 1.0], np.float32)
    turned = rotations[:, MIRROR] * np.array([1.0, 1.0, -1.0, -1.0], np.float32)
    return np.ascontiguousarray(root, np.float32), np.ascontiguousarray(turned, np.float32)
