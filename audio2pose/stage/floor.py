"""The scene `rings`: gradient, pool of light, rings and spokes in perspective, a wave each beat.

Shapes   lens: (16,), see camera.py; the meshes are made once and never change.
Threads  the one that owns the GL context.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from vispy import gloo

from audio2pose.arrays import F32
from audio2pose.stage.mesh import shader
from audio2pose.stage.mood import ENERGY, LOW, PHASE, PULSE
from audio2pose.stage.palettes import Palette

_COLUMNS = np.linspace(-1.0, 1.0, 17)
_ROWS = np.concatenate([np.linspace(-1.0, 0.1, 18), np.linspace(0.1, 1.0, 7)[1:]])
"""Where the ground's colour is worked out: dense on the floor, which is seen flat. Every corner costs, most of all where
processor cores are the GPU."""
RING_STEP_M, RINGS, SPOKES, ARCS = 0.5, 9, 24, 60
_WAVE = ((-0.03, 0.0), (0.0, 1.0), (0.16, 0.40), (0.32, 0.14), (0.60, 0.0))
"""Metres behind the front of the wave, brightness there."""
_LINE = np.dtype([("a_place", np.float32, 4), ("a_along", np.float32)])


def _strip(rows: int, columns: int) -> NDArray[np.uint32]:
    """Triangles between all neighbours of a grid of vertices (rows, columns): (6 (rows - 1) (columns - 1),)."""
    at = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).reshape(-1, 1)
    return (at + np.array([0, 1, columns, 1, columns + 1, columns])).astype(np.uint32).reshape(-1)


def floor_lines(ring_opacity: float, spoke_opacity: float) -> tuple[NDArray[np.void], NDArray[np.uint32]]:
    """Vertices and triangles of everything that lies on the floor."""
    angles = np.linspace(0.0, 2.0 * math.pi, ARCS + 1)
    grids = []
    for k in range(1, RINGS + 1):
        around = np.linspace(0.0, 2.0 * math.pi, (ARCS if k > 3 else 44) + 1)
        grids.append([[(k * RING_STEP_M, a, side, ring_opacity, 0.0) for a in around] for side in (-1.0, 1.0)])
    for k in range(SPOKES):
        a, reach = 2.0 * math.pi * k / SPOKES, np.linspace(RING_STEP_M, RING_STEP_M * RINGS, 5)
        grids.append([[(r, a, side, spoke_opacity, 1.0) for r in reach] for side in (-1.0, 1.0)])
    grids.append([[(behind, a, 0.0, bright, 2.0) for a in angles] for behind, bright in _WAVE])
    vertices: list[tuple[tuple[float, ...], float]] = []
    triangles: list[NDArray[np.uint32]] = []
    n = 0
    for grid in grids:
        rows, columns = len(grid), len(grid[0])
        triangles.append(_strip(rows, columns) + n)
        vertices.extend((v[:4], v[4]) for row in grid for v in row)
        n += rows * columns
    return np.array(vertices, _LINE), np.concatenate(triangles).astype(np.uint32)


class Floor:
    """Two meshes: the smooth ground, and the lines on it, which a scene may do without.

    Threads: the one that owns the GL context.
    """

    def __init__(self, *, lines: bool = True) -> None:
        self._ground = gloo.Program(shader("backdrop.vert.glsl"), shader("backdrop.frag.glsl"))
        x, y = np.meshgrid(_COLUMNS, _ROWS)
        self._ground["a_corner"] = np.stack([x, y], axis=-1).reshape(-1, 2).astype(np.float32)
        self._ground_triangles = gloo.IndexBuffer(_strip(_ROWS.shape[0], _COLUMNS.shape[0]))
        self._tints = 0.0
        self._lines: gloo.Program | None = None
        if lines:
            self._lines = gloo.Program(shader("lines.vert.glsl"), shader("lines.frag.glsl"))
            vertices, triangles = floor_lines(0.42, 0.16)
            self._lines.bind(gloo.VertexBuffer(vertices))
            self._line_triangles = gloo.IndexBuffer(triangles)

    def look(self, of: Palette) -> None:
        """Wear another palette."""
        self._tints = 1.0 if of.light else 0.0
        for name, colour in (("top", of.top), ("bottom", of.bottom), ("floor", of.floor)):
            self._ground[f"u_{name}"] = colour
        if self._lines is not None:
            self._lines["u_accent"] = of.accent
            between = tuple(0.55 * f + 0.45 * a for f, a in zip(of.floor, of.accent))
            self._lines["u_line"] = of.accent if of.light else between

    def draw(self, lens: F32, size: tuple[float, float, float], centre_m: F32, mood: F32, _places_m: F32) -> None:
        """Fill the picture; the pulse falls from each beat."""
        pulse = (float(mood[PHASE]), float(mood[PULSE]), float(mood[ENERGY]), float(mood[LOW]))
        for program in (self._ground, self._lines):
            if program is not None:
                program["u_size"] = (*size, self._tints)
                program["u_lens"] = lens
                program["u_beat"] = pulse
                program["u_centre"] = centre_m
        gloo.set_state(blend=False, depth_test=False, cull_face=False)
        self._ground.draw("triangles", self._ground_triangles)
        if self._lines is None:
            return
        # On a dark ground lines only add, which is the cheaper way to blend.
        gloo.set_state(blend=True, blend_func=("one", "one_minus_src_alpha" if self._tints else "one"))
        self._lines.draw("triangles", self._line_triangles)
