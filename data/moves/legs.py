"""Legs that reach the planted feet: how high the hips may stand, then two bones from hip to ankle.

Shapes   positions (P, 3) metres, turns (P, 4).
Threads  pure functions.
Source   law of cosines; the knee's plane from a pole, so that a straight leg has one answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F64
from audio2pose.motion.body import JOINT, OFFSETS_M, REST_ANKLE_M

from .feet import FootPath
from .ring import Ring
from .turns import across, from_axes, inverse, mul, rotate, turn, unit

THIGH_M = float(np.linalg.norm(OFFSETS_M[JOINT["left_knee"]]))
SHIN_M = float(np.linalg.norm(OFFSETS_M[JOINT["left_ankle"]]))
STRAIGHTEST = 0.9957
"""Share of the leg's length that a planted leg may use; nearer to 1 the knee snaps."""
EASY = 0.991
"""Share of the leg's length from which on the heel begins to give."""
HEEL_LEVER_M = 0.11
"""Metres of leg that one radian of heel saves."""
MOST_GIVEN_M = 0.05
HEEL_EARLY_S = 0.05
_NAMES = {"L": "left", "R": "right"}
_OUT = {"L": 1.0, "R": -1.0}


@dataclass(frozen=True, slots=True)
class Leg:
    """Local turns of hip, knee, ankle."""

    hip: F64
    knee: F64
    ankle: F64


def ankle_goal(side: str, path: FootPath, pitch_deg: F64, hop_m: F64) -> tuple[F64, F64]:
    """The ankle's place and the foot's turn: the ball stands, the ankle hangs from it, no heel goes into the floor."""
    foot = turn(path.yaw_deg, pitch_deg)
    ankle = path.ball_m - rotate(foot, OFFSETS_M[JOINT[f"{_NAMES[side]}_foot"]].astype(float))
    ankle[:, 1] += np.maximum(hop_m, 0.0) + np.maximum(REST_ANKLE_M - ankle[:, 1], 0.0)
    return ankle, foot


def hip_joint(side: str, root_m: F64, pelvis: F64) -> F64:
    """(P, 3) place of the hip of *side*."""
    return root_m + rotate(pelvis, OFFSETS_M[JOINT[f"{_NAMES[side]}_hip"]].astype(float))


def give_heel(side: str, root_m: F64, pelvis: F64, path: FootPath, pitch_deg: F64, hop_m: F64, ring: Ring) -> F64:
    """*pitch_deg* with more heel where the leg is stretched: a heel that gives keeps the knee from snapping straight."""
    ankle, _ = ankle_goal(side, path, pitch_deg, hop_m)
    short_m = np.linalg.norm(hip_joint(side, root_m, pelvis) - ankle, axis=1) - EASY * (THIGH_M + SHIN_M)
    more = np.degrees(np.clip(short_m, 0.0, MOST_GIVEN_M) / HEEL_LEVER_M)
    held = -ring.lowest(-more, HEEL_EARLY_S)
    return pitch_deg + ring.smooth(held, HEEL_EARLY_S)


def within_reach(root_m: F64, pelvis: F64, ankles: dict[str, F64], ring: Ring) -> F64:
    """*root_m* lowered, smoothly, where a leg would have to be longer than it is."""
    room = np.full(ring.poses, np.inf)
    longest = STRAIGHTEST * (THIGH_M + SHIN_M)
    for side, ankle in ankles.items():
        hip = hip_joint(side, root_m, pelvis)
        away = np.linalg.norm((hip - ankle)[:, [0, 2]], axis=1)
        highest = ankle[:, 1] + np.sqrt(np.maximum(longest**2 - away**2, 0.04))
        room = np.minimum(room, highest - hip[:, 1])
    over = np.minimum(room, 0.0)
    reach_s = 0.12 * ring.beat_s
    out = root_m.copy()
    out[:, 1] += ring.smooth(ring.lowest(over, reach_s), 0.5 * reach_s)
    return out


def leg(side: str, root_m: F64, pelvis: F64, ankle_m: F64, foot: F64) -> Leg:
    """Two bones from the hip to *ankle_m*; the knee looks mostly where the foot does."""
    hip = hip_joint(side, root_m, pelvis)
    foot_front = rotate(foot, np.array([0.0, 0.0, 1.0]))
    foot_front[:, 1] = 0.0
    pelvis_front = rotate(pelvis, np.array([0.15 * _OUT[side], 0.0, 1.0]))
    knee, end = two_bones(hip, ankle_m, 0.65 * unit(foot_front) + 0.35 * pelvis_front, THIGH_M, SHIN_M)
    hinge = unit(np.cross(hip - end, 0.65 * unit(foot_front) + 0.35 * pelvis_front))
    thigh = _bone_turn(hip - knee, hinge)
    shin = _bone_turn(knee - end, hinge)
    return Leg(mul(inverse(pelvis), thigh), mul(inverse(thigh), shin), mul(inverse(shin), foot))


def two_bones(root: F64, goal: F64, pole: F64, first_m: float, second_m: float) -> tuple[F64, F64]:
    """Middle and end joint (P, 3) of a limb from *root* to *goal*, bent towards *pole*; out of reach it stretches."""
    way = goal - root
    length = np.linalg.norm(way, axis=1)
    axis = unit(way)
    used = np.clip(length, abs(first_m - second_m) + 0.03, (first_m + second_m) * 0.9985)
    cosine = np.clip((first_m**2 + used**2 - second_m**2) / (2.0 * first_m * used), -1.0, 1.0)
    bend = across(pole, axis)
    middle = root + axis * (first_m * cosine)[:, None] + bend * (first_m * np.sqrt(1.0 - cosine**2))[:, None]
    return middle, root + axis * used[:, None]


def _bone_turn(up: F64, hinge: F64) -> F64:
    y = unit(up)
    x = across(hinge, y)
    return from_axes(x, y, np.cross(x, y))
