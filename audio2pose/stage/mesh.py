"""Triangles on their way to the GPU, and the texts of the shaders.

Shapes   a mesh is a few kinds of shapes; of each there are n, every one with the same vertices and triangles.
Threads  the one that owns the GL context.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
from numpy.typing import NDArray
from vispy import gloo

from audio2pose.arrays import F32

Shapes = tuple[int, int, NDArray[np.uint32]]
"""How many of a kind, the vertices of one, the triangles of one."""

LIGHT = np.dtype([("a_corner", np.float32, 2), ("a_light", np.float32, 2), ("a_colour", np.float32, 4)])
"""A vertex of shadow, glow, trail or set; see light.py."""


def shader(name: str) -> str:
    """The text of a shader beside this file."""
    return (resources.files(__package__) / name).read_text("utf-8")


class Mesh:
    """The vertices' numbers, their buffer, and the triangles between them; `kinds` are views into `flat`.

    Threads: the one that owns the GL context.
    """

    def __init__(self, dtype: np.dtype[np.void], *shapes: Shapes) -> None:
        """What comes first is drawn first, and so lies behind."""
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

    def draw(self, program: gloo.Program, size: tuple[float, float, float, float]) -> None:
        """Upload what was written and draw it with *program*, to which this mesh is bound first if it was not."""
        self._buffer.set_data(self._vertices, copy=False)
        if getattr(program, "mesh", None) is not self:
            program.bind(self._buffer)
            program.mesh = self
        program["u_size"] = size
        program.draw("triangles", self._triangles)
