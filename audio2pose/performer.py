"""The ONE thing that live and file modes drive: sound in by hops, poses out.

`Performer` = `Ears` (hop -> HEARD) + `Group` of dancers (HEARD -> POSE), a pure function of an ordered input log: (hop index,
samples), (hop index, command) and (hop index, latency). The same log, settings, library and versions give the same poses
to the last bit, at any block size, live or from a file.

Threads  engine only. `process` never raises on sound.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from audio2pose.arrays import F32, Record
from audio2pose.config import QUANTA_BEATS, Settings, nearest
from audio2pose.errors import UsageError
from audio2pose.group import Group
from audio2pose.match.index import Library
from audio2pose.music.beat import HELP
from audio2pose.music.ears import Ears
from audio2pose.music.hand import FREE, GRID, TEMPO
from audio2pose.music.heard import STATE_NAMES
from audio2pose.timeline import position_in_bar
from audio2pose.wishes import COMMANDS as WISHES

LOCK_NAMES: tuple[str, ...] = ("free", "tempo", "grid")
LEAD = "lead"
COMMANDS: tuple[str, ...] = (*HELP, "gain", "autogain", *WISHES, LEAD)
_CHOICES: dict[str, dict[float, str]] = {
    "lock": {FREE: "free", TEMPO: "tempo", GRID: "grid"},
    "quantize": {float(n): "beats" for n in QUANTA_BEATS},
    **{name: {0.0: "off", 1.0: "on"} for name in ("stylelock", "freeze", "panic", "autogain")},
}
_RANGES = {"tempo": (20.0, 400.0), "gain": (-60.0, 60.0), LEAD: (0.0, 1000.0), "nudge": (-500.0, 500.0)}


def checked(name: str, value: float = 0.0) -> tuple[str, float]:
    """The command as `Performer.command` takes it. Raises UsageError for what is none: the door of every queue."""
    if name not in COMMANDS:
        raise UsageError(f"there is no command '{name}'{nearest(name, COMMANDS)}")
    if not math.isfinite(value):
        raise UsageError(f"the command '{name}' came with {value}, a number was wanted: give one")
    choices = _CHOICES.get(name)
    if choices is not None and value not in choices:
        wanted = ", ".join(f"{number:g} ({what})" for number, what in choices.items())
        raise UsageError(f"there is no {name} {value:g}, wanted was one of {wanted}: choose one")
    low, high = _RANGES.get(name, (-math.inf, math.inf))
    if not low <= value <= high:
        raise UsageError(f"the command '{name}' came with {value:g}, wanted was {low:g} to {high:g}: move it there")
    return name, float(value)


class Listener(Protocol):
    """What hears for the performer: `Ears`, or a log that remembers what ears once heard and is past all help."""

    def reset(self) -> None: ...
    def warm_up(self) -> None: ...
    def help(self, name: str, value: float) -> None: ...
    def process(self, hop: F32) -> Record: ...
    @property
    def gain_by_hand_db(self) -> float | None: ...


class Performer:
    """Hop in, poses out; `events` tells what happened in the hop, `poses` (D,) holds those of all dancers."""

    def __init__(self, settings: Settings, library: Library, sample_rate_hz: int, ears: Listener | None = None) -> None:
        self.hop_s = settings.hear.hop_s
        self.ears = ears or Ears(settings.hear, settings.beat, settings.clock, sample_rate_hz)
        self.group = Group(settings.group, settings.match, settings.dance, library, self.hop_s)
        self.heard: Record | None = None
        self.events: list[dict[str, Any]] = []
        self._commanded: list[dict[str, Any]] = []
        self.reset()

    def reset(self) -> None:
        """Forget the sound, the dance and all help."""
        self.ears.reset()
        self.group.reset()
        self.events.clear()
        self._commanded.clear()
        self._state = -1
        self.lock = FREE

    def warm_up(self) -> None:
        """Compile every kernel, then forget what was run: call before the stream opens."""
        self.ears.warm_up()
        # These three reach every kernel behind HELP.
        for name, value in (("tempo", 60.0), ("tap", 0.0), ("resync", 0.0)):
            self.ears.help(name, value)
        self.group.warm_up()
        self.reset()

    def set_latency(self, latency_s: float) -> None:
        """From the next hop on, poses are for *latency_s* after the hop's end."""
        self.group.set_latency(latency_s)

    def command(self, name: str, value: float = 0.0) -> None:
        """What the player knows better or wishes, one of COMMANDS, between two hops: the next hop has it, and tells it.

        `lock` is FREE, TEMPO or GRID, as last commanded; LEAD is `set_latency` in milliseconds.
        Raises UsageError as `checked` does, then nothing has changed.
        """
        name, value = checked(name, value)
        if name == LEAD:
            self.set_latency(value / 1e3)
        elif name in WISHES:
            self.group.command(name, value)
        else:
            self.ears.help(name, value)
        if name == "lock":
            self.lock = int(value)
        self._commanded.append({"event": "command", "command": name, "value": value})

    def process(self, hop: F32) -> Record:
        """Dancer 1's POSE after one *hop* of mono sound; it, `poses` and `heard` are overwritten at the next call."""
        self.heard = heard = self.ears.process(hop)
        poses = self.group.process(heard)
        self._tell(heard)
        return poses[0]  # type: ignore[no-any-return]

    @property
    def holds(self) -> dict[str, float]:
        """What the player has set, by the name of its command; a wish that waits counts already."""
        wishes, style, gain_db = self.group.wishes, float(self.group.wishes.style), self.ears.gain_by_hand_db
        return {
            "lock": float(self.lock), "style": style, "stylelock": float(style >= 0.0), "freeze": float(wishes.frozen),
            "panic": float(wishes.panicked), "quantize": float(wishes.quantum_beats), "autogain": float(gain_db is None),
            "gain": gain_db or 0.0,
        }  # fmt: skip

    @property
    def poses(self) -> Any:
        """(D,) POSE, of the last hop."""
        return self.group.poses

    def _tell(self, heard: Record) -> None:
        self.events.clear()
        t = round((int(heard["hop"]) + 1) * self.hop_s, 3)
        self.events.extend({"t": t, **event} for event in self._commanded)
        self._commanded.clear()
        state = int(heard["state"])
        if state != self._state:
            self._state = state
            self.events.append({"t": t, "event": "state", "state": STATE_NAMES[state]})
        if heard["committed"]:
            self.events.append(
                {
                    "t": t,
                    "event": "beat",
                    "time_s": round(float(heard["committed_s"]), 4),
                    "position": int(heard["position"]),
                    "tempo_bpm": round(float(heard["tempo_bpm"]), 2),
                    "confidence": round(float(heard["confidence"]), 3),
                }
            )
        for event in self.group.events:
            start = round(event["music_beat"])
            event["position"] = position_in_bar(start, origin=int(heard["bar_origin"]), meter=int(heard["meter"]))
            self.events.append({"t": t, **event})
