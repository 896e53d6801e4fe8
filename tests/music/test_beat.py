"""Beats: quiet in silence, locked to what is steady, told ahead, never taken back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio2pose.config import BeatConfig, ClockConfig, HearConfig
from audio2pose.music.beat import BeatTracker, tempo_change, tempo_grid, turn_half
from audio2pose.music.ears import Ears
from audio2pose.music.spectrum import N_BANDS
from tests.music.sounds import HOP_S, clicks, committed_s, f_measure, hear, noise, song, true_beats


def test_no_beats_in_silence() -> None:
    log, _ = hear(np.zeros(20 * 44100, np.float32))
    assert not log["committed"].any()


@pytest.mark.parametrize("rms", [0.003, 0.1])
def test_no_beats_in_noise(rms: float) -> None:
    log, _ = hear(noise(20.0, rms))
    assert not log["committed"].any()


def test_hardly_a_beat_in_a_crowd(testdata: Path) -> None:
    log, _ = hear(*song(testdata / "beats" / "none_crowd.ogg"))
    assert log["committed"].sum() <= 3


@pytest.mark.parametrize("bpm", [80, 120, 174])
def test_tracker_locks_to_a_steady_click_within_four_seconds(bpm: int) -> None:
    sound, beats_s = clicks(bpm, 12.0)
    told_s = committed_s(hear(sound)[0])
    expected_s = beats_s[(beats_s > beats_s[0] + 3.99) & (beats_s < 11.5)]
    told_s = told_s[np.searchsorted(told_s, expected_s[0] - 0.05) :][: len(expected_s)]
    assert np.abs(told_s - expected_s).max() < 0.035


@pytest.mark.parametrize("bpm", [80, 120, 174])
def test_the_tempo_told_of_a_steady_click_is_its_tempo(bpm: int) -> None:
    log, _ = hear(clicks(bpm, 12.0)[0])
    assert log["tempo_bpm"][-1] == pytest.approx(bpm, rel=0.01)


def test_each_beat_is_told_at_least_60_ms_ahead_and_none_within_half_a_beat_of_another(testdata: Path) -> None:
    log, _ = hear(*song(testdata / "beats" / "jump_ska.ogg"))
    at = np.flatnonzero(log["committed"])
    told_s = log["committed_s"][at]
    assert (told_s - (at + 1) * HOP_S).min() >= 0.060 - 1e-9
    assert (np.diff(told_s) >= 0.5 * 60.0 / log["tempo_bpm"][at[1:]] - 0.02).all()


@pytest.mark.parametrize(
    ("clip", "least"),
    [("rock_ridethattrain", 0.95), ("edm_techno", 0.95), ("latin_salsa", 0.9), ("waltz_waltz", 0.95)],
)
def test_beats_of_music_are_found(testdata: Path, clip: str, least: float) -> None:
    path = testdata / "beats" / f"{clip}.ogg"
    log, _ = hear(*song(path))
    assert f_measure(true_beats(path), committed_s(log)) > least


def test_a_song_cut_short_has_the_same_beats_before_the_cut(testdata: Path) -> None:
    sound, rate_hz = song(testdata / "beats" / "gr_funk.ogg", seconds=20.0)
    whole, _ = hear(sound, rate_hz)
    cut, _ = hear(sound[: int(12.3 * rate_hz)], rate_hz)
    assert cut.tobytes() == whole[: len(cut)].tobytes()


def test_music_that_stops_is_followed_by_no_beats_after_two_seconds() -> None:
    sound, _ = clicks(120, 10.0)
    log, _ = hear(np.concatenate([sound, np.zeros(5 * 44100, np.float32)]))
    assert committed_s(log).max() < 12.0


def test_activations_that_are_out_of_range_leave_the_filter_sane() -> None:
    tracker = BeatTracker(BeatConfig(), HOP_S)
    for k in range(2000):
        state = tracker.process((0.0, 1.0, 5.0, -3.0)[k % 4], np.zeros(N_BANDS, np.float32), True)
    assert all(np.isfinite(state[name]) for name in ("tempo_bpm", "next_beat_s", "confidence", "evidence", "phase"))


def test_a_narrow_range_keeps_the_tempo_inside() -> None:
    grid = tempo_grid(BeatConfig(min_bpm=70.0, max_bpm=140.0), HOP_S)
    assert 60.0 / (grid[0] * HOP_S) == pytest.approx(140.0, rel=0.03)
    assert 60.0 / (grid[-1] * HOP_S) == pytest.approx(70.0, rel=0.03)


def test_a_tempo_is_followed_most_likely_by_itself_and_rows_sum_to_one() -> None:
    change = tempo_change(tempo_grid(BeatConfig(), HOP_S), 200.0)
    assert np.allclose(change.sum(axis=1), 1.0)
    assert (change.argmax(axis=1) == np.arange(len(change))).all()


def test_a_tracker_led_off_the_beat_by_a_loud_bass_finds_back_by_where_the_chords_change(testdata: Path) -> None:
    path = testdata / "music" / "kentacho" / "mu-cade_mcd4.ogg"
    log, _ = hear(*song(path, seconds=40.0))
    truth = true_beats(path)
    assert f_measure(truth[truth < 39.5], committed_s(log), skip_s=20.0) > 0.9


def test_turning_the_states_by_half_a_beat_twice_changes_nothing_for_even_lengths() -> None:
    lengths = np.array([40, 42, 60], np.int64)
    first = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
    rows = np.random.default_rng(0).random(int(lengths.sum()))
    turned, row = rows.copy(), np.zeros(60)
    turn_half(1234, lengths, first, row, turned)
    assert not np.allclose(turned, rows)
    turn_half(1234, lengths, first, row, turned)
    assert np.array_equal(turned, rows)


def test_a_narrow_range_holds_the_tracker_to_the_tempo_that_a_dj_knows() -> None:
    sound, _ = clicks(124, 12.0)
    log, _ = hear(sound, listener=Ears(HearConfig(), BeatConfig(min_bpm=120.0, max_bpm=130.0), ClockConfig(), 44100))
    assert log["tempo_bpm"][-1] == pytest.approx(124.0, rel=0.01)
