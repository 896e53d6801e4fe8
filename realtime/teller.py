"""What a running show tells: events as they come, status and trouble once a second, the summary at its end.

Shapes   documents of the outward contract, one JSON object a line.
Threads  main. Everything told was counted where it happened; nothing here is waited for by another thread.
Source   our own.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import stat
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from audio2pose.errors import OutputError
from audio2pose.media.atomic import output_error
from audio2pose.music.heard import STATE_NAMES
from audio2pose.performer import LOCK_NAMES
from audio2pose.terminal import say

from .broadcast import Broadcaster
from .control import Control
from .desk import Desk
from .engine import Engine, Tap
from .films import Films
from .handoff import HopRing, Latest
from .log import LogQueue, LogWriter
from .report import rss_mib
from .screen import Screen
from .sources import Source
from .spread import Spread

UNSAID = ("late_hops", "late_frames", "late_blocks", "silent_blocks")
"""Trouble that goes into the events alone: one is no reason to look away from the dancer."""
HINTS = {
    "pictures_not_recorded": ": too slow for this film, give a smaller --size",
    "overflows": ": the sound card was not read in time, end what else works hard",
}
STATUS = (
    "beats",
    "segments",
    "frames",
    "fps",
    "hop_ms",
    "lateness_ms",
    "frame_ms",
    "frame_interval_ms",
    "dropped_hops",
    "packets",
    "rss_mib",
)


class Events:
    """Where `--events` go: a file, or stdout for "-". What the file held stays until `begin`. Raises OutputError.

    Threads: main.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._new = where != "-" and not os.path.lexists(where)
        self._begun = False
        try:
            self._file: TextIO = sys.stdout if where == "-" else open(where, "a", encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            raise output_error(where, error) from error

    def begin(self) -> None:
        """The show begins: what an older show wrote is gone now."""
        self._begun = True
        if self._where != "-" and stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.truncate(0)

    def write(self, event: Mapping[str, Any]) -> None:
        """One line. Raises OutputError; BrokenPipeError where nobody listens any more: the command ends quietly."""
        try:
            self._file.write(json.dumps(event, allow_nan=False) + "\n")
            self._file.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise output_error(self._where, error) from error

    def close(self) -> None:
        """Let go; of a show that never began nothing is left."""
        if self._where == "-":
            return
        with contextlib.suppress(OSError):  # a full disk was told when it was written to
            self._file.close()
        if self._new and not self._begun:
            with contextlib.suppress(OSError):
                os.unlink(self._where)


class Teller:
    """Reads every part's counters. `segments` keeps the events of that name for as long as *tap* keeps poses."""

    def __init__(
        self, *, source: Source, ring: HopRing, engine: Engine, watch: Latest, hop_s: float, events: Events | None,
        screen: Screen | None, broadcaster: Broadcaster, films: Films, tap: Tap | None, desk: Desk, control: Control | None,
        log: LogQueue | None, logger: LogWriter | None,
    ) -> None:  # fmt: skip
        self._source, self._ring, self._engine, self._watch = source, ring, engine, watch
        self._hop_s, self._events, self._desk, self._control = hop_s, events, desk, control
        self._log, self._logger = log, logger
        self._screen, self._broadcaster, self._films, self._tap = screen, broadcaster, films, tap
        self._told: dict[str, int] = {}
        self._said: dict[str, int] = {}  # for eyes, each time twice as many: a stream of lines hides the next trouble
        self._words = ""
        self._began_s = self._told_s = time.perf_counter()
        self._ended_s = math.inf
        self.latency_s = self.ahead_s = 0.0
        self.segments: list[dict[str, Any]] = []
        self.failure: OutputError | None = None
        self.unheard: BrokenPipeError | None = None
        """Nobody reads the events any more: the show ends, and the command quietly."""

    def begin(self) -> None:
        """The sound begins now."""
        if self._events is not None:
            self._events.begin()
        self._began_s = self._told_s = time.perf_counter()

    def process(self) -> None:
        """Pass on what the engine told since; once a second, tell status and trouble."""
        self._drain()
        if time.perf_counter() - self._told_s >= 1.0:
            # After a sleep of the computer there is nothing to make up for.
            self._told_s = max(self._told_s + 1.0, time.perf_counter() - 1.0)
            self._tell()

    def stop_drawing(self) -> None:
        """The last frame was drawn: the frame rate is up to now."""
        self._ended_s = time.perf_counter()

    def end(self) -> dict[str, Any]:
        """Tell the rest and the summary, which is returned."""
        self._drain()
        self._tell_trouble()
        summary = self.summary()
        self._put({"t": summary["seconds"], "event": "summary", **summary})
        self.close()
        return summary

    def close(self) -> None:
        """Let go of the events; called more than once without harm."""
        if self._events is not None:
            self._events.close()
            self._events = None

    def _drain(self) -> None:
        events = self._engine.events
        while events:
            event = events.popleft()
            if self._tap is not None and event["event"] == "segment" and event["t"] <= self._tap.capacity_poses * self._hop_s:
                self.segments.append(event)
            if event["event"] == "command":
                self._desk.note(event)
                if event["command"] == "lock":
                    # It holds until it is taken back, and there may be no picture that shows it.
                    say(f"lock: {LOCK_NAMES[int(event['value'])]}")
            self._put(event)

    def _put(self, event: Mapping[str, Any]) -> None:
        if self._events is None:
            return
        try:
            self._events.write(event)
        except BrokenPipeError as error:
            self.unheard = error
            self.close()
        except OutputError as error:
            self.failure = error
            self.close()

    def _tell(self) -> None:
        self._tell_trouble()
        moment = self._watch.read()
        if moment is None:
            return
        heard, told = moment["heard"], self.summary()
        self._put({
            "t": round(self._engine.hops * self._hop_s, 3), "event": "status", "state": STATE_NAMES[int(heard["state"])],
            "tempo_bpm": round(float(heard["tempo_bpm"]), 2), "confidence": round(float(heard["confidence"]), 3),
            "level_db": round(float(heard["level_db"] - heard["gain_db"]), 1), "gain_db": round(float(heard["gain_db"]), 1),
            **{key: told[key] for key in STATUS},
        })  # fmt: skip

    def _tell_trouble(self) -> None:
        t = round(self._engine.hops * self._hop_s, 3)
        words = self._source.trouble
        if words != self._words:
            self._words = words
            say(f"trouble: {words}" if words else "the sound is back")
        for what, count in self._counters().items():
            if count > self._told.get(what, 0):
                self._put({"t": t, "event": "trouble", "what": what, "count": count})
                # What the source tells in a sentence was said in it.
                said = what in UNSAID or (words != "" and what in self._source.counters)
                if not said and count >= 2 * self._said.get(what, 0):
                    self._said[what] = count
                    say(f"trouble: {what.replace('_', ' ')}, {count} so far{self._hint(what)}")
                self._told[what] = count

    def _hint(self, what: str) -> str:
        """Why, where one can know, or what to do."""
        if what == "orders_refused" and self._control is not None and self._control.last_refused:
            return f", {self._control.last_refused}"
        return HINTS.get(what, "")

    def _counters(self) -> dict[str, int]:
        """Everything that goes wrong without ending a show, so far."""
        counts = dict(self._source.counters)
        counts["dropped_hops"] = self._dropped_hops()
        counts["late_hops"] = self._engine.late_hops
        counts["lost_events"] = self._engine.lost_events
        counts["dropped_commands"] = self._engine.dropped_commands
        counts["send_errors"] = self._broadcaster.errors
        counts["orders_refused"] = self._desk.refused
        if self._control is not None:
            counts["malformed_packets"] = self._control.malformed
            counts["orders_refused"] += self._control.refused
            counts["dropped_commands"] += self._control.dropped
            counts["echo_errors"] = self._control.echo_errors
        if self._screen is not None:
            counts["late_frames"] = self._screen.late_frames
        counts["pictures_not_recorded"] = self._films.skipped
        counts["sound_not_recorded"] = self._films.sound_lost
        counts["recording_failed"] = len(self._films.failures)
        if self._tap is not None:
            counts["poses_not_recorded"] = self._tap.missed
        if self._log is not None:
            counts["hops_not_logged"] = self._log.dropped_hops
            counts["commands_not_logged"] = self._log.dropped_commands
            counts["log_failed"] = int(self._logger is not None and self._logger.failure is not None)
        counts["events_not_written"] = int(self.failure is not None)
        return counts

    def _dropped_hops(self) -> int:
        return math.ceil(self._ring.dropped_frames / (self._hop_s * self._source.sample_rate_hz))

    def summary(self) -> dict[str, Any]:
        """The summary of the outward contract, as it stands now."""
        engine, screen = self._engine, self._screen
        frames = screen.frames if screen is not None else 0
        drawn_s = min(time.perf_counter(), self._ended_s) - self._began_s
        counters = self._source.counters
        return {
            "schema": 1,
            "seconds": round(engine.hops * self._hop_s, 3),
            "beats": engine.beats,
            "tempo_bpm": round(engine.tempo_bpm, 2),
            "first_lock_s": engine.first_lock_s,
            "segments": engine.segments,
            "frames": frames,
            "fps": round(frames / drawn_s, 2) if drawn_s > 0.0 else 0.0,
            "hop_ms": engine.hop_ms.told(),
            "lateness_ms": engine.lateness_ms.told(),
            "frame_ms": (screen.frame_ms if screen is not None else Spread()).told(),
            "frame_interval_ms": (screen.interval_ms if screen is not None else Spread()).told(),
            "callback_ms": self._source.callback_ms.told(),
            "latency_ms": {
                "input": round(1e3 * self._source.latency_s, 2),
                "output": round(1e3 * self.latency_s, 2),
                "ahead": round(1e3 * self.ahead_s, 6),
            },
            "dropped_hops": self._dropped_hops(),
            "overflows": counters.get("overflows", 0),
            "device_losses": counters.get("device_losses", 0),
            "packets": self._broadcaster.packets,
            "rss_mib": rss_mib(),
        }
