"""What `score` does once its flags are understood: one dance or a folder of them, as JSON, as a table, as a page of plots.

Threads  one, the caller's.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audio2pose.errors import CorpusError, UsageError
from audio2pose.match.find import library as find_library
from audio2pose.media import posefile
from audio2pose.media.atomic import BesideFile
from audio2pose.terminal import Progress, emit_json, say

from .asked import PICTURE, must_not_be
from .measures import kinetic
from .score import Dance, Reference, dance_of, score, tidy
from .score_beats import beside, heard_beats, read_beats
from .score_set import means, together

SCHEMA = 1
READ = (".npz", ".json", ".npy")
"""Of two files of one name, the first of these is the dance."""
NOT_POSES = (".beats.json",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What to measure: dances with the song and the beats of each, and where the page of plots goes."""

    dances: tuple[tuple[Path, Path | None, Path | None], ...]
    plot: Path | None


def run(args: Namespace) -> int:
    """Measure what *args* ask for."""
    wanted = _asked(args)
    reference = Reference.of(find_library(args.against)) if args.against else None
    documents, windows = [], []
    for poses, song, beats in wanted.dances:
        dance = _dance(poses, song, beats, args.pose_fps)
        documents.append({"poses": str(poses), "beats_from": dance.beats_from, **score(dance, reference)})
        windows.append(kinetic.windows(dance.joints, dance.fps))
        for note in dance.notes:
            say(f"{poses.name}: {note}")
        if wanted.plot:
            from .score_plot import write_plot  # noqa: PLC0415 - matplotlib takes a second to load, and only a plot needs it

            write_plot(wanted.plot, poses.name, dance, documents[-1])
            say(f"{wanted.plot}: how {poses.name} moves")
    if args.folder is None:
        document = {"schema": SCHEMA, **documents[0]}
    else:
        every = together(np.concatenate(windows), reference.windows if reference else None)
        document = {"schema": SCHEMA, "folder": args.folder, "means": means(documents), "together": every, "files": documents}
        document = tidy(document)
    if args.json:
        emit_json(document)
    else:
        print("\n".join(_table(document) if args.folder is None else _set_table(document)))  # noqa: T201 - the answer itself
    return 0


def _asked(args: Namespace) -> Asked:
    if (args.poses is None) == (args.folder is None):
        raise UsageError("one dance or a set of them is measured: give POSES, or --folder DIR")
    if args.folder is None:
        if args.audio_dir:
            raise UsageError("--audio-dir holds the songs of a --folder: give --audio SONG with one dance")
        poses = Path(args.poses)
        song, beats = (Path(p) if p else None for p in (args.audio, args.beats))
        inputs = [p for p in (poses, song, beats) if p]
        return Asked(dances=((poses, song, beats),), plot=_plot(args.plot, inputs))
    for flag, value in (("--audio", args.audio), ("--beats", args.beats), ("--plot", args.plot)):
        if value:
            raise UsageError(f"{flag} goes with one dance, --folder finds songs by their names: leave {flag} out")
    folder, songs = Path(args.folder), Path(args.audio_dir) if args.audio_dir else None
    for where in (folder, songs):
        if where and not where.is_dir():
            raise CorpusError(f"there is no folder {where}: give one that holds files")
    dances = tuple((poses, *beside(poses, songs)) for poses in _in(folder))
    if not dances:
        raise CorpusError(f"{folder} holds no pose file: give a folder with {', '.join(READ)}")
    return Asked(dances=dances, plot=None)


def _in(folder: Path) -> list[Path]:
    """The pose files of *folder*, one for each name."""
    found: dict[str, Path] = {}
    for suffix in READ:
        for path in sorted(folder.glob(f"*{suffix}")):
            if not path.name.endswith(NOT_POSES):
                found.setdefault(path.stem, path)
    return [found[name] for name in sorted(found)]


def _plot(name: str | None, inputs: list[Path]) -> Path | None:
    if name is None:
        return None
    plot = Path(name)
    if plot.suffix.lower() != PICTURE:
        raise UsageError(f"--plot is '{plot}', a PNG is written: end its name in {PICTURE}")
    must_not_be(plot, inputs)
    BesideFile(plot).discard()
    return plot


