"""Instruments of the built-in song: each function makes one sound, numpy only, the same on every run.

Shapes   every sound: (N,) float32 at RATE_HZ, made once and placed many times.
Source   subtractive drum voices as in any analogue drum machine; the pad is random-phase spectral synthesis (Nasca 2006).
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F32, F64

RATE_HZ = 44_100
TAU = 2.0 * np.pi


def noise(n: int, seed: int) -> F32:
    """White, within -1..1. Raw bits of the generator: they are the same in every version of numpy."""
    bits = np.random.PCG64(seed).random_raw(n)
    return ((bits >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-23)) - np.float32(1.0)


def seconds(duration_s: float) -> F64:
    """Times of the samples of a sound."""
    return np.arange(round(duration_s * RATE_HZ)) / RATE_HZ


def filtered(x: F32, low_hz: float, high_hz: float, order: int = 2) -> F32:
    """*x* with what lies outside *low_hz* to *high_hz* turned down by *order* x 6 dB an octave, without delay."""
    n = -(-(x.shape[0] + RATE_HZ // 50) // 16384) * 16384  # a length with a large prime factor takes the FFT seconds
    f = np.fft.rfftfreq(n, 1.0 / RATE_HZ)
    gain = 1.0 / np.sqrt(1.0 + (low_hz / np.maximum(f, 1e-3)) ** (2 * order))
    gain /= np.sqrt(1.0 + (f / high_hz) ** (2 * order))
    return np.fft.irfft(np.fft.rfft(x, n) * gain, n)[: x.shape[0]].astype(np.float32)


def centred(x: F32, span_s: float = 0.25) -> F32:
    """*x* without its running mean: what lies below a few Hz is gone."""
    half = round(0.5 * span_s * RATE_HZ)
    sums = np.cumsum(np.pad(x, (half + 1, half)), dtype=np.float64)
    return x - ((sums[2 * half + 1 :] - sums[: -2 * half - 1]) / (2 * half + 1)).astype(np.float32)


def swept(x: F32, cutoff_hz: F64, resonance: float) -> F32:
    """*x* through a low-pass whose cutoff moves: *cutoff_hz* holds its course in even steps over *x*."""
    size, hop = 2048, 1024
    frames = x.shape[0] // hop + 2
    padded = np.zeros((frames + 1) * hop, np.float32)
    padded[hop : hop + x.shape[0]] = x
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size).astype(np.float32)
    spectra = np.fft.rfft(np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window)
    course = np.interp(np.linspace(0, 1, spectra.shape[0]), np.linspace(0, 1, cutoff_hz.shape[0]), cutoff_hz)
    octaves = np.log2(np.maximum(np.fft.rfftfreq(size, 1.0 / RATE_HZ), 10.0) / course[:, None])
    spectra *= 1.0 / np.sqrt(1.0 + 16.0**octaves) + resonance * np.exp(-((octaves / 0.3) ** 2))
    parts = np.fft.irfft(spectra, size).astype(np.float32) * window
    out = np.zeros((parts.shape[0] + 1, hop), np.float32)
    out[:-1] += parts[:, :hop]
    out[1:] += parts[:, hop:]
    return out.reshape(-1)[hop : hop + x.shape[0]]


def kick() -> F32:
    """A sine falling from 240 to 47 Hz, and a click that starts in the very first sample."""
    t = seconds(0.42)
    sweep_hz = 47.0 + 70.0 * np.exp(-t / 0.045) + 125.0 * np.exp(-t / 0.012)
    body = np.sin(TAU * np.cumsum(sweep_hz) / RATE_HZ) * np.exp(-t / 0.12) * np.minimum((0.42 - t) / 0.1, 1.0)
    click = filtered(noise(t.shape[0], 11), 30.0, 9000.0) * np.exp(-t / 0.003)
    return filtered(np.tanh(1.6 * body + 0.8 * click).astype(np.float32), 22.0, 20000.0)  # a fall leaves some DC


def clap() -> F32:
    """Four hands, 9 ms apart, then the room."""
    t = seconds(0.28)
    hands = sum(np.where(t >= at, np.exp(-(t - at) / 0.005), 0.0) for at in (0.0, 0.009, 0.018))
    room = np.where(t >= 0.026, np.exp(-(t - 0.026) / 0.055), 0.0)
    return _peaked(filtered((noise(t.shape[0], 12) * (0.8 * hands + room)).astype(np.float32), 950.0, 5500.0))


def snare(decay_s: float = 0.09) -> F32:
    """A tuned skin and its wires."""
    t = seconds(4.0 * decay_s)
    skin = np.sin(TAU * (185.0 * t + 1.2 * (1.0 - np.exp(-t / 0.012)))) * np.exp(-t / (0.6 * decay_s))
    wires = filtered(noise(t.shape[0], 13), 1300.0, 9500.0) * np.exp(-t / decay_s)
    return _peaked((0.6 * skin + wires).astype(np.float32))


def hat(decay_s: float, seed: int) -> F32:
    """Closed (decay 0.02 s) or open (0.1 s)."""
    t = seconds(min(5.0 * decay_s, 0.4))
    return _peaked((filtered(noise(t.shape[0], seed), 7500.0, 15000.0, 3) * np.exp(-t / decay_s)).astype(np.float32))


def crash() -> F32:
    """A cymbal that rings for two seconds."""
    t = seconds(2.2)
    ring = np.exp(-t / 0.55) * np.minimum((2.2 - t) / 0.5, 1.0)
    return _peaked((filtered(noise(t.shape[0], 15), 3500.0, 14000.0) * ring).astype(np.float32))


def bass(hz: float, duration_s: float, bite_hz: float) -> F32:
    """A sub sine under a saw whose filter closes from *bite_hz*."""
    t = seconds(duration_s)
    cutoff_hz = 120.0 + bite_hz * np.exp(-t / 0.09)
    sound = np.sin(TAU * hz * t)
    for h in range(2, int(2500.0 / hz)):
        sound += 0.75 / h * np.sin(TAU * hz * h * t) / np.sqrt(1.0 + (hz * h / cutoff_hz) ** 4)
    return _peaked((sound * _edges(t, 0.004, 0.03)).astype(np.float32))


def stab(notes_hz: tuple[float, ...], decay_s: float) -> F32:
    """A chord of detuned saws, plucked: loudness and filter fall together."""
    t = seconds(min(5.0 * decay_s, 0.6))
    cutoff_hz = 500.0 + 8500.0 * np.exp(-t / (0.7 * decay_s))
    sound = np.zeros(t.shape[0])
    for k, hz in enumerate(notes_hz):
        for side in (0.9965, 1.0035):
            for h in range(1, min(int(11000.0 / hz), 26)):
                damping = 1.0 / np.sqrt(1.0 + (hz * h / cutoff_hz) ** 4)
                sound += np.sin(TAU * hz * side * h * t + 1.7 * k + 2.3 * h * side) / h * damping
    return _peaked((sound * np.exp(-t / decay_s) * _edges(t, 0.002, 0.05)).astype(np.float32))


def lead(hz: float, duration_s: float) -> F32:
    """A hollow pluck: odd harmonics, a little vibrato once it stands."""
    t = seconds(duration_s)
    turns = hz * t + 0.0025 * hz / 5.5 * np.sin(TAU * 5.5 * t) * np.minimum(t / 0.25, 1.0)
    tone = sum(np.sin(TAU * h * turns) * np.exp(-t * (1.5 + 1.8 * h)) / h**1.1 for h in (1, 2, 3, 5, 7, 9))
    return _peaked((tone * _edges(t, 0.003, 0.05)).astype(np.float32))


def pad(notes_hz: tuple[float, ...], duration_s: float, seed: int) -> F32:
    """A choir of strings: every harmonic a narrow band of random phase, so that it shimmers and never beats."""
    n = 1 << 17
    per_bin_hz = RATE_HZ / n
    level = np.zeros(n // 2 + 1)
    for hz in notes_hz:
        for h in range(1, min(int(7000.0 / hz), 24)):
            middle, width = hz * h / per_bin_hz, max(0.007 * hz * h / per_bin_hz, 1.0)
            k = np.arange(int(middle - 4 * width), int(middle + 4 * width) + 1)
            level[k] += np.exp(-(((k - middle) / width) ** 2)) / np.sqrt(width) / h**1.25
    spectrum = level * np.exp(1j * np.pi * noise(level.shape[0], seed))
    t = seconds(duration_s)
    return _peaked((np.fft.irfft(spectrum, n)[: t.shape[0]] * _edges(t, 0.12, 0.3)).astype(np.float32))


def _edges(t: F64, attack_s: float, release_s: float) -> F64:
    """0 to 1 to 0, so that nothing clicks."""
    end_s = t[-1] + 1.0 / RATE_HZ
    return np.minimum(1.0, np.minimum(t / attack_s, (end_s - t) / release_s))


def _peaked(x: F32) -> F32:
    return x / np.float32(np.abs(x).max())
