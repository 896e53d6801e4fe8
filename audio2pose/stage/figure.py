"""The dancers drawn: one program and one draw call for the bodies, one for the light and shadow around them.

Shapes   positions_m: (D, 24, 3), metres on the stage.
Threads  the one that owns the GL context.
Source   distance fields of capsules after Quilez, "2D distance functions"; our own shading.
"""

from __future__ import annotations

import numpy as np
from vispy import gloo

from audio2pose.arrays import F32
from audio2pose.stage.afterimage import Afterimage
from audio2pose.stage.anatomy import GLASS, GLOW, N_MARKS, landmarks, looks, visor
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
from audio2pose.stage.mesh import LIGHT, Mesh, shader
from audio2pose.stage.mood import ENERGY, HIGH, LOW, MID, PULSE
from audio2pose.stage.palettes import Colour, Palette
from audio2pose.stage.quads import N_PARTS, ROW, back_to_front, body
from audio2pose.stage.scenes import Scene
from audio2pose.stage.trails import N_TRAIL_QUADS, TRAIL_TRIANGLES, Trails
from audio2pose.stage.wardrobe import ghost_tones, tones

_BODY = np.dtype(
    [("a_corner", np.float32, 2), *((f"a_ball{i}", np.float32, 4) for i in range(6)), ("a_colour0", np.float32, 4),
     ("a_colour1", np.float32, 4), ("a_kind", np.float32, 2)]
)  # fmt: skip
_QUAD = np.array([0, 1, 2, 0, 2, 3], np.uint32)
_FROM_ONE_SIDE, _ALL_AROUND = -0.35, -2.6
"""Where the light from behind begins on the edge of a body: the cosine of the angle to its direction."""


class _Room:
    """The memory for one number of dancers and ghosts: kept, so that a night of changes makes nothing anew.

    Threads: the one that owns the GL context.
    """

    def __init__(self, dancers: int, ghosts: int) -> None:
        bodies = dancers + ghosts
        self.marks: F32 = np.zeros((bodies, N_MARKS, 3), np.float32)
        self.loose: F32 = np.zeros((bodies * N_PARTS, 4, ROW), np.float32)
        self.depths: F32 = np.zeros(bodies * N_PARTS, np.float32)
        self.order = np.zeros(bodies * N_PARTS, np.int32)
        self.bodies = Mesh(_BODY, ((dancers + bodies) * N_PARTS, 4, _QUAD))
        self.lights = Mesh(
            LIGHT,
            (dancers * N_SHADOWS, SHADOW_VERTICES, shadow_triangles()),
            (dancers * N_GLOWS, GLOW_VERTICES, glow_triangles()),
            (dancers * N_TRAIL_QUADS, 6, np.array(TRAIL_TRIANGLES, np.uint32)),
        )


