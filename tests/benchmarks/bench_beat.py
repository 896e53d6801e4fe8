"""Beat tracking: processor time a hop of each stage, and aubio's in the same run where it is installed."""

from __future__ import annotations

import time

import numpy as np

from audio2pose.config import BeatConfig, HearConfig
from audio2pose.media.demo_song import demo_song
from audio2pose.music.beat import BeatTracker
from audio2pose.music.hops import Hopper

AUBIO_WINDOW, AUBIO_HOP = 1024, 512


def of(seconds: list[float]) -> str:
    p50, p99 = np.percentile(np.array(seconds) * 1e6, [50, 99])
    return f"p50 {p50:.0f}  p99 {p99:.0f} us a hop"


def row(what: str, figure: str, target: str = "") -> None:
    print(f"{what:42s} {figure:44s} {target}", flush=True)


def ours(front: str) -> float:
    song = demo_song()
    hear = HearConfig()
    tracker = BeatTracker(hear, BeatConfig(front=front), song.sample_rate_hz)
    hops = [hop.copy() for hop in Hopper(song.sample_rate_hz, hear.hop_s).feed(song.samples)]
    for hop in hops[:300]:
        tracker.process(hop)
    tracker.reset()
    costs = []
    for hop in hops:
        start = time.thread_time()
        tracker.process(hop)
        costs.append(time.thread_time() - start)
    share = sum(costs) / (len(hops) * hear.hop_s)
    row(f"BeatTracker, {front} front", f"{of(costs)}, {share:.4f} of the time", "0.006" if front == "learned" else "")
    return share


def aubio_share() -> float | None:
    try:
        import aubio
    except ImportError:
        row("aubio", "not installed: pip install aubio to see it here")
        return None
    song = demo_song()
    tempo = aubio.tempo("default", AUBIO_WINDOW, AUBIO_HOP, song.sample_rate_hz)
    costs = []
    for begin in range(0, len(song.samples) - AUBIO_HOP, AUBIO_HOP):
        hop = np.ascontiguousarray(song.samples[begin : begin + AUBIO_HOP], np.float32)
        start = time.thread_time()
        tempo(hop)
        costs.append(time.thread_time() - start)
    share = sum(costs) / (len(costs) * AUBIO_HOP / song.sample_rate_hz)
    row("aubio, its hop of 512", f"{of(costs)}, {share:.4f} of the time")
    return share


def rfft() -> None:
    window, out = np.random.default_rng(0).normal(size=2048).astype(np.float32), np.zeros(1025, np.complex64)
    costs = []
    for _ in range(5000):
        start = time.thread_time()
        np.fft.rfft(window, out=out)
        costs.append(time.thread_time() - start)
    row("reference: one 2048-point rfft", of(costs))


def main() -> None:
    rfft()
    shares = [ours("learned"), ours("plain")]
    aubio = aubio_share()
    if aubio:
        row("ratio to aubio", f"learned {shares[0] / aubio:.1f}, plain {shares[1] / aubio:.1f}")


if __name__ == "__main__":
    main()
