"""The whole song looked at first: its beats, and the ears' log as if they had known them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio2pose.config import BeatConfig
from audio2pose.music.heard import IDLE, LISTENING, LOCKED
from audio2pose.music.whole import decode, rehear
from tests.music.sounds import HOP_S, clicks, committed_s, f_measure, hear, noise, song, true_beats


def test_silence_has_no_beats_and_stays_idle() -> None:
    log, activations = hear(np.zeros(44100 * 5, np.float32))
    beats_s, places = decode(activations, HOP_S, BeatConfig())
    assert len(beats_s) == len(places) == 0
    assert (rehear(log, beats_s, places, HOP_S)["state"] == IDLE).all()


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.3, 3.0])
def test_songs_too_short_for_a_beat_are_looked_at_too(seconds: float) -> None:
    log, activations = hear(noise(seconds, 0.1))
    beats_s, places = decode(
        activations.reshape(len(log), -1) if len(log) else np.zeros((0, 3), np.float32), HOP_S, BeatConfig()
    )
    told = rehear(log, beats_s, places, HOP_S)
    assert len(told) == len(log)
    assert (np.diff(told["beat"]) > 0.0).all()


@pytest.mark.parametrize("bpm", [80, 120, 174])
def test_every_beat_of_a_steady_click_is_found_from_the_first(bpm: int) -> None:
    sound, true_s = clicks(bpm, 12.0)
    beats_s, _ = decode(hear(sound)[1], HOP_S, BeatConfig())
    assert f_measure(true_s, beats_s, skip_s=0.0) > 0.93
    assert np.abs(beats_s[3:-3] - true_s[np.abs(true_s[:, None] - beats_s[3:-3]).argmin(axis=0)]).max() < 0.025


def test_three_seconds_of_clicks_are_enough() -> None:
    sound, true_s = clicks(120, 3.0)
    beats_s, _ = decode(hear(sound)[1], HOP_S, BeatConfig())
    assert f_measure(true_s, beats_s, skip_s=0.0) > 0.8


def test_places_in_the_bar_count_up_and_start_over() -> None:
    _, places = decode(hear(clicks(120, 20.0)[0])[1], HOP_S, BeatConfig())
    assert set(places) <= {1, 2, 3, 4}
    follow = places[1:] == places[:-1] + 1
    assert (follow | (places[1:] == 1)).all()


@pytest.mark.parametrize("name", ["gunroar_gr0", "torus-trooper_tt1"])
def test_on_a_steady_song_look_ahead_is_at_least_as_good_as_hearing(testdata: Path, name: str) -> None:
    path = testdata / "music" / "kentacho" / f"{name}.ogg"
    log, activations = hear(*song(path))
    beats_s, _ = decode(activations, HOP_S, BeatConfig())
    true_s = true_beats(path)
    assert f_measure(true_s, beats_s) >= f_measure(true_s, committed_s(log))
    assert f_measure(true_s, beats_s) > 0.95


def test_pieces_give_the_same_beats_as_the_whole(testdata: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, activations = hear(*song(testdata / "music" / "kentacho" / "titanion_ttn1.ogg"))
    whole_s, _ = decode(activations, HOP_S, BeatConfig())
    monkeypatch.setattr("audio2pose.music.whole.PIECE_S", 40.0)
    pieces_s, _ = decode(activations, HOP_S, BeatConfig())
    assert f_measure(whole_s, pieces_s, skip_s=0.0, window_s=0.02) > 0.98


def test_the_clock_stands_on_whole_numbers_at_the_known_beats_and_is_smooth() -> None:
    log, _ = hear(clicks(120, 10.0)[0])
    beats_s = np.cumsum([0.6, *np.linspace(0.45, 0.55, 16)])
    told = rehear(log, beats_s, np.arange(17) % 4 + 1, HOP_S)
    end_s = (np.arange(len(log)) + 1) * HOP_S
    assert np.abs(np.interp(beats_s, end_s, told["beat"]) - np.arange(17)).max() < 0.01
    assert (np.diff(told["beat"]) > 0.0).all()
    assert np.abs(np.diff(told["beat"]) - told["rate_hz"][1:] * HOP_S).max() < 1e-3
    assert np.abs(np.diff(told["rate_hz"])).max() < 0.05
    assert told["rate_hz"][-1] == pytest.approx(1 / 0.55, rel=0.01)


def test_bars_of_the_told_log_are_those_of_the_known_beats() -> None:
    log, _ = hear(clicks(120, 10.0)[0])
    beats_s, places = np.arange(0.5, 9.5, 0.5), np.arange(18) % 3 + 1
    told = rehear(log, beats_s, places, HOP_S)
    committed = told[told["committed"] == 1]
    assert (committed["position"] == places).all()
    numbers = np.round(committed["beat"]).astype(int)
    assert ((numbers - committed["bar_origin"]) % 3 + 1 == places).all()
    assert (told["meter"] == 3).all()
    assert np.allclose(committed["committed_s"], beats_s)


def test_figures_tell_of_the_beats_to_come() -> None:
    quiet, loud = clicks(120, 8.0)[0] * 0.05, clicks(120, 8.0)[0]
    log, activations = hear(np.concatenate([quiet, loud]))
    told = rehear(log, *decode(activations, HOP_S, BeatConfig()), HOP_S)
    rises = [300 + int(np.argmax(heard["energy"][300:] > 0.8)) for heard in (told, log)]
    assert rises[0] < rises[1] - 80


def test_where_it_was_silent_it_stays_silent_and_elsewhere_it_is_locked() -> None:
    sound, _ = clicks(120, 8.0)
    log, activations = hear(np.concatenate([sound, np.zeros(6 * 44100, np.float32), sound]))
    told = rehear(log, *decode(activations, HOP_S, BeatConfig()), HOP_S)
    silent = log["state"] == 4
    assert silent.any()
    assert (told["state"][silent] == log["state"][silent]).all()
    assert told["state"][300] == LOCKED


def test_without_beats_the_log_says_sound_without_a_lock() -> None:
    log, _ = hear(clicks(120, 6.0)[0])
    told = rehear(log, np.zeros(0), np.zeros(0, np.int64), HOP_S)
    assert set(told["state"]) <= {IDLE, LISTENING}
    assert not told["committed"].any()
