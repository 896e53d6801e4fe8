"""What a joint can do: how far a join may bend it beyond what its own clip does.

Each joint's turn is split about its bone: twist along it, swing across. A turn within the joint's range passes untouched, and
so does whatever the clip itself shows; only what a blend adds is held back. A knee is a hinge: it bends to one side, and
nears straight softly, so that it neither inverts nor snaps.

Shapes   plain, blended, out: (4,) local turns of one joint, w first; ROOM: (24, 5) bone (3,), swing and twist in radians.
Threads  any; kernels without heap or GIL.
Source   ranges after human-motion studies of dancers, widened; swing and twist after Grassia 1998.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F64, FX
from audio2pose.motion.body import JOINT, JOINT_NAMES, OFFSETS_M, PARENTS
from audio2pose.motion.rotation import slerp

LEFT_KNEE, RIGHT_KNEE = JOINT["left_knee"], JOINT["right_knee"]
STRAIGHT_RAD, BENT_RAD = 0.0, 2.6
"""How far a knee opens and closes."""
HALVINGS = 12

_DEGREES: dict[str, tuple[float, float]] = {
    "spine1": (40, 20), "spine2": (40, 25), "spine3": (40, 25), "neck": (50, 45), "head": (50, 50), "collar": (45, 30),
    "hip": (130, 60), "ankle": (75, 45), "shoulder": (160, 140), "elbow": (150, 100), "wrist": (95, 60),
}  # fmt: skip
"""Swing and twist of each kind of joint; the others are free, the pelvis turns with the world."""


def _room() -> F64:
    out = np.zeros((len(JOINT_NAMES), 5))
    out[:, 3:] = 2.0 * math.pi
    for j, name in enumerate(JOINT_NAMES):
        child = next((k for k in range(j, len(JOINT_NAMES)) if PARENTS[k] == j), j)
        out[j, :3] = OFFSETS_M[child] / np.linalg.norm(OFFSETS_M[child])
        kind = name.removeprefix("left_").removeprefix("right_")
        if kind in _DEGREES:
            out[j, 3:] = np.radians(_DEGREES[kind])
    return out


ROOM: F64 = _room()


@njit(cache=True, nogil=True)
def strain(q: FX, room: F64) -> float:
    """How much of its *room* (5,) the turn *q* takes up: beyond 1 it leaves it."""
    along = q[1] * room[0] + q[2] * room[1] + q[3] * room[2]
    swing = 2.0 * math.acos(min(math.sqrt(q[0] * q[0] + along * along), 1.0))
    twist = 2.0 * math.atan2(abs(along), abs(q[0]))
    return max(swing / room[3], twist / room[4])


@njit(cache=True, nogil=True)
def hold_back(plain: FX, room: F64, q: F64, blended: F64) -> None:
    """Bring *blended*, in place, as far back to *plain* as it takes to stay within *room*, or within what *plain* takes up."""
    most = max(strain(plain, room), 1.0)
    if strain(blended, room) <= most:
        return
    low, high = 0.0, 1.0
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        slerp(plain, blended, middle, q)
        if strain(q, room) <= most:
            low = middle
        else:
            high = middle
    slerp(plain, blended, low, q)
    for i in range(4):
        blended[i] = q[i]


@njit(cache=True, nogil=True)
def _flexion(q: FX) -> float:
    return 2.0 * math.atan2(q[1] if q[0] >= 0.0 else -q[1], abs(q[0]))


@njit(cache=True, nogil=True)
def bend_softly(plain: FX, blended: F64) -> None:
    """Keep the knee *blended*, in place, on its own side: of the way from *plain* to straight the second half never ends."""
    own, now = _flexion(plain), _flexion(blended)
    room = max(own - STRAIGHT_RAD, 0.0) if now < own else max(BENT_RAD - own, 0.0)
    far, half = abs(now - own), 0.5 * room
    if far <= half:
        return
    back = far - half - (half * (1.0 - math.exp((half - far) / half)) if half > 1e-9 else 0.0)
    angle = 0.5 * (back if now < own else -back)
    c, s = math.cos(angle), math.sin(angle)
    w, x, y, z = blended[0], blended[1], blended[2], blended[3]
    blended[0], blended[1], blended[2], blended[3] = w * c - x * s, w * s + x * c, y * c + z * s, z * c - y * s
