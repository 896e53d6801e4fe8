"""One stretch of motion on the 24-joint body, with its beats: what readers and the built-in choreography hand to the index."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from audio2pose.arrays import F32, F64
from audio2pose.errors import LibraryError
from audio2pose.motion.body import N_JOINTS, mirrored


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Motion and what is known of it.

    root_m (T, 3) metres; rotations (T, 24, 4) local unit quaternions, w first; contacts (T, 4) 0..1 for left_ankle,
    left_foot, right_ankle, right_foot; beat_poses (B,) the pose index (a float) of each beat of the dance, rising, so
    that the clip holds B - 1 whole beats; half_poses (B - 1,) that of the half beat after each but the last, empty for a
    smooth course; accents (A, 2) beat and strength 0..1; entries (E,) whole beats at which the
    dance may begin. energy 0..1. tempo_bpm: the slowest and the fastest at which it is still itself; (0, 0) leaves it to the
    dancer. A looped clip ends as it began (its last beat is its first).
    """

    name: str
    style: str
    fps: float
    root_m: F32
    rotations: F32
    contacts: F32
    beat_poses: F64
    accents: F32
    entries: tuple[int, ...]
    phrase_beats: int
    energy: float
    meter: int = 4
    tempo_bpm: tuple[float, float] = (0.0, 0.0)
    looped: bool = True
    idle: bool = False
    slide: bool = False
    half_poses: F64 = field(default_factory=lambda: np.zeros(0))
    mirror_of: str = ""
    source: str = "built in"
    licence: str = "MIT"

    def __post_init__(self) -> None:
        T = self.root_m.shape[0]
        for name, shape in (("root_m", (T, 3)), ("rotations", (T, N_JOINTS, 4)), ("contacts", (T, 4))):
            if getattr(self, name).shape != shape:
                raise LibraryError(f"clip {self.name}: {name} has shape {getattr(self, name).shape}, must be {shape}")
        if not (np.isfinite(self.root_m).all() and np.isfinite(self.rotations).all()):
            raise LibraryError(f"clip {self.name} holds NaN or infinite values: repair it first")
        beats = self.beat_poses
        if beats.shape[0] < 2 or not (np.diff(beats) > 0).all() or beats[0] < 0 or beats[-1] > T - 1 + 1e-6:
            raise LibraryError(f"clip {self.name}: beat_poses must rise within 0..{T - 1} and hold two beats or more")

        halves = self.halves
        if halves.shape != (beats.shape[0] - 1,) or not ((beats[:-1] < halves) & (halves < beats[1:])).all():
            raise LibraryError(f"clip {self.name}: half_poses must hold one pose index between each beat and the next")

    @property
    def halves(self) -> F64:
        """(B - 1,) the pose index of each half beat: half_poses, or where the monotone cubic through the beats has it."""
        if self.half_poses.size:
            return self.half_poses
        steps = np.diff(self.beat_poses)
        slopes = np.concatenate([steps[:1], 2.0 * steps[1:] * steps[:-1] / (steps[1:] + steps[:-1]), steps[-1:]])
        halves: F64 = self.beat_poses[:-1] + 0.5 * steps + 0.125 * (slopes[:-1] - slopes[1:])
        return halves

    @property
    def knots(self) -> F64:
        """(2B - 1,) beats and half beats in turn, pose indices."""
        out = np.empty(2 * self.beats + 1)
        out[::2], out[1::2] = self.beat_poses, self.halves
        return out

    @property
    def beats(self) -> int:
        """Whole beats that the clip lasts."""
        return int(self.beat_poses.shape[0]) - 1

    @property
    def bpm(self) -> float:
        """Mean tempo at which it was danced."""
        return 60.0 * self.fps * self.beats / float(self.beat_poses[-1] - self.beat_poses[0])

    def mirror(self) -> Clip:
        """The same dance with left and right exchanged, named NAME~."""
        root, rotations = mirrored(self.root_m, self.rotations)
        contacts = np.ascontiguousarray(self.contacts[:, [2, 3, 0, 1]])
        return replace(self, name=f"{self.name}~", root_m=root, rotations=rotations, contacts=contacts, mirror_of=self.name)
