"""Bars: the beat that brings something new is the downbeat, and places in the bar follow each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio2pose.config import BeatConfig
from audio2pose.music.bar import ATTACK_HOPS, DOWNBEAT_PRIOR, N_NOVELTY_BANDS, Novelty, downbeat_probability, places_of
from audio2pose.music.ears import N_ACTIVATIONS
from audio2pose.music.spectrum import N_BANDS
from audio2pose.music.whole import decode
from tests.music.sounds import HOP_S, f_measure, hear, song

SLIP = 0.01


@pytest.mark.parametrize("meter", [3, 4])
@pytest.mark.parametrize("first", [0, 1, 2])
def test_likely_downbeats_every_so_many_beats_make_bars_of_so_many(meter: int, first: int) -> None:
    likely = np.where(np.arange(40) % meter == first, 0.7, 0.1)
    assert (places_of(likely, SLIP) == (np.arange(40) - first) % meter + 1).all()


def test_no_beats_have_no_places_and_one_has_one() -> None:
    assert len(places_of(np.zeros(0), SLIP)) == 0
    assert list(places_of(np.array([0.9]), SLIP)) == [1]


def test_where_nothing_is_told_places_still_follow_each_other() -> None:
    places = places_of(np.full(24, DOWNBEAT_PRIOR), SLIP)
    assert set(places) == {1, 2, 3, 4}
    assert ((places[1:] - places[:-1]) % 4 == 1).all()


def test_one_beat_that_says_otherwise_moves_no_bar() -> None:
    likely = np.where(np.arange(40) % 4 == 0, 0.8, 0.05)
    likely[18] = 0.9
    assert (places_of(likely, SLIP) == np.arange(40) % 4 + 1).all()


def test_many_beats_that_say_otherwise_begin_another_bar() -> None:
    likely = np.concatenate([np.where(np.arange(22) % 4 == 0, 0.8, 0.05), np.where(np.arange(24) % 4 == 0, 0.8, 0.05)])
    places = places_of(likely, SLIP)
    assert (places[:20] == np.arange(20) % 4 + 1).all()
    assert (places[22:] == np.arange(24) % 4 + 1).all()


@pytest.mark.parametrize("worst", [0.0, 1.0])
def test_certainties_of_0_and_1_are_taken_as_nearly_so(worst: float) -> None:
    assert set(places_of(np.full(12, worst), SLIP)) <= {1, 2, 3, 4}


def test_as_much_that_is_new_as_usual_says_little_and_more_says_downbeat() -> None:
    assert downbeat_probability(1.0, 0.0) == DOWNBEAT_PRIOR
    told = [downbeat_probability(x, 1.0) for x in (0.0, 1.0, 1.5, 2.0, 3.0, 30.0)]
    assert told == sorted(told)
    assert told[2] == pytest.approx(DOWNBEAT_PRIOR)
    assert told[-1] == told[-2] < 0.6


def test_a_chord_that_is_new_is_told_and_one_that_repeats_is_not() -> None:
    novelty = Novelty(HOP_S)
    chords = np.zeros((2, N_BANDS), np.float32)
    chords[0, 3:9:2] = 30.0
    chords[1, 12:18:2] = 30.0

    def beat(chord: np.ndarray) -> float:
        told = [novelty.process(chord * 0.7 ** (k / 5), 0.9 if k < ATTACK_HOPS else 0.0) for k in range(50)]
        return max(told[:ATTACK_HOPS])

    for _ in range(8):
        beat(chords[0])
    repeated = beat(chords[0])
    assert beat(chords[1]) > repeated + 0.1
    novelty.reset()
    assert novelty.process(chords[0], 0.0) == DOWNBEAT_PRIOR


def test_high_bands_tell_nothing_of_the_bar() -> None:
    told = []
    for level in (0.0, 50.0):
        novelty = Novelty(HOP_S)
        bands = np.zeros(N_BANDS, np.float32)
        bands[:4] = 2.0
        told.append([])
        for k in range(100):
            bands[N_NOVELTY_BANDS:] = level * (k % 25 == 0)
            told[-1].append(novelty.process(bands * (k % 25 < 5), float(k % 25 == 0)))
    assert told[0] == told[1]


def test_downbeats_of_music_are_found_far_more_often_than_by_chance(testdata: Path) -> None:
    heard, ahead = [], []
    for clip in ("waltz_waltz", "waltz_viennese", "hip_hiphop"):
        table = np.loadtxt(testdata / "beats" / f"{clip}.beats", ndmin=2)
        true_s = table[table[:, 1] == 1, 0]
        log, activations = hear(*song(testdata / "beats" / f"{clip}.ogg"))
        assert activations.shape[1] == N_ACTIVATIONS
        told = log[log["committed"] == 1]
        heard.append(f_measure(true_s, told["committed_s"][told["position"] == 1]))
        found = decode(activations, HOP_S, BeatConfig())
        ahead.append(f_measure(true_s, found.times_s[found.places == 1]))
    # One beat in three or four would be right by chance.
    print(heard, ahead)
    assert np.mean(heard) > 0.5
    assert np.mean(ahead) > 0.6
