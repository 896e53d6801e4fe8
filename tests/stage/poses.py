"""Poses for pictures: the T of the rest pose, and a lunge with crossed arms that overlaps itself."""

from __future__ import annotations

import math

import numpy as np

from audio2pose.motion.body import JOINT, OFFSETS_M
from audio2pose.motion.kinematics import positions

_LUNGE = {
    # joint: axis, degrees
    "pelvis": ((0, 1, 0), 25), "spine2": ((0, 1, 0), -15), "head": ((0, 1, 0), 20),
    "left_hip": ((1, 0, 0), -55), "left_knee": ((1, 0, 0), 70), "right_hip": ((1, 0, 0), 22), "right_knee": ((1, 0, 0), 20),
    "left_shoulder": ((0, 0, 1), 50), "left_elbow": ((0, 0, 1), 40),
    "right_shoulder": ((0, 1, 0), 70), "right_elbow": ((0, 1, 0), 60),
}  # fmt: skip


def rest(x_m: float = 0.0) -> np.ndarray:
    """The T pose (24, 3) at *x_m*."""
    return posed({}, x_m, float(OFFSETS_M[0, 1]))


def lunge(x_m: float = 0.0) -> np.ndarray:
    """One knee up front, one arm up, the other across the chest (24, 3)."""
    return posed(_LUNGE, x_m, 0.86)


def posed(turns: dict, x_m: float, height_m: float) -> np.ndarray:
    """The body (24, 3) with joints turned about axes by degrees."""
    rotations = np.zeros((1, 24, 4), np.float32)
    rotations[..., 0] = 1.0
    for name, (axis, degrees) in turns.items():
        half = math.radians(degrees) / 2.0
        rotations[0, JOINT[name]] = (math.cos(half), *(math.sin(half) * a for a in axis))
    return positions(np.array([[x_m, height_m, 0.0]], np.float32), rotations)[0]


def group(dancers: int) -> np.ndarray:
    """So many bodies in T or lunge (D, 24, 3), 1.5 m apart: the first in the middle, then to its sides, farther back."""
    bodies = []
    for d in range(dancers):
        out = (d + 1) // 2
        body = (rest if d % 2 else lunge)(1.5 * out * (1 if d % 2 else -1) - (0.75 if dancers % 2 == 0 else 0.0))
        body[:, 2] -= 0.35 * out
        bodies.append(body)
    return np.stack(bodies)
