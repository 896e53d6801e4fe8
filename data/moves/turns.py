"""Turns of a whole curve at once, as unit quaternions, for the build of the choreography.

Shapes   q: (P, 4), w first; v: (P, 3); angles in degrees, (P,) or a number.
Axes     yaw + turns to the dancer's left, pitch + leans forward, roll + leans to the left.
Source   plain quaternion algebra, whole arrays at a time; the engine's own kernels work on one pose.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F64
from audio2pose.motion.rotation import from_matrix


def turn(yaw_deg: F64 | float, pitch_deg: F64 | float = 0.0, roll_deg: F64 | float = 0.0) -> F64:
    """(P, 4): first roll, then pitch, then yaw, about the parent's axes."""
    yaw, pitch, roll = np.broadcast_arrays(*(np.radians(np.asarray(a, float)) * 0.5 for a in (yaw_deg, pitch_deg, roll_deg)))
    zero = np.zeros(yaw.shape)
    about_y = np.stack([np.cos(yaw), zero, np.sin(yaw), zero], -1)
    about_x = np.stack([np.cos(pitch), np.sin(pitch), zero, zero], -1)
    about_z = np.stack([np.cos(roll), zero, zero, -np.sin(roll)], -1)
    return mul(mul(about_y, about_x), about_z)


def mul(a: F64, b: F64) -> F64:
    """The turn *b* followed, in the frame outside, by *a*."""
    aw, ax, ay, az = np.moveaxis(a, -1, 0)
    bw, bx, by, bz = np.moveaxis(b, -1, 0)
    return np.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        -1,
    )


def inverse(q: F64) -> F64:
    """The turn back."""
    return q * np.array([1.0, -1.0, -1.0, -1.0])


def rotate(q: F64, v: F64) -> F64:
    """*v* turned by *q*."""
    u, w = q[..., 1:], q[..., :1]
    t = 2.0 * np.cross(u, np.broadcast_to(v, u.shape))
    return v + w * t + np.cross(u, t)


def about(axis: F64, angle_deg: F64) -> F64:
    """(P, 4) turn by *angle_deg* about the unit *axis* (P, 3)."""
    half = np.radians(angle_deg) * 0.5
    return np.concatenate([np.cos(half)[:, None], axis * np.sin(half)[:, None]], -1)


def part(q: F64, share: float) -> F64:
    """*share* of the turn *q*, the short way."""
    q = np.where(q[..., :1] < 0.0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    half = np.arctan2(sine, q[..., :1]) * share
    return np.concatenate([np.cos(half), q[..., 1:] / np.maximum(sine, 1e-12) * np.sin(half)], -1)


def from_axes(x: F64, y: F64, z: F64) -> F64:
    """(P, 4) the turn that brings the axes of the world onto the orthonormal *x*, *y*, *z*, each (P, 3)."""
    return from_matrix(np.stack([x, y, z], -1))


def unit(v: F64) -> F64:
    """*v* at length 1 along its last axis."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-12)


def across(v: F64, axis: F64) -> F64:
    """The part of *v* that stands square to the unit *axis*, at length 1."""
    return unit(v - np.sum(v * axis, -1, keepdims=True) * axis)
