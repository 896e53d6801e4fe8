"""A phrase becomes motion: feet, weight, hips, spine, head, leg length, legs, arms, in this order, each from the ones before.

Shapes   a Phrase in, a Clip out: `passes` takes of the phrase in one closed loop at 60 poses a second.
Threads  pure functions; the same phrase gives the same bytes.
Source   numbers measured on real dancers (trunk, hands, feet, timing); stages as in a puppeteer's rig.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from audio2pose.arrays import F32, F64
from audio2pose.motion.body import JOINT, N_JOINTS
from audio2pose.motion.clip import Clip
from audio2pose.motion.kinematics import positions

from .arms import arm
from .feet import FootPath, foot_path, heel_lift, weight_curve
from .hops import TOE_DEG, flight
from .legs import ankle_goal, give_heel, leg, within_reach
from .ring import Ring
from .score import SIDES, Key, Phrase
from .torso import Torso, torso
from .tracks import Take

FPS = 60.0
FLAT_DEG = 3.0
"""A planted foot with less pitch than this also stands on its heel."""
SLOWEST_BEATS = -0.03
LARGEST_SHIFT_BEATS = 0.05


def perform(phrase: Phrase) -> Clip:
    """Dance *phrase*, `phrase.passes` times and never twice alike, as a closed loop."""
    beats = phrase.beats * phrase.passes
    ring = Ring(round(beats * 60.0 / phrase.bpm * FPS), beats, FPS)
    take = Take(phrase.name, phrase.passes, phrase.feel.variation)
    feet = {side: foot_path(phrase, side, ring, take) for side in SIDES}
    weight = weight_curve(phrase, ring, take)
    hop = flight(phrase, ring, take)
    body = torso(phrase, feet, weight, hop, ring, take)
    pitch = {side: heel_lift(phrase, side, weight, feet[side], ring, take) for side in SIDES}
    pitch = {side: pitch[side] + ring.smooth(TOE_DEG * hop.air.astype(np.float64), 0.03) for side in SIDES}
    pitch = {side: give_heel(side, body.root_m, body.pelvis, feet[side], pitch[side], hop.feet_m, ring) for side in SIDES}
    goals = {side: ankle_goal(side, feet[side], pitch[side], hop.feet_m) for side in SIDES}
    root = within_reach(body.root_m, body.pelvis, {side: goals[side][0] for side in SIDES}, ring)
    body = Torso(root, body.pelvis, body.spine, body.neck, body.head, body.chest, body.low, body.sway_m)

    rotations = np.zeros((ring.poses, N_JOINTS, 4))
    rotations[:, :, 0] = 1.0
    for name, local in zip(
        ("pelvis", "spine1", "spine2", "spine3", "neck", "head"), (body.pelvis, *body.spine, body.neck, body.head)
    ):
        rotations[:, JOINT[name]] = local
    for side, name in zip(SIDES, ("left", "right")):
        a_leg = leg(side, root, body.pelvis, *goals[side])
        an_arm = arm(phrase, side, body, ring, take)
        for joint, local in (
            ("hip", a_leg.hip), ("knee", a_leg.knee), ("ankle", a_leg.ankle), ("collar", an_arm.collar),
            ("shoulder", an_arm.shoulder), ("elbow", an_arm.elbow), ("wrist", an_arm.wrist),
        ):  # fmt: skip
            rotations[:, JOINT[f"{name}_{joint}"]] = local
    contacts = _contacts(feet, pitch, hop.air)
    shift = 0 if phrase.idle else _shift_poses(root, rotations, ring)
    return _clip(phrase, ring, *(np.roll(x, -shift, axis=0) for x in (root, rotations, contacts)))


def _contacts(feet: dict[str, FootPath], pitch: dict[str, F64], air: NDArray[np.bool_]) -> F64:
    columns = []
    for side in SIDES:
        ball = feet[side].planted & ~air
        columns += [ball & (np.abs(pitch[side]) < FLAT_DEG) & ~feet[side].turning, ball]
    return np.stack(columns, 1).astype(float)


def _shift_poses(root: F64, rotations: F64, ring: Ring) -> int:
    """Poses by which to move the clip so that the body is slowest just before the beat; a twentieth of a beat at most.

    More would raise a beat score and put the hips' low in the wrong place.
    """
    places = positions(root.astype(np.float32), rotations.astype(np.float32)).astype(float)
    speed = ring.smooth(np.linalg.norm(ring.speed(places.reshape(ring.poses, -1)).reshape(places.shape), axis=2).mean(1), 0.05)
    wave = np.mean(speed / speed.mean() * np.exp(-2j * np.pi * ring.time_beats))
    if 2.0 * abs(wave) < 0.12:
        return 0
    slowest = ((np.angle(-wave) / (-2.0 * np.pi)) + 0.5) % 1.0 - 0.5
    by = np.clip(slowest - SLOWEST_BEATS, -LARGEST_SHIFT_BEATS, LARGEST_SHIFT_BEATS)
    return round(float(by) * ring.poses / ring.beats)


def _clip(phrase: Phrase, ring: Ring, root: F64, rotations: F64, contacts: F64) -> Clip:
    """Close the loop by repeating the first pose, begin over the middle, and keep each quaternion's sign steady."""
    root = root - np.array([root[0, 0], 0.0, root[0, 2]])
    around = np.arange(ring.poses + 1) % ring.poses
    return Clip(
        name=phrase.name,
        style=phrase.style,
        fps=FPS,
        root_m=np.ascontiguousarray(root[around], np.float32),
        rotations=_steady(rotations[around]),
        contacts=np.ascontiguousarray(contacts[around], np.float32),
        beat_poses=np.linspace(0.0, ring.poses, ring.beats + 1),
        accents=_accents(phrase.hits, phrase),
        entries=tuple(range(ring.beats)),
        phrase_beats=phrase.beats,
        energy=phrase.energy,
        meter=phrase.meter,
        idle=phrase.idle,
        slide=phrase.slide,
        tempo_bpm=phrase.tempo,
    )


def _accents(hits: tuple[Key, ...], phrase: Phrase) -> F32:
    rows = [(k.beat + n * phrase.beats, k.value[0]) for n in range(phrase.passes) for k in hits]
    return np.array(rows, np.float32).reshape(-1, 2)


def _steady(rotations: F64) -> F32:
    """Quaternions without jumps of sign from pose to pose, float32, length 1."""
    flips = np.sum(rotations[1:] * rotations[:-1], axis=-1) < 0.0
    sign = np.where(np.cumsum(flips, axis=0) % 2 == 1, -1.0, 1.0)
    rotations = rotations.copy()
    rotations[1:] *= sign[..., None]
    return np.ascontiguousarray(rotations / np.linalg.norm(rotations, axis=-1, keepdims=True), np.float32)
