"""A night in fast time: hours of sound through the whole show (engine, stage, OSC, control, log), and nothing grows."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio2pose.match.find import library
from audio2pose.media.demo_song import demo_song
from audio2pose.presets import settings
from audio2pose.realtime.broadcast import Target
from audio2pose.realtime.logreader import LogReader
from audio2pose.realtime.options import Options
from audio2pose.realtime.osc import message
from audio2pose.realtime.report import rss_mib
from audio2pose.realtime.show import Show
from audio2pose.realtime.sources import FileSource

SPEED = 60.0
"""More than the engine can do, so that it is never the source that is waited for: a full ring holds a file up."""
GROWTH_MIB = 5.0


class Night(FileSource):
    """The built-in song again and again, with a pause of ten seconds between, for *seconds*."""

    def __init__(self, seconds: float) -> None:
        song = demo_song()
        super().__init__(song.samples, song.sample_rate_hz, speed=SPEED, name="a night")
        self._song = np.concatenate([song.samples, np.zeros(10 * song.sample_rate_hz, np.float32)])
        self._left = round(seconds * song.sample_rate_hz)
        self.duration_s = seconds
        self._blocks = self._again()

    def _again(self) -> Iterator[np.ndarray]:
        n = round(0.006 * self.sample_rate_hz)
        while self._left > 0:
            for k in range(0, self._song.shape[0], n):
                block = self._song[k : k + min(n, self._left)]
                self._left -= block.shape[0]
                yield block
                if self._left <= 0:
                    return


class Watch:
    """Memory and open files, each second."""

    def __init__(self, show: Show) -> None:
        self.rows: list[tuple[float, float, int, int]] = []  # wall s, MiB, files, hops
        self._show, self._stop = show, threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        began_s = time.monotonic()
        while not self._stop.wait(1.0):
            files = len(os.listdir("/proc/self/fd"))
            self.rows.append((time.monotonic() - began_s, rss_mib() or 0.0, files, self._show._engine.hops))

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        self._thread.join()


def _hand(port: int, stop: threading.Event) -> None:
    """A player who orders all night."""
    orders = [("scene", k) for k in range(6)] + [("palette", k) for k in range(5)] + [("style", k) for k in (0, 3, -1)]
    orders += [("next", 1), ("freeze", 1), ("freeze", 0), ("panic", 1), ("blackout", 0), ("nudge", 5.0), ("nudge", -5.0)]
    k = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        while not stop.wait(0.2):
            name, value = orders[k % len(orders)]
            out.sendto(message(f"/dance/ctl/{name}", value), ("127.0.0.1", port))
            out.sendto(b"garbage" * (k % 7), ("127.0.0.1", port))
            k += 1


def _dance(seconds: float, folder: Path) -> tuple[dict[str, Any], Watch, Show]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chosen = settings(overrides={"stage": {"width": 320, "height": 180}, "group": {"dancers": 2}}, environ={})
    targets = (Target(profile="native", host="127.0.0.1", port=9),)
    options = Options(
        window=False, targets=targets, control=("127.0.0.1", port), log=folder / "night.a2plog",
        events=str(folder / "events.jsonl"),
    )  # fmt: skip
    source = Night(seconds)
    show = Show(chosen, library(), source, options)
    stop = threading.Event()
    hand = threading.Thread(target=_hand, args=(port, stop))
    hand.start()
    try:
        with Watch(show) as watch:
            summary = show.run()
    finally:
        stop.set()
        hand.join()
    assert show.failure is None
    return summary, watch, show


def _judge(seconds: float, folder: Path) -> str:
    summary, watch, show = _dance(seconds, folder)
    assert summary["seconds"] == pytest.approx(seconds, abs=0.02), "the timeline is the count of samples"
    assert show._ring.accepted_frames == round(seconds * show._source.sample_rate_hz)
    assert summary["dropped_hops"] == summary["overflows"] == 0
    assert summary["frames"] > 10
    wall, memory, files, hops = (np.array(column) for column in zip(*watch.rows))
    began = hops > 0
    late = began & (wall > wall[began][0] + 0.25 * (wall[-1] - wall[began][0]))
    growth = float(np.median(memory[late][-5:]) - np.median(memory[late][:5]))
    assert growth < GROWTH_MIB, f"{growth:.1f} MiB"
    assert np.ptp(files[late]) <= 2, "open files come and go with nothing"
    reader = LogReader(folder / "night.a2plog")
    assert reader.hops == show._engine.hops
    assert reader.lost_hops == 0
    log_bytes = (folder / "night.a2plog").stat().st_size
    return (
        f"{summary['seconds'] / 3600:.2f} h in {wall[-1]:.0f} s: memory {memory[late][0]:.0f} to {memory[-1]:.0f} MiB "
        f"({growth:+.1f}), {int(files[-1])} open files (+-{np.ptp(files[late])}), {summary['frames']} pictures, "
        f"{summary['beats']} beats, {summary['segments']} segments, hop p99 {summary['hop_ms']['p99']:.2f} ms, log "
        f"{log_bytes / 2**20:.1f} MiB ({log_bytes / reader.hops:.1f} bytes a hop)"
    )


def test_five_minutes_of_a_night_leave_nothing_behind(tmp_path: Path) -> None:
    _judge(300.0, tmp_path)


@pytest.mark.soak
def test_eight_hours_of_a_night_leave_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = _judge(8 * 3600.0, tmp_path)
    with capsys.disabled():
        print(f"\n{told}")
