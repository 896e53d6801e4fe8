"""Training examples: crops of songs mixed anew, cut into each other, or no music at all, with what is true of each hop.

Shapes   bands: (T, B); truth as in rough.Example.
Source   our own; stems' powers add up, so that each crop is another mix.
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I64
from audio2pose.errors import CorpusError
from audio2pose.music.network import LEVEL_FALLS_S, inputs_of
from audio2pose.music.spectrum import N_BANDS

from .rough import DELAY_HOPS, HOP_S, Example, decaying, decibel, noise, ring_on, roughened
from .songs import chosen_parts
from .voices import driven, uneven

CLICKS, CUTS = 0.05, 0.2  # shares of examples that are a metronome, and of those with a DJ's cut
# Shares of mixes whose drummer is another song's, and of parts that are driven.
ANOTHER_DRUMMER, DRIVEN = 0.4, 0.2
KEPT_OUT_OF = 12  # one style in so many is for validation


class Song(NamedTuple):
    """A song of songs.py as it lies in memory."""

    stems: np.ndarray
    names: list[str]
    mixes: np.ndarray
    beats_s: F64
    positions: I64
    style: str
    tempo: str

    @property
    def validates(self) -> bool:
        """Whether its style is kept out of training."""
        return zlib.crc32(self.style.split("/")[-1].encode()) % KEPT_OUT_OF == 0


def song_files(folder: Path) -> list[Path]:
    """The songs in *folder*, in order of number; whatever else lies there is none."""
    return sorted((p for p in folder.glob("*.npz") if p.stem.isdecimal()), key=lambda p: int(p.stem))


def read(path: Path) -> Song:
    """The song in *path*. Raises CorpusError where it is none."""
    try:
        with np.load(path, allow_pickle=False) as z:
            return Song(
                z["stems"], [str(n) for n in z["names"]], z["mixes"], z["beats_s"], z["positions"], str(z["style"]),
                str(z["tempo"]),
            )  # fmt: skip
    except (OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error):
        raise CorpusError(f"{path} is missing, damaged or no song of ours: make it again with songs.py") from None


def _mixed(song: Song, begin: int, end: int, others: list[Song], rng: np.random.Generator) -> F32:
    """Hops *begin* to *end* of a mix of *song*: one that was made as sound, or stems added up anew, perhaps with a drummer
    from one of *others*."""
    if rng.random() < 0.4:
        return song.mixes[rng.integers(len(song.mixes)), begin:end].astype(np.float32)
    borrowed = _other_drums(song, begin, end, others, rng) if rng.random() < ANOTHER_DRUMMER else None
    power = np.zeros((end - begin, N_BANDS), np.float32)
    loose = rng.random() < 0.5
    for k in chosen_parts(song.names, rng):
        drums = "drums" in song.names[k]
        if borrowed is not None and drums:
            continue
        # People are not together to the hop.
        early = int(np.clip(np.round(rng.normal(0.0, 0.4 if drums else 1.2)), -3, 3)) if loose else 0
        first = max(0, begin + early)
        stem = np.zeros_like(power)
        heard = song.stems[k, first : max(first, end + early)].astype(np.float32)
        stem[first - begin - early :][: len(heard)] = heard
        if not drums and rng.random() < DRIVEN:
            stem = driven(stem, rng)
        stem *= decibel(-10, 6, rng)
        power += stem * stem
    if borrowed is not None:
        usual = np.sqrt(power.mean()) if power.any() else np.float32(10.0)
        borrowed *= usual / (np.sqrt((borrowed**2).mean()) + 1e-6) * decibel(-7, 10, rng)
        power += borrowed * borrowed
    bands = np.sqrt(power)
    if rng.random() < 0.5:  # a hall: each band rings on
        bands = ring_on(bands, 0.01 / rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.6))
    return bands


def _other_drums(song: Song, begin: int, end: int, others: list[Song], rng: np.random.Generator) -> F32 | None:
    """(end - begin, B) of a drummer of another song who plays to *song*'s beats; None where none was found who could."""
    length_s, meter = float(np.median(np.diff(song.beats_s))), int(song.positions.max())
    for _ in range(8):
        other = others[int(rng.integers(len(others)))]
        drummers = [k for k, n in enumerate(other.names) if "drums" in n]
        faster = float(np.median(np.diff(other.beats_s))) / length_s
        bars = len(other.beats_s) // meter - 1
        if drummers and int(other.positions.max()) == meter and 0.77 < faster < 1.3 and bars >= 4:
            first = meter * int(rng.integers(0, bars - 3))
            last = meter * bars
            hops = song.beats_s / HOP_S
            beat = np.interp(np.arange(begin, end), hops, np.arange(len(hops)), left=np.nan, right=np.nan)
            at = np.interp(first + beat % (last - first), np.arange(len(other.beats_s)), other.beats_s / HOP_S)
            at[np.isnan(beat)] = -1.0  # nobody drums before the first beat or after the last
            return at_hops(other.stems[drummers[int(rng.integers(len(drummers)))]], at)
    return None


