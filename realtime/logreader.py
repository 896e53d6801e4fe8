"""A log read again: its head, its rows and its commands, as far as they are whole.

Shapes   rows: (N,) HEARD of consecutive hops; a command: (hop before which it took effect, name, value).
Threads  any; each iterator opens the file for itself.
Source   our own. Nothing in a log is believed: sizes are checked before memory is taken, rows before they are danced.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from audio2pose.config import Settings
from audio2pose.errors import ConfigError, CorpusError, LibraryError
from audio2pose.match.index import Library
from audio2pose.music.heard import HEARD, STATE_NAMES
from audio2pose.presets import settings

from . import log

MAX_HEADER_BYTES = 1 << 20
MAX_CHUNKS = 1_000_000
"""Eleven days of a chunk a second."""
MAX_HOLE_HOPS = 360_000
"""An hour; nobody who logs loses so much and goes on."""
MAX_LATENCY_S = 2.0
MAX_BEAT, MAX_NUMBER, MAX_STREAM_S = 1e8, 1e4, 1e6
"""What a row may say at most; the levels and shares in it are numbers below 1000."""
SLACK_BYTES = 1024


class Chunk(NamedTuple):
    """The head of a chunk, and where its body lies in the file."""

    first_hop: int
    hops: int
    commands: int
    rows_bytes: int
    commands_bytes: int
    lost_commands: int
    at: int


class LogReader:
    """One log, looked through at once: `hops` of it can be danced, `notes` say what a reader should know.

    Raises CorpusError where the file is missing, no log, of another version, or holds nothing to dance.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.hops = self.lost_hops = self.lost_commands = 0
        notes: list[str] = []
        if not self.path.is_file():
            what = f"{path} is no file" if self.path.exists() else f"there is no log {path}"
            raise CorpusError(f"{what}: give one that 'audio2pose live --log' wrote")
        try:
            with self.path.open("rb") as file:
                self._read_header(file)
                self._start = file.tell()
                self._chunks = 0
                for chunk in _chunks(file, self._start, MAX_CHUNKS):
                    self._chunks += 1
                    self.lost_hops += chunk.first_hop - self.hops
                    self.lost_commands += chunk.lost_commands
                    self.hops = chunk.first_hop + chunk.hops
                    end = chunk.at + chunk.rows_bytes + chunk.commands_bytes
                cut = bool(self._chunks) and end < file.seek(0, 2)
        except OSError as error:
            raise CorpusError(f"{path} could not be read ({error.strerror or error}): check its rights and the disk") from error
        if not self.hops:
            raise CorpusError(f"{path} holds no whole second of a night, there is nothing to dance: give another log")
        if cut:
            notes.append(f"the log is cut off or damaged after {self._told_s(self.hops)}, the dance ends there")
        if self.lost_hops:
            notes.append(f"{self._told_s(self.lost_hops)} of the night were not logged, the beat is only counted on there")
        if self.lost_commands:
            notes.append(f"{self.lost_commands} commands were not logged, the dance may differ after them")
        ours = log.LogHeader(settings=self.settings, library="", checksum="", sample_rate_hz=0, latency_s=0.0).versions
        for name, version in self.versions.items():
            if ours.get(name) != version:
                notes.append(
                    f"it was danced with {name} {version}, this is {ours.get(name)}: poses may differ in the last bits"
                )
        self.notes = tuple(notes)

    def must_fit(self, library: Library, hop_s: float) -> None:
        """Raises LibraryError where the night was danced from another library than *library*, ConfigError for another hop."""
        if hop_s != self.settings.hear.hop_s:
            raise ConfigError(
                f"{self.path} has hops of {self.settings.hear.hop_s:g} s, hear.hop_s is {hop_s:g}: leave it as it was logged"
            )
        if library.checksum != self.checksum:
            raise LibraryError(
                f"{self.path} was danced from the library '{self.library}' ({self.checksum}), this is '{library.name}' "
                f"({library.checksum}): give the same one with --library"
            )

    def rows(self) -> Iterator[np.ndarray[Any, Any]]:
        """Chunk by chunk; where hops are missing between two, or rows are nothing that ears hear, none are told."""
        for chunk, body in self._bodies():
            try:
                rows = log.unpack_rows(body[: chunk.rows_bytes], chunk.first_hop, chunk.hops)
            except ValueError:
                continue
            if _sane(rows):
                yield rows

    def commands(self) -> Iterator[tuple[int, str, float]]:
        """In order; what is none is left out."""
        for chunk, body in self._bodies():
            at = chunk.rows_bytes
            for _ in range(chunk.commands):
                if at + log.COMMAND.size > len(body):
                    break
                hop, value, length = log.COMMAND.unpack_from(body, at)
                at += log.COMMAND.size + length
                if at > len(body) or length > log.MAX_NAME_BYTES:
                    break
                name = body[at - length : at].decode("utf-8", "replace")
                if math.isfinite(value):
                    yield hop, name, value

    def _bodies(self) -> Iterator[tuple[Chunk, bytes]]:
        """Each chunk that was there when the log was opened. A file that can be read no more ends."""
        try:
            with self.path.open("rb") as file:
                for chunk in _chunks(file, self._start, self._chunks):
                    file.seek(chunk.at)
                    yield chunk, file.read(chunk.rows_bytes + chunk.commands_bytes)
        except OSError:
            return

    def _told_s(self, hops: int) -> str:
        seconds = hops * self.settings.hear.hop_s
        return f"{int(seconds // 3600)}:{int(seconds // 60) % 60:02d}:{seconds % 60.0:05.2f}"

    def _read_header(self, file: BinaryIO) -> None:
        start = file.read(log.START.size)
        if len(start) < log.START.size or not start.startswith(log.MAGIC):
            raise CorpusError(f"{self.path} is no log of a night: give a file that 'audio2pose live --log' wrote")
        _, version, length, crc = log.START.unpack(start)
        if version != log.VERSION:
            raise CorpusError(
                f"{self.path} is a log of version {version}, this reads {log.VERSION}: use the release that wrote it"
            )
        text = file.read(length) if length <= MAX_HEADER_BYTES else b""
        if len(text) != length or zlib.crc32(text) != crc:
            raise self._damaged("is cut off or damaged in its head")
        try:
            table = json.loads(text)
            self.library, self.checksum = _text(table["library"]), _text(table["checksum"])
            self.sample_rate_hz, self.latency_s = int(table["sample_rate_hz"]), float(table["latency_s"])
            self.versions = {_text(k): _text(v) for k, v in table["versions"].items()}
            kinds, sections = table["rows"], {_text(k): dict(v) for k, v in table["settings"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            raise self._damaged("has a head that says too little") from error
        if kinds != log.row_kinds():
            raise CorpusError(f"{self.path} holds other rows than these ears hear: use the release that wrote it")
        try:
            self.settings: Settings = settings(None, sections, {})
        except (ConfigError, TypeError, OverflowError) as error:
            raise CorpusError(
                f"{self.path} was danced with settings that this release does not take: use the release that wrote it"
            ) from error
        if not (4_000 <= self.sample_rate_hz <= 768_000 and 0.0 <= self.latency_s <= MAX_LATENCY_S):
            raise self._damaged("says of its sound what no sound is")

    def _damaged(self, what: str) -> CorpusError:
        return CorpusError(f"{self.path} {what}: copy it again, or give another log")


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > 4096:
        raise ValueError("no text")
    return "".join(c for c in value if c.isprintable())  # it is told in a terminal


def _chunks(file: BinaryIO, at: int, most: int) -> Iterator[Chunk]:
    """Every whole chunk from *at* on, up to the first that is not; sizes and sums are right."""
    hop = 0
    for _ in range(most):
        file.seek(at)
        head = file.read(log.CHUNK.size)
        if len(head) < log.CHUNK.size:
            return
        marker, crc, first, hops, commands, rows_bytes, commands_bytes, lost = log.CHUNK.unpack(head)
        if (
            marker != log.MARKER
            or not 1 <= hops <= log.MAX_CHUNK_HOPS
            or commands > log.MAX_CHUNK_COMMANDS
            or rows_bytes > hops * log.PACKED_BYTES + SLACK_BYTES
            or commands_bytes > commands * (log.COMMAND.size + log.MAX_NAME_BYTES)
            or not 0 <= first - hop <= MAX_HOLE_HOPS
        ):
            return
        body = file.read(rows_bytes + commands_bytes)
        if len(body) < rows_bytes + commands_bytes or zlib.crc32(head[log.CRC_FROM :] + body) != crc:
            return
        yield Chunk(first, hops, commands, rows_bytes, commands_bytes, lost, at + log.CHUNK.size)
        at += log.CHUNK.size + len(body)
        hop = first + hops


def _sane(rows: np.ndarray[Any, Any]) -> bool:
    """Whether ears can have heard *rows*: a stranger's file may say anything, and the dancer believes its ears."""
    told = rows["committed_s"][rows["committed"] != 0]
    wide = np.abs(np.stack([rows["beat"], rows["bar_origin"].astype(np.float64)]))
    narrow = np.abs(np.stack([rows[name].astype(np.float64) for name in HEARD.names or () if HEARD[name] == np.float32]))
    # Said so that NaN is never within.
    numbers_ok = (wide < MAX_BEAT).all() and (narrow < MAX_NUMBER).all() and (np.abs(told) < MAX_STREAM_S).all()
    rates_ok = ((rows["rate_hz"] >= 0.0) & (rows["rate_hz"] < 100.0) & (rows["tempo_bpm"] >= 0.0)).all()
    return bool(numbers_ok and rates_ok and (rows["state"] < len(STATE_NAMES)).all() and (rows["meter"] <= 32).all())
