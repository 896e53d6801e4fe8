"""The show as a program uses it: what goes wrong in a thread is told, and everything is ended whatever happens."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from pythonosc.osc_bundle import OscBundle

from audio2pose.config import settings
from audio2pose.errors import OutputError, SongError
from audio2pose.match.find import library
from audio2pose.media.demo_song import demo_song
from audio2pose.realtime.broadcast import Target
from audio2pose.realtime.report import f_measure
from audio2pose.realtime.show import Options, Show
from audio2pose.realtime.sources import FileSource

SMALL = {"stage": {"width": 64, "height": 64}}


def _source(seconds: float = 1.0) -> FileSource:
    song = demo_song()
    return FileSource(song.samples, song.sample_rate_hz, end_s=seconds)


class _Dying(FileSource):
    """A song whose file is pulled away in its first second."""

    def run(self, stop: threading.Event) -> None:
        stop.wait(0.3)
        raise SongError("the disk of the song is gone: put it back")


def _show(source: FileSource, **options: object) -> Show:
    return Show(settings(overrides=SMALL, environ={}), library(), source, Options(window=False, **options))  # type: ignore[arg-type]


def test_a_thread_that_dies_ends_the_show_and_is_told() -> None:
    show = _show(_Dying(np.zeros(44100, np.float32), 44100))
    summary = show.run()
    assert isinstance(show.failure, SongError)
    assert summary["seconds"] == 0.0
    assert not show.interrupted


def test_nothing_of_a_show_is_left_running() -> None:
    before, interval_s = set(threading.enumerate()), sys.getswitchinterval()
    show = _show(_source(0.5), targets=(Target(profile="native", host="127.0.0.1", port=9),))
    summary = show.run()
    assert set(threading.enumerate()) <= before
    assert sys.getswitchinterval() == interval_s
    assert summary["seconds"] == 0.5
    assert show.failure is None


def test_a_slow_receiver_gets_the_dance_as_far_ahead_as_it_asked(tmp_path: Path) -> None:
    """300 ms ahead is more than the engine looks ahead by itself; what was sent must still be what was danced."""
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.setblocking(False)
    port = receiver.getsockname()[1]
    target = Target(profile="native", host="127.0.0.1", port=port, rate_hz=20.0, latency_s=0.3)
    show = _show(_source(3.5), targets=(target,), records=(tmp_path / "o.npz",))
    show.run()
    with np.load(tmp_path / "o.npz") as poses:
        danced = poses["positions_m"]
    apart, hands = [], []
    with receiver:
        for _ in range(show_packets := 200):
            try:
                messages = {m.address: m.params for m in OscBundle(receiver.recv(2048))}
            except BlockingIOError:
                break
            if "/dance/1/frame" in messages:
                at = messages["/dance/1/frame"][1] / 10.0
                k, u = int(at), at % 1.0
                if 30 < k < danced.shape[0] - 1:
                    hands.append(messages["/dance/1/left_hand"])
                    apart.append(np.abs((1 - u) * danced[k, 22] + u * danced[k + 1, 22] - hands[-1]).max())
    assert 40 < len(apart) < show_packets
    assert np.ptp(hands, axis=0).max() > 0.1, "nothing moved, so nothing was shown"
    assert np.percentile(apart, 90) < 0.005


def test_a_folder_that_is_not_there_is_told_before_the_show(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="there is no folder"):
        _show(_source(), records=(tmp_path / "nowhere" / "o.mp4",))
    with pytest.raises(OutputError, match="there is no folder"):
        _show(_source(), records=(tmp_path / "o.mp4",), events=str(tmp_path / "nowhere" / "e.jsonl"))
    assert not list(tmp_path.iterdir())


def test_f_counts_beats_found_within_70_ms_once_each() -> None:
    true = [5.0 + 0.5 * k for k in range(20)]
    assert f_measure(true, true) == 1.0
    assert f_measure([t + 0.06 for t in true], true) == 1.0
    assert f_measure([t + 0.08 for t in true], true) == 0.0
    assert f_measure([], true) == 0.0
    assert f_measure(true[::2], true) == pytest.approx(2 / 3)
    assert f_measure([*true, *(t + 0.01 for t in true)], true) == pytest.approx(2 / 3)
    assert f_measure([1.0], [1.0]) is None, "the first seconds do not count"
