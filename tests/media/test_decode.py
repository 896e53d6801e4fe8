"""A song from any common file becomes mono blocks, every sample at its own time."""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from audio2pose.arrays import F32
from audio2pose.errors import SongError, UsageError
from audio2pose.media.decode import SongReader, read_song

CLICKS_S = (0.05, 1.0, 2.5, 2.9)


def clicks(rate_hz: int, duration_s: float = 3.0) -> F32:
    """Silence with short bells whose middles lie at CLICKS_S."""
    t = np.arange(round(rate_hz * duration_s)) / rate_hz
    width_s = max(0.0003, 1.5 / rate_hz)
    return sum(0.8 * np.exp(-(((t - at) / width_s) ** 2)) for at in CLICKS_S).astype(np.float32)


def encode(path: Path, codec: str, samples: F32, rate_hz: int, *, layout: str = "mono", container: str | None = None) -> Path:
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate_hz)
        stream.layout = layout
        channels = len(av.AudioLayout(layout).channels)
        frame = av.AudioFrame.from_ndarray(np.tile(samples, (channels, 1)), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def click_times_s(sound: F32, rate_hz: int) -> list[float]:
    found = []
    for at in CLICKS_S:
        first = max(round((at - 0.04) * rate_hz), 0)
        found.append((first + int(np.argmax(np.abs(sound[first : round((at + 0.04) * rate_hz)])))) / rate_hz)
    return found


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz"),
    [
        ("a.wav", "pcm_s16le", 44100), ("a.flac", "flac", 44100), ("a.mp3", "libmp3lame", 44100),
        ("low.mp3", "libmp3lame", 22050), ("a.m4a", "aac", 44100), ("b.m4a", "aac", 48000), ("a.mp4", "aac", 48000),
        ("a.mkv", "aac", 48000), ("a.opus", "libopus", 48000), ("a.webm", "libopus", 48000), ("a.aiff", "pcm_s16be", 44100),
    ],
)  # fmt: skip
def test_a_click_lands_where_it_was_put_in_every_format(tmp_path: Path, name: str, codec: str, rate_hz: int) -> None:
    """Within 0.1 ms: encoder delay is cut everywhere. Only Matroska's AAC keeps its last frame's padding."""
    sound, got_hz = read_song(encode(tmp_path / name, codec, clicks(rate_hz), rate_hz))
    assert got_hz == rate_hz
    assert click_times_s(sound, rate_hz) == pytest.approx(CLICKS_S, abs=1e-4)
    padding_s = 1024 / rate_hz if name.endswith(".mkv") else 0.0
    assert 3.0 <= sound.shape[0] / rate_hz <= 3.0 + padding_s