class Figure:
    """All dancers of a picture, with a `floor` (shadows, reflections) and with `glow` (and trails) or without.

    `keyed`: the background will be cut out, so no line in its colour, and little light on the edge that blends with it.
    `clear`: there is no background, so light has to hide as much of what it falls on as it is bright.

    Threads: the one that owns the GL context.
    """

    def __init__(self, *, floor: bool, glow: bool, keyed: bool, clear: bool) -> None:
        self._floor, self._glow, self._keyed, self._clear = floor, glow, keyed, clear
        self._body_program = gloo.Program(shader("figure.vert.glsl"), shader("figure.frag.glsl"))
        self._body_program["u_most"] = 1.0 if clear else 8.0
        self._light_program = gloo.Program(shader("light.vert.glsl"), shader("light.frag.glsl"))
        self._spot: F32 = np.zeros(3, np.float32)
        self._face: F32 = np.zeros(3, np.float32)
        self._ends: F32 = np.zeros((2, 3), np.float32)
        self._pose: F32 = np.zeros((24, 3), np.float32)
        self._worn: F32 = np.zeros((5, 3), np.float32)
        self._rooms: dict[tuple[int, int], _Room] = {}
        self._dancers = 0
        self._past = Afterimage(0)
        self._trails: list[Trails] = []

    def look(self, of: Palette, scene: Scene, edge: Colour) -> None:
        """Wear the colours of *of*, lit as *scene* says; *edge* is the colour of the lines that lift limbs off each other."""
        self._of, self._scene = of, scene
        covers = self._clear or of.light
        self._tints = 1.0 if of.light else 0.0
        self._covers_glow = (max(of.glow) if self._clear else 1.0) if covers else 0.0
        self._covers_trail = (max(*of.left, *of.right) if self._clear else 1.0) if covers else 0.0
        self._glow_opacity = (0.22 if of.light else 0.20) * scene.glow
        self._reflect = (0.22 if of.light else 0.34) * scene.reflect
        self._trail = (0.0 if of.light else 0.42) * scene.trail
        self._shade: F32 = np.array([c * (0.45 if of.light else 0.12) for c in of.bottom], np.float32)
        lit = scene.rim * (0.3 if self._keyed else 1.0)
        self._body_program["u_rim"] = (*(c * lit for c in of.rim), _ALL_AROUND if scene.around else _FROM_ONE_SIDE)
        self._body_program["u_edge"] = (*edge, 0.0 if self._keyed else 0.75)
        self._dress()

    def reset(self) -> None:
        """Forget where the dancers were."""
        self._past.reset()
        for trail in self._trails:
            trail.reset()

    def _dress(self) -> None:
        """Colours of every dancer and ghost, and the memory for so many."""
        self._ghosts = self._scene.ghosts_of(self._dancers) if self._dancers else ()
        self._tones = tones(self._of, self._scene, self._dancers)
        self._ghost_tones = [
            [ghost_tones(self._of, worn, self._round(k)) for k in range(len(self._ghosts))] for worn in self._tones
        ]
        self._eyes: F32 = np.array(self._of.accent, np.float32)
        size = self._dancers, self._dancers * len(self._ghosts)
        if size not in self._rooms:
            self._rooms[size] = _Room(*size)
        self._room = self._rooms[size]

    def _round(self, k: int) -> int:
        """Whether ghost *k* is of the nearer or of the farther ones: alone a dancer has two of each."""
        return k // 2 if self._dancers == 1 else k

    def _join(self, dancers: int) -> None:
        """So many dancers from now on."""
        self._dancers = dancers
        self._past = Afterimage(dancers)
        self._trails = [Trails() for _ in range(dancers)]
        self._dress()

    def draw(
        self, positions_m: F32, faces: F32 | None, lens: F32, size: tuple[float, float, float], t_s: float, beat: float,
        mood: F32,
    ) -> None:  # fmt: skip
        """Draw *positions_m* (D, 24, 3) through *lens*; *size* is width, height, and -1 for top row first."""
        dancers = positions_m.shape[0]
        if dancers != self._dancers:
            self._join(dancers)
        if dancers == 0:
            return
        room = self._room
        for d in range(dancers):
            landmarks(positions_m[d], room.marks[d])
            if faces is None or not np.isfinite(faces[d]).all():
                looks(positions_m[d], self._face)
            else:
                self._face[:] = faces[d]
            visor(positions_m[d], self._face, room.marks[d])
        self._past.push(positions_m, t_s, beat)
        self._raise_ghosts(lens)
        gloo.set_state(blend=True, depth_test=False, cull_face=False, blend_func=("one", "one_minus_src_alpha"))
        if self._floor or self._glow:
            self._surroundings(positions_m, lens, t_s, 1.0 + 0.8 * float(mood[ENERGY]))
            room.lights.draw(self._light_program, (*size, self._tints))
        n, rows = dancers * N_PARTS, room.bodies.kinds[0]
        reflect = self._reflect if self._floor else 0.0
        for d in range(dancers):
            self._body(d, self._tones[d], lens, -1.0, reflect, 0.018)
        self._order(rows[:n], dancers)
        for d in range(dancers):
            self._body(d, self._tones[d], lens, 1.0, 1.0, 0.0)
            for k in range(len(self._ghosts)):
                self._body(dancers + d * len(self._ghosts) + k, self._ghost_worn(d, k, mood), lens, 1.0, 1.0, 0.0)
        self._order(rows[n:], dancers * (1 + len(self._ghosts)))
        room.bodies.draw(self._body_program, (*size, self._tints))

    def _ghost_worn(self, d: int, k: int, mood: F32) -> F32:
        """The colours of ghost *k* now: the nearer glow with low sounds, the farther with middle ones, their eyes with high."""
        gone, there = self._ghost_tones[d][k]
        band = float(mood[MID if self._round(k) else LOW])
        lit = 0.85 + 0.25 * float(mood[PULSE]) * (0.4 + 0.6 * float(mood[ENERGY])) + 0.45 * band
        np.subtract(there, gone, out=self._worn)
        self._worn *= np.float32(min(self._ghosts[k].strength * lit, 0.9))
        self._worn += gone
        self._worn[GLASS] += (self._eyes - self._worn[GLASS]) * np.float32(0.8 * float(mood[HIGH]))
        return self._worn

    def _raise_ghosts(self, lens: F32) -> None:
        """The marks of every ghost, beside and behind its dancer as the eye sees it; NaN where the past is not known."""
        at = self._dancers
        for d in range(self._dancers):
            for ghost in self._ghosts:
                if self._past.recall(d, ghost.ago_beats, self._pose):
                    aside = ghost.aside_m * (-1.0 if self._dancers > 1 and d % 2 else 1.0)
                    self._pose[:, 0] += np.float32(aside * lens[3] - ghost.behind_m * lens[9])
                    self._pose[:, 2] += np.float32(aside * lens[5] - ghost.behind_m * lens[11])
                else:
                    self._pose[:] = np.nan
                landmarks(self._pose, self._room.marks[at])
                looks(self._pose, self._face)
                visor(self._pose, self._face, self._room.marks[at])
                at += 1

    def _body(self, b: int, worn: F32, lens: F32, mirror: float, opacity: float, soft_m: float) -> None:
        room, at = self._room, slice(b * N_PARTS, (b + 1) * N_PARTS)
        body(room.marks[b], lens, worn, mirror, opacity, soft_m, room.loose[at], room.depths[at], self._spot)

    def _order(self, rows: F32, bodies: int) -> None:
        """The first *bodies* into *rows*, from back to front."""
        room, n = self._room, bodies * N_PARTS
        back_to_front(room.depths[:n], room.order[:n])
        np.take(room.loose, room.order[:n], axis=0, out=rows, mode="clip")

    def _surroundings(self, positions_m: F32, lens: F32, t_s: float, glow: float) -> None:
        """Shadows of all, then glow of all, then trails of all."""
        dark, glow_, trail = self._room.lights.kinds
        for d in range(self._dancers):
            marks = self._room.marks[d]
            if self._floor:
                one = dark[d * N_SHADOWS : (d + 1) * N_SHADOWS]
                shadows(marks, lens, self._shade, self._scene.shadow, one, self._spot)
            if self._glow:
                opacity = self._glow_opacity * glow
                one = glow_[d * N_GLOWS : (d + 1) * N_GLOWS]
                glows(marks, lens, self._tones[d, GLOW], opacity, self._covers_glow, one, self._ends)
                self._trails[d].push(positions_m[d], t_s)
                one = trail[d * N_TRAIL_QUADS : (d + 1) * N_TRAIL_QUADS]
                self._trails[d].write(lens, self._tones[d], self._trail, self._covers_trail, one)