def _dance(poses: Path, song: Path | None, beats: Path | None, fps: float | None) -> Dance:
    """*poses* with the best beats there are: true ones, those heard in the song, the file's own."""
    file = posefile.read(poses, fps)
    if beats:
        return dance_of(file, read_beats(beats), "beats")
    if song:
        bar = Progress(f"listening to {song.name}", 1.0)
        try:
            return dance_of(file, heard_beats(song, bar.update), "song")
        finally:
            bar.close()
    if file.beat_times_s.size:
        say(f"{poses.name}: measured by the beats that the file itself holds, which are those it danced to")
        return dance_of(file, file.beat_times_s, "file")
    say(f"{poses.name}: no beats are known, so nothing is told of the music: give --audio SONG or --beats FILE")
    return dance_of(file, None, None)


def _table(d: dict[str, Any]) -> Iterator[str]:
    yield f"{d['poses']}: {d['seconds']:.1f} s at {d['fps']:g} poses a second, beats from {d['beats_from'] or 'nowhere'}"
    b = d["beats"]
    if b:
        yield _row("F at the best level", b["f"], f"chance {b['f_null']:.3f}, gain {b['f'] - b['f_null']:+.3f} ({b['level']})")
        yield _row("  offset, ms", b["offset_ms"], f"spread {_text(b['offset_sd_ms'])}; late is positive")
        yield _row("  made by the warp", b["made_by_warp"], f"F unwarped {_text(b['f_unwarped'])}")
        a = d["landing_ms"]
        if a:
            yield _row("accents, ms, median", a["p50"], f"95 of 100 within {a['p95']:.1f}; {a['n']}, {a['per_bar']:.1f} a bar")
            yield _row("  seen in the motion", a["seen"], f"chance {a['seen_null']:.3f}")
        for name, told in (("bas_aist", "BAS, AIST++"), ("bas_bailando", "BAS, Bailando")):
            yield _row(told, d[name]["value"], f"chance {d[name]['null']:.3f}")
        bins = d["seconds_with_beats"]
        yield _row("seconds with both", bins["cover"], f"chance {bins['cover_null']:.3f}; hit {bins['hit']:.3f}")
    s = d["skate"]
    yield _row("foot skate", s["ratio"], f"contact {s['contact']:.3f}; outside slides {_text(s['ratio_outside_slides'])}")
    if s["drift_cm"]:
        f = s["drift_cm"]
        yield _row("planted feet drift, cm", f["p95"], f"median {f['p50']:.2f}, most {f['max']:.2f}, {f['n']} contacts")
    yield _row("PFC", d["pfc"], "0 also for who stands still")
    yield _row("repetition", d["repetition"], "of segments whose clip returns within 32 beats")
    yield _row("jerk at joins", d["jerk_ratio"], "1 cannot be told from the rest")
    k = d["kinetic"]
    yield _row("energy, m2/s2", k["energy"], f"median of {k['windows']} windows")
    if k["against"]:
        a, fid = k["against"], d["fid_k"]
        yield _row(f"like {a['library']}", a["within"], f"of 72 medians within 0.5 to 2 times; energy {a['energy']:.2f} times")
        yield _row("Div_k", d["div_k"], "")
        yield _row("FID_k", fid and fid["value"], f"{fid['n']} windows against {fid['n_against']}" if fid else "")


def _set_table(d: dict[str, Any]) -> Iterator[str]:
    yield f"{d['folder']}: {len(d['files'])} dances; mean, and where 95 % of such means would lie"
    for name, m in d["means"].items():
        sure = "" if m["low"] is None else f"{m['low']:.3f} to {m['high']:.3f}"
        yield f"{name:<32}{m['mean']:10.3f}  {sure:<22} n = {m['n']}"
    fid = d["together"]["fid_k"]
    if fid:
        beside = f"{fid['n']} windows against {fid['n_against']}"
        yield f"all together: FID_k {fid['value']:.2f} ({beside}), Div_k {d['together']['div_k']:.2f}"


def _row(name: str, value: float | None, more: str) -> str:
    return f"{name:<26}{_text(value):>9}  {more}".rstrip()


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
