"""`make bench`: what the main job costs, each beside a reference measured in the same run.

Nothing here passes or fails: machines are noisy. Targets stand beside the figures.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from audio2pose.match.find import library
from audio2pose.media.demo_song import demo_song
from audio2pose.music.hops import Hopper
from audio2pose.performer import Performer
from audio2pose.presets import settings

HERE = Path(__file__).resolve().parent


def row(what: str, figure: str, target: str = "") -> None:
    print(f"{what:42s} {figure:44s} {target}", flush=True)


def of(values: list[float]) -> str:
    p50, p99, top = np.percentile(values, [50, 99, 100])
    return f"p50 {p50:.3f}  p99 {p99:.3f}  max {top:.3f} ms"


def hop_cost() -> None:
    song = demo_song()
    performer = Performer(settings(environ={}), library(), song.sample_rate_hz)
    performer.warm_up()
    window, out = np.random.default_rng(0).normal(size=2048), np.zeros(1025, complex)
    costs, reference = [], []
    for hop in Hopper(song.sample_rate_hz, performer.hop_s).feed(song.samples):
        start = time.thread_time()
        performer.process(hop)
        middle = time.thread_time()
        np.fft.rfft(window, out=out)
        costs.append((middle - start) * 1e3)
        reference.append((time.thread_time() - middle) * 1e3)
    row("Performer.process, processor time a hop", of(costs), "p99 under 1 ms")
    row("  reference: one 2048-point rfft", of(reference))
    row("  ratio of the medians", f"{np.median(costs) / np.median(reference):.1f}")


def timed(*words: str) -> float:
    start = time.perf_counter()
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - start


def start_cost() -> None:
    bare = [timed("-c", "pass") for _ in range(5)]
    helps = [timed("-m", "audio2pose", "--help") for _ in range(5)]
    row(
        "audio2pose --help",
        f"median {np.median(helps):.3f} s, {np.median(helps) / np.median(bare):.1f} x a bare python",
        "under 0.3 s",
    )


def render_cost() -> None:
    import soundfile

    song = demo_song()
    seconds = len(song.samples) / song.sample_rate_hz
    with tempfile.TemporaryDirectory() as folder:
        wav = f"{folder}/song.wav"
        soundfile.write(wav, song.samples, song.sample_rate_hz)
        for what, words, target in (
            ("render to npz (look-ahead)", ["-o", f"{folder}/a.npz"], "at least 30 x"),
            ("render to npz (causal)", ["--causal", "-o", f"{folder}/b.npz"], "at least 30 x"),
            ("render to 720p30 mp4", ["--size", "1280x720", "--fps", "30", "-o", f"{folder}/c.mp4"], "at least 2 x"),
        ):
            took = min(timed("-m", "audio2pose", "render", wav, *words) for _ in range(2))
            row(what, f"{seconds / took:.1f} x real time ({took:.2f} s for {seconds:.0f} s)", target)


def first_pose() -> None:
    took = []
    for _ in range(3):
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(60)
        port = receiver.getsockname()[1]
        start = time.perf_counter()
        words = ["live", "--demo", "--no-window", "--duration", "1", "--send", f"native@127.0.0.1:{port}"]
        live = subprocess.Popen(
            [sys.executable, "-m", "audio2pose", *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        receiver.recv(2048)
        took.append(time.perf_counter() - start)
        live.wait()
        receiver.close()
    row("live: from the command to the first pose sent", f"median {np.median(took):.2f} s", "within 3 s, warm caches")


def live_cost() -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Into a film: pictures that nobody sees are drawn five times a second only.
        words = ["live", "--demo", "--no-window", "--duration", "20", "--json", "--record", f"{folder}/o.mp4"]
        done = subprocess.run([sys.executable, "-m", "audio2pose", *words], capture_output=True, text=True)
    summary = json.loads(done.stdout)
    for key in ("hop_ms", "lateness_ms", "frame_ms"):
        row(f"live --demo, {key}", json.dumps(summary[key]))
    row("live --demo into a film, frames a second", f"{summary['fps']:.1f}", "30")


def main() -> None:
    for part in (hop_cost, start_cost, render_cost, first_pose, live_cost):
        part()
    for script in sorted(HERE.glob("bench_*.py")):
        print(f"-- {script.stem}", flush=True)
        subprocess.run([sys.executable, str(script)], check=False)


if __name__ == "__main__":
    main()
