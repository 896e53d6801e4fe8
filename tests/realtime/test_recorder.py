"""The recorder on its own: film and show stay in step and end together, whatever is lost on the way."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

from audio2pose.media.decode import read_song
from audio2pose.realtime.handoff import Echo
from audio2pose.realtime.recorder import Recorder

RATE_HZ, FPS, HOP = 48_000, 30.0, 480
NOISE = 0.3 * np.random.default_rng(0).standard_normal(6 * RATE_HZ).astype(np.float32)


def _recorder(folder: Path) -> Recorder:
    return Recorder(folder / "o.mp4", width=64, height=64, fps=FPS, sample_rate_hz=RATE_HZ)


def _played(echo: Echo, recorder: Recorder, begin_s: float, end_s: float) -> None:
    """Sound and pictures of a stretch of the show, as engine and main thread hand them over; picture n is grey n."""
    for k in range(round(begin_s * 100), round(end_s * 100)):
        echo.write(NOISE[k * HOP : (k + 1) * HOP])
        t_s = k / 100
        if recorder.wants(t_s):
            recorder.offer(np.full((64, 64, 3), int(t_s * FPS) % 200 + 20, np.uint8), t_s)
        time.sleep(0.002)


def _film(path: Path) -> tuple[float, float, list[float]]:
    with av.open(path) as film:
        video, audio = film.streams.video[0], film.streams.audio[0]
        lengths = [float(s.duration * s.time_base) for s in (video, audio)]
        greys = [float(f.to_ndarray(format="rgb24").mean()) for f in film.decode(video=0)]
    return lengths[0], lengths[1], greys


@pytest.mark.parametrize("hops", [99, 100, 101, 102, 103, 104])
def test_the_film_ends_with_the_show(tmp_path: Path, hops: int) -> None:
    """Pictures lie ahead of the sound when it ends; those of which less than half was heard are left out."""
    recorder, echo, stop = _recorder(tmp_path), Echo(RATE_HZ), threading.Event()
    thread = threading.Thread(target=recorder.run, args=(echo, stop))
    thread.start()
    _played(echo, recorder, 0.0, hops / 100)
    recorder.offer(np.full((64, 64, 3), 250, np.uint8), hops / 100 + 1.0 / FPS)
    stop.set()
    thread.join()
    picture_s, sound_s, _ = _film(tmp_path / "o.mp4")
    assert picture_s == pytest.approx(hops / 100, abs=0.5 / FPS + 1e-3)
    assert sound_s == pytest.approx(hops / 100, abs=0.003)


def test_lost_sound_becomes_silence_of_its_length_and_what_follows_is_in_step(tmp_path: Path) -> None:
    """A stall of two seconds with room for half a second: seconds 0.5 to 2 are lost, and told."""
    recorder, echo, stop = _recorder(tmp_path), Echo(RATE_HZ // 2), threading.Event()
    for k in range(200):
        echo.write(NOISE[k * HOP : (k + 1) * HOP])
    assert echo.dropped_frames == 1.5 * RATE_HZ
    thread = threading.Thread(target=recorder.run, args=(echo, stop))
    thread.start()
    while echo.waiting_frames:
        time.sleep(0.01)
    _played(echo, recorder, 2.0, 4.0)
    assert recorder.sound_lost == 1
    stop.set()
    thread.join()
    picture_s, sound_s, greys = _film(tmp_path / "o.mp4")
    assert picture_s == pytest.approx(4.0, abs=0.5 / FPS + 1e-3)
    assert sound_s == pytest.approx(4.0, abs=0.003)
    assert recorder.skipped == 0
    assert greys[105] == pytest.approx(125, abs=3)
    sound, _ = read_song(tmp_path / "o.mp4")
    assert np.abs(sound[round(0.6 * RATE_HZ) : round(1.9 * RATE_HZ)]).max() < 1e-3
    for at_s in (0.1, 2.5, 3.5):
        part = slice(round(at_s * RATE_HZ), round((at_s + 0.3) * RATE_HZ))
        assert np.corrcoef(sound[part], NOISE[part])[0, 1] > 0.8, at_s


def test_sound_lost_at_the_very_end_is_silence_too(tmp_path: Path) -> None:
    recorder, echo, stop = _recorder(tmp_path), Echo(RATE_HZ // 2), threading.Event()
    recorder.offer(np.full((64, 64, 3), 90, np.uint8), 0.0)
    for k in range(100):
        echo.write(NOISE[k * HOP : (k + 1) * HOP])
    stop.set()
    recorder.run(echo, stop)
    picture_s, sound_s, _ = _film(tmp_path / "o.mp4")
    assert picture_s == pytest.approx(1.0, abs=1e-3)
    assert sound_s == pytest.approx(1.0, abs=0.003)


def test_a_show_that_ends_before_its_first_picture_is_a_film_of_one(tmp_path: Path) -> None:
    recorder, echo, stop = _recorder(tmp_path), Echo(RATE_HZ), threading.Event()
    recorder.offer(np.full((64, 64, 3), 90, np.uint8), 0.05)
    echo.write(NOISE[: 2 * HOP])
    stop.set()
    recorder.run(echo, stop)
    assert recorder.failure is None
    _, _, greys = _film(tmp_path / "o.mp4")
    assert greys == [pytest.approx(90, abs=3)]


def test_an_echo_tells_each_hole_where_it_lies_with_two_threads_at_it() -> None:
    """What is read, with zeros for the holes, is what was written with the lost hops zeroed, in its place."""
    echo, n = Echo(4096), 4000
    sound = np.arange(1, n * 100 + 1, dtype=np.float32)
    done, got = threading.Event(), []

    def write() -> None:
        for k in range(n):
            echo.write(sound[k * 100 : (k + 1) * 100])
            if k % 50 == 0:
                time.sleep(0.0003)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    out = np.zeros(1000, np.float32)
    while True:
        last = done.is_set()
        missing = echo.hole()
        got.append(np.zeros(missing, np.float32))
        read = echo.read(out)
        got.append(out[:read].copy())
        if last and not missing and not read:
            break
        time.sleep(0.0005)
    writer.join()
    got.append(np.zeros(echo.last_hole(), np.float32))
    heard = np.concatenate(got)
    assert heard.shape == sound.shape
    kept = heard != 0.0
    assert np.array_equal(heard[kept], sound[kept])
    assert echo.holes > 0
    assert kept.sum() == n * 100 - echo.dropped_frames
