"""A night danced again from its log: ears that remember, a script of what was commanded, a source that keeps the pace.

Threads  ReplayEars and Script: engine. ReplaySource: as every source.
Source   our own. A performer with ReplayEars, told before each hop what Script says, dances the night pose for pose.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from audio2pose.arrays import F32, Record
from audio2pose.errors import UsageError
from audio2pose.music.heard import HEARD
from audio2pose.music.hops import hop_end_frame
from audio2pose.performer import LEAD, checked

from .log import LATENCY
from .logreader import MAX_LATENCY_S, LogReader
from .sources import FileSource


class ReplayEars:
    """A `Listener` that hears what was once heard, whatever sounds.

    A hop that the log does not hold is stood in for by the one before, with the beat counted on: the night stays in time.
    """

    def __init__(self, reader: LogReader) -> None:
        self._reader, self._hop_s = reader, reader.settings.hear.hop_s
        self._heards = np.zeros(1, HEARD)
        self.reset()

    def reset(self) -> None:
        """Back to the first hop. Threads: engine."""
        self._chunks = self._reader.rows()
        self._rows, self._k = np.zeros(0, HEARD), 0
        self._heards[:] = 0
        self._heards["committed_s"] = math.nan
        self._hop = 0
        self.stood_in = 0

    def warm_up(self) -> None:
        """Nothing is compiled here. Threads: engine."""

    gain_by_hand_db = None
    """Whatever it was: the level is no matter any more."""

    def help(self, name: str, value: float) -> None:
        """It is past all help: what was heard was heard with it. Threads: engine."""

    def process(self, hop: F32) -> Record:
        """What was heard in the next hop; valid until the next call. Never raises. Threads: engine."""
        while self._k == self._rows.shape[0] and self._chunks is not None:
            rows = next(self._chunks, None)
            if rows is None:
                break
            self._rows, self._k = rows, 0
        heard: Record = self._heards[0]
        if self._k < self._rows.shape[0] and self._rows["hop"][self._k] == self._hop:
            self._heards[0] = self._rows[self._k]
            self._k += 1
        else:
            heard["hop"] = self._hop
            heard["beat"] += heard["rate_hz"] * self._hop_s
            heard["committed"], heard["committed_s"], heard["position"] = 0, math.nan, 0
            self.stood_in += 1
        self._hop += 1
        return heard


class Script:
    """What was commanded, hop by hop; `refused` counts what *accepts* raised UsageError for."""

    def __init__(self, reader: LogReader, accepts: Callable[[str, float], object] = checked) -> None:
        self._reader, self._accepts = reader, accepts
        self.reset()

    def reset(self) -> None:
        """Back to the first hop. Threads: engine."""
        self._commands = self._reader.commands()
        self._next = next(self._commands, None)
        self.refused = 0

    def due(self, hop: int) -> list[tuple[str, float]]:
        """What takes effect before *hop*, in order. The name LATENCY means `Performer.set_latency`. Threads: engine."""
        due: list[tuple[str, float]] = []
        while self._next is not None and self._next[0] <= hop:
            _, name, value = self._next
            self._next = next(self._commands, None)
            if self._taken(name, value):
                due.append((name, value))
        return due

    def _taken(self, name: str, value: float) -> bool:
        try:
            if name != LATENCY:
                self._accepts(name, value)
            elif not 0.0 <= value <= MAX_LATENCY_S:
                raise UsageError(f"a lead of {value:g} s, 0 to {MAX_LATENCY_S:g} was wanted: give another log")
        except UsageError:
            self.refused += 1
            return False
        return True


class ReplaySource(FileSource):
    """Silence for as long as the night lasted, at its pace or *speed* times that."""

    def __init__(self, reader: LogReader, *, speed: float = 1.0, end_s: float | None = None) -> None:
        frames = hop_end_frame(reader.hops - 1, reader.sample_rate_hz, reader.settings.hear.hop_s)
        # One zero that is seen as many: a night of silence takes no memory.
        silence: F32 = np.broadcast_to(np.zeros(1, np.float32), (frames,))
        super().__init__(silence, reader.sample_rate_hz, speed=speed, end_s=end_s, name=reader.path.name)


def leads_s(reader: LogReader) -> list[float]:
    """How far ahead the night was danced: at its start, then after every change."""
    found = [reader.latency_s]
    for hop, name, value in reader.commands():
        lead_s = {LATENCY: value, LEAD: value / 1e3}.get(name)
        if lead_s is not None and 0.0 <= lead_s <= MAX_LATENCY_S:
            found = [lead_s] if hop == 0 and len(found) == 1 else [*found, lead_s]
    return found
