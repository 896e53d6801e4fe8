"""The commands inspect and library: their flags. What they do stands in look.py and preview.py, imported when they run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from audio2pose.command import Command
from audio2pose.terminal import Progress, emit_json


def _inspect_arguments(p: ArgumentParser) -> None:
    p.add_argument("file", metavar="FILE", help="a sound file, or poses as .npz, .npy or .json")
    p.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _inspect(args: Namespace) -> int:
    from .look import look  # noqa: PLC0415 - a command's module must not load its room for --help

    bar = Progress("reading", 1.0)
    try:
        found = look(Path(args.file), bar.update)
    finally:
        bar.close()
    if args.json:
        emit_json(found)
    else:
        print("\n".join(_lines(args.file, found)))  # noqa: T201 - the answer itself
    return 0


def _lines(file: str, found: dict[str, Any]) -> list[str]:
    if found["kind"] == "sound":
        what = f"{found['sample_rate_hz']} Hz, {found['channels']} channel{'s' if found['channels'] > 1 else ''}"
    else:
        tempo = f", {found['tempo_bpm']:.1f} BPM" if found["tempo_bpm"] else ""
        body = f"{found['joints']} joints, {found['unit']}, up is {found['up'] or 'unknown'}"
        what = f"{found['frames']} poses at {found['fps']:g} a second, {body}{tempo}"
    faults = [f"  {fault}" for fault in found["faults"]] or ["  no faults"]
    return [f"{file}: {found['format']}, {found['seconds']:.2f} s, {what}", *faults]


INSPECT = Command("inspect", "what a sound or motion file holds, and its faults", _inspect_arguments, _inspect)


def _library_arguments(p: ArgumentParser) -> None:
    what = p.add_subparsers(dest="what", required=True, metavar="list|preview")
    told = what.add_parser("list", help="every phrase, with its style, beats, tempo, energy and tags", allow_abbrev=False)
    told.add_argument("--style", metavar="NAME", help="this style only")
    told.add_argument("--library", metavar="NAME|PATH", help="another library than the built-in one")
    told.add_argument("--json", action="store_true", help="one JSON document on stdout")
    shown = what.add_parser("preview", help="one phrase as a film with clicks, or as a strip", allow_abbrev=False)
    shown.add_argument("phrase", metavar="PHRASE", help="its name, as 'audio2pose library list' tells it")
    shown.add_argument("-o", "--out", required=True, metavar="OUT", help="OUT.mp4: a film; OUT.png: a strip of 16 moments")
    shown.add_argument("--mirror", action="store_true", help="its mirror image")
    shown.add_argument("--bpm", type=float, metavar="N", help="at this tempo (default: its own)")
    shown.add_argument("--library", metavar="NAME|PATH", help="another library than the built-in one")
    shown.add_argument("--fps", type=float, default=60.0, metavar="N", help="pictures a second of the film (default 60)")
    shown.add_argument("--size", metavar="WxH", help="size of the picture (default 1280x720)")
    shown.add_argument("--background", metavar="NAME", help="stage, plain, chroma or black")
    shown.add_argument("--palette", metavar="NAME", help="colours of the stage")
    shown.add_argument("--scene", metavar="NAME", help="what stands around the dancer")


def _library(args: Namespace) -> int:
    from .preview import list_phrases, preview  # noqa: PLC0415 - a command's module must not load its room for --help

    return {"list": list_phrases, "preview": preview}[args.what](args)


LIBRARY = Command("library", "the phrases of a library: list them, look at one", _library_arguments, _library)
