"""Pictures and sound become an MP4, in step, or nothing at all."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from audio2pose.arrays import U8
from audio2pose.errors import OutputError, UsageError
from audio2pose.media.decode import read_song
from audio2pose.media.encode import Mp4Writer, must_be_whole

WIDTH, HEIGHT = 160, 96


@pytest.fixture
def small_disk(tmp_path: Path, need: Callable[[bool, str], None]) -> Iterator[Path]:
    """A real disk of 100 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", folder], capture_output=True)
    need(mounted.returncode == 0, "mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def grey(level: int) -> U8:
    return np.full((HEIGHT, WIDTH, 3), level, np.uint8)


def noise_picture(rng: np.random.Generator) -> U8:
    return rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def pictures_of(path: Path) -> list[U8]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


@pytest.mark.parametrize(
    ("fps", "rate_hz"),
    [(60.0, 44100), (30.0, 48000), (24.0, 22050), (29.97, 32000), (25.0, 96000), (30.0, 4000), (50.0, 192000)],
)
def test_picture_and_sound_are_in_step_to_within_one_picture(tmp_path: Path, fps: float, rate_hz: int) -> None:
    """A flash and a click are written for the same moments; both streams last as long as what was written."""
    n_pictures, flashes = round(2.3 * fps), (round(0.5 * fps), round(2.0 * fps))
    written = 0
    with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=fps, sample_rate_hz=rate_hz) as writer:
        for n in range(n_pictures):
            writer.write_picture(grey(255 if n in flashes else 0))
            sound = np.zeros(round((n + 1) / fps * rate_hz) - written, np.float32)
            if n in flashes:
                sound[: max(4, rate_hz // 4000)] = 0.9
            writer.write_sound(sound)
            written += sound.shape[0]
        assert (writer.pictures, writer.sound_frames) == (n_pictures, written)

    with av.open(str(tmp_path / "a.mp4")) as film:
        video, audio = film.streams.video[0], film.streams.audio[0]
        assert (video.codec_context.name, video.format.name, audio.codec_context.name) == ("h264", "yuv420p", "aac")
        assert video.start_time == 0
        assert float(video.duration * video.time_base) == pytest.approx(n_pictures / fps, abs=0.001)
        assert float(audio.duration * audio.time_base) == pytest.approx(written / rate_hz, abs=0.002)
        times_s = [(frame.time, frame.to_ndarray(format="gray").mean()) for frame in film.decode(video=0)]
    bright_s = [at for at, level in times_s if level > 128]
    assert len(times_s) == n_pictures
    assert bright_s == pytest.approx([n / fps for n in flashes], abs=0.001)
    heard, got_hz = read_song(tmp_path / "a.mp4")
    for at in bright_s:
        first = round((at - 0.2) * got_hz)
        window = np.abs(heard[first : first + round(0.4 * got_hz)])
        assert (first + np.argmax(window)) / got_hz == pytest.approx(at, abs=0.003)


def test_index_stands_before_the_data_so_that_it_plays_while_loading(tmp_path: Path) -> None:
    with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30) as writer:
        writer.write_picture(grey(9))
    content = (tmp_path / "a.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


@pytest.mark.parametrize("colour", [(220, 30, 40), (20, 200, 60), (30, 60, 230), (255, 255, 255), (0, 0, 0), (128, 90, 200)])
def test_colours_come_back_as_they_were_drawn(tmp_path: Path, colour: tuple[int, int, int]) -> None:
    picture = np.tile(np.array(colour, np.uint8), (HEIGHT, WIDTH, 1))
    with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30) as writer:
        for _ in range(3):
            writer.write_picture(picture)
    with av.open(str(tmp_path / "a.mp4")) as film:
        frame = next(film.decode(video=0))
        assert (frame.colorspace, frame.color_range) == (1, 1)  # BT.709, limited: what a player takes HD for
        assert np.abs(frame.to_ndarray(format="rgb24").reshape(-1, 3).mean(axis=0) - colour).max() < 5.0


def test_a_picture_may_be_drawn_over_as_soon_as_it_was_written(tmp_path: Path) -> None:
    canvas = grey(0)
    with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30) as writer:
        for n in range(40):
            canvas[:] = 6 * n
            writer.write_picture(canvas)
    levels = [picture.mean() for picture in pictures_of(tmp_path / "a.mp4")]
    assert levels == pytest.approx([6 * n for n in range(40)], abs=4.0)


def test_a_width_that_fills_no_whole_row_of_memory_comes_out_straight(tmp_path: Path) -> None:
    picture = np.zeros((98, 150, 3), np.uint8)
    picture[:, 75:] = 255
    with Mp4Writer(tmp_path / "a.mp4", width=150, height=98, fps=30) as writer:
        writer.write_picture(picture[::-1])  # upside down, as a frame buffer is read: not contiguous
    (back,) = pictures_of(tmp_path / "a.mp4")
    assert np.abs(back.astype(int) - picture[::-1])[:, [0, 70, 80, 149]].max() < 12


