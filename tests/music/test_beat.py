"""Beats: quiet where there are none, locked to what is steady, told ahead, never taken back."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio2pose.arrays import F32, F64
from audio2pose.config import BeatConfig, ClockConfig, HearConfig
from audio2pose.music.beat import BeatTracker, confidence_terms, fold
from audio2pose.music.ears import Ears
from audio2pose.music.front import LEARNED, PLAIN
from audio2pose.music.hops import Hopper
from audio2pose.music.pointer import tempo_grid
from tests.music.sounds import (
    HOP_S,
    babble,
    changing,
    click_track,
    clicks,
    committed_s,
    ears,
    f_measure,
    hear,
    hits,
    locked_after_s,
    noise,
    song,
    true_bars,
    true_beats,
)

BOTH = pytest.mark.parametrize("front", [LEARNED, PLAIN])
# One clip of each kind of music: the floor under the tracker's quality.
FLOOR = ("edm_techno", "rock_ridethattrain", "latin_salsa", "waltz_waltz", "gr_hiphop", "jump_dance")
STEADY = ("edm_techno", "latin_salsa", "waltz_waltz", "jazz_swingwalk", "rock_courtenay")
DOUBTFUL = (
    "gr_funk", "hip_hiphop", "hip_triphop", "ballad_guitar", "real_armygeddon", "real_feelings", "stop_rock", "tempo_snowrun",
    "edm_houseinstation", "jazz_bebop",
)  # fmt: skip
MIXED = tuple(dict.fromkeys((*FLOOR, *STEADY, *DOUBTFUL)))
Clip = Callable[[str], np.ndarray]


@pytest.fixture(scope="module")
def clip(testdata: Path) -> Clip:
    """The log of a clip in testdata/beats by its name, heard once."""
    heard: dict[str, np.ndarray] = {}

    def log(name: str) -> np.ndarray:
        if name not in heard:
            heard[name] = hear(*song(testdata / "beats" / f"{name}.ogg"))[0]
        return heard[name]

    return log


def found_within(sound: F32, beats_s: F64, begin_s: float, end_s: float, front: str = LEARNED) -> float:
    """Largest distance from *begin_s* to *end_s* of a true beat to the nearest told one, and of a told one to a true one."""
    told_s = committed_s(hear(sound, listener=ears(front=front))[0])
    away = np.abs(told_s[:, None] - beats_s)
    true_inside, told_inside = ((t > begin_s) & (t < end_s) for t in (beats_s, told_s))
    return float(max(away[:, true_inside].min(axis=0, initial=math.inf).max(), away[told_inside].min(axis=1).max(initial=0.0)))


def test_no_beats_in_silence() -> None:
    assert not hear(np.zeros(20 * 44100, np.float32))[0]["committed"].any()


def hardly_a_beat_after_its_first_moments(sound_log: np.ndarray) -> bool:
    """The first sounds may be taken for music, with little confidence; after three seconds no more than two are told."""
    beats = sound_log[sound_log["committed"] == 1]
    return bool((beats["committed_s"] > 3.0).sum() <= 2 and (len(beats) == 0 or beats["confidence"].mean() < 0.6))


@pytest.mark.parametrize(("rms", "seed"), [(0.003, 0), (0.1, 0), (0.1, 1), (0.1, 2)])
def test_hardly_a_beat_in_noise_after_its_first_moments(rms: float, seed: int) -> None:
    assert hardly_a_beat_after_its_first_moments(hear(noise(20.0, rms, seed))[0])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_hardly_a_beat_in_speech_after_its_first_syllables(seed: int) -> None:
    assert hardly_a_beat_after_its_first_moments(hear(babble(15.0, seed))[0])


def test_hardly_a_beat_in_a_crowd_after_its_first_moments(clip: Clip) -> None:
    assert hardly_a_beat_after_its_first_moments(clip("none_crowd"))


@BOTH
@pytest.mark.parametrize("bpm", [60, 80, 100, 120, 140, 174, 200])
def test_a_steady_click_is_told_beat_for_beat_after_two_seconds_or_four_beats(bpm: int, front: str) -> None:
    sound, beats_s = clicks(bpm, 16.0)
    settled_s = beats_s[0] + max(2.0, 4.0 * 60.0 / bpm) - 0.01
    assert found_within(sound, beats_s, settled_s, 15.5, front) < 0.025


@BOTH
@pytest.mark.parametrize("bpm", [60, 80, 100, 120, 140, 174, 200])
def test_the_tempo_told_of_a_steady_click_is_its_tempo(bpm: int, front: str) -> None:
    log, _ = hear(clicks(bpm, 12.0)[0], listener=ears(front=front))
    assert np.abs(log["tempo_bpm"][600:] / bpm - 1.0).max() < 0.02
    assert log["tempo_bpm"][-1] == pytest.approx(bpm, rel=0.005)


@BOTH
@pytest.mark.parametrize(("begin", "end"), [(100.0, 140.0), (140.0, 100.0)])
def test_a_ramp_of_40_bpm_in_20_s_is_followed(begin: float, end: float, front: str) -> None:
    beats_s = changing([(4.0, begin), (24.0, end)], 30.0)
    assert found_within(click_track(beats_s, 30.0), beats_s, 3.0, 29.5, front) < 0.07


@BOTH
@pytest.mark.parametrize(("before", "after"), [(120.0, 96.0), (100.0, 138.0), (128.0, 174.0)])
def test_another_tempo_is_told_within_three_seconds(before: float, after: float, front: str) -> None:
    beats_s = np.concatenate([np.arange(0.5, 10.0, 60.0 / before), np.arange(10.0, 19.9, 60.0 / after)])
    assert found_within(click_track(beats_s, 20.0), beats_s, 13.0, 19.5, front) < 0.035


@BOTH
@pytest.mark.parametrize("bpm", [96, 126])
def test_swung_eighths_do_not_draw_the_beat_away(bpm: int, front: str) -> None:
    period_s = 60.0 / bpm
    beats_s = np.arange(0.5, 17.0, period_s)
    both = np.sort(np.concatenate([beats_s, beats_s + 0.62 * period_s]))
    sound = click_track(both, 18.0, strengths=np.where(np.isin(both, beats_s), 1.0, 0.4))
    assert found_within(sound, beats_s, 5.0, 16.5, front) < 0.04


def accented(meter: int, bpm: float, seconds: float) -> F32:
    """Clicks with the downbeat louder, and a low note that lasts a bar."""
    beats_s = np.arange(0.5, seconds - 0.2, 60.0 / bpm)
    sound = click_track(beats_s, seconds, strengths=np.where(np.arange(len(beats_s)) % meter == 0, 1.0, 0.35))
    t = np.arange(len(sound)) / 44100
    bar = np.floor((t - 0.5) * bpm / 60.0 / meter)
    since_s = (t - 0.5) - bar * meter * 60.0 / bpm
    root_hz = 65.4 * 2.0 ** (np.array([0, 5, 7, 9])[bar.astype(int) % 4] / 12.0)
    chord = sum(np.sin(2.0 * np.pi * k * root_hz * since_s) / k for k in (1, 2, 3, 4, 6))
    return sound + np.where(t > 0.5, 0.15 * chord * np.exp(-since_s / 0.8), 0.0).astype(np.float32)


@pytest.mark.parametrize(("meter", "bpm"), [(3, 96.0), (3, 150.0), (4, 120.0)])
def test_an_accented_click_is_told_in_its_meter_and_place(meter: int, bpm: float) -> None:
    log, _ = hear(accented(meter, bpm, 30.0))
    late = log[(log["committed"] == 1) & (log["hop"] > 1200)]
    assert (late["meter"] == meter).mean() > 0.9
    number = np.round((late["committed_s"] - 0.5) * bpm / 60.0).astype(int)
    assert (late["position"] == number % meter + 1).mean() > 0.9


@pytest.mark.parametrize("worst", [np.nan, np.inf, -np.inf, 3e38])
def test_a_burst_of_faults_costs_no_more_than_two_seconds(worst: float) -> None:
    sound, beats_s = clicks(120, 16.0)
    sound[6 * 44100 : 6 * 44100 + 4410] = worst
    assert found_within(sound, beats_s, 8.1, 15.5) < 0.03


@pytest.mark.parametrize("kind", ["clipped", "offset", "quiet"])
def test_a_clipped_a_lifted_and_a_quiet_song_have_the_beats_of_the_clean_one(testdata: Path, kind: str) -> None:
    path = testdata / "beats" / "edm_techno.ogg"
    sound, rate_hz = song(path, 25.0)
    worse = {"clipped": np.clip(20.0 * sound, -1.0, 1.0), "offset": sound + np.float32(0.5), "quiet": sound * np.float32(0.03)}
    told_s = committed_s(hear(worse[kind], rate_hz)[0])
    truth_s = true_beats(path)
    assert f_measure(truth_s[truth_s < 24.5], told_s[told_s < 24.5]) > 0.93


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_where_in_a_hop_a_song_begins_matters_little(testdata: Path, clip: Clip, share: float) -> None:
    path = testdata / "beats" / "latin_salsa.ogg"
    sound, rate_hz = song(path, 24.0)
    late = round(share * HOP_S * rate_hz)
    told_s = committed_s(hear(np.concatenate([np.zeros(late, np.float32), sound]), rate_hz)[0]) - late / rate_hz
    truth_s, told_s, plain_s = (t[t < 23.8] for t in (true_beats(path), told_s, committed_s(clip("latin_salsa"))))
    assert f_measure(truth_s, told_s) == pytest.approx(f_measure(truth_s, plain_s), abs=0.02)
    away_s = np.abs(told_s[:, None] - plain_s).min(axis=1)[told_s > 5.0]
    assert away_s.max() < 0.010


@pytest.mark.parametrize("name", MIXED)
def test_each_beat_is_told_at_least_60_ms_ahead(clip: Clip, name: str) -> None:
    log = clip(name)
    at = np.flatnonzero(log["committed"])
    assert len(at) > 30
    assert (log["committed_s"][at] - (at + 1) * HOP_S).min() >= 0.060 - 1e-9


@pytest.mark.parametrize("name", [*FLOOR, *DOUBTFUL])
def test_no_beat_is_told_within_half_a_beat_of_another_and_time_never_runs_back(clip: Clip, name: str) -> None:
    log = clip(name)
    at = np.flatnonzero(log["committed"])
    gaps_s = np.diff(log["committed_s"][at])
    # The tempo is the clock's, smoother than the tracker's own: a tempo that just changed may differ by a tenth.
    assert (gaps_s >= 0.45 * 60.0 / log["tempo_bpm"][at[1:]]).all()
    assert gaps_s.min() >= 0.5 * 60.0 / 221.0


@pytest.mark.parametrize("name", [*FLOOR, *DOUBTFUL])
def test_positions_count_from_1_to_the_meter(clip: Clip, name: str) -> None:
    beats = clip(name)[clip(name)["committed"] == 1]
    assert set(beats["meter"]) <= {3, 4}
    assert beats["position"].min() >= 1
    assert (beats["position"] <= beats["meter"]).all()
    follows = np.diff(beats["position"].astype(int)) % beats["meter"][1:] == 1
    assert follows.mean() > 0.8


@pytest.mark.parametrize("cut_s", [3.07, 12.3, 29.999])
@pytest.mark.parametrize("name", ["gr_hiphop", "jump_dance", "waltz_waltz"])
def test_a_song_cut_short_has_the_same_bits_before_the_cut(testdata: Path, clip: Clip, name: str, cut_s: float) -> None:
    sound, rate_hz = song(testdata / "beats" / f"{name}.ogg", seconds=cut_s)
    cut, _ = hear(sound, rate_hz)
    assert len(cut) == int(cut_s / HOP_S)
    assert cut.tobytes() == clip(name)[: len(cut)].tobytes()


def test_after_reset_a_tracker_tells_the_same_bits(testdata: Path) -> None:
    sound, rate_hz = song(testdata / "beats" / "jump_dance.ogg", seconds=20.0)
    tracker = BeatTracker(HearConfig(), BeatConfig(), rate_hz)
    hops = [hop.copy() for hop in Hopper(rate_hz, HOP_S).feed(sound)]
    first = np.array([tracker.process(hop).copy() for hop in hops])
    tracker.reset()
    assert np.array([tracker.process(hop).copy() for hop in hops]).tobytes() == first.tobytes()
    assert first["committed"].sum() > 30


@pytest.mark.parametrize("name", STEADY)
def test_within_a_steady_song_the_octave_never_jumps(clip: Clip, testdata: Path, name: str) -> None:
    tempo_bpm = clip(name)["tempo_bpm"][600:]
    true_bpm = 60.0 / float(np.median(np.diff(true_beats(testdata / "beats" / f"{name}.ogg"))))
    assert np.abs(tempo_bpm / true_bpm - 1.0).max() < 0.15


def test_music_of_every_kind_has_its_beats_found_soon(testdata: Path, clip: Clip) -> None:
    scores, locks_s = [], []
    for name in FLOOR:
        truth_s, told_s = true_beats(testdata / "beats" / f"{name}.ogg"), committed_s(clip(name))
        scores.append(f_measure(truth_s, told_s))
        locks_s.append(locked_after_s(truth_s, told_s))
    told = ", ".join(f"{n} {f:.3f} {s:.1f} s" for n, f, s in zip(FLOOR, scores, locks_s))
    assert np.mean(scores) >= 0.9, told
    assert np.median(locks_s) <= 2.5, told


def test_downbeats_of_a_waltz_are_told(testdata: Path, clip: Clip) -> None:
    truth_s, places = true_bars(testdata / "beats" / "waltz_waltz.ogg")
    beats = clip("waltz_waltz")[clip("waltz_waltz")["committed"] == 1]
    assert f_measure(truth_s[places == 1], beats["committed_s"][beats["position"] == 1], skip_s=10.0) > 0.85
    assert (beats["meter"][20:] == 3).mean() > 0.9


def told_of(testdata: Path, clip: Clip, names: tuple[str, ...]) -> tuple[F64, np.ndarray]:
    """(N,) confidence of every beat told in the clips of these *names*, and whether it was right."""
    sure, right = [], []
    for name in names:
        log = clip(name)
        beats = log[log["committed"] == 1]
        sure.append(beats["confidence"].astype(np.float64))
        right.append(hits(true_beats(testdata / "beats" / f"{name}.ogg"), beats["committed_s"]))
    return np.concatenate(sure), np.concatenate(right)


def test_of_beats_that_are_told_at_080_to_090_about_as_many_are_right(testdata: Path, clip: Clip) -> None:
    sure, right = told_of(testdata, clip, MIXED)
    inside = (sure >= 0.8) & (sure < 0.9)
    if inside.sum() >= 100:
        assert 0.75 <= right[inside].mean() <= 0.95, f"{right[inside].mean():.3f} of {inside.sum()}"
    # Where few fall into that range, the mean of all must still tell the truth.
    assert abs(sure.mean() - right.mean()) < 0.08, f"told {sure.mean():.3f}, right {right.mean():.3f}"


def test_the_surer_a_beat_the_likelier_it_is_right(testdata: Path, clip: Clip) -> None:
    sure, right = told_of(testdata, clip, MIXED)
    order = np.argsort(sure, kind="stable")
    doubtful, sure_third = order[: len(order) // 3], order[-(len(order) // 3) :]
    assert right[sure_third].mean() > right[doubtful].mean() + 0.1


def test_confidence_is_made_of_finite_terms_whatever_the_filter_says() -> None:
    for probability in (-1.0, 0.0, 0.5, 1.0, 2.0):
        assert all(math.isfinite(term) for term in confidence_terms(probability, 3.0, 1e9))


def test_music_that_stops_is_followed_by_no_beats_after_two_seconds() -> None:
    sound, _ = clicks(120, 10.0)
    log, _ = hear(np.concatenate([sound, np.zeros(5 * 44100, np.float32)]))
    assert committed_s(log).max() < 12.0


def test_a_tracker_led_off_the_beat_by_a_loud_bass_finds_back(testdata: Path) -> None:
    path = testdata / "music" / "kentacho" / "mu-cade_mcd4.ogg"
    log, _ = hear(*song(path, seconds=40.0))
    truth = true_beats(path)
    assert f_measure(truth[truth < 39.5], committed_s(log), skip_s=20.0) > 0.9


@pytest.mark.parametrize(("low", "high", "bpm"), [(120.0, 130.0, 124.0), (70.0, 140.0, 160.0), (100.0, 199.0, 80.0)])
def test_a_range_folds_every_tempo_into_itself(low: float, high: float, bpm: float) -> None:
    sound, _ = clicks(bpm, 12.0)
    log, _ = hear(sound, listener=Ears(HearConfig(), BeatConfig(min_bpm=low, max_bpm=high), ClockConfig(), 44100))
    inside = bpm * 2.0 ** -round(math.log2(bpm / math.sqrt(low * high)))
    assert log["tempo_bpm"][-1] == pytest.approx(inside, rel=0.01)


@pytest.mark.parametrize(("bpm", "ratio"), [(60, 0.5), (70, 1), (99, 1), (140, 1), (143, 1), (150, 2), (200, 2), (34, 0.5)])
def test_a_tempo_outside_the_range_is_told_an_octave_away(bpm: float, ratio: float) -> None:
    assert fold(60.0 / bpm, BeatConfig(min_bpm=70.0, max_bpm=140.0)) == ratio


def test_a_range_without_room_for_an_octave_keeps_what_it_cannot_fold() -> None:
    assert fold(60.0 / 90.0, BeatConfig(min_bpm=120.0, max_bpm=130.0)) == 1.0


def test_a_narrow_grid_still_holds_its_range() -> None:
    grid = tempo_grid(70.0, 140.0, HOP_S)
    assert 60.0 / (grid[0] * HOP_S) == pytest.approx(140.0, rel=0.03)
    assert 60.0 / (grid[-1] * HOP_S) == pytest.approx(70.0, rel=0.03)


@BOTH
def test_the_state_is_finite_and_in_range_whatever_is_heard(front: str) -> None:
    tracker = BeatTracker(HearConfig(), BeatConfig(front=front), 44100)
    sound, _ = clicks(140, 4.0)
    worst = np.concatenate([babble(2.0), sound, np.full(22050, np.nan, np.float32), np.sign(noise(1.0, 1.0)), 1e30 * sound])
    for hop in Hopper(44100, HOP_S).feed(np.asarray(worst, np.float32)):
        state = tracker.process(hop)
        assert all(np.isfinite(state[n]) for n in ("tempo_bpm", "next_beat_s", "confidence", "evidence", "phase"))
        assert 0.0 <= state["phase"] <= 1.0
        assert 0.0 <= state["confidence"] <= 1.0
        assert 0.0 <= state["probability"] <= 1.0 + 1e-9


@BOTH
def test_five_seconds_of_hops_leave_nothing_behind_in_memory(front: str) -> None:
    tracker = BeatTracker(HearConfig(), BeatConfig(front=front), 44100)
    hops = [hop.copy() for hop in Hopper(44100, HOP_S).feed(clicks(128, 12.0)[0])]
    for hop in hops[:600]:
        tracker.process(hop)
    tracemalloc.start()
    for hop in hops[600:650]:
        tracker.process(hop)
    before = tracemalloc.get_traced_memory()[0]
    for hop in hops[650:1150]:
        tracker.process(hop)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 500


COUNT_KERNELS = """
import importlib, sys
import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.runtime import rtsys
from audio2pose.config import BeatConfig, ClockConfig, HearConfig
from audio2pose.music.ears import Ears

