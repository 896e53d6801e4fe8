"""What stands behind the dancers in a scene: one mesh a set, written by its kernel, drawn by two calls of one program.

Shapes   of every kernel: lens (16,), size (2,) in pixels, hues (9, 3), light 1 or 0, mood (8,), centre_m (3,),
         places_m (D, 3) where the dancers stand, then the ground and the set's own kinds of shapes, then room.
Threads  the one that owns the GL context.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from vispy import gloo

from audio2pose.arrays import F32
from audio2pose.stage import bars, road, spot, sun
from audio2pose.stage.floor import Floor
from audio2pose.stage.mesh import LIGHT, Mesh, Shapes, shader
from audio2pose.stage.palettes import Palette, hues
from audio2pose.stage.shapes import GROUND_VERTICES, ground_triangles

Size = tuple[float, float, float]
"""Width and height in pixels, and -1 for top row first."""


class Backdrop(Protocol):
    """What fills the picture before the dancers are drawn."""

    def look(self, of: Palette) -> None:
        """Wear another palette."""

    def draw(self, lens: F32, size: Size, centre_m: F32, mood: F32, places_m: F32) -> None:
        """Fill the picture."""


class Written:
    """A set of which the kernel writes every vertex anew in each picture: a few hundred, in microseconds.

    Threads: the one that owns the GL context.
    """

    def __init__(self, program: gloo.Program, write: Callable[..., None], shapes: list[Shapes], *, adds: bool) -> None:
        """*adds*: on a dark ground its shapes only add light, which is the cheaper way to blend."""
        self._program, self._write, self._adds = program, write, adds
        self._ground = Mesh(LIGHT, (1, GROUND_VERTICES, ground_triangles()))
        self._shapes = Mesh(LIGHT, *shapes)
        self._size: F32 = np.zeros(2, np.float32)
        self._spot: F32 = np.zeros(3, np.float32)
        self._tones: F32 = np.zeros((4, 3), np.float32)

    def look(self, of: Palette) -> None:
        """Wear another palette."""
        self._hues, self._light = hues(of), 1.0 if of.light else 0.0

    def draw(self, lens: F32, size: Size, centre_m: F32, mood: F32, places_m: F32) -> None:
        """Fill the picture."""
        self._size[:] = size[:2]
        self._write(
            lens, self._size, self._hues, self._light, mood, centre_m, places_m, self._ground.kinds[0], *self._shapes.kinds,
            self._spot, self._tones,
        )  # fmt: skip
        gloo.set_state(blend=False, depth_test=False, cull_face=False)
        self._ground.draw(self._program, (*size, 0.0))
        adds = self._adds and self._light == 0.0
        gloo.set_state(blend=True, blend_func=("one", "one" if adds else "one_minus_src_alpha"))
        self._shapes.draw(self._program, (*size, 0.0))


class Sets:
    """All sets, each made when it is first looked at and kept for good.

    Threads: the one that owns the GL context.
    """

    def __init__(self) -> None:
        self._made: dict[str, Backdrop] = {}
        self._program = gloo.Program(shader("set.vert.glsl"), shader("set.frag.glsl"))

    def get(self, name: str, of: Palette) -> Backdrop:
        """The set of the scene called *name*, wearing *of*."""
        if name not in self._made:
            self._made[name] = self._make(name)
        self._made[name].look(of)
        return self._made[name]

    def _make(self, name: str) -> Backdrop:
        room = {"sun": sun, "bars": bars, "spot": spot, "road": road}.get(name)
        if room is None:
            return Floor(lines=name == "rings")
        return Written(self._program, room.write, room.shapes(), adds=name in ("spot", "road"))