def test_mono_and_stereo_sound_are_taken_and_what_is_no_number_is_silence(tmp_path: Path) -> None:
    t = np.arange(48000) / 48000
    tone = (0.5 * np.sin(2 * np.pi * 440 * t)).astype(np.float32)
    broken = tone.copy()
    broken[100:200], broken[300] = np.nan, np.inf
    with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30, sample_rate_hz=48000) as writer:
        writer.write_picture(grey(1))
        writer.write_sound(tone)
        writer.write_sound(np.stack([tone, -tone], axis=1))
        writer.write_sound(broken)
        writer.write_sound(tone[:0])
    sound, _ = read_song(tmp_path / "a.mp4")
    assert sound.shape[0] == 3 * 48000
    levels = [float(np.sqrt(np.mean(sound[k * 48000 + 4000 : (k + 1) * 48000 - 4000] ** 2))) for k in range(3)]
    assert levels == pytest.approx([0.3536, 0.0, 0.3536], abs=0.02)  # left and right were opposite: their mean is silent


def test_a_whole_song_may_be_written_at_once(tmp_path: Path) -> None:
    with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=10, sample_rate_hz=44100) as writer:
        writer.write_sound(np.zeros(44100 * 30, np.float32))
        for _ in range(300):
            writer.write_picture(grey(50))
    with av.open(str(tmp_path / "a.mp4")) as film:
        assert film.duration / av.time_base == pytest.approx(30.0, abs=0.1)


def test_same_pictures_give_the_same_file(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        rng = np.random.default_rng(2)
        with Mp4Writer(tmp_path / name, width=WIDTH, height=HEIGHT, fps=30, sample_rate_hz=44100) as writer:
            for _ in range(20):
                writer.write_picture(noise_picture(rng))
                writer.write_sound(rng.standard_normal(1470).astype(np.float32) * 0.1)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


# Wrong use


@pytest.mark.parametrize(
    ("width", "height", "instead"), [(161, 96, "162x96"), (160, 95, "160x96"), (0, 96, "16x96"), (9000, 96, "8192x96")]
)
def test_a_size_that_cannot_be_is_told_with_one_that_can(tmp_path: Path, width: int, height: int, instead: str) -> None:
    with pytest.raises(UsageError, match=f"even sizes.*: take {instead}"):
        Mp4Writer(tmp_path / "a.mp4", width=width, height=height, fps=30)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("fps", [0.0, -1.0, 1000.0, float("nan")])
def test_a_picture_rate_that_cannot_be_is_told(tmp_path: Path, fps: float) -> None:
    with pytest.raises(UsageError, match="1 to 240 were wanted"):
        Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=fps)


def test_a_picture_or_sound_of_another_shape_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must be \(96, 160, 3\) uint8"):  # noqa: SIM117
        with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30) as writer:
            writer.write_picture(np.zeros((HEIGHT, WIDTH, 4), np.uint8))
    with pytest.raises(UsageError, match="opened without sound"):  # noqa: SIM117
        with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30) as writer:
            writer.write_sound(np.zeros(100, np.float32))
    with pytest.raises(UsageError, match=r"must be \(N,\) or \(N, 2\)"):  # noqa: SIM117
        with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30, sample_rate_hz=44100) as writer:
            writer.write_sound(np.zeros((100, 3), np.float32))
    assert os.listdir(tmp_path) == []


def test_writing_after_the_end_is_told_and_never_waits(tmp_path: Path) -> None:
    writer = Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30)
    writer.write_picture(grey(0))
    writer.close()
    writer.close()
    writer.abort()
    for _ in range(10):
        with pytest.raises(UsageError, match="is closed"):
            writer.write_picture(grey(0))
    assert os.listdir(tmp_path) == ["a.mp4"]


# Nothing half-written


def test_nothing_is_under_the_name_before_the_end(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"older")
    with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30) as writer:
        writer.write_picture(grey(0))
        assert (tmp_path / "a.mp4").read_bytes() == b"older"
        assert all(name == "a.mp4" or name.startswith(".") for name in os.listdir(tmp_path))
    assert len(pictures_of(tmp_path / "a.mp4")) == 1
    assert os.listdir(tmp_path) == ["a.mp4"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_exception_leaves_nothing_and_no_thread(tmp_path: Path, error: type[BaseException]) -> None:
    def interrupted() -> None:
        rng = np.random.default_rng(0)
        with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30, sample_rate_hz=44100) as writer:
            for _ in range(30):
                writer.write_picture(noise_picture(rng))
            raise error

    threads = threading.active_count()
    with pytest.raises(error):
        interrupted()
    assert os.listdir(tmp_path) == []
    assert threading.active_count() == threads


