"""The log of the ears, told again as if they had known the song."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.config import BeatConfig
from audio2pose.music.heard import FLYWHEEL, IDLE, LISTENING, LOCKED, SILENT
from audio2pose.music.rehear import counted_on, rehear
from audio2pose.music.whole import Beats, decode
from tests.music.sounds import HOP_S, clicks, hear


def known(times_s: np.ndarray, meter: int = 4, confidence: float = 0.9) -> Beats:
    return Beats(times_s, np.arange(len(times_s)) % meter + 1, np.full(len(times_s), confidence))


def test_silence_stays_idle() -> None:
    log, activations = hear(np.zeros(44100 * 5, np.float32))
    assert (rehear(log, decode(activations, HOP_S, BeatConfig()), HOP_S)["state"] == IDLE).all()


def test_the_clock_stands_on_whole_numbers_at_the_known_beats_and_is_smooth() -> None:
    log, _ = hear(clicks(120, 10.0)[0])
    beats_s = np.cumsum([0.6, *np.linspace(0.45, 0.55, 16)])
    told = rehear(log, known(beats_s), HOP_S)
    end_s = (np.arange(len(log)) + 1) * HOP_S
    assert np.abs(np.interp(beats_s, end_s, told["beat"]) - np.arange(17)).max() < 0.01
    assert (np.diff(told["beat"]) > 0.0).all()
    assert np.abs(np.diff(told["beat"]) - told["rate_hz"][1:] * HOP_S).max() < 1e-3
    assert np.abs(np.diff(told["rate_hz"])).max() < 0.05
    assert told["rate_hz"][-1] == pytest.approx(1 / 0.55, rel=0.01)


def test_bars_of_the_told_log_are_those_of_the_known_beats() -> None:
    log, _ = hear(clicks(120, 10.0)[0])
    beats_s, places = np.arange(0.5, 9.5, 0.5), np.arange(18) % 3 + 1
    told = rehear(log, known(beats_s, 3), HOP_S)
    committed = told[told["committed"] == 1]
    assert (committed["position"] == places).all()
    numbers = np.round(committed["beat"]).astype(int)
    assert ((numbers - committed["bar_origin"]) % 3 + 1 == places).all()
    assert (told["meter"] == 3).all()
    assert np.allclose(committed["committed_s"], beats_s)


def test_figures_tell_of_the_beats_to_come() -> None:
    quiet, loud = clicks(120, 8.0)[0] * 0.05, clicks(120, 8.0)[0]
    log, activations = hear(np.concatenate([quiet, loud]))
    told = rehear(log, decode(activations, HOP_S, BeatConfig()), HOP_S)
    rises = [300 + int(np.argmax(heard["energy"][300:] > 0.8)) for heard in (told, log)]
    assert rises[0] < rises[1] - 80


def test_where_it_was_silent_it_stays_silent_and_elsewhere_it_is_locked() -> None:
    sound, _ = clicks(120, 8.0)
    log, activations = hear(np.concatenate([sound, np.zeros(6 * 44100, np.float32), sound]))
    told = rehear(log, decode(activations, HOP_S, BeatConfig()), HOP_S)
    silent = log["state"] == SILENT
    assert silent.any()
    assert (told["state"][silent] == log["state"][silent]).all()
    assert told["state"][300] == LOCKED


def test_without_beats_the_log_says_sound_without_a_lock() -> None:
    log, _ = hear(clicks(120, 6.0)[0])
    told = rehear(log, known(np.zeros(0)), HOP_S)
    assert set(told["state"]) <= {IDLE, LISTENING}
    assert not told["committed"].any()


def test_confidence_is_that_of_the_nearest_beat_and_none_far_from_all() -> None:
    log, _ = hear(clicks(120, 10.0)[0])
    times_s = np.concatenate([np.arange(0.5, 3.1, 0.5), np.arange(7.0, 9.6, 0.5)])
    sure = np.linspace(0.5, 0.95, len(times_s))
    told = rehear(log, Beats(times_s, np.ones(len(times_s), np.int64), sure), HOP_S)
    assert np.allclose(told["confidence"][(times_s / HOP_S).astype(int)], sure)
    assert told["state"][500] == FLYWHEEL
    assert told["confidence"][500] == 0.0


def test_the_clock_counts_on_where_beats_are_missing() -> None:
    times_s = np.concatenate([np.arange(0.5, 3.1, 0.5), np.arange(7.0, 9.6, 0.5)])
    clock_s, number = counted_on(times_s)
    assert np.allclose(clock_s, np.arange(0.5, 9.6, 0.5))
    assert list(number) == [*range(6), *range(13, 19)]
    log, _ = hear(clicks(120, 10.0)[0])
    told = rehear(log, known(times_s), HOP_S)
    assert np.abs(told["rate_hz"][100:900] - 2.0).max() < 0.02
    assert told["committed"].sum() == 12


def test_a_song_with_two_beats_far_apart_runs_as_slowly_as_they_say() -> None:
    clock_s, number = counted_on(np.array([1.0, 4.0]))
    assert list(clock_s) == [1.0, 4.0]
    assert list(number) == [0, 1]


def test_bars_are_counted_on_where_beats_are_missing() -> None:
    log, _ = hear(clicks(120, 12.0)[0])
    times_s = np.arange(0.5, 11.6, 0.5)
    beats = known(times_s)
    kept = (times_s < 3.0) | (times_s > 8.0)
    told = rehear(log, Beats(times_s[kept], beats.places[kept], beats.confidences[kept]), HOP_S)
    whole = rehear(log, beats, HOP_S)
    assert (told["meter"] == 4).all()
    assert ((told["bar_origin"] - whole["bar_origin"]) % 4 == 0).all()
