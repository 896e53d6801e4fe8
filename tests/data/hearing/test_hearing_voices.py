"""Singers, driven guitars and mastering on bands: what each does to a spectrum, and that none of them breaks one."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.data.hearing.voices import CENTRES_HZ, driven, follower, mastered, sung
from audio2pose.music.spectrum import N_BANDS

SEEDS = range(25)


def plucked(n_hops: int = 800, every: int = 50) -> np.ndarray:
    """Notes that begin every so many hops and fade to a hundredth, in five low bands."""
    bands = np.full((n_hops, N_BANDS), 1e-4, np.float32)
    bands[:, 6:11] += (20.0 * 0.91 ** (np.arange(n_hops) % every)).astype(np.float32)[:, None]
    return bands


def swing_of(bands: np.ndarray) -> float:
    level = bands[100:].mean(axis=1)
    return float(np.percentile(level, 95) / np.percentile(level, 5))


def test_a_follower_rises_at_once_and_falls_slowly() -> None:
    out = follower(np.array([0.0, 8.0, 0.0, 0.0, 5.0], np.float32), 0.5)
    assert out[1:] == pytest.approx([8.0, 4.0, 2.0, 5.0])


def test_a_driven_guitar_holds_its_notes_and_fills_what_lies_above() -> None:
    clean, swings = plucked(), []
    for seed in SEEDS:
        rough = driven(clean, np.random.default_rng(seed))
        assert rough.dtype == np.float32
        assert np.isfinite(rough).all()
        assert rough.min() >= 0.0
        assert swing_of(rough) < swing_of(clean)
        swings.append(swing_of(rough))
        assert rough[100:, 11:20].mean() > 5.0 * clean[100:, 11:20].mean()
    assert np.median(swings) < 0.5 * swing_of(clean)


def test_a_guitar_that_plays_seldom_is_as_loud_as_one_that_plays_all_the_time() -> None:
    seldom = np.zeros((1000, N_BANDS), np.float32)
    seldom[400:500] = plucked()[100:200]
    for seed in SEEDS:
        rough = driven(seldom, np.random.default_rng(seed))
        assert (rough[:390] == 0.0).all()
        assert rough[400:500].mean() > 0.5 * seldom[400:500].mean()


def test_mastering_lifts_what_is_quiet() -> None:
    for seed in SEEDS:
        flat = mastered(plucked(), np.random.default_rng(seed))
        assert np.isfinite(flat).all()
        assert flat.min() >= 0.0
        assert swing_of(flat) <= swing_of(plucked()) * 1.001
    assert np.mean([swing_of(mastered(plucked(), np.random.default_rng(s))) for s in SEEDS]) < 0.7 * swing_of(plucked())


@pytest.mark.parametrize("bands", [np.zeros((60, N_BANDS), np.float32), np.full((3, N_BANDS), 1e4, np.float32)])
def test_silence_and_overload_stay_finite(bands: np.ndarray) -> None:
    for seed in SEEDS:
        for change in (driven, mastered):
            assert np.isfinite(change(bands, np.random.default_rng(seed))).all()


def test_a_singer_breathes_has_harmonics_and_is_about_as_loud_as_asked() -> None:
    eighths = np.arange(0.0, 1500.0, 25.0)
    rests, levels = 0, []
    for seed in SEEDS:
        bands = sung(1500, eighths, np.random.default_rng(seed))
        assert bands.shape == (1500, N_BANDS)
        assert bands.dtype == np.float32
        assert np.isfinite(bands).all()
        assert bands.min() >= 0.0
        heard = bands.mean(axis=1) > 0.05
        rests += int((~heard).sum())
        levels.append(bands[heard].mean())
        assert bands[:, CENTRES_HZ < 70.0].sum() < 0.02 * bands.sum()
    assert rests > 1500
    assert 0.3 < np.mean(levels) < 2.5


def test_a_singer_without_beats_sings_all_the_same() -> None:
    for seed in SEEDS:
        assert np.isfinite(sung(40, np.zeros(0), np.random.default_rng(seed))).all()
    assert sung(1500, np.zeros(0), np.random.default_rng(1)).sum() > 0.0
