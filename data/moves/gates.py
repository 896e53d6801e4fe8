"""What a built-in move is measured by, and the range that each number must keep to before it may be called a dance.

Shapes   a looped Clip in, a number per gate out; the loop's last pose is its first and is left out.
Threads  pure functions.
Source   10th to 90th percentile of captured dancers, widened for style; passing is a guard, not proof of looking human.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from audio2pose.arrays import F64
from audio2pose.motion.body import JOINT, REST_ANKLE_M, REST_FOOT_M
from audio2pose.motion.clip import Clip
from audio2pose.motion.kinematics import positions

from .hits import hits_a_bar, hits_seen
from .ring import Ring

JUDGED = (
    "pelvis", "left_knee", "right_knee", "left_ankle", "right_ankle", "spine3", "head", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist",
)  # fmt: skip
NOISE_HZ = 12.0

GATES: dict[str, tuple[float, float]] = {
    "knee_straight_deg": (0.0, 26.0),
    "knee_bent_deg": (55.0, 130.0),
    "elbow_straight_deg": (0.0, 45.0),
    "wrist_m_s": (1.0, 5.0),
    "jerk_m_s3": (190.0, 960.0),
    "skate": (0.0, 0.10),
    "shoulders_with_hips": (0.5, 1.0),
    "twist_deg": (5.0, 17.0),
    "weight_right": (-1.0, 0.25),
    "weight_left": (0.70, 2.0),
    "repeat_cm": (5.0, 13.0),
    "slowest_beats": (-0.10, 0.05),
    "turn_deg_s": (0.0, 1200.0),
    "jolt_m_s2": (0.0, 140.0),
    "wrist_hz": (0.0, 4.2),
    "planted_cm": (0.0, 1.0),
    "floor_cm": (-1.0, 100.0),
    "wring_deg": (0.0, 75.0),
    "hits_seen": (0.8, 1.0),
    "hits_a_bar": (1.0, 16.0),
}
"""Gate -> lowest, highest."""
ALWAYS = ("turn_deg_s", "jolt_m_s2", "planted_cm", "floor_cm", "skate", "wring_deg")
"""Gates that no phrase is ever excused from; an idle has only these."""


def failures(clip: Clip, exempt: Mapping[str, str]) -> list[str]:
    """One line for each gate that *clip* misses without an excuse, and for each excuse that it does not need."""
    out = []
    for gate, value in measures(clip).items():
        low, high = GATES[gate]
        ok = low <= value <= high
        if (gate not in ALWAYS and clip.idle) or (gate == "skate" and clip.slide):
            continue
        if not ok and (gate in ALWAYS or gate not in exempt):
            out.append(f"{clip.name}: {gate} is {value:.2f}, must lie within {low:g} to {high:g}")
        if ok and gate in exempt:
            out.append(f"{clip.name}: {gate} is {value:.2f}, within its gate: drop the exemption")
    return out + [f"{clip.name}: no gate '{gate}' to be exempt from" for gate in exempt if gate not in GATES]


def measures(clip: Clip) -> dict[str, float]:
    """Every gate's number for one looped clip."""
    ring = Ring(clip.root_m.shape[0] - 1, clip.beats, clip.fps)
    joints = positions(clip.root_m[:-1], clip.rotations[:-1]).astype(np.float64)
    flat = ring.low_pass(joints.reshape(ring.poses, -1), NOISE_HZ)
    calm = flat.reshape(joints.shape)
    speed = ring.speed(flat)
    jerk = _lengths(ring.speed(ring.speed(speed)).reshape(joints.shape)[:, _judged()])
    speeds = _lengths(speed.reshape(joints.shape))
    knee = np.concatenate([_bend(calm, side, "hip", "knee", "ankle") for side in ("left", "right")])
    elbow = np.concatenate([_bend(calm, side, "shoulder", "elbow", "wrist") for side in ("left", "right")])
    wrists = speeds[:, [JOINT["left_wrist"], JOINT["right_wrist"]]]
    together, twist = _yaws(calm)
    right, left = _weight(calm)
    drift, floor = _feet(clip, joints)
    return {
        "knee_straight_deg": _part(knee, 5),
        "knee_bent_deg": _part(knee, 95),
        "elbow_straight_deg": _part(elbow, 5),
        "wrist_m_s": _part(wrists, 95),
        "jerk_m_s3": _part(jerk, 95),
        "skate": _skate(joints),
        "shoulders_with_hips": together,
        "twist_deg": twist,
        "weight_right": right,
        "weight_left": left,
        "repeat_cm": _repeat_cm(calm, clip, ring),
        "slowest_beats": _slowest_beats(speeds[:, _judged()].mean(axis=1), ring),
        "turn_deg_s": _fastest_turn(clip),
        "jolt_m_s2": _jolt(joints, clip.fps),
        "wrist_hz": _wrist_hz(calm, ring),
        "planted_cm": drift,
        "floor_cm": floor,
        "wring_deg": _wring(clip, joints),
        "hits_seen": hits_seen(clip),
        "hits_a_bar": hits_a_bar(clip),
    }


