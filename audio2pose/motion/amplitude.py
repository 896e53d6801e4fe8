"""Amplitude: a clip danced larger or smaller than it was made, without moving its beats or its feet.

The upper body turns about the clip's own mean pose, the hips sink further or less below the clip's top, and the legs are
solved anew so that each foot stays where it was. A hop is left alone. Elbows open no further than they were made to.

Shapes   root (3,), rot (24, 4) of one pose, changed in place; middle (24, 4) and top_m of its clip.
Threads  engine only; the kernel works without heap or GIL on arrays it is given.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I32
from audio2pose.motion.body import JOINT, N_JOINTS, OFFSETS_M, PARENTS
from audio2pose.motion.kinematics import place_joints
from audio2pose.motion.leg import shift_ankle
from audio2pose.motion.rotation import exp_map, log_map, multiply

SHARES: F64 = np.zeros(N_JOINTS)
"""(24,) of the growth that each joint takes; 0 for legs and hips."""
for _name, _share in (
    ("spine1", 1.0), ("spine2", 1.0), ("spine3", 1.0), ("neck", 0.5), ("head", 0.5), ("left_collar", 1.0),
    ("right_collar", 1.0), ("left_shoulder", 1.0), ("right_shoulder", 1.0), ("left_elbow", 0.7), ("right_elbow", 0.7),
    ("left_wrist", 0.5), ("right_wrist", 0.5),
):  # fmt: skip
    SHARES[JOINT[_name]] = _share
_LEFT_ELBOW, _RIGHT_ELBOW = JOINT["left_elbow"], JOINT["right_elbow"]
_LEFT = (JOINT["left_hip"], JOINT["left_knee"], JOINT["left_ankle"])
_RIGHT = (JOINT["right_hip"], JOINT["right_knee"], JOINT["right_ankle"])
LEAST_CHANGE = 1e-3
REACH_M = 0.995 * float(-OFFSETS_M[_LEFT[1], 1] - OFFSETS_M[_LEFT[2], 1])
"""From hip to ankle, all but straight."""


@njit(cache=True, nogil=True)
def _toward(middle: F32, q: F32, share: float, d: F64, v: F64) -> None:
    """Turn *q* to *share* of its way from *middle*, in place."""
    d[0] = middle[0] * q[0] + middle[1] * q[1] + middle[2] * q[2] + middle[3] * q[3]
    d[1] = middle[0] * q[1] - middle[1] * q[0] - middle[2] * q[3] + middle[3] * q[2]
    d[2] = middle[0] * q[2] + middle[1] * q[3] - middle[2] * q[0] - middle[3] * q[1]
    d[3] = middle[0] * q[3] - middle[1] * q[2] + middle[2] * q[1] - middle[3] * q[0]
    log_map(d, v)
    for i in range(3):
        v[i] *= share
    exp_map(v, d)
    multiply(middle, d, q)


@njit(cache=True, nogil=True)
def _room(joints: F32, hip: int, ankle: int, reach_m: float) -> float:
    """How far the hip may rise before a leg of *reach_m* is straight."""
    x, z = joints[hip, 0] - joints[ankle, 0], joints[hip, 2] - joints[ankle, 2]
    return math.sqrt(max(reach_m * reach_m - x * x - z * z, 0.0)) - (joints[hip, 1] - joints[ankle, 1])


@njit(cache=True, nogil=True)
def grow(
    root: F32, rot: F32, middle: F32, top_m: float, size: float, shares: F64, parents: I32, offsets: F32, globals_q: F64,
    joints: F32, work: F64, d: F64, v: F64,
) -> None:  # fmt: skip
    """Dance the pose *size* times as large. globals_q (24, 4), joints (24, 3), work (10, 4), d (4,), v (3,) are scratch."""
    for j in range(rot.shape[0]):
        share = 1.0 + (size - 1.0) * shares[j]
        if j in (_LEFT_ELBOW, _RIGHT_ELBOW):
            share = min(share, 1.0)
        if shares[j] > 0.0 and share != 1.0:
            _toward(middle[j], rot[j], share, d, v)
    rise = (top_m - root[1]) * (1.0 - size)
    if root[1] >= top_m or rise == 0.0:
        return
    if rise > 0.0:
        place_joints(root, rot, parents, offsets, globals_q, joints)
        room = min(_room(joints, _LEFT[0], _LEFT[2], REACH_M), _room(joints, _RIGHT[0], _RIGHT[2], REACH_M))
        rise = max(min(rise, room), 0.0)
    root[1] += rise
    v[0], v[1], v[2] = 0.0, -rise, 0.0
    shift_ankle(root, rot, offsets, _LEFT[0], _LEFT[1], _LEFT[2], v, work)
    shift_ankle(root, rot, offsets, _RIGHT[0], _RIGHT[1], _RIGHT[2], v, work)


class Amplitude:
    """`grow` with its scratch. Threads: engine."""

    def __init__(self) -> None:
        self._globals: F64 = np.zeros((N_JOINTS, 4))
        self._joints: F32 = np.zeros((N_JOINTS, 3), np.float32)
        self._work: F64 = np.zeros((10, 4))
        self._d, self._v = np.zeros(4), np.zeros(3)

    def process(self, root: F32, rot: F32, middle: F32, top_m: float, size: float) -> None:
        """Dance the pose *size* times as large, in place."""
        if abs(size - 1.0) > LEAST_CHANGE:
            grow(
                root, rot, middle, top_m, size, SHARES, PARENTS, OFFSETS_M, self._globals, self._joints, self._work, self._d,
                self._v,
            )  # fmt: skip
