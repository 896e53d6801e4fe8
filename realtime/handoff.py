"""Hand-overs between threads without a lock: sound and commands queue and are counted when lost, poses overwrite.

Shapes   HopRing: (N,) mono float32 blocks of any length in, the same samples out. Commands: (name, value) in order.
         Latest: one record of a structured dtype.
Threads  one writer and one reader each; the docstrings say which method belongs to whom.
Source   the ring buffer and util/TripleBuffer.hpp of Ableton/link, on attribute stores, which CPython makes atomic and
         orders for every thread.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from audio2pose.arrays import F32, Record
from audio2pose.performer import checked

MAX_COMMANDS = 64
"""More than hands do in seconds. Without sound no hop takes them away."""


class HopRing:
    """A queue of samples. What does not fit is dropped and counted in `dropped_frames`, never waited for.

    `accepted_frames` is the stream's own time: a sample that was dropped was never heard.
    """

    def __init__(self, capacity_frames: int) -> None:
        self._samples: F32 = np.zeros(capacity_frames, np.float32)
        self.capacity_frames = self._capacity = capacity_frames
        self._read_frames = 0
        self.accepted_frames = 0
        self.dropped_frames = 0

    @property
    def waiting_frames(self) -> int:
        """Samples not yet read. Threads: any."""
        return self.accepted_frames - self._read_frames

    def write(self, block: F32) -> int:
        """Queue what fits of *block* (N,); how many samples that was. Threads: writer; copies and counts, nothing else."""
        wanted = block.shape[0]
        at = self.accepted_frames
        n = min(wanted, self._capacity - (at - self._read_frames))
        start = at % self._capacity
        first = min(n, self._capacity - start)
        self._samples[start : start + first] = block[:first]
        self._samples[: n - first] = block[first:n]
        # Only now does the reader see them: the samples are in place before the count moves.
        self.accepted_frames = at + n
        if n < wanted:
            self.dropped_frames += wanted - n
        return n

    def read(self, out: F32) -> int:
        """Move up to *out* (N,) waiting samples into it; how many came. Threads: reader."""
        at = self._read_frames
        n = min(out.shape[0], self.accepted_frames - at)
        start = at % self._capacity
        first = min(n, self._capacity - start)
        out[:first] = self._samples[start : start + first]
        out[first:n] = self._samples[: n - first]
        self._read_frames = at + n
        return n


class Echo(HopRing):
    """A HopRing for a reader that must keep the time of what it reads: it is told where sound is missing, and how much.

    Once something did not fit, nothing is queued until half the ring is free: one long hole and no sieve.
    """

    def __init__(self, capacity_frames: int) -> None:
        super().__init__(capacity_frames)
        self._holes: deque[tuple[int, int]] = deque()  # (accepted frames before it, its frames)
        self._hole_frames = 0
        self.holes = 0

    def write(self, block: F32) -> int:
        """Queue all of *block* (N,) or nothing; how many samples that was. Threads: writer."""
        n, free = block.shape[0], self._capacity - self.waiting_frames
        if free < (max(n, self._capacity // 2) if self._hole_frames else n):
            self.holes += self._hole_frames == 0
            self._hole_frames += n
            self.dropped_frames += n
            return 0
        if self._hole_frames:
            # Told before what follows it is seen, so that the reader never reads across it.
            self._holes.append((self.accepted_frames, self._hole_frames))
            self._hole_frames = 0
        return super().write(block)

    def read(self, out: F32) -> int:
        """As of a HopRing, up to the next hole. Threads: reader."""
        n = min(out.shape[0], self.waiting_frames)
        if self._holes:
            n = min(n, self._holes[0][0] - self._read_frames)
        return super().read(out[:n])

    def hole(self) -> int:
        """How many samples are missing where the next are read; told once. Threads: reader."""
        if self._holes and self._holes[0][0] == self._read_frames:
            return self._holes.popleft()[1]
        return 0

    def last_hole(self) -> int:
        """How many are missing at the very end. Threads: reader, after the writer has ended."""
        return self._hole_frames


class Commands:
    """What one source (the keys, a socket) wants of the performer, in order; what does not fit is counted in `dropped`."""

    def __init__(self, capacity: int = MAX_COMMANDS) -> None:
        self._slots: list[tuple[str, float]] = [("", 0.0)] * capacity
        self._capacity = capacity
        self._taken = 0
        self._put = 0
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """Commands not yet taken. Threads: any."""
        return self._put - self._taken

    def put(self, name: str, value: float = 0.0) -> bool:
        """Queue it; False where there was no room. Raises UsageError for what is no command. Threads: writer."""
        command = checked(name, value)
        if self.waiting == self._capacity:
            self.dropped += 1
            return False
        self._slots[self._put % self._capacity] = command
        # Only now does the reader see it.
        self._put += 1
        return True

    def take(self) -> tuple[str, float] | None:
        """The oldest that waits; None where there is none. Threads: reader."""
        if not self.waiting:
            return None
        command = self._slots[self._taken % self._capacity]
        self._taken += 1
        return command


class Latest:
    """The newest record: triple-buffered, so that the reader never sees half of one and nobody waits.

    The reader names the slot it is about to read, then looks again whether that is still the newest; the writer takes
    whichever slot is neither the newest nor named.
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self.dtype = dtype
        self._slots = np.zeros(3, dtype)
        self._records: tuple[Record, Record, Record] = (self._slots[0], self._slots[1], self._slots[2])  # views
        self._newest = -1
        self._named = -1

    def write(self, record: Record) -> None:
        """Publish a copy of *record*. Threads: writer."""
        newest, named = self._newest, self._named
        free = 0
        while free in (newest, named):
            free += 1
        self._slots[free] = record
        self._newest = free

    def read(self) -> Record | None:
        """The newest record, valid until the next read; None before the first write. Threads: reader."""
        while True:
            newest = self._newest
            if newest < 0:
                return None
            self._named = newest
            if self._newest == newest:
                return self._records[newest]
