"""Unit quaternions, w first: the few operations that blending needs.

Shapes   q, a, b, out: (4,); v: (3,) a rotation vector (axis times angle, radians) or a point.
Threads  any; kernels without heap or GIL, arithmetic in float64, results in the type of *out*.
Source   Shoemake 1985 (slerp); Grassia 1998 (exponential map).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F64, FX


@njit(cache=True, nogil=True)
def multiply(a: FX, b: FX, out: FX) -> None:
    """Write a * b (first b, then a). *out* may be *a* or *b*."""
    w = a[0] * b[0] - a[1] * b[1] - a[2] * b[2] - a[3] * b[3]
    x = a[0] * b[1] + a[1] * b[0] + a[2] * b[3] - a[3] * b[2]
    y = a[0] * b[2] - a[1] * b[3] + a[2] * b[0] + a[3] * b[1]
    z = a[0] * b[3] + a[1] * b[2] - a[2] * b[1] + a[3] * b[0]
    out[0], out[1], out[2], out[3] = w, x, y, z


@njit(cache=True, nogil=True)
def multiply_inverse(a: FX, b: FX, out: FX) -> None:
    """Write a * b^-1: the turn, in the outer frame, that takes b to a."""
    w = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]
    x = -a[0] * b[1] + a[1] * b[0] - a[2] * b[3] + a[3] * b[2]
    y = -a[0] * b[2] + a[1] * b[3] + a[2] * b[0] - a[3] * b[1]
    z = -a[0] * b[3] - a[1] * b[2] + a[2] * b[1] + a[3] * b[0]
    out[0], out[1], out[2], out[3] = w, x, y, z


@njit(cache=True, nogil=True)
def normalise(q: FX) -> None:
    """Scale *q* to length 1 in place; nothing but zeros becomes the identity."""
    n = math.sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    if not n > 1e-12:
        q[0], q[1], q[2], q[3] = 1.0, 0.0, 0.0, 0.0
        return
    for i in range(4):
        q[i] /= n


@njit(cache=True, nogil=True)
def rotate(q: FX, v: FX, out: FX) -> None:
    """Write *v* (3,) turned by *q*. *out* may be *v*."""
    x, y, z = v[0], v[1], v[2]
    tx = 2.0 * (q[2] * z - q[3] * y)
    ty = 2.0 * (q[3] * x - q[1] * z)
    tz = 2.0 * (q[1] * y - q[2] * x)
    out[0] = x + q[0] * tx + q[2] * tz - q[3] * ty
    out[1] = y + q[0] * ty + q[3] * tx - q[1] * tz
    out[2] = z + q[0] * tz + q[1] * ty - q[2] * tx


@njit(cache=True, nogil=True)
def slerp(a: FX, b: FX, u: float, out: FX) -> None:
    """Write the rotation at share *u* of the shorter way from *a* to *b*; u beyond 0..1 goes on past the ends."""
    dot = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3]
    sign = 1.0
    if dot < 0.0:
        dot, sign = -dot, -1.0
    if dot > 0.9995:
        wa, wb = 1.0 - u, u * sign
    else:
        angle = math.acos(min(dot, 1.0))
        s = math.sin(angle)
        wa = math.sin((1.0 - u) * angle) / s
        wb = sign * math.sin(u * angle) / s
    w = wa * a[0] + wb * b[0]
    x = wa * a[1] + wb * b[1]
    y = wa * a[2] + wb * b[2]
    z = wa * a[3] + wb * b[3]
    n = 1.0 / math.sqrt(w * w + x * x + y * y + z * z)
    out[0], out[1], out[2], out[3] = w * n, x * n, y * n, z * n


@njit(cache=True, nogil=True)
def log_map(q: FX, out: FX) -> None:
    """Write the rotation vector (3,) of *q*, its angle within -pi..pi."""
    w, sign = q[0], 1.0
    if w < 0.0:
        w, sign = -w, -1.0
    n = math.sqrt(q[1] * q[1] + q[2] * q[2] + q[3] * q[3])
    k = 2.0 if n < 1e-9 else 2.0 * math.atan2(n, w) / n
    for i in range(3):
        out[i] = sign * k * q[i + 1]


@njit(cache=True, nogil=True)
def exp_map(v: FX, out: FX) -> None:
    """Write the unit quaternion (4,) of rotation vector *v*."""
    angle = math.sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2])
    k = 0.5 if angle < 1e-9 else math.sin(0.5 * angle) / angle
    out[0] = math.cos(0.5 * angle)
    for i in range(3):
        out[i + 1] = k * v[i]


@njit(cache=True, nogil=True)
def heading(q: FX) -> float:
    """Turn about the vertical of *q*, radians: the way that its +Z looks, 0 towards +Z, positive towards +X."""
    x = 2.0 * (q[1] * q[3] + q[0] * q[2])
    z = 1.0 - 2.0 * (q[1] * q[1] + q[2] * q[2])
    return math.atan2(x, z)


def from_matrix(m: F64) -> F64:
    """Rotation matrices (..., 3, 3) -> quaternions (..., 4), w first and not negative."""
    m = np.asarray(m, np.float64)
    squares = np.stack(
        [
            1.0 + m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2],
            1.0 + m[..., 0, 0] - m[..., 1, 1] - m[..., 2, 2],
            1.0 - m[..., 0, 0] + m[..., 1, 1] - m[..., 2, 2],
            1.0 - m[..., 0, 0] - m[..., 1, 1] + m[..., 2, 2],
        ],
        -1,
    )
    zy, xz, yx = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    xy, xz2, yz = m[..., 0, 1] + m[..., 1, 0], m[..., 0, 2] + m[..., 2, 0], m[..., 1, 2] + m[..., 2, 1]
    rows = np.stack(
        [
            np.stack([squares[..., 0], zy, xz, yx], -1),
            np.stack([zy, squares[..., 1], xy, xz2], -1),
            np.stack([xz, xy, squares[..., 2], yz], -1),
            np.stack([yx, xz2, yz, squares[..., 3]], -1),
        ],
        -2,
    )  # each row is 4 q_i times q: the row with the largest q_i is the best conditioned (Shepperd 1978)
    best = np.take_along_axis(rows, np.argmax(squares, -1)[..., None, None], -2)[..., 0, :]
    best = best / np.linalg.norm(best, axis=-1, keepdims=True)
    return np.where(best[..., :1] < 0.0, -best, best)
