"""Arms: wrists go to places, elbows hang by a pole, hands follow through, shoulders help.

Shapes   wrist places (P, 3) in arm lengths, out, up, forward of the shoulder in the chest's frame; turns (P, 4).
Threads  pure functions.
Source   positions and reach interpolated apart; pole carried by the least turn from a hand at rest (no flips behind).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F64
from audio2pose.motion.body import JOINT, OFFSETS_M

from .legs import two_bones
from .ring import Ring
from .score import Phrase
from .torso import Channels, Torso
from .tracks import ARM_M, Take, curve
from .turns import about, across, from_axes, inverse, mul, rotate, turn, unit

UPPER_M = float(np.linalg.norm(OFFSETS_M[JOINT["left_elbow"]]))
FOREARM_M = float(np.linalg.norm(OFFSETS_M[JOINT["left_wrist"]]))
WOBBLE = np.array([0.06, 0.06, 0.06, 0.012, 5.0])
"""How far a key differs between passes: place in arm lengths, reach, swivel in degrees."""
REST_HAND = np.array([0.15, -0.45, 0.88]) / np.linalg.norm([0.15, -0.45, 0.88])
REST_POLE = np.array([0.45, -0.75, -0.25])
SOFT_FROM, SOFT_ROOM = 0.955, 0.040
"""Beyond this reach the arm straightens ever more slowly: near full length an elbow's angle runs away."""
_NAMES = {"L": "left", "R": "right"}
_OUT = {"L": 1.0, "R": -1.0}


@dataclass(frozen=True, slots=True)
class Arm:
    """Local turns of collar, shoulder, elbow, wrist."""

    collar: F64
    shoulder: F64
    elbow: F64
    wrist: F64


def arm(phrase: Phrase, side: str, body: Torso, ring: Ring, take: Take) -> Arm:
    """The arm of *side* over all passes."""
    channel, out = Channels(phrase, ring, take), _OUT[side]
    keyed = _wrist_place(phrase, side, ring, take)
    goal, swivel = _secondary(phrase, side, keyed, body, ring, channel), keyed[:, 4]
    raised = np.degrees(np.arccos(np.clip(-unit(goal)[:, 1], -1.0, 1.0)))
    shrug = 0.15 * np.maximum(raised - 35.0, 0.0) + channel(f"shrug_{side}", 1.0)
    shrug = shrug - 2.0 * ring.later(body.low - body.low.mean(), 0.12 * ring.beat_s)
    forward = channel(f"shoulder_fwd_{side}", 1.0) + 8.0 * np.clip(goal[:, 2], -0.5, 1.0)
    collar = ring.smooth(np.stack([-out * forward, -out * shrug], 1), 0.03)
    collar_turn = turn(collar[:, 0], 0.0, collar[:, 1])
    collar_world = mul(body.chest, collar_turn)
    to_collar, to_shoulder = (OFFSETS_M[JOINT[f"{_NAMES[side]}_{n}"]].astype(float) for n in ("collar", "shoulder"))
    chest_m = _chest_place(body)
    shoulder_m = chest_m + rotate(body.chest, to_collar) + rotate(collar_world, to_shoulder)

    flip = np.array([out, 1.0, 1.0])
    wrist_m = shoulder_m + rotate(body.chest, goal * flip * ARM_M)
    axis = unit(wrist_m - shoulder_m)
    pole = rotate(about(axis, out * swivel), rotate(body.chest, _pole(goal) * flip))
    elbow_m, wrist_m = two_bones(shoulder_m, wrist_m, pole, UPPER_M, FOREARM_M)
    hinge = out * unit(np.cross(axis, pole))
    upper = _bone_turn(out * (elbow_m - shoulder_m), hinge)
    fore = _bone_turn(out * (wrist_m - elbow_m), hinge)
    hand = _hand(channel, side, fore, wrist_m - body.root_m, ring)
    return Arm(collar_turn, mul(inverse(collar_world), upper), mul(inverse(upper), fore), hand)