def at_hops(bands: np.ndarray, at: F64) -> F32:
    """(T, B) *bands* at the places *at* (T,) between hops; silence before the first and after the last."""
    inside = (at >= 0.0) & (at <= len(bands) - 1)
    low = np.clip(at.astype(np.int64), 0, len(bands) - 2)
    share = (at - low)[:, None].astype(np.float32)
    out = bands[low].astype(np.float32) * (1.0 - share) + bands[low + 1].astype(np.float32) * share
    out[~inside] = 0.0
    return np.asarray(out, np.float32)


def _truth(song: Song, at: F64) -> tuple[F32, F32, F32]:
    """Beat, downbeat and tempo of hops that are *song*'s at the places *at* (T,), T > 1, rising; they may lie outside of it."""
    n_hops = len(at)
    beat, downbeat, tempo = np.zeros(n_hops, np.float32), np.full(n_hops, -1.0, np.float32), np.zeros(n_hops, np.float32)
    source = song.beats_s / HOP_S
    when = np.interp(source, at, np.arange(n_hops))
    # Beyond the crop's ends time goes on as fast as there.
    when = np.where(source < at[0], (source - at[0]) / (at[1] - at[0]), when)
    when = np.where(source > at[-1], n_hops - 1 + (source - at[-1]) / (at[-1] - at[-2]), when) + DELAY_HOPS
    hop = np.round(when).astype(np.int64)
    for near, strength in ((-1, 0.4), (1, 0.4), (0, 1.0)):
        inside = (hop + near >= 0) & (hop + near < n_hops)
        beat[hop[inside] + near] = np.maximum(beat[hop[inside] + near], strength)
        downbeat[hop[inside] + near] = song.positions[inside] == 1
    last = min(n_hops, max(0, int(when[-1])))
    first = min(last, max(0, int(when[0])))
    k = np.clip(np.searchsorted(when, np.arange(first, last), side="right"), 1, len(when) - 1)
    tempo[first:last] = 60.0 / HOP_S / (when[k] - when[k - 1])
    return beat, downbeat, tempo


def crop(song: Song, n_hops: int, rng: np.random.Generator, others: list[Song] | None = None) -> Example:
    """A stretch of *song* up to 13 % faster or slower, perhaps unevenly, perhaps begun before its first note.

    *others* are songs whose drummers may sit in.
    """
    stretch = float(np.exp(rng.uniform(-0.13, 0.13))) if rng.random() < 0.5 else 1.0
    at = stretch * (uneven(n_hops, rng) if rng.random() < 0.35 else np.arange(float(n_hops)))
    whole = song.mixes.shape[1]
    begin = min(int(rng.integers(-120, max(1, whole - int(at[-1]) + 98))), whole - 2)
    first, last = max(0, begin), min(whole, max(begin + int(at[-1]) + 2, 2))
    bands = at_hops(_mixed(song, first, last, others or [song], rng), at + begin - first)
    return Example(bands, *_truth(song, at + begin))


def joined(first: Example, second: Example, at: int) -> Example:
    """*first* until hop *at*, then *second*: a DJ's cut."""
    return Example(*(np.concatenate([a[:at], b[: len(a) - at]]) for a, b in zip(first, second)))


