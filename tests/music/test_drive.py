"""Drive: how hard the music asks a body to work."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.media.demo_song import demo_song
from audio2pose.music.drive import WITHOUT_LOW, Drive, whole
from audio2pose.music.ears import Ears
from audio2pose.music.hops import Hopper
from audio2pose.presets import settings

HOP_S = 0.01


def kicks(seconds: float, bpm: float = 120.0) -> np.ndarray:
    out = np.zeros(round(seconds / HOP_S))
    out[:: round(60.0 / bpm / HOP_S)] = 1.0
    return out


def followed(onsets: np.ndarray, energy: float = 0.8) -> np.ndarray:
    drive = Drive(HOP_S)
    return np.array([drive.process(energy, float(o), 2.0) for o in onsets])


def test_silence_drives_nobody() -> None:
    assert (followed(np.zeros(500), 0.0) == 0.0).all()


def test_music_that_never_had_a_low_end_is_not_blamed_for_it() -> None:
    assert followed(np.zeros(500)) == pytest.approx(0.8)


def test_a_steady_kick_drives_steadily() -> None:
    d = followed(kicks(20.0))[600:]
    assert d.min() > 0.75


def test_where_the_kick_stops_the_drive_falls_within_two_bars_and_comes_back_within_one() -> None:
    onsets = np.concatenate([kicks(12.0), np.zeros(600), kicks(6.0)])
    d = followed(onsets)
    assert d[1600] < 0.8 * (WITHOUT_LOW + 0.25)
    assert d[1800] < 0.6 * d[1200]
    assert d[2000] > 0.9 * d[1200]


def test_a_known_song_s_drive_is_there_when_the_music_is() -> None:
    onsets = np.concatenate([kicks(12.0), np.zeros(600), kicks(6.0)])
    beat = np.arange(onsets.size) * HOP_S * 2.0
    d = whole(np.full(onsets.size, 0.8), onsets, beat)
    assert d[1000:1150].min() > 0.65
    assert d[1300] == pytest.approx(0.8 * WITHOUT_LOW)
    assert d[1830:2000].min() > 0.65


def test_in_the_built_in_song_the_drop_drives_harder_than_the_build_s_last_bar_and_the_breakdown() -> None:
    song, now = demo_song(), settings(environ={})
    ears, hopper = Ears(now.hear, now.beat, now.clock, song.sample_rate_hz), Hopper(song.sample_rate_hz, now.hear.hop_s)
    drive = np.array([float(ears.process(hop)["drive"]) for hop in hopper.feed(song.samples)])
    starts = {mark.name: round(mark.start_s / HOP_S) for mark in song.marks}
    drop, breakdown = starts["drop"], starts["breakdown"]
    assert drive[drop + 250 : drop + 1000].mean() > 1.5 * drive[drop - 20 : drop + 20].mean()
    assert drive[breakdown + 200 : breakdown + 500].mean() < 0.3 * drive[breakdown - 400 : breakdown].mean()
