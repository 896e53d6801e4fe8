"""The scene `sun`: a sun on the horizon that swells with bass and beat; its reflection lies in slats on the floor.

Shapes   see sets.py.
Threads  any; the kernel is pure and writes only into what it is given.
"""

from __future__ import annotations

import math

from numba import njit

from audio2pose.arrays import F32
from audio2pose.stage.camera import project
from audio2pose.stage.mesh import Shapes
from audio2pose.stage.mood import ENERGY, HIGH, LOW, MID, PHASE, PULSE, TIME
from audio2pose.stage.palettes import ACCENT, BOTTOM, FLOOR, LEFT, RIGHT, TOP
from audio2pose.stage.shapes import (
    DISC_VERTICES,
    RIM,
    RING_VERTICES,
    STRIP_VERTICES,
    disc,
    disc_triangles,
    grid,
    ground,
    pool,
    reach,
    ring,
    strip,
    strip_triangles,
)

SLATS = 11
BEHIND_M = 3.5
RADIUS_M = 1.36
HEIGHT_M = 0.72


def shapes() -> list[Shapes]:
    """Halo and the beat's ring, the sun, its soft and its broken reflection."""
    return [
        (2, RING_VERTICES, grid(3, RIM, closed=True)),
        (1, DISC_VERTICES, disc_triangles()),
        (1, DISC_VERTICES, disc_triangles()),
        (2 * SLATS, STRIP_VERTICES, strip_triangles()),
    ]


@njit(cache=True, nogil=True)
def write(
    lens: F32, size: F32, hues: F32, light: float, mood: F32, centre_m: F32, places_m: F32, base: F32, halos: F32, suns: F32,
    mirror: F32, slats: F32, spot: F32, tones: F32,
) -> None:  # fmt: skip
    """Write the set; *tones* (4, 3) and *spot* (3,) are room."""
    wide = max(reach(lens, centre_m), 1.0)
    spot[0], spot[1], spot[2] = centre_m[0], 0.0, centre_m[2] - BEHIND_M * wide
    project(spot, lens, spot)
    line, scale = spot[1], lens[12] / spot[2] * wide
    x, y = spot[0], line + HEIGHT_M * scale
    kick = mood[PULSE] * (0.35 + 0.65 * mood[ENERGY])
    radius = RADIUS_M * scale * (0.94 + 0.05 * kick + 0.07 * mood[LOW])
    for c in range(3):
        if light > 0.5:
            tones[0, c] = 0.5 * hues[BOTTOM, c] + 0.5 * hues[FLOOR, c]
            tones[1, c] = 0.9 * hues[FLOOR, c]
            tones[2, c], tones[3, c] = hues[TOP, c], hues[BOTTOM, c]
        else:
            tones[0, c] = 0.35 * hues[BOTTOM, c]
            tones[1, c] = 0.9 * hues[BOTTOM, c]
            tones[2, c] = 0.8 * hues[BOTTOM, c] + (0.20 + 0.10 * kick) * hues[FLOOR, c]
            tones[3, c] = 0.6 * hues[TOP, c]
    ground(base[0], size[0], size[1], line, tones, 1.6, 0.35 * (1.0 - 0.7 * light))
    far = RADIUS_M * scale * (1.5 + 0.3 * mood[ENERGY])
    shine = (0.22 + 0.22 * kick + 0.16 * mood[LOW]) * (1.0 - 0.55 * light)
    ring(
        halos[0],
        x,
        y,
        radius,
        radius,
        1.0,
        far - RADIUS_M * scale * 0.4,
        hues[LEFT if light > 0.5 else RIGHT],
        shine,
        light,
        line,
    )
    # The beat leaves the sun as a ring of light that grows thinner on its way; high sounds sharpen it.
    p = mood[PHASE]
    out = radius * (1.0 + 0.55 * p)
    edge = (0.035 - 0.02 * p) * RADIUS_M * scale
    bright = (1.0 - p) * (1.0 - p) * (0.25 + 0.35 * mood[ENERGY] + 0.55 * mood[HIGH])
    ring(halos[1], x, y, out, out, edge, edge, hues[LEFT if light > 0.5 else ACCENT], bright, light, line)
    if light > 0.5:
        disc(suns[0], x, y, radius, hues[RIGHT - 1], hues[LEFT], 1.0, 1.0, line)
    else:
        for c in range(3):
            tones[0, c] = hues[RIGHT, c] * (0.80 + 0.20 * kick)
            tones[1, c] = hues[ACCENT, c] * (0.92 + 0.08 * kick)
        disc(suns[0], x, y, radius, tones[0], tones[1], 1.0, 1.0, line)
    warm = hues[LEFT] if light > 0.5 else hues[RIGHT]
    pool(mirror[0], x, 0.58 * line, 1.15 * radius, 0.42 * line, 0.0, warm, 0.16 + 0.14 * kick + 0.08 * mood[LOW], light)
    for k in range(SLATS):
        u = (k + 0.5) / SLATS
        # A slat shows the sun as high above the line as it lies below it.
        below = line * (0.03 + 0.62 * u**1.6)
        up = min(2.0 * below, radius * 0.98 + y - line) + line - y
        half = max(math.sqrt(max(radius * radius - up * up, 0.0)), 0.34 * radius) * (1.0 - 0.15 * u)
        drift = math.sin(1.7 * mood[TIME] + 2.4 * k) * (0.02 + 0.10 * mood[MID]) * radius
        thick = line * (0.003 + 0.012 * u) * (1.0 + 0.6 * kick)
        opacity = (0.90 - 0.75 * u) * (0.60 + 0.25 * kick + 0.40 * mood[MID])
        # The sun from its lower edge upwards.
        t = min(max(0.5 + 0.5 * up / max(radius, 1.0), 0.0), 1.0)
        for c in range(3):
            tones[3, c] = hues[LEFT, c] if light > 0.5 else hues[RIGHT, c] + (hues[ACCENT, c] - hues[RIGHT, c]) * t
        for side in range(2):
            end = x + drift + (half if side else -half)
            strip(
                slats[2 * k + side], x + drift, line - below, thick, end, line - below, 0.2 * thick, 1.5, tones[3], opacity,
                0.0, 1.0,
            )  # fmt: skip