def test_a_click_lands_where_it_was_put_in_vorbis(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.ogg", clicks(44100), 44100, format="OGG", subtype="VORBIS")
    sound, rate_hz = read_song(tmp_path / "a.ogg")
    assert click_times_s(sound, rate_hz) == pytest.approx(CLICKS_S, abs=1e-4)
    # The last half of the last block (128 samples, 3 ms of silence) does not come out of FFmpeg's Vorbis.
    assert 3 * 44100 - 128 <= sound.shape[0] <= 3 * 44100


@pytest.mark.parametrize("rate_hz", [4000, 8000, 11025, 22050, 32000, 48000, 88200, 96000, 192000])
def test_every_rate_is_kept(tmp_path: Path, rate_hz: int) -> None:
    soundfile.write(tmp_path / "a.wav", clicks(rate_hz), rate_hz)
    sound, got_hz = read_song(tmp_path / "a.wav")
    assert (got_hz, sound.shape[0]) == (rate_hz, 3 * rate_hz)
    assert click_times_s(sound, rate_hz) == pytest.approx(CLICKS_S, abs=1.0 / rate_hz)


@pytest.mark.parametrize(
    ("subtype", "step"),
    [("PCM_U8", 2**-7), ("PCM_16", 2**-15), ("PCM_24", 2**-23), ("PCM_32", 1e-7), ("FLOAT", 1e-9), ("DOUBLE", 1e-7)],
)
def test_wav_of_any_width_keeps_its_values(tmp_path: Path, subtype: str, step: float) -> None:
    wave = np.linspace(-0.99, 0.99, 5001)
    soundfile.write(tmp_path / "a.wav", wave, 44100, subtype=subtype)
    sound, _ = read_song(tmp_path / "a.wav")
    assert sound.dtype == np.float32
    np.testing.assert_allclose(sound, wave, atol=step + 1e-7)


def test_sixty_four_bit_whole_numbers_are_read(tmp_path: Path) -> None:
    wave = np.array([0.0, 0.5, -0.5, 0.25], np.float64)
    body = (wave * 2**63).astype("<i8").tobytes()
    (tmp_path / "a.wav").write_bytes(wav_header(len(body), rate_hz=44100, channels=1, bits=64) + body)
    np.testing.assert_allclose(read_song(tmp_path / "a.wav")[0], wave, atol=1e-7)


@pytest.mark.parametrize("channels", [1, 2, 6, 8, 9, 64])
def test_channels_are_averaged(tmp_path: Path, channels: int) -> None:
    levels = np.linspace(-0.2, 0.9, channels)
    soundfile.write(tmp_path / "a.wav", np.tile(levels, (1000, 1)), 44100, subtype="FLOAT")
    with SongReader(tmp_path / "a.wav") as reader:
        assert reader.channels == channels
        np.testing.assert_allclose(next(reader.blocks(1000)), levels.mean(), atol=1e-6)


def test_six_channels_of_a_lossy_file_are_averaged(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", "aac", clicks(48000), 48000, layout="5.1")
    sound, rate_hz = read_song(path)
    assert click_times_s(sound, rate_hz) == pytest.approx(CLICKS_S, abs=1e-4)


def test_sound_of_a_video_file_is_read(tmp_path: Path) -> None:
    path = video(tmp_path / "a.mp4", with_sound=True)
    sound, rate_hz = read_song(path)
    assert click_times_s(sound, rate_hz) == pytest.approx(CLICKS_S, abs=1e-4)


def test_what_is_no_number_becomes_silence_and_is_counted(tmp_path: Path) -> None:
    wave = np.full((3000, 2), 0.5)
    wave[10, 0], wave[20:23, 1], wave[30, 0] = np.nan, np.inf, 1e30
    soundfile.write(tmp_path / "a.wav", wave, 44100, subtype="DOUBLE")
    with SongReader(tmp_path / "a.wav") as reader:
        sound = np.concatenate(list(reader.blocks()))
        assert reader.bad_samples == 5
    assert np.isfinite(sound).all()
    assert sound[[9, 10, 20, 30]] == pytest.approx([0.5, 0.25, 0.25, 0.25])


def test_blocks_of_any_size_hold_the_same_sound(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp3", "libmp3lame", clicks(44100), 44100)
    whole, _ = read_song(path)
    for size in (1000, 441, 1 << 20):
        with SongReader(path) as reader:
            blocks = list(reader.blocks(size))
        assert all(b.shape[0] == size for b in blocks[:-1])
        assert np.array_equal(np.concatenate(blocks), whole)


@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.mp3", "libmp3lame"), ("a.m4a", "aac")])
def test_start_and_end_cut_to_the_sample(tmp_path: Path, name: str, codec: str) -> None:
    path = encode(tmp_path / name, codec, clicks(44100), 44100)
    whole, _ = read_song(path)
    part, _ = read_song(path, start_s=0.9, end_s=2.6)
    assert np.array_equal(part, whole[39690:114660])
    with SongReader(path, start_s=0.9, end_s=2.6) as reader:
        assert reader.duration_s == pytest.approx(1.7)
    with SongReader(path, start_s=0.9, end_s=99.0) as reader:
        assert reader.duration_s == pytest.approx(2.1, abs=0.03)


def test_real_songs_decode_whole(testdata: Path) -> None:
    for path in sorted((testdata / "music").rglob("*.ogg"))[:4]:
        with SongReader(path) as reader:
            frames = sum(block.shape[0] for block in reader.blocks(65536))
            assert frames / reader.sample_rate_hz == pytest.approx(reader.duration_s, abs=0.001)
            assert (reader.bad_samples, reader.faults) == (0, 0)


# What is no song


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SongError, match=r"there is no file .*none\.wav: check the name"):
        SongReader(tmp_path / "none.wav")


def test_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SongError, match="is a folder, a song was wanted: give a file"):
        SongReader(tmp_path)


def test_an_empty_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(SongError, match=r"is empty \(0 bytes\), a song was wanted: "):
        SongReader(tmp_path / "a.wav")


def test_a_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(SongError, match="a device or a pipe"):
        SongReader(tmp_path / "a.wav")


@pytest.mark.parametrize("content", [b"To dance is to think with the body.\n" * 200, bytes(range(1, 255)) * 400, b"\0" * 9999])
@pytest.mark.parametrize("name", ["a.txt", "a.mp3", "a.wav"])
def test_a_file_that_is_no_sound_is_told(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SongError, match=": give a"):
        read_song(tmp_path / name)


def test_a_play_list_opens_no_other_file(tmp_path: Path) -> None:
    encode(tmp_path / "real.mp3", "libmp3lame", clicks(44100), 44100)
    (tmp_path / "a.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nreal.mp3\n#EXT-X-ENDLIST\n")
    (tmp_path / "b.txt").write_text("ffconcat version 1.0\nfile real.mp3\n")
    for name in ("a.m3u8", "b.txt"):
        with pytest.raises(SongError, match="no sound file that we know"):
            SongReader(tmp_path / name)


def test_a_video_without_sound_is_told(tmp_path: Path) -> None:
    with pytest.raises(SongError, match="holds no sound, only other streams: give a file with sound"):
        SongReader(video(tmp_path / "a.mp4", with_sound=False))


def test_zero_samples_are_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(0), 44100)
    with pytest.raises(SongError, match="holds no sound that decodes"):
        SongReader(tmp_path / "a.wav")


