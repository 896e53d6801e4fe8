"""How much each joint moves along the floor, up and down, and how briskly: variety, likeness, and energy.

Shapes   positions_m (T, 24, 3); features (24, 3) horizontal and vertical m2/s2, briskness m/s2; of W windows (W, 72).
Threads  pure functions.
Source   kinetic features of Onuma et al. 2008 as Li et al. 2021 use them; the Frechet distance of two gaussians.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F64
from audio2pose.match.index import IDLE, LOOPED, Library
from audio2pose.motion.kinematics import positions

from .sampling import RATE_HZ, lengths, resampled

WINDOW_S = 5.0
SIDE_POSES = 2
"""Speeds and accelerations are means over this many steps to each side."""
FEATURES: tuple[str, ...] = ("horizontal", "vertical", "acceleration")
LEAST_WINDOWS = 2
LIKE = (0.5, 2.0)
"""A median within these times the other one's is like it."""


def features(positions_m: F64, fps: float) -> F64:
    """(J, 3) of one stretch of dance."""
    P = resampled(positions_m, fps, RATE_HZ)
    if P.shape[0] < 3:
        return np.zeros((P.shape[1], 3))
    v = _means(np.diff(P, axis=0) * RATE_HZ)
    a = _means(np.diff(P, n=2, axis=0) * RATE_HZ**2)
    steps = P.shape[0] - 1
    horizontal = (v[:, :, 0] ** 2 + v[:, :, 2] ** 2).sum(axis=0) / steps
    vertical = (v[:, :, 1] ** 2).sum(axis=0) / steps
    return np.stack([horizontal, vertical, lengths(a).sum(axis=0) / steps], axis=1)


def _means(x: F64) -> F64:
    """Each row of *x* (T, ...) with its SIDE_POSES neighbours, as many of them as there are."""
    sums = np.concatenate([np.zeros((1, *x.shape[1:])), np.cumsum(x, axis=0)])
    at = np.arange(x.shape[0])
    low, high = np.maximum(at - SIDE_POSES, 0), np.minimum(at + SIDE_POSES + 1, x.shape[0])
    return np.asarray((sums[high] - sums[low]) / (high - low).reshape(-1, *[1] * (x.ndim - 1)), np.float64)


def windows(positions_m: F64, fps: float, window_s: float = WINDOW_S) -> F64:
    """(W, 3 J): the features of each whole window of *window_s*, one after another; of the whole where none fits."""
    P = resampled(positions_m, fps, RATE_HZ)
    n = max(round(window_s * RATE_HZ), 1)
    # A pose stands for the time until the next one: at a low rate the last window is a little shorter.
    whole = int(positions_m.shape[0] / fps / window_s + 1e-6)
    return np.stack([features(P[k * n : (k + 1) * n], RATE_HZ).ravel() for k in range(whole)] or [features(P, RATE_HZ).ravel()])


def energy(found: F64) -> float:
    """m2/s2: mean square speed of all joints, from features (J, 3) or (3 J,)."""
    return float(np.nansum(np.asarray(found).reshape(-1, 3)[:, :2], axis=1).mean())


def of_library(library: Library, window_s: float = WINDOW_S) -> F64:
    """(W, 72): windows of every clip that is no idle, at its own tempo; a loop that is shorter goes round again."""
    found = []
    for clip in range(len(library.clip_names)):
        if library.clip_flags[clip] & IDLE:
            continue
        at, fps = library.clip_poses(clip), float(library.clip_fps[clip])
        joints = positions(library.root_m[at], library.rotations[at]).astype(np.float64)
        if library.clip_flags[clip] & LOOPED:
            joints = _round_again(joints, int(np.ceil(window_s * fps)) + 1)
        found.append(windows(joints, fps, window_s))
    return np.concatenate(found)


def _round_again(joints: F64, poses: int) -> F64:
    """A loop (T, J, 3), its last pose its first, for *poses* and more; it travels on."""
    once, travel = joints[:-1], (joints[-1] - joints[0]).mean(axis=0) * np.array([1.0, 0.0, 1.0])
    laps = max(-(-poses // max(once.shape[0], 1)), 1)
    return np.concatenate([once + k * travel for k in range(laps)])


def frechet(one: F64, other: F64) -> float:
    """Distance of the gaussians of *one* (W, K) and *other* (V, K): |m - n|2 + tr(A + B - 2 (A B)^1/2)."""
    A, B = (np.cov(x, rowvar=False).reshape(x.shape[1], x.shape[1]) for x in (one, other))
    # (A B)^1/2 has the trace of (A^1/2 B A^1/2)^1/2, which is symmetric: its eigenvalues are enough.
    values, vectors = np.linalg.eigh(A)
    root = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    both = np.linalg.eigvalsh(root @ B @ root)
    apart = one.mean(axis=0) - other.mean(axis=0)
    return float(max(apart @ apart + np.trace(A) + np.trace(B) - 2.0 * np.sqrt(np.maximum(both, 0.0)).sum(), 0.0))


def standard(x: F64, reference: F64) -> F64:
    """*x* (W, K) in standard deviations of *reference* (V, K) from its mean; a feature that never changes there is left out."""
    sd = reference.std(axis=0)
    moving = sd > 1e-12
    return np.asarray((x[:, moving] - reference.mean(axis=0)[moving]) / sd[moving], np.float64)


def diversity(x: F64) -> float | None:
    """Mean distance of the rows of *x* (W, K) from each other; None for one row."""
    n = x.shape[0]
    if n < LEAST_WINDOWS:
        return None
    squares = (x * x).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares[None] - 2.0 * x @ x.T, 0.0))
    np.fill_diagonal(apart, 0.0)
    return float(apart.sum() / (n * (n - 1)))


def ratios(x: F64, reference: F64) -> F64:
    """(K,) medians of *x* (W, K) over those of *reference* (V, K); NaN where either is unknown."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return medians(x) / medians(reference)


def medians(x: F64) -> F64:
    """(K,) of the rows of *x* (W, K) that are known; NaN where none is."""
    known = [column[np.isfinite(column)] for column in x.T]
    return np.array([np.median(column) if column.size else np.nan for column in known], np.float64)


def alike(found: F64) -> float:
    """The share of *found* (K,) ratios that lie within LIKE, of those that are known."""
    known = found[np.isfinite(found)]
    return float(((known >= LIKE[0]) & (known <= LIKE[1])).mean()) if known.size else float("nan")
