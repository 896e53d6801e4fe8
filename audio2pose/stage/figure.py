"""The dancers drawn: one program and one draw call for the bodies, one for the light and shadow around them.

Shapes   positions_m: (D, 24, 3), metres on the stage.
Threads  the one that owns the GL context.
Source   distance fields of capsules after Quilez, "2D distance functions"; our own shading.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
from numpy.typing import NDArray
from vispy import gloo

from audio2pose.arrays import F32
from audio2pose.stage.anatomy import GLOW, N_MARKS, landmarks, looks, visor
from audio2pose.stage.light import (
    GLOW_VERTICES,
    N_GLOWS,
    N_SHADOWS,
    SHADOW_VERTICES,
    glow_triangles,
    glows,
    shadow_triangles,
    shadows,
)
from audio2pose.stage.palettes import Palette
from audio2pose.stage.quads import N_PARTS, ROW, back_to_front, body
from audio2pose.stage.trails import N_TRAIL_QUADS, TRAIL_TRIANGLES, Trails

_BODY = np.dtype(
    [("a_corner", np.float32, 2), *((f"a_ball{i}", np.float32, 4) for i in range(6)), ("a_colour0", np.float32, 4),
     ("a_colour1", np.float32, 4), ("a_kind", np.float32, 2)]
)  # fmt: skip
_LIGHT = np.dtype([("a_corner", np.float32, 2), ("a_light", np.float32, 2), ("a_colour", np.float32, 4)])
_QUAD = np.array([0, 1, 2, 0, 2, 3], np.uint32)


def shader(name: str) -> str:
    """The text of a shader beside this file."""
    return (resources.files(__package__) / name).read_text("utf-8")


class _Mesh:
    """Triangles on their way to the GPU: the vertices' numbers, their buffer, their program.

    Threads: the one that owns the GL context.
    """

    def __init__(
        self, program: gloo.Program, dtype: np.dtype[np.void], shapes: list[tuple[int, int, NDArray[np.uint32]]]
    ) -> None:
        """*shapes*: how many of a kind, the vertices of one, the triangles of one; drawn in this order."""
        row = dtype.itemsize // 4
        self.flat: F32 = np.zeros((sum(n * vertices for n, vertices, _ in shapes), row), np.float32)
        self.kinds: list[F32] = []
        triangles, at = [], 0
        for n, vertices, one in shapes:
            self.kinds.append(self.flat[at : at + n * vertices].reshape(n, vertices, row))
            triangles.append((at + vertices * np.arange(n)[:, None] + one).reshape(-1).astype(np.uint32))
            at += n * vertices
        self._vertices = self.flat.reshape(-1).view(dtype)
        self._buffer = gloo.VertexBuffer(self._vertices)
        self._triangles = gloo.IndexBuffer(np.concatenate(triangles))
        self._program = program
        program.bind(self._buffer)

    def draw(self, size: tuple[float, float, float, float]) -> None:
        self._buffer.set_data(self._vertices, copy=False)
        self._program["u_size"] = size
        self._program.draw("triangles", self._triangles)


class Figure:
    """All dancers of a picture, with a `floor` (shadows, reflections) and with `glow` (and trails) or without.

    `keyed`: the background will be cut out, so no line in its colour, and little light on the edge that blends with it.

    Threads: the one that owns the GL context.
    """

    def __init__(self, of: Palette, edge: tuple[float, float, float], *, floor: bool, glow: bool, keyed: bool) -> None:
        self._floor, self._glow = floor, glow
        self._tints = 1.0 if of.light else 0.0
        self._glow_opacity = 0.22 if of.light else 0.20
        self._reflect = 0.22 if of.light else 0.34
        self._trail = 0.0 if of.light else 0.42
        self._tones: F32 = np.array([of.torso, of.left, of.right, of.glow, of.glass], np.float32)
        self._shade: F32 = np.array([c * (0.45 if of.light else 0.12) for c in of.bottom], np.float32)
        self._body_program = gloo.Program(shader("figure.vert.glsl"), shader("figure.frag.glsl"))
        self._body_program["u_rim"] = tuple(c * (0.3 if keyed else 1.0) for c in of.rim)
        self._body_program["u_edge"] = (*edge, 0.0 if keyed else 0.75)
        self._light_program = gloo.Program(shader("light.vert.glsl"), shader("light.frag.glsl"))
        self._spot: F32 = np.zeros(3, np.float32)
        self._face: F32 = np.zeros(3, np.float32)
        self._ends: F32 = np.zeros((2, 3), np.float32)
        self._dancers = 0
        self.trails: list[Trails] = []

    def _allocate(self, dancers: int) -> None:
        self._dancers = dancers
        n = dancers * N_PARTS
        self._marks: F32 = np.zeros((dancers, N_MARKS, 3), np.float32)
        self._loose: F32 = np.zeros((n, 4, ROW), np.float32)
        self._depths: F32 = np.zeros(n, np.float32)
        self._order = np.zeros(n, np.int32)
        self._bodies = _Mesh(self._body_program, _BODY, [(2 * n, 4, _QUAD)])
        self._lights = _Mesh(
            self._light_program,
            _LIGHT,
            [
                (dancers * N_SHADOWS, SHADOW_VERTICES, shadow_triangles()),
                (dancers * N_GLOWS, GLOW_VERTICES, glow_triangles()),
                (dancers * N_TRAIL_QUADS, 6, np.array(TRAIL_TRIANGLES, np.uint32)),
            ],
        )
        self.trails = [Trails() for _ in range(dancers)]

    def draw(
        self, positions_m: F32, faces: F32 | None, lens: F32, size: tuple[float, float, float], t_s: float, energy: float
    ) -> None:
        """Draw *positions_m* (D, 24, 3) through *lens*; *size* is width, height, and -1 for top row first."""
        dancers = positions_m.shape[0]
        if dancers == 0:
            return
        if dancers != self._dancers:
            self._allocate(dancers)
        for d in range(dancers):
            landmarks(positions_m[d], self._marks[d])
            if faces is None or not np.isfinite(faces[d]).all():
                looks(positions_m[d], self._face)
            else:
                self._face[:] = faces[d]
            visor(positions_m[d], self._face, self._marks[d])
        gloo.set_state(blend=True, depth_test=False, cull_face=False, blend_func=("one", "one_minus_src_alpha"))
        if self._floor or self._glow:
            self._surroundings(positions_m, lens, t_s, 1.0 + 0.8 * energy)
            self._lights.draw((*size, self._tints))
        n, rows = dancers * N_PARTS, self._bodies.kinds[0]
        if self._floor:
            self._ordered(lens, -1.0, self._reflect, 0.018, rows[:n])
        self._ordered(lens, 1.0, 1.0, 0.0, rows[n:])
        self._bodies.draw((*size, self._tints))

    def _ordered(self, lens: F32, mirror: float, opacity: float, soft_m: float, rows: F32) -> None:
        """All bodies into *rows*, from back to front."""
        n = N_PARTS
        for d in range(self._dancers):
            at = slice(d * n, (d + 1) * n)
            body(self._marks[d], lens, self._tones, mirror, opacity, soft_m, self._loose[at], self._depths[at], self._spot)
        back_to_front(self._depths, self._order)
        np.take(self._loose, self._order, axis=0, out=rows, mode="clip")

    def _surroundings(self, positions_m: F32, lens: F32, t_s: float, glow: float) -> None:
        """Shadows of all, then glow of all, then trails of all."""
        dark, glow_, trail = self._lights.kinds
        for d in range(self._dancers):
            marks = self._marks[d]
            if self._floor:
                shadows(marks, lens, self._shade, dark[d * N_SHADOWS : (d + 1) * N_SHADOWS], self._spot)
            if self._glow:
                opacity = self._glow_opacity * glow
                one = glow_[d * N_GLOWS : (d + 1) * N_GLOWS]
                glows(marks, lens, self._tones[GLOW], opacity, self._tints, one, self._ends)
                self.trails[d].push(positions_m[d], t_s)
                one = trail[d * N_TRAIL_QUADS : (d + 1) * N_TRAIL_QUADS]
                self.trails[d].write(lens, self._tones, self._trail, self._tints, one)
