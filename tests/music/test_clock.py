"""The beat clock: monotone, smooth, whole on the beat, and it runs on."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from audio2pose.config import BeatConfig, ClockConfig, HearConfig
from audio2pose.music.beat import BEAT_STATE
from audio2pose.music.clock import BeatClock
from audio2pose.music.ears import Ears
from audio2pose.music.hops import Hopper
from tests.music.sounds import HOP_S, clicks, hear, song, true_beats


def _run(beats_s: list[float], seconds: float, bpm: float, positions: list[int] | None = None):  # type: ignore[no-untyped-def]
    """b, rate and the clock after each hop, with *beats_s* committed 80 ms ahead."""
    clock = BeatClock(ClockConfig(), HOP_S)
    waiting = list(zip(beats_s, positions or [0] * len(beats_s)))
    b, rate = [], []
    for k in range(round(seconds / HOP_S)):
        now_s = (k + 1) * HOP_S
        state = np.zeros(1, BEAT_STATE)[0]
        state["tempo_bpm"], state["meter"] = bpm, 4
        if waiting and waiting[0][0] - now_s <= 0.08:
            state["committed"] = True
            state["beat_s"], state["position"] = waiting.pop(0)
        b.append(clock.process(now_s, state))
        rate.append(clock.rate_hz)
    return np.array(b), np.array(rate), clock


def test_before_the_first_beat_it_runs_at_the_idle_tempo_from_zero() -> None:
    b, _, clock = _run([], 6.0, 0.0)
    assert b[0] == pytest.approx(100.0 / 60.0 * HOP_S)
    assert b[-1] == pytest.approx(10.0)
    assert clock.tempo_bpm == 0.0


def test_b_is_whole_on_steady_beats() -> None:
    beats_s = list(np.arange(1.0, 19.0, 0.5))
    b, _, _ = _run(beats_s, 20.0, 120.0)
    at = np.interp(beats_s[6:], (np.arange(len(b)) + 1) * HOP_S, b)
    assert np.abs(at - np.round(at)).max() < 0.02
    assert (np.diff(np.round(at)) == 1).all()


def test_b_runs_on_past_the_last_beat() -> None:
    b, rate, _ = _run(list(np.arange(1.0, 10.0, 0.5)), 20.0, 120.0)
    assert b[-1] - b[-501] == pytest.approx(10.0, abs=0.1)
    assert rate[-1] == pytest.approx(2.0, rel=0.01)


def test_b_never_runs_back_and_bends_within_its_bounds() -> None:
    rng = np.random.default_rng(3)
    beats_s = list(np.arange(1.0, 30.0, 0.5) + rng.uniform(-0.08, 0.08, 58))
    b, rate, clock = _run(beats_s, 32.0, 120.0)
    assert (np.diff(b) > 0.0).all()
    steady = np.diff(b) < 0.1
    assert np.abs(np.diff(b)[steady] - rate[1:][steady] * HOP_S).max() < 1e-9
    assert 60.0 * rate.min() >= 0.74 * clock.tempo_bpm * 0.9


def test_a_small_error_is_bent_away_without_a_jump() -> None:
    beats_s = [*np.arange(1.2, 6.0, 0.5), *np.arange(6.3, 12.0, 0.5)]
    b, _, clock = _run(beats_s, 12.0, 120.0)
    jumps_at_lock = 1
    assert clock.jumps <= jumps_at_lock
    at = np.interp(beats_s[-3:], (np.arange(len(b)) + 1) * HOP_S, b)
    assert np.abs(at - np.round(at)).max() < 0.03


def test_a_large_error_is_jumped_over_forward_and_counted() -> None:
    steady, moved = list(np.arange(1.2, 6.0, 0.5)), list(np.arange(6.4, 12.0, 0.5))
    before = _run(steady, 6.3, 120.0)[2].jumps
    b, _, clock = _run([*steady, *moved], 12.0, 120.0)
    assert clock.jumps == before + 1
    assert (np.diff(b) > 0.0).all()


def test_beats_keep_their_place_in_the_bar() -> None:
    beats_s = list(np.arange(1.0, 19.0, 0.5))
    places = [(k + 2) % 4 + 1 for k in range(len(beats_s))]
    b, _, clock = _run(beats_s, 18.6, 120.0, places)
    at = np.round(np.interp(beats_s[6:], (np.arange(len(b)) + 1) * HOP_S, b)).astype(int)
    assert [(n - clock.bar_origin) % clock.meter + 1 for n in at] == places[6:]


def test_one_odd_bar_does_not_move_the_bars() -> None:
    beats_s = list(np.arange(1.0, 19.0, 0.5))
    places = [k % 4 + 1 for k in range(len(beats_s))]
    places[12:14] = [3, 4]
    assert _run(beats_s, 18.6, 120.0, places)[2].bar_origin % 4 == _run(beats_s[:10], 6.0, 120.0, places[:10])[2].bar_origin % 4


def test_once_locked_the_rate_carries_no_ripple() -> None:
    log, _ = hear(clicks(126, 20.0)[0])
    rate = log["rate_hz"][800:]
    assert rate.max() / rate.min() < 1.05


@pytest.mark.parametrize(
    "name",
    [
        "music/kentacho/titanion_ttn3",
        "music/kentacho/gunroar_gr3",
        "beats/edm_techno",
        "beats/latin_salsa",
        "beats/waltz_waltz",
    ],
)
def test_on_steady_songs_b_now_and_150_ms_ahead_lies_within_15_ms_of_the_true_beats(testdata: Path, name: str) -> None:
    path = testdata / f"{name}.ogg"
    log, _ = hear(*song(path, seconds=40.0))
    beats_s = true_beats(path)
    period_s = float(np.median(np.diff(beats_s)))
    end_s = (np.arange(len(log)) + 1) * HOP_S
    late = (end_s > 12.0) & (end_s < beats_s[-1] - 0.15)
    for ahead_s in (0.0, 0.15):
        told = log["beat"] + log["rate_hz"] * ahead_s
        true = np.interp(end_s + ahead_s, beats_s, np.arange(len(beats_s)))
        away = (told - true)[late]
        assert np.median(np.abs(away - np.round(away))) * period_s < 0.015
    assert (np.diff(log["beat"]) > 0.0).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_any_beats_told_in_any_order_b_stays_finite_and_runs_forward(seed: int) -> None:
    rng = np.random.default_rng(seed)
    clock = BeatClock(ClockConfig(), HOP_S)
    state = np.zeros(1, BEAT_STATE)[0]
    last = 0.0
    for k in range(20_000):
        now_s = (k + 1) * HOP_S
        state["committed"] = rng.random() < 0.03
        state["beat_s"] = now_s + rng.uniform(-0.1, 0.5)
        state["tempo_bpm"] = rng.uniform(50.0, 230.0)
        state["meter"] = rng.integers(3, 5)
        state["position"] = rng.integers(1, state["meter"] + 1)
        b = clock.process(now_s, state)
        assert last < b < math.inf
        last = b
        assert clock.rate_hz > 0.0
    assert 1 <= clock.position <= clock.meter


@pytest.mark.parametrize("jitter_s", [0.0, 0.004, 0.012, 0.03])
@pytest.mark.parametrize("lead_s", [0.05, 0.15, 0.25])
def test_b_knows_how_sure_it_is_of_what_lies_ahead(jitter_s: float, lead_s: float) -> None:
    rng = np.random.default_rng(5)
    true_s = np.arange(1.0, 120.0, 0.5)
    clock = BeatClock(ClockConfig(), HOP_S)
    told = list(true_s + rng.normal(0.0, jitter_s, len(true_s)))
    errors, spreads = [], []
    for k in range(11_000):
        now_s = (k + 1) * HOP_S
        state = np.zeros(1, BEAT_STATE)[0]
        state["tempo_bpm"], state["meter"] = 120.0, 4
        if told[0] - now_s <= 0.08:
            state["committed"], state["beat_s"] = True, told.pop(0)
        clock.process(now_s, state)
        if now_s > 12.0:
            beat, spread_s = clock.ahead(lead_s)
            wanted = (now_s + lead_s - 1.0) / 0.5
            errors.append(abs((beat - wanted + 0.5) % 1.0 - 0.5) * 0.5)
            spreads.append(spread_s)
    errors_s, spreads_s = np.array(errors), np.array(spreads)
    inside = (errors_s <= 2.0 * spreads_s).mean()
    assert inside > 0.85
    # Nor is it overcautious: the typical error is not far below what it says.
    assert np.median(spreads_s) < 4.0 * max(np.median(errors_s), 0.002)


def test_what_lies_ahead_grows_less_sure_in_a_breakdown_and_is_unknown_before_the_first_beat() -> None:
    clock = BeatClock(ClockConfig(), HOP_S)
    assert math.isinf(clock.ahead(0.1)[1])
    beats_s = list(np.arange(1.0, 10.0, 0.5) + np.tile([0.0, 0.01, -0.01], 6))
    near, later = (_run(beats_s, seconds, 120.0)[2] for seconds in (10.0, 20.0))
    assert 0.003 < near.ahead(0.15)[1] < 0.04
    assert later.ahead(0.15)[1] > 4.0 * near.ahead(0.15)[1]
    assert near.ahead(0.25)[0] == pytest.approx(near.ahead(0.15)[0] + 0.1 * near.rate_hz)


@pytest.mark.parametrize(("name", "least_inside"), [("edm_techno", 0.9), ("latin_salsa", 0.9), ("waltz_waltz", 0.9)])
def test_b_is_right_150_ms_ahead_of_music_and_as_sure_as_it_says(testdata: Path, name: str, least_inside: float) -> None:
    path = testdata / "beats" / f"{name}.ogg"
    sound, rate_hz = song(path, 30.0)
    truth_s = true_beats(path)
    listener = Ears(HearConfig(), BeatConfig(), ClockConfig(), rate_hz)
    errors, spreads = [], []
    for k, hop in enumerate(Hopper(rate_hz, HOP_S).feed(sound)):
        listener.process(hop)
        at_s = (k + 1) * HOP_S + 0.15
        beat, spread_s = listener.ahead(0.15)
        if 8.0 < at_s < 29.0:
            away = beat - np.interp(at_s, truth_s, np.arange(len(truth_s)))
            errors.append(abs(away - round(away)) * float(np.median(np.diff(truth_s))))
            spreads.append(spread_s)
    assert np.median(errors) < 0.015
    assert (np.array(errors) <= 2.0 * np.array(spreads)).mean() > least_inside
