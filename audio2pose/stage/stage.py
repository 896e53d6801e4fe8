"""The dancer drawn: knows pictures, not windows. Give it a current GL context and call `draw`.

Shapes   positions_m: (D, 24, 3), any number of dancers; NaN joints leave their bones out.
Threads  the one that owns the GL context.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from vispy import gloo

from audio2pose.arrays import F32
from audio2pose.config import StageConfig
from audio2pose.stage import camera
from audio2pose.stage.figure import Figure
from audio2pose.stage.mesh import shader
from audio2pose.stage.mood import Mood, unit
from audio2pose.stage.palettes import flat_colour, palette
from audio2pose.stage.scenes import SCENES, scene
from audio2pose.stage.sets import Sets

SNAP_S = 1.0
"""A picture that far from the last, or before it, is a new beginning: the camera jumps, trails start anew."""

FAR_M = np.float32(100.0)
"""A joint beyond this is a fault in the numbers, and counts as missing."""

_FLAT_SCENE = "rings"
"""How the dancers are lit before a flat colour, but for their ghosts: no set, no light from it."""


class Stage:
    """Set, dancers and camera. `top_row_first` turns the picture over, for reading it back without a copy.

    `light` is how much of the picture can be seen: 1 all, 0 black, or nothing but the flat background.

    Threads: the one that owns the GL context.
    """

    def __init__(self, config: StageConfig, *, top_row_first: bool = False) -> None:
        self._background = config.background
        flat = config.background != "stage"
        chroma, clear = config.background == "chroma", config.background == "transparent"
        self._figure = Figure(floor=not flat, glow=not chroma, keyed=chroma, clear=clear)
        self._sets = None if flat else Sets()
        self._opaque = 0.0 if clear else 1.0
        self._veil = gloo.Program(shader("veil.vert.glsl"), shader("veil.frag.glsl"))
        self._veil["a_corner"] = np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)], np.float32)
        self._upright = -1.0 if top_row_first else 1.0
        self._mood = Mood()
        self._centre: F32 = np.zeros(3, np.float32)
        self._below: F32 = np.zeros(3, np.float32)
        self.light = 1.0
        self._palette, self._scene = palette(config.palette), scene(config.scene)
        self._look()
        self.resize(config.width, config.height)
        self.reset()

    @property
    def palette(self) -> str:
        """The palette worn now."""
        return self._palette.name

    @property
    def scene(self) -> str:
        """The scene shown now."""
        return self._scene.name

    def set_palette(self, name: str) -> None:
        """Wear another palette from the next picture on; raises ConfigError that names the nearest one.

        Threads: the one that owns the GL context. Makes nothing new on the GPU.
        """
        self._palette = palette(name)
        self._look()

    def set_scene(self, name: str) -> None:
        """Show another scene from the next picture on; raises ConfigError that names the nearest one.

        Threads: the one that owns the GL context. A set is made when it is first shown, and kept: see `warm_up`.
        """
        self._scene = scene(name)
        self._look()

    def warm_up(self, positions_m: F32) -> None:
        """Draw every scene once, so that no change in the show waits for the driver; the picture is not to be shown."""
        now, light = self._scene.name, self.light
        for name in SCENES:
            self.set_scene(name)
            # Half of the light: what fades the picture has to be ready, too.
            for self.light in (1.0, 0.5):
                self.draw(positions_m, t_s=0.4 * self.light, beat=0.4 * self.light, energy=0.5)
        self.light = light
        self.set_scene(now)
        self.reset()

    def _look(self) -> None:
        of, shown = self._palette, self._scene
        flat = flat_colour(self._background, of)
        self._flat = flat if flat is not None else (0.0, 0.0, 0.0)
        if self._sets is None:
            # A set's light on the body needs the set; ghosts and trails belong to the dancer.
            plain = scene(_FLAT_SCENE)
            self._figure.look(of, shown if shown.ghosts_of(1) else plain, self._flat)
        else:
            self._figure.look(of, shown, of.bottom)
            self._backdrop = self._sets.get(shown.name, of)

    def reset(self) -> None:
        """Forget the last picture: the camera finds the dancers anew."""
        self._last_s = -math.inf
        self._figure.reset()
        self._mood.reset()

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
            # Between the outermost, so that neither is cut off.
            target[0] = np.float32(0.5) * (roots[:, 0].min() + roots[:, 0].max())
            fresh = not 0.0 <= t_s - self._last_s <= SNAP_S
            self._below = target
            self._centre = target if fresh else camera.follow(self._centre, target, t_s - self._last_s)
        self._last_s = t_s
        return camera.lens(self._centre, spread_m, t_s, self._width, self._height)

    def draw(
        self,
        positions_m: F32,
        *,
        t_s: float,
        beat: float,
        energy: float,
        onset: float = 0.0,
        faces: F32 | None = None,
        bands: Sequence[float] | F32 | None = None,
        bar: float = 0.0,
    ) -> None:
        """Draw dancers *positions_m* (D, 24, 3) at stream time *t_s*, *beat* on the beat clock; energy and onset are 0..1.

        *faces* (D, 3) are the directions along which the heads look; without them they follow the shoulders. *bands* (3,)
        are the onsets of low, middle and high; without them all are *onset*. *bar* is the phase within the bar, 0..1.

        Threads: the one that owns the GL context. Never raises on numbers.
        """
        positions = np.asarray(positions_m, np.float32)
        positions = np.where(np.abs(positions) < FAR_M, positions, np.float32(np.nan))
        t_s = t_s if math.isfinite(t_s) else 0.0
        mood = self._mood.follow(t_s, beat, energy, onset, bands, bar)
        lens = self.lens(positions, t_s)
        size = (float(self._width), float(self._height), self._upright)
        seen = unit(self.light)
        gloo.set_viewport(0, 0, self._width, self._height)
        if self._sets is None or seen == 0.0:
            gloo.clear(color=(*self._flat, self._opaque), depth=False)
        else:
            self._backdrop.draw(lens, size, self._below, mood, positions[:, 0])
        if seen > 0.0:
            self._figure.draw(positions, faces, lens, size, t_s, beat, mood)
        if 0.0 < seen < 1.0:
            self._fade(1.0 - seen)

    def _fade(self, gone: float) -> None:
        """Lay the flat colour, or nothing where there is none, over the picture."""
        fading = "one_minus_src_alpha"
        if self._opaque == 0.0:
            self._veil["u_colour"] = (0.0, 0.0, 0.0, gone)
            gloo.set_state(blend=True, depth_test=False, cull_face=False, blend_func=("zero", fading))
        else:
            self._veil["u_colour"] = (*(gone * c for c in self._flat), gone)
            gloo.set_state(blend=True, depth_test=False, cull_face=False, blend_func=("one", fading))
        self._veil.draw("triangle_strip")
