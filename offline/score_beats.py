"""The beats that a dance is measured by: true ones from a file, those that we hear in a song, or the dance's own.

Shapes   beats (M,) rising seconds of the song.
Files    seconds at the head of each line, or JSON with "beats": numbers, or objects with time_s. A stranger's file: its size
         is checked, and what is no rising list of times is one clear error.
Threads  one, the caller's.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from audio2pose.arrays import F64
from audio2pose.errors import CorpusError
from audio2pose.media.decode import SongReader
from audio2pose.presets import settings

from .choreograph import Told, listen

MAX_BYTES = 16 << 20
MAX_S = 1e6
SONGS: tuple[str, ...] = (".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus", ".aac", ".aiff", ".aif", ".oga", ".wma")
BEATS: tuple[str, ...] = (".beats.json", ".beats", ".beats.txt")


def read_beats(path: Path) -> F64:
    """The beats of *path*. Raises CorpusError where it is missing, too large, or no list of beats."""
    if not path.is_file():
        raise CorpusError(
            f"there is no file {path}: give beats as seconds, one a line, or what 'audio2pose beats --json' wrote"
        )
    if path.stat().st_size > MAX_BYTES:
        raise CorpusError(f"{path} is larger than {MAX_BYTES >> 20} MiB, too large for beats: give seconds, one a line")
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} could not be read as text ({error}): give seconds, one a line") from error
    times = _of_json(path, text) if text.lstrip()[:1] in ("{", "[") else _of_lines(path, text)
    beats_s = np.array(times, np.float64)
    if not np.isfinite(beats_s).all() or (np.abs(beats_s) > MAX_S).any() or (np.diff(beats_s) <= 0.0).any():
        raise CorpusError(f"{path} holds beats that do not rise, or are no times: write them in seconds, in order")
    if beats_s.size < 2:
        raise CorpusError(f"{path} holds {beats_s.size} beats, two at least were wanted: give all beats of the song")
    return beats_s


def heard_beats(song: Path, told: Told) -> F64:
    """The beats that we hear in the whole of *song*. Raises SongError as `listen` does."""
    with SongReader(song) as reader:
        return np.array([b.time_s for b in listen(reader, settings(), causal=False, told=told).beats], np.float64)


def beside(poses: Path, folder: Path | None) -> tuple[Path | None, Path | None]:
    """Song and beats of the same name as *poses*, in *folder* or beside it; None where there is none."""
    where = folder or poses.parent
    song = next((p for s in SONGS if (p := where / f"{poses.stem}{s}").is_file()), None)
    return song, next((p for s in BEATS if (p := where / f"{poses.stem}{s}").is_file()), None)


def _of_lines(path: Path, text: str) -> list[float]:
    times = []
    for n, line in enumerate(text.splitlines(), 1):
        words = line.replace(",", " ").split()
        if not words or words[0].startswith("#"):
            continue
        time_s = _number(words[0])
        if time_s is None:
            raise CorpusError(f"{path}, line {n} begins with '{words[0][:20]}', seconds were wanted: write one beat a line")
        times.append(time_s)
    return times


def _of_json(path: Path, text: str) -> list[float]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path} is no valid JSON ({error}): copy or write it again") from error
    listed: Any = document.get("beats") if isinstance(document, dict) else document
    if not isinstance(listed, list):
        raise CorpusError(f"{path} is JSON without a list of beats: give what 'audio2pose beats --json' wrote")
    times = [_number(b.get("time_s") if isinstance(b, dict) else b) for b in listed]
    found = [t for t in times if t is not None]
    if len(found) < len(times):
        raise CorpusError(f"{path} lists beats without a time: give numbers, or objects with time_s")
    return found


def _number(value: Any) -> float | None:
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
