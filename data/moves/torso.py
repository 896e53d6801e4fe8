"""Hips, spine and head: the pulse, the place over the feet, facing, and a chain that follows with small delays.

Shapes   curves (P,) in degrees or metres; turns (P, 4); root_m (P, 3).
Threads  pure functions.
Source   chain of springs and delays; sizes measured on dancers (hips and shoulders turn together, r about 0.9).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F64
from audio2pose.motion.body import OFFSETS_M

from .feet import FootPath
from .hops import Flight
from .ring import Ring
from .score import Bounce, Phrase
from .tracks import Take, curve
from .turns import inverse, mul, part, turn

ARCH_M = 0.075
"""The hips hang this far behind the balls of the feet; over the balls a body looks about to fall."""
BODY_S = 0.08
"""A body's mass cannot be anywhere at once: its place is smoothed by this, whatever the tempo of the steps."""
FALL_M_S2 = 8.0
SPINE_SHARES = (0.25, 0.35, 0.40)
SPINE_DELAYS_BEATS = (0.02, 0.05, 0.09)
WAVE_SHARES = (-0.8, 0.9, 0.9)
WAVE_DELAYS_BEATS = (0.0, 0.22, 0.42)
POP_SHARES = (0.55, 0.0, -0.9)
HEAD_AHEAD_BEATS = 0.06


@dataclass(frozen=True, slots=True)
class Torso:
    """root_m of the pelvis, local turns of pelvis, spine1..3, neck, head, the chest's turn in the world, the pulse."""

    root_m: F64
    pelvis: F64
    spine: tuple[F64, F64, F64]
    neck: F64
    head: F64
    chest: F64
    low: F64
    sway_m: F64


class Channels:
    """The body's channels of one phrase as curves; a channel that is not written is 0."""

    def __init__(self, phrase: Phrase, ring: Ring, take: Take) -> None:
        self._phrase, self._ring, self._take = phrase, ring, take

    def __call__(self, name: str, wobble: float = 0.0, climb: float = 0.0) -> F64:
        keys = self._phrase.body.get(name)
        if keys is None:
            return np.zeros(self._ring.poses)
        return curve(keys, self._ring, self._take, name, wobble=wobble, climb=climb)

    def drift(self, name: str, size: float, hz: float = 0.35) -> F64:
        """Slow wandering of standard deviation *size*."""
        return size * self._take.size * self._ring.drift(self._take.rng(f"drift {name}"), hz)


def pulse(bounce: Bounce, ring: Ring) -> F64:
    """(P,) 1 at the low, 0 at the top; the fall takes at least as long as gravity would."""
    fastest = np.sqrt(4.93 * bounce.amp_m / FALL_M_S2) / ring.beat_s / bounce.per_beats
    fall = min(max(bounce.fall, float(fastest)), 0.5)
    rise = 1.0 - bounce.dwell - fall
    at = ((ring.time_beats - bounce.phase_beats) / bounce.per_beats - bounce.dwell / 2.0) % 1.0
    risen = 0.5 - 0.5 * np.cos(np.pi * np.clip(at / rise, 0.0, 1.0))
    fallen = 0.5 - 0.5 * np.cos(np.pi * np.clip((at - rise) / fall, 0.0, 1.0))
    return 1.0 - risen + fallen


