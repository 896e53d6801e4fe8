"""The log of a night: what was heard in every hop, and what was commanded before which, so that it can be danced again.

Shapes   rows: (N,) HEARD of consecutive hops; a command: (hop before which it took effect, name, value).
File     MAGIC, version, length and CRC32 of the header; the header in JSON; then chunks of about a second, each a CHUNK head
         (with the CRC32 of all that follows in it), rows packed by `pack_rows`, commands as COMMAND and a name. What a power
         cut leaves is whole up to its last whole chunk. A hop that is missing between two chunks was lost.
Threads  the engine puts into the LogQueue, the logger thread runs the LogWriter; neither ever waits for the other.
Source   our own; differences in byte planes as in the shuffle filters of HDF5 and Blosc.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import struct
import zlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

import numba
import numpy as np

from audio2pose import __version__
from audio2pose.arrays import Record
from audio2pose.config import Settings
from audio2pose.errors import OutputError
from audio2pose.media.atomic import BesideFile, output_error
from audio2pose.music.heard import HEARD

MAGIC = b"A2PLOG"
VERSION = 1
SCHEMA = 1
START = struct.Struct("<6sHII")
"""MAGIC, VERSION, length and CRC32 of the header."""
CHUNK = struct.Struct("<4sIQHHIII")
"""MARKER, CRC32, first hop, hops, commands, bytes of rows, bytes of commands, commands that were lost before this chunk."""
CRC_FROM = 8
"""The CRC covers the head of its chunk from here on, and the body."""
MARKER = b"HOPS"
COMMAND = struct.Struct("<QdB")
"""Hop, value, bytes of the name that follows."""
MAX_NAME_BYTES = 32
MAX_CHUNK_HOPS = 1000
MAX_CHUNK_COMMANDS = 4096
LATENCY = "latency_s"
"""The name under which a new lead of the dance is kept: `Performer.set_latency`, and no command of the player's."""
CHUNK_S = 1.0
SYNC_CHUNKS = 10
"""So many chunks may be lost to a power cut; to a killed process, only what the queue held."""
QUEUE_HOPS = 6000
PACKED = tuple(name for name in HEARD.names or () if name != "hop")
PACKED_BYTES = HEARD.itemsize - 8


@dataclass(frozen=True, slots=True, kw_only=True)
class LogHeader:
    """What a dance depends on, beside what was heard and commanded."""

    settings: Settings
    library: str
    checksum: str
    sample_rate_hz: int
    latency_s: float
    versions: dict[str, str] = field(
        default_factory=lambda: {"audio2pose": __version__, "numpy": np.__version__, "numba": numba.__version__}
    )

    def to_bytes(self) -> bytes:
        """The start of a file."""
        table = {
            "schema": SCHEMA,
            "versions": self.versions,
            "rows": row_kinds(),
            "library": self.library,
            "checksum": self.checksum,
            "sample_rate_hz": self.sample_rate_hz,
            "hop_s": self.settings.hear.hop_s,
            "latency_s": self.latency_s,
            "settings": dataclasses.asdict(self.settings),
        }
        text = json.dumps(table).encode("ascii")
        return START.pack(MAGIC, VERSION, len(text), zlib.crc32(text)) + text


def row_kinds() -> list[list[str]]:
    """Name and type of every field of a row: a log is only read into the same."""
    return [[name, HEARD[name].str] for name in HEARD.names or ()]


class LogQueue:
    """What the engine heard and was told, on its way to the file. What does not fit is counted, never waited for."""

    def __init__(self, capacity_hops: int = QUEUE_HOPS) -> None:
        self._capacity = capacity_hops
        self._rows = np.empty(capacity_hops, HEARD)
        self._rows["hop"] = -1  # its memory is there from the start
        self._put = self._taken = 0
        self._commands: deque[tuple[int, str, float]] = deque()
        self.dropped_hops = self.dropped_commands = 0

    @property
    def waiting_hops(self) -> int:
        """Rows not yet taken. Threads: any."""
        return self._put - self._taken

    def put_hop(self, heard: Record) -> None:
        """What was heard in a hop, after every command that came before it. Threads: engine; copies and counts."""
        if self.waiting_hops == self._capacity:
            self.dropped_hops += 1
            return
        self._rows[self._put % self._capacity] = heard
        # Only now does the reader see it.
        self._put += 1

    def put_command(self, hop: int, name: str, value: float) -> None:
        """*name* with *value* took effect before *hop*. Threads: engine."""
        if len(self._commands) >= MAX_CHUNK_COMMANDS or not 0 < len(name.encode()) <= MAX_NAME_BYTES:
            self.dropped_commands += 1
            return
        self._commands.append((hop, name, value))

    def put_latency(self, hop: int, latency_s: float) -> None:
        """From *hop* on the dance leads by *latency_s*. Threads: engine, or main before it runs."""
        self.put_command(hop, LATENCY, latency_s)

    def take(self) -> tuple[np.ndarray[Any, Any], list[tuple[int, str, float]]]:
        """Up to MAX_CHUNK_HOPS rows of consecutive hops, and the commands before the last of them. Threads: logger."""
        n = min(self.waiting_hops, MAX_CHUNK_HOPS)
        rows = self._rows[(self._taken + np.arange(n)) % self._capacity]
        gaps = np.flatnonzero(np.diff(rows["hop"]) != 1)
        if gaps.size:
            rows = rows[: gaps[0] + 1]
        self._taken += rows.shape[0]
        # A command is put before the row of its hop: all that belong to these rows are there.
        commands = []
        while rows.shape[0] and self._commands and self._commands[0][0] <= rows["hop"][-1]:
            commands.append(self._commands.popleft())
        return rows, commands


