"""Hops: both feet leave the floor, gravity alone carries the body, the legs tuck a little and the knees take the landing.

Shapes   curves (P,): hips_m the height that the hop gives the hips, share 0..1 of it, feet_m above the floor, air 0..1.
Threads  pure functions.
Source   a body in flight has no acceleration but gravity's; the push and the landing are the same parabola upside down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio2pose.arrays import F64

from .ring import Ring
from .score import Phrase
from .tracks import Take, min_jerk

G_M_S2 = 9.81
ON_TOES_M = 0.035
"""The hips leave the floor this much above where they stand: the heels are up."""
DEEP_M, DEEP_SHARE = 0.07, 0.60
"""How far the knees give for the landing: DEEP_M and DEEP_SHARE of the hop's height."""
MOST_BENT_M = 0.035
HARDEST_M_S2 = 36.0
TUCK = 0.35
TOE_DEG = 24.0
BLEND_S = 0.16
SMALLEST_M = 0.012
TOES_S, LEFT_M = 0.022, 0.004


@dataclass(frozen=True, slots=True)
class Flight:
    """What the hops of a phrase ask of hips and feet."""

    hips_m: F64
    share: F64
    feet_m: F64
    air: NDArray[np.bool_]


def flight(phrase: Phrase, ring: Ring, take: Take) -> Flight:
    """The hops over all passes; `hop` keys above 0 are their tops, and a top of 0 is none."""
    zero = np.zeros(ring.poses)
    out = Flight(zero, zero.copy(), zero.copy(), np.zeros(ring.poses, bool))
    tops = [(k.beat, k.value[0]) for k in phrase.body.get("hop", ()) if k.value[0] >= SMALLEST_M]
    if not tops:
        return out
    rng = take.rng("hop")
    at_s, height_m = [], []
    for n in range(take.passes):
        for beat, height in tops:
            at_s.append((beat + n * phrase.beats) * ring.beat_s)
            height_m.append(height * (1.0 + 0.08 * take.size * float(np.clip(rng.standard_normal(), -2.0, 2.0))))
    at, high = np.array(at_s), np.array(height_m)
    half = np.sqrt(2.0 * high / G_M_S2)
    total = ring.beats * ring.beat_s
    away = (ring.time_beats[:, None] * ring.beat_s - at[None, :] + total / 2.0) % total - total / 2.0
    k = np.argmin(np.abs(away) - half[None, :], axis=1)
    s = away[np.arange(ring.poses), k]
    # On each side the push or the landing has half of the time to the next hop.
    gap = np.diff(np.append(at, at[0] + total)) - half - np.append(half[1:], half[:1])
    deep, speeds = DEEP_M + DEEP_SHARE * high, G_M_S2 * half
    pushes = np.stack(
        [np.maximum(np.minimum(2.0 * deep / speeds, g / 2.0), speeds / HARDEST_M_S2) for g in (np.roll(gap, 1), gap)]
    )
    # Who has no time to go down far enough for the next hop does not come up all the way for this one.
    bent = np.minimum(np.maximum(deep - 0.5 * speeds * pushes.min(axis=0), 0.0), MOST_BENT_M)
    push, speed = np.where(s > 0.0, pushes[1, k], pushes[0, k]), speeds[k]
    over = np.maximum(np.abs(s) - half[k], 0.0)
    falling = high[k] - 0.5 * G_M_S2 * s * s
    still = np.minimum(over, push)
    standing = -speed * still + 0.5 * speed * still**2 / push
    in_air = over <= 0.0
    share = 1.0 - min_jerk((over - push) / BLEND_S)
    u = np.clip(1.0 - np.abs(s) / half[k], 0.0, 1.0)
    feet = np.where(in_air, np.maximum(falling, 0.0) + TUCK * high[k] * min_jerk(2.0 * u), 0.0)
    # Toes leave and meet the floor over two poses, not within one.
    feet = np.maximum(ring.smooth(feet, TOES_S), 0.0)
    hips = np.where(in_air, falling, standing) + ring.smooth(ON_TOES_M - bent[k], 0.05)
    return Flight(hips, share, feet, feet > LEFT_M)