def _judged() -> list[int]:
    return [JOINT[name] for name in JUDGED]


def _part(x: F64, percent: float) -> float:
    return float(np.percentile(x, percent))


def _lengths(v: F64) -> F64:
    return np.asarray(np.linalg.norm(v, axis=-1), np.float64)


def _bend(joints: F64, side: str, top: str, middle: str, end: str) -> F64:
    a, b, c = (joints[:, JOINT[f"{side}_{name}"]] for name in (top, middle, end))
    u, v = a - b, c - b
    cosine = np.sum(u * v, axis=1) / (_lengths(u) * _lengths(v))
    return np.asarray(180.0 - np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))), np.float64)


def _yaws(joints: F64) -> tuple[float, float]:
    """How far hips and shoulders turn together (correlation), and the spread of the twist between them."""
    yaws = []
    for name in ("hip", "shoulder"):
        across = joints[:, JOINT[f"left_{name}"]] - joints[:, JOINT[f"right_{name}"]]
        yaws.append(np.degrees(np.unwrap(np.arctan2(-across[:, 2], across[:, 0]))))
    return float(np.corrcoef(yaws[0], yaws[1])[0, 1]), float(np.std(yaws[1] - yaws[0]))


def _weight(joints: F64) -> tuple[float, float]:
    """Where the hips stand between the ankles, 0 over the right, 1 over the left: 10th and 90th percentile."""
    right, left = joints[:, JOINT["right_ankle"]][:, [0, 2]], joints[:, JOINT["left_ankle"]][:, [0, 2]]
    way = left - right
    share = np.sum((joints[:, 0][:, [0, 2]] - right) * way, axis=1) / np.maximum(np.sum(way * way, axis=1), 0.01)
    wide = share[_lengths(way) > 0.15]
    return _part(wide, 10), _part(wide, 90)


def _repeat_cm(joints: F64, clip: Clip, ring: Ring) -> float:
    """Root mean square distance of the judged joints, seen from the pelvis, from one pass to the next."""
    seen = (joints - joints[:, :1])[:, _judged()]
    later = ring.later(seen.reshape(ring.poses, -1), -clip.phrase_beats * ring.beat_s).reshape(seen.shape)
    return float(100.0 * np.sqrt(np.mean(np.sum((later - seen) ** 2, axis=2))))


def _slowest_beats(mean_speed: F64, ring: Ring) -> float:
    """Mean phase of the minima of the whole body's speed, in beats from the nearest beat."""
    speed = ring.smooth(mean_speed, 5.0 / 60.0)
    minima = (speed < np.roll(speed, 1)) & (speed < np.roll(speed, -1))
    phases = np.exp(2j * np.pi * ring.time_beats[minima])
    return float(np.angle(phases.mean()) / (2.0 * np.pi)) if minima.any() else 0.0


