"""Whether a move's marked hits are seen: at a hit the whole body all but stops, or the hips or a hand turn back.

Shapes   a looped Clip in, numbers out; heights are (P,) metres once round the loop.
Threads  pure functions.
Source   motion beats as in motion/accents.py; a hand that turns or the hips' low are what a watcher counts by.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F64
from audio2pose.motion.accents import landed, stops
from audio2pose.motion.body import JOINT
from audio2pose.motion.clip import Clip
from audio2pose.motion.kinematics import positions

SEEN_S = 0.060
"""A hit may be this far from what is seen of it."""
SWING_M, SWING_S = 0.02, 0.4
"""A height turns back where it has moved by SWING_M within SWING_S both before and after."""
STILL_M = 0.002
"""A hand that arrives and stays: it has arrived where it is within this of its highest or lowest."""


def hits_seen(clip: Clip) -> float:
    """Share of *clip*'s hits at which something is seen, with its beats where the library lays them; 1 without hits."""
    clip = landed(clip)
    if not clip.accents.shape[0]:
        return 1.0
    at = np.interp(clip.accents[:, 0], np.arange(clip.beats + 1.0), clip.beat_poses)
    n = clip.root_m.shape[0] - 1
    joints = positions(clip.root_m[:-1], clip.rotations[:-1])
    travel = (clip.root_m[-1] - clip.root_m[0]) * np.array([1.0, 0.0, 1.0], np.float32)
    thrice = np.concatenate([joints - travel, joints, joints + travel])
    seen = np.concatenate(
        [stops(thrice, clip.fps) - n] + [_turns_back(joints[:, j, 1].astype(float), clip.fps) for j in _heights()]
    )
    away = np.abs((seen[None, :] - at[:, None] + n / 2.0) % n - n / 2.0)
    return float((away.min(axis=1, initial=np.inf) <= SEEN_S * clip.fps).mean())


def hits_a_bar(clip: Clip) -> float:
    """How many hits the bar with the fewest has."""
    bars = np.floor(clip.accents[:, 0] / clip.meter).astype(int)
    return float(np.bincount(bars, minlength=-(-clip.beats // clip.meter)).min())


def _heights() -> list[int]:
    return [JOINT[name] for name in ("pelvis", "left_wrist", "right_wrist")]


def _turns_back(height: F64, fps: float) -> F64:
    """Poses (K,) at which a height has its highest or lowest, with a swing of SWING_M to both sides."""
    n, around = height.shape[0], round(SWING_S * fps)
    ring = np.concatenate([height[-around:], height, height[:around]])
    window = np.lib.stride_tricks.sliding_window_view(ring, 2 * around + 1)
    found = []
    for sign in (1.0, -1.0):
        h, near = sign * height, sign * window
        before, after = near[:, : around + 1].min(axis=1), near[:, around:].min(axis=1)
        top = near[:, around - 2 : around + 3].max(axis=1)
        found.append((h >= top - 1e-12) & (h - before >= SWING_M) & (h - after >= SWING_M))
    return np.flatnonzero(found[0] | found[1]).astype(np.float64) % n
