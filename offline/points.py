"""A dance of points without turns, larger or smaller or smoother: bones keep their length, feet stand where they stood.

Points are told against the pelvis and their own slow mean. Elbows and knees are set anew on the side on which they bent, so
that none turns over. A foot that hardly moves near the floor is taken to stand.

Shapes   points (T, 24, 3) metres, y up; NaN where a joint is not known, and stays so.
Threads  pure functions.
Source   two-bone IK by the law of cosines; the rest our own, as in shape.py.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F32, F64
from audio2pose.motion.accents import stops
from audio2pose.motion.body import JOINT, N_JOINTS, PARENTS

from .replant import REACH, held
from .shape import MEAN_S, ROUNDS, between, late, must_amplify, must_smooth, odd, taller, triangle, window

FLOOR_PERCENT, NEAR_M, STILL_M_S = 5.0, 0.05, 0.35
"""The floor is where the lower foot is so seldom below; who is that near to it and that slow stands."""
LEAST_M = 1e-6
_LIMBS = tuple(
    tuple(JOINT[f"{side}_{name}"] for name in names)
    for names in (("hip", "knee", "ankle", "foot"), ("shoulder", "elbow", "wrist", "hand"))
    for side in ("left", "right")
)


def amplify_points(points: F32, fps: float, x: float) -> F32:
    """*points* danced *x* times as large. Raises UsageError outside AMPLIFICATIONS."""
    must_amplify(x)
    if x == 1.0 or points.shape[0] < 3:
        return points
    before, width = points.astype(np.float64), odd(0.5 * MEAN_S * fps)
    root = before[:, :1]
    seen = before - root
    slow = known_mean(seen, width)
    stood = standing(before, fps)
    moved = root.copy()
    known = np.isfinite(root[:, 0, 1])
    if known.all():
        moved[:, 0, 1] = taller(root[:, 0, 1], stood.max(axis=1) > 0.0, x, width)
    return _on_time(before, slow + x * (seen - slow), moved, stood, fps)


def smooth_points(points: F32, fps: float, n: int) -> F32:
    """*points* averaged over *n* poses at 30 a second. Raises UsageError outside WINDOWS."""
    must_smooth(n)
    if n == 1 or points.shape[0] < 3:
        return points
    before, widths = points.astype(np.float64), window(n, fps)
    root = before[:, :1]
    return _on_time(before, known_mean(before - root, *widths), known_mean(root, *widths), standing(before, fps), fps)


def known_mean(values: F64, width: int, other: int = 0) -> F64:
    """`triangle` of what is known of *values*; NaN where nothing is."""
    known = np.isfinite(values)
    there = triangle(known.astype(np.float64), width, other)
    mean = triangle(np.where(known, values, 0.0), width, other)
    return np.divide(mean, there, out=np.full_like(mean, np.nan), where=there > LEAST_M)


def standing(points: F64, fps: float) -> F64:
    """(T, 2) 1 where the left or the right foot is near the floor and hardly moves."""
    feet = points[:, [limb[3] for limb in _LIMBS[:2]]]
    low = feet[..., 1].min(axis=1)
    floor_m = np.percentile(low[np.isfinite(low)], FLOOR_PERCENT) if np.isfinite(low).any() else 0.0
    speed = np.linalg.norm(np.gradient(feet, axis=0), axis=-1) * fps
    return ((feet[..., 1] < floor_m + NEAR_M) & (speed < STILL_M_S)).astype(np.float64)


def _on_time(before: F64, seen: F64, root: F64, stood: F64, fps: float) -> F32:
    """`_built` with each of its stops on the moment that it had *before*, where the whole body is known."""
    there = stops(before.astype(np.float32), fps) if np.isfinite(before).all() else np.zeros(0)
    out = _built(before, seen, root, stood, fps)
    for _ in range(ROUNDS if there.size else 0):
        rows = late(there, stops(out, fps), before.shape[0], fps)
        seen, root = between(seen, rows), between(root, rows)
        out = _built(before, seen, root, stood, fps)
    return out


def _built(before: F64, seen: F64, root: F64, stood: F64, fps: float) -> F32:
    """The body *seen* from *root* (T, 1, 3) with the bones of *before*; where it cannot be built it is left."""
    out = before.copy()
    out[:, :1] = root
    for j in range(1, N_JOINTS):
        p = PARENTS[j]
        way, bone = seen[:, j] - seen[:, p], before[:, j] - before[:, p]
        out[:, j] = out[:, p] + _along(way, _length(bone))
    hold = held(np.repeat(stood, 2, axis=1).astype(np.float32), fps)
    for n, (top, middle, end, tip) in enumerate(_LIMBS):
        target, point = out[:, end].copy(), out[:, tip] - out[:, end]
        if n < 2:
            w = hold[:, n, None]
            target = target + w * (before[:, end] - target)
            point = _along(point + w * (before[:, tip] - before[:, end] - point), _length(point))
            deep = np.minimum(before[:, tip, 1], 0.0) - (target + point)[:, 1]
            target[:, 1] += np.maximum(deep, 0.0)
        _set(before, out, top, middle, end, target)
        out[:, tip] = out[:, end] + point
    return np.where(np.isfinite(out), out, before).astype(np.float32)


def _set(before: F64, out: F64, top: int, middle: int, end: int, target: F64) -> None:
    """The two bones from *top* to *end* anew, so that the end is on *target* and the middle on its own side."""
    upper, lower = _length(before[:, middle] - before[:, top]), _length(before[:, end] - before[:, middle])
    way = target - out[:, top]
    far = _length(way)
    most = np.maximum(REACH * (upper + lower), _length(before[:, end] - before[:, top]))
    reach = np.clip(far, np.minimum(1.02 * np.abs(upper - lower), most), most)
    ahead = _along(way, np.ones_like(far))
    # The side is the body's own before it was scaled: scaled, a straight arm may have passed through itself.
    line = _along(before[:, end] - before[:, top], np.ones_like(far))
    bend = before[:, middle] - before[:, top]
    aside = bend - (bend * line).sum(axis=1, keepdims=True) * line
    aside = aside - (aside * ahead).sum(axis=1, keepdims=True) * ahead
    along = np.divide(reach**2 + upper**2 - lower**2, 2.0 * reach, out=np.zeros_like(reach), where=reach > LEAST_M)
    out_m = np.sqrt(np.maximum(upper**2 - along**2, 0.0))
    out[:, middle] = out[:, top] + along * ahead + _along(aside, out_m)
    out[:, end] = out[:, top] + reach * ahead


def _length(v: F64) -> F64:
    return np.asarray(np.linalg.norm(v, axis=-1, keepdims=True), np.float64)


def _along(v: F64, length: F64) -> F64:
    """*v* (T, 3) made *length* (T, 1) long."""
    own = _length(v)
    return v * np.divide(length, own, out=np.zeros_like(own), where=own > LEAST_M)
