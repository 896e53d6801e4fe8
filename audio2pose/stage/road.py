"""The scene `road`: a floor of lines that leaps towards the eye on each beat, under a glowing horizon.

Shapes   see sets.py.
Threads  any; the kernel is pure and writes only into what it is given.
"""

from __future__ import annotations

import math

from numba import njit

from audio2pose.arrays import F32
from audio2pose.stage.camera import project
from audio2pose.stage.mesh import Shapes
from audio2pose.stage.mood import ENERGY, HIGH, LOW, MID, PHASE, PULSE
from audio2pose.stage.palettes import ACCENT, BOTTOM, FLOOR, GLOW, LEFT, RIGHT, TOP
from audio2pose.stage.shapes import (
    DISC_VERTICES,
    STRIP_VERTICES,
    disc_triangles,
    ground,
    horizon,
    pool,
    reach,
    strip,
    strip_triangles,
)

STEP_M = 1.0
"""The floor comes this much nearer in a beat."""
ACROSS = 30
ALONG = 41
FAR_M = 28.0
NEAR_M = 1.9
"""From the followed centre, with one dancer: where the lines begin behind it, where they have left the picture in front."""


def shapes() -> list[Shapes]:
    """The horizon's glow, lines across, lines along, the horizon itself."""
    return [
        (1, DISC_VERTICES, disc_triangles()),
        (ACROSS, STRIP_VERTICES, strip_triangles()),
        (ALONG, STRIP_VERTICES, strip_triangles()),
        (1, STRIP_VERTICES, strip_triangles()),
    ]


@njit(cache=True, nogil=True)
def write(
    lens: F32, size: F32, hues: F32, light: float, mood: F32, centre_m: F32, places_m: F32, base: F32, glows: F32,
    across: F32, along: F32, edge: F32, spot: F32, tones: F32,
) -> None:  # fmt: skip
    """Write the set; *tones* (4, 3) and *spot* (3,) are room."""
    line, wide = horizon(lens), max(reach(lens, centre_m), 1.0)
    kick = mood[PULSE] * (0.35 + 0.65 * mood[ENERGY])
    shine = (0.30 + 0.30 * mood[MID] + 0.26 * kick) * (1.0 - 0.5 * light)
    for c in range(3):
        if light > 0.5:
            tones[0, c] = hues[BOTTOM, c]
            tones[1, c] = hues[BOTTOM, c] + (hues[LEFT, c] - hues[BOTTOM, c]) * 0.5 * shine
            tones[2, c] = hues[FLOOR, c] + (hues[LEFT, c] - hues[FLOOR, c]) * shine
            tones[3, c] = hues[TOP, c]
        else:
            tones[0, c] = 0.28 * hues[BOTTOM, c]
            tones[1, c] = 0.75 * hues[BOTTOM, c] + 0.6 * shine * hues[GLOW, c]
            tones[2, c] = 0.7 * hues[BOTTOM, c] + 0.2 * hues[FLOOR, c] + shine * hues[GLOW, c]
            tones[3, c] = 0.5 * hues[TOP, c]
    ground(base[0], size[0], size[1], line, tones, 2.6, 0.35 * (1.0 - 0.7 * light))
    tall = size[1] * (0.08 + 0.04 * mood[MID])
    pool(glows[0], lens[13], line, 0.40 * size[0], tall, 0.0, hues[ACCENT], 0.9 * shine, light)
    # A leap: fast on the beat, nearly still before the next.
    p = mood[PHASE]
    run = 1.0 - (1.0 - p) ** 2.4
    px = max(size[1] / 720.0, 1.0)
    glow = 0.34 + 0.30 * mood[ENERGY] + 0.36 * max(kick, mood[LOW])
    for c in range(3):
        tones[0, c] = hues[ACCENT, c] if light > 0.5 else 0.55 * hues[ACCENT, c] + 0.45 * hues[GLOW, c]
        tones[1, c] = hues[ACCENT, c]
    back_x, back_z = lens[9], lens[11]
    flat = max(math.sqrt(back_x * back_x + back_z * back_z), 1e-6)
    back_x, back_z = back_x / flat, back_z / flat
    near, far = NEAR_M * wide, FAR_M * wide
    step = STEP_M * wide
    for k in range(ACROSS):
        # Every fourth line is a bar's; all come from far behind to in front of the dancers. The grid turns with the camera.
        z = near - (k - run) * step
        opacity = max(1.0 - (near - z) / far, 0.0)
        opacity *= opacity * glow
        reach_m = 14.0 * wide
        x0, z0 = centre_m[0] + back_x * z, centre_m[2] + back_z * z
        spot[0], spot[1], spot[2] = x0 - back_z * reach_m, 0.0, z0 + back_x * reach_m
        project(spot, lens, spot)
        ax, ay, scale = spot[0], spot[1], lens[12] / spot[2]
        spot[0], spot[1], spot[2] = x0 + back_z * reach_m, 0.0, z0 - back_x * reach_m
        project(spot, lens, spot)
        half = max(0.011 * wide * scale, 0.35 * px)
        strip(across[k], ax, ay, half, spot[0], spot[1], half, 1.2, tones[0], opacity, opacity, light)
    for k in range(ALONG):
        x = (k - (ALONG - 1) / 2) * step
        x0, z0 = centre_m[0] + back_z * x, centre_m[2] - back_x * x
        spot[0], spot[1], spot[2] = x0 + back_x * near, 0.0, z0 + back_z * near
        project(spot, lens, spot)
        ax, ay, scale = spot[0], spot[1], lens[12] / spot[2]
        spot[0], spot[1], spot[2] = x0 - back_x * 3.0 * far, 0.0, z0 - back_z * 3.0 * far
        project(spot, lens, spot)
        half = max(0.011 * wide * scale, 0.35 * px)
        side = hues[LEFT] if x < 0.0 else hues[RIGHT]
        for c in range(3):
            aside = min(abs(x) / (5.0 * wide), 1.0)
            tones[2, c] = tones[0, c] + (side[c] - tones[0, c]) * aside * (0.35 + 0.65 * mood[HIGH])
        strip(
            along[k],
            ax,
            ay,
            half,
            spot[0],
            spot[1],
            0.35 * px,
            1.2,
            tones[2],
            min(0.75 * glow + 0.5 * mood[HIGH], 1.0),
            0.0,
            light,
        )
    bright = min(0.55 + 0.45 * max(kick, mood[MID]), 1.0)
    strip(edge[0], -2.0, line, 0.8 * px, size[0] + 2.0, line, 0.8 * px, 1.5, tones[1], bright, bright, light)
