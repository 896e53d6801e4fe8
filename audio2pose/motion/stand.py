"""Standing: a clip's own place and turn on the stage, and the floor.

Shapes   offset: (3,) x, z of the clip's origin on the stage (metres) and its turn (radians); root (3,); rot (24, 4).
Threads  any; kernels without heap or GIL.
"""

from __future__ import annotations

import math

from numba import njit

from audio2pose.arrays import F32, F64
from audio2pose.motion.body import CONTACT_JOINTS, REST_ANKLE_M, REST_FOOT_M

_LEFT_ANKLE, _LEFT_FOOT, _RIGHT_ANKLE, _RIGHT_FOOT = CONTACT_JOINTS
SOLE_M = 0.006
"""How far a sole may sink below a flat one before the body is lifted."""


@njit(cache=True, nogil=True)
def carry_to_stage(offset: F64, root: F32, rot: F32) -> None:
    """Turn and shift a pose of the clip onto the stage, in place; only the root and the pelvis' rotation change."""
    turn = offset[2]
    if turn != 0.0:
        c, s = math.cos(turn), math.sin(turn)
        x, z = root[0], root[2]
        root[0], root[2] = c * x + s * z, -s * x + c * z
        hc, hs = math.cos(0.5 * turn), math.sin(0.5 * turn)
        qw, qx, qy, qz = rot[0, 0], rot[0, 1], rot[0, 2], rot[0, 3]
        rot[0, 0], rot[0, 1] = hc * qw - hs * qy, hc * qx + hs * qz
        rot[0, 2], rot[0, 3] = hc * qy + hs * qw, hc * qz - hs * qx
    root[0] += offset[0]
    root[2] += offset[1]


@njit(cache=True, nogil=True)
def lift_to_floor(positions_m: F32, root: F32) -> None:
    """Raise *root* (3,) and *positions_m* (24, 3) by as much as the lowest foot is below the floor."""
    low = min(positions_m[_LEFT_FOOT, 1], positions_m[_RIGHT_FOOT, 1]) - REST_FOOT_M
    low = min(low, min(positions_m[_LEFT_ANKLE, 1], positions_m[_RIGHT_ANKLE, 1]) - 0.5 * REST_ANKLE_M)
    lift = -(low + SOLE_M)
    if lift > 0.0:
        root[1] += lift
        for j in range(positions_m.shape[0]):
            positions_m[j, 1] += lift
