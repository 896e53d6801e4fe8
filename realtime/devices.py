"""The sound inputs of this machine, and which of them a person meant.

Shapes   none; `InputInfo` is one row, latencies in seconds.
Threads  main, or the source's while no stream is open. PortAudio looks for devices once, when it starts: `rescan` starts it
         anew, with every stream closed.
Source   PortAudio through sounddevice; the words that mark a loopback are the names that drivers ship with.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import os
import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from audio2pose.errors import DeviceError
from audio2pose.terminal import emit_json, say

LOOPBACK_WORDS = (
    "monitor", "loopback", "stereo mix", "what u hear", "wave out mix", "blackhole", "soundflower", "vb-cable",
    "vb-audio", "cable output", "voicemeeter", "background music", "ishowu",
)  # fmt: skip
SOUND_SERVERS = ("pulse", "pipewire")
CARD_NUMBER = re.compile(r" ?\(hw:\d+,\d+\)")
"""ALSA counts cards as they are plugged in: the same one comes back with another number."""
PULSE_NOTE = "to hear what this computer plays: PULSE_SOURCE=@DEFAULT_MONITOR@ audio2pose live --device pulse"
NO_INPUT = "no sound input on this machine: plug one in or start the sound server, or use --from-file SONG or --demo"


@dataclass(frozen=True, slots=True)
class InputInfo:
    """One sound input, as the system tells of it."""

    index: int
    name: str
    host_api: str
    channels: int
    default_rate_hz: int
    latency_s: float
    loopback: bool
    default: bool

    @property
    def full_name(self) -> str:
        """What a name part is looked for in."""
        return f"{self.name}, {self.host_api}"


def portaudio() -> Any:
    """The sounddevice module; raises DeviceError where it or the PortAudio library is missing."""
    try:
        with quiet_drivers():
            import sounddevice  # noqa: PLC0415
    except OSError as error:
        raise DeviceError(f"the PortAudio library is missing ({error}): apt-get install libportaudio2") from error
    except ImportError as error:
        raise DeviceError(f"the package sounddevice is missing ({error}): pip install sounddevice") from error
    return sounddevice


@contextlib.contextmanager
def quiet_drivers() -> Iterator[None]:
    """ALSA, JACK and PortAudio write of every device that they try and miss, from C, on stderr: here they don't.

    Their errors still come as exceptions. Meant for the moments of looking and opening; Threads: main, or the source's, whose
    looks may cost another thread's line.
    """
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # started without a stderr: there is nothing to keep clean
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def rescan() -> None:
    """Let PortAudio look for devices again. Every stream must be closed. Raises DeviceError where it does not start."""
    sounddevice = portaudio()
    with quiet_drivers():
        with contextlib.suppress(sounddevice.PortAudioError):  # it did not start the last time
            sounddevice._terminate()
        try:
            sounddevice._initialize()
        except sounddevice.PortAudioError as error:
            what = str(error).replace(": ", ", ")
            raise DeviceError(f"PortAudio does not start ({what}): start the sound server, or reboot") from error


def is_loopback(name: str) -> bool:
    """True for an input that carries what the computer plays, judged by its *name*."""
    if name.lower() == "pulse" and "monitor" in os.environ.get("PULSE_SOURCE", "").lower():
        return True
    return any(word in name.lower() for word in LOOPBACK_WORDS)


def inputs() -> list[InputInfo]:
    """Every input, in the system's order; an empty list where there is none. Raises DeviceError without PortAudio."""
    sounddevice = portaudio()
    devices, apis = sounddevice.query_devices(), sounddevice.query_hostapis()
    default = sounddevice.default.device[0]
    if default is None or default < 0:
        default = next((api["default_input_device"] for api in apis if api["default_input_device"] >= 0), -1)
    return [
        InputInfo(
            index=device["index"],
            name=" ".join(device["name"].split()),
            host_api=apis[device["hostapi"]]["name"],
            channels=device["max_input_channels"],
            default_rate_hz=round(device["default_samplerate"]),
            latency_s=device["default_low_input_latency"],
            loopback=is_loopback(device["name"]),
            default=device["index"] == default,
        )
        for device in devices
        if device["max_input_channels"] > 0
    ]