def test_abort_leaves_nothing_and_the_older_file(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"older")
    writer = Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30)
    writer.write_picture(grey(0))
    writer.abort()
    assert os.listdir(tmp_path) == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"older"


def test_a_film_without_pictures_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no picture was written"):
        Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30).close()
    assert os.listdir(tmp_path) == []


def test_a_folder_that_is_not_there_is_told_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"there is no folder .*: make it"):
        Mp4Writer(tmp_path / "nowhere" / "a.mp4", width=WIDTH, height=HEIGHT, fps=30)


def test_a_folder_under_the_name_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder, a file name was wanted: add a name"):
        Mp4Writer(tmp_path, width=WIDTH, height=HEIGHT, fps=30)


def test_a_disk_that_may_not_be_written_is_told(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(OutputError, match="may not be written"):
        Mp4Writer(small_disk / "a.mp4", width=WIDTH, height=HEIGHT, fps=30)


@pytest.mark.parametrize("n_pictures", [6, 12, 13, 14, 16, 24, 60, 200])
def test_a_disk_that_fills_up_is_told_whenever_it_happens(small_disk: Path, n_pictures: int) -> None:
    """From the middle of the film (many pictures) to the very last bytes of the index (few): never a damaged film."""
    rng = np.random.default_rng(0)
    target = small_disk / "a.mp4"
    told = ""
    try:
        with Mp4Writer(target, width=WIDTH, height=HEIGHT, fps=30, sample_rate_hz=44100) as writer:
            for _ in range(n_pictures):
                writer.write_picture(noise_picture(rng))
                writer.write_sound(np.zeros(1470, np.float32))
    except OutputError as error:
        told = str(error)
    if told == "":
        assert n_pictures < 24
        assert len(pictures_of(target)) == n_pictures
        assert os.listdir(small_disk) == ["a.mp4"]
    else:
        assert n_pictures > 6
        assert told.startswith("no room left on the disk")
        assert told.endswith(": free some space, or write to another disk")
        assert os.listdir(small_disk) == []


@pytest.mark.parametrize("kept", [0, 7, 300, -1])
def test_a_film_that_lost_its_end_unnoticed_does_not_pass(tmp_path: Path, kept: int) -> None:
    with Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30) as writer:
        writer.write_picture(noise_picture(np.random.default_rng(0)))
    must_be_whole(tmp_path / "a.mp4", tmp_path / "a.mp4")
    (tmp_path / "a.mp4").write_bytes((tmp_path / "a.mp4").read_bytes()[:kept])
    with pytest.raises(OutputError, match="came out damaged"):
        must_be_whole(tmp_path / "a.mp4", tmp_path / "a.mp4")


def test_an_encoder_that_fails_is_told_at_the_next_write_and_never_waits(tmp_path: Path) -> None:
    """The worker's file is closed under it, the nearest thing to a disk that was pulled out."""
    writer = Mp4Writer(tmp_path / "a.mp4", width=WIDTH, height=HEIGHT, fps=30)
    rng = np.random.default_rng(0)
    for name in os.listdir("/proc/self/fd"):
        link = Path("/proc/self/fd") / name
        if link.is_symlink() and ".part.mp4" in os.readlink(link):
            full = os.open("/dev/full", os.O_WRONLY)
            os.dup2(full, int(name))
            os.close(full)

    def draw() -> None:
        for _ in range(600):
            writer.write_picture(noise_picture(rng))

    with pytest.raises(OutputError, match="no room left on the disk") as told:
        draw()
    assert told.value.errno is None or told.value.errno == errno.ENOSPC
    writer.abort()
    assert os.listdir(tmp_path) == []


@pytest.mark.bench
def test_bench_pictures_per_second_at_720p(tmp_path: Path) -> None:
    import time

    rng = np.random.default_rng(0)
    picture = np.zeros((720, 1280, 3), np.uint8)
    n, in_write_s, began_s = 600, 0.0, time.perf_counter()
    with Mp4Writer(tmp_path / "a.mp4", width=1280, height=720, fps=60, sample_rate_hz=44100) as writer:
        for k in range(n):
            at = (7 * k) % 1100
            picture[:] = 0
            picture[200:600, at : at + 150] = rng.integers(0, 255, 3)
            before_s = time.perf_counter()
            writer.write_picture(picture)
            writer.write_sound(np.zeros(735, np.float32))
            in_write_s += time.perf_counter() - before_s
    whole_s = time.perf_counter() - began_s
    print(f"\n{n / whole_s:.0f} pictures a second at 1280x720, the caller waits {1000 * in_write_s / n:.1f} ms a picture")
