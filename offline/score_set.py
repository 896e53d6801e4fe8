"""Many dances together: the mean of each measure, how sure it is, and likeness and variety of them all.

Shapes   documents of `score`, windows (W, 72) of kinetic features.
Threads  pure functions.
Source   percentile bootstrap over the dances (Efron 1979).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from audio2pose.arrays import F64

from .measures import kinetic

DRAWS, SEED = 2000, 0
PERCENT = (2.5, 97.5)
NOT_MEANT = ("fps", "seconds", "horizontal", "vertical", "acceleration", "windows", "n", "n_against", "music", "motion")


def means(documents: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By the name of each measure ("beats.f"): mean over the dances that have it, its 95 % interval, and their number."""
    found: dict[str, list[float]] = {}
    for document in documents:
        for name, value in _numbers(document):
            found.setdefault(name, []).append(value)
    return {name: interval(np.array(values)) for name, values in found.items()}


def interval(values: F64) -> dict[str, Any]:
    """Mean of *values* (N,) and where 95 % of the means of as many drawn again lie; of one value nobody knows."""
    out: dict[str, Any] = {"mean": float(values.mean()), "low": None, "high": None, "n": int(values.shape[0])}
    if values.shape[0] > 1:
        drawn = np.random.default_rng(SEED).integers(0, values.shape[0], (DRAWS, values.shape[0]))
        out["low"], out["high"] = (float(x) for x in np.percentile(values[drawn].mean(axis=1), PERCENT))
    return out


def together(windows: F64, reference: F64 | None) -> dict[str, Any]:
    """Variety and likeness of all *windows* (W, 72) against *reference* (V, 72): of a set, not the mean of its dances."""
    out: dict[str, Any] = {"windows": int(windows.shape[0]), "div_k": None, "fid_k": None, "within": None}
    if reference is None:
        return out
    out["within"] = kinetic.alike(kinetic.ratios(windows, reference))
    if windows.shape[0] >= kinetic.LEAST_WINDOWS:
        own, theirs = kinetic.standard(windows, reference), kinetic.standard(reference, reference)
        out["div_k"] = kinetic.diversity(own)
        out["fid_k"] = {"value": kinetic.frechet(own, theirs), "n": len(own), "n_against": len(theirs)}
    return out


def _numbers(document: dict[str, Any], above: str = "") -> list[tuple[str, float]]:
    out: list[tuple[str, float]] = []
    for key, value in document.items():
        if key in NOT_MEANT:
            continue
        if isinstance(value, dict):
            out += _numbers(value, f"{above}{key}.")
        elif isinstance(value, (int, float)):
            out.append((above + key, float(value)))
    return out
