"""Inertialised joins: at a cut the body keeps its pose and velocity, and the difference dies away.

Never a cross-fade of positions: the new motion plays alone from the first instant, plus an offset of rotation vectors
(24, 3) and of the root (3,) that a critically damped spring brings to nothing. Bones stay rigid because only rotations
are blended.

Threads  engine thread only; kernels without heap or GIL.
Source   Bollo 2018 (inertialization); Holden 2021, "Spring-It-On" (the damper in half-lives).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, FX
from audio2pose.motion.body import N_JOINTS
from audio2pose.motion.rotation import exp_map, log_map, multiply, multiply_inverse, normalise

LN2 = 0.6931471805599453


@njit(cache=True, nogil=True)
def decay(x: F64, v: F64, half_life_s: float, dt_s: float) -> None:
    """Move offset *x* and its velocity *v* (both (M,)) by *dt_s* towards nothing, critically damped."""
    y = 2.0 * LN2 / max(half_life_s, 1e-5)
    e = math.exp(-y * dt_s)
    for i in range(x.shape[0]):
        j1 = v[i] + x[i] * y
        x[i] = e * (x[i] + j1 * dt_s)
        v[i] = e * (v[i] - j1 * y * dt_s)


@njit(cache=True, nogil=True)
def turn_between(a: FX, b: FX, q: F64, out: F64) -> None:
    """Write the rotation vector that takes *b* to *a*; *q* (4,) is scratch."""
    multiply_inverse(a, b, q)
    log_map(q, out)


@njit(cache=True, nogil=True)
def capture(
    shown_root: F32, shown_rot: F32, before_root: F32, before_rot: F32, new_root: F32, new_rot: F32,
    ahead_root: F32, ahead_rot: F32, dt_s: float, q: F64, w: F64, x_root: F64, v_root: F64, x_rot: F64, v_rot: F64,
) -> None:  # fmt: skip
    """Fill the offsets so that the first instant of the new motion looks and moves as the last of the old.

    shown: pose shown last, before: the one *dt_s* earlier; new: the new motion at the moment of `shown`, ahead: *dt_s*
    later. q (4,), w (3,) are scratch.
    """
    for i in range(3):
        x_root[i] = shown_root[i] - new_root[i]
        v_root[i] = ((shown_root[i] - before_root[i]) - (ahead_root[i] - new_root[i])) / dt_s
    for j in range(shown_rot.shape[0]):
        o = 3 * j
        turn_between(shown_rot[j], new_rot[j], q, x_rot[o : o + 3])
        turn_between(shown_rot[j], before_rot[j], q, v_rot[o : o + 3])
        turn_between(ahead_rot[j], new_rot[j], q, w)
        for i in range(3):
            v_rot[o + i] = (v_rot[o + i] - w[i]) / dt_s


@njit(cache=True, nogil=True)
def apply(x_root: F64, x_rot: F64, q: F64, r: F64, root: F32, rot: F32) -> None:
    """Add the offsets to the pose root (3,), rot (24, 4) in place; q, r (4,) are scratch."""
    for i in range(3):
        root[i] += x_root[i]
    for j in range(rot.shape[0]):
        exp_map(x_rot[3 * j : 3 * j + 3], q)
        multiply(q, rot[j], r)
        normalise(r)
        for i in range(4):
            rot[j, i] = r[i]


class Inertia:
    """The offsets of one dancer, and how they die away.

    Threads: engine.
    """

    def __init__(self, half_life_s: float) -> None:
        self._half_life_s = half_life_s
        self._x_root, self._v_root = np.zeros(3), np.zeros(3)
        self._x_rot, self._v_rot = np.zeros(3 * N_JOINTS), np.zeros(3 * N_JOINTS)
        self._q, self._r, self._w = np.zeros(4), np.zeros(4), np.zeros(3)

    def reset(self) -> None:
        """No offset: the motion plays as it is."""
        for a in (self._x_root, self._v_root, self._x_rot, self._v_rot):
            a.fill(0.0)

    def cut(
        self, shown: tuple[F32, F32], before: tuple[F32, F32], new: tuple[F32, F32], ahead: tuple[F32, F32], dt_s: float
    ) -> None:
        """Take over from the old motion; each pair is (root (3,), rotations (24, 4)), see `capture`."""
        if self._half_life_s <= 0.0:
            self.reset()
            return
        capture(*shown, *before, *new, *ahead, dt_s, self._q, self._w, self._x_root, self._v_root, self._x_rot, self._v_rot)

    def process(self, root: F32, rot: F32, dt_s: float) -> None:
        """Age the offsets by *dt_s*, then add them to the pose in place."""
        decay(self._x_root, self._v_root, self._half_life_s, dt_s)
        decay(self._x_rot, self._v_rot, self._half_life_s, dt_s)
        apply(self._x_root, self._x_rot, self._q, self._r, root, rot)