def _wrist_place(phrase: Phrase, side: str, ring: Ring, take: Take) -> F64:
    """(P, 5) out, up, forward, reach, swivel: keys, then the arm's own spring, all a little before the beat."""
    feel = phrase.feel
    keyed = curve(
        phrase.arms[side], ring, take, f"arm {side}", wobble=WOBBLE * take.size, peak_m_s=feel.arm_peak_m_s
    )  # fmt: skip
    keyed = ring.spring(keyed, feel.arm_hz, feel.arm_zeta)
    keyed = ring.later(keyed, -feel.arm_lead_beats * ring.beat_s)
    place = keyed[:, :3].copy()
    # A straight way between two far places can pass through the shoulder: bow it forward and out.
    missing = ring.smooth(np.maximum(keyed[:, 3] - np.linalg.norm(place, axis=1), 0.0), 0.033)
    place[:, 2] += 0.7 * missing
    place[:, 0] += 0.15 * missing
    length = np.linalg.norm(place, axis=1)
    reach = ring.smooth(length + 0.55 * np.maximum(keyed[:, 3] - length, 0.0), 0.067)
    reach = _soft(np.maximum(reach, 0.42))
    return np.concatenate([unit(place) * reach[:, None], reach[:, None], keyed[:, 4:]], 1)


def _secondary(phrase: Phrase, side: str, keyed: F64, body: Torso, ring: Ring, channel: Channels) -> F64:
    """(P, 3) the wrist's goal with what the body does to a loose arm; an arm meant to be straight stays so."""
    size, out = phrase.feel.arm_sway, _OUT[side]
    stop = ring.speed(ring.speed(ring.smooth(body.root_m[:, 1], 0.05)))
    sink = np.clip(ring.spring(-0.0035 * size * stop, 2.6, 0.45, on_time=False), -0.09, 0.09)
    lag = ring.spring(-0.05 * size * ring.speed(body.root_m[:, 0]), 2.2, 0.5, on_time=False)
    wander = np.stack([channel.drift(f"arm {side} {axis}", 0.02) for axis in "xyz"], 1)
    goal = keyed[:, :3] + np.stack([out * lag, sink, np.zeros(ring.poses)], 1) / ARM_M + wander
    reach = keyed[:, 3]
    keep = np.clip((reach - 0.75) / 0.2, 0.0, 1.0)
    length = np.maximum(np.linalg.norm(goal, axis=1), 0.30)
    return unit(goal) * (_soft(length) * (1.0 - keep) + reach * keep)[:, None]


def _pole(goal: F64) -> F64:
    """(P, 3) where the elbow points, left arm: the rest pole carried along the least turn from the rest hand."""
    hand = unit(goal)
    turn_axis = np.cross(np.broadcast_to(REST_HAND, hand.shape), hand)
    sine = np.linalg.norm(turn_axis, axis=1)
    angle = np.degrees(np.arctan2(sine, np.clip(hand @ REST_HAND, -0.999, 1.0)))
    rest = np.broadcast_to(across(REST_POLE[None], REST_HAND[None]), hand.shape)
    return rotate(about(turn_axis / np.maximum(sine, 1e-6)[:, None], angle), rest)


def _hand(channel: Channels, side: str, fore: F64, wrist_m: F64, ring: Ring) -> F64:
    """The hand drags behind the wrist's way, as a brush does."""
    speed = rotate(inverse(fore), ring.speed(ring.smooth(wrist_m, 0.025)))
    drag = ring.spring(np.clip(14.0 * speed[:, 1:], -38.0, 38.0), 4.0, 0.7, on_time=False)
    out = _OUT[side]
    return turn(out * drag[:, 1], 0.0, out * (drag[:, 0] - channel(f"wrist_{side}")))


def _chest_place(body: Torso) -> F64:
    place, world = body.root_m, body.pelvis
    for name, local in zip(("spine1", "spine2", "spine3"), body.spine):
        place = place + rotate(world, OFFSETS_M[JOINT[name]].astype(float))
        world = mul(world, local)
    return place


def _soft(reach: F64) -> F64:
    over = np.maximum(reach - SOFT_FROM, 0.0)
    return np.where(reach > SOFT_FROM, SOFT_FROM + SOFT_ROOM * (1.0 - np.exp(-over / SOFT_ROOM)), reach)


def _bone_turn(along: F64, hinge: F64) -> F64:
    x = unit(along)
    y = across(hinge, x)
    return from_axes(x, y, np.cross(x, y))
