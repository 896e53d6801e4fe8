"""A dance larger or smaller, or smoother, than it was danced, its beats where they were.

Each joint's turn is told against its own slow mean and scaled; whatever is averaged is averaged alike to both sides (zero
phase), so that a stop or a stroke stays on its moment. Knees and elbows change their bend alone and stay within what a
person has; feet that stood stand where they stood, which the legs are solved for; no foot goes through the floor.

Shapes   root_m (T, 3), rotations (T, 24, 4), contacts (T, 4), at any rate; values (T, ...) one row a pose.
Threads  pure functions.
Source   our own; the mean is a triangle: its response lies within 0..1, so the gain of any speed lies between 1 and X.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audio2pose.arrays import F32, F64
from audio2pose.errors import UsageError
from audio2pose.motion.accents import stops
from audio2pose.motion.body import JOINT, N_JOINTS, OFFSETS_M
from audio2pose.motion.kinematics import positions

from . import turns
from .replant import STANDS, held, replant

AMPLIFICATIONS = (0.3, 2.0)
WINDOWS, WINDOW_FPS = (1, 31), 30.0
MEAN_S = 2.0
"""A movement slower than this is where the dancer is, not what he does."""
FURTHER_RAD, TURN_RAD, SINK_M = math.radians(40.0), 0.45, 0.15
"""No joint turns further than this beyond what it did, nor does the body turn or sink further."""
SAME_S, SOFT_S, ROUNDS = 0.07, 0.08, 3
"""A stop no further off than SAME_S is the same one; how softly time is bent to it, and how often."""
HINGES = {"left_knee": "left_ankle", "right_knee": "right_ankle", "left_elbow": "left_wrist", "right_elbow": "right_wrist"}
STRAIGHT_RAD, BENT_RAD, ROOM_RAD = math.radians(3.0), math.radians(150.0), math.radians(14.0)
"""A hinge bends between these, and slows down in the last of them."""
LIMITS_RAD: F64 = np.full(N_JOINTS, np.inf)
"""(24,) how far a joint turns from rest at most."""
for _names, _degrees in (
    ("spine1 spine2 spine3", 38.0), ("neck head", 45.0), ("left_collar right_collar", 32.0), ("left_wrist right_wrist", 75.0),
    ("left_ankle right_ankle", 55.0), ("left_foot right_foot", 45.0),
):  # fmt: skip
    for _name in _names.split():
        LIMITS_RAD[JOINT[_name]] = math.radians(_degrees)


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What is shaped: root_m (T, 3), rotations (T, 24, 4), contacts (T, 4), *fps* poses a second."""

    root_m: F32
    rotations: F32
    contacts: F32
    fps: float


def amplify(motion: Motion, x: float) -> Motion:
    """*motion* danced *x* times as large; 1 leaves it as it is. Raises UsageError outside AMPLIFICATIONS."""
    must_amplify(x)
    if x == 1.0 or motion.root_m.shape[0] < 3:
        return motion
    width = odd(0.5 * MEAN_S * motion.fps)
    turned, yaw = _parts(motion.rotations)
    slow = turns.unit(triangle(turned, width))
    away = turns.log(turns.times(turns.inverse(slow), turned))
    rotations = _limited(turns.times(slow, turns.exp(away * _share(away, x))), turned, away)
    for name, end in HINGES.items():
        j = JOINT[name]
        rotations[:, j] = _bent(turned[:, j], OFFSETS_M[JOINT[end]].astype(np.float64), x, width)
    yaw = yaw + TURN_RAD * np.tanh((x - 1.0) * (yaw - triangle(yaw, width)) / TURN_RAD)
    rotations[:, 0] = turns.times(turns.about_y(yaw), rotations[:, 0])
    root = motion.root_m.astype(np.float64)
    stood = motion.contacts.max(axis=1) >= STANDS
    root[:, 1] = taller(root[:, 1], stood, x, width)
    return _on_time(motion, root, rotations)


