"""What the last beats sounded like: means per beat over 16 beats, and four figures against this song's own range.

Shapes   ring: (16, D) of per-beat means, D = 33 (columns below); `energy`, `bass`, `brightness` 0..1, `density` 0..4.
Threads  engine thread only.
Source   our own.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I64
from audio2pose.music.onset import N_PARTS, PART_START
from audio2pose.music.spectrum import Spectrum
from audio2pose.music.timbre import N_CHROMA, N_MFCC, Timbre

LOUDNESS, PARTS, DENSITY, CENTROID, MFCC = 0, slice(1, 6), 6, 7, slice(8, 8 + N_MFCC)
CHROMA = slice(8 + N_MFCC, 8 + N_MFCC + N_CHROMA)
N_FEATURES = 8 + N_MFCC + N_CHROMA
N_BEATS = 16
FLOOR_DB = -90.0
# Followed figures: how full the sound is (dB), the low part's share of it (dB), the centroid (octaves over 1 Hz).
FULL, BASS, BRIGHT = range(3)
# Smoothed powers that they are made of: all, each part, centroid times amplitude, amplitude.
FIRST_PART, BRIGHT_SUM, BRIGHT_WEIGHT = 1, 1 + N_PARTS, 2 + N_PARTS
LEAST_SPAN: F64 = np.array([8.0, 8.0, 1.2])
RANGE_HALF_LIFE_S = 45.0
# A song's range is not known in its first second: its figures stand in the middle until then.
SETTLE_S = 1.0
ONSET_LEAST, ONSET_GAP_S = 0.25, 0.06


@njit(cache=True, nogil=True)
def part_powers(bands: F32, start: I64, out: F64) -> None:
    """Write into *out* (5,) the mean square of each part of *bands* (B,); *start* (6,) says where they begin."""
    for q in range(out.shape[0]):
        total = 0.0
        for k in range(start[q], start[q + 1]):
            total += bands[k] * bands[k]
        out[q] = total / (start[q + 1] - start[q])


@njit(cache=True, nogil=True)
def decibels(powers: F64, out: F64) -> None:
    """Write into *out* the levels of *powers* (any length), at least FLOOR_DB."""
    for i in range(powers.shape[0]):
        out[i] = max(FLOOR_DB, 10.0 * math.log10(max(powers[i], 1e-12)))


@njit(cache=True, nogil=True)
def figures(smooth: F64, level_db: F64, out: F64) -> None:
    """Write into *out* (3,) fullness, bass and brightness of the *smooth* (8,) powers, *level_db* being scratch."""
    decibels(smooth[:BRIGHT_SUM], level_db)
    parts = 0.0
    for q in range(FIRST_PART + 1, BRIGHT_SUM):
        parts += level_db[q]
    upper = BRIGHT_SUM - FIRST_PART - 1
    out[FULL] = 0.5 * level_db[0] + 0.5 * (parts + level_db[FIRST_PART]) / (upper + 1)
    out[BASS] = level_db[FIRST_PART] - parts / upper
    out[BRIGHT] = math.log2(max(smooth[BRIGHT_SUM] / max(smooth[BRIGHT_WEIGHT], 1e-9), 20.0))


@njit(cache=True, nogil=True)
def place(values: F64, keep_range: float, least_span: F64, low: F64, high: F64, out: F64) -> None:
    """Widen [low, high] to hold *values* (F,), and write into *out* where they stand in it, 0..1.

    A range forgets slowly towards the present value, and is never taken for narrower than *least_span*.
    """
    for f in range(values.shape[0]):
        x = values[f]
        low[f] = min(x, x + keep_range * (low[f] - x))
        high[f] = max(x, x + keep_range * (high[f] - x))
        span = max(high[f] - low[f], least_span[f])
        middle = 0.5 * (low[f] + high[f])
        out[f] = min(max((x - middle) / span + 0.5, 0.0), 1.0)


class FeatureWindow:
    """Features of the last beats. `ring` (16, 33) holds beat n in row n mod 16; the last whole one is n_beats - 1."""

    def __init__(self, hop_s: float, spectrum: Spectrum) -> None:
        self._hop_s = hop_s
        self._keep_range = 0.5 ** (hop_s / RANGE_HALF_LIFE_S)
        self.timbre = Timbre(spectrum.freq_hz)
        self.ring: F32 = np.zeros((N_BEATS, N_FEATURES), np.float32)
        self._now: F32 = np.zeros(N_FEATURES, np.float32)
        self._sum: F64 = np.zeros(N_FEATURES)
        self._powers: F64 = np.zeros(BRIGHT_WEIGHT + 1)
        self._level_db: F64 = np.zeros(BRIGHT_SUM)
        self._values: F64 = np.zeros(3)
        self._smooth: F64 = np.zeros(BRIGHT_WEIGHT + 1)
        self._low: F64 = np.zeros(3)
        self._high: F64 = np.zeros(3)
        self._place: F64 = np.zeros(3)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        for state in (self.ring, self._now, self._sum, self._smooth, self._low, self._high, self._place):
            state.fill(0)
        self.timbre.reset()
        self.n_beats = 0
        self.density = 0.0
        self._hops = 0
        self._onsets = 0
        self._before = (0.0, 0.0)
        self._since_onset_s = 1.0
        self._followed_hops = 0
        self._whole = 0

    @property
    def energy(self) -> float:
        """How full the last two beats sounded, 0..1 of this song's range so far."""
        return float(self._place[FULL])

    @property
    def bass(self) -> float:
        """The low part's share in the last two beats, 0..1 of its range."""
        return float(self._place[BASS])

    @property
    def brightness(self) -> float:
        """Spectral centroid of the last two beats, 0..1 of its range."""
        return float(self._place[BRIGHT])

    @property
    def figures(self) -> F64:
        """(3,) fullness dB, bass dB and centroid octaves of the last two beats, against no range; a view."""
        return self._values

    def last(self, n: int, out: F32) -> int:
        """Write the last *n* whole beats, oldest first, into *out* (n, 33); return how many there are."""
        there = min(n, self.n_beats, N_BEATS)
        for i in range(there):
            out[i] = self.ring[(self.n_beats - there + i) % N_BEATS]
        return there

    def process(self, spectrum: Spectrum, activation: float, beat: float, rate_hz: float, sounding: bool) -> None:
        """Take in one hop: its *spectrum* and onset *activation*, at *beat* of the clock that runs at *rate_hz*."""
        self.timbre.process(spectrum.power, spectrum.mag)
        powers, now = self._powers, self._now
        amplitude = math.sqrt(spectrum.mean_square)
        powers[0] = spectrum.mean_square
        part_powers(spectrum.bands, PART_START, powers[FIRST_PART:BRIGHT_SUM])
        powers[BRIGHT_SUM] = self.timbre.centroid_hz * amplitude
        powers[BRIGHT_WEIGHT] = amplitude
        now[:BRIGHT_SUM] = powers[:BRIGHT_SUM]
        now[CENTROID] = self.timbre.centroid_hz
        now[MFCC] = self.timbre.mfcc
        now[CHROMA] = self.timbre.chroma
        self._sum += now
        self._hops += 1
        self._count_onset(activation)
        if sounding:
            self._follow(rate_hz)
        else:
            self._place *= 1.0 - self._hop_s
        if math.floor(beat) > self._whole:
            self._close_beat()
        self._whole = math.floor(beat)

    def _count_onset(self, activation: float) -> None:
        """An onset is a peak of the activation, told one hop late."""
        older, last = self._before
        self._since_onset_s += self._hop_s
        if last >= ONSET_LEAST and last > older and last >= activation and self._since_onset_s >= ONSET_GAP_S:
            self._onsets += 1
            self._since_onset_s = 0.0
        self._before = (last, activation)

    def _follow(self, rate_hz: float) -> None:
        # A half-life of one beat has most of its weight on the last two; the first hops are a plain mean.
        keep = min(0.5 ** (rate_hz * self._hop_s), self._followed_hops / (self._followed_hops + 1.0))
        self._followed_hops += 1
        self._smooth *= keep
        self._smooth += (1.0 - keep) * self._powers
        figures(self._smooth, self._level_db, self._values)
        if self._followed_hops * self._hop_s <= SETTLE_S:
            self._low[:] = self._values - 0.5 * LEAST_SPAN
            self._high[:] = self._values + 0.5 * LEAST_SPAN
        place(self._values, self._keep_range, LEAST_SPAN, self._low, self._high, self._place)

    def _close_beat(self) -> None:
        row = self.ring[self.n_beats % N_BEATS]
        self._sum /= self._hops
        decibels(self._sum[:BRIGHT_SUM], self._level_db)
        row[:] = self._sum
        row[:BRIGHT_SUM] = self._level_db
        row[DENSITY] = self._onsets
        self.n_beats += 1
        there = min(4, self.n_beats)
        counts = [float(self.ring[(self.n_beats - 1 - i) % N_BEATS, DENSITY]) for i in range(there)]
        self.density = min(sum(counts) / there, 4.0)
        self._sum.fill(0)
        self._hops = 0
        self._onsets = 0
