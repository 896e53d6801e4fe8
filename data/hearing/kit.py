"""Electric drums for the training music: each sound is drawn by lot within what drum machines do, then placed many times.

Shapes   every sound: (N,) float32 at RATE_HZ, peak 1.
Source   analogue drum voices: swept sines, filtered noise, bursts for hands.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F32
from audio2pose.media.synth import RATE_HZ, TAU, filtered, seconds

from .drums import CLAP, CLOSED, CRASH, KICK, OPEN, RIM, SNARE
from .score import Part


def _peaked(x: np.ndarray) -> F32:
    return (x / (np.abs(x).max() + 1e-9)).astype(np.float32)


def voices(rng: np.random.Generator) -> dict[int, F32]:
    """One kit: a sound for each key that our drum parts play."""

    def hiss(duration_s: float, decay_s: float, low_hz: float, high_hz: float) -> F32:
        t = seconds(duration_s)
        sound = filtered(np.asarray(rng.uniform(-1, 1, t.shape[0]), np.float32), low_hz, high_hz)
        return np.asarray(sound * np.exp(-t / decay_s), np.float32)

    decay = rng.uniform(0.06, 0.3)
    t = seconds(0.5)
    low_hz = rng.uniform(38, 62)
    sweep_hz = low_hz + rng.uniform(30, 120) * np.exp(-t / 0.045) + rng.uniform(0, 250) * np.exp(-t / 0.01)
    drive = rng.uniform(1.0, 4.0)
    body = np.tanh(drive * np.sin(TAU * np.cumsum(sweep_hz) / RATE_HZ) * np.exp(-t / decay))
    click = rng.uniform(0, 0.6) * np.exp(-t / 0.003) * rng.uniform(-1, 1, t.shape[0])
    kick = _peaked(body + click)

    decay = rng.uniform(0.04, 0.18)
    tone_hz = rng.uniform(150, 260)
    wires = hiss(0.6, decay, rng.uniform(500, 2000), rng.uniform(5000, 12000))
    t = seconds(0.6)
    skin = np.sin(TAU * tone_hz * t) * np.exp(-t / (0.5 * decay))
    snare = _peaked(rng.uniform(0, 0.8) * skin + wires / (np.abs(wires).max() + 1e-9))

    t = seconds(0.3)
    hands = sum(np.where(t >= at, np.exp(-(t - at) / 0.006), 0.0) for at in np.cumsum(rng.uniform(0.006, 0.013, 3)))
    clap = _peaked(filtered((rng.uniform(-1, 1, t.shape[0]) * (hands + 0.4 * np.exp(-t / 0.06))).astype(np.float32), 800, 6000))

    hat_hz = rng.uniform(4000, 8500)
    return {
        KICK: kick,
        SNARE: snare,
        40: snare,
        CLAP: clap,
        RIM: _peaked(hiss(0.1, 0.012, 900, 4000)),
        CLOSED: _peaked(hiss(0.2, rng.uniform(0.012, 0.04), hat_hz, 15000)),
        OPEN: _peaked(hiss(0.6, rng.uniform(0.06, 0.22), hat_hz, 15000)),
        CRASH: _peaked(hiss(2.0, rng.uniform(0.3, 0.7), 3000, 14000)),
    }


def play(part: Part, at_s: np.ndarray, n_samples: int, rng: np.random.Generator) -> F32:
    """(n_samples,) of *part* whose notes begin at *at_s*, on one kit drawn by lot."""
    kit = voices(rng)
    levels = {key: rng.uniform(0.35, 1.0) for key in kit}
    levels[KICK] = rng.uniform(0.7, 1.1)
    out = np.zeros(n_samples, np.float32)
    for note, begin_s in zip(part.notes, at_s):
        key = int(note["key"])
        sound = kit.get(key, kit[CLOSED])
        begin = round(float(begin_s) * RATE_HZ)
        end = min(begin + sound.shape[0], n_samples)
        if 0 <= begin < end:
            out[begin:end] += sound[: end - begin] * np.float32(levels.get(key, 0.5) * (float(note["velocity"]) / 110.0) ** 1.5)
    return 0.5 * out
