"""Training examples: crops of songs mixed anew, roughened as rooms, desks and crowds do, with what is true of each hop.

Shapes   bands: (T, B); truth: beat (T,) 0..1, downbeat (T,) 1, 0 or -1 (no beat here), tempo (T,) BPM, 0 where unknown.
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
from audio2pose.config import HearConfig
from audio2pose.errors import CorpusError
from audio2pose.music.network import LEVEL_FALLS_S, inputs_of
from audio2pose.music.spectrum import N_BANDS

from .songs import chosen_parts

HOP_S = HearConfig().hop_s
# Beats are marked this many hops after they fall: an onset needs two hops to fill the window.
DELAY_HOPS = 2
CLICKS = 0.05  # share of examples that are a metronome
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


class Example(NamedTuple):
    """Bands and truth of one crop."""

    bands: F32
    beat: F32
    downbeat: F32
    tempo_bpm: F32


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


def _mixed(song: Song, begin: int, end: int, rng: np.random.Generator) -> F32:
    """Hops *begin* to *end* of a mix of *song*: one that was made as sound, or stems added up anew."""
    if rng.random() < 0.45:
        return song.mixes[rng.integers(len(song.mixes)), begin:end].astype(np.float32)
    power = np.zeros((end - begin, N_BANDS), np.float32)
    for k in chosen_parts(song.names, rng):
        stem = song.stems[k, begin:end].astype(np.float32) * np.float32(10.0 ** (rng.uniform(-10, 6) / 20.0))
        power += stem * stem
    bands = np.sqrt(power)
    if rng.random() < 0.5:  # a hall: each band rings on
        bands = ring_on(bands, 0.01 / rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.6))
    return bands


@njit(cache=True, nogil=True)
def ring_on(bands: F32, share: float, wet: float) -> F32:
    """*bands* (T, B) with a tail that falls by *share* a hop, *wet* of it heard."""
    out = np.empty_like(bands)
    tail = np.zeros(bands.shape[1], np.float32)
    for t in range(bands.shape[0]):
        for k in range(bands.shape[1]):
            out[t, k] = np.float32(np.sqrt(bands[t, k] ** 2 + (wet * tail[k]) ** 2))
            tail[k] = max(tail[k] * np.float32(1.0 - share), bands[t, k])
    return out


def _truth(song: Song, begin: float, stretch: float, n_hops: int) -> tuple[F32, F32, F32]:
    """Beat, downbeat and tempo of *n_hops* hops from hop *begin* (may lie before the song) when played *stretch* faster."""
    beat, downbeat, tempo = np.zeros(n_hops, np.float32), np.full(n_hops, -1.0, np.float32), np.zeros(n_hops, np.float32)
    at = (song.beats_s / HOP_S - begin) / stretch + DELAY_HOPS
    hop = np.round(at).astype(np.int64)
    for near, strength in ((-1, 0.4), (1, 0.4), (0, 1.0)):
        inside = (hop + near >= 0) & (hop + near < n_hops)
        beat[hop[inside] + near] = np.maximum(beat[hop[inside] + near], strength)
        downbeat[hop[inside] + near] = song.positions[inside] == 1
    last = min(n_hops, max(0, int(at[-1])))
    first = min(last, max(0, int(at[0])))
    k = np.clip(np.searchsorted(at, np.arange(first, last), side="right"), 1, len(at) - 1)
    tempo[first:last] = 60.0 / HOP_S / (at[k] - at[k - 1])
    return beat, downbeat, tempo


def crop(song: Song, n_hops: int, rng: np.random.Generator) -> Example:
    """A stretch of *song* at a tempo of up to 13 % more or less, perhaps begun before its first note."""
    stretch = float(np.exp(rng.uniform(-0.13, 0.13))) if rng.random() < 0.4 else 1.0
    wanted = int(n_hops * stretch) + 2
    whole = song.mixes.shape[1]
    begin = int(rng.integers(-120, max(1, whole - wanted + 100)))
    sound = _mixed(song, max(0, begin), min(whole, max(begin + wanted, 1)), rng)
    bands = np.zeros((wanted, N_BANDS), np.float32)
    ahead = max(0, -begin)
    bands[ahead : ahead + len(sound)] = sound[: wanted - ahead]
    if stretch != 1.0:
        at = np.arange(n_hops) * stretch
        low = at.astype(np.int64)
        share = (at - low)[:, None].astype(np.float32)
        bands = bands[low] * (1.0 - share) + bands[low + 1] * share
    return Example(bands[:n_hops].astype(np.float32), *_truth(song, begin, stretch, n_hops))


def joined(first: Example, second: Example, at: int) -> Example:
    """*first* until hop *at*, then *second*: a DJ's cut."""
    return Example(*(np.concatenate([a[:at], b[: len(a) - at]]) for a, b in zip(first, second)))


