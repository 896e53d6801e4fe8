"""What surrounds a body, as small meshes in pixels: its glow, and the shadows below it.

Shapes   marks_m: (N_MARKS, 3); a mesh: (vertices, LIGHT_ROW): x, y, light, kind, premultiplied colour 4.
Threads  any; kernels are pure, write only into what they are given and run without the GIL.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from audio2pose.arrays import F32
from audio2pose.stage.anatomy import DARK, DARK_MARKS, TUBE_ENDS, TUBE_RADII_M
from audio2pose.stage.camera import project

LIGHT_ROW = 8
N_GLOWS, N_SHADOWS = TUBE_ENDS.shape[0], DARK_MARKS.shape[0]
GLOW, ROUND = 0.0, 1.0
GLOW_REACH_M = 0.20
LEAST = 0.22
"""Light at the outer rim of a glow: what is left of its cube is about a step of 8 bits, and a third of its pixels."""
ARC = 9
"""Points of each half circle around the ends of a tube."""
RIM = 16
GLOW_VERTICES, SHADOW_VERTICES = 4 * ARC, 1 + RIM

_ZERO = np.float32(0.0)
_TURNS = np.concatenate([np.linspace(0.5, 1.5, ARC), np.linspace(1.5, 2.5, ARC)]) * np.pi
_RING: F32 = np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1).astype(np.float32)
_TURNS = np.arange(RIM) * 2.0 * np.pi / RIM
_DISC: F32 = np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1).astype(np.float32)


def glow_triangles() -> NDArray[np.uint32]:
    """Of one glow: the tube itself (vertices 0 to 2 ARC - 1, counter-clockwise), then the way out to its rim."""
    n = 2 * ARC
    core = [t for i in range(ARC - 1) for t in (i, n - 1 - i, i + 1, i + 1, n - 1 - i, n - 2 - i)]
    around = [t for i in range(n) for t in (i, n + i, (i + 1) % n, (i + 1) % n, n + i, n + (i + 1) % n)]
    return np.array(core + around, np.uint32)


def shadow_triangles() -> NDArray[np.uint32]:
    """Of one shadow: a disc around vertex 0."""
    return np.array([t for i in range(RIM) for t in (0, 1 + i, 1 + (i + 1) % RIM)], np.uint32)


@njit(cache=True, nogil=True)
def vanish(mesh: F32) -> None:
    """Make *mesh* (N, LIGHT_ROW) cover no pixel."""
    for i in range(mesh.shape[0]):
        for c in range(LIGHT_ROW):
            mesh[i, c] = _ZERO


@njit(cache=True, nogil=True)
def paint(vertex: F32, light: float, kind: float, colour: F32, opacity: float, covers: float) -> None:
    """Write all of *vertex* (LIGHT_ROW,) but its place; *covers*: 1 hides what is behind, 0 adds to it."""
    vertex[2], vertex[3] = light, kind
    for c in range(3):
        vertex[4 + c] = colour[c] * opacity
    vertex[7] = covers * opacity


@njit(cache=True, nogil=True)
def glows(marks_m: F32, lens: F32, colour: F32, opacity: float, covers: float, meshes: F32, ends: F32) -> None:
    """Write the glow of one body into *meshes* (N_GLOWS, GLOW_VERTICES, LIGHT_ROW); *ends* (2, 3) is room for a tube."""
    for g in range(N_GLOWS):
        mesh = meshes[g]
        for end in range(2):
            project(marks_m[TUBE_ENDS[g, end]], lens, ends[end])
        x, y = ends[1, 0] - ends[0, 0], ends[1, 1] - ends[0, 1]
        if not np.isfinite(x + y + ends[0, 2] + ends[1, 2]):
            vanish(mesh)
            continue
        long = np.sqrt(x * x + y * y)
        if long > 1e-3:
            x, y = x / long, y / long
        else:
            x, y = np.float32(1.0), _ZERO
        for i in range(2 * ARC):
            end = i // ARC
            out_x, out_y = _RING[i, 0] * x - _RING[i, 1] * y, _RING[i, 0] * y + _RING[i, 1] * x
            scale = lens[12] / ends[end, 2]
            for rim in range(2):
                vertex = mesh[i + rim * 2 * ARC]
                r = (TUBE_RADII_M[g] + rim * (1.0 - LEAST) * GLOW_REACH_M) * scale
                vertex[0], vertex[1] = ends[end, 0] + r * out_x, ends[end, 1] + r * out_y
                paint(vertex, LEAST if rim else 1.0, GLOW, colour, opacity, covers)


@njit(cache=True, nogil=True)
def shadows(marks_m: F32, lens: F32, colour: F32, strength: float, meshes: F32, spot: F32) -> None:
    """Write into *meshes* (N_SHADOWS, SHADOW_VERTICES, LIGHT_ROW) what the body takes from the floor: wider, fainter above."""
    for k in range(N_SHADOWS):
        mesh, mark = meshes[k], marks_m[DARK_MARKS[k]]
        height = max(mark[1], _ZERO)
        opacity = strength * DARK[k, 1] * max(1.0 - height / 1.3, 0.0)
        spot[0], spot[1], spot[2] = mark[0], _ZERO, mark[2]
        project(spot, lens, spot)
        if not np.isfinite(spot[0] + spot[1] + spot[2] + mark[1]) or opacity < 0.004:
            vanish(mesh)
            continue
        wide = 1.8 * (DARK[k, 0] + 0.20 * height) * lens[12] / spot[2]
        # A disc on the floor is seen as an ellipse: flattened by the sine of the angle at which the eye looks down on it.
        high = wide * lens[1] / spot[2]
        mesh[0, 0], mesh[0, 1] = spot[0], spot[1]
        paint(mesh[0], 1.0, ROUND, colour, opacity, 1.0)
        for i in range(RIM):
            mesh[1 + i, 0], mesh[1 + i, 1] = spot[0] + wide * _DISC[i, 0], spot[1] + high * _DISC[i, 1]
            paint(mesh[1 + i], 0.0, ROUND, colour, opacity, 1.0)
