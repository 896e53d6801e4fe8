"""The same dance with the warp of each segment a straight line between its cuts: what is left is the choreography's own.

Shapes   positions_m (T, J, 3), pose k at k / fps; starts_s (S,), beats_s (M,) rising seconds.
Threads  pure functions.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F64

from .sampling import spline

LEAST_S = 0.05
"""A segment shorter than this has no warp to speak of."""


def unwarped(positions_m: F64, fps: float, starts_s: F64, beats_s: F64) -> F64:
    """*positions_m* with a segment's beats at an even pace from its start to the next one's; (T, J, 3) at the same moments.

    Between cuts, the pose of moment t is the one that was danced when as many beats had passed as an even pace has at t.
    """
    T = positions_m.shape[0]
    now_s = np.arange(T) / fps
    from_s = now_s.copy()
    for begin_s, end_s in zip(starts_s, [*starts_s[1:], now_s[-1]]):
        own = (now_s >= begin_s) & (now_s < end_s)
        if end_s - begin_s < LEAST_S or not own.any():
            continue
        first, last = beat_at(np.array([begin_s, end_s]), beats_s)
        even = first + (last - first) * (now_s[own] - begin_s) / (end_s - begin_s)
        from_s[own] = _when(even, beats_s)
    return spline(np.asarray(positions_m, np.float64), np.clip(from_s * fps, 0.0, T - 1.0))


def beat_at(times_s: F64, beats_s: F64) -> F64:
    """How many beats have passed at each of *times_s*; before the first and after the last, at the pace found there."""
    return np.interp(times_s, *_knots(beats_s))


def _when(beat: F64, beats_s: F64) -> F64:
    times_s, numbers = _knots(beats_s)
    return np.interp(beat, numbers, times_s)


def _knots(beats_s: F64) -> tuple[F64, F64]:
    """The beats and a far one on each side."""
    far = 1e5
    before, after = beats_s[1] - beats_s[0], beats_s[-1] - beats_s[-2]
    times_s = np.concatenate([[beats_s[0] - far * before], beats_s, [beats_s[-1] + far * after]])
    return times_s, np.concatenate([[-far], np.arange(beats_s.shape[0]), [beats_s.shape[0] - 1 + far]])
