"""The ONE thing that live and file modes drive: sound in by hops, poses out.

`Performer` = `Ears` (hop -> HEARD) + `Dancer` (HEARD -> POSE), a pure function of an ordered input log: (hop index,
samples), (hop index, command) and (hop index, latency). The same log, settings, library and versions give the same poses
to the last bit, at any block size, live or from a file.

Threads  engine only. `process` never raises on sound.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

from audio2pose.arrays import F32, Record
from audio2pose.config import Settings, nearest
from audio2pose.dancer import Dancer
from audio2pose.errors import UsageError
from audio2pose.match.index import Library
from audio2pose.music.beat import HELP
from audio2pose.music.ears import Ears
from audio2pose.music.hand import FREE, GRID, TEMPO
from audio2pose.music.heard import STATE_NAMES
from audio2pose.timeline import position_in_bar

LOCK_NAMES: tuple[str, ...] = ("free", "tempo", "grid")


def checked(name: str, value: float = 0.0) -> tuple[str, float]:
    """The command as `Performer.command` takes it. Raises UsageError for what is none: the door of every queue."""
    if name not in HELP:
        raise UsageError(f"there is no command '{name}'{nearest(name, HELP)}")
    if not math.isfinite(value):
        raise UsageError(f"the command '{name}' came with {value}, a number was wanted: give one")
    if name == "lock" and value not in (FREE, TEMPO, GRID):
        raise UsageError(f"there is no lock {value:g}, wanted was {FREE} (free), {TEMPO} (tempo) or {GRID} (grid): choose one")
    return name, float(value)


class Listener(Protocol):
    """What hears for the performer: `Ears`, or a log that remembers what ears once heard and is past all help."""

    def reset(self) -> None: ...
    def warm_up(self) -> None: ...
    def help(self, name: str, value: float) -> None: ...
    def process(self, hop: F32) -> Record: ...


class Performer:
    """Hop in, pose out; `events` tells what happened in the hop."""

    def __init__(self, settings: Settings, library: Library, sample_rate_hz: int, ears: Listener | None = None) -> None:
        self.hop_s = settings.hear.hop_s
        self.ears = ears or Ears(settings.hear, settings.beat, settings.clock, sample_rate_hz)
        self.dancer = Dancer(settings.match, settings.dance, library, self.hop_s)
        self.heard: Record | None = None
        self.events: list[dict[str, Any]] = []
        self._commanded: list[dict[str, Any]] = []
        self.reset()

    def reset(self) -> None:
        """Forget the sound, the dance and all help."""
        self.ears.reset()
        self.dancer.reset()
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
        self.dancer.warm_up()
        self.reset()

    def set_latency(self, latency_s: float) -> None:
        """From the next hop on, poses are for *latency_s* after the hop's end."""
        self.dancer.set_latency(latency_s)

    def command(self, name: str, value: float = 0.0) -> None:
        """What the player knows better, one of HELP, between two hops: the next hop is heard with it, and tells it.

        `lock` is FREE, TEMPO or GRID, as last commanded. Raises UsageError as `checked` does, then nothing has changed.
        """
        name, value = checked(name, value)
        self.ears.help(name, value)
        if name == "lock":
            self.lock = int(value)
        self._commanded.append({"event": "command", "command": name, "value": value})

    def process(self, hop: F32) -> Record:
        """The POSE after one *hop* of mono sound; it and `heard` are overwritten at the next call."""
        self.heard = heard = self.ears.process(hop)
        pose = self.dancer.process(heard)
        self._tell(heard)
        return pose

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
        for event in self.dancer.events:
            start = round(event["music_beat"])
            event["position"] = position_in_bar(start, origin=int(heard["bar_origin"]), meter=int(heard["meter"]))
            self.events.append({"t": t, **event})
