"""Beat alignment scores as two papers' own programs compute them. They do not compare with each other.

Shapes   positions_m (T, J, 3), pose k at k / fps; beats_s (M,) seconds.
Threads  pure functions.
Source   Li et al. 2021 (mean over motion beats); Li Siyao et al. 2022 (mean over music beats). Both at 60 fps, and near chance:
         never without the null.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from audio2pose.arrays import F64

from .sampling import RATE_HZ, lengths, resampled, smooth
from .stops import SHIFTS, apart_s, shifted, span

SIGMA_S = 3 / 60
SIDE_POSES = 10
SMOOTH_S = 5 / 60


def aist(positions_m: F64, fps: float, beats_s: F64) -> tuple[float, float]:
    """The score over motion beats (0 where there are none) and its null."""
    motion_s = _lowest_of_ten(_moved(positions_m, fps)) / RATE_HZ
    return _with_null(lambda beats: nearness(motion_s, beats), beats_s)


def bailando(positions_m: F64, fps: float, beats_s: F64) -> tuple[float, float]:
    """The score over music beats and its null."""
    v = smooth(_moved(positions_m, fps)[1:] / positions_m.shape[1], SMOOTH_S, RATE_HZ)
    motion_s = (np.flatnonzero((v[1:-1] < v[:-2]) & (v[1:-1] < v[2:])) + 1) / RATE_HZ
    return _with_null(lambda beats: nearness(beats, motion_s), beats_s)


def nearness(each_s: F64, to_s: F64) -> float:
    """Mean over *each_s* of exp(-d2 / 2 sigma2), d being how far the nearest of *to_s* is; 0 where one of them is empty."""
    if not (each_s.size and to_s.size):
        return 0.0
    return float(np.exp(-(apart_s(each_s, to_s) ** 2) / (2.0 * SIGMA_S**2)).mean())


def _moved(positions_m: F64, fps: float) -> F64:
    """(T,) metres that all joints together moved since the pose before; 0 for the first."""
    P = resampled(positions_m, fps, RATE_HZ)
    return np.concatenate([[0.0], lengths(np.diff(P, axis=0)).sum(axis=1)])


def _lowest_of_ten(v: F64) -> F64:
    """Indices lower than each of the SIDE_POSES before and after, as far as there are any; never the ends."""
    low = np.ones(v.shape[0], bool)
    low[[0, -1]] = False
    for k in range(1, SIDE_POSES + 1):
        low[k:] &= v[k:] < v[:-k]
        low[:-k] &= v[:-k] < v[k:]
    return np.flatnonzero(low).astype(np.float64)


def _with_null(of: Callable[[F64], float], beats_s: F64) -> tuple[float, float]:
    start_s, lasts_s = span(beats_s)
    return of(beats_s), float(np.mean([of(moved) for moved in shifted(beats_s, start_s, lasts_s, SHIFTS)]))
