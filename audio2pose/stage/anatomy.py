"""What the body is made of when it is drawn: landmarks beyond the 24 joints, and the volumes between them.

Shapes   positions_m: (24, 3); marks_m: (N_MARKS, 3), the joints first, then heels, toes, fingertips, skull, torso.
Threads  any; kernels are pure and make no arrays.
Source   our own proportions for the 1.70 m body of motion/body.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from audio2pose.arrays import F32, I32
from audio2pose.motion.body import JOINT

HEEL, TOE, TIP, JAW, CROWN, SHOULDER, CHEST, WAIST = 24, 26, 28, 30, 31, 32, 34, 35
VISOR = 36
N_MARKS = 40
"""HEEL, TOE, TIP and SHOULDER are pairs: left, then right. VISOR is four around the front of the skull, from left to right."""

TORSO, LEFT, RIGHT, GLOW, GLASS = range(5)
"""Rows of the tones in which a body is drawn."""

_J = JOINT
# from, to, radius at each end, bulge a third of the way (metres), how round each end is lit (a joint is lit as a tube, so
# that it does not look like a ball), metres by which it is drawn as if farther away, side, share of the side's own colour
_VOLUMES: tuple[tuple[int, int, float, float, float, float, float, float, int, float, float], ...] = (
    (_J["neck"], JAW, 0.054, 0.048, 0.0, 0.2, 0.2, 0.16, TORSO, 0.0, 0.0),
    (JAW, CROWN, 0.077, 0.092, 0.0, 1.0, 1.0, 0.0, TORSO, 0.0, 0.0),
    (_J["left_shoulder"], _J["left_elbow"], 0.058, 0.041, 0.006, 0.6, 0.25, 0.0, LEFT, 0.30, 0.75),
    (_J["right_shoulder"], _J["right_elbow"], 0.058, 0.041, 0.006, 0.6, 0.25, 0.0, RIGHT, 0.30, 0.75),
    (_J["left_elbow"], _J["left_wrist"], 0.041, 0.029, 0.008, 0.25, 0.25, 0.0, LEFT, 0.75, 1.0),
    (_J["right_elbow"], _J["right_wrist"], 0.041, 0.029, 0.008, 0.25, 0.25, 0.0, RIGHT, 0.75, 1.0),
    (_J["left_wrist"], TIP, 0.029, 0.024, 0.012, 0.25, 1.0, 0.0, LEFT, 1.0, 1.0),
    (_J["right_wrist"], TIP + 1, 0.029, 0.024, 0.012, 0.25, 1.0, 0.0, RIGHT, 1.0, 1.0),
    (_J["left_hip"], _J["left_knee"], 0.090, 0.056, 0.008, 0.25, 0.25, 0.10, LEFT, 0.0, 0.65),
    (_J["right_hip"], _J["right_knee"], 0.090, 0.056, 0.008, 0.25, 0.25, 0.10, RIGHT, 0.0, 0.65),
    (_J["left_knee"], _J["left_ankle"], 0.056, 0.036, 0.014, 0.25, 0.25, 0.0, LEFT, 0.65, 1.0),
    (_J["right_knee"], _J["right_ankle"], 0.056, 0.036, 0.014, 0.25, 0.25, 0.0, RIGHT, 0.65, 1.0),
    # What of the visor is behind the head is drawn before it, and so vanishes.
    (VISOR, VISOR + 1, 0.026, 0.034, 0.0, 1.0, 0.15, 0.0, GLASS, 1.0, 1.0),
    (VISOR + 1, VISOR + 2, 0.034, 0.034, 0.0, 0.15, 0.15, -0.02, GLASS, 1.0, 1.0),
    (VISOR + 2, VISOR + 3, 0.034, 0.026, 0.0, 0.15, 1.0, 0.0, GLASS, 1.0, 1.0),
)
N_LIMBS = len(_VOLUMES)
LIMB_ENDS: I32 = np.array([v[:2] for v in _VOLUMES], np.int32)
LIMB_RADII_M: F32 = np.array([v[2:5] for v in _VOLUMES], np.float32)
LIMB_CAPS: F32 = np.array([v[5:7] for v in _VOLUMES], np.float32)
LIMB_BACK_M: F32 = np.array([v[7] for v in _VOLUMES], np.float32)
LIMB_SIDES: I32 = np.array([v[8] for v in _VOLUMES], np.int32)
LIMB_MIX: F32 = np.array([v[9:11] for v in _VOLUMES], np.float32)

# A mass is six balls that the shader joins smoothly along the way 0 1 2 3 0 2 4 5 2: the trunk to its end, the
# feet for three steps.
MASS_MARKS: I32 = np.array(
    [
        [CHEST, SHOULDER, WAIST, SHOULDER + 1, _J["left_hip"], _J["right_hip"]],
        [_J["left_foot"], _J["left_ankle"], HEEL, TOE, TOE, TOE],
        [_J["right_foot"], _J["right_ankle"], HEEL + 1, TOE + 1, TOE + 1, TOE + 1],
    ],
    np.int32,
)
MASS_RADII_M: F32 = np.array(
    [
        [0.112, 0.072, 0.104, 0.072, 0.083, 0.083],
        [0.033, 0.036, 0.033, 0.025, 0.025, 0.025],
        [0.033, 0.036, 0.033, 0.025, 0.025, 0.025],
    ],
    np.float32,
)
MASS_SIDES: I32 = np.array([TORSO, LEFT, RIGHT], np.int32)
MASS_STEPS: F32 = np.array([8.0, 3.0, 3.0], np.float32)
N_MASSES = 3

# Glow needs no detail: ten tubes.
_TUBES = (
    (JAW, CROWN, 0.08), (CHEST, _J["pelvis"], 0.11),
    (_J["left_shoulder"], _J["left_elbow"], 0.045), (_J["right_shoulder"], _J["right_elbow"], 0.045),
    (_J["left_elbow"], TIP, 0.03), (_J["right_elbow"], TIP + 1, 0.03),
    (_J["left_hip"], _J["left_knee"], 0.07), (_J["right_hip"], _J["right_knee"], 0.07),
    (_J["left_knee"], _J["left_foot"], 0.04), (_J["right_knee"], _J["right_foot"], 0.04),
)  # fmt: skip
TUBE_ENDS: I32 = np.array([t[:2] for t in _TUBES], np.int32)
TUBE_RADII_M: F32 = np.array([t[2] for t in _TUBES], np.float32)

# What darkens the floor below itself: joint, radius in metres, strength.
_DARK = (
    ("left_foot", 0.11, 0.55), ("right_foot", 0.11, 0.55), ("left_ankle", 0.10, 0.45), ("right_ankle", 0.10, 0.45),
    ("left_knee", 0.14, 0.25), ("right_knee", 0.14, 0.25), ("pelvis", 0.20, 0.75), ("left_hand", 0.10, 0.5),
    ("right_hand", 0.10, 0.5), ("head", 0.13, 0.6),
)  # fmt: skip
DARK_MARKS: I32 = np.array([_J[name] for name, _, _ in _DARK], np.int32)
DARK: F32 = np.array([d[1:] for d in _DARK], np.float32)


# Of each point of the visor: metres to the left and ahead of the middle of the head. It stands out in front, where it shows
# in profile, and lies within the skull at the temples, so that nothing of it shows from behind.
_VISOR_M: F32 = np.array([[0.058, 0.022], [0.030, 0.062], [-0.030, 0.062], [-0.058, 0.022]], np.float32)
_EYES_M = np.float32(0.050)
"""How far the eyes are above the joint of the head."""


@njit(cache=True, nogil=True)
def looks(positions_m: F32, out: F32) -> None:
    """Write into *out* (3,) where a head (24, 3) looks that is not turned on its shoulders; its length says nothing."""
    for a in range(3):
        b, c = (a + 1) % 3, (a + 2) % 3
        left_b, left_c = positions_m[16, b] - positions_m[17, b], positions_m[16, c] - positions_m[17, c]
        up_b, up_c = positions_m[15, b] - positions_m[12, b], positions_m[15, c] - positions_m[12, c]
        out[a] = left_b * up_c - left_c * up_b


@njit(cache=True, nogil=True)
def visor(positions_m: F32, face: F32, marks_m: F32) -> None:
    """Write into *marks_m* the points of the visor of a head that looks along *face* (3,), of any length."""
    up, long = np.float32(0.0), np.float32(0.0)
    for a in range(3):
        d = positions_m[15, a] - positions_m[12, a]
        up += d * d
        long += face[a] * face[a]
    up, long = max(np.sqrt(up), np.float32(1e-6)), max(np.sqrt(long), np.float32(1e-6))
    for a in range(3):
        b, c = (a + 1) % 3, (a + 2) % 3
        up_b, up_c = (positions_m[15, b] - positions_m[12, b]) / up, (positions_m[15, c] - positions_m[12, c]) / up
        left = (up_b * face[c] - up_c * face[b]) / long
        eyes = positions_m[15, a] + _EYES_M * (positions_m[15, a] - positions_m[12, a]) / up
        for k in range(4):
            marks_m[VISOR + k, a] = eyes + _VISOR_M[k, 0] * left + _VISOR_M[k, 1] * face[a] / long


@njit(cache=True, nogil=True)
def landmarks(positions_m: F32, marks_m: F32) -> None:
    """Write into *marks_m* (N_MARKS, 3) the joints (24, 3) and what hangs on them but the visor; NaN stays NaN."""
    for j in range(24):
        for a in range(3):
            marks_m[j, a] = positions_m[j, a]
    for side in range(2):
        knee, ankle, ball = 4 + side, 7 + side, 10 + side
        shin = np.float32(0.0)
        along = np.float32(0.0)
        for a in range(3):
            d = positions_m[ankle, a] - positions_m[knee, a]
            shin += d * d
        shin = max(np.sqrt(shin), np.float32(1e-6))
        for a in range(3):
            along += (positions_m[ball, a] - positions_m[ankle, a]) * (positions_m[ankle, a] - positions_m[knee, a]) / shin
        wrist, knuckle, shoulder = 20 + side, 22 + side, 16 + side
        for a in range(3):
            down = (positions_m[ankle, a] - positions_m[knee, a]) / shin
            ahead = positions_m[ball, a] - positions_m[ankle, a] - along * down
            # The heel hangs below and behind the ankle; the sole runs from there through the ball to the toes.
            heel = positions_m[ankle, a] + np.float32(0.75) * along * down - np.float32(0.30) * ahead
            marks_m[HEEL + side, a] = heel
            marks_m[TOE + side, a] = positions_m[ball, a] + np.float32(0.30) * (positions_m[ball, a] - heel)
            marks_m[TIP + side, a] = positions_m[knuckle, a] + np.float32(0.75) * (
                positions_m[knuckle, a] - positions_m[wrist, a]
            )
            marks_m[SHOULDER + side, a] = np.float32(0.86) * positions_m[shoulder, a] + np.float32(0.14) * positions_m[9, a]
    neck = np.float32(0.0)
    for a in range(3):
        d = positions_m[15, a] - positions_m[12, a]
        neck += d * d
    neck = max(np.sqrt(neck), np.float32(1e-6))
    for a in range(3):
        up = (positions_m[15, a] - positions_m[12, a]) / neck
        marks_m[JAW, a] = positions_m[15, a] + np.float32(0.010) * up
        marks_m[CROWN, a] = positions_m[15, a] + np.float32(0.072) * up
        marks_m[CHEST, a] = np.float32(0.75) * positions_m[9, a] + np.float32(0.25) * positions_m[12, a]
        marks_m[WAIST, a] = np.float32(0.5) * (positions_m[3, a] + positions_m[6, a])
