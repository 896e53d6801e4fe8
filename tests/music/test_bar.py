"""Bars: the beat that brings something new is the downbeat."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio2pose.config import BeatConfig
from audio2pose.music.bar import BarCounter, places_of, transitions
from audio2pose.music.whole import decode
from tests.music.sounds import HOP_S, committed_s, f_measure, hear, song


def _truth(path: Path) -> tuple[np.ndarray, np.ndarray]:
    table = np.loadtxt(path, ndmin=2)
    return table[:, 0], table[:, 1].astype(int)


@pytest.mark.parametrize("meter", [3, 4])
def test_something_new_every_so_many_beats_makes_bars_of_so_many(meter: int) -> None:
    places = places_of(np.array([3.0 if k % meter == 1 else 0.4 for k in range(40)]))
    assert (places[1::meter] == 1).all()
    assert places.max() == meter


def test_nothing_new_makes_no_downbeat_of_its_own() -> None:
    assert len(places_of(np.zeros(0))) == 0
    assert set(places_of(np.zeros(12))) <= {1, 2, 3, 4}


def test_places_follow_each_other_and_rows_sum_to_one() -> None:
    follow = transitions()
    assert np.allclose(follow.sum(axis=1), 1.0)
    assert list(follow.argmax(axis=1)) == [1, 2, 0, 4, 5, 6, 3]


def test_beats_that_were_not_told_are_counted_all_the_same() -> None:
    counters = [BarCounter(HOP_S) for _ in range(2)]
    for counter, skipped in zip(counters, (False, True)):
        counter.likelihood[:] = np.eye(7)[3]
        for k in range(9):
            if not (skipped and k in (3, 4)):
                counter.count(0.5 * k, 0.5)
    assert counters[0].place == counters[1].place
    assert counters[0].meter == counters[1].meter == 4


@pytest.mark.parametrize("clip", ["waltz_waltz", "jazz_swingwalk", "latin_salsa"])
def test_downbeats_of_music_are_found_more_often_than_by_chance(testdata: Path, clip: str) -> None:
    beats_s, places = _truth(testdata / "beats" / f"{clip}.beats")
    log, activations = hear(*song(testdata / "beats" / f"{clip}.ogg"))
    downbeats_s = committed_s(log)[log["position"][log["committed"] == 1] == 1]
    ahead_s, ahead_places = decode(activations, HOP_S, BeatConfig())
    assert f_measure(beats_s[places == 1], downbeats_s) > 0.6
    assert f_measure(beats_s[places == 1], ahead_s[ahead_places == 1]) > 0.8
