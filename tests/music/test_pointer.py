"""The bar pointer: mass goes round and none is lost, a pulse is followed by tempo and place, and nothing ever dies out."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.arrays import F64
from audio2pose.config import BeatConfig, HearConfig
from audio2pose.music.bar import DOWNBEAT_PRIOR
from audio2pose.music.beat import BeatTracker
from audio2pose.music.front import LEAST, MOST
from audio2pose.music.pointer import (
    FOLLOWING,
    GROUP,
    LENGTH,
    METER,
    METERS,
    N_PLACES,
    PLACE,
    PLACE_PRIOR,
    PROBABILITY,
    REST,
    Pointer,
    beat_share,
    octaves,
    tempo_change,
    tempo_grid,
    turn,
)
from tests.music.sounds import HOP_S

CONFIG = BeatConfig()
LENGTHS = tempo_grid(CONFIG.min_bpm, CONFIG.max_bpm, HOP_S)
ONES = np.ones(len(LENGTHS))


def pointer() -> Pointer:
    """As the tracker sets it up."""
    return BeatTracker(HearConfig(), CONFIG, 44100).pointer


def odds(beat: float) -> float:
    """Likelihood ratio of a beat, as the tracker forms it of an activation."""
    beat = min(max(beat, LEAST), MOST)
    return beat / (1.0 - beat) * CONFIG.beat_odds


def hop_of(p: Pointer, beat: float, downbeat: float = DOWNBEAT_PRIOR) -> float:
    weight = CONFIG.downbeat_weight * beat
    down, other = (downbeat / DOWNBEAT_PRIOR) ** weight, ((1.0 - downbeat) / (1.0 - DOWNBEAT_PRIOR)) ** weight
    return p.process(odds(beat), down, other, ONES, 2.0)


def row_sums(p: Pointer) -> F64:
    return np.asarray(np.add.reduceat(p.rows, p.first, axis=1))


def test_bars_of_three_and_four_go_round() -> None:
    assert list(METERS) == [3, 4]
    assert N_PLACES == 7
    assert (PLACE[FOLLOWING] == PLACE % METER + 1).all()
    assert (METER[FOLLOWING] == METER).all()
    assert PLACE_PRIOR.sum() == pytest.approx(1.0)
    assert PLACE_PRIOR[PLACE == 1].sum() == pytest.approx(DOWNBEAT_PRIOR)


@pytest.mark.parametrize(("low", "high"), [(55.0, 215.0), (70.0, 140.0), (20.0, 400.0), (120.0, 126.0)])
def test_the_grid_holds_the_range_in_steps_of_about_two_percent(low: float, high: float) -> None:
    grid = tempo_grid(low, high, HOP_S)
    assert 60.0 / (grid[0] * HOP_S) >= high
    assert 60.0 / (grid[-1] * HOP_S) <= low
    steps = np.diff(grid)
    assert (steps >= 1).all()
    assert (steps <= np.maximum(1, np.ceil(0.0221 * grid[:-1] + 0.5))).all()
    # No further beyond the range than one step.
    assert 60.0 / (grid[1] * HOP_S) <= high * 1.001
    assert 60.0 / (grid[-2] * HOP_S) >= low


@pytest.mark.parametrize("tempo_lambda", [10.0, 100.0, 1000.0])
def test_a_tempo_is_followed_most_likely_by_itself_and_rows_sum_to_one(tempo_lambda: float) -> None:
    change = tempo_change(LENGTHS, tempo_lambda)
    assert np.allclose(change.sum(axis=1), 1.0, atol=1e-12)
    if tempo_lambda >= 100.0:
        assert (change.argmax(axis=1)[1:-1] == np.arange(len(LENGTHS))[1:-1]).all()
    assert tempo_change(np.array([50]), tempo_lambda) == pytest.approx(1.0)


def test_octaves_are_paired_both_ways() -> None:
    pairs = octaves(LENGTHS)
    for i, (slower, faster) in enumerate(pairs):
        for j, ratio in ((slower, 2.0), (faster, 0.5)):
            if j >= 0:
                assert LENGTHS[j] / LENGTHS[i] == pytest.approx(ratio, rel=0.022)
        assert slower >= 0 or LENGTHS[i] * 2.0 > LENGTHS[-1] / 1.022
        assert faster >= 0 or LENGTHS[i] / 2.0 < LENGTHS[0] * 1.022
    there = np.flatnonzero(pairs[:, 0] >= 0)
    assert (np.abs(pairs[pairs[there, 0], 1] - there) <= 1).all()


def test_the_share_of_time_that_is_a_beats_first_part_is_that_of_the_states() -> None:
    p = pointer()
    first_part = sum(p.rows[:, p.first + k].sum() for k in range(CONFIG.beat_hops))
    assert beat_share(p.tempo_prior, LENGTHS, CONFIG.beat_hops) == pytest.approx(first_part)
    assert p.mass.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("afresh", [0.0, 0.01])
@pytest.mark.parametrize("slip", [0.0, 0.3])
def test_what_turns_is_conserved_but_for_what_begins_afresh(slip: float, afresh: float) -> None:
    p = pointer()
    rng = np.random.default_rng(2)
    p.rows[:] = rng.random(p.rows.shape)
    p.mass[:] = row_sums(p)
    change, enter, total = tempo_change(LENGTHS, 100.0), np.zeros(p.mass.shape), float(p.mass.sum())
    for _ in range(300):
        turned = turn(
            change, p.octave, 0.0, slip, afresh, ONES, FOLLOWING, p.tempo_prior, PLACE_PRIOR, p.lengths, p.first, p.head,
            enter, p.rows, p.mass,
        )  # fmt: skip
        for i, k in enumerate(p.first + p.head):
            p.rows[:, k] = enter[:, i]
        p.mass += enter
        assert turned == pytest.approx(total * (1.0 + afresh), rel=1e-9)
        total = turned
        assert p.mass.sum() == pytest.approx(total, rel=1e-9)


def test_a_beat_that_ends_goes_on_at_the_next_place_of_its_own_bar() -> None:
    p = pointer()
    i = len(LENGTHS) // 2
    for g in range(N_PLACES):
        p.reset()
        p.rows.fill(0.0)
        p.mass.fill(0.0)
        p.rows[g, p.first[i] + LENGTHS[i] - 1] = p.mass[g, i] = 1.0
        enter = np.zeros(p.mass.shape)
        turn(
            tempo_change(LENGTHS, 100.0), p.octave, 0.0, 0.0, 0.0, ONES, FOLLOWING, p.tempo_prior, PLACE_PRIOR, p.lengths,
            p.first, p.head, enter, p.rows, p.mass,
        )  # fmt: skip
        assert enter[FOLLOWING[g]].sum() == pytest.approx(1.0)
        assert enter.sum() == pytest.approx(1.0)
        assert enter[FOLLOWING[g]].argmax() == i


def test_rows_sum_to_their_mass_after_thousands_of_hops() -> None:
    p = pointer()
    rng = np.random.default_rng(4)
    for beat, downbeat in zip(rng.beta(0.2, 2.0, 3000), rng.uniform(0.02, 0.95, 3000)):
        hop_of(p, beat, downbeat)
    assert np.abs(row_sums(p) - p.mass).max() < 1e-9 * p.mass.sum()
    assert p.rows.min() > 0.0


def test_reset_makes_it_as_new() -> None:
    p, other = pointer(), pointer()
    for k in range(500):
        hop_of(p, float(k % 50 == 0))
    p.reset()
    gained = [[hop_of(q, float(k % 61 == 0)) for k in range(300)] for q in (p, other)]
    assert gained[0] == gained[1]
    assert p.rows.tobytes() == other.rows.tobytes()
    assert p.reading.tobytes() == other.reading.tobytes()


@pytest.mark.parametrize("meter", [3, 4])
# 160 BPM is 37.5 hops a beat: to one who is told nothing of the tempo, every second beat is the evener pulse.
@pytest.mark.parametrize("bpm", [60, 72, 90, 100, 110, 120, 128, 140, 150, 174, 200])
def test_a_perfect_pulse_is_followed_in_tempo_phase_and_place(bpm: int, meter: int) -> None:
    p = pointer()
    beat_hops = 60.0 / (bpm * HOP_S)
    n_beats, off_hops, places = 0, [], []
    for k in range(round(30 * beat_hops)):
        here = k == round(n_beats * beat_hops)
        hop_of(p, 0.95 if here else 0.01, (0.9 if n_beats % meter == 0 else 0.04) if here else DOWNBEAT_PRIOR)
        n_beats += here
        if n_beats > 20:
            off_hops.append(k + p.reading[REST] - n_beats * beat_hops)
            if here:
                places.append((METER[int(p.reading[GROUP])], PLACE[int(p.reading[GROUP])], (n_beats - 1) % meter + 1))
                assert p.reading[LENGTH] == pytest.approx(beat_hops, rel=0.02)
                assert p.reading[PROBABILITY] > 0.5
    # Right after a beat the next is a whole length away: nothing in between may be told a beat late.
    assert np.abs(off_hops).max() < 2.0
    assert all(told_meter == meter and place == true for told_meter, place, true in places)


@pytest.mark.parametrize("level", [0.01, 0.1, 0.3, 0.9])
def test_a_pulse_brings_far_more_evidence_than_hops_that_are_all_alike(level: float) -> None:
    p = pointer()
    steady = sum(hop_of(p, 0.95 if k % 50 == 0 else 0.01) for k in range(1500))
    p.reset()
    assert steady > 40.0
    assert sum(hop_of(p, level) for k in range(1500)) < 0.4 * steady


WORST = {
    "all least": lambda k: (LEAST, DOWNBEAT_PRIOR),
    "all most": lambda k: (MOST, 0.95),
    "alternating": lambda k: (MOST, 0.02) if k % 2 else (LEAST, 0.95),
    "a beat a minute": lambda k: (MOST, 0.95) if k % 6000 == 0 else (LEAST, 0.02),
}


@pytest.mark.parametrize("worst", list(WORST))
def test_nothing_dies_out_or_overflows_in_25000_hops_of_the_worst(worst: str) -> None:
    p = pointer()
    for k in range(25_000):
        gained = hop_of(p, *WORST[worst](k))
        if k % 1000 == 0 or k > 24_900:
            assert np.isfinite(gained)
            assert np.isfinite(p.reading).all()
            assert LENGTHS[0] - 1e-9 <= p.reading[LENGTH] <= LENGTHS[-1] + 1e-9
            assert 0.0 < p.reading[PROBABILITY] <= 1.0 + 1e-9
            for state in (p.rows, p.mass):
                assert np.isfinite(state).all()
                assert state.min() > 0.0
    # And it still hears: a pulse after all that is followed.
    for k in range(1000):
        hop_of(p, 0.95 if k % 50 == 0 else 0.01)
    assert p.reading[LENGTH] == pytest.approx(50.0, rel=0.02)
