"""The recorder on its own: film and show stay in step and end together, whatever is lost on the way."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from audio2pose.media import posefile
from audio2pose.media.decode import read_song
from audio2pose.motion.pose import POSE, rest_pose
from audio2pose.realtime.films import BUFFERS, Films
from audio2pose.realtime.handoff import Echo
from audio2pose.realtime.recorder import write_poses
from tests.media.test_bvh import read_back

RATE_HZ, FPS, HOP = 48_000, 30.0, 480
NOISE = 0.3 * np.random.default_rng(0).standard_normal(20 * RATE_HZ).astype(np.float32)


def _recorder(folder: Path) -> Films:
    return Films(folder / "o.mp4", width=64, height=64, fps=FPS, sample_rate_hz=RATE_HZ)


def _played(echo: Echo, recorder: Films, begin_s: float, end_s: float) -> None:
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


class Show:
    """The recorder thread, and what engine and main thread do beside it; stream time goes on five times as fast."""

    def __init__(self, films: Films, echo: Echo) -> None:
        self.films, self.echo, self._stop = films, echo, threading.Event()
        self.hop = 0
        self._thread = threading.Thread(target=films.run, args=(echo, self._stop), daemon=True)
        self._thread.start()

    def play(self, seconds: float) -> None:
        _played(self.echo, self.films, self.hop / 100, self.hop / 100 + seconds)
        self.hop += round(seconds * 100)

    def play_until(self, happened: Callable[[], bool]) -> None:
        end_s = time.monotonic() + 10.0
        while not happened():
            assert time.monotonic() < end_s
            self.play(0.1)

    def end(self) -> None:
        self._stop.set()
        self._thread.join(20.0)
        assert not self._thread.is_alive()


def _later(path: Path | None = None) -> Films:
    return Films(path, width=64, height=64, fps=FPS, sample_rate_hz=RATE_HZ)


def _wanted(show: Show) -> bool:
    return show.films.wants(show.hop / 100 + 1.0)


def _start_frame(sound: np.ndarray) -> int:
    """Which sample of NOISE the film's sound begins with."""
    part = sound[RATE_HZ // 4 : RATE_HZ // 4 + 8192]
    spectrum = np.fft.rfft(NOISE, 2**20) * np.conj(np.fft.rfft(part, 2**20))
    return int(np.argmax(np.fft.irfft(spectrum)[: NOISE.shape[0]])) - RATE_HZ // 4


def test_several_films_of_one_show_are_each_in_step_from_their_own_start(tmp_path: Path) -> None:
    """Pictures show their stream moment in grey: the sound beside each picture is that of its moment."""
    show = Show(_later(), Echo(5 * RATE_HZ))
    show.play(0.5)
    for name in ("a.mp4", "b.mp4"):
        assert show.films.begin(tmp_path / name)
        show.play_until(lambda: _wanted(show))
        show.play(1.2)
        assert show.films.recording
        assert show.films.end()
        show.play_until(lambda: show.films.written[-1:] == [tmp_path / name])  # noqa: B023 - called at once
        assert not _wanted(show)
    show.end()
    assert show.hop < 2000, "the noise is over"
    assert (show.films.skipped, show.films.sound_lost, show.films.failures) == (0, 0, [])
    assert [p.name for p in show.films.written] == ["a.mp4", "b.mp4"]
    begins = []
    for name in ("a.mp4", "b.mp4"):
        picture_s, sound_s, greys = _film(tmp_path / name)
        assert picture_s == pytest.approx(sound_s, abs=0.5 / FPS + 0.003)
        assert sound_s > 1.1
        begins.append(_start_frame(read_song(tmp_path / name)[0]) / RATE_HZ)
        for n in range(3, len(greys) - 2):
            shown = int((begins[-1] + n / FPS) * FPS + 0.01) % 200 + 20
            assert abs(greys[n] - shown) <= 3, (name, n)
    assert begins[0] > 0.4
    assert begins[1] > begins[0] + 1.2


def test_while_no_film_runs_nothing_is_kept_wanted_or_lost(tmp_path: Path) -> None:
    """Twenty seconds of sound, ten times as fast as real, through an echo that holds one."""
    films, echo = _later(), Echo(RATE_HZ)
    show = Show(films, echo)
    assert not films.end()
    for _ in range(100):
        for _ in range(20):
            echo.write(NOISE[:HOP])
        assert not films.wants(1e6)
        films.offer(np.zeros((64, 64, 3), np.uint8), 1e6)
        time.sleep(0.02)
    assert echo.holes == 0
    show.end()
    assert (films.skipped, films.sound_lost, films.failure, films.written) == (0, 0, None, [])
    assert list(tmp_path.iterdir()) == []


def test_a_film_that_cannot_be_begun_is_told_and_the_next_one_is_made(tmp_path: Path) -> None:
    show = Show(_later(), Echo(5 * RATE_HZ))
    assert show.films.begin(tmp_path / "nowhere" / "a.mp4")
    show.play_until(lambda: not show.films.recording)
    assert "there is no folder" in str(show.films.failure)
    assert show.films.begin(tmp_path / "b.mp4")
    assert not show.films.begin(tmp_path / "c.mp4")
    show.play_until(lambda: _wanted(show))
    show.play(0.5)
    show.end()
    assert [p.name for p in tmp_path.iterdir()] == ["b.mp4"]
    assert len(show.films.failures) == 1


def test_a_film_that_meets_a_full_disk_ends_and_the_next_one_is_made(
    tmp_path: Path, need: Callable[[bool, str], None]
) -> None:  # fmt: skip
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", disk], capture_output=True)
    need(mounted.returncode == 0, "mounting a small disk needs root")
    try:
        show = Show(_later(), Echo(20 * RATE_HZ))
        show.films.begin(disk / "a.mp4")
        show.play_until(lambda: _wanted(show))
        show.play_until(lambda: bool(show.films.failures) or show.hop > 1900)
        if not show.films.failures:
            show.films.end()
            show.play_until(lambda: bool(show.films.failures))
        assert not show.films.recording
        assert list(disk.iterdir()) == []
        assert "disk" in str(show.films.failure)
        assert show.films.begin(tmp_path / "b.mp4")
        show.play_until(lambda: _wanted(show))
        show.play(0.5)
        show.end()
        assert show.films.written == [tmp_path / "b.mp4"]
        assert len(show.films.failures) == 1
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_key_hit_twice_leaves_no_film_and_no_failure(tmp_path: Path) -> None:
    show = Show(_later(), Echo(5 * RATE_HZ))
    assert show.films.begin(tmp_path / "a.mp4")
    assert show.films.end()
    assert not show.films.recording
    time.sleep(0.3)
    show.end()
    assert (show.films.failures, show.films.written, list(tmp_path.iterdir())) == ([], [], [])


def test_a_film_from_the_show_s_beginning_may_be_ended_and_another_begun(tmp_path: Path) -> None:
    films = _later(tmp_path / "a.mp4")
    assert films.recording
    assert films.wants(0.0)
    show = Show(films, Echo(5 * RATE_HZ))
    show.play(1.0)
    films.end()
    show.play_until(lambda: bool(films.written))
    films.begin(tmp_path / "b.mp4")
    show.play_until(lambda: _wanted(show))
    show.play(0.6)
    show.end()
    assert [p.name for p in films.written] == ["a.mp4", "b.mp4"]
    assert _film(tmp_path / "a.mp4")[1] == pytest.approx(1.0, abs=0.06)
    assert _start_frame(read_song(tmp_path / "a.mp4")[0]) == pytest.approx(0, abs=2)


def test_memory_for_pictures_comes_back_from_every_film(tmp_path: Path) -> None:
    """As many films as there are buffers, each left with pictures that its sound never reached."""
    films, echo = _later(), Echo(20 * RATE_HZ)
    show = Show(films, echo)
    for k in range(BUFFERS):
        films.begin(tmp_path / f"{k}.mp4")
        show.play_until(lambda: _wanted(show))
        show.play(0.1)
        for ahead in (1.0, 2.0, 3.0):
            films.offer(np.zeros((64, 64, 3), np.uint8), show.hop / 100 + ahead)
        films.end()
        show.play_until(lambda n=k + 1: len(films.written) == n)  # type: ignore[misc]
    show.end()
    assert films.skipped == 0
    assert films.failures == []


@pytest.mark.parametrize(("suffix", "fps"), [(".npz", 100.0), (".bvh", 60.0)])
def test_the_poses_of_a_show_are_written_at_the_rate_that_the_form_knows(tmp_path: Path, suffix: str, fps: float) -> None:
    """Three seconds of a body that goes to the side at a metre a second; the hops' poses lead by 80 ms."""
    run = np.zeros(300, POSE)
    run[:] = rest_pose()
    run["time_s"] = 0.01 * (np.arange(300) + 1) + 0.08
    run["root_m"][:, 0] = run["time_s"]
    path = tmp_path / f"a{suffix}"
    write_poses(path, run, hop_s=0.01, seconds=3.0, beat_times_s=[0.5], beat_positions=[1], segments=[])
    if suffix == ".npz":
        held = posefile.read(path)
        told_fps, across_m = held.fps, held.root_m[:, 0] if held.root_m is not None else np.zeros(0)
    else:
        found = read_back(path)
        told_fps, across_m = 1.0 / found.frame_s, found.values[:, 0] / 100.0
    assert told_fps == pytest.approx(fps, rel=1e-6)
    assert across_m.shape == (round(3.0 * fps),)
    assert across_m[30:] == pytest.approx(np.arange(round(3.0 * fps))[30:] / fps, abs=1e-5)


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
