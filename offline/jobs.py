"""What `render` and `beats` do once their flags are understood; progress and words go to stderr, JSON to stdout.

Threads  one, the caller's; each video has its own encoder beside it.
"""

from __future__ import annotations

import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from audio2pose.match.find import library as find_library
from audio2pose.match.index import Library
from audio2pose.media import posefile
from audio2pose.media.decode import SongReader
from audio2pose.presets import settings
from audio2pose.stage.offscreen import Offscreen
from audio2pose.terminal import Progress, emit_json, say

from .asked import VIDEO, Asked, Job, Shape, asked, overrides, picture_of
from .choreograph import Heard, Performance, Told, listen, perform
from .export import pose_file
from .render import of_performance, times, write_video
from .shape import Motion, amplify, smooth
from .strip import marks_of, write_strip
from .trace import Trace

SCHEMA = 1


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


def beats(args: Namespace) -> int:
    """The beats of a song, as JSON or as a short table; --plot draws how they were heard."""
    now = settings(args.preset, overrides(args))
    plot = picture_of("--plot", args.plot, [Path(args.song)])
    trace = Trace(now.hear.hop_s) if plot else None
    with open_song(args.song, 0.0, None) as song, progress("listening") as told:
        heard = listen(song, now, causal=args.online, told=told, trace=trace)
    tell_faults(args.song, heard)
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
    with open_song(job.song, part.start_s, part.end_s) as song, progress(f"dancing to {job.song.name}") as told:
        performance = perform(song, wanted.settings, library, causal=causal, told=told)
    tell_faults(job.song, performance.heard)
    performance = shaped(performance, wanted.shape)
    danced_s = time.monotonic() - began_s
    files = [_write(out, job, performance, wanted, library) for out in job.outs]
    if job.strip:
        marks, at = marks_of(performance.heard.beats), partial(of_performance, performance)
        write_strip(job.strip, at, marks, performance.seconds, wanted.settings.stage)
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


def shaped(performance: Performance, shape: Shape) -> Performance:
    """The same dance as large and as smooth as it was asked for."""
    run = performance.poses
    motion = Motion(root_m=run["root_m"], rotations=run["rotations"], contacts=run["contacts"], fps=1.0 / performance.hop_s)
    after = amplify(smooth(motion, shape.window), shape.amplification)
    if after is motion:
        return performance
    run = run.copy()
    run["root_m"], run["rotations"] = after.root_m, after.rotations
    return replace(performance, poses=run)


def _write(out: Path, job: Job, performance: Performance, wanted: Asked, library: Library) -> dict[str, Any]:
    if out.suffix.lower() != VIDEO:
        poses = pose_file(performance, library, wanted.pose_fps)
        posefile.write(out, poses, joints=wanted.joints)
        return {"path": str(out), "frames": poses.poses, "fps": wanted.pose_fps}
    moments_s = times(performance.seconds, wanted.video_fps)
    part = wanted.part
    with open_song(job.song, part.start_s, part.end_s, stereo=True) as song, progress(f"drawing {out.name}") as told:
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


def tell_faults(song: str | Path, heard: Heard) -> None:
    """What was wrong with the sound, a line each."""
    for fault in heard.faults:
        say(f"{Path(song).name}: {fault}")


def open_song(path: str | Path, start_s: float, end_s: float | None, *, stereo: bool = False) -> SongReader:
    """A part of a song, to be closed by who asked."""
    return SongReader(path, start_s=start_s, end_s=end_s, stereo=stereo)


@contextmanager
def progress(what: str) -> Iterator[Told]:
    """A bar on stderr while something long is done."""
    bar = Progress(what, 1.0)
    try:
        yield bar.update
    finally:
        bar.close()
