"""What records have and rendered music lacks, made on bands: singers, driven guitars, mastering, bands that play unevenly.

Shapes   bands: (T, B) magnitudes; follower: (T,) a level that rises at once and falls slowly.
Source   our own, from how voices (harmonics, formants, consonants), distortion and limiters act on a spectrum.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64
from audio2pose.music.spectrum import N_BANDS, band_edges_hz

CENTRES_HZ = band_edges_hz(N_BANDS)[1:-1]
# First three resonances of some vowels, Hz; every singer's are a little higher or lower.
VOWELS_HZ = ((730, 1090, 2440), (530, 1840, 2480), (270, 2290, 3010), (570, 840, 2410), (300, 870, 2240), (640, 1190, 2390))
N_HARMONICS = 40


@njit(cache=True, nogil=True)
def follower(level: F32, keep: float) -> F32:
    """(T,) running *level* (T,) that falls by the factor *keep* a hop."""
    out = np.empty_like(level)
    now = np.float32(1e-9)
    for t in range(level.shape[0]):
        now = max(np.float32(now * keep), level[t])
        out[t] = now
    return out


def _moved_up(bands: F32, by: int) -> F32:
    out = np.zeros_like(bands)
    out[:, by:] = bands[:, : N_BANDS - by]
    return out


def driven(bands: F32, rng: np.random.Generator) -> F32:
    """*bands* through an overdriven amplifier: notes hardly fade, harmonics fill what lies above, onsets drown."""
    spread = bands + np.float32(rng.uniform(0.3, 0.9)) * _moved_up(bands, int(rng.integers(3, 7)))
    spread += np.float32(rng.uniform(0.1, 0.7)) * _moved_up(bands, int(rng.integers(7, 14)))
    spread[:, rng.uniform(4000, 9000) < CENTRES_HZ] *= np.float32(0.1)
    level = spread.mean(axis=1)
    held = follower(level, math.exp(-0.01 / rng.uniform(0.02, 0.3)))
    loud = np.float32(np.percentile(held[held > 0.01 * held.max()], 80) + 1e-6) if held.max() > 0.0 else np.float32(1.0)
    # What is below a hundredth of that is left as quiet as it was: rests stay rests.
    gain = (loud / np.maximum(held, 0.01 * loud)) ** np.float32(rng.uniform(0.5, 0.95))
    flicker = np.exp(rng.normal(0.0, rng.uniform(0.02, 0.2), spread.shape)).astype(np.float32)
    return np.asarray(spread * gain[:, None] * flicker, np.float32)


def mastered(bands: F32, rng: np.random.Generator) -> F32:
    """*bands* through a limiter or a pumping compressor: what is loud pushes everything down for a while."""
    low = int(rng.integers(0, 2)) * int(rng.integers(4, 12))  # the kick alone may push
    held = follower(bands[:, : low or N_BANDS].mean(axis=1), math.exp(-0.01 / rng.uniform(0.04, 0.35)))
    usual = np.float32(held.mean() + 1e-6)
    gain = (usual / np.maximum(held, 0.03 * usual)) ** np.float32(rng.uniform(0.2, 0.75))
    return np.asarray(bands * gain[:, None], np.float32)


def _vowel(f0_hz: float, formants_hz: F64, width: float) -> F32:
    """(B,) magnitudes of a voice at *f0_hz* that says one vowel."""
    harmonic_hz = f0_hz * np.arange(1, N_HARMONICS + 1)
    octaves = np.log2(harmonic_hz[:, None] / formants_hz[None, :])
    strength = (np.exp(-((octaves / width) ** 2)) / (1.0 + np.arange(3))).sum(axis=1) + 0.1 / np.arange(1, N_HARMONICS + 1)
    at = np.interp(np.log(harmonic_hz), np.log(CENTRES_HZ), np.arange(N_BANDS), left=-1.0, right=-1.0)
    inside = at >= 0.0
    low = np.minimum(at[inside].astype(np.int64), N_BANDS - 2)
    share = at[inside] - low
    out = np.zeros(N_BANDS)
    np.add.at(out, low, strength[inside] * (1.0 - share))
    np.add.at(out, low + 1, strength[inside] * share)
    return out.astype(np.float32)


def sung(n_hops: int, eighths: F64, rng: np.random.Generator) -> F32:
    """(n_hops, B) of somebody who sings or raps, mean about 1 while they do.

    Syllables lie near the *eighths* (hops, may be empty), or go their own way.
    """
    out = np.zeros((n_hops, N_BANDS), np.float32)
    note, scale = rng.uniform(math.log(90.0), math.log(330.0)), rng.uniform(0.85, 1.2)
    width, voiced = rng.uniform(0.15, 0.4), rng.uniform(0.3, 1.0)
    usual_hops, follows = rng.uniform(12, 45), bool(len(eighths)) and rng.random() < 0.7
    loose_hops, sharp = rng.uniform(1.0, 5.0), rng.uniform(0.2, 1.5)
    hiss = np.clip((np.log(CENTRES_HZ) - math.log(rng.uniform(1500, 4500))) / 0.8, 0.0, 1.0).astype(np.float32)
    t, phrase_end = float(rng.uniform(0, 200)), 0.0
    while t < n_hops:
        if t > phrase_end:
            t += rng.uniform(20, 250)
            phrase_end = t + rng.uniform(100, 500)
        lasts = float(np.clip(usual_hops * math.exp(rng.normal(0, 0.5)), 6, 200))
        begin = t
        if follows and np.abs(eighths - t).min() < 40.0:
            begin = float(eighths[np.abs(eighths - t).argmin()]) + rng.normal(0, loose_hops)
        note = float(np.clip(note + rng.choice([-2, -1, 0, 0, 1, 2]) * math.log(2) / 7, math.log(80), math.log(700)))
        spectrum = _vowel(math.exp(note), np.array(VOWELS_HZ[int(rng.integers(len(VOWELS_HZ)))]) * scale, width)
        spectrum *= np.float32(1.0 / (spectrum.mean() + 1e-6))
        first, last = max(0, round(begin)), min(n_hops, round(begin + lasts))
        if last > first:
            after = np.arange(first, last) - begin
            attack, release = rng.uniform(1, 9), rng.uniform(3, 15)
            shape = np.clip(after / attack, 0, 1) * np.clip((begin + lasts - np.arange(first, last)) / release, 0, 1)
            shape *= math.exp(rng.normal(0, 0.35)) * (1.0 + 0.15 * np.sin(after * rng.uniform(0.3, 0.5)))
            out[first:last] += (shape[:, None] * spectrum).astype(np.float32)
        if rng.random() < voiced:
            burst = slice(max(0, round(begin - rng.uniform(2, 9))), max(0, min(n_hops, round(begin + 1))))
            out[burst] += hiss * np.float32(sharp * math.exp(rng.normal(0, 0.5)))
        t += lasts * rng.uniform(0.9, 1.3)
    return np.asarray(out * np.exp(rng.normal(0.0, 0.12, out.shape)), np.float32)


def uneven(n_hops: int, rng: np.random.Generator) -> F64:
    """(n_hops,) hops of the source that are heard in turn, from 0, by a band whose tempo wanders by some per cent."""
    every = rng.uniform(80, 500)
    knots = rng.normal(0.0, 1.0, int(n_hops / every) + 3)
    speed = np.interp(np.arange(n_hops), np.arange(len(knots)) * every, knots)
    return np.asarray(np.concatenate([[0.0], np.cumsum(np.exp(rng.uniform(0.004, 0.035) * speed))])[:n_hops])
