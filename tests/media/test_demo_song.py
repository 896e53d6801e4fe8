"""The built-in song: its beats, bars and sections are known exactly, and it sounds like music measured by numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audio2pose.arrays import F32, F64
from audio2pose.media.decode import read_song
from audio2pose.media.demo_song import DemoSong, demo_song

BANDS_HZ = ((20.0, 120.0), (120.0, 2000.0), (2000.0, 16000.0))


@pytest.fixture(scope="module")
def song() -> DemoSong:
    return demo_song()


def part(song: DemoSong, name: str) -> F32:
    (mark,) = [m for m in song.marks if m.name == name]
    return song.samples[round(mark.start_s * song.sample_rate_hz) : round(mark.end_s * song.sample_rate_hz)]


def beats_of(song: DemoSong, *names: str) -> F64:
    inside = [(song.beat_times_s >= m.start_s) & (song.beat_times_s < m.end_s) for m in song.marks if m.name in names]
    return song.beat_times_s[np.any(inside, axis=0)]


def level_db(sound: F32) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(sound.astype(np.float64) ** 2))))


def shares(sound: F32, rate_hz: int) -> list[float]:
    """Shares of the energy in BANDS_HZ, which sum to 1."""
    n = 1 << 14
    power = np.zeros(n // 2 + 1)
    for at in range(0, sound.shape[0] - n, n):
        power += np.abs(np.fft.rfft(sound[at : at + n] * np.hanning(n))) ** 2
    f = np.fft.rfftfreq(n, 1.0 / rate_hz)
    energies = [power[(f >= low) & (f < high)].sum() for low, high in BANDS_HZ]
    return [float(e / sum(energies)) for e in energies]


def onset_s(sound: F32, rate_hz: int, near_s: float) -> float:
    """Where, within 20 ms of *near_s*, the energy of what lies above 2 kHz rises most from one millisecond to the next."""
    first, last = (round((near_s + side) * rate_hz) for side in (-0.022, 0.022))
    piece = np.zeros(4096)
    piece[: last - first] = sound[first:last]
    spectrum = np.fft.rfft(piece)
    spectrum[np.fft.rfftfreq(4096, 1.0 / rate_hz) < 2000.0] = 0.0
    energy = np.concatenate([[0.0], np.cumsum(np.fft.irfft(spectrum)[: last - first] ** 2)])
    k = rate_hz // 1000
    after, before = energy[2 * k :] - energy[k:-k], energy[k:-k] - energy[: -2 * k]
    inner = slice(k, -k)  # the cut itself is an edge
    rise = np.log((after + 1e-5) / (before + 1e-5))[inner]
    return (first + 2 * k + int(np.argmax(rise))) / rate_hz


def test_song_has_the_promised_form(song: DemoSong) -> None:
    duration_s = song.samples.shape[0] / song.sample_rate_hz
    assert song.sample_rate_hz == 44100
    assert (song.samples.dtype, song.samples.ndim) == (np.float32, 1)
    assert 64.0 <= duration_s <= 75.0
    assert [m.name for m in song.marks] == ["intro", "groove", "build", "drop", "breakdown", "drop2", "outro"]
    assert song.marks[0].start_s == 0.0
    assert song.marks[-1].end_s == pytest.approx(duration_s)
    for mark, following in zip(song.marks, song.marks[1:], strict=False):
        assert mark.end_s == following.start_s
    for mark in song.marks[1:]:
        (first,) = np.flatnonzero(song.beat_times_s == mark.start_s)
        assert song.positions[first] == 1, "a section begins on a downbeat"


def test_beats_are_even_but_for_one_change_of_tempo(song: DemoSong) -> None:
    assert song.beat_times_s.shape == song.positions.shape
    assert song.positions.tolist() == [1 + n % 4 for n in range(song.positions.shape[0])]
    half_sample_s = 1.0 / song.sample_rate_hz
    change_s = next(m.start_s for m in song.marks if m.name == "drop2")
    for inside, bpm in ((song.beat_times_s <= change_s, 122.0), (song.beat_times_s >= change_s, 104.0)):
        times_s = song.beat_times_s[inside]
        even_s = times_s[0] + 60.0 / bpm * np.arange(times_s.shape[0])
        assert np.abs(times_s - even_s).max() <= half_sample_s
    frames = song.beat_times_s * song.sample_rate_hz
    assert np.abs(frames - np.round(frames)).max() < 1e-6, "a beat is a sample"


def test_kicks_start_on_the_beats(song: DemoSong) -> None:
    """Every beat of the four-to-the-floor parts, and the first and third of each bar of hip-hop."""
    house_s = beats_of(song, "intro", "groove", "drop")
    hop_s = beats_of(song, "drop2", "outro")[::2]
    errors_ms = np.array([1000 * (onset_s(song.samples, 44100, at) - at) for at in (*house_s, *hop_s)])
    assert errors_ms.shape[0] > 90
    assert np.abs(errors_ms).max() < 3.0
    assert abs(np.median(errors_ms)) < 1.0, "the finder's own step is a millisecond"


def test_no_drum_plays_in_the_breakdown(song: DemoSong) -> None:
    def low_rise(at: float) -> float:
        before, after = (song.samples[round((at + s) * 44100) :][:1323] for s in (-0.035, 0.005))
        return level_db(after) - level_db(before)

    assert np.median([low_rise(at) for at in beats_of(song, "groove")]) > 6.0
    # The first beat still holds the tail of the drop
    assert max(low_rise(at) for at in beats_of(song, "breakdown")[1:]) < 6.0


def test_sound_is_finite_at_its_peak_and_clean_at_both_ends(song: DemoSong) -> None:
    assert np.isfinite(song.samples).all()
    assert np.abs(song.samples).max() == pytest.approx(0.89, abs=1e-4)
    assert abs(float(song.samples.mean(dtype=np.float64))) < 1e-5
    assert np.abs(song.samples[:441]).max() < 1e-3
    assert np.abs(song.samples[-441:]).max() < 1e-3
    assert np.mean(np.abs(song.samples) > 0.885) < 1e-4, "clipped softly, not cut flat"


def test_drops_are_loud_the_breakdown_is_quiet_and_the_build_up_rises(song: DemoSong) -> None:
    level = {m.name: level_db(part(song, m.name)) for m in song.marks}
    assert level["breakdown"] < level["drop"] - 5.0
    assert level["breakdown"] < level["groove"] - 4.0
    assert max(level, key=lambda name: level[name]) == "drop"
    assert level["drop2"] > level["outro"]
    build = part(song, "build")
    bright = [shares(piece, 44100)[2] for piece in np.array_split(build, 4)]
    assert bright == sorted(bright)
    assert bright[-1] > 5 * bright[0]


def test_balance_and_punch_are_those_of_real_dance_music(song: DemoSong, testdata: Path) -> None:
    real_shares, real_crest_db = [], []
    for name in ("gunroar_gr0", "parsec47_ptn3", "titanion_ttn1", "noiz2sa_stg0"):
        sound, rate_hz = read_song(testdata / "music" / "kentacho" / f"{name}.ogg", end_s=50.0)
        real_shares.append(shares(sound, rate_hz))
        real_crest_db.append(20 * np.log10(np.abs(sound).max()) - level_db(sound))
    low, high = np.min(real_shares, axis=0), np.max(real_shares, axis=0)
    ours = np.array(shares(song.samples, 44100))
    assert (ours > 0.66 * low).all(), (ours, low)
    assert (ours < 1.5 * high).all(), (ours, high)
    crest_db = 20 * np.log10(0.89) - level_db(song.samples)
    assert min(real_crest_db) - 1.0 < crest_db < max(real_crest_db) + 1.0


def test_song_is_the_same_every_time(song: DemoSong) -> None:
    program = (
        "import hashlib\nfrom audio2pose.media.demo_song import demo_song\n"
        "print(hashlib.sha256(demo_song().samples.tobytes()).hexdigest())\n"
    )
    digests = {
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout for _ in range(2)
    }
    assert len(digests) == 1
    assert demo_song() is song


def test_nobody_can_spoil_the_song_for_the_others(song: DemoSong) -> None:
    for array in (song.samples, song.beat_times_s, song.positions):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
