"""Poses drawn into video: picture k shows the moment k / fps, the song beside it second by second.

Shapes   joints of one picture: (1, 24, 3) metres; picture: (H, W, 3) uint8.
Threads  the caller's, which draws; the Mp4Writer's worker encodes beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audio2pose.arrays import F32, F64, U8
from audio2pose.config import StageConfig
from audio2pose.media.decode import SongReader
from audio2pose.media.encode import Mp4Writer
from audio2pose.media.posefile import PoseFile
from audio2pose.motion.body import JOINT, REST_FOOT_M
from audio2pose.motion.kinematics import Skeleton, face
from audio2pose.stage.offscreen import Offscreen

from .choreograph import Heard, Performance, Told
from .export import count, sampled

CHUNK_PICTURES = 600
"""Poses of so many pictures are made at a time: what is held does not grow with the song."""
CALM = 0.4
"""Energy of the stage where nothing is known of the music."""

FEET = [JOINT["left_foot"], JOINT["right_foot"]]
STANDING_PERCENT, NEAR_FLOOR_M = 20.0, 0.05
"""A dancer stands on a foot at least a fifth of the time; who is that near to the floor is left where he is."""


@dataclass(frozen=True, slots=True)
class Shot:
    """What one picture shows."""

    joints_m: F32
    t_s: float
    beat: float
    energy: float
    onset: float
    faces: F32 | None = None
    """Where the heads look (1, 3); None where only positions are known."""


def write_video(
    path: Path, shots: Iterator[Shot], pictures: int, stage: StageConfig, fps: float, song: SongReader | None, told: Told
) -> None:
    """The *shots* into an MP4, with the sound of *song* from its start for as long as the pictures last.

    Raises OutputError, and leaves nothing, where it cannot be written.
    """
    screen = Offscreen(stage)
    drawn = (
        screen.picture(shot.joints_m, t_s=shot.t_s, beat=shot.beat, energy=shot.energy, onset=shot.onset, faces=shot.faces)
        for shot in shots
    )
    try:
        write_pictures(path, drawn, pictures, (stage.width, stage.height), fps, song, told)
    finally:
        screen.close()


def write_pictures(
    path: Path, drawn: Iterator[U8], pictures: int, size: tuple[int, int], fps: float, song: SongReader | None, told: Told
) -> None:
    """Pictures (H, W, 3) of *size* (W, H), *pictures* in number, into an MP4 as `write_video` does."""
    sound = song.blocks(song.sample_rate_hz) if song else None
    left = round(pictures / fps * song.sample_rate_hz) if song else 0
    rate_hz = song.sample_rate_hz if song else None
    with Mp4Writer(path, width=size[0], height=size[1], fps=fps, sample_rate_hz=rate_hz) as mp4:
        for k, picture in enumerate(drawn):
            while sound and rate_hz and mp4.sound_frames <= (k + 1) / fps * rate_hz and left > 0:
                block = next(sound, None)
                if block is None:
                    left = 0
                    break
                mp4.write_sound(block[:left])
                left -= block[:left].shape[0]
            mp4.write_picture(picture)
            told((k + 1) / pictures)


def of_performance(performance: Performance, times_s: F64) -> Iterator[Shot]:
    """The dance at *times_s* (K,), with what was heard at each."""
    skeleton = Skeleton()
    for at in range(0, times_s.shape[0], CHUNK_PICTURES):
        part = times_s[at : at + CHUNK_PICTURES]
        poses = sampled(performance, part)
        for k, t_s in enumerate(part):
            heard = _heard_at(performance.heard, float(t_s), performance.hop_s)
            yield Shot(
                skeleton.process(poses["root_m"][k], poses["rotations"][k])[None],
                float(t_s), float(poses["beat"][k]), float(heard["energy"]), float(heard["onset_low"]),
                face(poses["rotations"][k])[None],
            )  # fmt: skip


def set_down(positions_m: F32) -> tuple[F32, float]:
    """Joints (T, 24, 3) whose lowest foot stands on the floor most of the time, and how far they were moved, metres."""
    feet_m = positions_m[:, FEET, 1].min(axis=1)
    feet_m = feet_m[np.isfinite(feet_m)]
    if not feet_m.shape[0]:
        return positions_m, 0.0
    moved_m = REST_FOOT_M - float(np.percentile(feet_m, STANDING_PERCENT))
    if abs(moved_m) < NEAR_FLOOR_M:
        return positions_m, 0.0
    return positions_m + np.array([0.0, moved_m, 0.0], np.float32), moved_m


def of_poses(poses: PoseFile, times_s: F64, heard: Heard | None, hop_s: float) -> Iterator[Shot]:
    """The poses of a file at *times_s* (K,); the stage follows *heard*, else the file's own beats, else nothing."""
    beats = poses.beat_times_s
    for t_s in times_s.tolist():
        x = min(t_s * poses.fps, poses.poses - 1)
        a = min(int(x), max(poses.poses - 2, 0))
        b = min(a + 1, poses.poses - 1)
        joints = poses.positions_m[a] + np.float32(x - a) * (poses.positions_m[b] - poses.positions_m[a])
        beat, energy, onset = 0.0, CALM, 0.0
        if heard is not None:
            row = _heard_at(heard, t_s, hop_s)
            beat, energy, onset = float(row["beat"]), float(row["energy"]), float(row["onset_low"])
        elif beats.shape[0] > 1:
            beat = float(np.interp(t_s, beats, np.arange(beats.shape[0])))
        faces = face(poses.rotations[a if x - a < 0.5 else b])[None] if poses.rotations is not None else None
        yield Shot(joints[None], t_s, beat, energy, onset, faces)


def times(seconds: float, fps: float) -> F64:
    """The moment of each picture of a song."""
    return np.arange(count(seconds, fps)) / fps


def _heard_at(heard: Heard, t_s: float, hop_s: float) -> Any:
    """The row whose hop ended last at *t_s*."""
    return heard.log[min(max(int(t_s / hop_s + 1e-6) - 1, 0), heard.log.shape[0] - 1)]
