"""The feature window: means per beat, and figures that rise and fall with the music."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audio2pose.music.features import CENTROID, CHROMA, DENSITY, LOUDNESS, N_BEATS, N_FEATURES, PARTS
from tests.music.sounds import clicks, ears, hear, noise, song


def _tone(hz: float, seconds: float, amplitude: float = 0.2) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * 44100)) / 44100)).astype(np.float32)


def test_a_beat_of_a_steady_tone_has_the_tones_loudness_pitch_and_centroid() -> None:
    listener = ears()
    hear(_tone(440.0, 4.0), listener=listener)
    rows = np.zeros((N_BEATS, N_FEATURES), np.float32)
    n = listener.features.last(N_BEATS, rows)
    last = rows[n - 1]
    assert abs(last[LOUDNESS] - -17.0) < 0.2
    assert last[CHROMA].argmax() == 9
    assert abs(last[CENTROID] - 440.0) < 60.0
    assert last[PARTS].argmax() == 1
    assert last[DENSITY] == 0.0


def test_there_are_as_many_beats_as_the_clock_has_passed_and_never_more_than_sixteen() -> None:
    listener = ears()
    rows = np.zeros((N_BEATS, N_FEATURES), np.float32)
    assert listener.features.last(N_BEATS, rows) == 0
    log, _ = hear(_tone(440.0, 3.1), listener=listener)
    passed = int(np.count_nonzero(np.diff(np.floor(log["beat"]), prepend=0.0)))
    assert 4 <= passed <= 6
    assert listener.features.last(N_BEATS, rows) == passed
    hear(_tone(440.0, 20.0), listener=listener)
    assert listener.features.last(N_BEATS, rows) == 16
    assert listener.features.last(4, rows) == 4


def test_one_click_a_beat_is_one_onset_a_beat() -> None:
    log, _ = hear(clicks(120, 14.0)[0])
    assert abs(log["density"][-50] - 1.0) < 0.3


def test_four_clicks_a_beat_are_denser_than_one() -> None:
    sound = np.concatenate([clicks(120, 10.0)[0], clicks(120, 10.0)[0] + clicks(480, 10.0)[0]])
    log, _ = hear(sound)
    assert log["density"][1900] > log["density"][900] + 1.0


def test_energy_rises_in_the_loud_part_and_falls_in_the_breakdown() -> None:
    quiet, loud = noise(12.0, 0.01), noise(12.0, 0.2)
    log, _ = hear(np.concatenate([quiet, loud, quiet]))
    first, middle, last = (log["energy"][k] for k in (1100, 2300, 3500))
    assert middle > 0.9
    assert last < 0.2
    assert first < middle


def test_a_low_tone_added_raises_bass_and_a_high_one_brightness() -> None:
    middle = noise(8.0, 0.02)
    log, _ = hear(np.concatenate([middle, middle + _tone(70.0, 8.0), middle, middle + _tone(9000.0, 8.0)]))
    assert log["bass"][1500] > log["bass"][2350] + 0.4
    assert log["brightness"][3150] > log["brightness"][1500] + 0.3


def test_figures_stand_in_the_middle_at_first_and_are_in_use_after_a_second() -> None:
    log, _ = hear(noise(4.0, 0.05))
    assert abs(log["energy"][80] - 0.5) < 0.01
    assert 0.2 < log["energy"][-1] < 0.8


def test_energy_of_a_real_song_is_higher_where_it_is_loud_than_where_it_breaks_down(testdata: Path) -> None:
    sound, rate_hz = song(testdata / "music" / "kentacho" / "noiz2sa_stg5.ogg")
    log, _ = hear(sound, rate_hz)
    breakdown, loud = log["energy"][5200:5700], log["energy"][9000:10500]
    assert loud.mean() > breakdown.mean() + 0.5