seen = {}

def counted(kernel, name):
    def call(*args):
        before = rtsys.get_allocation_stats()
        out = kernel(*args)
        after = rtsys.get_allocation_stats()
        made = after.mi_alloc - before.mi_alloc
        kept = made - (after.mi_free - before.mi_free)
        boxed = sum(isinstance(a, np.ndarray) for a in args)
        seen[name] = max(seen.get(name, (0, 0)), (made - boxed, kept))
        return out
    return call

ears = [Ears(HearConfig(), BeatConfig(front=front), ClockConfig(), 44100) for front in ("learned", "plain")]
for one in ears:
    one.warm_up()
for module in "spectrum onset network front bar pointer beat features timbre".split():
    room = importlib.import_module("audio2pose.music." + module)
    for name, kernel in list(vars(room).items()):
        if isinstance(kernel, Dispatcher):
            setattr(room, name, counted(kernel, name))
rng = np.random.default_rng(0)
for one in ears:
    for k in range(600):
        hop = (rng.normal(0.0, 0.3, 441) * (k % 50 < 3)).astype(np.float32)
        one.process(hop)
for name, (made, kept) in sorted(seen.items()):
    print(name, made, kept)
"""


def test_no_kernel_makes_an_array() -> None:
    """Counted by numba itself: one box for each array that is passed in, and none is left."""
    counting = {**os.environ, "NUMBA_NRT_STATS": "1"}
    done = subprocess.run([sys.executable, "-c", COUNT_KERNELS], env=counting, capture_output=True, text=True, check=True)
    rows = {name: (int(made), int(kept)) for name, made, kept in (line.split() for line in done.stdout.splitlines())}
    assert {"turn", "weigh", "read", "step", "inputs_of", "combine", "favour_tempi", "rise", "take", "novelty"} <= set(rows)
    assert {name: row for name, row in rows.items() if row != (0, 0)} == {}
