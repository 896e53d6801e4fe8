"""Sounds and measures that the specifications of this room share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from audio2pose.arrays import F32, F64
from audio2pose.config import BeatConfig, ClockConfig, HearConfig
from audio2pose.music.ears import Ears
from audio2pose.music.heard import HEARD
from audio2pose.music.hops import Hopper

HOP_S = 0.010


def clicks(bpm: float, seconds: float, rate_hz: int = 44100, first_s: float = 0.5) -> tuple[F32, F64]:
    """A click of 20 ms noise and a low thump on each beat, and the beats' times."""
    sound = np.zeros(int(seconds * rate_hz), np.float32)
    times = np.arange(first_s, seconds - 0.1, 60.0 / bpm)
    n = int(0.06 * rate_hz)
    t = np.arange(n) / rate_hz
    # Sines rather than noise, so that every sample rate hears the same click.
    click = sum(np.sin(2 * np.pi * hz * t + hz) for hz in (60, 90, 330, 700, 1300, 1900)) * np.exp(-t / 0.012) * 0.12
    for beat_s in times:
        k = round(beat_s * rate_hz)
        sound[k : k + n] += click.astype(np.float32)[: len(sound) - k]
    return sound, times


def noise(seconds: float, rms: float, seed: int = 0) -> F32:
    return (np.random.default_rng(seed).normal(0.0, rms, int(seconds * 44100))).astype(np.float32)


def song(path: Path, seconds: float | None = None, start_s: float = 0.0) -> tuple[F32, int]:
    rate_hz = soundfile.info(path).samplerate
    frames = -1 if seconds is None else int(seconds * rate_hz)
    x, rate_hz = soundfile.read(path, frames=frames, start=int(start_s * rate_hz), dtype="float32", always_2d=True)
    return np.ascontiguousarray(x.mean(axis=1), np.float32), rate_hz


def true_beats(path: Path) -> F64:
    """Beats of NAME.ogg beside it: NAME.beats (a table) or NAME.beats.json."""
    table = path.with_suffix(".beats")
    if table.is_file():
        return np.loadtxt(table, ndmin=2)[:, 0]
    return np.array(json.loads(path.with_suffix(".beats.json").read_text())["beats"])


def ears(rate_hz: int = 44100) -> Ears:
    return Ears(HearConfig(), BeatConfig(), ClockConfig(), rate_hz)


def hear(sound: F32, rate_hz: int = 44100, listener: Ears | None = None, block: int = 4096):  # type: ignore[no-untyped-def]
    """The log (H,) HEARD and the activations (H, A) of *sound*."""
    listener = listener or ears(rate_hz)
    hopper = Hopper(rate_hz, HOP_S)
    log, activations = [], []
    for k in range(0, len(sound), block):
        for hop in hopper.feed(sound[k : k + block]):
            log.append(listener.process(hop).copy())
            activations.append(listener.activation.copy())
    return np.array(log, HEARD), np.array(activations)


def committed_s(log) -> F64:  # type: ignore[no-untyped-def]
    return np.asarray(log["committed_s"][log["committed"] == 1])


def f_measure(truth_s: F64, told_s: F64, skip_s: float = 5.0, window_s: float = 0.07) -> float:
    """F of told against true times, each true one found at most once, those before *skip_s* left out."""
    truth_s, told_s = truth_s[truth_s >= skip_s], told_s[told_s >= skip_s]
    free, hits = list(truth_s), 0
    for t in told_s:
        near = [i for i, u in enumerate(free) if abs(u - t) <= window_s]
        if near:
            free.pop(min(near, key=lambda i: abs(free[i] - t)))
            hits += 1
    return 2.0 * hits / max(1, len(truth_s) + len(told_s))
