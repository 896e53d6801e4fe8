"""What a command was asked for, from flags to settings and paths, all of it checked before any long work begins.

Threads  one, the caller's.
Errors   UsageError and ConfigError for what no file could mend, OutputError where nothing can be written.
"""

from __future__ import annotations

import math
import os
import tempfile
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audio2pose.config import Settings, StageConfig
from audio2pose.errors import OutputError, UsageError
from audio2pose.flags import overrides as shared
from audio2pose.media import posefile
from audio2pose.media.atomic import BesideFile
from audio2pose.media.decode import SongReader
from audio2pose.media.encode import Mp4Writer
from audio2pose.presets import settings
from audio2pose.stage.palettes import flat_colour, palette
from audio2pose.stage.scenes import scene

from .export import POSE_FILE_FPS, VIDEO_FPS
from .shape import must_amplify, must_smooth

VIDEO, PICTURE = ".mp4", ".png"
SUFFIXES = (VIDEO, *posefile.SUFFIXES)
BLEND_FPS, HALF_LIVES = 30.0, 4.0
"""A blend of N frames at 30 fps is over after four half-lives of the join's offset."""
MAX_LATENCY_MS = 500.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The stretch of a song that is wanted, seconds."""

    start_s: float = 0.0
    end_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One song and every file that it is to become."""

    song: Path
    outs: tuple[Path, ...]
    strip: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How much larger and how much smoother."""

    amplification: float = 1.0
    window: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """All of a `render`."""

    jobs: tuple[Job, ...]
    settings: Settings
    part: Part = field(default_factory=Part)
    joints: str
    pose_fps: float
    video_fps: float
    shape: Shape


def asked(args: Namespace) -> Asked:
    """The flags of `render`, understood and checked: every output can be written, every song opens."""
    now = settings(args.preset, overrides(args))
    _look_exists(now.stage)
    if args.joints not in posefile.JOINTS:
        raise UsageError(f"no set of joints named '{args.joints}': give {' or '.join(posefile.JOINTS)}")
    part = Part(start_s=seconds("--start", args.start) or 0.0, end_s=seconds("--end", args.end))
    jobs = _jobs(args)
    fps = rate("--fps", args.fps)
    for job in jobs:
        with SongReader(job.song, start_s=part.start_s, end_s=part.end_s):
            pass
        for out in (*job.outs, *([job.strip] if job.strip else [])):
            must_not_be(out, [j.song for j in jobs])
            must_be_writable(out, now.stage, fps or VIDEO_FPS)
    return Asked(
        jobs=jobs,
        settings=now,
        part=part,
        joints=args.joints,
        pose_fps=fps or POSE_FILE_FPS,
        video_fps=fps or VIDEO_FPS,
        shape=shape_of(args),
    )


def overrides(args: Namespace) -> dict[str, dict[str, Any]]:
    """What the flags of *args* lay over preset and environment: those shared with live, and the ones of files alone."""
    flags = vars(args)
    blend, threshold_bpm, latency_ms = flags.get("blend_frames"), flags.get("bpm_threshold"), flags.get("latency")
    for name, value in (("--blend-frames", blend), ("--bpm-threshold", threshold_bpm)):
        if value is not None and not (math.isfinite(value) and value >= 0.0):
            raise UsageError(f"{name} is {value:g}, must be 0 or more: give a number")
    if flags.get("no_blend") and blend is not None:
        raise UsageError("--no-blend and --blend-frames contradict each other: give one of them")
    if latency_ms is not None and not flags.get("causal"):
        raise UsageError("--latency is what live danced ahead, a song that is known ahead has none: give --causal with it")
    if latency_ms is not None and not 0.0 <= latency_ms <= MAX_LATENCY_MS:
        raise UsageError(f"--latency is {latency_ms:g} ms, must lie within 0 to {MAX_LATENCY_MS:g}: give what live told")
    half_life_s = 0.0 if flags.get("no_blend") else None if blend is None else blend / BLEND_FPS / HALF_LIVES
    table = shared(args)
    table["match"] |= {"segment_beats": flags.get("segment_beats"), "bpm_threshold": threshold_bpm}
    table["dance"] = {"half_life_s": half_life_s, "latency_s": None if latency_ms is None else latency_ms / 1e3}
    return table


def stage_of(args: Namespace) -> StageConfig:
    """The picture that `draw` was asked for."""
    stage = settings(None, overrides(args)).stage
    _look_exists(stage)
    return stage


def shape_of(args: Namespace) -> Shape:
    """How large and how smooth the dance was asked for."""
    asked = Shape(
        amplification=1.0 if args.motion_amplification is None else args.motion_amplification,
        window=1 if args.smoothing_window is None else args.smoothing_window,
    )
    must_amplify(asked.amplification)
    must_smooth(asked.window)
    return asked


def picture_of(flag: str, path: str | None, inputs: Sequence[Path]) -> Path | None:
    """The picture that *flag* was given: a PNG that can be written and is none of *inputs*; None stays None."""
    if path is None:
        return None
    picture = Path(path)
    if picture.suffix.lower() != PICTURE:
        raise UsageError(f"{flag} is '{path}', a PNG is written: end its name in {PICTURE}")
    must_not_be(picture, inputs)
    BesideFile(picture).discard()
    return picture


def seconds(flag: str, text: str | None) -> float | None:
    """Seconds of "12.5" or "M:SS"; None stays None."""
    if text is None:
        return None
    minutes, colon, rest = text.rpartition(":")
    try:
        value = 60.0 * (int(minutes) if colon else 0) + float(rest)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0.0):
        raise UsageError(f"{flag} is '{text}', a time of the song was wanted: give seconds, or minutes and seconds as M:SS")
    return value


def rate(flag: str, value: float | None) -> float | None:
    """A rate that files and pictures can have."""
    if value is not None and not (math.isfinite(value) and 1.0 <= value <= 240.0):
        raise UsageError(f"{flag} is {value:g}, must lie within 1 to 240: take 30 or 60")
    return value


def must_not_be(out: Path, inputs: Sequence[Path]) -> None:
    """Raises UsageError where writing *out* would destroy what is read."""
    if os.path.realpath(out) in {os.path.realpath(i) for i in inputs}:
        raise UsageError(f"{out} is what is read, it would be lost: write under another name")


def must_be_writable(out: Path, stage: StageConfig, fps: float) -> None:
    """Raises what writing *out* would raise: no such folder, no right, a picture that H.264 cannot hold."""
    BesideFile(out).discard()
    if out.suffix.lower() == VIDEO:
        # Not beside the target: an encoder that is only tried takes a while to go, and must leave nothing when interrupted.
        with tempfile.TemporaryDirectory() as folder:
            Mp4Writer(Path(folder) / "tried.mp4", width=stage.width, height=stage.height, fps=fps).abort()


def _jobs(args: Namespace) -> tuple[Job, ...]:
    songs = [Path(s) for s in args.songs]
    if args.dir is None:
        return (_one(songs, args),)
    folder = Path(args.dir)
    if not folder.is_dir():
        raise OutputError(f"there is no folder {folder}: make it, or give another one to -d")
    if args.strip:
        raise UsageError("--strip names one picture, -d writes several songs: give -o OUT for one song, or leave --strip out")
    suffixes = args.out or [VIDEO]
    for s in suffixes:
        if not (s.startswith(".") and s.lower() in SUFFIXES):
            raise UsageError(f"with -d, -o takes a suffix alone, not '{s}': one of {', '.join(SUFFIXES)}")
    written: dict[Path, Path] = {}
    for song in songs:
        out = folder / song.stem
        if out in written:
            raise UsageError(
                f"{written[out]} and {song} would both be written to {out}{suffixes[0]}: render them into two folders"
            )
        written[out] = song
    return tuple(
        Job(song=s, outs=tuple(folder / f"{s.stem}{suffix.lower()}" for suffix in dict.fromkeys(suffixes))) for s in songs
    )


def _one(songs: list[Path], args: Namespace) -> Job:
    if len(songs) > 1:
        raise UsageError(f"{len(songs)} songs cannot go into one file: give a folder with -d DIR")
    if not args.out and not args.strip:
        raise UsageError(f"nothing was asked for: give -o OUT with one of {', '.join(SUFFIXES)}, or --strip OUT.png")
    outs = [Path(o) for o in args.out]
    for out in outs:
        if out.suffix.lower() not in SUFFIXES:
            raise UsageError(f"'{out}' does not say what to write: end its name in one of {', '.join(SUFFIXES)}")
    strip = Path(args.strip) if args.strip else None
    if strip and strip.suffix.lower() != PICTURE:
        raise UsageError(f"--strip is '{strip}', a PNG is written: end its name in {PICTURE}")
    every = [*outs, *([strip] if strip else [])]
    if len({os.path.realpath(o) for o in every}) < len(every):
        raise UsageError("two outputs have the same name, one would be lost: give each its own")
    return Job(song=songs[0], outs=tuple(outs), strip=strip)


def _look_exists(stage: StageConfig) -> None:
    flat_colour(stage.background, palette(stage.palette))
    scene(stage.scene)
