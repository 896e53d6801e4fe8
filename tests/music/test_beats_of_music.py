"""Beats of music: found soon, told ahead, never taken back, and as sure as they are right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio2pose.arrays import F64
from audio2pose.config import BeatConfig, HearConfig
from audio2pose.music.beat import BeatTracker
from audio2pose.music.hops import Hopper
from tests.music.sounds import (
    HOP_S,
    committed_s,
    f_measure,
    hardly_a_beat_after_its_first_moments,
    hear,
    hits,
    locked_after_s,
    song,
    true_bars,
    true_beats,
)

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


def test_hardly_a_beat_in_a_crowd_after_its_first_moments(clip: Clip) -> None:
    assert hardly_a_beat_after_its_first_moments(clip("none_crowd"))


@pytest.mark.parametrize(("name", "stops_s", "goes_on_s"), [("stop_edm_switch", 16.076, 20.076), ("stop_rock", 17.089, 23.089)])
def test_two_seconds_after_a_song_fell_to_its_noise_floor_no_beat_is_told(
    clip: Clip, name: str, stops_s: float, goes_on_s: float
) -> None:
    told_s = committed_s(clip(name))
    assert ((told_s > stops_s - 2.0) & (told_s < stops_s)).sum() >= 3
    assert not ((told_s > stops_s + 2.0) & (told_s < goes_on_s)).any()
    assert (told_s > goes_on_s).sum() > 20


def test_a_pop_does_not_silence_a_quiet_line_in(testdata: Path) -> None:
    path = testdata / "beats" / "edm_techno.ogg"
    sound, rate_hz = song(path, 25.0)
    quiet = sound * np.float32(10.0 ** (-55.0 / 20.0) / np.sqrt((sound**2).mean()))
    quiet[12 * rate_hz : 12 * rate_hz + rate_hz // 20] = 0.9
    told_s, truth_s = committed_s(hear(quiet, rate_hz)[0]), true_beats(path)
    # What lies under the pop and right behind it may be lost.
    assert f_measure(truth_s[(truth_s > 14.5) & (truth_s < 24.5)], told_s[(told_s > 14.5) & (told_s < 24.5)], skip_s=0.0) > 0.9


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
    assert np.percentile(away_s, 90) < 0.010
    assert away_s.max() < 0.015


@pytest.mark.parametrize("name", MIXED)
def test_each_beat_is_told_at_least_60_ms_ahead(clip: Clip, name: str) -> None:
    log = clip(name)
    at = np.flatnonzero(log["committed"])
    assert len(at) > 30
    assert (log["committed_s"][at] - (at + 1) * HOP_S).min() >= 0.060 - 1e-9


@pytest.mark.parametrize("name", MIXED)
def test_while_it_is_locked_hardly_a_beat_is_left_out(clip: Clip, name: str) -> None:
    log = clip(name)
    log = log[(log["hop"] > 500) & (log["confidence"] > 0.5)]
    gaps_s = np.diff(log["committed_s"][log["committed"] == 1])
    beats = gaps_s * log["tempo_bpm"][log["committed"] == 1][1:] / 60.0
    # Where a song stops there is one long gap.
    assert (beats > 1.7).mean() < 0.03, np.round(beats[beats > 1.7], 1)


@pytest.mark.parametrize("name", [*FLOOR, *DOUBTFUL])
def test_no_beat_is_told_within_half_a_beat_of_another_and_time_never_runs_back(clip: Clip, name: str) -> None:
    log = clip(name)
    at = np.flatnonzero(log["committed"])
    gaps_s = np.diff(log["committed_s"][at])
    # The tempo is the clock's, smoother than the tracker's own: a tempo that just changed may differ by a tenth.
    assert (gaps_s >= 0.45 * 60.0 / log["tempo_bpm"][at[1:]]).all()
    assert gaps_s.min() >= 0.5 * 60.0 / 221.0


@pytest.mark.parametrize("name", MIXED)
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
    assert np.mean(scores) >= 0.96, told
    assert np.median(locks_s) <= 1.6, told


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


@pytest.mark.xfail(strict=True, reason="known fault: the network takes this song's off-beat for its beat, all through")
def test_a_tracker_led_off_the_beat_by_a_loud_bass_finds_back(testdata: Path) -> None:
    path = testdata / "music" / "kentacho" / "mu-cade_mcd4.ogg"
    log, _ = hear(*song(path, seconds=40.0))
    truth = true_beats(path)
    assert f_measure(truth[truth < 39.5], committed_s(log), skip_s=20.0) > 0.9
