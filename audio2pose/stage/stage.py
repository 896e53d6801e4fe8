"""The dancer drawn: knows pictures, not windows. Give it a current GL context and call `draw`.

Shapes   positions_m: (D, 24, 3), any number of dancers; NaN joints leave their bones out.
Threads  the one that owns the GL context.
"""

from __future__ import annotations

import math

import numpy as np
from vispy import gloo

from audio2pose.arrays import F32
from audio2pose.config import StageConfig
from audio2pose.stage import camera
from audio2pose.stage.figure import Figure
from audio2pose.stage.floor import Floor
from audio2pose.stage.palettes import flat_colour, palette

SNAP_S = 1.0
"""A picture that far from the last, or before it, is a new beginning: the camera jumps, trails start anew."""

FAR_M = np.float32(100.0)
"""A joint beyond this is a fault in the numbers, and counts as missing."""


class Stage:
    """Floor, dancers and camera. `top_row_first` turns the picture over, for reading it back without a copy.

    Threads: the one that owns the GL context.
    """

    def __init__(self, config: StageConfig, *, top_row_first: bool = False) -> None:
        look = palette(config.palette)
        self._flat = flat_colour(config.background, look)
        chroma = config.background == "chroma"
        edge = self._flat if self._flat is not None else look.bottom
        self._floor = Floor(look) if self._flat is None else None
        self._figure = Figure(look, edge, floor=self._flat is None, glow=not chroma, keyed=chroma)
        self._upright = -1.0 if top_row_first else 1.0
        self._centre: F32 = np.zeros(3, np.float32)
        self._below: F32 = np.zeros(3, np.float32)
        self.resize(config.width, config.height)
        self.reset()

    def reset(self) -> None:
        """Forget the last picture: the camera finds the dancers anew."""
        self._last_s = -math.inf
        for trail in self._figure.trails:
            trail.reset()

    def resize(self, width: int, height: int) -> None:
        """The picture's size in physical pixels."""
        self._width, self._height = max(int(width), 1), max(int(height), 1)

    def lens(self, positions_m: F32, t_s: float) -> F32:
        """The camera (16,) for this moment; moves on from the last one."""
        roots = positions_m[:, 0][np.isfinite(positions_m[:, 0]).all(axis=1)]
        spread_m = 0.0
        if len(roots):
            target = roots.mean(axis=0)
            spread_m = float(np.ptp(roots[:, 0]))
            fresh = not 0.0 <= t_s - self._last_s <= SNAP_S
            self._below = target
            self._centre = target if fresh else camera.follow(self._centre, target, t_s - self._last_s)
        self._last_s = t_s
        return camera.lens(self._centre, spread_m, t_s, self._width, self._height)

    def draw(
        self, positions_m: F32, *, t_s: float, beat: float, energy: float, onset: float = 0.0, faces: F32 | None = None
    ) -> None:
        """Draw dancers *positions_m* (D, 24, 3) at stream time *t_s*, *beat* on the beat clock; energy and onset are 0..1.

        *faces* (D, 3) are the directions along which the heads look; without them they follow the shoulders.

        Threads: the one that owns the GL context. Never raises on numbers.
        """
        positions = np.asarray(positions_m, np.float32)
        positions = np.where(np.abs(positions) < FAR_M, positions, np.float32(np.nan))
        energy, onset = _unit(energy), _unit(onset)
        lens = self.lens(positions, t_s)
        size = (float(self._width), float(self._height), self._upright)
        gloo.set_viewport(0, 0, self._width, self._height)
        if self._floor is None:
            gloo.clear(color=(*self._flat, 1.0), depth=False)  # type: ignore[misc]
        else:
            self._floor.draw(lens, size, self._below, beat if math.isfinite(beat) else 0.0, energy, onset)
        self._figure.draw(positions, faces, lens, size, t_s, energy)


def _unit(x: float) -> float:
    return min(max(x, 0.0), 1.0) if math.isfinite(x) else 0.0
