"""How tests and benchmarks measure a dance: motion beats, F at the best level against its null, what the warp alone makes.

Definitions stand in audio2pose.offline.measures; here are those of a POSE array at hop rate, which no pose file holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from audio2pose.motion.kinematics import positions
from audio2pose.motion.pose import POSE, pose_at
from audio2pose.offline.measures.sampling import RATE_HZ as FPS
from audio2pose.offline.measures.stops import TOLERANCE_S, Landing, f_measure, landing, levels, matched, motion_beats

__all__ = [
    "FPS", "TOLERANCE_S", "Landing", "dance_report", "f_measure", "landing", "levels", "matched", "motion_beats", "resampled",
    "unwarped",
]  # fmt: skip


def resampled(poses: np.ndarray, fps: float = FPS) -> tuple[np.ndarray, np.ndarray]:
    """Joints (T, 24, 3) at *fps* of a POSE array, and the moment, s, of the first."""
    start, end = float(poses["time_s"][0]), float(poses["time_s"][-1])
    n = int((end - start) * fps)
    out = np.zeros(n, POSE)
    step = float(np.median(np.diff(poses["time_s"])))
    for k in range(n):
        t = start + k / fps
        i = min(max(int((t - start) / step), 1), len(poses) - 2)
        pose_at(poses[i - 1 : i + 2], t, out[k])
    return positions(out["root_m"], out["rotations"]), np.array([start])


def unwarped(poses: np.ndarray) -> np.ndarray:
    """The same dance with each segment's warp a straight line between its cuts: *poses* (H,) POSE at hop rate.

    A jump of the clock (a tenth of a beat and more in a hop) cuts too: it is no warp.
    """
    out = poses.copy()
    cuts = np.flatnonzero((np.diff(poses["cuts"]) != 0) | (np.diff(poses["beat"]) > 0.1)) + 1
    for a, b in zip([0, *cuts], [*cuts, len(poses)]):
        if b - a < 4:
            continue
        beat = np.maximum.accumulate(poses["beat"][a:b]) + np.arange(b - a) * 1e-9
        straight = np.linspace(beat[0], beat[-1], b - a)
        at = np.interp(straight, beat, np.arange(b - a))
        i = np.clip(at.astype(int), 0, b - a - 2)
        u = (at - i)[:, None]
        seg = poses[a:b]
        out["root_m"][a:b] = seg["root_m"][i] * (1 - u) + seg["root_m"][i + 1] * u
        q0, q1 = seg["rotations"][i].astype(np.float64), seg["rotations"][i + 1].astype(np.float64)
        q1 = np.where((q0 * q1).sum(-1, keepdims=True) < 0, -q1, q1)
        q = q0 * (1 - u[..., None]) + q1 * u[..., None]
        out["rotations"][a:b] = q / np.linalg.norm(q, axis=-1, keepdims=True)
    return out


def dance_report(poses: np.ndarray, beats_s: np.ndarray) -> dict[str, Any]:
    """Landing as danced and unwarped, of a POSE array against known beats."""
    P, start = resampled(poses)
    as_danced = landing(motion_beats(P) + start[0], beats_s)
    Q, _ = resampled(unwarped(poses))
    plain = landing(motion_beats(Q) + start[0], beats_s)
    return {"danced": as_danced, "unwarped": plain}
