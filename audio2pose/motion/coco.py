"""The 24-joint body as the 17 points of COCO, and back for drawing.

Shapes   positions_m (T, 24, 3); rotations (T, 24, 4); coco (T, 17, 3): nose, left and right eye, ear, shoulder, elbow,
         wrist, hip, knee, ankle.
Threads  any; `face` works without heap or GIL.
Source   order: COCO person keypoints; places of nose, eyes and ears on the head: our own figure.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I32
from audio2pose.motion.body import JOINT, N_JOINTS, OFFSETS_M, PARENTS
from audio2pose.motion.rotation import multiply, rotate

COCO_NAMES: tuple[str, ...] = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
N_COCO = len(COCO_NAMES)
N_FACE = 5

FACE_M: F64 = np.array(
    [[0.0, 0.010, 0.110], [0.032, 0.046, 0.088], [-0.032, 0.046, 0.088], [0.074, 0.026, 0.004], [-0.074, 0.026, 0.004]]
)
"""(5, 3) nose, eyes, ears from the head joint, in the head's own axes."""

_LIMB_JOINTS: I32 = np.array([JOINT[name] for name in COCO_NAMES[N_FACE:]], np.int32)
_TRUNK_M = float(OFFSETS_M[[3, 6, 9, 13, 16], 1].sum() - OFFSETS_M[1, 1])
"""From the middle of the hips to the middle of the shoulders in the rest pose."""
_SPINE_SHARE = np.cumsum(OFFSETS_M[[3, 6, 9], 1]) / (_TRUNK_M + float(OFFSETS_M[1, 1]))
"""How far spine1, spine2 and spine3 stand on the way from the pelvis to the middle of the shoulders."""


def _chain_to_head() -> I32:
    chain = [JOINT["head"]]
    while PARENTS[chain[-1]] >= 0:
        chain.append(int(PARENTS[chain[-1]]))
    return np.array(chain[::-1], np.int32)


_HEAD_CHAIN = _chain_to_head()


@njit(cache=True, nogil=True)
def face(head_m: F32, rotations: F32, chain: I32, points_m: F64, turn: F64, out: F32) -> None:
    """Write nose, eyes and ears into *out* (T, 17, 3)[:, :5]; *head_m* (T, 3); *turn* (4,) is scratch."""
    for t in range(rotations.shape[0]):
        turn[:] = rotations[t, chain[0]]
        for k in range(1, chain.shape[0]):
            multiply(turn, rotations[t, chain[k]], turn)
        for p in range(points_m.shape[0]):
            rotate(turn, points_m[p], out[t, p])
            for i in range(3):
                out[t, p, i] += head_m[t, i]


def to_coco17(positions_m: F32, rotations: F32) -> F32:
    """COCO-17 (T, 17, 3) of joints (T, 24, 3); the face turns with the head, which *rotations* (T, 24, 4) tell."""
    out = np.zeros((positions_m.shape[0], N_COCO, 3), np.float32)
    head_m = np.ascontiguousarray(positions_m[:, JOINT["head"]], np.float32)
    face(head_m, np.ascontiguousarray(rotations, np.float32), _HEAD_CHAIN, FACE_M, np.zeros(4), out)
    out[:, N_FACE:] = positions_m[:, _LIMB_JOINTS]
    return out


def from_coco17(coco: F32) -> F32:
    """Joints (T, 24, 3) for drawing, of COCO-17 (T, 17, 3) in metres, y up.

    What COCO does not hold (spine, collars, hands, balls of the feet) is set where the rest pose would have it, in the
    size of this body. A point that is NaN makes only those joints NaN that lean on it.
    """
    at = {name: coco[:, k].astype(np.float64) for k, name in enumerate(COCO_NAMES)}
    hips, shoulders = 0.5 * (at["left_hip"] + at["right_hip"]), 0.5 * (at["left_shoulder"] + at["right_shoulder"])
    trunk_m = np.linalg.norm(shoulders - hips, axis=-1)
    trunk_m = trunk_m[np.isfinite(trunk_m)]
    size = float(np.median(trunk_m)) / _TRUNK_M if trunk_m.size else 1.0
    up, left = _unit(shoulders - hips), _unit(at["left_hip"] - at["right_hip"])
    forward = _unit(np.cross(left, up))

    out = np.full((coco.shape[0], N_JOINTS, 3), np.nan, np.float32)
    out[:, _LIMB_JOINTS] = coco[:, N_FACE:]
    pelvis = hips - size * float(OFFSETS_M[1, 1]) * up
    out[:, JOINT["pelvis"]] = pelvis
    for name, share in zip(("spine1", "spine2", "spine3"), _SPINE_SHARE):
        out[:, JOINT[name]] = pelvis + share * (shoulders - pelvis)
    neck_above_m = float(OFFSETS_M[12, 1] - OFFSETS_M[13, 1] - OFFSETS_M[16, 1])
    out[:, JOINT["neck"]] = shoulders + size * (neck_above_m * up + float(OFFSETS_M[[3, 12], 2].sum()) * forward)
    out[:, JOINT["head"]] = _head(at, size)
    for side in ("left", "right"):
        across = at[f"{side}_shoulder"] - shoulders
        collar = OFFSETS_M[13, 0] / (OFFSETS_M[13, 0] + OFFSETS_M[16, 0])
        out[:, JOINT[f"{side}_collar"]] = shoulders + collar * across - size * float(OFFSETS_M[16, 1]) * up
        lower_arm = _unit(at[f"{side}_wrist"] - at[f"{side}_elbow"])
        out[:, JOINT[f"{side}_hand"]] = at[f"{side}_wrist"] + size * float(OFFSETS_M[22, 0]) * lower_arm
        out[:, JOINT[f"{side}_foot"]] = _ball(at[f"{side}_knee"], at[f"{side}_ankle"], forward, size)
    return out


def _head(at: dict[str, F64], size: float) -> F64:
    """The head joint under the ears, by the axes that ears and nose span."""
    ears = 0.5 * (at["left_ear"] + at["right_ear"])
    left = _unit(at["left_ear"] - at["right_ear"])
    rough = at["nose"] - ears
    # The nose lies a little below the ears: turned up by that angle, ears to nose points straight ahead.
    up = _unit(np.cross(rough, left))
    drop = (FACE_M[3, 1] - FACE_M[0, 1]) / (FACE_M[0, 2] - FACE_M[3, 2])
    ahead = _unit(_unit(rough) + drop * up)
    up = np.cross(ahead, left)
    return ears - size * (FACE_M[3, 1] * up + FACE_M[3, 2] * ahead)


def _ball(knee: F64, ankle: F64, forward: F64, size: float) -> F64:
    """The ball of the foot, at right angles before the shin as in the rest pose."""
    shin = _unit(knee - ankle)
    ahead = _unit(forward - (forward * shin).sum(axis=-1, keepdims=True) * shin)
    return ankle + size * (float(OFFSETS_M[10, 2]) * ahead + float(OFFSETS_M[10, 1]) * shin)


def _unit(v: F64) -> F64:
    length = np.linalg.norm(v, axis=-1, keepdims=True)
    return np.divide(v, length, out=np.full_like(v, np.nan), where=length > 1e-9)