class LogWriter:
    """One log. Made before the show begins, so that what cannot be written is told at once (OutputError).

    What an older file of that name held stays until `run` begins. From then on the file grows under its own name: whatever
    ends the process, what was written can be danced.
    """

    def __init__(self, path: str | Path, header: LogHeader) -> None:
        self.path = Path(path)
        self.failure: OutputError | None = None
        self.hops = self.bytes = 0
        self._lost_commands = self._chunks = 0
        self._beside = BesideFile(path)
        self._begun = False
        try:
            self.bytes = self._beside.temporary.write_bytes(header.to_bytes())
        except OSError as error:
            self._beside.discard()
            raise output_error(path, error) from error

    def run(self, queue: LogQueue, stop: Event) -> None:
        """Write what comes, once a second, until *stop*, then what is left. Threads: the logger's own."""
        try:
            self._beside.commit()
            self._begun = True
            with self.path.open("r+b") as file:
                file.seek(0, os.SEEK_END)
                while not stop.wait(CHUNK_S):
                    self._write(queue, file)
                self._write(queue, file)
                os.fsync(file.fileno())
        except OutputError as error:
            self.failure = error
        except OSError as error:
            # Told at the end: the show goes on without its log.
            self.failure = output_error(self.path, error)
            self._cut_off()
        while not stop.is_set():  # after a failure nothing is counted as lost again and again
            queue.take()
            stop.wait(CHUNK_S)

    def abort(self) -> None:
        """Leave nothing, for a show that never began. Threads: main, while `run` does not run."""
        if not self._begun:
            self._beside.discard()

    def _write(self, queue: LogQueue, file: BinaryIO) -> None:
        """All that waits."""
        while True:
            rows, commands = queue.take()
            if not rows.shape[0]:
                return
            lost = queue.dropped_commands
            chunk = pack_chunk(rows, commands, lost - self._lost_commands)
            file.write(chunk)
            file.flush()
            self._lost_commands = lost
            self.hops += rows.shape[0]
            self.bytes += len(chunk)
            self._chunks += 1
            if self._chunks % SYNC_CHUNKS == 0:
                os.fsync(file.fileno())

    def _cut_off(self) -> None:
        """Leave no part of a chunk behind on a disk that is full."""
        with contextlib.suppress(OSError):
            os.truncate(self.path, self.bytes)


def pack_chunk(rows: np.ndarray[Any, Any], commands: list[tuple[int, str, float]], lost_commands: int) -> bytes:
    """Head and body of the chunk that holds *rows* (N,) HEARD, 1 <= N <= MAX_CHUNK_HOPS, and *commands*."""
    packed = pack_rows(rows)
    told = b"".join(COMMAND.pack(max(hop, 0), value, len(name.encode())) + name.encode() for hop, name, value in commands)
    first, n = int(rows["hop"][0]), rows.shape[0]
    lost = min(lost_commands, 2**32 - 1)
    head = CHUNK.pack(MARKER, 0, first, n, len(commands), len(packed), len(told), lost)
    whole = head[CRC_FROM:] + packed + told
    return head[:4] + struct.pack("<I", zlib.crc32(whole)) + whole


def pack_rows(rows: np.ndarray[Any, Any]) -> bytes:
    """Every bit of *rows* (N,) but the hops, which count on: about 30 bytes a row of music, where they take 80.

    Of each field the differences of its bit patterns from row to row, their first bytes, their second, and so on: exact, and
    where little changes, mostly zeros.
    """
    planes = []
    for name in PACKED:
        bits = np.ascontiguousarray(rows[name]).view(f"<u{HEARD[name].itemsize}")
        changes = np.diff(bits, prepend=bits.dtype.type(0))
        planes.append(changes.view(np.uint8).reshape(bits.shape[0], -1).T.tobytes())
    return zlib.compress(b"".join(planes), 1)


def unpack_rows(packed: bytes, first_hop: int, n: int) -> np.ndarray[Any, Any]:
    """What `pack_rows` packed, (n,) HEARD. Raises ValueError where it is something else; takes no more memory than rows do."""
    unpacker = zlib.decompressobj()
    try:
        planes = unpacker.decompress(packed, n * PACKED_BYTES + 1)
    except zlib.error as error:
        raise ValueError("no packed rows") from error
    if len(planes) != n * PACKED_BYTES or not unpacker.eof:
        raise ValueError("rows of another length")
    rows = np.empty(n, HEARD)
    rows["hop"] = first_hop + np.arange(n)
    at = 0
    for name in PACKED:
        width = HEARD[name].itemsize
        plane = np.frombuffer(planes, np.uint8, n * width, at).reshape(width, n)
        changes = np.ascontiguousarray(plane.T).view(f"<u{width}")[:, 0]
        rows[name] = np.cumsum(changes, dtype=changes.dtype).view(HEARD[name])
        at += n * width
    return rows
