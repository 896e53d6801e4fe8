"""Where live sound comes from, and what time it is: the one place where the show's timeline and its clocks are told.

Stream   second s is the moment at which sample s * sample_rate_hz of what the ring ACCEPTED was in the air. Hop k ends at
         (k + 1) * hop_s. Dropped samples are no stream time, so that hops, poses and this clock never part.
Wall     time.perf_counter(), the only clock that threads compare. `StreamClock` says which stream second is in the air at a
         wall moment. Sources mark it once a block, with the moment at which the block's last sample was heard.
PortAudio has a clock of its own, on Linux the wall clock of the calendar, elsewhere another one: a stamp of it is told
         against its `currentTime` in the same callback, as an age, and never compared with anything else. A file has no such
         stamp: its blocks are due by count.
Ahead    a hop is in the air `latency_s` before it is in the ring, and danced some ms later. The dancer reads the beat clock
         at b(t + lead), lead being what input, engine and the slowest way out need; the engine publishes a run of poses, each
         with the stream second that it is for. A way out with latency L shows, at wall moment w, the pose for stream second
         clock.at(w) + L: what leaves at w is seen L later, when that second is in the air. `--latency-ms` is the screen's L,
         `,latency=` a target's. A film has none: picture n is for stream second n / fps, sound sample n is sample n.
Threads  a source writes ring and clock from one thread; outputs read the clock from theirs.
Source   our own; PortAudio's reference says of PaTime only that it is one clock per host API.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Protocol

import numpy as np

from audio2pose.arrays import F32
from audio2pose.errors import UsageError
from audio2pose.media.decode import SongReader

from .handoff import HopRing
from .spread import Spread

BLOCK_S = 0.006
"""A time and no count of samples: the engine must dance as far ahead of a file at 4 kHz as of one at 48."""
HOLD_S = 0.25
"""Without marks the clock stands still after this: sound that did not come is no stream time."""
BEHIND = 0.25
"""Share of the ring that a song may be late by and still catch up; beyond it, it goes on from where it is."""
ROOM_S = 0.001
HALF_LIFE_S = 1.0
"""Jitter of a device's time stamps is smoothed over this; a crystal's drift (under 1e-4) is followed within 0.2 ms."""
JUMP_S = 0.050
"""A mark this far off is no jitter (a lost device, a dropped block): the clock jumps to it."""


class StreamClock:
    """Which stream second is heard at a wall moment. `speed` is 1 in every show; a source that plays faster sets it."""

    def __init__(self) -> None:
        self.speed = 1.0
        self._anchor: tuple[float, float] | None = None  # (wall_s, stream_s), replaced as one
        self._marked_s = 0.0

    @property
    def running(self) -> bool:
        """Whether any sound came yet. Threads: any."""
        return self._anchor is not None

    def mark(self, wall_s: float, stream_s: float) -> None:
        """Sample *stream_s* was heard at *wall_s*: the end of a block and its own time stamp. Threads: the source's."""
        anchor = self._anchor
        if anchor is None:
            self._anchor = (wall_s, stream_s)
        else:
            expected_s = anchor[1] + (wall_s - anchor[0]) * self.speed
            error_s = stream_s - expected_s
            if abs(error_s) < JUMP_S * self.speed:
                # Weighed by the sound since the last mark, not by the time: late stamps would weigh more than early ones.
                since_s = min(max(stream_s - self._marked_s, 0.0) / self.speed, 1.0)
                expected_s += error_s * (1.0 - 0.5 ** (since_s / HALF_LIFE_S))
            else:
                expected_s = stream_s
            self._anchor = (wall_s, expected_s)
        self._marked_s = stream_s

    def at(self, wall_s: float) -> float:
        """The stream second heard at *wall_s*; -inf before the first sound. Threads: any."""
        anchor = self._anchor
        return -math.inf if anchor is None else anchor[1] + min(wall_s - anchor[0], HOLD_S) * self.speed


