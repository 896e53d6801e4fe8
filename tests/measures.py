"""How tests and benchmarks measure a dance: motion beats, F at the best level against its null, what the warp alone makes.

Definitions: a motion beat is a local minimum (10 frames on each side, at 60 fps) of summed joint speed that falls at least
25 % below the mean within 0.25 s; F at +-70 ms against the beats at half, single and double level, the best of them, minus
the mean of the same over circular shifts of the beats.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

FPS = 60.0
TOLERANCE_S = 0.070


def motion_beats(positions_m: np.ndarray, fps: float = FPS) -> np.ndarray:
    """Times, s, at which the body all but stops: *positions_m* (T, J, 3)."""
    v = np.linalg.norm(np.diff(positions_m.astype(np.float64), axis=0), axis=2).sum(1) * fps
    around, side = round(0.25 * fps), round(10 / 60 * fps)
    found = []
    for t in range(1, v.shape[0] - 1):
        window = v[max(t - side, 0) : t + side + 1]
        first = max(t - side, 0) + int(np.argmin(window))
        if first == t and v[t] <= 0.75 * v[max(t - around, 0) : t + around + 1].mean():
            found.append((t + 0.5) / fps)
    return np.array(found)


def matched(estimated: np.ndarray, reference: np.ndarray, tolerance_s: float = TOLERANCE_S) -> list[tuple[int, int]]:
    """Pairs (estimated, reference) no further apart than the tolerance, each used once, greedy in time."""
    pairs, i, j = [], 0, 0
    while i < len(estimated) and j < len(reference):
        d = estimated[i] - reference[j]
        if abs(d) <= tolerance_s:
            pairs.append((i, j))
            i, j = i + 1, j + 1
        elif d < 0:
            i += 1
        else:
            j += 1
    return pairs


def f_measure(estimated: np.ndarray, reference: np.ndarray, tolerance_s: float = TOLERANCE_S) -> float:
    """F of *estimated* times against *reference* times, s."""
    if len(estimated) == 0 or len(reference) == 0:
        return 0.0
    return 2.0 * len(matched(estimated, reference, tolerance_s)) / (len(estimated) + len(reference))


def levels(beats_s: np.ndarray) -> dict[str, np.ndarray]:
    """The beats at single, double and half level (both halves)."""
    middle = (beats_s[1:] + beats_s[:-1]) / 2
    return {
        "single": beats_s,
        "double": np.sort(np.concatenate([beats_s, middle])),
        "half": beats_s[::2],
        "half, off": beats_s[1::2],
    }


@dataclass(frozen=True)
class Landing:
    """How well motion beats meet music beats."""

    f: float
    f_null: float
    level: str
    offset_ms: float
    offset_sd_ms: float
    n: int

    @property
    def gain(self) -> float:
        return self.f - self.f_null


def landing(motion_s: np.ndarray, beats_s: np.ndarray, shifts: int = 100) -> Landing:
    """F at the best level (by its gain over its null), the null, and the signed offset of the matched pairs."""
    best: Landing | None = None
    lo, hi = beats_s[0], beats_s[-1]
    motion_s = motion_s[(motion_s >= lo - TOLERANCE_S) & (motion_s <= hi + TOLERANCE_S)]
    for level, reference in levels(beats_s).items():
        span = hi - lo + np.median(np.diff(beats_s))
        null = np.mean(
            [f_measure(motion_s, np.sort((reference - lo + span * (k + 0.5) / shifts) % span + lo)) for k in range(shifts)]
        )
        pairs = matched(motion_s, reference)
        d = np.array([motion_s[i] - reference[j] for i, j in pairs]) if pairs else np.zeros(1)
        found = Landing(
            f_measure(motion_s, reference), float(null), level, float(d.mean() * 1e3), float(d.std() * 1e3), len(motion_s)
        )
        if best is None or found.gain > best.gain:
            best = found
    assert best is not None
    return best


def resampled(poses: np.ndarray, fps: float = FPS) -> tuple[np.ndarray, np.ndarray]:
    """Joints (T, 24, 3) at *fps* of a POSE array, and the moment, s, of the first."""
    from audio2pose.motion.kinematics import positions
    from audio2pose.motion.pose import POSE, pose_at

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
