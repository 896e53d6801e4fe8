"""Do feet stand where they stand: foot skate with its contact fraction, the drift of planted feet, and PFC.

Shapes   positions_m (T, 24, 3), y up, pose k at k / fps; contacts (T, 4) 0..1 left_ankle, left_foot, right_ankle, right_foot.
Threads  pure functions.
Source   skate ratio after Li et al. 2024 (LODGE), both feet with their own heights; PFC after Tseng et al. 2023 (EDGE).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio2pose.arrays import F64
from audio2pose.motion.body import JOINT

from .sampling import lengths, resampled

FEET_HZ = 30.0
ANKLE_M, TOE_M, SLIDE_M = 0.08, 0.05, 0.01
"""Heights above the floor under which a foot is in contact, and how far it may move within a thirtieth of a second."""
STANDS = 0.5
LEAST_CONTACT_S = 0.05
_FEET = tuple((JOINT[f"{side}_ankle"], JOINT[f"{side}_foot"]) for side in ("left", "right"))
FLAT = (0, 2)
ROUNDING_M_S2 = 1e-6
TEN_THOUSAND = 1e4  # PFC is told in these parts


@dataclass(frozen=True, slots=True)
class Skate:
    """ratio of sliding frames among those in contact, mean over both feet; contact is their share of all frames."""

    ratio: float
    contact: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How far the ball of a planted foot strays from where it stands, cm, over n contacts."""

    p50: float
    p95: float
    max: float
    n: int


def skate(positions_m: F64, fps: float, *, ankle_m: float = ANKLE_M, of: NDArray[np.bool_] | None = None) -> Skate | None:
    """None where no foot is ever in contact. *of* (T,) says which poses count; the floor is the lowest that a toe comes."""
    P = resampled(positions_m, fps, FEET_HZ)
    if P.shape[0] < 2:
        return None
    counts = np.ones(P.shape[0], bool) if of is None else _at(of, fps, P.shape[0])
    floor_m = min(float(P[:, toe, 1].min()) for _, toe in _FEET)
    ratios, shares = [], []
    for ankle, toe in _FEET:
        down = (P[:-1, ankle, 1] - floor_m <= ankle_m) & (P[:-1, toe, 1] - floor_m <= TOE_M) & counts[:-1] & counts[1:]
        slides = np.maximum(_along(P[:, ankle]), _along(P[:, toe])) > SLIDE_M
        shares.append(float(down.sum()) / max(int((counts[:-1] & counts[1:]).sum()), 1))
        if down.any():
            ratios.append(float((down & slides).sum() / down.sum()))
    return Skate(float(np.mean(ratios)), float(np.mean(shares))) if ratios else None


def drift(positions_m: F64, fps: float, contacts: F64, of: NDArray[np.bool_] | None = None) -> Drift | None:
    """None where *contacts* know of no planted foot among the poses *of* (T,)."""
    found = []
    for column, (_, toe) in zip((1, 3), _FEET):
        on = contacts[:, column] > STANDS
        for a, b in runs(on if of is None else on & of):
            if (b - a) / fps < LEAST_CONTACT_S:
                continue
            stood = np.asarray(positions_m[a:b, toe], np.float64)
            found.append(100.0 * float(lengths(stood - np.median(stood, axis=0)).max()))
    if not found:
        return None
    return Drift(float(np.percentile(found, 50)), float(np.percentile(found, 95)), max(found), len(found))


def pfc(positions_m: F64, fps: float) -> float:
    """Physical foot contact: how much both feet slide while the body speeds up. Standing still is 0: to be told, not chased."""
    P = resampled(positions_m, fps, FEET_HZ)
    if P.shape[0] < 3:
        return 0.0
    a = np.diff(P[:, JOINT["pelvis"]], n=2, axis=0) * FEET_HZ**2
    a[:, 1] = np.maximum(a[:, 1], 0.0)
    A = lengths(a)
    if A.max() <= ROUNDING_M_S2:
        return 0.0
    left, right = (np.minimum(_along(P[:, ankle]), _along(P[:, toe]))[1:] for ankle, toe in _FEET)
    return float(TEN_THOUSAND * (A / A.max() * left * right).mean())


def runs(on: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """(begin, end) of each stretch of True."""
    edges = np.diff(np.concatenate([[0], on.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()))


def _along(places: F64) -> F64:
    """(T - 1,) metres that *places* (T, 3) moved along the floor from each pose to the next."""
    return lengths(np.diff(places[:, FLAT], axis=0))


def _at(of: NDArray[np.bool_], fps: float, poses: int) -> NDArray[np.bool_]:
    """*of* (T,) at FEET_HZ, for so many *poses*."""
    return of[np.minimum(np.round(np.arange(poses) / FEET_HZ * fps).astype(np.int64), of.shape[0] - 1)]
