"""What one spectrum sounds like: 13 MFCC, 12 chroma, and its centroid.

Shapes   power, mag: (K,) of one window; mfcc: (13,); chroma: (12,) from C, its greatest 1 or all 0.
Threads  engine thread only. A band above half the sample rate reads as silence.
Source   Davis and Mermelstein 1980 on Slaney's mel scale; chroma after Ellis 2007. Both are tested against librosa.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64
from audio2pose.music.spectrum import Sparse, apply_rows

N_MELS, N_MFCC, N_CHROMA = 40, 13, 12
LOW_HZ, HIGH_HZ = 30.0, 8000.0
CHROMA_TOP_HZ = 5000.0
LEAST_POWER = 1e-10
# Slaney's mel scale: linear to 1 kHz, then 27 steps to each factor of 6.4.
MEL_HZ, KNEE_MEL, KNEE_HZ, LOG_STEP = 200.0 / 3.0, 15.0, 1000.0, math.log(6.4) / 27.0


def hz_to_mel(hz: F64) -> F64:
    """Slaney's mel of *hz*, any shape."""
    above = KNEE_MEL + np.log(np.maximum(hz, KNEE_HZ) / KNEE_HZ) / LOG_STEP
    return np.where(hz < KNEE_HZ, hz / MEL_HZ, above)


def mel_to_hz(mel: F64) -> F64:
    """Inverse of hz_to_mel."""
    return np.where(mel < KNEE_MEL, mel * MEL_HZ, KNEE_HZ * np.exp(LOG_STEP * (mel - KNEE_MEL)))


def mel_rows(freq_hz: F64) -> F64:
    """(N_MELS, K) triangles of equal area over the bins at *freq_hz*."""
    mels = np.linspace(hz_to_mel(np.array(LOW_HZ)), hz_to_mel(np.array(HIGH_HZ)), N_MELS + 2)
    edges = mel_to_hz(mels)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rows = np.minimum((freq_hz - low) / (centre - low), (high - freq_hz) / (high - centre)).clip(0.0)
    return np.asarray(rows * (2.0 / (high - low)))


def cosine_rows() -> F64:
    """(N_MFCC, N_MELS) orthonormal DCT-II."""
    n = np.arange(N_MELS) + 0.5
    rows = np.cos(np.pi / N_MELS * np.arange(N_MFCC)[:, None] * n) * math.sqrt(2.0 / N_MELS)
    rows[0] *= math.sqrt(0.5)
    return np.asarray(rows)


def chroma_rows(freq_hz: F64) -> F64:
    """(12, K) share of each bin in each pitch class: a bump as wide as the bin, heaviest about 440 Hz to 880 Hz."""
    pitch = np.empty_like(freq_hz)
    pitch[1:] = 12.0 * np.log2(freq_hz[1:] / 440.0) + 57.0
    pitch[0] = pitch[1] - 18.0
    width = np.maximum(np.append(np.diff(pitch), 1.0), 1.0)
    away = (pitch - np.arange(N_CHROMA)[:, None] + 6.0) % 12.0 - 6.0
    rows = np.exp(-0.5 * (2.0 * away / width) ** 2)
    rows /= np.sqrt((rows * rows).sum(axis=0))
    octave = (pitch - 9.0) / 12.0
    rows *= np.exp(-0.5 * ((octave - 5.0) / 2.0) ** 2)
    rows[:, freq_hz > CHROMA_TOP_HZ] = 0.0
    return np.asarray(rows)


@njit(cache=True, nogil=True)
def cepstrum(mels: F32, cosine: F32, mfcc: F32) -> None:
    """Write into *mfcc* (13,) the cosine transform of *mels* (40,) in dB; *mels* are dB afterwards."""
    for i in range(mels.shape[0]):
        mels[i] = 10.0 * math.log10(max(mels[i], LEAST_POWER))
    for c in range(mfcc.shape[0]):
        total = np.float32(0.0)
        for i in range(mels.shape[0]):
            total += cosine[c, i] * mels[i]
        mfcc[c] = total


@njit(cache=True, nogil=True)
def fold(power: F32, rows: F32, chroma: F32) -> None:
    """Write into *chroma* (12,) the *power* of each pitch class over the greatest; *rows* is (bins, 12)."""
    chroma[:] = 0.0
    for k in range(rows.shape[0]):
        for c in range(chroma.shape[0]):
            chroma[c] += rows[k, c] * power[k]
    greatest = chroma.max()
    if greatest > LEAST_POWER:
        for c in range(chroma.shape[0]):
            chroma[c] /= greatest
    else:
        chroma[:] = 0.0


@njit(cache=True, nogil=True)
def centroid(mag: F32, bin_hz: float) -> float:
    """Mean frequency of *mag* (K,) in Hz; 0 in silence."""
    total = 0.0
    moment = 0.0
    for k in range(mag.shape[0]):
        total += mag[k]
        moment += mag[k] * k
    return moment / total * bin_hz if total > 1e-6 else 0.0


class Timbre:
    """After process: `mfcc` (13,), `chroma` (12,), `centroid_hz`."""

    def __init__(self, freq_hz: F64) -> None:
        self._bin_hz = float(freq_hz[1])
        self._mel_rows = Sparse(mel_rows(freq_hz))
        self._cosine: F32 = cosine_rows().astype(np.float32)
        n_bins = int(np.searchsorted(freq_hz, CHROMA_TOP_HZ))
        self._chroma_rows: F32 = np.ascontiguousarray(chroma_rows(freq_hz)[:, :n_bins].T, np.float32)
        self._mels: F32 = np.zeros(N_MELS, np.float32)
        self.mfcc: F32 = np.zeros(N_MFCC, np.float32)
        self.chroma: F32 = np.zeros(N_CHROMA, np.float32)
        self.centroid_hz = 0.0

    def reset(self) -> None:
        """Forget the last spectrum."""
        self.mfcc.fill(0)
        self.chroma.fill(0)
        self.centroid_hz = 0.0

    def process(self, power: F32, mag: F32) -> None:
        """Describe one spectrum. Threads: engine."""
        apply_rows(self._mel_rows.first, self._mel_rows.start, self._mel_rows.weight, power, self._mels)
        cepstrum(self._mels, self._cosine, self.mfcc)
        fold(power, self._chroma_rows, self.chroma)
        self.centroid_hz = centroid(mag, self._bin_hz)