def find_input(name_or_index: str | int | None = None) -> InputInfo:
    """The input of that index, or whose name has that part (upper and lower case alike); None: the system's own.

    Where a part fits several, an exact name wins, then the system's own input, then the first of the list; where it fits
    none, ALSA's numbers of cards are left out of it and of the names.
    Raises DeviceError that names the nearest input where none fits, or tells that there is none at all.
    """
    found = inputs()
    if not found:
        raise DeviceError(NO_INPUT)
    if name_or_index is None or name_or_index == "":
        return next((i for i in found if i.default), found[0])
    wanted = str(name_or_index).strip()
    if wanted.isdigit():
        for one in found:
            if one.index == int(wanted):
                return one
        known = ", ".join(str(i.index) for i in found)
        raise DeviceError(f"no sound input has the index {wanted}, there is {known}: see 'audio2pose devices'")
    part = wanted.lower()
    fitting = [i for i in found if part in i.full_name.lower()]
    if not fitting and CARD_NUMBER.search(part):
        bare = CARD_NUMBER.sub("", part)
        fitting = [i for i in found if bare in CARD_NUMBER.sub("", i.full_name.lower())]
    if not fitting:
        near = _nearest(part, found)
        raise DeviceError(
            f"no sound input is named like '{wanted}', the nearest is '{near.name}': use --device {near.index}, "
            "or see 'audio2pose devices'"
        )
    return min(fitting, key=lambda i: (part not in (i.name.lower(), i.full_name.lower()), not i.default))


def find_again(names: Sequence[str]) -> InputInfo:
    """The input by the first of *names* that fits one; no names take the system's own. Raises DeviceError of the last."""
    for name in names[:-1]:
        with contextlib.suppress(DeviceError):
            return find_input(name)
    return find_input(names[-1] if names else None)


def _nearest(part: str, found: list[InputInfo]) -> InputInfo:
    """The input with the words most like *part*: whole names are long, and what people type is a word or two."""

    def likeness(one: InputInfo) -> float:
        words, many = one.full_name.lower().split(), len(part.split())
        return max(difflib.SequenceMatcher(None, part, " ".join(words[k : k + many])).ratio() for k in range(len(words)))

    return max(found, key=likeness)


def add_arguments(parser: ArgumentParser) -> None:
    """What `audio2pose devices` takes."""
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: Namespace) -> int:
    """List the inputs; none at all is an answer too (exit code 0)."""
    found = inputs()
    notes = []
    if not found:
        notes.append(NO_INPUT.replace(": ", ". What to do: ", 1))
    if any(i.name.lower() in SOUND_SERVERS for i in found) and not any(i.loopback for i in found):
        notes.append(PULSE_NOTE)
    if args.json:
        emit_json({"schema": 1, "inputs": [as_json(i) for i in found], "notes": notes})
        return 0
    for line in table(found):
        print(line)  # noqa: T201
    for note in notes:
        say(note)
    return 0


def as_json(one: InputInfo) -> dict[str, Any]:
    """*one* with its latency in ms, as the contract's other latencies are."""
    row = dataclasses.asdict(one)
    row["latency_ms"] = round(1000.0 * row.pop("latency_s"), 2)
    return row


def table(found: list[InputInfo]) -> list[str]:
    """A line for each input, under a head; nothing for none."""
    if not found:
        return []
    width = max(len(i.name) for i in found)
    lines = [f"  index  {'name':{width}s}  channels     rate  latency  system"]
    for i in found:
        marks = "  default" * i.default + "  loopback" * i.loopback
        lines.append(
            f"  {i.index:5d}  {i.name:{width}s}  {i.channels:8d}  {i.default_rate_hz:4d} Hz  {1000 * i.latency_s:4.0f} ms"
            f"  {i.host_api}{marks}"
        )
    return lines
