"""The dance as BVH, the motion file that Blender, Maya, MotionBuilder and Unreal's importers read.

Shapes   rotations (T, 24, 4), root_m (T, 3); angles_deg (T, 24, 3) in the order Z, X, Y of the channels.
Files    T-pose rest (all angles 0), y up, facing +Z, centimetres, degrees. A joint turns by Rz Rx Ry. The root's OFFSET is 0:
         some readers add it to the root's position, others put the position in its place.
Threads  one, the caller's.
Source   Meredith and Maddock 2001, Motion capture file formats explained, sec. 2.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from audio2pose.arrays import F32, F64
from audio2pose.errors import OutputError
from audio2pose.media.atomic import atomic_write
from audio2pose.motion.body import JOINT_NAMES, N_JOINTS, OFFSETS_M, PARENTS

CM = 100.0
ENDS_M: dict[str, tuple[float, float, float]] = {
    "left_foot": (0.0, 0.0, 0.070),
    "right_foot": (0.0, 0.0, 0.070),
    "head": (0.0, 0.140, 0.0),
    "left_hand": (0.095, 0.0, 0.0),
    "right_hand": (-0.095, 0.0, 0.0),
}
"""Where the bone ends that no joint ends: toes, crown, fingertips."""
LOCKED_COS = 1e-6
"""Where X is this close to a right angle Z and Y turn about one axis: Y is held and Z takes the rest."""
PART_POSES = 1000


def write_bvh(path: str | os.PathLike[str], root_m: F32, rotations: F32, fps: float) -> None:
    """Write the dance of *root_m* and *rotations* at *fps* poses a second; the file appears whole or not at all.

    Raises OutputError, also for a pose that is no number: a reader would show anything there.
    """
    if not (np.isfinite(root_m).all() and np.isfinite(rotations).all()):
        raise OutputError("the dance holds NaN or infinite values, which no BVH may: write a .npy, or repair them")
    with atomic_write(path) as temporary, temporary.open("w", encoding="ascii", newline="\n") as text:
        text.writelines(_hierarchy(0, ""))
        text.write(f"MOTION\nFrames: {root_m.shape[0]}\nFrame Time: {1.0 / fps:.9f}\n")
        _write_channels(text, root_m, angles(rotations))


def angles(rotations: F32) -> F64:
    """(T, 24, 3) degrees about Z, X and Y, without leaps in time: whole turns are counted on, and of the two ways to say a
    turn the one nearer to the pose before is taken."""
    q = rotations.astype(np.float64)
    q /= np.maximum(np.linalg.norm(q, axis=-1, keepdims=True), 1e-12)
    w, i, j, k = (q[..., n] for n in range(4))
    m20, m21, m22 = 2.0 * (i * k - w * j), 2.0 * (j * k + w * i), 1.0 - 2.0 * (i * i + j * j)
    m00, m10 = 1.0 - 2.0 * (j * j + k * k), 2.0 * (i * j + w * k)
    m02, m12 = 2.0 * (i * k + w * j), 2.0 * (j * k - w * i)
    cos_x = np.hypot(m20, m22)
    x = np.arctan2(m21, cos_x)
    y = _held(np.arctan2(-m20, m22), cos_x < LOCKED_COS)
    # What is left once Y is taken away is Rz Rx, whatever Y is: so Z is sound even where Y was not.
    z = np.arctan2(m10 * np.cos(y) + m12 * np.sin(y), m00 * np.cos(y) + m02 * np.sin(y))
    return np.degrees(np.unwrap(_nearer(np.stack([z, x, y], -1)), axis=0))


def _held(y: F64, locked: NDArray[np.bool_]) -> F64:
    """*y* (T, 24), where *locked* as it was before; 0 before any was free."""
    if not locked.any():
        return y
    T = y.shape[0]
    free = np.where(locked, -1, np.arange(T)[:, None])
    last = np.maximum.accumulate(free, axis=0)
    return np.where(last < 0, 0.0, np.take_along_axis(y, np.maximum(last, 0), 0))


def _nearer(zxy: F64) -> F64:
    """Each turn as (z, x, y) or as (z + pi, pi - x, y + pi), whichever is nearer to how the one before is said.

    Changing both of two turns changes nothing between them, so that all choices follow from those between neighbours.
    """
    other = np.array([np.pi, np.pi, np.pi]) + zxy * np.array([1.0, -1.0, 1.0])
    kept = np.abs(_wrapped(zxy[1:] - zxy[:-1])).sum(-1)
    changed = np.abs(_wrapped(other[1:] - zxy[:-1])).sum(-1)
    turns = np.zeros(zxy.shape[:2], np.int64)
    turns[1:] = np.cumsum(changed < kept, axis=0) % 2
    return np.where(turns[..., None] == 1, other, zxy)


def _wrapped(angle: F64) -> F64:
    return (angle + np.pi) % (2.0 * np.pi) - np.pi


def _hierarchy(joint: int, indent: str) -> Iterator[str]:
    """The lines of *joint* and all below it."""
    offset = (0.0, 0.0, 0.0) if joint == 0 else CM * OFFSETS_M[joint].astype(np.float64)
    if joint == 0:
        yield "HIERARCHY\n"
    yield f"{indent}{'ROOT' if joint == 0 else 'JOINT'} {JOINT_NAMES[joint]}\n{indent}{{\n"
    inner = indent + "  "
    yield f"{inner}OFFSET {_numbers(offset)}\n"
    place = "6 Xposition Yposition Zposition" if joint == 0 else "3"
    yield f"{inner}CHANNELS {place} Zrotation Xrotation Yrotation\n"
    for child in _children(joint):
        yield from _hierarchy(child, inner)
    if JOINT_NAMES[joint] in ENDS_M:
        end = _numbers(CM * np.array(ENDS_M[JOINT_NAMES[joint]]))
        yield f"{inner}End Site\n{inner}{{\n{inner}  OFFSET {end}\n{inner}}}\n"
    yield indent + "}\n"


def _children(joint: int) -> list[int]:
    return [j for j in range(N_JOINTS) if PARENTS[j] == joint]


def _below(joint: int) -> Iterator[int]:
    """*joint* and all below it, in the order of the file."""
    yield joint
    for child in _children(joint):
        yield from _below(child)


def _numbers(values: object) -> str:
    return " ".join(f"{v:.4f}" for v in np.asarray(values) + 0.0)


def _write_channels(text: TextIO, root_m: F32, angles_deg: F64) -> None:
    """A line a pose; a micrometre and a ten-thousandth of a degree a joint come to 10 micrometres at the hand."""
    order = list(_below(0))
    T = root_m.shape[0]
    line = " ".join(["%.4f"] * (3 + 3 * N_JOINTS)) + "\n"
    for at in range(0, T, PART_POSES):
        n = min(PART_POSES, T - at)
        values = np.empty((n, 3 + 3 * N_JOINTS))
        values[:, :3] = CM * root_m[at : at + n].astype(np.float64)
        values[:, 3:] = angles_deg[at : at + n, order].reshape(n, -1)
        # Rounded first, so that no -0.0000 is written.
        text.write((line * n) % tuple((np.round(values, 4) + 0.0).ravel().tolist()))