def test_a_start_beyond_the_end_is_told(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", clicks(44100), 44100)
    with pytest.raises(SongError, match=r"ends at 3\.00 s, it was to start at 3 s: start earlier"):
        SongReader(tmp_path / "a.wav", start_s=3.0)


@pytest.mark.parametrize(("start_s", "end_s"), [(-1.0, None), (float("nan"), None), (2.0, 1.0), (2.0, 2.0)])
def test_a_range_that_is_none_is_wrong_use(tmp_path: Path, start_s: float, end_s: float | None) -> None:
    soundfile.write(tmp_path / "a.wav", clicks(44100), 44100)
    with pytest.raises(UsageError):
        SongReader(tmp_path / "a.wav", start_s=start_s, end_s=end_s)


# Damage and malice


def damaged_in_the_middle(tmp_path: Path, name: str, codec: str, rate_hz: int) -> Path:
    rng = np.random.default_rng(5)
    music = (clicks(rate_hz) + 0.05 * rng.standard_normal(3 * rate_hz)).astype(np.float32)
    path = encode(tmp_path / name, codec, music, rate_hz)
    content = bytearray(path.read_bytes())
    start = int(0.5 * len(content))
    content[start : start + 3000] = rng.bytes(3000)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("name", "codec", "rate_hz"), [("a.flac", "flac", 44100), ("a.opus", "libopus", 48000)])
def test_damage_in_the_middle_leaves_the_rest_in_its_place(tmp_path: Path, name: str, codec: str, rate_hz: int) -> None:
    with SongReader(damaged_in_the_middle(tmp_path, name, codec, rate_hz)) as reader:
        sound = np.concatenate(list(reader.blocks()))
        assert reader.faults > 0
    assert np.isfinite(sound).all()
    assert sound.shape[0] / rate_hz == pytest.approx(3.0, abs=0.022)
    found_s = click_times_s(sound, rate_hz)
    for heard in (0, 2, 3):  # the second click may lie in what was lost
        assert found_s[heard] == pytest.approx(CLICKS_S[heard], abs=0.001)


