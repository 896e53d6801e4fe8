"""The commands of this leaf: live, devices, doctor. Nothing heavy is imported before `run`.

Threads  main.
"""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from audio2pose.command import Command
from audio2pose.errors import UsageError
from audio2pose.flags import overrides
from audio2pose.terminal import emit_json, say

from .keys import KEYS

if TYPE_CHECKING:
    from audio2pose.config import Settings

    from .logreader import LogReader
    from .sources import Source

FILMS, POSES = (".mp4",), (".npz", ".bvh")
EXIT_INTERRUPTED = 130


def add_live_arguments(parser: ArgumentParser) -> None:
    """Flags of `live`."""
    sound = parser.add_argument_group("sound (default: the system's input)").add_mutually_exclusive_group()
    sound.add_argument("--demo", action="store_true", help="dance to the built-in song")
    sound.add_argument("--from-file", metavar="SONG", help="dance to a file at its own pace")
    sound.add_argument("--replay", metavar="LOG", help="dance a night again from its --log, without its sound")
    sound.add_argument("--device", metavar="NAME-PART|INDEX", help="a sound input; 'audio2pose devices' lists them")
    more = parser.add_argument_group("sound input")
    more.add_argument("--channels", metavar="1,2", help="which of its channels to hear")
    more.add_argument("--gain", type=float, metavar="DB", help="added to the sound; by default found from it")
    more.add_argument("--require-device", action="store_true", help="exit 3 where there is no input, rather than wait")
    dance = parser.add_argument_group("dance")
    dance.add_argument("--library", metavar="PATH", help="a motion library; the built-in one by default")
    dance.add_argument("--style", metavar="NAME", help="only this style")
    dance.add_argument("--bpm-range", metavar="55:215", help="tempos to listen for")
    dance.add_argument("--dancers", type=int, metavar="N", help="how many, up to 8")
    dance.add_argument("--formation", metavar="HOW", help="unison, mirror, canon or own")
    dance.add_argument("--seed", type=int, metavar="N", help="which dance of many")
    dance.add_argument("--preset", metavar="NAME|FILE", help="settings from a preset")
    out = parser.add_argument_group("out")
    out.add_argument("--send", action="append", default=[], metavar="native@HOST:PORT[,rate=60][,axes=unity][,latency=MS]",
                     help="OSC to a receiver; again for more")  # fmt: skip
    out.add_argument(
        "--control", metavar="HOST:PORT[,echo=HOST:PORT]", help="orders by OSC; 127.0.0.1 where only a port is given"
    )
    out.add_argument("--record", action="append", default=[], metavar="OUT.mp4|.npz|.bvh", help="into a file; again for more")
    out.add_argument("--log", metavar="FILE", help="what was heard and ordered, to dance the same night again")
    out.add_argument("--events", metavar="FILE|-", help="what happens, one JSON document a line")
    out.add_argument("--json", action="store_true", help="the summary as JSON on stdout")
    out.add_argument("--duration", type=float, metavar="S", help="end after S seconds of sound")
    keys = " · ".join(f"{key.shown}: {key.does}" for key in KEYS if not key.does.startswith("..."))
    window = parser.add_argument_group("window", f"keys: {keys}")
    window.add_argument("--no-window", action="store_true", help="draw into memory only, 5 pictures a second unless filmed")
    window.add_argument("--fps", type=float, metavar="N", help="pictures a second without a window")
    window.add_argument("--screen", type=int, metavar="N", help="on which screen, from 0")
    window.add_argument("--fullscreen", action="store_true")
    window.add_argument("--size", metavar="WxH", help="of the window and the film, 1280x720 by default")
    window.add_argument("--title", default="audio2pose", metavar="T")
    window.add_argument("--palette", metavar="NAME", help="colours")
    window.add_argument("--scene", metavar="NAME", help="what stands around the dancers")
    window.add_argument("--background", metavar="WHAT", help="stage, plain, chroma, black or transparent")
    window.add_argument("--no-hud", action="store_true", help="no figures over the picture")
    window.add_argument("--calibrate", action="store_true", help="find --latency-ms by tapping to clicks and flashes")
    window.add_argument("--latency-ms", type=float, metavar="MS", help="what the screen costs (default 30); see --calibrate")


