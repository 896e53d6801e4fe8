"""The command inspect: its flags. What it does stands in look.py and is imported when it runs."""

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
