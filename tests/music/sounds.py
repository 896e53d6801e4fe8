"""Sounds and measures that the specifications of this room share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio2pose.arrays import F32, F64, I64
from audio2pose.config import BeatConfig, ClockConfig, HearConfig
from audio2pose.music.ears import Ears
from audio2pose.music.front import LEARNED
from audio2pose.music.heard import HEARD
from audio2pose.music.hops import Hopper

HOP_S = 0.010


def click_track(times_s: F64, seconds: float, rate_hz: int = 44100, strengths: F64 | None = None) -> F32:
    """A click and a low thump at each of *times_s*, to the sample, each as loud as its strength says."""
    sound = np.zeros(int(seconds * rate_hz), np.float32)
    n = int(0.06 * rate_hz)
    t = np.arange(n) / rate_hz
    # Sines rather than noise, so that every sample rate hears the same click.
    click = sum(np.sin(2 * np.pi * hz * t + hz) for hz in (60, 90, 330, 700, 1300, 1900)) * np.exp(-t / 0.012) * 0.12
    for i, beat_s in enumerate(times_s):
        k = round(beat_s * rate_hz)
        strength = 1.0 if strengths is None else strengths[i]
        sound[k : k + n] += (strength * click).astype(np.float32)[: max(0, len(sound) - k)]
    return sound


def clicks(bpm: float, seconds: float, rate_hz: int = 44100, first_s: float = 0.5) -> tuple[F32, F64]:
    """A click on each beat, and the beats' times."""
    times = np.arange(first_s, seconds - 0.1, 60.0 / bpm)
    return click_track(times, seconds, rate_hz), times


def changing(bpm: list[tuple[float, float]], seconds: float, first_s: float = 0.5) -> F64:
    """Times of beats whose tempo at second s is told by *bpm*, points (s, BPM) with straight lines between."""
    points_s, tempi = zip(*bpm)
    fine_s = np.arange(first_s, seconds - 0.1, 0.0005)
    beat = np.concatenate([[0.0], np.cumsum(np.interp(fine_s[:-1], points_s, tempi) / 60.0 * 0.0005)])
    return np.asarray(np.interp(np.arange(0.0, beat[-1]), beat, fine_s))


def noise(seconds: float, rms: float, seed: int = 0) -> F32:
    return (np.random.default_rng(seed).normal(0.0, rms, int(seconds * 44100))).astype(np.float32)


def babble(seconds: float, seed: int = 0, rate_hz: int = 44100) -> F32:
    """Like a crowd's speech: four voices of buzzing syllables of no even length, with formants, breath and pauses."""
    rng = np.random.default_rng(seed)
    out = np.zeros(int(seconds * rate_hz))
    for _ in range(4):
        at_s, pitch_hz = rng.uniform(0.0, 0.6), rng.uniform(90.0, 220.0)
        while at_s < seconds - 0.6:
            n = int(rng.uniform(0.08, 0.35) * rate_hz)
            t = np.arange(n) / rate_hz
            glide = pitch_hz * rng.uniform(0.85, 1.2) * (1.0 + rng.uniform(-0.15, 0.15) * t / t[-1])
            phase = 2.0 * np.pi * np.cumsum(glide) / rate_hz
            formants_hz = rng.uniform((300.0, 900.0, 2200.0), (800.0, 2000.0, 3200.0))
            voice = sum(
                np.sin(h * phase) * (1.0 / (1.0 + ((h * pitch_hz - formants_hz[:, None]) / 160.0) ** 2)).sum(axis=0)
                for h in range(1, 25)
            )
            swell = np.sin(np.pi * np.linspace(0.0, 1.0, n)) ** rng.uniform(0.4, 1.5)
            k = int(at_s * rate_hz)
            out[k : k + n] += (rng.uniform(0.3, 1.0) * swell * (voice + rng.normal(0.0, 0.15, n)))[: len(out) - k]
            at_s += n / rate_hz + rng.choice([0.0, 0.03, 0.1, rng.exponential(0.5)])
    return np.asarray(0.1 * out / np.sqrt(np.mean(out**2)), np.float32)


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


def true_bars(path: Path) -> tuple[F64, I64]:
    """Beats of NAME.ogg and the place of each in its bar, 0 where that is not known."""
    table = np.loadtxt(path.with_suffix(".beats"), ndmin=2)
    return table[:, 0], table[:, 1].astype(np.int64)


def ears(rate_hz: int = 44100, front: str = LEARNED) -> Ears:
    return Ears(HearConfig(), BeatConfig(front=front), ClockConfig(), rate_hz)


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


def hits(truth_s: F64, told_s: F64, window_s: float = 0.07) -> NDArray[np.bool_]:
    """(N,) whether each told beat lies within *window_s* of a true one."""
    return np.asarray(np.abs(told_s[:, None] - truth_s).min(axis=1, initial=np.inf) <= window_s)


def locked_after_s(truth_s: F64, told_s: F64, in_a_row: int = 4) -> float:
    """How long after the first true beat the first of so many true beats in a row is told; infinite if that never happens."""
    found = hits(told_s, truth_s)
    runs = np.convolve(found, np.ones(in_a_row), "valid") == in_a_row
    return float(truth_s[runs.argmax()] - truth_s[0]) if runs.any() else float("inf")


def hardly_a_beat_after_its_first_moments(log) -> bool:  # type: ignore[no-untyped-def]
    """The first sounds may be taken for music, with little confidence; after three seconds no more than two are told."""
    beats = log[log["committed"] == 1]
    return bool((beats["committed_s"] > 3.0).sum() <= 2 and (len(beats) == 0 or beats["confidence"].mean() < 0.6))
