"""Ears: the same sound gives the same bits, at any block size, after reset, and nothing in sound makes them raise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio2pose.arrays import F32
from audio2pose.music.heard import FLYWHEEL, IDLE, LISTENING, LOCKED, SILENT
from tests.music.sounds import HOP_S, clicks, committed_s, ears, f_measure, hear, noise, song, true_beats

KENTACHO = "music/kentacho/rrootage_stg_c.ogg"


def _finite(log) -> bool:  # type: ignore[no-untyped-def]
    names = [n for n in log.dtype.names if n != "committed_s"]
    return all(np.isfinite(log[n].astype(np.float64)).all() for n in names)


def test_silence_is_idle_and_b_runs_at_the_idle_tempo() -> None:
    log, _ = hear(np.zeros(44100 * 3, np.float32))
    assert (log["state"] == IDLE).all()
    assert log["beat"][-1] == pytest.approx(5.0)
    assert (log["tempo_bpm"] == 0.0).all()
    assert (log["energy"][-1], log["confidence"][-1]) == (0.0, 0.0)


def test_hops_are_counted_from_zero() -> None:
    log, _ = hear(np.zeros(44100, np.float32))
    assert (log["hop"] == np.arange(100)).all()


def test_states_follow_the_music_through_silence_and_back() -> None:
    sound, _ = clicks(120, 8.0)
    gap = np.zeros(5 * 44100, np.float32)
    log, _ = hear(np.concatenate([sound, gap, sound]))
    state = log["state"]
    assert state[60] == LISTENING
    assert state[700] == LOCKED
    assert state[950] in (LOCKED, FLYWHEEL)
    assert state[1250] == SILENT
    assert state[1355] == LISTENING
    assert state[-1] == LOCKED


def test_b_runs_on_through_a_breakdown() -> None:
    """Beats are told on for some seconds while nothing says otherwise, then no more; b goes on for as long as it takes."""
    sound, _ = clicks(120, 10.0)
    log, _ = hear(np.concatenate([sound, noise(12.0, 0.02)]))
    told_s = committed_s(log)
    assert ((told_s > 10.0) & (told_s < 12.0)).sum() >= 3
    assert log["state"][-1] == FLYWHEEL
    assert log["confidence"][-1] == 0.0
    assert log["beat"][1500] - log["beat"][1400] == pytest.approx(2.0, rel=0.05)
    assert (np.diff(log["beat"]) > 0.0).all()


@pytest.mark.parametrize("block", [1, 100, 440, 441, 44100])
def test_any_block_size_gives_the_same_bits(block: int) -> None:
    sound, _ = clicks(133, 1.5 if block == 1 else 6.0)
    assert hear(sound, block=block)[0].tobytes() == hear(sound)[0].tobytes()


def test_after_reset_the_same_sound_gives_the_same_bits(testdata: Path) -> None:
    sound, rate_hz = song(testdata / KENTACHO, seconds=8.0)
    listener = ears(rate_hz)
    first, heard_first = hear(sound, rate_hz, listener)
    listener.reset()
    again, heard_again = hear(sound, rate_hz, listener)
    assert again.tobytes() == first.tobytes()
    assert heard_again.tobytes() == heard_first.tobytes()


def test_warming_up_leaves_the_state_as_after_reset(testdata: Path) -> None:
    sound, rate_hz = song(testdata / KENTACHO, seconds=4.0)
    warm = ears(rate_hz)
    warm.warm_up()
    assert hear(sound, rate_hz, warm)[0].tobytes() == hear(sound, rate_hz)[0].tobytes()


@pytest.mark.parametrize(
    "sound",
    [
        np.full(44100, np.nan, np.float32),
        np.full(44100, np.inf, np.float32),
        np.full(44100, 1.0, np.float32),
        np.full(44100, 3e38, np.float32),
        np.full(44100, 1e-42, np.float32),
        np.sign(noise(1.0, 1.0)),
        np.tile(np.array([1.0, -1.0], np.float32), 22050),
    ],
    ids=["nan", "inf", "dc", "huge", "denormal", "clipped noise", "half the rate"],
)
def test_no_sound_raises_or_makes_a_nan(sound: F32) -> None:
    beats, _ = clicks(120, 2.0)
    log, activations = hear(np.concatenate([beats, sound, beats]))
    assert _finite(log)
    assert np.isfinite(activations).all()


@pytest.mark.parametrize("size", [0, 1, 3, 440, 442, 5000, 100_000])
def test_a_hop_of_any_size_is_taken(size: int) -> None:
    listener = ears()
    for _ in range(30):
        heard = listener.process(np.full(size, 0.1, np.float32))
    assert heard["hop"] == 29
    assert np.isfinite(heard["beat"])


def test_a_few_bad_samples_do_not_unlock_the_beat() -> None:
    sound, beats_s = clicks(120, 14.0)
    sound[np.random.default_rng(0).integers(0, len(sound), 200)] = np.nan
    listener = ears()
    log, _ = hear(sound, listener=listener)
    told_s = committed_s(log)
    assert f_measure(beats_s[beats_s < 13.4], told_s[told_s < 13.4], skip_s=4.8) > 0.95
    assert 150 <= listener.bad_samples <= 200


@pytest.mark.parametrize("kind", [np.float64, np.int16])
def test_samples_of_another_type_or_read_only_are_taken(kind: type) -> None:
    hop = (np.ones(441) * 100).astype(kind)
    hop.setflags(write=False)
    assert ears().process(hop)["hop"] == 0


@pytest.mark.parametrize("rate_hz", [22050, 48000, 96000])
def test_other_sample_rates_hear_the_same_beats_to_within_a_hop(rate_hz: int) -> None:
    reference_s, told_s = (committed_s(hear(clicks(128, 12.0, hz)[0], hz)[0]) for hz in (44100, rate_hz))
    late_s = [t[t > 2.5] for t in (reference_s, told_s)]
    assert len(late_s[0]) == len(late_s[1])
    assert np.abs(late_s[0] - late_s[1]).max() < HOP_S


@pytest.mark.parametrize("rate_hz", [4000, 8000, 192000])
def test_the_narrowest_and_widest_rates_lock_too(rate_hz: int) -> None:
    sound, beats_s = clicks(128, 12.0, rate_hz)
    log, _ = hear(sound, rate_hz)
    assert _finite(log)
    assert f_measure(beats_s[beats_s < 11.0], committed_s(log)[committed_s(log) < 11.2]) > 0.95


def test_quiet_music_is_heard_as_loud_music_is() -> None:
    sound, beats_s = clicks(120, 14.0)
    log, _ = hear(sound * 0.06)
    told_s = committed_s(log)
    assert f_measure(beats_s[beats_s < 13.2], told_s[told_s < 13.2], skip_s=4.8) > 0.95


def test_what_is_heard_of_real_music_is_sane(testdata: Path) -> None:
    sound, rate_hz = song(testdata / KENTACHO)
    log, _ = hear(sound, rate_hz)
    assert _finite(log)
    assert (np.diff(log["beat"]) > 0.0).all()
    for name in ("energy", "bass", "brightness", "confidence", "onset_low", "onset_mid", "onset_high"):
        assert log[name].min() >= 0.0, name
        assert log[name].max() <= 1.0, name
    assert 0.0 <= log["density"].min() <= log["density"].max() <= 4.0
    assert (log["state"] == LOCKED).mean() > 0.8
    committed = log[log["committed"] == 1]
    assert len(committed) > 100
    assert set(committed["position"]) <= {1, 2, 3, 4}
    assert np.isnan(log["committed_s"][log["committed"] == 0]).all()
    assert f_measure(true_beats(testdata / KENTACHO), committed_s(log)) > 0.85


def test_a_committed_beat_is_a_whole_number_of_b(testdata: Path) -> None:
    log, _ = hear(*song(testdata / KENTACHO, seconds=30.0))
    told_s = committed_s(log)[8:]
    end_s = (np.arange(len(log)) + 1) * HOP_S
    at = np.interp(told_s[told_s < end_s[-1]], end_s, log["beat"])
    assert np.median(np.abs(at - np.round(at))) < 0.03


def test_the_level_is_told_in_dbfs() -> None:
    tone = 0.1 * np.sin(2 * np.pi * 1000.0 * np.arange(44100) / 44100)
    log, _ = hear(tone.astype(np.float32))
    assert log["level_db"][-1] == pytest.approx(-23.0, abs=0.1)
