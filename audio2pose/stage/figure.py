"""The dancers drawn: one program, one vertex buffer, one draw call.

Shapes   positions_m: (D, 24, 3), metres on the stage; the buffer holds shadows, reflections, glow, trails, bodies.
Threads  the one that owns the GL context.
Source   distance fields of capsules after Quilez, "2D distance functions" (uneven capsule); our own shading.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
from vispy import gloo

from audio2pose.arrays import F32
from audio2pose.motion.body import JOINT
from audio2pose.stage.anatomy import N_MARKS, landmarks
from audio2pose.stage.palettes import Palette
from audio2pose.stage.quads import N_PARTS, ROW, back_to_front, body, shadow
from audio2pose.stage.trails import N_TRAIL_QUADS, Trails

_SHADOWS = (
    ("left_foot", 0.11, 0.55), ("right_foot", 0.11, 0.55), ("left_ankle", 0.10, 0.45), ("right_ankle", 0.10, 0.45),
    ("left_knee", 0.14, 0.25), ("right_knee", 0.14, 0.25), ("pelvis", 0.20, 0.75), ("left_hand", 0.10, 0.5),
    ("right_hand", 0.10, 0.5), ("head", 0.13, 0.6),
)  # fmt: skip
"""Joint, radius in metres, strength: what darkens the floor below itself."""
_PER_DANCER = len(_SHADOWS) + 2 * N_PARTS + N_TRAIL_QUADS
_COLUMNS = (("a_corner", 2), *((f"a_ball{i}", 4) for i in range(6)), ("a_colour0", 4), ("a_colour1", 4), ("a_kind", 2))
_VERTEX = np.dtype([(name, np.float32, n) for name, n in _COLUMNS])


def shader(name: str) -> str:
    """The text of a shader beside this file."""
    return (resources.files(__package__) / name).read_text("utf-8")


class Figure:
    """All dancers of a picture, with a `floor` (shadows, reflections) and with `glow` (and trails) or without.

    Threads: the one that owns the GL context.
    """

    def __init__(self, of: Palette, edge: tuple[float, float, float], *, floor: bool, glow: bool, edge_strength: float) -> None:
        self._floor, self._glow = floor, glow
        self._glow_opacity = 0.20 if of.light else 0.13
        self._tones: F32 = np.array([of.torso, of.left, of.right, of.glow], np.float32)
        self._shade: F32 = np.array([c * (0.45 if of.light else 0.12) for c in of.bottom], np.float32)
        self._reflect = 0.22 if of.light else 0.34
        self._tints = of.light
        self._program = gloo.Program(shader("figure.vert.glsl"), shader("figure.frag.glsl"))
        self._program["u_rim"] = of.rim
        self._program["u_edge"] = (*edge, edge_strength)
        self._spot: F32 = np.zeros(3, np.float32)
        self._dancers = 0
        self.trails: list[Trails] = []

    def _allocate(self, dancers: int) -> None:
        self._dancers = dancers
        n = dancers * (_PER_DANCER + N_PARTS)
        self._quads: F32 = np.zeros((n, 4, ROW), np.float32)
        self._marks: F32 = np.zeros((dancers, N_MARKS, 3), np.float32)
        self._loose: F32 = np.zeros((dancers * N_PARTS, 4, ROW), np.float32)
        self._depths: F32 = np.zeros(dancers * N_PARTS, np.float32)
        self._order = np.zeros(dancers * N_PARTS, np.int32)
        self._buffer = gloo.VertexBuffer(self._quads.reshape(-1).view(_VERTEX))
        self._program.bind(self._buffer)
        corners = np.arange(n, dtype=np.uint32)[:, None] * 4 + np.array([0, 1, 2, 0, 2, 3], np.uint32)
        self._indices = gloo.IndexBuffer(corners.reshape(-1))
        self.trails = [Trails() for _ in range(dancers)]

    def draw(self, positions_m: F32, lens: F32, size: tuple[float, float, float], t_s: float, energy: float) -> None:
        """Draw *positions_m* (D, 24, 3) through *lens*; *size* is width, height, and -1 for top row first."""
        dancers = positions_m.shape[0]
        if dancers == 0:
            return
        if dancers != self._dancers:
            self._allocate(dancers)
        for d in range(dancers):
            landmarks(positions_m[d], self._marks[d])
            self.trails[d].push(positions_m[d], t_s)
        if self._floor:
            self._on_the_floor(lens)
        if self._glow:
            self._light(lens, 1.0 + 0.8 * energy)
        n = N_PARTS
        for d in range(dancers):
            parts, depths = self._loose[d * n : (d + 1) * n], self._depths[d * n : (d + 1) * n]
            body(self._marks[d], lens, self._tones, False, 1.0, 1.0, 0.0, parts, depths, self._spot)
        back_to_front(self._depths, self._order)
        np.take(self._loose, self._order, axis=0, out=self._quads[dancers * _PER_DANCER :], mode="clip")
        self._buffer.set_data(self._quads.reshape(-1).view(_VERTEX), copy=False)
        self._program["u_size"] = (*size, 1.0 if self._tints else 0.0)
        gloo.set_state(blend=True, depth_test=False, cull_face=False, blend_func=("one", "one_minus_src_alpha"))
        self._program.draw("triangles", self._indices)

    def _on_the_floor(self, lens: F32) -> None:
        """Shadows, then reflections: behind everything."""
        n, D = N_PARTS, self._dancers
        at = 0
        for d in range(D):
            for name, radius_m, strength in _SHADOWS:
                shadow(self._quads[at], self._marks[d, JOINT[name]], radius_m, strength, self._shade, lens, self._spot)
                at += 1
        for d in range(D):
            parts, depths = self._loose[:n], self._depths[:n]
            body(self._marks[d], lens, self._tones, False, -1.0, self._reflect, 0.018, parts, depths, self._spot)
            back_to_front(depths, self._order[:n])
            np.take(parts, self._order[:n], axis=0, out=self._quads[at : at + n], mode="clip")
            at += n

    def _light(self, lens: F32, glow: float) -> None:
        """Glow, then trails: behind the bodies."""
        n, D = N_PARTS, self._dancers
        at = D * (len(_SHADOWS) + n)
        for d in range(D):
            parts = self._quads[at : at + n]
            body(self._marks[d], lens, self._tones, True, 1.0, self._glow_opacity * glow, 0.11, parts, self._depths[:n],
                 self._spot)  # fmt: skip
            at += n
        for d in range(D):
            self.trails[d].write(lens, self._tones, self._tints, self._quads[at : at + N_TRAIL_QUADS])
            at += N_TRAIL_QUADS
