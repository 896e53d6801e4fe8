"""The scene `spot`: a hard light from above on each dancer, haze in its beam, everything else dark.

Shapes   see sets.py.
Threads  any; the kernel is pure and writes only into what it is given.
"""

from __future__ import annotations

import math

from numba import njit

from audio2pose.arrays import F32
from audio2pose.stage.camera import project
from audio2pose.stage.mesh import Shapes
from audio2pose.stage.mood import ENERGY, HIGH, LOW, MID, PULSE, TIME
from audio2pose.stage.palettes import ACCENT, BOTTOM, FLOOR, LEFT, RIGHT, RIM, TOP, TORSO
from audio2pose.stage.shapes import (
    DISC_VERTICES,
    PANEL_VERTICES,
    STRIP_VERTICES,
    collapse,
    disc_triangles,
    ground,
    horizon,
    panel,
    panel_triangles,
    pool,
    reach,
    strip,
    strip_triangles,
)

LAMPS = 8
MOTES = 14
RADIUS_M = 0.95
LAMP_M = 3.6
"""Height of the lamp: above the picture, so that only its beam is seen."""


def shapes() -> list[Shapes]:
    """Of each lamp the light on the floor (bright, then its soft surround), the beam, motes of dust."""
    return [
        (2 * LAMPS, DISC_VERTICES, disc_triangles()),
        (LAMPS, PANEL_VERTICES, panel_triangles()),
        (MOTES, STRIP_VERTICES, strip_triangles()),
    ]


@njit(cache=True, nogil=True)
def write(
    lens: F32, size: F32, hues: F32, light: float, mood: F32, centre_m: F32, places_m: F32, base: F32, pools: F32, beams: F32,
    motes: F32, spot: F32, tones: F32,
) -> None:  # fmt: skip
    """Write the set; *tones* (4, 3) and *spot* (3,) are room."""
    for c in range(3):
        dark = 0.62 * hues[BOTTOM, c] + 0.38 * hues[TORSO, c] if light > 0.5 else 0.16 * hues[BOTTOM, c]
        tones[0, c], tones[1, c] = dark * 0.92, dark
        tones[2, c], tones[3, c] = dark, dark * (0.96 if light > 0.5 else 0.5)
    ground(base[0], size[0], size[1], horizon(lens), tones, 1.6, 0.25 * (1.0 - 0.6 * light))
    kick = mood[PULSE] * (0.3 + 0.7 * mood[ENERGY])
    crowd = places_m.shape[0]
    wide = max(reach(lens, centre_m), 1.0)
    radius = (RADIUS_M if crowd < 2 else 0.70) * (1.0 + 0.05 * kick + 0.06 * mood[LOW])
    for k in range(LAMPS):
        d = LAMPS - 1 - k  # the first dancer's light lies over the others'
        here = d < crowd and math.isfinite(places_m[d, 0] + places_m[d, 2])
        for c in range(3):
            # Nearly white; each dancer's has a breath of another colour.
            side = (
                hues[RIM, c] if d == 0 else (hues[LEFT, c] if d % 3 == 1 else hues[RIGHT, c] if d % 3 == 2 else hues[ACCENT, c])
            )
            lamp = 0.55 * hues[ACCENT, c] + 0.45 * (hues[RIM, c] * 0.7 + side * 0.3)
            tones[0, c] = 0.6 * hues[TOP, c] + 0.4 if light > 0.5 else lamp
            tones[1, c] = 0.5 * lamp + 0.5 * hues[FLOOR, c]
        if not here:
            collapse(pools[k])
            collapse(pools[LAMPS + k])
            collapse(beams[k])
            continue
        x, z = places_m[d, 0], places_m[d, 2]
        spot[0], spot[1], spot[2] = x, 0.0, z
        project(spot, lens, spot)
        x0, y0, scale = spot[0], spot[1], lens[12] / spot[2]
        # How flat a circle on the floor is seen.
        half, flat = radius * scale, lens[1] / math.sqrt((lens[0] - x) ** 2 + lens[1] ** 2 + (lens[2] - z) ** 2)
        spot[0], spot[1], spot[2] = x, LAMP_M * wide, z - 0.15
        project(spot, lens, spot)
        first = 1.0 if d == 0 else 0.72
        bright = first * (0.50 + 0.28 * kick + 0.18 * mood[LOW])
        pool(pools[k], x0, y0, 2.1 * half, 2.1 * half * flat, 0.0, tones[1], 0.35 * bright, light)
        pool(pools[LAMPS + k], x0, y0, half, half * flat, 0.94, tones[0], bright, light)
        haze = first * (0.29 + 0.10 * mood[ENERGY] + 0.14 * mood[MID] + 0.10 * kick)
        if light > 0.5:
            haze *= 1.9
        if crowd > 3:
            haze *= 0.7
        panel(beams[k], spot[0], spot[1], 0.10 * wide * scale, x0, y0, half, 0.97, 0.6, tones[0], haze, 0.55 * haze, 0.0, light)
    for k in range(MOTES):
        # Dust sinks slowly through the first lamp's beam and glitters with the high sounds.
        fall = (0.37 * k + mood[TIME] * (0.030 + 0.004 * (k % 5))) % 1.0
        tall = 2.3 * (1.0 - fall) + 0.1
        reach_m = radius * (1.0 - tall / (LAMP_M * wide))
        spot[0] = places_m[0, 0] + reach_m * 0.85 * math.sin(2.4 * k + 0.35 * mood[TIME]) if crowd else 0.0
        spot[1] = tall
        spot[2] = places_m[0, 2] + reach_m * 0.6 * math.cos(1.7 * k) if crowd else 0.0
        seen = crowd > 0 and math.isfinite(spot[0] + spot[2])
        if not seen:
            collapse(motes[k])
            continue
        project(spot, lens, spot)
        px = max(size[1] / 720.0, 1.0) * (0.5 + 0.3 * (k % 3))
        opacity = (0.15 + 0.75 * mood[HIGH]) * math.sin(math.pi * fall)
        for c in range(3):
            tones[2, c] = hues[ACCENT, c]
        strip(motes[k], spot[0], spot[1] - px, px, spot[0], spot[1] + px, px, 1.0, tones[2], opacity, opacity, light)
