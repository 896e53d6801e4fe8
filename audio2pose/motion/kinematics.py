"""Forward kinematics of the 24-joint body: rotations in, joint positions and the way the head looks out.

Shapes   root_m (3,) or (T, 3); rotations (24, 4) or (T, 24, 4); positions_m (24, 3) or (T, 24, 3).
Threads  any; `place_joints` works without heap or GIL on arrays it is given.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I32
from audio2pose.motion.body import JOINT, N_JOINTS, OFFSETS_M, PARENTS
from audio2pose.motion.rotation import multiply

HEAD = JOINT["head"]


@njit(cache=True, nogil=True)
def place_joints(root_m: F32, rotations: F32, parents: I32, offsets_m: F32, globals_q: F64, positions_m: F32) -> None:
    """Write the joints (24, 3) of one pose; *globals_q* (24, 4) receives each joint's turn in the world."""
    step = globals_q[0]  # row 0 doubles as scratch until the pelvis is written at the end
    for j in range(1, parents.shape[0]):
        p = parents[j]
        if p == 0:
            for i in range(4):
                step[i] = rotations[0, i]
        else:
            for i in range(4):
                step[i] = globals_q[p, i]
        if p == 0:
            px, py, pz = root_m[0], root_m[1], root_m[2]
        else:
            px, py, pz = positions_m[p, 0], positions_m[p, 1], positions_m[p, 2]
        x, y, z = offsets_m[j, 0], offsets_m[j, 1], offsets_m[j, 2]
        tx = 2.0 * (step[2] * z - step[3] * y)
        ty = 2.0 * (step[3] * x - step[1] * z)
        tz = 2.0 * (step[1] * y - step[2] * x)
        positions_m[j, 0] = px + x + step[0] * tx + step[2] * tz - step[3] * ty
        positions_m[j, 1] = py + y + step[0] * ty + step[3] * tx - step[1] * tz
        positions_m[j, 2] = pz + z + step[0] * tz + step[1] * ty - step[2] * tx
        multiply(step, rotations[j], globals_q[j])
    for i in range(4):
        globals_q[0, i] = rotations[0, i]
    for i in range(3):
        positions_m[0, i] = root_m[i]


@njit(cache=True, nogil=True)
def place_all(root_m: F32, rotations: F32, parents: I32, offsets_m: F32, globals_q: F64, positions_m: F32) -> None:
    """`place_joints` for each of T poses; *positions_m* (T, 24, 3)."""
    for t in range(root_m.shape[0]):
        place_joints(root_m[t], rotations[t], parents, offsets_m, globals_q, positions_m[t])


@njit(cache=True, nogil=True)
def face_into(rotations: F32, parents: I32, turn_q: F64, out: F32) -> None:
    """Write into *out* (3,) where the head of *rotations* (24, 4) looks: its +Z in the world. *turn_q* (4,) is room."""
    j = HEAD
    for i in range(4):
        turn_q[i] = rotations[j, i]
    while j > 0:
        j = parents[j]
        multiply(rotations[j], turn_q, turn_q)
    w, x, y, z = turn_q[0], turn_q[1], turn_q[2], turn_q[3]
    out[0] = 2.0 * (x * z + w * y)
    out[1] = 2.0 * (y * z - w * x)
    out[2] = 1.0 - 2.0 * (x * x + y * y)


def face(rotations: F32) -> F32:
    """The world direction (3,) along which the head of *rotations* (24, 4) looks."""
    out = np.zeros(3, np.float32)
    face_into(np.ascontiguousarray(rotations, np.float32), PARENTS, np.zeros(4, np.float64), out)
    return out


class Skeleton:
    """Joint positions of one pose at a time, in buffers of its own.

    Threads: one; each thread that needs positions makes its own.
    """

    def __init__(self) -> None:
        self.positions_m: F32 = np.zeros((N_JOINTS, 3), np.float32)
        self._globals_q: F64 = np.zeros((N_JOINTS, 4), np.float64)

    def process(self, root_m: F32, rotations: F32) -> F32:
        """Joints (24, 3) of the pose; overwritten at the next call."""
        place_joints(root_m, rotations, PARENTS, OFFSETS_M, self._globals_q, self.positions_m)
        return self.positions_m


def positions(root_m: F32, rotations: F32) -> F32:
    """Joints (T, 24, 3), metres, of *root_m* (T, 3) and *rotations* (T, 24, 4)."""
    out = np.zeros((root_m.shape[0], N_JOINTS, 3), np.float32)
    place_all(
        np.ascontiguousarray(root_m, np.float32),
        np.ascontiguousarray(rotations, np.float32),
        PARENTS,
        OFFSETS_M,
        np.zeros((N_JOINTS, 4), np.float64),
        out,
    )
    return out