class Source(Protocol):
    """What the show starts and stops. The show gives `run` a thread of its own; nothing else makes threads.

    `start` opens what must be open (errors are told before the show begins); sound may flow from then on. `run` is the
    body of the source's thread and returns when *stop* is set or the sound has ended: a file is played in it, a device
    is watched and reopened in it. Per block the source calls `ring.write(block)` and then
    `clock.mark(wall_s, ring.accepted_frames / sample_rate_hz)`, with wall_s when the block's last sample was heard.
    """

    sample_rate_hz: int
    latency_s: float
    """From a sample being heard to its block being in the ring, as far as it is known."""
    callback_ms: Spread
    """Time spent on handing over a block."""
    trouble: str
    """What is wrong at the moment, in words; empty while nothing is."""

    def start(self, ring: HopRing, clock: StreamClock) -> None:
        """Threads: main. Raises DeviceError or SongError."""

    def run(self, stop: Event) -> None:
        """Threads: the source's own."""

    def stop(self) -> None:
        """Let go of device or file; called once, after `run` returned. Threads: main."""

    @property
    def name(self) -> str:
        """What sounds, for people: the song's or the input's name; empty while there is none. Threads: any."""

    @property
    def finished(self) -> bool:
        """No sound will ever come any more. Threads: any."""

    @property
    def counters(self) -> Mapping[str, int]:
        """What went wrong so far, by name; `overflows` and `device_losses` go into the summary. Threads: any."""


class FileSource:
    """A song, from a file or from samples, at the pace at which it would be heard.

    Block k is due at start + end of block k / rate: sleeping too long once delays nothing after it, so the song never
    drifts from the wall clock. What holds it up for longer than the ring could make up for moves the start: a song is
    heard whole. *speed* plays faster than real time.
    """

    def __init__(
        self,
        song: str | Path | F32,
        sample_rate_hz: int | None = None,
        *,
        end_s: float | None = None,
        speed: float = 1.0,
        block_frames: int | None = None,
        name: str = "",
    ) -> None:
        self._reader: SongReader | None = None
        self._blocks: Iterator[F32]
        if isinstance(song, np.ndarray):
            if sample_rate_hz is None:
                raise UsageError("samples without their rate cannot be played: give sample_rate_hz with them")
            self.sample_rate_hz = sample_rate_hz
            n = block_frames or _block_frames(sample_rate_hz)
            samples = song[: None if end_s is None else round(end_s * sample_rate_hz)]
            self.duration_s: float | None = samples.shape[0] / sample_rate_hz
            self._blocks = (samples[i : i + n] for i in range(0, samples.shape[0], n))
        else:
            self._reader = SongReader(song, end_s=end_s)
            self.sample_rate_hz = self._reader.sample_rate_hz
            self.duration_s = self._reader.duration_s
            n = block_frames or _block_frames(self.sample_rate_hz)
            self._blocks = self._reader.blocks(n)
        self.name = name or ("" if isinstance(song, np.ndarray) else Path(song).name)
        self.speed = speed
        self.latency_s = n / self.sample_rate_hz
        self.callback_ms = Spread()
        self.trouble = ""
        self._finished = False
        self._late_blocks = self._stalls = 0

    def start(self, ring: HopRing, clock: StreamClock) -> None:
        """Remember where the sound goes; it flows from `run` on. Threads: main."""
        self._ring, self._clock = ring, clock
        clock.speed = self.speed

    def run(self, stop: Event) -> None:
        """Play until the end or *stop*. Threads: the source's own."""
        ring, clock = self._ring, self._clock
        rate = self.sample_rate_hz * self.speed  # [frames/s] of wall time
        began_s = time.perf_counter()
        played = 0
        for block in self._blocks:
            played += block.shape[0]
            due_s = began_s + played / rate
            while (left_s := due_s - time.perf_counter()) > 0.0:
                if stop.wait(left_s):
                    return
            if left_s < -10.0 * self.latency_s:
                self._late_blocks += 1
                if stop.is_set():
                    return
            stalled = -left_s * rate > BEHIND * ring.capacity_frames
            while ring.capacity_frames - ring.waiting_frames < block.shape[0]:
                stalled = True
                if stop.wait(ROOM_S):
                    return
            t_s = time.perf_counter()
            if stalled:
                self._stalls += 1
                began_s, due_s = began_s + t_s - due_s, t_s
            ring.write(block)
            clock.mark(due_s, ring.accepted_frames / self.sample_rate_hz)
            self.callback_ms.add(1e3 * (time.perf_counter() - t_s))
        self._finished = True

    def stop(self) -> None:
        """Let go of the file. Threads: main, after `run` returned."""
        if self._reader is not None:
            self._reader.close()

    @property
    def finished(self) -> bool:
        """Whether the last sample is in the ring. Threads: any."""
        return self._finished

    @property
    def counters(self) -> Mapping[str, int]:
        """`late_blocks`: pushed more than ten blocks after they were due; `stalls`: the song moved on. Threads: any."""
        return {"late_blocks": self._late_blocks, "stalls": self._stalls, "overflows": 0, "device_losses": 0}


def _block_frames(sample_rate_hz: int) -> int:
    return max(round(BLOCK_S * sample_rate_hz), 1)