def clicks(n_hops: int, rng: np.random.Generator) -> Example:
    """A metronome at a steady tempo: nothing between the beats, now and then an accent on the first of a bar."""
    period = float(np.exp(rng.uniform(np.log(60.0 / 214.0), np.log(60.0 / 56.0)))) / HOP_S
    at = np.arange(rng.uniform(0.0, period), n_hops - 1.0, period)
    meter = int(rng.choice([3, 4]))
    place = (np.arange(len(at)) + rng.integers(meter)) % meter
    accent = rng.random() < 0.5
    strength = np.where((place == 0) & accent, rng.uniform(1.3, 3.0), 1.0)
    hit = np.zeros(n_hops + 3)
    # A click begins between two hops, and its window fills over the next two.
    whole = at.astype(np.int64)
    hit[whole + 1] += strength * (1.0 - (at - whole))
    hit[whole + 2] += strength * (at - whole)
    shape = np.exp(np.interp(np.arange(N_BANDS), np.linspace(0, N_BANDS, 5), rng.normal(0, 1.5, 5)))
    sound = decaying(hit, float(rng.uniform(0.3, 0.9)))[:n_hops]
    sound[1:] = 0.6 * sound[1:] + 0.4 * sound[:-1]
    bands = np.asarray(sound[:, None] * shape[None, :], np.float32)
    beat, downbeat, tempo = np.zeros(n_hops, np.float32), np.full(n_hops, -1.0, np.float32), np.zeros(n_hops, np.float32)
    hop = np.round(at).astype(np.int64) + DELAY_HOPS
    for near, mark in ((-1, 0.4), (1, 0.4), (0, 1.0)):
        inside = hop + near < n_hops
        beat[hop[inside] + near] = mark
        if accent:
            downbeat[hop[inside] + near] = place[inside] == 0
    tempo[max(0, int(at[0])) :] = 60.0 / HOP_S / period
    return Example(bands * decibel(-30, 0, rng) * np.float32(100.0), beat, downbeat, tempo)


@njit(cache=True, nogil=True)
def network_inputs(bands: F32, keep: float, level: float) -> F32:
    """(T, 2 B) inputs of the network for *bands* (T, B), by the kernel that runs live, from a running *level*."""
    running = np.array([level])
    past = np.zeros((2, bands.shape[1]), np.float32)
    out = np.empty((bands.shape[0], 2 * bands.shape[1]), np.float32)
    for t in range(bands.shape[0]):
        inputs_of(bands[t], keep, running, past, out[t])
    return out


LEVEL_KEEPS = float(np.exp(-HOP_S / LEVEL_FALLS_S))


def example(songs: list[Song], n_hops: int, rng: np.random.Generator) -> Example:
    """One example as the training sees them: mostly a song, now and then two with a cut between, or no music at all."""
    way = rng.random()
    if way < 0.06:
        bands = noise(n_hops, rng) * decibel(-50, 12, rng) if rng.random() < 0.8 else np.zeros((n_hops, N_BANDS), np.float32)
        return Example(bands, np.zeros(n_hops, np.float32), np.full(n_hops, -1.0, np.float32), np.zeros(n_hops, np.float32))
    if way < 0.06 + CLICKS:
        return roughened(clicks(n_hops, rng), rng)
    one = crop(songs[int(rng.integers(len(songs)))], n_hops, rng, songs)
    if way < 0.06 + CLICKS + CUTS:
        at = int(rng.integers(n_hops // 4, 3 * n_hops // 4))
        one = joined(one, crop(songs[int(rng.integers(len(songs)))], n_hops, rng, songs), at)
    return roughened(one, rng)


def as_inputs(bands: F32, rng: np.random.Generator) -> F32:
    """Network inputs of *bands*: as after a cold start, or as in the midst of a song."""
    level = float(bands[:50].mean()) if rng.random() < 0.5 else 0.0
    return network_inputs(np.ascontiguousarray(bands, np.float32), LEVEL_KEEPS, level)