def run_live(args: Namespace) -> int:
    """The show, from flags to the summary."""
    asked = overrides(args)
    records = tuple(_record(text) for text in args.record)
    if args.duration is not None and not 0.0 < args.duration < math.inf:
        raise UsageError(f"--duration is {args.duration:g}, must be above 0 seconds: leave it away to go on for ever")
    if args.fps is not None and not 1.0 <= args.fps <= 240.0:
        raise UsageError(f"--fps is {args.fps:g}, must be 1 to 240: choose a number within, or leave it away")

    from audio2pose.match.find import library  # noqa: PLC0415
    from audio2pose.presets import settings  # noqa: PLC0415

    from .broadcast import parse_target  # noqa: PLC0415
    from .control import parse_control  # noqa: PLC0415
    from .options import Options  # noqa: PLC0415
    from .report import f_measure, for_people  # noqa: PLC0415
    from .show import Show  # noqa: PLC0415

    if args.log is not None and Path(args.log).is_file() and Path(args.log).stat().st_size:
        raise UsageError(f"{args.log} holds another night, which is not overwritten: give --log another name")
    targets = tuple(parse_target(text) for text in args.send)
    control, echo = parse_control(args.control) if args.control else (None, ())
    chosen = settings(args.preset, asked)
    if args.formation is not None and chosen.group.dancers == 1:
        say(f"--formation {args.formation} is for several: give --dancers N")
    if args.calibrate:
        from .calibrate import run  # noqa: PLC0415

        return run(chosen.stage, title=args.title, screen=args.screen, fullscreen=args.fullscreen)
    options = Options(
        targets=targets,
        control=control,
        echo=echo,
        window=not args.no_window,
        screen=args.screen,
        fullscreen=args.fullscreen,
        title=args.title,
        fps=args.fps,
        duration_s=args.duration if args.duration is not None else math.inf,
        records=records,
        events=args.events,
        log=None if args.log is None else Path(args.log),
    )
    reader = None
    if args.replay is not None:
        from .logreader import LogReader  # noqa: PLC0415

        reader = LogReader(args.replay)
        for note in reader.notes:
            say(note)
        chosen = _as_then(reader.settings, chosen)
    source, known_s = _source(args, reader)
    options = replace(options, replay=reader)
    show = Show(chosen, library(args.library), source, replace(options, keep_beats=bool(known_s)))
    summary = show.run()
    if args.json and args.events != "-":
        emit_json(summary)
    elif not args.json:
        known_s = [t for t in known_s if t <= summary["seconds"]]
        f = f_measure(show.beat_times_s, known_s) if known_s else None
        poses = [str(p) for p in records if p.suffix.lower() in POSES and show.failure is None]
        for line in for_people(summary, f=f, files=[*poses, *show.written]):
            say(line)
    if show.failure is not None:
        raise show.failure
    return EXIT_INTERRUPTED if show.interrupted else 0


def _record(text: str) -> Path:
    path = Path(text)
    if path.suffix.lower() not in FILMS + POSES:
        raise UsageError(f"--record {text}, only {', '.join(FILMS + POSES)} can be recorded: change its suffix")
    if not path.parent.is_dir():
        from audio2pose.errors import OutputError  # noqa: PLC0415

        raise OutputError(f"there is no folder {path.parent} to record {path.name} into: make it, or give another one")
    return path


def _as_then(then: Settings, now: Settings) -> Settings:
    """The settings of a night that is danced again: all that the dance hangs on is as it was, the picture is today's."""
    return replace(then, stage=now.stage)


def _source(args: Namespace, reader: LogReader | None) -> tuple[Source, list[float]]:
    """The source of sound, and the beats of it that are known."""
    if reader is not None:
        from .replay import ReplaySource  # noqa: PLC0415

        return ReplaySource(reader, end_s=args.duration), []
    from .sources import FileSource  # noqa: PLC0415

    if args.demo:
        from audio2pose.media.demo_song import demo_song  # noqa: PLC0415

        song = demo_song()
        return FileSource(
            song.samples, song.sample_rate_hz, end_s=args.duration, name="the built-in song"
        ), song.beat_times_s.tolist()
    if args.from_file is not None:
        return FileSource(args.from_file, end_s=args.duration), []
    from .capture import DeviceSource, channel_numbers  # noqa: PLC0415

    channels = channel_numbers(args.channels) if args.channels else None
    return DeviceSource(args.device, channels=channels, required=args.require_device), []


def _add_devices(parser: ArgumentParser) -> None:
    from .devices import add_arguments  # noqa: PLC0415

    add_arguments(parser)


def _run_devices(args: Namespace) -> int:
    from .devices import run  # noqa: PLC0415

    return run(args)


def _add_doctor(parser: ArgumentParser) -> None:
    from .doctor import add_arguments  # noqa: PLC0415

    add_arguments(parser)


def _run_doctor(args: Namespace) -> int:
    from .doctor import run  # noqa: PLC0415

    return run(args)


LIVE = Command("live", "dance live to a microphone, line-in, or a file at its own pace", add_live_arguments, run_live)
DEVICES = Command("devices", "sound inputs, loopback ones marked", _add_devices, _run_devices)
DOCTOR = Command("doctor", "what works on this machine and what to install", _add_doctor, _run_doctor)
