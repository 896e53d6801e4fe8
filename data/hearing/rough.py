"""An example as it reaches the ears: through rooms, desks, loudspeakers and crowds, sung to, mastered, filtered, cut off.

Shapes   bands: (T, B); truth as in Example.
Source   our own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64
from audio2pose.config import HearConfig
from audio2pose.music.spectrum import N_BANDS

from .voices import mastered, sung

HOP_S = HearConfig().hop_s
# Beats are marked this many hops after they fall: an onset needs two hops to fill the window.
DELAY_HOPS = 2
# Shares of examples that are sung to, and that are mastered.
SUNG, MASTERED = 0.25, 0.3


class Example(NamedTuple):
    """Bands and truth of one crop: beat (T,) 0..1, downbeat (T,) 1, 0 or -1 (no beat), tempo (T,) BPM, 0 where unknown."""

    bands: F32
    beat: F32
    downbeat: F32
    tempo_bpm: F32


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
        bands *= 0.2 + decaying(hits, rng.uniform(0.5, 0.9))[:, None].astype(np.float32)
    bands *= (tilt / tilt.mean()).astype(np.float32)
    return np.asarray(bands / bands.mean(), np.float32)


@njit(cache=True, nogil=True)
def decaying(hits: F64, keep: float) -> F64:
    """(T,) what rings of *hits* (T,), each falling by the factor *keep* a hop."""
    out = np.empty_like(hits)
    level = 0.0
    for t in range(hits.shape[0]):
        level = level * keep + hits[t]
        out[t] = level
    return out


def decibel(low: float, high: float, rng: np.random.Generator) -> np.float32:
    """A gain between *low* and *high* decibels."""
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
    if rng.random() < SUNG:
        marks: F64 = np.asarray(np.flatnonzero(beat >= 1.0) - DELAY_HOPS, np.float64)
        eighths = np.sort(np.concatenate([marks, 0.5 * (marks[1:] + marks[:-1])])) if len(marks) else marks
        bands = np.sqrt(bands**2 + (sung(n_hops, eighths, rng) * level * decibel(-10, 8, rng)) ** 2)
    if rng.random() < MASTERED:
        bands = mastered(bands, rng)
    bands *= np.exp(gain).astype(np.float32)
    if rng.random() < 0.2:
        bands *= _swept(n_hops, rng)
    if rng.random() < 0.4:
        bands = np.sqrt(bands**2 + (noise(n_hops, rng) * level * decibel(-40, -3, rng)) ** 2)
    if rng.random() < 0.18:
        begin = int(rng.integers(0, max(1, n_hops - 200)))
        end = min(n_hops, begin + int(rng.uniform(150, 700)))
        bands[begin:end] = 0.0 if rng.random() < 0.4 else noise(end - begin, rng) * level * decibel(-40, 3, rng)
        # The onset of a beat just before is still heard.
        _silenced(beat, downbeat, begin + DELAY_HOPS, end)
        tempo[begin:end] = 0.0
    return Example(bands * decibel(-36, 8, rng), beat, downbeat, tempo)
