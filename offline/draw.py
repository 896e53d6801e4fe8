"""What `draw` does: a pose file as a video, as a strip, or both, with a song beside it where one was given.

Threads  one, the caller's; the video has its own encoder beside it.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from audio2pose.config import StageConfig
from audio2pose.errors import UsageError
from audio2pose.media import posefile
from audio2pose.media.posefile import PoseFile
from audio2pose.motion.kinematics import positions
from audio2pose.presets import settings
from audio2pose.terminal import say

from .asked import VIDEO, Shape, must_be_writable, must_not_be, picture_of, rate, shape_of, stage_of
from .choreograph import Heard, listen
from .export import VIDEO_FPS, count
from .jobs import open_song, progress, tell_faults
from .points import amplify_points, smooth_points
from .render import of_poses, set_down, times, write_video
from .shape import Motion, amplify, smooth
from .strip import Marks, marks_of, write_strip

TOLD_FLOOR_M = 0.08
"""A floor nearer to ours than this is not worth a word: feet of COCO points are guessed."""


def draw(args: Namespace) -> int:
    """A pose file as a video or a strip, with a song beside it where one was given."""
    fps, stage, shape = rate("--fps", args.fps) or VIDEO_FPS, stage_of(args), shape_of(args)
    out, strip = _outs(args, stage, fps)
    poses = posefile.read(args.poses, args.pose_fps)
    if args.audio:
        open_song(args.audio, 0.0, poses.seconds).close()
    name = Path(args.poses).name
    for note in poses.notes:
        say(f"{name}: {note}")
    if poses.rotations is None:
        # Points from elsewhere have a floor of their own; our own dances are left as they were danced.
        standing_m, moved_m = set_down(poses.positions_m)
        poses = replace(poses, positions_m=standing_m)
        if abs(moved_m) > TOLD_FLOOR_M:
            say(f"{name}: its floor is {-100.0 * moved_m:.0f} cm high, the dance was set on ours")
    poses = reshaped(poses, shape)
    now, heard = settings(), None
    if args.audio:
        with open_song(args.audio, 0.0, poses.seconds) as song, progress("listening") as told:
            heard = listen(song, now, causal=False, told=told)
        tell_faults(args.audio, heard)
        if heard.seconds < poses.seconds - 1.0 / fps:
            say(f"{args.audio} ends at {heard.seconds:.2f} s, the dance at {poses.seconds:.2f} s: the rest is silent")
    if strip:
        _strip(strip, poses, heard, now.hear.hop_s, stage)
    if out:
        _video(out, poses, heard, now.hear.hop_s, stage, fps, args.audio)
    return 0


def reshaped(poses: PoseFile, shape: Shape) -> PoseFile:
    """The same dance as large and as smooth as it was asked for."""
    if poses.rotations is None or poses.root_m is None:
        points = smooth_points(poses.positions_m, poses.fps, shape.window)
        return replace(poses, positions_m=amplify_points(points, poses.fps, shape.amplification))
    contacts = np.zeros((poses.poses, 4), np.float32) if poses.contacts is None else poses.contacts
    motion = Motion(root_m=poses.root_m, rotations=poses.rotations, contacts=contacts, fps=poses.fps)
    after = amplify(smooth(motion, shape.window), shape.amplification)
    if after is motion:
        return poses
    joints_m = positions(after.root_m, after.rotations)
    return replace(poses, positions_m=joints_m, root_m=after.root_m, rotations=after.rotations)


def _outs(args: Namespace, stage: StageConfig, fps: float) -> tuple[Path | None, Path | None]:
    """The video and the strip that were asked for, both of which can be written."""
    inputs = [Path(args.poses), *([Path(args.audio)] if args.audio else [])]
    if args.out is None and args.strip is None:
        raise UsageError("nothing was asked for: give -o OUT.mp4, or --strip OUT.png")
    strip = picture_of("--strip", args.strip, inputs)
    if args.out is None:
        return None, strip
    out = Path(args.out)
    if out.suffix.lower() != VIDEO:
        raise UsageError(f"'{out}' is no video that we write: end its name in {VIDEO}")
    must_not_be(out, inputs)
    must_be_writable(out, stage, fps)
    return out, strip


def _strip(path: Path, poses: PoseFile, heard: Heard | None, hop_s: float, stage: StageConfig) -> None:
    if heard is not None:
        marks = marks_of(heard.beats)
    else:
        first = poses.beat_positions == 1 if poses.beat_positions.shape == poses.beat_times_s.shape else None
        times_s = poses.beat_times_s[poses.beat_times_s < poses.seconds].tolist()
        marks = Marks(times_s, [False] * len(times_s) if first is None else first[: len(times_s)].tolist())

    at = partial(of_poses, poses, heard=heard, hop_s=hop_s)
    write_strip(path, at, marks, poses.seconds, stage)
    say(f"{path}: {poses.seconds:.2f} s in one picture")


def _video(
    out: Path, poses: PoseFile, heard: Heard | None, hop_s: float, stage: StageConfig, fps: float, audio: str | None
) -> None:
    shots, pictures = of_poses(poses, times(poses.seconds, fps), heard, hop_s), count(poses.seconds, fps)
    with progress("drawing") as told:
        if audio:
            with open_song(audio, 0.0, poses.seconds, stereo=True) as song:
                write_video(out, shots, pictures, stage, fps, song, told)
        else:
            write_video(out, shots, pictures, stage, fps, None, told)
    say(f"{out}: {poses.seconds:.2f} s, {pictures} pictures")
