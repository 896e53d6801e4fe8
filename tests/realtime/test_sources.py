"""Sources and the stream clock: a song at its own pace, and what second of it is heard now."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from audio2pose.errors import SongError, UsageError
from audio2pose.media.decode import read_song
from audio2pose.realtime.handoff import HopRing
from audio2pose.realtime.sources import FileSource, StreamClock

RATE_HZ = 8000


def _played(source: FileSource, ring: HopRing) -> StreamClock:
    clock = StreamClock()
    source.start(ring, clock)
    source.run(threading.Event())
    source.stop()
    return clock


def test_before_any_sound_no_second_is_heard() -> None:
    clock = StreamClock()
    assert clock.at(time.perf_counter()) == -math.inf
    assert not clock.running


def test_the_clock_runs_on_between_marks() -> None:
    clock = StreamClock()
    clock.mark(100.0, 2.0)
    assert clock.at(100.25) == pytest.approx(2.25)
    assert clock.at(99.0) == pytest.approx(1.0)


def test_jitter_of_time_stamps_is_smoothed() -> None:
    clock, jitter_s = StreamClock(), 0.010 * np.random.default_rng(3).standard_normal(2000).clip(-2, 2)
    errors_s = []
    for k in range(2000):
        clock.mark(0.005 * k + jitter_s[k], 0.005 * k)
        errors_s.append(clock.at(0.005 * k) - 0.005 * k)
    assert np.abs(errors_s[1000:]).max() < 0.003


def test_a_crystal_that_runs_off_is_followed() -> None:
    clock = StreamClock()
    for k in range(20_000):
        clock.mark(0.005 * k, 0.005 * k * (1 + 1e-4))
    assert clock.at(100.0) == pytest.approx(100.01, abs=0.0005)


def test_after_a_gap_the_clock_jumps() -> None:
    clock = StreamClock()
    clock.mark(10.0, 1.0)
    clock.mark(12.0, 1.1)
    assert clock.at(12.0) == pytest.approx(1.1)


def test_a_song_takes_as_long_as_it_lasts_and_every_sample_arrives() -> None:
    sound = np.random.default_rng(0).standard_normal(RATE_HZ // 2).astype(np.float32)
    ring, out = HopRing(RATE_HZ), np.zeros(RATE_HZ, np.float32)
    source = FileSource(sound, RATE_HZ)
    began_s = time.perf_counter()
    clock = _played(source, ring)
    took_s = time.perf_counter() - began_s
    assert 0.495 < took_s < 1.0
    assert source.finished
    n = ring.read(out)
    assert np.array_equal(out[:n], sound)
    assert clock.at(began_s) == pytest.approx(0.0, abs=0.010)


def test_speed_is_a_pace() -> None:
    source = FileSource(np.zeros(RATE_HZ, np.float32), RATE_HZ, speed=10.0)
    began_s = time.perf_counter()
    clock = _played(source, HopRing(RATE_HZ))
    assert 0.095 < time.perf_counter() - began_s < 0.6
    assert clock.at(began_s + 0.05) == pytest.approx(0.5, abs=0.1)


def test_a_source_that_was_held_up_catches_up_without_losing_time() -> None:
    class Slow(HopRing):
        """A ring whose third block holds its writer up, as a busy machine does."""

        def write(self, block: np.ndarray) -> int:
            if self.accepted_frames == 512:
                time.sleep(0.15)
            return super().write(block)

    began_s = time.perf_counter()
    clock = _played(FileSource(np.zeros(RATE_HZ // 2, np.float32), RATE_HZ), Slow(RATE_HZ))
    assert time.perf_counter() - began_s < 0.62, "what was lost was played late"
    assert clock.at(began_s + 0.5) == pytest.approx(0.5, abs=0.02)


class _Reader:
    """The engine's place: reads all that comes, and keeps it."""

    def __init__(self, ring: HopRing, *, every_s: float) -> None:
        self.ring, self.heard, self._every_s, self._stop = ring, [], every_s, threading.Event()
        self._thread = threading.Thread(target=self._read)

    def _read(self) -> None:
        out = np.zeros(self.ring.capacity_frames, np.float32)
        while not self._stop.wait(self._every_s):
            self.heard.append(out[: self.ring.read(out)].copy())
        self.heard.append(out[: self.ring.read(out)].copy())

    def __enter__(self) -> _Reader:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


