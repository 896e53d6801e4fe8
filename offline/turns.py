"""Many turns at once: the few operations on arrays of quaternions that shaping a whole dance takes.

Shapes   q, a, b: (..., 4) unit quaternions, w first; v: (..., 3) rotation vectors; angle: (...) radians.
Threads  pure functions.
Source   Grassia 1998 (exponential map).
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F64


def times(a: F64, b: F64) -> F64:
    """First *b*, then *a*."""
    w, x, y, z = np.moveaxis(a, -1, 0)
    s, i, j, k = np.moveaxis(b, -1, 0)
    rows = (
        w * s - x * i - y * j - z * k,
        w * i + x * s + y * k - z * j,
        w * j - x * k + y * s + z * i,
        w * k + x * j - y * i + z * s,
    )
    return np.stack(rows, -1)


def inverse(q: F64) -> F64:
    """The way back."""
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def unit(q: F64) -> F64:
    """*q* of length 1."""
    return q / np.maximum(np.linalg.norm(q, axis=-1, keepdims=True), 1e-12)


def about_y(angle: F64) -> F64:
    """Turns by *angle* about the vertical."""
    nothing = np.zeros_like(angle)
    return np.stack([np.cos(0.5 * angle), nothing, np.sin(0.5 * angle), nothing], -1)


def log(q: F64) -> F64:
    """Rotation vectors (..., 3), angles within 0..pi."""
    q = np.where(q[..., :1] < 0.0, -q, q)
    n = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2.0 * np.arctan2(n, q[..., :1])
    return q[..., 1:] * np.divide(angle, n, out=np.full_like(n, 2.0), where=n > 1e-9)


def exp(v: F64) -> F64:
    """The quaternions of rotation vectors *v*."""
    angle = np.linalg.norm(v, axis=-1, keepdims=True)
    return np.concatenate([np.cos(0.5 * angle), v * 0.5 * np.sinc(0.5 * angle / np.pi)], -1)


def turn(q: F64, v: F64) -> F64:
    """(T, 3) *v* (3,) turned by each of *q* (T, 4)."""
    t = 2.0 * np.cross(q[:, 1:], v)
    return v + q[:, :1] * t + np.cross(q[:, 1:], t)
