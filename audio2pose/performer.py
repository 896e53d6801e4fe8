"""The ONE thing that live and file modes drive: sound in by hops, poses out.

`Performer` = `Ears` (hop -> HEARD) + `Dancer` (HEARD -> POSE), a pure function of an ordered input log: (hop index,
samples) and (hop index, latency). The same log, settings, library and versions give the same poses to the last bit, at
any block size, live or from a file.

Threads  engine only. `process` never raises on sound.
"""

from __future__ import annotations

from typing import Any, Protocol

from audio2pose.arrays import F32, Record
from audio2pose.config import Settings
from audio2pose.dancer import Dancer
from audio2pose.match.index import Library
from audio2pose.music.ears import Ears
from audio2pose.music.heard import STATE_NAMES
from audio2pose.timeline import position_in_bar


class Listener(Protocol):
    """What hears for the performer: `Ears`, or a log that remembers what ears once heard."""

    def reset(self) -> None: ...
    def warm_up(self) -> None: ...
    def process(self, hop: F32) -> Record: ...


class Performer:
    """Hop in, pose out; `events` tells what happened in the hop."""

    def __init__(self, settings: Settings, library: Library, sample_rate_hz: int, ears: Listener | None = None) -> None:
        self.hop_s = settings.hear.hop_s
        self.ears = ears or Ears(settings.hear, settings.beat, settings.clock, sample_rate_hz)
        self.dancer = Dancer(settings.match, settings.dance, library, self.hop_s)
        self.heard: Record | None = None
        self.events: list[dict[str, Any]] = []
        self._state = -1
        self.reset()

    def reset(self) -> None:
        """Forget the sound and the dance."""
        self.ears.reset()
        self.dancer.reset()
        self.events.clear()
        self._state = -1

    def warm_up(self) -> None:
        """Compile every kernel, then forget what was run: call before the stream opens."""
        self.ears.warm_up()
        self.dancer.warm_up()
        self.reset()

    def set_latency(self, latency_s: float) -> None:
        """From the next hop on, poses are for *latency_s* after the hop's end."""
        self.dancer.set_latency(latency_s)

    def process(self, hop: F32) -> Record:
        """The POSE after one *hop* of mono sound; it and `heard` are overwritten at the next call."""
        self.heard = heard = self.ears.process(hop)
        pose = self.dancer.process(heard)
        self._tell(heard)
        return pose

    def _tell(self, heard: Record) -> None:
        self.events.clear()
        t = round((int(heard["hop"]) + 1) * self.hop_s, 3)
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
