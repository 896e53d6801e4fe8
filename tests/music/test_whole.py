"""The whole song looked at first: its beats, their places in the bar, and how sure they are."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from audio2pose.config import BeatConfig
from audio2pose.music.ears import ACTIVATION, DOWNBEAT, N_ACTIVATIONS, SOUNDING, TEMPO
from audio2pose.music.network import N_TEMPI
from audio2pose.music.whole import decode
from tests.music.sounds import HOP_S, clicks, committed_s, f_measure, hear, noise, song, true_beats


def activations_of(beat_hops: list[int], n_hops: int) -> np.ndarray:
    """What a perfect front would tell of beats at *beat_hops*: nothing else, no downbeats, any tempo."""
    told = np.zeros((n_hops, N_ACTIVATIONS), np.float32)
    told[:, ACTIVATION] = 0.01
    told[:, DOWNBEAT] = 0.25
    told[:, SOUNDING] = 1.0
    told[:, TEMPO:] = 1.0 / N_TEMPI
    for hop in beat_hops:
        told[hop : hop + 3, ACTIVATION] = (0.7, 0.95, 0.7)[: n_hops - hop]
    return told


def test_silence_has_no_beats() -> None:
    found = decode(hear(np.zeros(44100 * 5, np.float32))[1], HOP_S, BeatConfig())
    assert len(found.times_s) == len(found.places) == len(found.confidences) == 0


@pytest.mark.parametrize("n_hops", [0, 1, 2, 29, 30, 31, 110, 300])
def test_songs_too_short_for_a_beat_are_looked_at_too(n_hops: int) -> None:
    found = decode(activations_of([k for k in (0, 50) if k < n_hops], n_hops), HOP_S, BeatConfig())
    assert len(found.times_s) == len(found.places) == len(found.confidences)
    assert (np.diff(found.times_s) > 0.25).all()


@pytest.mark.parametrize("step", [30, 47, 50, 83])
def test_beats_that_are_told_perfectly_are_found_to_the_hop(step: int) -> None:
    hops = list(range(step // 2, 2000, step))
    found = decode(activations_of(hops, 2000), HOP_S, BeatConfig())
    assert len(found.times_s) == len(hops)
    assert np.ptp(found.times_s - np.array(hops) * HOP_S) < 0.011
    assert found.confidences.min() > 0.9


def test_a_tempo_that_ramps_and_one_that_jumps_are_followed() -> None:
    ramp = np.cumsum(np.linspace(60, 42, 40)).astype(int)
    jump = ramp[-1] + np.cumsum(np.full(30, 63))
    hops = [*ramp, *jump]
    found = decode(activations_of(hops, hops[-1] + 40), HOP_S, BeatConfig())
    assert f_measure(np.array(hops) * HOP_S, found.times_s, skip_s=0.0) > 0.97


def test_the_network_s_tempo_decides_between_octaves() -> None:
    # Beats at 86 BPM, and something weaker in the middle of each: both levels are plausible.
    told = activations_of(list(range(20, 3000, 70)), 3000)
    told[np.add.outer(np.arange(55, 2990, 70), np.arange(3)).ravel(), ACTIVATION] = 0.1
    classes = np.geomspace(50.0, 230.0, N_TEMPI)
    for bpm, step in ((171.0, 35), (86.0, 70)):
        told[:, TEMPO:] = 1e-3
        middle = TEMPO + int(np.abs(classes - bpm).argmin())
        told[:, middle - 1 : middle + 2] = 0.3
        found = decode(told, HOP_S, BeatConfig(tempo_weight=2.0))
        assert np.median(np.diff(found.times_s)) == pytest.approx(step * HOP_S, rel=0.03)


@pytest.mark.parametrize(
    ("low_bpm", "high_bpm", "step"), [(55, 110, 70), (70, 140, 70), (180, 360, 17.5), (100, 200, 35), (60, 175, 35)]
)
def test_a_range_of_tempi_decides_which_octave_is_danced(low_bpm: float, high_bpm: float, step: float) -> None:
    hops = list(range(20, 3000, 35))
    told = activations_of(hops, 3000)
    for k, hop in enumerate(hops):
        told[hop - 2 : hop + 6, DOWNBEAT] = 0.8 if k % 4 == 1 else 0.05
    found = decode(told, HOP_S, BeatConfig(min_bpm=low_bpm, max_bpm=high_bpm))
    assert np.median(np.diff(found.times_s)) == pytest.approx(step * HOP_S, abs=0.011)
    # Whatever the octave, the downbeats that the sound tells are among the beats.
    downbeats_s = found.times_s[found.places == 1] if step <= 35 else found.times_s
    assert np.abs(downbeats_s[:, None] - np.array(hops[1::2]) * HOP_S + 0.02).min(axis=1).max() < 0.03


@pytest.mark.parametrize(("low_bpm", "high_bpm"), [(65.0, 90.0), (70.0, 100.0), (180.0, 200.0)])
def test_a_tempo_that_no_octave_brings_into_the_range_is_told_as_heard(low_bpm: float, high_bpm: float) -> None:
    told = activations_of(list(range(20, 3000, 50)), 3000)  # 120 BPM
    found = decode(told, HOP_S, BeatConfig(min_bpm=low_bpm, max_bpm=high_bpm))
    assert len(found.times_s) > 50
    assert np.diff(found.times_s) == pytest.approx(np.full(len(found.times_s) - 1, 0.5), abs=0.03)


def test_a_song_of_the_asked_range_is_left_as_it_is() -> None:
    told = activations_of(list(range(20, 3000, 50)), 3000)
    wide, narrow = (decode(told, HOP_S, config) for config in (BeatConfig(), BeatConfig(min_bpm=110.0, max_bpm=130.0)))
    assert np.allclose(wide.times_s, narrow.times_s, atol=0.011)


@pytest.mark.parametrize("meter", [3, 4])
def test_downbeats_that_are_told_make_the_bars(meter: int) -> None:
    hops = list(range(30, 3000, 50))
    told = activations_of(hops, 3000)
    for k, hop in enumerate(hops):
        told[hop - 2 : hop + 6, DOWNBEAT] = 0.8 if k % meter == 1 else 0.05
    places = decode(told, HOP_S, BeatConfig()).places
    assert (places == (np.arange(len(places)) - 1) % meter + 1).all()


def test_where_nothing_like_a_beat_is_heard_for_long_there_are_no_beats() -> None:
    hops = [k for k in range(30, 4000, 50) if not 1500 <= k < 2300]
    found = decode(activations_of(hops, 4000), HOP_S, BeatConfig())
    assert len(found.times_s) == len(hops)
    assert not ((found.times_s > 15.0) & (found.times_s < 22.9)).any()


def test_noise_and_a_crowd_have_no_beats(testdata: Path) -> None:
    for sound, rate_hz in ((noise(12.0, 0.1), 44100), song(testdata / "beats" / "none_crowd.ogg")):
        assert len(decode(hear(sound, rate_hz)[1], HOP_S, BeatConfig()).times_s) == 0


@pytest.mark.parametrize("front", ["learned", "plain"])
@pytest.mark.parametrize("bpm", [80, 120, 174])
def test_every_beat_of_a_steady_click_is_found_from_the_first(bpm: int, front: str) -> None:
    sound, true_s = clicks(bpm, 12.0)
    config = BeatConfig(front=front)
    found = decode(hear(sound, listener=ears_with(config))[1], HOP_S, config)
    assert f_measure(true_s, found.times_s, skip_s=0.0) > 0.93
    near = true_s[np.abs(true_s[:, None] - found.times_s[3:-3]).argmin(axis=0)]
    assert np.abs(found.times_s[3:-3] - near).max() < 0.030


def test_three_seconds_of_clicks_are_enough() -> None:
    sound, true_s = clicks(120, 3.0)
    assert f_measure(true_s, decode(hear(sound)[1], HOP_S, BeatConfig()).times_s, skip_s=0.0) > 0.8


def test_doubtful_beats_are_told_with_less_confidence_than_clear_ones() -> None:
    hops = list(range(30, 3000, 50))
    clear = decode(activations_of(hops, 3000), HOP_S, BeatConfig())
    weak = activations_of(hops, 3000)
    weak[:, ACTIVATION] = np.where(weak[:, ACTIVATION] > 0.5, 0.43, np.random.default_rng(1).uniform(0.02, 0.2, 3000))
    doubtful = decode(weak, HOP_S, BeatConfig())
    assert len(doubtful.times_s) > 0
    assert np.median(doubtful.confidences) < np.median(clear.confidences) - 0.1
    assert (clear.confidences <= 1.0).all()
    assert (doubtful.confidences > 0.0).all()


@pytest.mark.parametrize("name", ["gunroar_gr0", "torus-trooper_tt1"])
def test_on_a_steady_song_look_ahead_is_at_least_as_good_as_hearing(testdata: Path, name: str) -> None:
    path = testdata / "music" / "kentacho" / f"{name}.ogg"
    log, activations = hear(*song(path))
    times_s, true_s = decode(activations, HOP_S, BeatConfig()).times_s, true_beats(path)
    assert f_measure(true_s, times_s) >= f_measure(true_s, committed_s(log))
    assert f_measure(true_s, times_s) > 0.95


@pytest.mark.parametrize("piece_s", [30.0, 40.0])
def test_pieces_give_the_same_beats_as_the_whole(testdata: Path, monkeypatch: pytest.MonkeyPatch, piece_s: float) -> None:
    _, activations = hear(*song(testdata / "music" / "kentacho" / "titanion_ttn1.ogg"))
    whole = decode(activations, HOP_S, BeatConfig())
    monkeypatch.setattr("audio2pose.music.whole.PIECE_S", piece_s)
    pieces = decode(activations, HOP_S, BeatConfig())
    assert f_measure(whole.times_s, pieces.times_s, skip_s=0.0, window_s=0.02) > 0.98
    assert (np.diff(pieces.times_s) > 0.2).all()


def test_decoding_twice_gives_the_same_to_the_last_bit() -> None:
    _, activations = hear(clicks(100, 8.0)[0])
    before = activations.copy()
    first, second = (dataclasses.astuple(decode(activations, HOP_S, BeatConfig())) for _ in range(2))
    assert all(a.tobytes() == b.tobytes() for a, b in zip(first, second))
    assert activations.tobytes() == before.tobytes()


def ears_with(config: BeatConfig):  # type: ignore[no-untyped-def]
    from audio2pose.config import ClockConfig, HearConfig
    from audio2pose.music.ears import Ears

    return Ears(HearConfig(), config, ClockConfig(), 44100)
