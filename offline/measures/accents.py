"""Do declared accents land on the music's beats, and can they be seen at all?

Shapes   positions_m (T, 24, 3), pose k at k / fps; accents_s (A,), beats_s (M,), motion_s (K,) seconds.
Threads  pure functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F64
from audio2pose.motion.body import JOINT

from .sampling import RATE_HZ, calm, resampled
from .stops import AROUND_S, SHIFTS, SIDE_S, apart_s, shifted

NEAR_S = 0.060
"""An accent is seen where the motion stops or turns within this."""
HEIGHTS = (JOINT["pelvis"], JOINT["left_hand"], JOINT["right_hand"])
DEEP_M = 0.02
"""Hips and hands that rise and fall by less within AROUND_S turn for nobody to see."""


@dataclass(frozen=True, slots=True)
class Accents:
    """Distance of accents from the nearest beat or half beat, ms; the share of them that is seen, and what chance would see."""

    p50: float
    p95: float
    n: int
    seen: float
    seen_null: float


def accents(positions_m: F64, fps: float, accents_s: F64, beats_s: F64, motion_s: F64) -> Accents | None:
    """None where no accent lies between the first beat and the last."""
    inside = accents_s[(accents_s >= beats_s[0] - NEAR_S) & (accents_s <= beats_s[-1] + NEAR_S)]
    if not inside.size:
        return None
    halves = np.sort(np.concatenate([beats_s, (beats_s[1:] + beats_s[:-1]) / 2]))
    late_ms = 1e3 * apart_s(inside, halves)
    shown_s = np.sort(np.concatenate([motion_s, turns(positions_m, fps)]))
    seconds = positions_m.shape[0] / fps
    chance = np.mean([_seen(moved, shown_s) for moved in shifted(inside, 0.0, seconds, SHIFTS)])
    return Accents(
        float(np.percentile(late_ms, 50)), float(np.percentile(late_ms, 95)), inside.size, _seen(inside, shown_s), float(chance)
    )


def turns(positions_m: F64, fps: float) -> F64:
    """(N,) rising seconds at which the hips or a hand are at their highest or lowest."""
    heights = calm(resampled(positions_m[:, HEIGHTS, 1], fps, RATE_HZ), RATE_HZ)
    side, around = round(SIDE_S * RATE_HZ), round(AROUND_S * RATE_HZ)
    found = []
    for h in heights.T:
        for t in range(1, h.shape[0] - 1):
            near = h[max(t - side, 0) : t + side + 1]
            if h[t] not in (near.max(), near.min()) or (h[t] - h[t - 1]) * (h[t + 1] - h[t]) > 0.0:
                continue
            if np.ptp(h[max(t - around, 0) : t + around + 1]) >= DEEP_M:
                found.append(t / RATE_HZ)
    return np.sort(np.array(found, np.float64))


def _seen(accents_s: F64, shown_s: F64) -> float:
    return float((apart_s(accents_s, shown_s) <= NEAR_S).mean())
