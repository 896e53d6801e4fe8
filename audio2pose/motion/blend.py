"""Inertialised joins: at a cut the body keeps its pose, velocity and acceleration, and the difference dies away.

Never a cross-fade of positions: the new motion plays alone from the first instant, plus an offset of rotation vectors
(24, 3) and of the root (3,) that a spring with three equal poles brings to nothing. Bones stay rigid because only rotations
are blended. With two poles the acceleration would step at the cut, and a third of all jerk there would be the join's.

Shapes   M = 75 offsets: the root's three, then three for each joint; x, v, a: (M,) and its first two derivatives.
Threads  engine thread only; kernels without heap or GIL.
Source   Bollo 2018 (inertialization); Holden 2021, "Spring-It-On" (dampers in half-lives), here of the third order.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64
from audio2pose.motion.body import N_JOINTS
from audio2pose.motion.limits import LEFT_KNEE, RIGHT_KNEE, ROOM, bend_softly, hold_back
from audio2pose.motion.rotation import exp_map, log_map, multiply, multiply_inverse, normalise

OFFSETS = 3 + 3 * N_JOINTS
PACE = 1.8
"""Pole in half-lives: an offset at rest is down to half after 1.5 of them, to a fortieth after 4."""
HALF_TURN = 1.6
"""A rotation vector longer than this (radians) is written the other way round where that lies nearer to the one before."""
NOTHING = 1e-7
"""Radians: an offset smaller than this is none."""
POSES = 3
Pose = tuple[F32, F32]
"""Root (3,) and rotations (24, 4)."""


@njit(cache=True, nogil=True)
def decay(x: F64, v: F64, a: F64, half_life_s: float, dt_s: float) -> None:
    """Move offset *x*, its velocity *v* and acceleration *a* (all (M,)) by *dt_s* towards nothing."""
    y = PACE / max(half_life_s, 1e-5)
    e = math.exp(-y * dt_s)
    for i in range(x.shape[0]):
        # x(t) = (c0 + c1 t + c2 t^2) e^(-y t)
        c1 = v[i] + y * x[i]
        c2 = 0.5 * (a[i] + 2.0 * y * v[i] + y * y * x[i])
        p, dp, ddp = x[i] + (c1 + c2 * dt_s) * dt_s, c1 + 2.0 * c2 * dt_s, 2.0 * c2
        x[i] = e * p
        v[i] = e * (dp - y * p)
        a[i] = e * (ddp - 2.0 * y * dp + y * y * p)


@njit(cache=True, nogil=True)
def _offset(old: F32, new: F32, q: F64, w: F64, near: F64, first: bool) -> None:
    """Write into *w* (3,) the rotation vector from *new* (4,) to *old* (4,): the one nearest to *near*, or the *first*."""
    multiply_inverse(old, new, q)
    log_map(q, w)
    n = math.sqrt(w[0] * w[0] + w[1] * w[1] + w[2] * w[2])
    if not first and n > HALF_TURN and w[0] * near[0] + w[1] * near[1] + w[2] * near[2] < 0.0:
        for i in range(3):
            w[i] *= 1.0 - 2.0 * math.pi / n


@njit(cache=True, nogil=True)
def _go_on(rots: F32, r: F64, q: F64, u: F64, w: F64, ahead: F32) -> None:
    """Write into *ahead* (2, 24, 4) how *rots* (3, 24, 4), the last pose first, goes on with the same angular acceleration."""
    for j in range(rots.shape[1]):
        multiply_inverse(rots[0, j], rots[1, j], q)
        log_map(q, u)
        multiply_inverse(rots[1, j], rots[2, j], q)
        log_map(q, w)
        for i in range(3):
            w[i] = u[i] - w[i]
            u[i] += w[i]
        exp_map(u, q)
        multiply(q, rots[0, j], r)
        normalise(r)
        for i in range(4):
            ahead[0, j, i] = r[i]
        for i in range(3):
            u[i] += w[i]
        exp_map(u, q)
        multiply(q, r, r)
        normalise(r)
        for i in range(4):
            ahead[1, j, i] = r[i]


@njit(cache=True, nogil=True)
def capture(
    roots: F32, rots: F32, new_roots: F32, new_rots: F32, dt_s: float, work: F64, ahead: F32, x: F64, v: F64, a: F64
) -> None:  # fmt: skip
    """Fill the offsets so that the first instant of the new motion looks, moves and speeds up as the last of the old.

    roots (3, 3), rots (3, 24, 4): the poses shown last, the last first, *dt_s* apart; new_*: the new motion at the moment of
    the last one and one and two *dt_s* later. work (5, 4) and ahead (2, 24, 4) are scratch.
    """
    q, r, u, w, near = work[0], work[1], work[2, :3], work[3, :3], work[4, :3]
    for i in range(3):
        b, c = roots[0, i] - roots[1, i], roots[0, i] - 2.0 * roots[1, i] + roots[2, i]
        x0 = roots[0, i] - new_roots[0, i]
        x1 = roots[0, i] + b + c - new_roots[1, i]
        x2 = roots[0, i] + 2.0 * b + 3.0 * c - new_roots[2, i]
        x[i] = x0
        v[i] = (-1.5 * x0 + 2.0 * x1 - 0.5 * x2) / dt_s
        a[i] = (x0 - 2.0 * x1 + x2) / (dt_s * dt_s)
    _go_on(rots, r, q, u, w, ahead)
    for j in range(rots.shape[1]):
        o = 3 + 3 * j
        _offset(rots[0, j], new_rots[0, j], q, near, near, True)
        _offset(ahead[0, j], new_rots[1, j], q, u, near, False)
        _offset(ahead[1, j], new_rots[2, j], q, w, near, False)
        for i in range(3):
            x[o + i] = near[i]
            v[o + i] = (-1.5 * near[i] + 2.0 * u[i] - 0.5 * w[i]) / dt_s
            a[o + i] = (near[i] - 2.0 * u[i] + w[i]) / (dt_s * dt_s)


@njit(cache=True, nogil=True)
def apply(x: F64, room: F64, q: F64, r: F64, root: F32, rot: F32) -> None:
    """Add the offsets to the pose root (3,), rot (24, 4) in place, within each joint's *room*; q, r (4,) are scratch.

    A pose without offsets passes untouched to the last bit.
    """
    for i in range(3):
        root[i] += x[i]
    for j in range(rot.shape[0]):
        o = 3 + 3 * j
        if x[o] * x[o] + x[o + 1] * x[o + 1] + x[o + 2] * x[o + 2] < NOTHING * NOTHING:
            continue
        exp_map(x[o : o + 3], q)
        multiply(q, rot[j], r)
        normalise(r)
        if j in (LEFT_KNEE, RIGHT_KNEE):
            bend_softly(rot[j], r)
        else:
            hold_back(rot[j], room[j], q, r)
        for i in range(4):
            rot[j, i] = r[i]


class Inertia:
    """The offsets of one dancer, and how they die away.

    Threads: engine.
    """

    def __init__(self, half_life_s: float) -> None:
        self._half_life_s = half_life_s
        self._x, self._v, self._a = np.zeros(OFFSETS), np.zeros(OFFSETS), np.zeros(OFFSETS)
        self._work: F64 = np.zeros((5, 4))
        self._ahead: F32 = np.zeros((2, N_JOINTS, 4), np.float32)
        self._roots: F32 = np.zeros((2, POSES, 3), np.float32)
        self._rots: F32 = np.zeros((2, POSES, N_JOINTS, 4), np.float32)

    def reset(self) -> None:
        """No offset: the motion plays as it is."""
        for part in (self._x, self._v, self._a):
            part.fill(0.0)

    def cut(self, shown: tuple[Pose, Pose, Pose], new: tuple[Pose, Pose, Pose], dt_s: float) -> None:
        """Take over from the poses *shown* last, the last first, to the *new* motion, its earliest first; see `capture`."""
        if self._half_life_s <= 0.0:
            self.reset()
            return
        for side, run in enumerate((shown, new)):
            for k, (root, rot) in enumerate(run):
                self._roots[side, k], self._rots[side, k] = root, rot
        capture(
            self._roots[0], self._rots[0], self._roots[1], self._rots[1], dt_s, self._work, self._ahead,
            self._x, self._v, self._a,
        )  # fmt: skip

    def process(self, root: F32, rot: F32, dt_s: float) -> None:
        """Age the offsets by *dt_s*, then add them to the pose in place."""
        decay(self._x, self._v, self._a, self._half_life_s, dt_s)
        apply(self._x, ROOM, self._work[0], self._work[1], root, rot)
