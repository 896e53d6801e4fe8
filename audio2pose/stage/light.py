"""What surrounds a body, as quads in pixels: its glow, and the shadows below it.

Shapes   marks_m: (N_MARKS, 3); quads: (N, 4, LIGHT_ROW), see light.vert.glsl for a row's columns.
Threads  any; kernels are pure, write only into what they are given and run without the GIL.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from audio2pose.arrays import F32
from audio2pose.stage.anatomy import DARK, DARK_MARKS, TUBE_ENDS, TUBE_RADII_M
from audio2pose.stage.camera import project
from audio2pose.stage.quads import around, hide, same_corners

LIGHT_ROW = 14
"""Floats a corner: corner 2, two ends of 3, colour 4, kind and reach."""
N_GLOWS, N_SHADOWS = TUBE_ENDS.shape[0], DARK_MARKS.shape[0]
GLOW, SHADOW, TRAIL = 0.0, 1.0, 2.0
GLOW_REACH_M = 0.20

_ZERO = np.float32(0.0)


@njit(cache=True, nogil=True)
def glows(marks_m: F32, lens: F32, colour: F32, opacity: float, quads: F32, spot: F32) -> None:
    """Write the glow of one body into *quads* (N_GLOWS, 4, LIGHT_ROW)."""
    for g in range(N_GLOWS):
        quad = quads[g]
        depth = _ZERO
        for end in range(2):
            project(marks_m[TUBE_ENDS[g, end]], lens, spot)
            scale = lens[12] / spot[2]
            depth += spot[0] + spot[1] + scale
            quad[0, 2 + 3 * end], quad[0, 3 + 3 * end] = spot[0], spot[1]
            quad[0, 4 + 3 * end] = TUBE_RADII_M[g] * scale
        if not np.isfinite(depth):
            hide(quad)
            continue
        reach = GLOW_REACH_M * scale
        quad[0, 8], quad[0, 9], quad[0, 10], quad[0, 11] = colour[0], colour[1], colour[2], opacity
        quad[0, 12], quad[0, 13] = GLOW, reach
        around(quad, quad[0, 2], quad[0, 3], quad[0, 4], quad[0, 5], quad[0, 6], quad[0, 7], reach)
        same_corners(quad)


@njit(cache=True, nogil=True)
def shadows(marks_m: F32, lens: F32, colour: F32, quads: F32, spot: F32) -> None:
    """Write into *quads* (N_SHADOWS, 4, LIGHT_ROW) what the body leaves on the floor: wider and fainter with height."""
    for k in range(N_SHADOWS):
        quad, mark = quads[k], marks_m[DARK_MARKS[k]]
        height = max(mark[1], _ZERO)
        spot[0], spot[1], spot[2] = mark[0], _ZERO, mark[2]
        project(spot, lens, spot)
        if not np.isfinite(spot[0] + spot[1] + spot[2] + mark[1]):
            hide(quad)
            continue
        wide = 1.8 * (DARK[k, 0] + 0.20 * height) * lens[12] / spot[2]
        # A disc on the floor is seen as an ellipse: flattened by the sine of the angle at which the eye looks down on it.
        high = wide * lens[1] / spot[2]
        quad[0, 2], quad[0, 3], quad[0, 4], quad[0, 5], quad[0, 6], quad[0, 7] = spot[0], spot[1], _ZERO, wide, high, _ZERO
        quad[0, 8], quad[0, 9], quad[0, 10] = colour[0], colour[1], colour[2]
        quad[0, 11] = DARK[k, 1] * max(1.0 - height / 1.3, 0.0)
        quad[0, 12], quad[0, 13] = SHADOW, 1.0
        same_corners(quad)
        for corner in range(4):
            quad[corner, 0] = spot[0] + (wide if corner in (1, 2) else -wide)
            quad[corner, 1] = spot[1] + (high if corner >= 2 else -high)