def noise(n_hops: int, rng: np.random.Generator) -> F32:
    """(n_hops, B) of hiss, hum, a crowd's babble, or applause and knocks without a pulse; mean 1."""
    tilt = np.exp(-np.linspace(0, 1, N_BANDS) * rng.uniform(0, 5))
    tilt *= np.exp(np.interp(np.arange(N_BANDS), np.linspace(0, N_BANDS, 7), rng.normal(0, 0.7, 7)))
    bands = np.sqrt(-np.log(1.0 - 0.999 * rng.random((n_hops, N_BANDS), np.float32)))
    way = rng.random()
    if way < 0.5:  # voices: groups of bands that swell and fade two to eight times a second
        every = int(rng.uniform(6, 45))
        knots = rng.normal(0, rng.uniform(0.2, 1.1), (n_hops // every + 2, 6))
        at = np.arange(n_hops) / every
        low = at.astype(np.int64)
        swell = knots[low] + (at - low)[:, None] * (knots[low + 1] - knots[low])
        bands *= np.exp(np.repeat(swell, N_BANDS // 6, axis=1)).astype(np.float32)
    elif way < 0.75:  # hands and knocks
        hits = (rng.random(n_hops) < rng.uniform(0.01, 0.25)) * rng.exponential(4.0, n_hops)
        bands *= 0.2 + _decaying(hits, rng.uniform(0.5, 0.9))[:, None].astype(np.float32)
    bands *= (tilt / tilt.mean()).astype(np.float32)
    return np.asarray(bands / bands.mean(), np.float32)


@njit(cache=True, nogil=True)
def _decaying(hits: F64, keep: float) -> F64:
    out = np.empty_like(hits)
    level = 0.0
    for t in range(hits.shape[0]):
        level = level * keep + hits[t]
        out[t] = level
    return out


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
    sound = _decaying(hit, float(rng.uniform(0.3, 0.9)))[:n_hops]
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
    return Example(bands * _decibel(-30, 0, rng) * np.float32(100.0), beat, downbeat, tempo)


def _decibel(low: float, high: float, rng: np.random.Generator) -> np.float32:
    return np.float32(10.0 ** (rng.uniform(low, high) / 20.0))


def _swept(n_hops: int, rng: np.random.Generator) -> F32:
    """(n_hops, B) gains of a DJ's filter that takes the lows away for some seconds, or the highs, and gives them back."""
    begin = int(rng.integers(0, max(1, n_hops - 300)))
    end = min(n_hops, begin + int(rng.uniform(200, 900)))
    fade = rng.uniform(10, 300)
    t = np.arange(n_hops)
    depth = np.clip(np.minimum(t - begin, (end - t) * rng.choice([1.0, 8.0])) / fade, 0.0, 1.0)
    corner = rng.uniform(6, 30)
    past = corner - np.arange(N_BANDS) if rng.random() < 0.75 else np.arange(N_BANDS) - corner
    return np.asarray(np.exp(-depth[:, None] * np.clip(0.5 * past, 0.0, 6.0)), np.float32)


def _silenced(beat: F32, downbeat: F32, begin: int, end: int) -> None:
    """Take out the beats whose marks fall into hops *begin* to *end*, each with its neighbours."""
    hops = np.arange(len(beat))
    inside = (hops >= begin) & (hops < end)
    gone, left = (np.convolve((beat >= 1.0) & where, np.ones(3), "same") > 0.0 for where in (inside, ~inside))
    gone |= inside & ~left  # a neighbour whose beat lies outside of the crop
    beat[gone], downbeat[gone] = 0.0, -1.0


def roughened(example: Example, rng: np.random.Generator) -> Example:
    """*example* through another desk, loudspeaker, crowd and gain; perhaps with a stretch of silence or of crowd alone."""
    bands, beat, downbeat, tempo = (a.copy() for a in example)
    n_hops = len(bands)
    if rng.random() < 0.4:
        shift = int(rng.integers(-2, 3))
        bands = np.roll(bands, shift, axis=1)
        if shift > 0:
            bands[:, :shift] = 0.0
        elif shift < 0:
            bands[:, shift:] = 0.0
    gain = np.interp(np.arange(N_BANDS), np.linspace(0, N_BANDS, 6), rng.normal(0, rng.uniform(0, 1.1), 6))
    if rng.random() < 0.12:
        high = int(rng.integers(26, 44))
        gain[high:] -= 0.7 * np.arange(N_BANDS - high)
    if rng.random() < 0.12:
        low = int(rng.integers(2, 10))
        gain[:low] -= 0.7 * np.arange(low)[::-1]
    if rng.random() < 0.2:
        at = int(rng.integers(0, N_BANDS - 8))
        gain[at : at + int(rng.integers(3, 14))] -= rng.choice([2.0, 6.0])
    level = np.float32(bands.mean() + 1e-6)
    bands *= np.exp(gain).astype(np.float32)
    if rng.random() < 0.2:
        bands *= _swept(n_hops, rng)
    if rng.random() < 0.4:
        bands = np.sqrt(bands**2 + (noise(n_hops, rng) * level * _decibel(-40, -3, rng)) ** 2)
    if rng.random() < 0.18:
        begin = int(rng.integers(0, max(1, n_hops - 200)))
        end = min(n_hops, begin + int(rng.uniform(150, 700)))
        bands[begin:end] = 0.0 if rng.random() < 0.4 else noise(end - begin, rng) * level * _decibel(-40, 3, rng)
        # The onset of a beat just before is still heard.
        _silenced(beat, downbeat, begin + DELAY_HOPS, end)
        tempo[begin:end] = 0.0
    return Example(bands * _decibel(-36, 8, rng), beat, downbeat, tempo)


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
        bands = noise(n_hops, rng) * _decibel(-50, 12, rng) if rng.random() < 0.8 else np.zeros((n_hops, N_BANDS), np.float32)
        return Example(bands, np.zeros(n_hops, np.float32), np.full(n_hops, -1.0, np.float32), np.zeros(n_hops, np.float32))
    if way < 0.06 + CLICKS:
        return roughened(clicks(n_hops, rng), rng)
    one = crop(songs[int(rng.integers(len(songs)))], n_hops, rng)
    if way < 0.20:
        at = int(rng.integers(n_hops // 4, 3 * n_hops // 4))
        one = joined(one, crop(songs[int(rng.integers(len(songs)))], n_hops, rng), at)
    return roughened(one, rng)


def as_inputs(bands: F32, rng: np.random.Generator) -> F32:
    """Network inputs of *bands*: as after a cold start, or as in the midst of a song."""
    level = float(bands[:50].mean()) if rng.random() < 0.5 else 0.0
    return network_inputs(np.ascontiguousarray(bands, np.float32), LEVEL_KEEPS, level)
