"""A segment as it is danced: its place in the music (which beats) and on the stage (where, and turned how far).

Shapes   offset: (3,) x, z of the clip's origin on the stage, metres, and its turn, radians.
Threads  engine only; `sample` makes a few small objects, no array.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from audio2pose.arrays import F32, F64, Record
from audio2pose.match.index import LOOPED, SLIDE, Library
from audio2pose.match.matcher import Choice
from audio2pose.motion.amplitude import Amplitude
from audio2pose.motion.blend import Pose
from audio2pose.motion.body import JOINT
from audio2pose.motion.kinematics import Skeleton
from audio2pose.motion.stand import carry_to_stage
from audio2pose.motion.warp import pose_index, sample

TURN_HALF_LIFE_S = 1.5
HOME_SPEED_M_S = 0.10
STEP_FROM_M = 0.05
"""At a join, a foot that would end further off than this is lifted and set down anew."""
LOW_M = 0.045
"""So low the ball of a foot would be seen to slide."""
STRAIN = 1.2
"""A segment is left on the next beat where the tempo goes this far beyond its range (the clock's own bend stays inside)."""
BALLS = [JOINT["left_foot"], JOINT["right_foot"]]


class Posture:
    """A root (3,), rotations (24, 4) and contacts (4,) in one place."""

    __slots__ = ("contacts", "root", "rot")

    def __init__(self) -> None:
        self.root: F32 = np.zeros(3, np.float32)
        self.rot: F32 = np.zeros((24, 4), np.float32)
        self.contacts: F32 = np.zeros(4, np.float32)

    @property
    def both(self) -> Pose:
        """Root and rotations."""
        return self.root, self.rot

    def take(self, other: Posture) -> None:
        """Become a copy of *other*."""
        self.root[:], self.rot[:], self.contacts[:] = other.root, other.rot, other.contacts


def load(joints_m: F32) -> F64:
    """(2,) share of the weight on the left and the right foot, from where the pelvis is between them."""
    left, right, pelvis = joints_m[BALLS[0]], joints_m[BALLS[1]], joints_m[JOINT["pelvis"]]
    x, z = float(left[0] - right[0]), float(left[2] - right[2])
    along = float(pelvis[0] - right[0]) * x + float(pelvis[2] - right[2]) * z
    share = min(max(along / max(x * x + z * z, 1e-6), 0.02), 0.98)
    return np.array([share, 1.0 - share])


class Segment:
    """What is danced now, `size` times as large as it was made; `choice` is None before the first."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.offset: F64 = np.zeros(3)
        self._amplitude = Amplitude()
        self._soon = Posture()
        self.reset()

    def reset(self) -> None:
        """Nothing was chosen yet."""
        self.choice: Choice | None = None
        self.began_beats = self.cut_beats = 0.0
        self.size = 1.0
        self.offset[:] = 0.0

    @property
    def chosen(self) -> Choice:
        """The choice that is danced."""
        assert self.choice is not None
        return self.choice

    @property
    def slides(self) -> bool:
        """Whether its feet slide on purpose."""
        return bool(self._library.clip_flags[self.chosen.clip] & SLIDE)

    @property
    def energy(self) -> float:
        """How hard the body works in it, 0..1."""
        return float(self._library.segment_descriptor[self.chosen.segment, 0])

    def _looped(self) -> bool:
        return bool(self._library.clip_flags[self.chosen.clip] & LOOPED)

    def begin(self, choice: Choice, at: float, beats: float) -> None:
        """Dance *choice* from clock beat *at* on, for *beats*."""
        self.choice, self.began_beats, self.cut_beats = choice, at, at + beats

    def shift(self, beats: float) -> None:
        """Move the segment along the clock by whole *beats*."""
        self.began_beats += beats
        self.cut_beats += beats

    def follows(self, at: float) -> tuple[int, int]:
        """The clip and its beat that would come at clock beat *at* if it just went on; (-1, -1): between its beats."""
        choice, lib = self.chosen, self._library
        beats = int(lib.clip_beat[choice.clip + 1] - lib.clip_beat[choice.clip]) - 1
        end = choice.start_beat + (at - self.began_beats) * choice.level
        if end != round(end):
            return -1, -1
        return choice.clip, round(end) % beats if self._looped() else round(end)

    def strained(self, rate_hz: float, low: float, high: float) -> bool:
        """Whether a clock of *rate_hz* has left what the segment can follow: rates *low* to *high* of its own tempo."""
        choice = self.chosen
        rate = 60.0 * rate_hz * choice.level / float(self._library.clip_bpm[choice.clip])
        slack = STRAIN if low < choice.rate < high else math.inf
        return not low / slack < rate < high * slack

    def sample(self, beats: float, into: Posture) -> None:
        """Write its pose at clock *beats*, on the stage, before any blend."""
        lib, choice = self._library, self.chosen
        own, poses = lib.clip_beats(choice.clip), lib.clip_poses(choice.clip)
        root_m, rotations, contacts = lib.root_m[poses], lib.rotations[poses], lib.contacts[poses]
        at, laps = choice.start_beat + (beats - self.began_beats) * choice.level, 0.0
        if self._looped():
            laps = math.floor(at / (own.shape[0] - 1))
            at -= laps * (own.shape[0] - 1)
        sample(
            root_m, rotations, contacts, pose_index(own, lib.clip_halves(choice.clip), at), into.root, into.rot, into.contacts
        )
        if laps:
            into.root[[0, 2]] += laps * (root_m[-1] - root_m[0])[[0, 2]]
        self._amplitude.process(
            into.root, into.rot, lib.clip_middle[choice.clip], float(lib.clip_top_m[choice.clip]), self.size
        )
        carry_to_stage(self.offset, into.root, into.rot)

    def moves(self, foot: int, shown_m: F32, beats: float, skeleton: Skeleton) -> bool:
        """Whether within *beats* from its start *foot* (0 left, 1 right) is low elsewhere than among *shown_m* (24, 3)."""
        ball = BALLS[foot]
        for share in (0.0, 0.5, 1.0):
            self.sample(self.began_beats + share * beats, self._soon)
            at = skeleton.process(self._soon.root, self._soon.rot)[ball]
            low = self._soon.contacts[2 * foot + 1] > 0.25 or at[1] < LOW_M
            if low and math.hypot(shown_m[ball, 0] - at[0], shown_m[ball, 2] - at[2]) > STEP_FROM_M:
                return True
        return False

    def go_home(self, root: F32, radius_m: float, dt_s: float) -> None:
        """Drift: from the stage's rim back to its middle, and, where it was left turned, round to the front."""
        offset = self.offset
        x, z = float(root[0]), float(root[2])
        r = math.hypot(x, z)
        share = min(max(r / radius_m - 0.25, 0.0) / 0.5, 1.0)
        if offset[2] != 0.0:
            turned = offset[2] * (0.5 ** (dt_s / TURN_HALF_LIFE_S) - 1.0)
            c, s = math.cos(turned), math.sin(turned)
            dx, dz = x - offset[0], z - offset[1]
            # About the dancer, not about the clip's origin.
            offset[0], offset[1] = x - (c * dx + s * dz), z - (-s * dx + c * dz)
            offset[2] += turned
        if r > 1e-6:
            offset[0] -= x / r * share * HOME_SPEED_M_S * dt_s
            offset[1] -= z / r * share * HOME_SPEED_M_S * dt_s

    def told(self) -> dict[str, Any]:
        """The segment as an event, every cost term named."""
        lib, choice = self._library, self.chosen
        return {
            "event": "segment",
            "id": lib.segment_name(choice.segment),
            "clip": lib.clip_names[choice.clip],
            "style": lib.styles[int(lib.clip_style[choice.clip])],
            "start_beat": choice.start_beat,
            "beats": round(self.cut_beats - self.began_beats, 3),
            "music_beat": self.began_beats,
            "rate": round(choice.rate, 4),
            "level": choice.level,
            "cost": round(choice.cost, 4),
            "terms": choice.terms,
        }


def until_bar_line(choice: Choice, library: Library, at: float, heard: Record) -> float:
    """Beats of *choice* from *at* on: its own, or as many as end on a bar line nearby and as its clip has left."""
    beats, meter = choice.beats, int(heard["meter"])
    if meter < 2 or beats < meter:
        return beats
    over = (at + beats - int(heard["bar_origin"])) % meter
    shorter = beats - over
    fits = shorter if shorter >= meter else shorter + meter
    if not library.clip_flags[choice.clip] & LOOPED:
        fits = min(fits, (library.clip_beats(choice.clip).shape[0] - 1 - choice.start_beat) / choice.level)
    return float(fits)
