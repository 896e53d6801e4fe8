"""A leg of two bones: its ankle moved to where it is wanted, the foot keeping its turn in the world.

Shapes   root (3,), rot (24, 4) of one pose, changed in place; offsets (24, 3); pull (3,) metres.
Threads  any; the kernel works without heap or GIL.
Source   two-bone IK by the law of cosines.
"""

from __future__ import annotations

import math

from numba import njit

from audio2pose.arrays import F32, F64
from audio2pose.motion.rotation import multiply, normalise, rotate

STRETCH = 0.998
NEAR_STRAIGHT = 0.12
"""Sine of the knee's bend under which its axis is taken more and more from the thigh."""


@njit(cache=True, nogil=True)
def _inverse_times(a: F64, b: F64, out: F32) -> None:
    """Write a^-1 * b."""
    w = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]
    x = a[0] * b[1] - a[1] * b[0] - a[2] * b[3] + a[3] * b[2]
    y = a[0] * b[2] + a[1] * b[3] - a[2] * b[0] - a[3] * b[1]
    z = a[0] * b[3] - a[1] * b[2] + a[2] * b[1] - a[3] * b[0]
    out[0], out[1], out[2], out[3] = w, x, y, z


@njit(cache=True, nogil=True)
def _interior(l1: float, l2: float, d: float) -> float:
    """Angle between two bones whose far ends lie *d* apart."""
    return math.acos(min(max((l1 * l1 + l2 * l2 - d * d) / (2.0 * l1 * l2), -1.0), 1.0))


@njit(cache=True, nogil=True)
def shift_ankle(root: F32, rot: F32, offsets: F32, hip: int, knee: int, ankle: int, pull: F64, work: F64) -> None:
    """Move the ankle by *pull* (3,) by turning hip and knee; the foot keeps its turn. *work* (10, 4) is scratch."""
    gp, gh, gk, ga = work[0], work[1], work[2], work[3]
    q1, q2, a, b, c, n = work[4], work[5], work[6], work[7], work[8], work[9]
    for i in range(4):
        gp[i] = rot[0, i]
    multiply(gp, rot[hip], gh)
    multiply(gh, rot[knee], gk)
    multiply(gk, rot[ankle], ga)
    rotate(gh, offsets[knee], a)  # hip to knee
    rotate(gk, offsets[ankle], b)  # knee to ankle
    l1 = math.sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2])
    l2 = math.sqrt(b[0] * b[0] + b[1] * b[1] + b[2] * b[2])
    d0, d1 = 0.0, 0.0
    for i in range(3):
        c[i] = a[i] + b[i] + pull[i]  # hip to the target
        d0 += (a[i] + b[i]) * (a[i] + b[i])
        d1 += c[i] * c[i]
    d0 = math.sqrt(d0)
    d1 = min(max(math.sqrt(d1), 0.3 * (l1 + l2)), max(STRETCH * (l1 + l2), d0))
    # the axis from the thigh, seen from the knee, to the shank
    n[0] = -a[1] * b[2] + a[2] * b[1]
    n[1] = -a[2] * b[0] + a[0] * b[2]
    n[2] = -a[0] * b[1] + a[1] * b[0]
    # a leg near straight has no plane of its own: knees bend backwards
    bent = math.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) / (l1 * l2)
    lean = max(NEAR_STRAIGHT - bent, 0.0) * l1 * l2
    q2[0], q2[1], q2[2] = -1.0, 0.0, 0.0
    rotate(gh, q2, q1)
    for i in range(3):
        n[i] += lean * q1[i]
    s = math.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2])
    if s < 1e-9:
        return
    turn = 0.5 * (_interior(l1, l2, d1) - _interior(l1, l2, d0))
    q1[0] = math.cos(turn)
    for i in range(3):
        q1[i + 1] = math.sin(turn) * n[i] / s
    rotate(q1, b, b)
    # the shortest turn from the new hip-ankle line to the target's
    dot, la, lc = 0.0, 0.0, 0.0
    for i in range(3):
        a[i] += b[i]
        dot += a[i] * c[i]
        la += a[i] * a[i]
        lc += c[i] * c[i]
    k = math.sqrt(la * lc)
    q2[0] = k + dot
    q2[1] = a[1] * c[2] - a[2] * c[1]
    q2[2] = a[2] * c[0] - a[0] * c[2]
    q2[3] = a[0] * c[1] - a[1] * c[0]
    normalise(q2)
    multiply(q1, gk, gk)
    multiply(q2, gk, gk)
    multiply(q2, gh, gh)
    _inverse_times(gp, gh, rot[hip])
    _inverse_times(gh, gk, rot[knee])
    _inverse_times(gk, ga, rot[ankle])