def test_damage_in_an_mp3_is_left_out_because_its_frames_carry_no_time(tmp_path: Path) -> None:
    with SongReader(damaged_in_the_middle(tmp_path, "a.mp3", "libmp3lame", 44100)) as reader:
        sound = np.concatenate(list(reader.blocks()))
        assert reader.faults > 0
    assert np.isfinite(sound).all()
    assert 2.5 <= sound.shape[0] / 44100 < 3.0
    assert np.argmax(sound[:8820]) / 44100 == pytest.approx(CLICKS_S[0], abs=1e-4)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.opus"])
def test_a_truncated_file_gives_what_is_there(tmp_path: Path, name: str) -> None:
    noise = (0.2 * np.random.default_rng(1).standard_normal(3 * 48000)).astype(np.float32)
    subtype = {"a.ogg": "VORBIS", "a.opus": "OPUS"}.get(name)
    soundfile.write(tmp_path / name, noise, 48000, subtype=subtype, format="OGG" if subtype else None)
    content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(0.6 * len(content))])
    sound, rate_hz = read_song(tmp_path / name)
    assert 0.9 <= sound.shape[0] / rate_hz <= 2.2  # Ogg pages of Opus hold a second each


def test_an_m4a_that_lost_its_index_is_told(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.m4a", "aac", clicks(44100), 44100)
    path.write_bytes(path.read_bytes()[:-1500])
    with pytest.raises(SongError, match=": give a"):
        read_song(path)


def wav_header(claimed_bytes: int, *, rate_hz: int, channels: int, bits: int) -> bytes:
    block = channels * bits // 8
    fmt = struct.pack("<HHIIHH", 1, channels, rate_hz, (rate_hz * block) & 0xFFFFFFFF, block & 0xFFFF, bits)
    riff = b"RIFF" + struct.pack("<I", 0xFFFFFFFF) + b"WAVE" + b"fmt " + struct.pack("<I", len(fmt)) + fmt
    return riff + b"data" + struct.pack("<I", min(claimed_bytes, 0xFFFFFFFF))


def test_a_header_that_claims_a_trillion_samples_takes_no_memory(tmp_path: Path) -> None:
    body = np.zeros(2 * 44100, "<i2").tobytes()
    (tmp_path / "a.wav").write_bytes(wav_header(0xFFFFFFFE, rate_hz=44100, channels=1, bits=16) + body)
    ds64 = struct.pack("<QQQI", 2 * 10**12, 2 * 10**12, 10**12, 0)
    fmt = struct.pack("<HHIIHH", 1, 1, 44100, 88200, 2, 16)
    rf64 = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<I", len(ds64)) + ds64 + b"fmt " + struct.pack("<I", 16) + fmt
    (tmp_path / "b.wav").write_bytes(rf64 + b"data\xff\xff\xff\xff" + body)
    flac = bytearray(encode(tmp_path / "c.flac", "flac", clicks(44100), 44100).read_bytes())
    flac[21] |= 0x0F  # STREAMINFO's total of samples: 36 bits, all set
    flac[22:26] = b"\xff\xff\xff\xff"
    (tmp_path / "c.flac").write_bytes(flac)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, frames in (("a.wav", 88200), ("b.wav", 88200), ("c.flac", 132300)):
        assert read_song(tmp_path / name)[0].shape[0] == frames
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 50_000


@pytest.mark.parametrize(
    ("channels", "rate_hz", "what"), [(1000, 44100, "channels"), (1, 1000, "samples a second"), (1, 10**9, "samples a second")]
)
def test_a_header_with_mad_numbers_is_told(tmp_path: Path, channels: int, rate_hz: int, what: str) -> None:
    (tmp_path / "a.wav").write_bytes(wav_header(80_000, rate_hz=rate_hz, channels=channels, bits=16) + bytes(80_000))
    with pytest.raises(SongError, match=rf"{what}|no sound"):
        SongReader(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.flac", "flac"), ("a.wav", "pcm_s16le")]
)
def test_random_damage_never_gives_anything_but_sound_or_a_song_error(tmp_path: Path, name: str, codec: str) -> None:
    good = encode(tmp_path / name, codec, clicks(44100, 1.0), 44100).read_bytes()
    rng = np.random.default_rng(11)
    heard = 0
    for _ in range(40):
        bad = bytearray(good)
        for at in rng.integers(0, len(bad), 12):
            bad[at] = rng.integers(0, 256)
        (tmp_path / name).write_bytes(bad)
        try:
            sound, _ = read_song(tmp_path / name, end_s=120.0)
        except SongError:
            continue
        heard += 1
        assert np.isfinite(sound).all()
    assert heard > 0


def test_ten_hours_are_never_held(tmp_path: Path, need: Callable[[bool, str], None]) -> None:
    need(sys.platform == "linux", "sparse files and peak memory are read the Linux way")
    frames = 10 * 3600 * 4000
    with (tmp_path / "long.wav").open("wb") as file:
        file.write(wav_header(frames, rate_hz=4000, channels=1, bits=8))
        file.truncate(44 + frames)
    program = (
        "import resource, sys\nfrom audio2pose.media.decode import SongReader\n"
        "start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "with SongReader(sys.argv[1]) as r:\n    n = sum(b.shape[0] for b in r.blocks(65536))\n"
        "print(n, r.duration_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start)\n"
    )
    told = subprocess.run([sys.executable, "-c", program, tmp_path / "long.wav"], capture_output=True, text=True, check=True)
    n, duration_s, grown_kib = told.stdout.split()
    assert int(n) == frames
    assert float(duration_s) == pytest.approx(36000.0)
    assert int(grown_kib) < 40_000


def test_a_closed_reader_gives_nothing_more(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", clicks(44100), 44100)
    with SongReader(tmp_path / "a.wav") as reader:
        blocks = reader.blocks(1000)
        next(blocks)
    assert list(blocks) == []


def video(path: Path, *, with_sound: bool) -> Path:
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("libx264", rate=10)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 64, "yuv420p"
        sound = out.add_stream("aac", rate=48000) if with_sound else None
        for _ in range(30):
            out.mux(pictures.encode(av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")))
        if sound is not None:
            sound.layout = "mono"
            frame = av.AudioFrame.from_ndarray(clicks(48000)[None], format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, 0, Fraction(1, 48000)
            out.mux(sound.encode(frame))
            out.mux(sound.encode(None))
        out.mux(pictures.encode(None))
    return path


@pytest.mark.parametrize(("channels", "left", "right"), [(1, 0.5, 0.5), (2, 0.5, -0.25), (3, 0.25, 0.25)])
def test_both_sides_of_a_song_can_be_had(tmp_path: Path, channels: int, left: float, right: float) -> None:
    levels = np.array([0.5, -0.25, 0.5])[:channels]
    soundfile.write(tmp_path / "s.wav", np.tile(levels, (9000, 1)), 44100, subtype="FLOAT")
    with SongReader(tmp_path / "s.wav", start_s=0.1, stereo=True) as song:
        sound = np.concatenate(list(song.blocks(1000)))
    assert sound.shape == (9000 - 4410, 2)
    assert sound[0] == pytest.approx([left, right])


@pytest.mark.parametrize("end_s", [0.5, 1.0, 1.234, 1.9])
def test_a_song_that_is_left_early_is_not_damaged(tmp_path: Path, end_s: float) -> None:
    soundfile.write(tmp_path / "s.wav", np.zeros(2 * 44100), 44100)
    with SongReader(tmp_path / "s.wav", end_s=end_s) as song:
        assert sum(b.shape[0] for b in song.blocks()) == round(end_s * 44100)
        assert song.faults == 0
