"""What `render`, `draw` and `beats` do once their flags are understood; progress and words go to stderr, JSON to stdout.

Threads  one, the caller's; each video has its own encoder beside it.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from audio2pose.errors import UsageError
from audio2pose.match.find import library as find_library
from audio2pose.match.index import Library
from audio2pose.media import posefile
from audio2pose.media.decode import SongReader
from audio2pose.presets import settings
from audio2pose.stage.offscreen import Offscreen
from audio2pose.terminal import Progress, emit_json, say

from .asked import VIDEO, Asked, Job, asked, must_be_writable, must_not_be, overrides, plot_of, rate, stage_of
from .choreograph import Heard, Performance, Told, listen, perform
from .export import VIDEO_FPS, count, pose_file
from .render import of_performance, of_poses, set_down, times, write_video
from .strip import write_strip
from .trace import Trace

SCHEMA = 1
TOLD_FLOOR_M = 0.08
"""A floor nearer to ours than this is not worth a word: feet of COCO points are guessed."""


def render(args: Namespace) -> int:
    """Every song of *args* danced once and written in every form that was asked for."""
    wanted = asked(args)
    if any(job.strip or any(o.suffix.lower() == VIDEO for o in job.outs) for job in wanted.jobs):
        # A machine that cannot draw is told before the long work.
        Offscreen(wanted.settings.stage).close()
    library = find_library(args.library)
    told = [_render_one(job, wanted, library, causal=args.causal) for job in wanted.jobs]
    if args.json:
        emit_json({"schema": SCHEMA, "library": library.name, "songs": told})
    return 0


def draw(args: Namespace) -> int:
    """A pose file as a video, with a song beside it where one was given."""
    out, source = Path(args.out), Path(args.poses)
    if out.suffix.lower() != VIDEO:
        raise UsageError(f"'{out}' is no video that we write: end its name in {VIDEO}")
    fps = rate("--fps", args.fps) or VIDEO_FPS
    stage = stage_of(args)
    must_not_be(out, [source, *([Path(args.audio)] if args.audio else [])])
    must_be_writable(out, stage, fps)
    poses = posefile.read(source, args.pose_fps)
    if args.audio:
        _song(args.audio, 0.0, poses.seconds).close()
    for note in poses.notes:
        say(f"{source.name}: {note}")
    if poses.rotations is None:
        # Points from elsewhere have a floor of their own; our own dances are left as they were danced.
        standing_m, moved_m = set_down(poses.positions_m)
        poses = replace(poses, positions_m=standing_m)
        if abs(moved_m) > TOLD_FLOOR_M:
            say(f"{source.name}: its floor is {-100.0 * moved_m:.0f} cm high, the dance was set on ours")
    now, heard = settings(), None
    if args.audio:
        with _song(args.audio, 0.0, poses.seconds) as song, _progress("listening") as told:
            heard = listen(song, now, causal=False, told=told)
        _tell_faults(args.audio, heard)
        if heard.seconds < poses.seconds - 1.0 / fps:
            say(f"{args.audio} ends at {heard.seconds:.2f} s, the dance at {poses.seconds:.2f} s: the rest is silent")
    shots = of_poses(poses, fps, heard, now.hear.hop_s)
    pictures = count(poses.seconds, fps)
    with _progress("drawing") as told:
        if args.audio:
            with _song(args.audio, 0.0, poses.seconds, stereo=True) as song:
                write_video(out, shots, pictures, stage, fps, song, told)
        else:
            write_video(out, shots, pictures, stage, fps, None, told)
    say(f"{out}: {poses.seconds:.2f} s, {pictures} pictures")
    return 0


def beats(args: Namespace) -> int:
    """The beats of a song, as JSON or as a short table; --plot draws how they were heard."""
    now = settings(args.preset, overrides(args))
    plot = plot_of(args)
    trace = Trace(now.hear.hop_s) if plot else None
    with _song(args.song, 0.0, None) as song, _progress("listening") as told:
        heard = listen(song, now, causal=args.online, told=told, trace=trace)
    _tell_faults(args.song, heard)
    if plot and trace:
        from .plot import write_plot  # noqa: PLC0415 - matplotlib takes a second to load, and only a plot needs it

        write_plot(plot, args.song, heard, trace)
        say(f"{plot}: how {Path(args.song).name} was heard")
    if args.json:
        emit_json(_beats_document(args.song, heard))
    else:
        print("\n".join(_beats_table(args.song, heard)))  # noqa: T201 - the answer itself
    return 0


def _render_one(job: Job, wanted: Asked, library: Library, *, causal: bool) -> dict[str, Any]:
    part, began_s = wanted.part, time.monotonic()
    with _song(job.song, part.start_s, part.end_s) as song, _progress(f"dancing to {job.song.name}") as told:
        performance = perform(song, wanted.settings, library, causal=causal, told=told)
    _tell_faults(job.song, performance.heard)
    danced_s = time.monotonic() - began_s
    files = [_write(out, job, performance, wanted, library) for out in job.outs]
    if job.strip:
        write_strip(job.strip, performance, wanted.settings.stage)
        files.append({"path": str(job.strip)})
    took_s = time.monotonic() - began_s
    summary = _summary(job, performance, files, danced_s, took_s)
    tempo = f"{summary['tempo_bpm']:g} BPM" if summary["tempo_bpm"] else "no tempo"
    pace = performance.seconds / max(took_s, 1e-9)
    say(
        f"{job.song.name}: {performance.seconds:.1f} s, {tempo}, {summary['beats']} beats, {summary['segments']} segments -> "
        f"{', '.join(f['path'] for f in files)} in {took_s:.1f} s ({pace:.1f} times real time)"
    )
    return summary


def _write(out: Path, job: Job, performance: Performance, wanted: Asked, library: Library) -> dict[str, Any]:
    if out.suffix.lower() != VIDEO:
        poses = pose_file(performance, library, wanted.pose_fps)
        posefile.write(out, poses, joints=wanted.joints)
        return {"path": str(out), "frames": poses.poses, "fps": wanted.pose_fps}
    moments_s = times(performance.seconds, wanted.video_fps)
    part = wanted.part
    with _song(job.song, part.start_s, part.end_s, stereo=True) as song, _progress(f"drawing {out.name}") as told:
        shots = of_performance(performance, moments_s)
        write_video(out, shots, moments_s.shape[0], wanted.settings.stage, wanted.video_fps, song, told)
    return {"path": str(out), "frames": int(moments_s.shape[0]), "fps": wanted.video_fps}


def _summary(job: Job, performance: Performance, files: list[dict[str, Any]], danced_s: float, took_s: float) -> dict[str, Any]:
    heard = performance.heard
    segments = [e for e in performance.events if e["event"] == "segment"]
    tempo_bpm = heard.tempo_bpm
    return {
        "song": str(job.song),
        "mode": "causal" if heard.causal else "look-ahead",
        "sample_rate_hz": heard.sample_rate_hz,
        "seconds": round(heard.seconds, 4),
        "tempo_bpm": None if tempo_bpm is None else round(tempo_bpm, 3),
        "beats": len(heard.beats),
        "segments": len(segments),
        "styles": dict(sorted(Counter(e["style"] for e in segments).items())),
        "files": files,
        "faults": list(heard.faults),
        "danced_s": round(danced_s, 3),
        "took_s": round(took_s, 3),
    }


def _beats_document(song: str, heard: Heard) -> dict[str, Any]:
    tempo_bpm = heard.tempo_bpm
    return {
        "schema": SCHEMA,
        "song": song,
        "mode": "online" if heard.causal else "offline",
        "sample_rate_hz": heard.sample_rate_hz,
        "duration_s": heard.seconds,
        "tempo_bpm": tempo_bpm,
        "beats": [
            {
                "time_s": b.time_s, "emitted_s": b.emitted_s, "position": b.position, "tempo_bpm": b.tempo_bpm,
                "confidence": b.confidence,
            }
            for b in heard.beats
        ],
    }  # fmt: skip


def _beats_table(song: str, heard: Heard) -> Iterator[str]:
    """A bar a line: its beats in seconds."""
    tempo = f"{heard.tempo_bpm:.2f} BPM" if heard.tempo_bpm else "no tempo"
    yield f"{song}: {heard.seconds:.1f} s, {tempo}, {len(heard.beats)} beats"
    line: list[str] = []
    bar = 0
    for b in heard.beats:
        if line and (b.position == 1 or len(line) >= 8):
            yield _bar(bar, line)
            line = []
        bar += b.position == 1
        line.append(f"{b.time_s:9.3f}")
    if line:
        yield _bar(bar, line)


def _bar(bar: int, line: list[str]) -> str:
    return f"bar {bar:4d} " + "".join(line)


def _tell_faults(song: str | Path, heard: Heard) -> None:
    for fault in heard.faults:
        say(f"{Path(song).name}: {fault}")


def _song(path: str | Path, start_s: float, end_s: float | None, *, stereo: bool = False) -> SongReader:
    return SongReader(path, start_s=start_s, end_s=end_s, stereo=stereo)


@contextmanager
def _progress(what: str) -> Iterator[Told]:
    bar = Progress(what, 1.0)
    try:
        yield bar.update
    finally:
        bar.close()
