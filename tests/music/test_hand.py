"""The performer's hand: what it says holds, and nothing that it says can break what is heard later."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest

from audio2pose.arrays import F32, F64
from audio2pose.config import BeatConfig, HearConfig
from audio2pose.music.beat import HELP, BeatTracker
from audio2pose.music.hand import FREE, GRID, TEMPO, Hand
from audio2pose.music.hops import Hopper
from tests.music.sounds import HOP_S, clicks, f_measure, noise, song, true_beats

RATE_HZ = 44100
Help = tuple[float, str, float]  # stream seconds, name, value


class Told:
    """What a tracker told: of each hop the tempo, of each beat its time, its place and when it was told."""

    def __init__(self, sound: F32, *helps: Help, tracker: BeatTracker | None = None, rate_hz: int = RATE_HZ) -> None:
        self.tracker = tracker or BeatTracker(HearConfig(), BeatConfig(), rate_hz)
        waiting = sorted(helps, key=lambda h: h[0])
        tempo, beats = [], []
        for k, hop in enumerate(Hopper(rate_hz, HOP_S).feed(sound)):
            while waiting and waiting[0][0] <= k * HOP_S + 1e-9:
                self.tracker.help(*waiting.pop(0)[1:])
            state = self.tracker.process(hop)
            tempo.append(float(state["tempo_bpm"]))
            if state["committed"]:
                beats.append((float(state["beat_s"]), int(state["position"]), (k + 1) * HOP_S))
        self.tempo_bpm = np.array(tempo)
        self.beats_s, self.positions, self.at_s = np.array(beats).reshape(-1, 3).T

    def between(self, start_s: float, end_s: float) -> F64:
        return self.beats_s[(self.beats_s > start_s) & (self.beats_s <= end_s)]

    def tempo_from(self, start_s: float, end_s: float = math.inf) -> F64:
        return self.tempo_bpm[round(start_s / HOP_S) : round(min(end_s, 1e6) / HOP_S)]

    def same_as(self, other: Told) -> bool:
        return np.array_equal(self.beats_s, other.beats_s) and np.array_equal(self.tempo_bpm, other.tempo_bpm)


def off_ms(beats_s: F64, bpm: float, first_s: float = 0.5) -> F64:
    """How far each of *beats_s* is from the nearest of an even row."""
    period_s = 60.0 / bpm
    return 1e3 * ((beats_s - first_s + 0.5 * period_s) % period_s - 0.5 * period_s)


def ramp(bpm: float, end_bpm: float, seconds: float) -> F32:
    """Clicks that go evenly from one tempo to the other."""
    one, _ = clicks(60.0, 0.8)
    click = one[round(0.5 * RATE_HZ) : round(0.56 * RATE_HZ)]
    sound, t = np.zeros(round((seconds + 1.0) * RATE_HZ), np.float32), 0.5
    while t < seconds:
        k = round(t * RATE_HZ)
        sound[k : k + len(click)] += click
        t += 60.0 / (bpm + (end_bpm - bpm) * t / seconds)
    return sound


@pytest.fixture(scope="module")
def click_120() -> F32:
    return clicks(120.0, 30.0)[0]


@pytest.fixture(scope="module")
def unhelped(click_120: F32) -> Told:
    return Told(click_120)


def test_three_taps_off_the_beat_move_beats_by_half_a_beat(click_120: F32, unhelped: Told) -> None:
    told = Told(click_120, *((10.75 + 0.5 * k, "tap", 0.0) for k in range(3)))
    before, after = off_ms(unhelped.between(14.0, 29.0), 120.0), off_ms(told.between(14.0, 29.0), 120.0, 0.75)
    assert np.abs(before).max() < 35.0
    assert np.abs(after).max() < 35.0
    assert len(after) == pytest.approx(30, abs=1)


def test_three_more_taps_off_the_beat_move_them_back(click_120: F32) -> None:
    there = [(10.75 + 0.5 * k, "tap", 0.0) for k in range(3)]
    back = [(18.0 + 0.5 * k, "tap", 0.0) for k in range(3)]
    assert np.abs(off_ms(Told(click_120, *there, *back).between(21.0, 29.0), 120.0)).max() < 35.0


def test_two_taps_off_the_beat_are_not_enough_against_what_is_heard(click_120: F32) -> None:
    told = Told(click_120, (10.75, "tap", 0.0), (11.25, "tap", 0.0))
    assert np.abs(off_ms(told.between(14.0, 29.0), 120.0)).max() < 35.0


def test_taps_on_the_beat_leave_everything_as_it_is(click_120: F32) -> None:
    told = Told(click_120, *((10.0 + 0.5 * k, "tap", 0.0) for k in range(8)))
    assert np.abs(off_ms(told.between(6.0, 29.0), 120.0)).max() < 35.0
    assert len(told.between(6.0, 29.0)) == pytest.approx(46, abs=1)


def test_taps_at_100_bpm_hold_the_tempo_within_12_percent_on_music_at_150() -> None:
    told = Told(clicks(150.0, 30.0)[0], *((10.0 + 0.6 * k, "tap", 0.0) for k in range(6)))
    assert told.tempo_from(5.0, 9.0) == pytest.approx(150.0, rel=0.02)
    assert np.abs(told.tempo_from(13.5) / 100.0 - 1.0).max() < 0.12


@pytest.mark.parametrize(("name", "bpm", "wanted_bpm"), [("half", 120.0, 60.0), ("double", 80.0, 160.0)])
def test_half_and_double_change_the_tempo_by_two_and_it_stays(name: str, bpm: float, wanted_bpm: float) -> None:
    told = Told(clicks(bpm, 34.0)[0], (10.05, name, 0.0))
    assert told.tempo_from(5.0, 10.0) == pytest.approx(bpm, rel=0.02)
    assert told.tempo_from(11.0) == pytest.approx(wanted_bpm, rel=0.04)
    beats = told.between(13.0, 33.0)
    assert len(beats) == pytest.approx(20.0 * wanted_bpm / 60.0, rel=0.04)
    assert np.abs(off_ms(beats, max(bpm, wanted_bpm))).max() < 70.0


def test_half_takes_double_back() -> None:
    told = Told(clicks(80.0, 30.0)[0], (10.05, "double", 0.0), (20.0, "half", 0.0))
    assert told.tempo_from(22.0) == pytest.approx(80.0, rel=0.02)


def test_an_octave_out_of_the_range_changes_nothing(click_120: F32, unhelped: Told) -> None:
    assert Told(click_120, (10.05, "double", 0.0)).same_as(unhelped), "240 BPM is more than the range holds"


@pytest.mark.parametrize(("beat", "late_s"), [(0, 0.0), (1, -0.06), (2, 0.06), (3, 0.0)])
def test_resync_begins_a_bar_here_and_bars_stay_for_as_long_as_nobody_says_otherwise(
    click_120: F32, beat: int, late_s: float
) -> None:
    downbeat_s = 10.5 + 0.5 * beat
    told = Told(click_120, (downbeat_s + late_s, "resync", 0.0))
    k = np.flatnonzero(told.beats_s > downbeat_s + 0.25)[:32]
    meter = int(told.positions[k].max())
    assert meter in (3, 4)
    assert told.positions[k].tolist() == [(1 + i) % meter + 1 for i in range(32)]
    assert told.beats_s[k[0]] == pytest.approx(downbeat_s + 0.5, abs=0.05)


@pytest.mark.parametrize("ms", [20.0, -20.0, 120.0, -120.0])
def test_a_nudge_moves_all_later_beats_by_as_much(click_120: F32, unhelped: Told, ms: float) -> None:
    told = Told(click_120, (10.1, "nudge", ms))
    before, after = unhelped.between(12.0, 29.0), told.between(12.0 + ms / 1e3, 29.0 + ms / 1e3)
    assert 1e3 * (after - before) == pytest.approx(np.full(len(before), ms), abs=5.0)
    assert (told.beats_s - told.at_s).min() >= 0.060 - 1e-9


def test_nudges_add_up_and_are_bounded(click_120: F32, unhelped: Told) -> None:
    there_and_back = [(10.1, "nudge", 30.0), (10.1, "nudge", 30.0), (10.1, "nudge", -60.0)]
    assert np.allclose(Told(click_120, *there_and_back).beats_s, unhelped.beats_s)
    for ms in (1e9, -1e9):
        told = Told(click_120, (10.1, "nudge", ms))
        assert abs(told.tracker.hand.nudge_s) <= 0.5
        assert len(told.between(12.0, 29.0)) == len(unhelped.between(12.0, 29.0))
        assert np.diff(told.between(12.0, 29.0)) == pytest.approx(0.5, abs=0.02)


def test_a_nudge_that_is_no_number_is_no_nudge(click_120: F32, unhelped: Told) -> None:
    assert Told(click_120, *((10.1, "nudge", v) for v in (math.nan, math.inf, -math.inf))).same_as(unhelped)


def test_a_locked_tempo_stays_within_4_percent_while_the_music_goes_away() -> None:
    sound = ramp(110.0, 150.0, 40.0)
    locked, free = Told(sound, (10.0, "lock", TEMPO)), Told(sound)
    at_bpm = float(free.tempo_bpm[1000])
    assert np.abs(locked.tempo_from(10.1) / at_bpm - 1.0).max() < 0.04
    assert free.tempo_bpm[3900] > 1.15 * at_bpm, "the music did go away"


def breakdown(kind: str) -> F32:
    """A beat, 10 s of something else, the beat again where it would have been."""
    beat, rest = clicks(120.0, 12.0)[0], {"noise": noise(10.0, 0.1), "silence": np.zeros(10 * RATE_HZ, np.float32)}[kind]
    return np.concatenate([beat, rest, beat])


@pytest.mark.parametrize("kind", ["noise", "silence"])
def test_a_grid_runs_on_through_a_breakdown_and_is_still_right_after_it(kind: str) -> None:
    told = Told(breakdown(kind), (10.0, "lock", GRID))
    beats = told.between(10.6, 34.0)
    gaps = np.diff(beats)
    assert len(beats) == pytest.approx(47, abs=1)
    assert np.ptp(gaps) < 1e-3
    assert np.abs(off_ms(beats, 120.0)).max() < 35.0
    positions = told.positions[told.beats_s > 10.6].astype(int)
    meter = positions.max()
    assert (positions[1:] == positions[:-1] % meter + 1).all()
    assert (told.beats_s - told.at_s).min() >= 0.060 - 1e-9


@pytest.mark.parametrize("late_s", [1.0, 3.0, 8.0])
def test_a_grid_that_is_asked_for_within_the_breakdown_is_the_one_that_was_told_before_it(late_s: float) -> None:
    told = Told(breakdown("silence"), (12.0 + late_s, "lock", GRID))
    beats = told.between(12.2 + late_s, 34.0)
    assert np.abs(off_ms(beats, 120.0)).max() < 40.0
    before = np.flatnonzero(told.beats_s < 12.0 + late_s)[-1]
    after = np.flatnonzero(told.beats_s > 12.2 + late_s)[0]
    apart = round((told.beats_s[after] - told.beats_s[before]) / 0.5)
    meter = int(told.positions[told.beats_s > 12.2 + late_s].max())
    assert (told.positions[after] - told.positions[before] - apart) % meter == 0


def test_without_any_lock_a_breakdown_has_no_beats() -> None:
    assert len(Told(breakdown("silence")).between(15.0, 22.0)) == 0


def test_a_free_lock_gives_everything_back() -> None:
    sound = np.concatenate([clicks(120.0, 12.0)[0], np.zeros(8 * RATE_HZ, np.float32), clicks(97.0, 15.0)[0]])
    told = Told(sound, (9.0, "half", 0.0), (10.0, "lock", GRID), (14.0, "lock", FREE))
    assert len(told.between(10.5, 14.0)) >= 3
    assert len(told.between(16.5, 20.0)) == 0
    assert told.tempo_from(25.0) == pytest.approx(97.0, rel=0.02)
    assert f_measure(20.0 + clicks(97.0, 15.0)[1], told.beats_s, skip_s=25.0) > 0.95


def test_a_tempo_and_a_grid_by_hand_need_no_music() -> None:
    told = Told(np.zeros(12 * RATE_HZ, np.float32), (2.0, "tempo", 128.0), (2.0, "lock", GRID), (4.0, "resync", 0.0))
    beats = told.between(4.2, 12.0)
    assert np.diff(beats) == pytest.approx(60.0 / 128.0, abs=1e-9)
    assert off_ms(beats, 128.0, 4.0) == pytest.approx(0.0, abs=1e-6)
    assert told.positions[told.beats_s > 4.2][:8].tolist() == [2, 3, 4, 1, 2, 3, 4, 1]


def test_taps_move_a_grid_and_its_pace_only_where_they_mean_another_one(click_120: F32) -> None:
    near = Told(click_120, (10.0, "lock", GRID), *((12.3 + 0.49 * k, "tap", 0.0) for k in range(4)))
    assert near.tempo_from(15.0) == pytest.approx(120.0, rel=0.002)
    assert off_ms(near.between(15.0, 29.0), 120.0, 12.3 + 3 * 0.49) == pytest.approx(0.0, abs=12.0)
    far = Told(click_120, (10.0, "lock", GRID), *((12.3 + 0.7 * k, "tap", 0.0) for k in range(4)))
    assert far.tempo_from(15.0) == pytest.approx(60.0 / 0.7, rel=0.02)


def test_half_double_and_a_locked_tempo_before_any_sound_wait_for_music(click_120: F32, unhelped: Told) -> None:
    for name, value in (("half", 0.0), ("double", 0.0), ("nudge", math.nan)):
        assert Told(click_120, (0.0, name, value)).same_as(unhelped)
    assert Told(click_120, (0.0, "lock", TEMPO)).tempo_from(5.0) == pytest.approx(120.0, rel=0.02)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1.0, 1e9, 0.5])
@pytest.mark.parametrize("when_s", [0.0, 5.0])
def test_values_that_make_no_sense_break_nothing(click_120: F32, when_s: float, value: float) -> None:
    sound = click_120[: 16 * RATE_HZ]
    helps = [(when_s, name, value) for name in ("tempo", "lock", "nudge", "no such help", "tap", "resync")]
    told = Told(sound, *helps)
    assert all(np.isfinite(told.tracker.state[name]) for name in told.tracker.state.dtype.names)
    nudge_s = told.tracker.hand.nudge_s
    assert f_measure(clicks(120.0, 16.0)[1] + nudge_s, told.between(0.0, 15.9 + nudge_s), skip_s=8.0) > 0.9


def test_ten_thousand_helps_in_one_hop_break_nothing_and_a_free_lock_finds_back(click_120: F32) -> None:
    rng = np.random.default_rng(0)
    values = rng.choice([0.0, 1.0, 2.0, -5.0, 5.0, 100.0, 1e9, math.nan], 10_000)
    helps = [(5.0, HELP[i], float(v)) for i, v in zip(rng.integers(0, len(HELP), 10_000), values)]
    told = Told(click_120[: 16 * RATE_HZ], *helps, (6.0, "lock", FREE), (6.0, "nudge", -1e9), (6.0, "nudge", 500.0))
    assert told.tempo_from(9.0) == pytest.approx(120.0, rel=0.02)
    assert np.diff(told.between(9.0, 15.5)) == pytest.approx(0.5, abs=0.02)


def test_a_reset_forgets_all_help(click_120: F32, unhelped: Told) -> None:
    taps = [(1.0 + 0.7 * k, "tap", 0.0) for k in range(4)]
    rest = [(4.0, "resync", 0.0), (4.0, "nudge", 33.0), (4.0, "half", 0.0), (5.0, "lock", GRID)]
    tracker = Told(click_120[: 8 * RATE_HZ], *taps, *rest).tracker
    tracker.reset()
    assert Told(click_120, tracker=tracker).same_as(unhelped)


def test_the_same_helps_give_the_same_beats_to_the_last_bit(click_120: F32) -> None:
    helps = [(3.0, "tap", 0.0), (3.6, "tap", 0.0), (4.2, "tap", 0.0), (7.0, "resync", 0.0), (8.0, "lock", GRID)]
    assert Told(click_120, *helps).same_as(Told(click_120, *helps))


def test_taps_of_a_human_hand_off_the_beat_of_music_move_beats_by_half_a_beat(testdata: Path) -> None:
    path = testdata / "beats" / "edm_techno.ogg"
    sound, rate_hz = song(path, 35.0)
    true_s = true_beats(path)
    true_s = true_s[true_s < 34.0]
    between_s = true_s[:-1] + 0.5 * np.diff(true_s)
    jitter_s = np.random.default_rng(0).normal(0.0, 0.02, 6)
    first = int(np.searchsorted(between_s, 8.0))
    told = Told(sound, *((float(between_s[first + k] + jitter_s[k]), "tap", 0.0) for k in range(6)), rate_hz=rate_hz)
    assert f_measure(between_s, told.between(0.0, 34.0), skip_s=14.0) > 0.95
    assert f_measure(true_s, told.between(0.0, 34.0), skip_s=14.0) < 0.05


def test_a_grid_of_music_is_still_right_when_the_music_comes_back_after_ten_seconds(testdata: Path) -> None:
    path = testdata / "beats" / "edm_techno.ogg"
    sound, rate_hz = song(path, 40.0)
    sound[14 * rate_hz : 24 * rate_hz] = 0.0
    true_s = true_beats(path)
    told = Told(sound, (12.0, "lock", GRID), rate_hz=rate_hz)
    assert f_measure(true_s[true_s < 39.5], told.between(0.0, 39.5), skip_s=14.0) > 0.98


def test_four_taps_before_the_music_tell_its_first_beats() -> None:
    sound, beats_s = clicks(120.0, 12.0, first_s=6.13)
    told = Told(sound, *((4.13 + 0.5 * k, "tap", 0.0) for k in range(4)))
    assert told.between(6.2, 7.9) == pytest.approx(beats_s[1:4], abs=0.035)


@pytest.mark.parametrize("clip", ["edm_techno", "latin_salsa"])
def test_half_the_tempo_of_music_is_every_second_beat_evenly(testdata: Path, clip: str) -> None:
    path = testdata / "beats" / f"{clip}.ogg"
    sound, rate_hz = song(path, 40.0)
    true_s = true_beats(path)
    period_s = float(np.median(np.diff(true_s)))
    told = Told(sound, (12.0, "half", 0.0), rate_hz=rate_hz)
    beats = told.between(14.0, 39.0)
    assert np.diff(beats) == pytest.approx(2.0 * period_s, rel=0.1)
    assert max(np.abs(true_s[:, None] - beats[None, :]).min(axis=0)) < 0.07


@pytest.mark.parametrize("locked_s", [12.1, 12.6, 13.1, 13.6])
def test_a_grid_that_is_locked_while_a_range_folds_the_tempo_counts_on(click_120: F32, locked_s: float) -> None:
    folding = BeatTracker(HearConfig(), BeatConfig(min_bpm=45.0, max_bpm=75.0), RATE_HZ)
    told = Told(click_120, (locked_s, "lock", GRID), tracker=folding)
    late = told.beats_s > 6.0
    assert np.diff(told.beats_s[late]) == pytest.approx(np.full(late.sum() - 1, 1.0), abs=0.03)
    assert (np.diff(told.positions[late]) % 4 == 1).all()


def grid(meter: int, told_place: int) -> Hand:
    """A hand that locked a grid at 120 BPM whose last told beat, at 10 s, was at *told_place* of *meter*."""
    tracker = BeatTracker(HearConfig(), BeatConfig(), RATE_HZ)
    hand = tracker.hand
    for k in range(12, -1, -1):
        hand.remember(10.0 - 0.5 * k, (told_place - 1 - k) % meter + 1, meter)
    hand.next_s, hand.length_s = 10.5, 0.5
    hand.lock(GRID)
    return hand


def next_beats(hand: Hand, n: int) -> list[tuple[float, int]]:
    beats = []
    for _ in range(n):
        beats.append((hand.grid_s, hand.place))
        hand.pass_beat()
    return beats


@pytest.mark.parametrize("meter", [3, 4])
@pytest.mark.parametrize("told_place", [1, 2, 3, 4])
def test_half_on_a_grid_keeps_odd_beats_and_double_gives_the_old_bars_back(meter: int, told_place: int) -> None:
    hand = grid(meter, min(told_place, meter))
    first_s = next(t for t, place in next_beats(grid(meter, min(told_place, meter)), 9) if place == 1)
    hand.half()
    kept = next_beats(hand, 12)
    assert [round(b - a, 9) for (a, _), (b, _) in itertools.pairwise(kept)] == [1.0] * 11
    assert 0.9 < kept[0][0] - 10.0 < 1.6
    assert [place % meter for _, place in kept] == [(kept[0][1] + k) % meter for k in range(12)]
    # Every bar at half tempo begins where one did before.
    downbeats_s = [t for t, place in kept if place == 1]
    assert all(abs((t - first_s) / (0.5 * meter) % 1.0) < 1e-6 for t in downbeats_s)
    hand.double()
    again = next_beats(hand, 2 * meter)
    assert [round(b - a, 9) for (a, _), (b, _) in itertools.pairwise(again)] == [0.5] * (2 * meter - 1)
    assert all(abs((t - first_s) / (0.5 * meter) % 1.0) < 1e-6 for t, place in again if place == 1)


def test_half_on_a_grid_where_there_is_no_such_tempo_changes_nothing() -> None:
    hand = grid(4, 2)
    hand.half()
    hand.half()
    before = (hand.grid_s, hand.place, hand.period_s)
    hand.half()
    assert (hand.grid_s, hand.place, hand.period_s) == before


@pytest.mark.parametrize("halved_s", [12.1, 12.6, 13.1, 13.6])
def test_half_on_a_grid_keeps_the_first_and_third_beat_of_the_bar(click_120: F32, halved_s: float) -> None:
    told = Told(click_120, (11.0, "lock", GRID), (halved_s, "half", 1.0))
    kept = told.beats_s > halved_s + 0.1
    gaps = np.diff(told.beats_s[(told.beats_s > 9.0)])
    assert set(np.round(gaps, 1)) <= {0.5, 1.0, 1.5}
    assert (gaps > 1.2).sum() <= 1
    assert np.diff(told.beats_s[kept]) == pytest.approx(np.full(kept.sum() - 1, 1.0), abs=0.03)
    assert (np.diff(told.positions[kept]) % 4 == 1).all()
    # What was the first of a bar at full tempo is the first or the third of one at half.
    before = told.beats_s[(told.beats_s < halved_s) & (told.positions == 1)][-1]
    since = round((told.beats_s[kept][0] - before) / 0.5)
    assert since % 2 == 0
    assert told.positions[kept][0] == since % 4 // 2 + 1