class _HeldUp(HopRing):
    """A ring whose writer is held up once for twice what it holds, as by a computer that slept."""

    held_up = False

    def write(self, block: np.ndarray) -> int:
        if self.accepted_frames > 480 and not self.held_up:
            self.held_up = True
            time.sleep(2.0 * self.capacity_frames / RATE_HZ)
        return super().write(block)


def test_after_a_long_stall_a_song_goes_on_from_where_it_was_and_is_heard_whole() -> None:
    sound = np.random.default_rng(5).standard_normal(RATE_HZ).astype(np.float32)
    source = FileSource(sound, RATE_HZ)
    began_s = time.perf_counter()
    with _Reader(_HeldUp(RATE_HZ // 5), every_s=0.02) as reader:
        clock = _played(source, reader.ring)
    assert reader.ring.dropped_frames == 0
    assert np.array_equal(np.concatenate(reader.heard), sound)
    assert time.perf_counter() - began_s > 1.3, "the song ran to catch up"
    assert source.counters["stalls"] == 1
    assert clock.at(time.perf_counter()) <= 1.0 + 0.3


def test_a_reader_that_sleeps_loses_nothing_of_a_song() -> None:
    sound = np.random.default_rng(6).standard_normal(RATE_HZ).astype(np.float32)
    source = FileSource(sound, RATE_HZ)
    with _Reader(HopRing(RATE_HZ // 5), every_s=0.4) as reader:
        _played(source, reader.ring)
    assert np.array_equal(np.concatenate(reader.heard), sound)
    assert source.counters["stalls"] >= 1


def test_a_clock_that_is_marked_no_more_stands_still() -> None:
    """Else a process that was stopped for 7 s would draw 7 s that nobody heard, and then wait for them."""
    clock = StreamClock()
    clock.mark(100.0, 2.0)
    assert clock.at(107.0) == pytest.approx(2.25)


@pytest.mark.parametrize("rate_hz", [4_000, 8_000, 44_100, 192_000])
def test_blocks_last_as_long_at_any_rate(rate_hz: int) -> None:
    assert FileSource(np.zeros(rate_hz, np.float32), rate_hz).latency_s == pytest.approx(0.006, rel=0.01)


def test_stopping_ends_at_once() -> None:
    source, stop = FileSource(np.zeros(60 * RATE_HZ, np.float32), RATE_HZ), threading.Event()
    source.start(HopRing(RATE_HZ), StreamClock())
    thread = threading.Thread(target=source.run, args=(stop,))
    thread.start()
    time.sleep(0.05)
    began_s = time.perf_counter()
    stop.set()
    thread.join(5.0)
    assert time.perf_counter() - began_s < 0.2
    assert not source.finished


def test_a_file_and_its_samples_are_the_same_source(testdata: Path) -> None:
    path = testdata / "beats" / "edm_house.ogg"
    sound, rate_hz = read_song(path, end_s=2.0)
    ring, out = HopRing(10 * rate_hz), np.zeros(10 * rate_hz, np.float32)
    _played(FileSource(path, end_s=2.0, speed=40.0), ring)
    n = ring.read(out)
    assert np.array_equal(out[:n], sound)


def test_a_missing_song_and_samples_without_a_rate_are_told_before_the_show() -> None:
    with pytest.raises(SongError, match="there is no file"):
        FileSource("nowhere.ogg")
    with pytest.raises(UsageError, match="rate"):
        FileSource(np.zeros(10, np.float32))