def smooth(motion: Motion, n: int) -> Motion:
    """*motion* averaged over *n* poses at 30 a second, whatever its rate; 1 leaves it. Raises UsageError outside WINDOWS."""
    must_smooth(n)
    widths = window(n, motion.fps)
    if n == 1 or motion.root_m.shape[0] < 3:
        return motion
    turned, yaw = _parts(motion.rotations)
    rotations = turns.unit(triangle(turned, *widths))
    rotations[:, 0] = turns.times(turns.about_y(triangle(yaw, *widths)), rotations[:, 0])
    return _on_time(motion, triangle(motion.root_m.astype(np.float64), *widths), rotations)


def must_amplify(x: float) -> None:
    """Raises UsageError where *x* is no amplification."""
    if not AMPLIFICATIONS[0] <= x <= AMPLIFICATIONS[1]:
        low, high = AMPLIFICATIONS
        raise UsageError(f"--motion-amplification is {x:g}, must lie within {low:g} to {high:g}: take 1.2 or 0.8")


def must_smooth(n: int) -> None:
    """Raises UsageError where *n* is no window."""
    if not WINDOWS[0] <= n <= WINDOWS[1]:
        low, high = WINDOWS
        raise UsageError(f"--smoothing-window is {n}, must lie within {low} to {high} poses: take 3, 5 or 7")


def window(n: int, fps: float) -> tuple[int, int]:
    """Rows (odd) of the two averages that span *n* poses at 30 a second; an even *n* becomes odd."""
    both = (n | 1) / WINDOW_FPS * fps + 1.0
    first = odd(0.5 * both - 0.5)
    return first, odd(both - first)


def odd(rows: float) -> int:
    """The odd number next to *rows*."""
    return max(2 * round(0.5 * (rows - 1.0)) + 1, 1)


