"""When a body stops, and whether it stops with the music: motion beats, F at the best level, and chance.

Shapes   positions_m (T, J, 3), pose k at k / fps; motion_s (K,), beats_s (M,) rising seconds.
Threads  pure functions.
Source   motion beats of Li et al. 2021, with a depth below which there is none: a circle that is walked evenly, with a
         hundredth of ripple, has beats to every music without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F64

from .sampling import RATE_HZ, resampled, speed

SIDE_S, AROUND_S, DEPTH = 10 / 60, 0.25, 0.25
"""The lowest speed within SIDE_S to each side, and lower by this share than the mean within AROUND_S."""
TOLERANCE_S = 0.070
SHIFTS, SEED = 100, 0
LEAST_BEATS = 4


def motion_beats(positions_m: F64, fps: float = RATE_HZ) -> F64:
    """(K,) the moments at which the body all but stops."""
    v = speed(resampled(positions_m, fps, RATE_HZ), RATE_HZ)
    side, around = round(SIDE_S * RATE_HZ), round(AROUND_S * RATE_HZ)
    found = []
    for t in range(1, v.shape[0] - 1):
        first = max(t - side, 0)
        if first + int(np.argmin(v[first : t + side + 1])) != t:  # of a tie, the first: it is one stop
            continue
        if v[t] <= (1.0 - DEPTH) * v[max(t - around, 0) : t + around + 1].mean():
            found.append((t + 0.5 + _between(v, t)) / RATE_HZ)  # a speed belongs between two poses
    return np.array(found, np.float64)


def _between(v: F64, t: int) -> float:
    """Where the parabola through three speeds is lowest, in steps from *t*."""
    a, b, c = v[t - 1 : t + 2]
    bend = a - 2.0 * b + c
    return float(np.clip(0.5 * (a - c) / bend, -0.5, 0.5)) if bend > 0.0 else 0.0


def matched(estimated: F64, reference: F64, tolerance_s: float = TOLERANCE_S) -> list[tuple[int, int]]:
    """Pairs (estimated, reference) no further apart than the tolerance, each used once, greedy in time."""
    pairs, i, j = [], 0, 0
    while i < len(estimated) and j < len(reference):
        apart = estimated[i] - reference[j]
        if abs(apart) <= tolerance_s:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif apart < 0:
            i += 1
        else:
            j += 1
    return pairs


def f_measure(estimated: F64, reference: F64, tolerance_s: float = TOLERANCE_S) -> float:
    """F of *estimated* times against *reference* times, s."""
    if len(estimated) == 0 or len(reference) == 0:
        return 0.0
    return 2.0 * len(matched(estimated, reference, tolerance_s)) / (len(estimated) + len(reference))


def levels(beats_s: F64) -> dict[str, F64]:
    """The beats at single, double and half level (both halves): half-time dancing is dancing."""
    middle = (beats_s[1:] + beats_s[:-1]) / 2
    return {
        "single": beats_s,
        "double": np.sort(np.concatenate([beats_s, middle])),
        "half": beats_s[::2],
        "half, off": beats_s[1::2],
    }


def shifted(times_s: F64, start_s: float, span_s: float, shifts: int = SHIFTS) -> Iterator[F64]:
    """*times_s* turned round within start_s .. start_s + span_s by *shifts* amounts all over it: what chance would do.

    Each is a number of whole steps from one time to the next, and its own part of a step. Even parts of the span would turn
    a hundred even beats always by half a step, where nothing lands: a chance too small.
    """
    step_s = float(np.median(np.diff(times_s))) if times_s.shape[0] > 1 else span_s
    step_s = step_s if 0.0 < step_s < span_s else span_s
    part = np.random.default_rng(SEED).permutation(shifts) + 0.5
    for k in range(shifts):
        by_s = step_s * (round(span_s * k / shifts / step_s) + part[k] / shifts)
        yield np.sort((times_s - start_s + by_s) % span_s + start_s)


def span(beats_s: F64) -> tuple[float, float]:
    """Where *beats_s* begin and how long they last, the last one included."""
    return float(beats_s[0]), float(beats_s[-1] - beats_s[0] + np.median(np.diff(beats_s)))


@dataclass(frozen=True, slots=True)
class Landing:
    """How well motion beats meet music beats. The offsets, ms, are those of the pairs: positive is late."""

    f: float
    f_null: float
    level: str
    offset_ms: float
    offset_sd_ms: float
    n: int

    @property
    def gain(self) -> float:
        """F above chance."""
        return self.f - self.f_null


def landing(motion_s: F64, beats_s: F64, shifts: int = SHIFTS) -> Landing:
    """F at the level that gains most over chance, chance itself, and the offsets. *beats_s* holds LEAST_BEATS or more."""
    start_s, lasts_s = span(beats_s)
    inside = (motion_s >= start_s - TOLERANCE_S) & (motion_s <= beats_s[-1] + TOLERANCE_S)
    return max((_at(motion_s[inside], level, at_s, start_s, lasts_s, shifts) for level, at_s in levels(beats_s).items()),
               key=lambda found: found.gain)  # fmt: skip


def _at(motion_s: F64, level: str, at_s: F64, start_s: float, lasts_s: float, shifts: int) -> Landing:
    null = np.mean([f_measure(motion_s, moved) for moved in shifted(at_s, start_s, lasts_s, shifts)])
    late_s = np.array([motion_s[i] - at_s[j] for i, j in matched(motion_s, at_s)])
    late_s = late_s if late_s.size else np.zeros(1)
    f = f_measure(motion_s, at_s)
    return Landing(f, float(null), level, float(late_s.mean() * 1e3), float(late_s.std() * 1e3), len(motion_s))


def apart_s(times_s: F64, to_s: F64) -> F64:
    """(N,) how far the nearest of *to_s* (rising) is from each of *times_s*; infinite where there is none."""
    if not to_s.size:
        return np.full(times_s.shape, np.inf)
    at = np.searchsorted(to_s, times_s)
    before, after = to_s[np.maximum(at - 1, 0)], to_s[np.minimum(at, to_s.size - 1)]
    return np.minimum(np.abs(times_s - before), np.abs(times_s - after))


def bins(motion_s: F64, beats_s: F64) -> tuple[float, float]:
    """Whole seconds that hold both, over those with motion beats (cover) and over those with music beats (hit)."""
    moved, heard = {int(t) for t in motion_s}, {int(t) for t in beats_s}
    both = len(moved & heard)
    return both / max(len(moved), 1), both / max(len(heard), 1)