def _fastest_turn(clip: Clip) -> float:
    """Fastest local turn of any joint, degrees a second, over a thirtieth of a second."""
    q = clip.rotations[:-1].astype(np.float64)
    dot = np.abs(np.sum(q * np.roll(q, -2, axis=0), axis=2))
    return float(np.degrees(2.0 * np.arccos(np.minimum(dot, 1.0))).max() * clip.fps / 2.0)


def _jolt(joints: F64, fps: float) -> float:
    """Largest acceleration of any joint from pose to pose, unsmoothed: a knee that snaps straight shows here alone."""
    change = np.roll(joints, -1, axis=0) - 2.0 * joints + np.roll(joints, 1, axis=0)
    return float(_lengths(change).max() * fps * fps)


def _wrist_hz(joints: F64, ring: Ring) -> float:
    """The frequency below which 95 % of the wrists' velocity power lies."""
    seen = (joints[:, [JOINT["left_wrist"], JOINT["right_wrist"]]] - joints[:, :1]).reshape(ring.poses, -1)
    power = (np.abs(np.fft.rfft(ring.speed(seen), axis=0)) ** 2).sum(axis=1)
    share = np.cumsum(power) / power.sum()
    return float(np.fft.rfftfreq(ring.poses, 1.0 / ring.fps)[np.searchsorted(share, 0.95)])


def _skate(joints: F64) -> float:
    """Share of frames (30 a second) with a foot on the floor in which it slides more than a centimetre."""
    shares = []
    for side in ("left", "right"):
        ankle, ball = joints[::2, JOINT[f"{side}_ankle"]], joints[::2, JOINT[f"{side}_foot"]]
        down = (ankle[:-1, 1] <= REST_ANKLE_M + 0.02) & (ball[:-1, 1] <= REST_FOOT_M + 0.032)
        moved = np.maximum(*(_lengths(np.diff(p[:, [0, 2]], axis=0)) for p in (ankle, ball)))
        shares.append(float((down & (moved > 0.01)).sum() / max(int(down.sum()), 1)))
    return float(np.mean(shares))


def _feet(clip: Clip, joints: F64) -> tuple[float, float]:
    """Farthest that a planted joint strays from where it stands, and the deepest that any foot goes below rest, cm."""
    stray, deepest = 0.0, np.inf
    columns = (
        ("left_ankle", REST_ANKLE_M),
        ("left_foot", REST_FOOT_M),
        ("right_ankle", REST_ANKLE_M),
        ("right_foot", REST_FOOT_M),
    )
    for column, (name, rest) in enumerate(columns):
        place = joints[:, JOINT[name]]
        deepest = min(deepest, float((place[:, 1] - rest).min()))
        for start, stop in _runs(clip.contacts[:-1, column] > 0.5):
            if "foot" in name:
                stood = place[start:stop]
                stray = max(stray, float(_lengths(stood - np.median(stood, axis=0)).max()))
    return 100.0 * stray, 100.0 * deepest


def _wring(clip: Clip, joints: F64) -> float:
    """Farthest that the hips are turned against a foot that stands: more, and the knee is wrung."""
    across = (joints[:, JOINT["left_hip"]] - joints[:, JOINT["right_hip"]])[:, [0, 2]]
    most = 0.0
    for column, side in ((1, "left"), (3, "right")):
        foot = (joints[:, JOINT[f"{side}_foot"]] - joints[:, JOINT[f"{side}_ankle"]])[:, [0, 2]]
        straight, turned = (
            across[:, 0] * foot[:, 1] - across[:, 1] * foot[:, 0],
            across[:, 0] * foot[:, 0] + across[:, 1] * foot[:, 1],
        )
        angle = np.degrees(np.abs(np.arctan2(turned, straight)))
        most = max(most, float(angle[clip.contacts[:-1, column] > 0.5].max(initial=0.0)))
    return most


def _runs(on: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.diff(np.concatenate([[0], on.astype(int), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()))
