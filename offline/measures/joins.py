"""What joins show: jerk around them against jerk elsewhere, and how soon a phrase is danced again.

Shapes   positions_m (T, J, 3), pose k at k / fps; starts_s (S,) seconds, ids (S,) CLIP@BEAT.
Threads  pure functions.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F64

from .sampling import RATE_HZ, calm, lengths, resampled
from .stops import apart_s

AT_JOIN_S, FAR_S = 0.25, 0.5
PERCENT = 95
SOON_BEATS = 32.0
ON_BEATS = 0.25
"""A segment that begins this close to where the one before had come to, in the same clip, goes on and returns to nothing."""
LEAST_POSES = 30


def jerk(positions_m: F64, fps: float) -> tuple[F64, F64]:
    """(N, J) m/s3 of each joint, and (N,) the seconds that they are for."""
    P = calm(resampled(positions_m, fps, RATE_HZ), RATE_HZ)
    change = np.asarray(lengths(np.diff(P, n=3, axis=0)) * RATE_HZ**3, np.float64)
    return change, np.asarray((np.arange(change.shape[0]) + 1.5) / RATE_HZ, np.float64)


def jerk_ratio(positions_m: F64, fps: float, joins_s: F64) -> float | None:
    """95th percentile of jerk near joins over that far from any; 1 is a join that nobody can tell. None without either."""
    change, at_s = jerk(positions_m, fps)
    if not joins_s.size or not at_s.size:
        return None
    away_s = apart_s(at_s, joins_s)
    near, far = change[away_s <= AT_JOIN_S], change[away_s > FAR_S]
    if near.shape[0] < LEAST_POSES or far.shape[0] < LEAST_POSES:
        return None
    beside = float(np.percentile(far, PERCENT))
    return float(np.percentile(near, PERCENT)) / beside if beside > 0.0 else None


def clip_of(name: str) -> str:
    """CLIP of CLIP@BEAT; a mirror's is another."""
    return name.rpartition("@")[0] or name


def joined(starts_s: F64, ids: tuple[str, ...], start_beats: F64) -> F64:
    """The starts (N,) at which the motion changes: not the first, and none that only goes on in its clip."""
    changes = [s for k, s in enumerate(starts_s) if k and not _goes_on(k, ids, start_beats)]
    return np.array(changes, np.float64)


def repetition(ids: tuple[str, ...], start_beats: F64) -> float | None:
    """The share of segments whose clip comes back within SOON_BEATS of its start; None where no segment is known."""
    if not ids or len(ids) != start_beats.shape[0]:
        return None
    last: dict[str, float] = {}
    back = 0
    for k, name in enumerate(ids):
        clip = clip_of(name)
        if clip in last and start_beats[k] - last[clip] < SOON_BEATS - ON_BEATS and not _goes_on(k, ids, start_beats):
            back += 1
        last[clip] = float(start_beats[k])
    return back / len(ids)


def _goes_on(k: int, ids: tuple[str, ...], start_beats: F64) -> bool:
    """Whether segment *k* begins where its own clip had come to."""
    if len(ids) != start_beats.shape[0] or clip_of(ids[k]) != clip_of(ids[k - 1]):
        return False
    try:
        before, now = (float(ids[n].rpartition("@")[2]) for n in (k - 1, k))
    except ValueError:
        return False
    return abs(before + start_beats[k] - start_beats[k - 1] - now) <= ON_BEATS