def torso(phrase: Phrase, feet: dict[str, FootPath], weight: F64, hop: Flight, ring: Ring, take: Take) -> Torso:
    """Everything above the legs; the height still ignores how long the legs are."""
    feel, beat_s, channel = phrase.feel, ring.beat_s, Channels(phrase, ring, take)
    low = pulse(phrase.bounce, ring)
    deep = phrase.bounce.amp_m / 0.1
    # Whole turns are a straight line, which no filter of the ring may see, and a rest that closes as all else does.
    full_deg = 360.0 * phrase.turns
    line, per_s = full_deg / phrase.beats * ring.time_beats, full_deg / phrase.beats / beat_s
    rest = ring.smooth(channel("face", 4.0, full_deg), 0.06 * beat_s) + channel.drift("face", 2.0, 0.2)
    face = rest + line

    def turned(delay_s: float) -> F64:
        return ring.later(rest, delay_s) + line - per_s * delay_s

    def body(name: str, wobble: float = 0.0) -> F64:
        return ring.spring(channel(name, wobble), feel.body_hz, feel.body_zeta)

    sway = body("sway") + channel.drift("sway", 0.006)
    surge = body("surge") + channel.drift("surge", 0.006)
    root = _over_feet(phrase, feet, weight, face, sway, surge, ring)
    # Never negative in the sum: a foot that bears weight can give nothing above the straight leg.
    depth = phrase.bounce.amp_m * (1.0 + channel.drift("bounce", 0.06, 0.25))
    accent = np.maximum(curve(phrase.accent, ring, take, "accent", wobble=0.05 if deep > 0.2 else 0.0), 0.0)
    stands = -feel.crouch_m - depth * accent * low - channel("drop")
    root[:, 1] = OFFSETS_M[0, 1] + stands + (hop.hips_m - stands) * hop.share

    hip_yaw = body("hip_yaw", 2.0) + channel.drift("hip_yaw", 1.2)
    hip_roll = body("hip_roll") - (weight - 0.5) * 2.0 * feel.hip_drop_deg
    hip_tilt = body("hip_tilt") + 2.0 + 4.0 * low * deep
    pelvis = turn(face + hip_yaw, hip_tilt, hip_roll)

    chest_face = turned(0.05 * beat_s) - face
    twist = body("chest_yaw", 3.0) + chest_face - (1.0 - feel.shoulders_follow) * hip_yaw + channel.drift("chest_yaw", 1.5)
    breath = feel.breath_deg * np.sin(2.0 * np.pi * _breaths(ring) * np.arange(ring.poses) / ring.poses)
    lean = body("chest_lean", 1.8) - 0.55 * hip_tilt + feel.low_lean_deg * deep * (low - 0.5) + breath
    side = body("chest_side", 1.8) - feel.shoulders_level * hip_roll + channel.drift("chest_side", 1.2)
    spine = _spine(channel, ring, twist, lean, side)
    chest = mul(mul(mul(pelvis, spine[0]), spine[1]), spine[2])

    nod = feel.nod_deg * (2.0 * ring.later(low, HEAD_AHEAD_BEATS * beat_s) - 1.0) * min(deep, 1.0)
    ahead = turned(-HEAD_AHEAD_BEATS * beat_s)
    look = ahead - np.degrees(0.2 * np.sin(np.radians(ahead))) + ring.spring(channel("gaze", 4.0), 3.0, 0.8)
    head_world = turn(
        look + channel.drift("gaze", 2.5, 0.25),
        4.0 + ring.spring(channel("gaze_pitch", 2.0), 3.0, 0.7) + nod + channel.drift("gaze_pitch", 1.5),
        ring.spring(channel("head_roll"), 3.0, 0.7) + 0.25 * ring.later(side, 0.1 * beat_s),
    )
    on_chest = mul(inverse(chest), head_world)
    neck = part(on_chest, 0.4)
    return Torso(root, pelvis, spine, neck, mul(inverse(neck), on_chest), chest, low * deep, sway)


def _over_feet(phrase: Phrase, feet: dict[str, FootPath], weight: F64, face: F64, sway: F64, surge: F64, ring: Ring) -> F64:
    share = (0.5 + (weight - 0.5) * phrase.feel.reach)[:, None]
    between = feet["L"].ball_m * share + feet["R"].ball_m * (1.0 - share)
    between = ring.smooth(between, 0.09 * ring.beat_s)
    yaw = np.radians(face)
    left = np.stack([np.cos(yaw), np.zeros(ring.poses), -np.sin(yaw)], 1)
    front = np.stack([np.sin(yaw), np.zeros(ring.poses), np.cos(yaw)], 1)
    place = between + left * sway[:, None] + front * (surge - ARCH_M)[:, None]
    return ring.smooth(place, BODY_S)


def _spine(channel: Channels, ring: Ring, twist: F64, lean: F64, side: F64) -> tuple[F64, F64, F64]:
    """Three joints that share the chest's angles, each a little after the one below."""
    pop = ring.spring(channel("chest_pop"), 4.0, 0.6)
    wave = ring.spring(channel("wave"), 3.0, 0.8)
    out = []
    for share, delay, pops, waves, wave_delay in zip(
        SPINE_SHARES, SPINE_DELAYS_BEATS, POP_SHARES, WAVE_SHARES, WAVE_DELAYS_BEATS
    ):
        late = ring.later(np.stack([twist, lean, side], 1) * share, delay * ring.beat_s)
        bend = late[:, 1] + pops * pop + waves * ring.later(wave, wave_delay * ring.beat_s)
        out.append(turn(late[:, 0], bend, late[:, 2]))
    return out[0], out[1], out[2]


def _breaths(ring: Ring) -> int:
    """Whole breaths in the ring, about 0.27 a second."""
    return max(1, round(0.27 * ring.poses / ring.fps))
