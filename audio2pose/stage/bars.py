"""The scene `bars`: columns of light in an arc behind the dancers; low sounds climb the middle, high ones the wings.

Shapes   see sets.py.
Threads  any; the kernel is pure and writes only into what it is given.
"""

from __future__ import annotations

import math

from numba import njit

from audio2pose.arrays import F32
from audio2pose.stage.camera import project
from audio2pose.stage.mesh import Shapes
from audio2pose.stage.mood import BAR, ENERGY, HIGH, LOW, MID, PHASE
from audio2pose.stage.palettes import ACCENT, BOTTOM, FLOOR, LEFT, RIGHT, TOP
from audio2pose.stage.shapes import (
    PANEL_VERTICES,
    STRIP_VERTICES,
    ground,
    panel,
    panel_triangles,
    reach,
    strip,
    strip_triangles,
)

BARS = 14
ARC_RAD = math.radians(62.0)
RADIUS_M = 3.2
TALL_M = 2.7
HALF_M = 0.045


def shapes() -> list[Shapes]:
    """Reflection, glow, the dark column, its lit part."""
    return [(2 * BARS, PANEL_VERTICES, panel_triangles()), (2 * BARS, STRIP_VERTICES, strip_triangles())]


@njit(cache=True, nogil=True)
def write(
    lens: F32, size: F32, hues: F32, light: float, mood: F32, centre_m: F32, places_m: F32, base: F32, panels: F32, strips: F32,
    spot: F32, tones: F32,
) -> None:  # fmt: skip
    """Write the set; *tones* (4, 3) and *spot* (3,) are room."""
    wide = max(reach(lens, centre_m), 1.0)
    spot[0], spot[1], spot[2] = centre_m[0], 0.0, centre_m[2] - RADIUS_M * wide
    project(spot, lens, spot)
    line = spot[1]
    for c in range(3):
        if light > 0.5:
            tones[0, c], tones[1, c] = hues[BOTTOM, c], 0.92 * hues[FLOOR, c]
            tones[2, c], tones[3, c] = hues[BOTTOM, c], hues[TOP, c]
        else:
            tones[0, c] = 0.30 * hues[BOTTOM, c]
            tones[1, c] = 0.55 * hues[BOTTOM, c] + 0.22 * hues[FLOOR, c]
            tones[2, c] = 0.60 * hues[BOTTOM, c] + 0.10 * hues[FLOOR, c]
            tones[3, c] = 0.50 * hues[TOP, c]
    ground(base[0], size[0], size[1], line, tones, 1.6, 0.4 * (1.0 - 0.7 * light))
    for k in range(BARS):
        u = (2.0 * k + 1.0) / BARS - 1.0  # -1 at the left of the arc, 1 at the right
        out = abs(u)
        # Each band has its own part of the arc, and they overlap a little.
        low, mid, high = max(1.0 - out / 0.42, 0.0), max(1.0 - abs(out - 0.5) / 0.36, 0.0), max(1.0 - (1.0 - out) / 0.40, 0.0)
        band = (low * mood[LOW] + mid * mood[MID] + high * mood[HIGH]) / max(low + mid + high, 0.3)
        # The beat runs from the middle to the wings in a third of itself.
        since = mood[PHASE] - 0.33 * (out - 1.0 / BARS)
        stroke = 0.5 ** (since / 0.16) if since >= 0.0 else 0.5 ** ((since + 1.0) / 0.16)
        level = min(0.10 + 0.20 * mood[ENERGY] + 0.62 * band + 0.26 * stroke * (0.3 + 0.7 * mood[ENERGY]), 1.0)
        # Once a bar a sheen goes along all columns, from beyond the first to beyond the last.
        sheen = math.exp(-(((u - 2.8 * mood[BAR] + 1.4) / 0.16) ** 2))
        level = min(level + 0.16 * sheen, 1.0)
        bright = min(0.45 + 0.25 * mood[ENERGY] + 0.45 * max(band, stroke * (0.3 + 0.7 * mood[ENERGY])) + 0.25 * sheen, 1.0)
        angle = ARC_RAD * u
        spot[0] = centre_m[0] + math.sin(angle) * RADIUS_M * wide * 0.92
        spot[1], spot[2] = 0.0, centre_m[2] - (0.55 + 0.45 * math.cos(angle)) * RADIUS_M * wide
        project(spot, lens, spot)
        x, y, scale = spot[0], spot[1], lens[12] / spot[2] * wide
        tall, half = TALL_M * scale, HALF_M * scale
        for c in range(3):
            end = hues[LEFT, c] if u < 0.0 else hues[RIGHT, c]
            tones[0, c] = hues[ACCENT, c] + (end - hues[ACCENT, c]) * min(1.6 * out, 1.0)
            tones[1, c] = hues[FLOOR, c]
        shown = level * tall
        soft = 0.30 * bright
        panel(
            panels[k], x, y, 4.0 * half, x, y - 0.7 * shown, 5.0 * half, 0.5, 0.3, tones[0], 1.5 * soft, 0.35 * soft, 0.0, light
        )
        panel(
            panels[BARS + k],
            x,
            y,
            6.0 * half,
            x,
            y + 1.25 * shown,
            7.0 * half,
            0.5,
            0.2,
            tones[0],
            soft,
            1.3 * soft,
            0.0,
            light,
        )
        strip(strips[k], x, y, half, x, y + tall, half, 1.0, tones[1], 0.50, 0.25, light)
        strip(strips[BARS + k], x, y, half, x, y + shown, half, 1.2, tones[0], 0.55 * bright, bright, 1.0)
