"""Feet that stand where they stood: the legs of a shaped dance solved anew, pose by pose.

Shapes   root (T, 3), rot (T, 24, 4) as shaped, changed in place; root0, rot0 as they were; held (T, 2) 0..1, left and right.
Threads  any; the kernel works without heap or GIL on arrays it is given.
Source   two-bone IK of audio2pose.motion.leg.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I32
from audio2pose.motion.body import JOINT, N_JOINTS, OFFSETS_M, PARENTS, REST_ANKLE_M, REST_FOOT_M
from audio2pose.motion.kinematics import place_joints
from audio2pose.motion.leg import shift_ankle
from audio2pose.motion.rotation import multiply, rotate, slerp
from audio2pose.motion.stand import SOLE_M

HOLD_S = 0.12
"""So long before a foot stands, and after, it is on its way to its place."""
STANDS = 0.5
REACH = 0.995
"""Share of its length to which a standing leg is stretched at most."""
SOFT_M = 0.004
_LEGS: I32 = np.array([[JOINT[f"{s}_{j}"] for j in ("hip", "knee", "ankle", "foot")] for s in ("left", "right")], np.int32)
_LEG_M = float(-OFFSETS_M[_LEGS[0, 1], 1] - OFFSETS_M[_LEGS[0, 2], 1])


def held(contacts: F32, fps: float) -> F64:
    """(T, 2) how much each foot is where it stood, 0..1: all of it in contact, rising before and falling after."""
    out = np.zeros((contacts.shape[0], 2))
    for f in range(2):
        stands = np.flatnonzero(contacts[:, 2 * f : 2 * f + 2].max(axis=1) >= STANDS)
        if stands.size:
            at = np.arange(contacts.shape[0])
            k = np.searchsorted(stands, at)
            after, before = stands[np.minimum(k, stands.size - 1)], stands[np.maximum(k - 1, 0)]
            near = np.minimum(np.abs(after - at), np.abs(at - before)) / (HOLD_S * fps)
            u = np.clip(1.0 - near, 0.0, 1.0)
            out[:, f] = u * u * (3.0 - 2.0 * u)
    return out


def replant(root: F32, rot: F32, root0: F32, rot0: F32, held: F64) -> None:
    """Bring the feet of *root*, *rot* to where *held* has those of *root0*, *rot0*, and above the floor."""
    _replant(
        root, rot, np.ascontiguousarray(root0, np.float32), np.ascontiguousarray(rot0, np.float32), held, _LEGS, PARENTS,
        OFFSETS_M, np.zeros((2, N_JOINTS, 4)), np.zeros((2, N_JOINTS, 3), np.float32), np.zeros((10, 4)), np.zeros((3, 4)),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _replant(
    root: F32, rot: F32, root0: F32, rot0: F32, held: F64, legs: I32, parents: I32, offsets: F32, globals_q: F64, joints: F32,
    work: F64, q: F64,
) -> None:  # fmt: skip
    """`replant`; globals_q (2, 24, 4), joints (2, 24, 3), work (10, 4) and q (3, 4) are scratch."""
    g, g0, p, p0 = globals_q[0], globals_q[1], joints[0], joints[1]
    foot, back, pull = q[0], q[1], q[2]
    for t in range(root.shape[0]):
        place_joints(root0[t], rot0[t], parents, offsets, g0, p0)
        place_joints(root[t], rot[t], parents, offsets, g, p)
        sink = 0.0
        for f in range(2):
            hip, ankle = legs[f, 0], legs[f, 2]
            x, z = p[hip, 0] - p0[ankle, 0], p[hip, 2] - p0[ankle, 2]
            before = 0.0
            for i in range(3):
                before += (p0[hip, i] - p0[ankle, i]) ** 2
            reach = max(REACH * REACH * _LEG_M * _LEG_M, before)
            over = p[hip, 1] - p0[ankle, 1] - math.sqrt(max(reach - x * x - z * z, 0.09))
            sink = max(sink, held[t, f] * 0.5 * (over + math.sqrt(over * over + SOFT_M * SOFT_M)))
        root[t, 1] -= sink
        for j in range(p.shape[0]):
            p[j, 1] -= sink
        for f in range(2):
            hip, knee, ankle, ball = legs[f, 0], legs[f, 1], legs[f, 2], legs[f, 3]
            w = held[t, f]
            slerp(g[ankle], g0[ankle], w, foot)
            back[0] = g[knee, 0]
            for i in range(1, 4):
                back[i] = -g[knee, i]
            multiply(back, foot, rot[t, ankle])
            for i in range(3):
                pull[i] = w * (p0[ankle, i] - p[ankle, i])
            rotate(foot, offsets[ball], back)
            ankle_y = p[ankle, 1] + pull[1]
            deep = max(REST_FOOT_M - ankle_y - back[1], 0.5 * REST_ANKLE_M - ankle_y)
            deep0 = max(REST_FOOT_M - p0[ball, 1], 0.5 * REST_ANKLE_M - p0[ankle, 1])
            pull[1] += max(deep - max(deep0, SOLE_M), 0.0)
            shift_ankle(root[t], rot[t], offsets, hip, knee, ankle, pull, work)
