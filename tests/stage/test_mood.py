"""What a picture knows of the music."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audio2pose.stage.mood import BAND_HALF_LIVES_S, BAR, ENERGY, HIGH, LOW, MID, PHASE, PULSE, TIME, Mood


def test_without_bands_all_three_are_the_onset() -> None:
    now = Mood().follow(0.0, 0.0, 0.5, 0.7, None, 0.0)
    assert now[LOW : HIGH + 1] == pytest.approx([0.7, 0.7, 0.7])


def test_bands_rise_at_once_and_fall_by_half_in_their_half_life() -> None:
    for band, half_life_s in zip((LOW, MID, HIGH), BAND_HALF_LIVES_S):
        mood = Mood()
        assert mood.follow(1.0, 0.0, 0.5, 0.0, (1.0, 1.0, 1.0), 0.0)[band] == 1.0
        assert mood.follow(1.0 + half_life_s, 0.0, 0.5, 0.0, (0.0, 0.0, 0.0), 0.0)[band] == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize("fps", [24, 144])
def test_bands_fall_the_same_at_any_frame_rate(fps: int) -> None:
    mood = Mood()
    mood.follow(0.0, 0.0, 0.5, 1.0, None, 0.0)
    for k in range(1, fps // 4 + 1):
        now = mood.follow(k / fps, 0.0, 0.5, 0.0, None, 0.0)
    assert now[LOW] == pytest.approx(0.5 ** (0.25 / BAND_HALF_LIVES_S[0]), rel=1e-3)


def test_the_pulse_is_whole_on_the_beat_and_phase_is_not_mirrored() -> None:
    now = Mood().follow(0.0, -0.25, 0.0, 0.0, None, 0.6)
    assert now[PHASE] == pytest.approx(0.75)
    assert now[BAR] == pytest.approx(0.6)
    assert Mood().follow(0.0, 7.0, 0.0, 0.0, None, 0.0)[PULSE] == 1.0


@pytest.mark.parametrize("wild", [math.nan, math.inf, -math.inf, 1e30, -1e30])
def test_numbers_that_are_none_stay_within_0_to_1(wild: float) -> None:
    mood = Mood()
    for t_s in (0.0, wild, 0.1):
        now = mood.follow(t_s, wild, wild, wild, (wild, wild, wild), wild)
        assert np.isfinite(now).all()
        assert (now[:TIME] >= 0.0).all()
        assert (now[:TIME] <= 1.0).all()
    assert mood.follow(0.2, 0.0, 0.4, 0.0, None, 0.0)[ENERGY] == pytest.approx(0.4)


def test_after_a_reset_the_past_is_forgotten() -> None:
    mood = Mood()
    mood.follow(0.0, 0.0, 0.5, 1.0, None, 0.0)
    mood.reset()
    assert mood.follow(0.01, 0.0, 0.5, 0.0, None, 0.0)[LOW] == 0.0
