"""What the dancers stand before and on: gradient, rings and spokes in perspective, a pulse with the beat.

Shapes   lens: (16,), see camera.py.
Threads  the one that owns the GL context.
"""

from __future__ import annotations

import math

import numpy as np
from vispy import gloo

from audio2pose.arrays import F32
from audio2pose.stage.figure import shader
from audio2pose.stage.palettes import Palette
from audio2pose.timeline import phase

PULSE_HALF_LIFE_BEATS = 0.18


class Floor:
    """One full-screen quad.

    Threads: the one that owns the GL context.
    """

    def __init__(self, of: Palette) -> None:
        self._program = gloo.Program(shader("floor.vert.glsl"), shader("floor.frag.glsl"))
        self._program["a_corner"] = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]], np.float32)
        for name, colour in (("top", of.top), ("bottom", of.bottom), ("floor", of.floor), ("accent", of.accent)):
            self._program[f"u_{name}"] = colour
        self._program["u_light"] = 1.0 if of.light else 0.0

    def draw(self, lens: F32, size: tuple[float, float, float], centre_m: F32, beat: float, energy: float, onset: float) -> None:
        """Fill the picture; the pulse falls from each beat by half every PULSE_HALF_LIFE_BEATS."""
        program = self._program
        at = phase(beat, cycle_beats=1.0)
        program["u_size"] = (*size, 0.0)
        program["u_eye"], program["u_right"], program["u_up"], program["u_back"] = lens[0:3], lens[3:6], lens[6:9], lens[9:12]
        program["u_focal"] = float(lens[12])
        program["u_centre"] = centre_m
        program["u_beat"] = (at, math.pow(0.5, at / PULSE_HALF_LIFE_BEATS), energy, onset)
        gloo.set_state(blend=False, depth_test=False, cull_face=False)
        program.draw("triangle_strip")