def triangle(values: F64, width: int, other: int = 0) -> F64:
    """*values* averaged over *width* rows and then over *other* or as many, both odd, alike to both sides; the ends go on."""
    for n in (width, other or width):
        ends = np.concatenate([np.repeat(values[:1], n // 2 + 1, 0), values, np.repeat(values[-1:], n // 2, 0)])
        sums = np.cumsum(ends, axis=0)
        values = (sums[n:] - sums[:-n]) / n
    return values


def taller(height_m: F64, stood: NDArray[np.bool_], x: float, width: int) -> F64:
    """(T,) heights of the root, *x* times as far below where it comes when it stands tall, and a hop as much above."""
    tall = np.where(stood, height_m, -np.inf)
    padded = np.pad(tall, width // 2, constant_values=-np.inf)
    top = np.lib.stride_tricks.sliding_window_view(padded, 2 * (width // 2) + 1).max(axis=1)
    top = triangle(np.where(np.isfinite(top), top, height_m), width)
    return height_m + SINK_M * np.tanh((x - 1.0) * (height_m - top) / SINK_M)


def _parts(rotations: F32) -> tuple[F64, F64]:
    """Turns (T, 24, 4) of one sign from pose to pose, the pelvis' without its heading, and the heading (T,), unwrapped."""
    q = rotations.astype(np.float64)
    w, x, y, z = np.moveaxis(q[:, 0], -1, 0)
    yaw = np.unwrap(np.arctan2(2.0 * (x * z + w * y), 1.0 - 2.0 * (x * x + y * y)))
    q[:, 0] = turns.times(turns.about_y(-yaw), q[:, 0])
    dots = np.sum(q[1:] * q[:-1], axis=-1, keepdims=True)
    q[1:] *= np.cumprod(np.where(dots < 0.0, -1.0, 1.0), axis=0)
    return q, yaw


def _share(away: F64, x: float) -> F64:
    """What *away* (..., 3) is multiplied by: *x*, or less where that would go further than FURTHER_RAD."""
    if x < 1.0:
        return np.full((*away.shape[:-1], 1), x)
    far = np.linalg.norm(away, axis=-1, keepdims=True)
    further = FURTHER_RAD * np.tanh((x - 1.0) * far / FURTHER_RAD)
    return 1.0 + np.divide(further, far, out=np.zeros_like(far), where=far > 1e-9)


def _limited(grown: F64, turned: F64, away: F64) -> F64:
    """*grown* (T, 24, 4) within LIMITS_RAD, but for what was beyond them before."""
    out = grown.copy()
    for j in np.flatnonzero(np.isfinite(LIMITS_RAD)):
        v, before = turns.log(grown[:, j]), np.linalg.norm(turns.log(turned[:, j]), axis=-1, keepdims=True)
        angle = np.linalg.norm(v, axis=-1, keepdims=True)
        most = np.maximum(LIMITS_RAD[j], before)
        allowed = np.where(
            angle > before, before + (most - before) * np.tanh((angle - before) / np.maximum(most - before, 1e-3)), angle
        )
        out[:, j] = turns.exp(v * np.divide(allowed, angle, out=np.ones_like(angle), where=angle > 1e-9))
    return out


def _bent(q: F64, bone: F64, x: float, width: int) -> F64:
    """The hinge *q* (T, 4) before *bone* (3,), its bend scaled about its mean in the plane in which it bends."""
    bone = bone / np.linalg.norm(bone)
    along = turns.turn(q, bone)
    bend = np.arccos(np.clip(along @ bone, -1.0, 1.0))
    across = np.cross(bone, along)
    # An arm all but straight has no plane of its own: it takes that in which it bends most of the time.
    across += 0.2 * triangle(across, width)
    axis = across / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    wanted = bend + (x - 1.0) * (bend - triangle(bend, width))
    new = np.clip(bend + _soft(wanted) - _soft(bend), np.minimum(bend, STRAIGHT_RAD), np.maximum(bend, BENT_RAD))
    return turns.times(turns.exp(axis * (new - bend)[:, None]), q)


def _soft(bend: F64) -> F64:
    """*bend* that slows down before either end of its range and never passes it."""
    low, high = STRAIGHT_RAD + ROOM_RAD, BENT_RAD - ROOM_RAD
    below, above = np.minimum(bend - low, 0.0), np.maximum(bend - high, 0.0)
    return np.clip(bend, low, high) + ROOM_RAD * (np.tanh(below / ROOM_RAD) + np.tanh(above / ROOM_RAD))


def _on_time(before: Motion, root: F64, rotations: F64) -> Motion:
    """The shaped pose on its feet, each of its stops on the moment that it had *before*.

    Limbs that stop one after the other stop elsewhere together once some have grown more than others: a few milliseconds,
    which time is bent by.
    """
    there = stops(positions(before.root_m, before.rotations), before.fps)
    out = _standing(before, root, rotations)
    for _ in range(ROUNDS if there.size else 0):
        rows = late(there, stops(positions(out.root_m, out.rotations), out.fps), root.shape[0], out.fps)
        root, rotations = between(root, rows), turns.unit(between(rotations, rows))
        out = _standing(before, root, rotations)
    return out


def late(before: F64, after: F64, poses: int, fps: float) -> F64:
    """(T,) by how many of T *poses* the stops *after* come later than those *before*; between two, what lies between."""
    found = [(b, after[np.argmin(np.abs(after - b))] - b) for b in before] if after.size else []
    near = np.array([pair for pair in found if abs(pair[1]) <= SAME_S * fps]).reshape(-1, 2)
    at = np.arange(poses, dtype=np.float64)
    return triangle(np.interp(at, near[:, 0], near[:, 1]), odd(SOFT_S * fps)) if near.size else np.zeros_like(at)


def between(values: F64, rows: F64) -> F64:
    """*values* (T, ...), each from *rows* (T,) further on, fractions included."""
    at = np.clip(np.arange(rows.shape[0]) + rows, 0.0, rows.shape[0] - 1.0)
    a = np.minimum(at.astype(np.int64), rows.shape[0] - 2)
    u = (at - a).reshape(-1, *[1] * (values.ndim - 1))
    return (1.0 - u) * values[a] + u * values[a + 1]


def _standing(before: Motion, root: F64, rotations: F64) -> Motion:
    """The shaped pose with the feet where they stood *before*, and above the floor."""
    out = replace(before, root_m=root.astype(np.float32), rotations=turns.unit(rotations).astype(np.float32))
    replant(out.root_m, out.rotations, before.root_m, before.rotations, held(before.contacts, before.fps))
    return out
