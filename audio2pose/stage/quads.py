"""The figure as quads in pixels: projected, ordered from back to front, ready to upload.

Shapes   marks_m: (N_MARKS, 3); rows: (N, 4, ROW), four corners a quad; see figure.vert.glsl for a row's columns.
Threads  any; kernels are pure, write only into what they are given and run without the GIL.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, I32
from audio2pose.stage.anatomy import (
    LIMB_BACK_M,
    LIMB_CAPS,
    LIMB_ENDS,
    LIMB_MIX,
    LIMB_RADII_M,
    LIMB_SIDES,
    MASS_MARKS,
    MASS_RADII_M,
    MASS_SIDES,
    MASS_STEPS,
    N_LIMBS,
    N_MASSES,
)
from audio2pose.stage.camera import project

ROW = 36
"""Floats a corner: corner 2, six balls of 4, two colours of 4, kind and softness."""
N_PARTS = N_LIMBS + N_MASSES
"""Volumes of one body: limbs, then masses."""

FAINT = 0.03
"""A reflection of less than this is left out."""

_ZERO = np.float32(0.0)


@njit(cache=True, nogil=True)
def hide(quad: F32) -> None:
    """Make *quad* (4, ROW) cover no pixel."""
    for corner in range(4):
        quad[corner, 0] = _ZERO
        quad[corner, 1] = _ZERO


@njit(cache=True, nogil=True)
def around(quad: F32, x0: float, y0: float, r0: float, x1: float, y1: float, r1: float, margin: float) -> None:
    """Write the corners of *quad* (4, any) around a capsule, turned along its axis, *margin* pixels outside."""
    x, y = x1 - x0, y1 - y0
    long = np.sqrt(x * x + y * y)
    if long > 1e-3:
        x, y = x / long, y / long
    else:
        x, y = 1.0, 0.0
    before, after = r0 + margin, r1 + margin
    # Along a limb that is not seen end on, the sides may follow its taper: fewer pixels are tried in vain.
    tapers = long > 4.0 * abs(r0 - r1)
    for corner in range(4):
        half = (before if corner < 2 else after) if tapers else max(before, after)
        across = half if corner in (1, 2) else -half
        if corner < 2:
            quad[corner, 0], quad[corner, 1] = x0 - x * before - y * across, y0 - y * before + x * across
        else:
            quad[corner, 0], quad[corner, 1] = x1 + x * after - y * across, y1 + y * after + x * across


@njit(cache=True, nogil=True)
def box(quad: F32, balls: int, margin: float) -> None:
    """Write the corners of *quad* (4, ROW) around its first *balls* balls, *margin* pixels outside."""
    left, right, low, high = np.float32(1e9), np.float32(-1e9), np.float32(1e9), np.float32(-1e9)
    for i in range(balls):
        x, y, r = quad[0, 2 + 4 * i], quad[0, 3 + 4 * i], quad[0, 5 + 4 * i]
        left, right = min(left, x - r), max(right, x + r)
        low, high = min(low, y - r), max(high, y + r)
    for corner in range(4):
        quad[corner, 0] = right + margin if corner in (1, 2) else left - margin
        quad[corner, 1] = high + margin if corner >= 2 else low - margin


@njit(cache=True, nogil=True)
def same_corners(quad: F32) -> None:
    """Copy what the first corner of *quad* (4, any) knows to the others, but not its place."""
    for corner in range(1, 4):
        for f in range(2, quad.shape[1]):
            quad[corner, f] = quad[0, f]


@njit(cache=True, nogil=True)
def put_ball(quad: F32, i: int, mark_m: F32, radius_m: float, lens: F32, mirror: float, spot: F32) -> float:
    """Write ball *i* of *quad* at *mark_m* (3,), its height times *mirror*; returns its depth, NaN where unknown."""
    spot[0], spot[1], spot[2] = mark_m[0], mark_m[1] * mirror, mark_m[2]
    project(spot, lens, spot)
    scale = lens[12] / spot[2]
    quad[0, 2 + 4 * i], quad[0, 3 + 4 * i] = spot[0], spot[1]
    quad[0, 4 + 4 * i], quad[0, 5 + 4 * i] = np.float32(1.0), radius_m * scale
    return float(spot[2]) if np.isfinite(spot[0] + spot[1]) else np.nan


@njit(cache=True, nogil=True)
def part(
    quad: F32, p: int, marks_m: F32, lens: F32, tones: F32, mirror: float, opacity: float, soft_m: float, spot: F32
) -> float:
    """Write volume *p* of a body into *quad* (4, ROW); returns its depth in metres, or -1 where it is not to be seen."""
    mass = p - N_LIMBS
    depth = np.float32(0.0)
    balls = 6 if mass >= 0 else 2
    for i in range(balls):
        if mass >= 0:
            depth += put_ball(quad, i, marks_m[MASS_MARKS[mass, i]], MASS_RADII_M[mass, i], lens, mirror, spot)
        else:
            depth += put_ball(quad, i, marks_m[LIMB_ENDS[p, i]], LIMB_RADII_M[p, i], lens, mirror, spot)
            quad[0, 4 + 4 * i] = LIMB_CAPS[p, i]
    depth /= balls
    if mirror < 0.0:
        # A reflection fades with height; it also hides that see-through parts add up where they overlap.
        away = marks_m[MASS_MARKS[mass, 0], 1] if mass >= 0 else marks_m[LIMB_ENDS[p, 0], 1]
        opacity *= math.exp(-max(away, _ZERO) / 0.35)
    if not np.isfinite(depth) or opacity < FAINT:
        hide(quad)
        return -1.0
    scale = lens[12] / depth
    side = MASS_SIDES[mass] if mass >= 0 else LIMB_SIDES[p]
    for c in range(3):
        for end in range(2):
            k = np.float32(1.0) if mass >= 0 else LIMB_MIX[p, end]
            quad[0, 26 + 4 * end + c] = tones[0, c] + (tones[side, c] - tones[0, c]) * k
    bulge = _ZERO if mass >= 0 else LIMB_RADII_M[p, 2] * scale
    soft_px = max(soft_m * scale, np.float32(0.75))
    quad[0, 29], quad[0, 33], quad[0, 34], quad[0, 35] = (
        opacity,
        bulge,
        MASS_STEPS[mass] if mass >= 0 else np.float32(1.0),
        soft_px,
    )
    # The dark line beside a volume, the softness of its edge, and what the blend of a mass adds outside of its parts.
    margin = max(soft_px, 0.24 * quad[0, 9] + 1.0) + 1.0
    if mass >= 0:
        box(quad, balls, margin + 0.2 * quad[0, 5])
    else:
        around(quad, quad[0, 2], quad[0, 3], quad[0, 5], quad[0, 6], quad[0, 7], quad[0, 9], margin + bulge)
    same_corners(quad)
    return float(depth + (_ZERO if mass >= 0 else LIMB_BACK_M[p]))


@njit(cache=True, nogil=True)
def body(
    marks_m: F32, lens: F32, tones: F32, mirror: float, opacity: float, soft_m: float, quads: F32, depths: F32, spot: F32
) -> None:
    """Write all volumes of one body into *quads* (N_PARTS, 4, ROW), and how far away each is into *depths* (N_PARTS,)."""
    for p in range(N_PARTS):
        depths[p] = part(quads[p], p, marks_m, lens, tones, mirror, opacity, soft_m, spot)


@njit(cache=True, nogil=True)
def back_to_front(depths: F32, order: I32) -> None:
    """Write into *order* (N,) the places of *depths* (N,) with the farthest first; equal depths keep their order."""
    for i in range(depths.shape[0]):
        k = i
        while k > 0 and depths[order[k - 1]] < depths[i]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = i
