"""The show as a program uses it: what goes wrong in a thread is told, and everything is ended whatever happens."""

from __future__ import annotations

import socket
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from pythonosc.osc_bundle import OscBundle

from audio2pose.errors import DeviceError, OutputError, SongError
from audio2pose.match.find import library
from audio2pose.media.demo_song import demo_song
from audio2pose.presets import settings
from audio2pose.realtime import engine as engine_module
from audio2pose.realtime.broadcast import Target
from audio2pose.realtime.handoff import HopRing
from audio2pose.realtime.options import Options
from audio2pose.realtime.report import f_measure
from audio2pose.realtime.show import Show
from audio2pose.realtime.sources import FileSource, StreamClock
from tests.realtime.shows import danced_live, performer

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


def test_an_engine_that_dies_is_not_asked_again_and_what_it_danced_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show = _show(_source(3.0), records=(tmp_path / "a.npz",))
    asked, process = [0], show._performer.process

    def dying(hop: np.ndarray) -> object:
        asked[0] += 1
        if asked[0] > 100:
            raise MemoryError("no room for a hop")
        return process(hop)

    monkeypatch.setattr(show._performer, "process", dying)
    summary = show.run()
    assert isinstance(show.failure, MemoryError)
    assert asked[0] == 101
    assert summary["seconds"] == 1.0
    with np.load(tmp_path / "a.npz") as kept:
        assert kept["positions_m"].shape[0] == 100


def test_nothing_of_a_show_is_left_running() -> None:
    before, interval_s = set(threading.enumerate()), sys.getswitchinterval()
    show = _show(_source(0.5), targets=(Target(profile="native", host="127.0.0.1", port=9),))
    summary = show.run()
    assert set(threading.enumerate()) <= before
    assert sys.getswitchinterval() == interval_s
    assert summary["seconds"] == 0.5
    assert show.failure is None


class _Slower(FileSource):
    """A song whose input is opened anew after a second, and is a slower one then."""

    def run(self, stop: threading.Event) -> None:
        again = threading.Timer(1.0, setattr, [self, "latency_s", 0.15])
        again.start()
        super().run(stop)
        again.join()


def test_an_input_that_turns_out_slower_is_danced_further_ahead_of(tmp_path: Path) -> None:
    song = demo_song()
    show = _show(_Slower(song.samples, song.sample_rate_hz, end_s=3.0), events=str(tmp_path / "e.jsonl"))
    summary = show.run()
    assert summary["latency_ms"]["ahead"] == pytest.approx(150.0 + 30.0 + 20.0, abs=1.0)
    assert '"command": "lead", "value": 200.0' in (tmp_path / "e.jsonl").read_text()


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


def test_what_cannot_be_written_is_told_before_the_show_and_older_files_stay(tmp_path: Path) -> None:
    (tmp_path / "d.npz").mkdir()
    (tmp_path / "e.jsonl").write_text("an older show\n")
    with pytest.raises(OutputError, match="is a folder"):
        _show(_source(), records=(tmp_path / "d.npz",), events=str(tmp_path / "e.jsonl"))
    assert (tmp_path / "e.jsonl").read_text() == "an older show\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.npz", "e.jsonl"]


class _Gone(FileSource):
    """A source that does not open: a sound card that was pulled out since it was looked at."""

    def start(self, ring: HopRing, clock: StreamClock) -> None:
        raise DeviceError("the sound input is gone: plug it in")


def test_a_show_that_cannot_start_leaves_the_events_of_the_last_one_and_nothing_new(tmp_path: Path) -> None:
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    old.write_text("an older show\n")
    for where in (old, new):
        show = _show(_Gone(np.zeros(4410, np.float32), 44100), events=str(where), records=(tmp_path / "o.mp4",))
        with pytest.raises(DeviceError, match="is gone"):
            show.run()
    assert old.read_text() == "an older show\n"
    assert [p.name for p in tmp_path.iterdir()] == ["old.jsonl"]
    show = _show(_source(0.3), events=str(old))
    show.run()
    assert '"event": "summary"' in old.read_text()
    assert "older" not in old.read_text()


def test_a_pose_file_ends_where_its_room_does_and_that_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three hours are kept of a show without end; here a second of three."""
    monkeypatch.setattr("audio2pose.realtime.show.TAP_S", 0.0)
    show = _show(_source(3.0), records=(tmp_path / "o.npz",))
    summary = show.run()
    with np.load(tmp_path / "o.npz") as poses:
        assert poses["positions_m"].shape[0] == 100, "the room of a show of no length"
        assert (poses["segment_starts_s"] < 1.2).all()
        assert (poses["beat_times_s"] < 1.2).all()
    assert summary["seconds"] == 3.0
    assert "poses not recorded" in capsys.readouterr().err


def test_beats_are_kept_only_where_someone_wants_them() -> None:
    made = performer(song_hz := demo_song().sample_rate_hz)
    sound = demo_song().samples[8 * song_hz : 18 * song_hz]
    for keep, limit in ((False, 10), (True, 3)):
        engine_module.MAX_BEATS, before = limit, engine_module.MAX_BEATS
        try:
            _, engine, _ = danced_live(made, sound, song_hz, speed=8.0, keep_beats=keep)
        finally:
            engine_module.MAX_BEATS = before
        assert engine.beats > 8
        assert len(engine.beat_times_s) == len(engine.beat_positions) == (3 if keep else 0)


class _Troubled(FileSource):
    """A song with a source's trouble in its second second, without any counter that tells it."""

    def run(self, stop: threading.Event) -> None:
        threading.Timer(0.5, setattr, [self, "trouble", "the cable is loose: push it in"]).start()
        threading.Timer(2.2, setattr, [self, "trouble", ""]).start()
        super().run(stop)


def test_the_trouble_of_a_source_is_said_once_when_it_changes(capsys: pytest.CaptureFixture[str]) -> None:
    song = demo_song()
    _show(_Troubled(song.samples, song.sample_rate_hz, end_s=3.6)).run()
    err = capsys.readouterr().err
    assert err.count("trouble: the cable is loose: push it in") == 1
    assert err.count("the sound is back") == 1


def test_pictures_that_nobody_sees_are_few_and_the_rate_that_is_told_is_true() -> None:
    summary = _show(_source(2.0)).run()
    assert 8 <= summary["frames"] <= 11
    assert summary["fps"] == pytest.approx(5.0, abs=0.7)


def test_f_counts_beats_found_within_70_ms_once_each() -> None:
    true = [5.0 + 0.5 * k for k in range(20)]
    assert f_measure(true, true) == 1.0
    assert f_measure([t + 0.06 for t in true], true) == 1.0
    assert f_measure([t + 0.08 for t in true], true) == 0.0
    assert f_measure([], true) == 0.0
    assert f_measure(true[::2], true) == pytest.approx(2 / 3)
    assert f_measure([*true, *(t + 0.01 for t in true)], true) == pytest.approx(2 / 3)
    assert f_measure([1.0], [1.0]) is None, "the first seconds do not count"
