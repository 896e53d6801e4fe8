"""The few shapes of which sets are built, written as vertices in pixels: ground, disc, ring, bar, beam, line.

Shapes   mesh: (vertices, LIGHT_ROW), see light.py; a colour is (3,), sRGB. *covers*: 1 hides what is behind, 0 adds to it.
Threads  any; kernels are pure, write only into what they are given and run without the GIL.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from audio2pose.arrays import F32
from audio2pose.stage.light import ROUND, paint

COLUMNS, FLOOR_ROWS, SKY_ROWS = 9, 9, 9
GROUND_VERTICES = COLUMNS * (FLOOR_ROWS + SKY_ROWS)
RIM = 64
DISC_VERTICES, RING_VERTICES = 1 + 2 * RIM, 3 * RIM
STRIP_VERTICES = 8
"""A strip: four across (soft edge, two of the core, soft edge) at either end."""
PANEL_ROWS, PANEL_COLUMNS = 6, 7
PANEL_VERTICES = PANEL_ROWS * PANEL_COLUMNS

_TURNS = np.arange(RIM) * 2.0 * np.pi / RIM
_CIRCLE: F32 = np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1).astype(np.float32)
_ALONG: F32 = np.array([0.0, 0.25, 0.5, 0.75, 0.88, 1.0], np.float32)


def grid(rows: int, columns: int, *, closed: bool = False) -> NDArray[np.uint32]:
    """Triangles between neighbours of vertices (rows, columns); *closed*: the last column meets the first."""
    right = np.arange(columns if closed else columns - 1)
    row = np.arange(rows - 1)[:, None] * columns
    here, there = row + right, row + (right + 1) % columns
    return (
        np.stack([here, there, here + columns, there, there + columns, here + columns], axis=-1).reshape(-1).astype(np.uint32)
    )


def ground_triangles() -> NDArray[np.uint32]:
    """Of the ground: floor and sky do not share the vertices at the horizon, so that it may be a hard line."""
    floor = grid(FLOOR_ROWS, COLUMNS)
    return np.concatenate([floor, grid(SKY_ROWS, COLUMNS) + COLUMNS * FLOOR_ROWS]).astype(np.uint32)


def disc_triangles() -> NDArray[np.uint32]:
    """Of a disc: around vertex 0, then its smooth edge."""
    fan = np.array([(0, 1 + i, 1 + (i + 1) % RIM) for i in range(RIM)]).reshape(-1)
    return np.concatenate([fan, 1 + grid(2, RIM, closed=True)]).astype(np.uint32)


@njit(cache=True, nogil=True)
def collapse(mesh: F32) -> None:
    """Make *mesh* cover no pixel: one that is only invisible costs as much as one that is seen."""
    for i in range(mesh.shape[0]):
        mesh[i, 0], mesh[i, 1] = np.float32(0.0), np.float32(0.0)


@njit(cache=True, nogil=True)
def horizon(lens: F32) -> float:
    """The row in pixels at which a floor without end would end."""
    flat = np.sqrt(lens[9] * lens[9] + lens[11] * lens[11])
    return float(lens[14] - lens[12] * (lens[6] * lens[9] + lens[8] * lens[11]) / max(flat * flat, 1e-6))


@njit(cache=True, nogil=True)
def reach(lens: F32, centre_m: F32) -> float:
    """Metres of the picture's height where the dancers stand, as a share of what one dancer alone is given."""
    far = np.float32(0.0)
    for a in (0, 2):
        far += (lens[a] - centre_m[a]) * (lens[a] - centre_m[a])
    return float(np.sqrt(far) / 5.17)


@njit(cache=True, nogil=True)
def ground(mesh: F32, width: float, height: float, line: float, tones: F32, fall: float, dim: float) -> None:
    """Write floor and sky that meet at row *line*; *tones* (4, 3): floor near and far, sky low and high.

    *fall*: 1 or more, how steeply the colours fall from those at the line; *dim*: how much darker the left and right are.
    """
    for row in range(FLOOR_ROWS + SKY_ROWS):
        sky = row >= FLOOR_ROWS
        t = (row - FLOOR_ROWS) / (SKY_ROWS - 1) if sky else row / (FLOOR_ROWS - 1)
        y = line + (height - line) * t if sky else line * (1.0 - (1.0 - t) ** 2)
        k = 1.0 - (1.0 - t) ** fall if sky else t**fall
        for column in range(COLUMNS):
            x = column / (COLUMNS - 1)
            aside = (2.0 * x - 1.0) ** 2
            vertex = mesh[row * COLUMNS + column]
            vertex[0], vertex[1], vertex[2], vertex[3] = x * width, y, 1.0, 0.0
            for c in range(3):
                a, b = (tones[2, c], tones[3, c]) if sky else (tones[0, c], tones[1, c])
                vertex[4 + c] = (a + (b - a) * k) * (1.0 - dim * aside)
            vertex[7] = 1.0


@njit(cache=True, nogil=True)
def tint(vertex: F32, colour: F32, opacity: float, covers: float) -> None:
    """Write all of *vertex* but its place: as bright everywhere as its corners say."""
    paint(vertex, 1.0, 0.0, colour, opacity, covers)


