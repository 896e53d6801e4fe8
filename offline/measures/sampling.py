"""The same motion at another rate, and without what shakes faster than people do.

Shapes   values: (T, ...) one row a pose; what comes back has other T, the same rest.
Threads  pure functions.
Source   natural cubic spline (tridiagonal system); gaussian low-pass.
"""

from __future__ import annotations

import math

import numpy as np

from audio2pose.arrays import F64

RATE_HZ = 60.0
"""The rate that most definitions are told at."""
CALM_HZ = 12.0
"""People move slower than this; what is faster is noise of a camera or of rounding."""
GAUSS_WIDTHS = 4.0


def resampled(values: F64, fps: float, to_fps: float) -> F64:
    """*values* (T, ...) told *fps* times a second, at *to_fps*; both begin at the same moment."""
    values = np.asarray(values, np.float64)
    T = values.shape[0]
    if T < 2 or fps == to_fps:
        return values
    n = math.floor((T - 1) / fps * to_fps + 1e-6) + 1
    return spline(values, np.minimum(np.arange(n) * (fps / to_fps), T - 1.0))


def spline(values: F64, at: F64) -> F64:
    """*values* (T, ...) between its rows, at the row numbers *at* (N,), each within 0..T - 1."""
    T = values.shape[0]
    i = np.clip(at.astype(np.int64), 0, max(T - 2, 0))
    flat = values.reshape(T, -1)
    bend = _second_derivatives(flat)
    u = (at - i)[:, None]
    w = 1.0 - u
    j = np.minimum(i + 1, T - 1)
    out = w * flat[i] + u * flat[j] + ((w**3 - w) * bend[i] + (u**3 - u) * bend[j]) / 6.0
    return np.asarray(out.reshape(at.shape[0], *values.shape[1:]), np.float64)


def _second_derivatives(flat: F64) -> F64:
    """(T, K) per row squared, 0 at both ends: m[k-1] + 4 m[k] + m[k+1] = 6 (y[k-1] - 2 y[k] + y[k+1])."""
    T = flat.shape[0]
    m = np.zeros_like(flat)
    if T < 3:
        return m
    right = 6.0 * (flat[:-2] - 2.0 * flat[1:-1] + flat[2:])
    share = np.zeros(T - 2)
    last = 0.0
    for k in range(T - 2):
        last = 1.0 / (4.0 - last)
        share[k] = last
        right[k] = (right[k] - (right[k - 1] if k else 0.0)) * last
    m[T - 2] = right[T - 3]
    for k in range(T - 4, -1, -1):
        m[k + 1] = right[k] - share[k] * m[k + 2]
    return m


def smooth(values: F64, sigma_s: float, fps: float) -> F64:
    """*values* (T, ...) under a gaussian of *sigma_s*; the ends are mirrored."""
    sigma = sigma_s * fps
    reach = int(GAUSS_WIDTHS * sigma + 0.5)
    if reach < 1 or values.shape[0] < 2:
        return np.asarray(values, np.float64)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    T = values.shape[0]
    # Mirrored at the ends with the end itself told twice, as often as the reach asks for.
    index = np.arange(-reach, T + reach) % (2 * T)
    padded = np.asarray(values, np.float64)[np.where(index < T, index, 2 * T - 1 - index)]
    out = np.zeros(values.shape)
    for k, share in enumerate(kernel):
        out += share * padded[k : k + T]
    return out


def calm(values: F64, fps: float) -> F64:
    """*values* (T, ...) with what is faster than CALM_HZ taken away: half the power is left there."""
    return smooth(values, math.sqrt(math.log(2.0)) / (2.0 * math.pi * CALM_HZ), fps)


def lengths(vectors: F64) -> F64:
    """(..., 3) or (..., 2) -> (...)."""
    return np.asarray(np.sqrt(np.einsum("...i,...i->...", vectors, vectors)), np.float64)


def speed(positions_m: F64, fps: float) -> F64:
    """(T - 1,) m/s: the speeds of all joints of *positions_m* (T, J, 3) added up; row k lies between poses k and k + 1."""
    return np.asarray(lengths(np.diff(np.asarray(positions_m, np.float64), axis=0)).sum(axis=1) * fps, np.float64)
