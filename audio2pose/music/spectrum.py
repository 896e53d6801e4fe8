"""Spectrum of the last window of sound, and its bands in Hz, once a hop.

Shapes   hop: (n,) any length; power: (K,) of the window; bands: (B,) mean magnitudes, a full-scale sine is about 512.
Threads  engine thread only. A band above half the sample rate is empty: 0, never NaN.
Source   our own; band edges are linear below and logarithmic above 250 Hz, as the ear's scale is.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from audio2pose.arrays import F32, F64, I64
from audio2pose.config import HearConfig

N_BANDS = 48
LOWEST_HZ, HIGHEST_HZ, KNEE_HZ = 40.0, 15000.0, 250.0
# A value beyond this is no sound but a fault; squares of it still fit into float32.
LOUDEST = 16.0
DC_CORNER_HZ = 8.0


def band_edges_hz(n_bands: int) -> F64:
    """(n_bands + 2,) lower edge, centres and upper edge of triangular bands that overlap by half."""
    low, high = (math.log1p(hz / KNEE_HZ) for hz in (LOWEST_HZ, HIGHEST_HZ))
    return np.asarray(KNEE_HZ * np.expm1(np.linspace(low, high, n_bands + 2)), np.float64)


def triangles(edges_hz: F64, freq_hz: F64) -> F64:
    """(B, K) triangular weights over the bins at *freq_hz* (K,), each row's sum 1, or 0 where no bin lies near."""
    bin_hz = freq_hz[1] - freq_hz[0]
    low, centre, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    weights = np.minimum((freq_hz - low) / (centre - low), (high - freq_hz) / (high - centre)).clip(0.0)
    # A triangle that falls between two bins reads both, by nearness.
    narrow = weights.sum(axis=1) < 0.5
    weights[narrow] = np.maximum(0.0, 1.0 - np.abs(freq_hz - centre[narrow]) / bin_hz)
    weights[edges_hz[1:-1] > freq_hz[-1]] = 0.0
    total = weights.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(weights, total, out=np.zeros_like(weights), where=total > 0.0))


class Sparse:
    """Rows of a matrix of which only one run of columns is not 0: *first* (R,), *start* (R + 1,), *weight* (sum,)."""

    def __init__(self, dense: F64) -> None:
        runs = [np.flatnonzero(row) for row in dense]
        self.first: I64 = np.array([run[0] if run.size else 0 for run in runs], np.int64)
        ends = [run[-1] + 1 if run.size else 0 for run in runs]
        self.start: I64 = np.concatenate([[0], np.cumsum(np.array(ends) - self.first)]).astype(np.int64)
        kept = [row[a:b] for row, a, b in zip(dense, self.first, ends)]
        self.weight: F32 = np.concatenate(kept).astype(np.float32)


@njit(cache=True, nogil=True)
def apply_rows(first: I64, start: I64, weight: F32, values: F32, out: F32) -> None:
    """Write into *out* (R,) the weighted sums of *values* (K,) that a Sparse describes."""
    for r in range(first.shape[0]):
        total = np.float32(0.0)
        for i in range(start[r], start[r + 1]):
            total += weight[i] * values[first[r] + i - start[r]]
        out[r] = total


@njit(cache=True, nogil=True)
def take(hop: F32, retain: float, dc: F64, buffer: F32, counts: I64) -> float:
    """Shift *hop* into *buffer* (N,) with faults as 0 and the mean taken off; return its mean square.

    *dc* (2,) is the high-pass's last input and output, *retain* its pole; *counts* (1,) counts the faulty samples.
    """
    n, size = hop.shape[0], buffer.shape[0]
    for i in range(size - n):
        buffer[i] = buffer[i + n]
    total = 0.0
    for i in range(n):
        x = hop[i]
        if not math.isfinite(x):
            x = np.float32(0.0)
            counts[0] += 1
        y = min(max(float(x), -LOUDEST), LOUDEST)
        z = y - dc[0] + retain * dc[1]
        dc[0] = y
        dc[1] = z
        total += z * z
        if size - n + i >= 0:
            buffer[size - n + i] = z
    return total / n if n > 0 else 0.0


@njit(cache=True, nogil=True)
def shape(buffer: F32, window: F32, out: F32) -> None:
    """Write *buffer* times *window* (N,) into the head of *out*; its tail stays 0."""
    for i in range(buffer.shape[0]):
        out[i] = buffer[i] * window[i]


@njit(cache=True, nogil=True)
def magnitudes(spectrum: NDArray[np.complex64], power: F32, mag: F32) -> None:
    """Write squares and moduli of *spectrum* (K,) into *power* (K,) and *mag* (K,)."""
    for k in range(spectrum.shape[0]):
        p = spectrum[k].real * spectrum[k].real + spectrum[k].imag * spectrum[k].imag
        power[k] = p
        mag[k] = math.sqrt(p)


def _fast_length(n: int) -> int:
    """Smallest even number from *n* on that has no prime factor above 5."""
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1 and n % 2 == 0:
            return n
        n += 1


class Spectrum:
    """The last window of sound, ever renewed. After process: `power`, `mag` (K,), `bands` (B,), `mean_square`."""

    def __init__(self, config: HearConfig, sample_rate_hz: int) -> None:
        n = max(8, 2 * round(config.window_s * sample_rate_hz / 2))
        n_fft = _fast_length(n)
        self.freq_hz: F64 = np.asarray(np.fft.rfftfreq(n_fft, 1.0 / sample_rate_hz), np.float64)
        # A window of n samples sums to n / 2; told as if it were 2048, levels mean the same at every rate.
        self._window: F32 = (np.hanning(n + 1)[:n] * (2048.0 / n)).astype(np.float32)
        self._retain = math.exp(-2.0 * math.pi * DC_CORNER_HZ / sample_rate_hz)
        self._buffer: F32 = np.zeros(n, np.float32)
        self._shaped: F32 = np.zeros(n_fft, np.float32)
        self._spectrum: NDArray[np.complex64] = np.zeros(n_fft // 2 + 1, np.complex64)
        self._dc: F64 = np.zeros(2)
        self._counts: I64 = np.zeros(1, np.int64)
        self._rows = Sparse(triangles(band_edges_hz(N_BANDS), self.freq_hz))
        self.power: F32 = np.zeros(n_fft // 2 + 1, np.float32)
        self.mag: F32 = np.zeros(n_fft // 2 + 1, np.float32)
        self.bands: F32 = np.zeros(N_BANDS, np.float32)
        self.mean_square = 0.0

    @property
    def bad_samples(self) -> int:
        """Samples so far that were no number and were taken as 0."""
        return int(self._counts[0])

    def reset(self) -> None:
        """Forget all sound."""
        for state in (self._buffer, self._dc, self._counts, self.power, self.mag, self.bands):
            state.fill(0)
        self.mean_square = 0.0

    def process(self, hop: F32) -> F32:
        """Bands (B,) of the window that ends with *hop* (n,). Threads: engine."""
        self.mean_square = take(hop, self._retain, self._dc, self._buffer, self._counts)
        shape(self._buffer, self._window, self._shaped)
        # Single precision in gives single precision out; the stubs know only the double one.
        np.fft.rfft(self._shaped, out=self._spectrum)  # type: ignore[arg-type]
        magnitudes(self._spectrum, self.power, self.mag)
        apply_rows(self._rows.first, self._rows.start, self._rows.weight, self.mag, self.bands)
        return self.bands