@njit(cache=True, nogil=True)
def cut(vertex: F32, x: float, y: float, wide: float, high: float, k: int, floor: float) -> None:
    """Place *vertex* at point *k* of an ellipse, or where the ellipse meets row *floor* if that lies above the point."""
    cos, sin = _CIRCLE[k, 0], _CIRCLE[k, 1]
    low = (floor - y) / max(high, 1e-3)
    if sin < low:
        sin = min(low, 1.0)
        cos = np.sqrt(max(1.0 - sin * sin, 0.0)) * (1.0 if cos >= 0.0 else -1.0)
    vertex[0], vertex[1] = x + wide * cos, max(y + high * sin, floor)


@njit(cache=True, nogil=True)
def disc(
    mesh: F32, x: float, y: float, radius: float, below: F32, above: F32, opacity: float, covers: float, floor: float
) -> None:
    """Write a disc, its colour from *below* to *above*, a pixel of smooth edge, cut off at row *floor*."""
    for i in range(1 + 2 * RIM):
        vertex = mesh[i]
        r = 0.0 if i == 0 else (radius if i <= RIM else radius + 1.5)
        k = (i - 1) % RIM
        cut(vertex, x, y, r, r, k, floor)
        up = min(max(0.5 + 0.5 * (vertex[1] - y) / max(radius, 1.0), 0.0), 1.0)
        shown = 0.0 if i > RIM else opacity
        for c in range(3):
            vertex[4 + c] = (below[c] + (above[c] - below[c]) * up) * shown
        vertex[2], vertex[3], vertex[7] = 1.0, 0.0, covers * shown


@njit(cache=True, nogil=True)
def pool(
    mesh: F32, x: float, y: float, wide: float, high: float, core: float, colour: F32, opacity: float, covers: float
) -> None:
    """Write a disc's mesh as a light *wide* and *high* from its middle to its end: even within *core* (0..1), then softer."""
    for i in range(1 + 2 * RIM):
        k = (i - 1) % RIM
        r = 0.0 if i == 0 else ((core if core > 0.0 else 0.5) if i <= RIM else 1.0)
        mesh[i, 0], mesh[i, 1] = x + r * wide * _CIRCLE[k, 0], y + r * high * _CIRCLE[k, 1]
        paint(mesh[i], 0.0 if i > RIM else (1.0 if core > 0.0 else 1.0 - r), ROUND, colour, opacity, covers)


@njit(cache=True, nogil=True)
def ring(
    mesh: F32, x: float, y: float, wide: float, high: float, inner: float, outer: float, colour: F32, opacity: float,
    covers: float, floor: float,
) -> None:  # fmt: skip
    """Write a ring: brightest on the ellipse *wide*, *high*; gone *inner* pixels inside and *outer* outside of it."""
    for row in range(3):
        off = -inner if row == 0 else (outer if row == 2 else 0.0)
        for k in range(RIM):
            vertex = mesh[row * RIM + k]
            cut(vertex, x, y, max(wide + off, 0.0), max(high + off * high / max(wide, 1.0), 0.0), k, floor)
            paint(vertex, 1.0 if row == 1 else 0.0, 0.0, colour, opacity, covers)


@njit(cache=True, nogil=True)
def strip(
    mesh: F32, x0: float, y0: float, half0: float, x1: float, y1: float, half1: float, soft: float, colour: F32,
    opacity0: float, opacity1: float, covers: float,
) -> None:  # fmt: skip
    """Write a line or bar from one end to the other, half as wide as told at each, with edges *soft* pixels wide."""
    x, y = x1 - x0, y1 - y0
    long = max(np.sqrt(x * x + y * y), 1e-6)
    x, y = x / long, y / long
    for k in range(8):
        end, across = k // 4, k % 4
        half = (half1 if end else half0) + (soft if across in (0, 3) else 0.0)
        side = half if across >= 2 else -half
        vertex = mesh[k]
        vertex[0] = (x1 if end else x0) - y * side
        vertex[1] = (y1 if end else y0) + x * side
        tint(vertex, colour, 0.0 if across in (0, 3) else (opacity1 if end else opacity0), covers)


@njit(cache=True, nogil=True)
def panel(
    mesh: F32, x0: float, y0: float, half0: float, x1: float, y1: float, half1: float, core: float, edge: float,
    colour: F32, opacity0: float, opacity: float, opacity1: float, covers: float,
) -> None:  # fmt: skip
    """Write a soft strip: *opacity0* at its beginning, *opacity* at three quarters of its way, *opacity1* at its end.

    Across it falls from the middle to a share *edge* at *core* (0..1) of its half width, and to nothing at its side.
    """
    x, y = x1 - x0, y1 - y0
    long = max(np.sqrt(x * x + y * y), 1e-6)
    x, y = x / long, y / long
    for row in range(PANEL_ROWS):
        t = _ALONG[row]
        half = half0 + (half1 - half0) * t
        shown = opacity0 + (opacity - opacity0) * t / 0.75 if t <= 0.75 else opacity + (opacity1 - opacity) * (t - 0.75) / 0.25
        for column in range(PANEL_COLUMNS):
            out = abs(column - 3)
            side = (1.0 if out == 3 else 0.5 * core * out) * (half if column > 3 else -half)
            light = 0.0 if out == 3 else 1.0 - 0.5 * out * (1.0 - edge)
            vertex = mesh[row * PANEL_COLUMNS + column]
            vertex[0], vertex[1] = x0 + (x1 - x0) * t - y * side, y0 + (y1 - y0) * t + x * side
            tint(vertex, colour, shown * light, covers)


def panel_triangles() -> NDArray[np.uint32]:
    """Of a panel."""
    return grid(PANEL_ROWS, PANEL_COLUMNS)


def strip_triangles() -> NDArray[np.uint32]:
    """Of a strip."""
    return grid(2, 4)
