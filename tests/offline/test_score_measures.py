"""Each measure of a dance on cases worked by hand, and against scipy where scipy has it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter1d
from scipy.signal import argrelmin, find_peaks
from scipy.spatial.distance import pdist

from audio2pose.motion.body import JOINT, N_JOINTS
from audio2pose.motion.kinematics import positions
from audio2pose.motion.pose import rest_pose
from audio2pose.offline.measures import alignment, feet, joins, kinetic, sampling, stops, straight
from audio2pose.offline.measures.accents import accents, turns

FPS = 60.0
HALF_S = np.arange(0.0, 20.0, 0.5)


def standing(poses: int) -> np.ndarray:
    """The rest pose for so long."""
    rest = rest_pose()
    return np.repeat(positions(rest["root_m"][None], rest["rotations"][None]).astype(np.float64), poses, axis=0)


def wandering(seconds: float, seed: int = 0) -> np.ndarray:
    """A body that swings at random, about once a second, each joint as far as it is long and a little by itself."""
    rng = np.random.default_rng(seed)
    whole, own = rng.normal(size=(int(seconds * FPS), 1, 3)), rng.normal(size=(int(seconds * FPS), N_JOINTS, 3))
    moved = gaussian_filter1d(whole * rng.uniform(0.5, 1.5, (N_JOINTS, 1)) + 0.1 * own, 9.0, axis=0)
    return np.asarray(moved * np.array([3.0, 0.3, 0.3]))


def swinging(seconds: float, stop_s: float = 0.5, late_s: float = 0.0) -> np.ndarray:
    """A body that swings from side to side, still at late_s + k stop_s."""
    out = standing(int(seconds * FPS))
    out[:, :, 0] += 0.2 * np.cos(np.pi * (np.arange(len(out)) / FPS - late_s) / stop_s)[:, None]
    return out


# Rates


@pytest.mark.parametrize("to_fps", [30.0, 100.0])
def test_another_rate_is_the_natural_cubic_spline(to_fps: float) -> None:
    P = wandering(2.0)
    found = sampling.resampled(P, FPS, to_fps)
    at = np.arange(len(found)) / to_fps * FPS
    assert found == pytest.approx(CubicSpline(np.arange(len(P)), P, bc_type="natural")(at), abs=1e-9)


@pytest.mark.parametrize("sigma_s", [0.011, 0.083, 0.9])
def test_smoothing_is_the_mirrored_gaussian(sigma_s: float) -> None:
    P = wandering(1.0)
    assert sampling.smooth(P, sigma_s, FPS) == pytest.approx(gaussian_filter1d(P, sigma_s * FPS, axis=0), abs=1e-12)


# Beats


def test_motion_beats_are_the_deep_ones_of_scipys_minima() -> None:
    P = wandering(30.0)
    v = np.linalg.norm(np.diff(P, axis=0), axis=2).sum(axis=1)
    lowest = [t for t in argrelmin(v, order=10)[0] if v[t] <= 0.75 * v[max(t - 15, 0) : t + 16].mean()]
    found = stops.motion_beats(P, FPS) * FPS - 0.5
    assert len(lowest) > 20
    assert found == pytest.approx(np.array(lowest, float), abs=0.5)


def test_a_flat_stop_of_two_poses_is_one_beat() -> None:
    P = swinging(4.0)
    P[30:] = P[29]
    P = np.concatenate([P[:30], P[30:32], swinging(4.0)[30:]])
    near = stops.motion_beats(P, FPS)
    assert (np.abs(near - 0.5) < 0.06).sum() == 1


def test_a_dance_that_is_30_ms_late_shows_30_ms() -> None:
    found = stops.landing(stops.motion_beats(swinging(20.0, late_s=0.030), FPS), HALF_S)
    assert found.f > 0.95
    assert found.offset_ms == pytest.approx(30.0, abs=2.0)
    assert found.offset_sd_ms < 3.0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_motion_is_at_its_null(seed: int) -> None:
    P, beats_s = wandering(120.0, seed), np.arange(0.0, 120.0, 0.5)
    assert len(stops.motion_beats(P, FPS)) > 100
    assert abs(stops.landing(stops.motion_beats(P, FPS), beats_s).gain) < 0.08
    for of in (alignment.aist, alignment.bailando):
        value, null = of(P, FPS, beats_s)
        assert value == pytest.approx(null, abs=0.05)


@pytest.mark.parametrize("beats", [50, 100, 128, 200])
def test_chance_is_the_same_however_many_beats_there_are(beats: int) -> None:
    """Even beats, and a body that stops on each: turned by any part of a beat, 0.14 s of each half second are near."""
    beats_s = np.arange(beats) * 0.5
    found = stops.landing(beats_s + 0.01, beats_s)
    assert found.f == 1.0
    assert found.f_null == pytest.approx(0.28, abs=0.03)
    null = np.mean([alignment.nearness(beats_s, moved) for moved in stops.shifted(beats_s, *stops.span(beats_s))])
    assert null == pytest.approx(np.sqrt(2 * np.pi) * 0.05 / 0.5, abs=0.03)


def test_shares_of_seconds_are_counted() -> None:
    assert stops.bins(np.array([0.1, 0.9, 2.5]), np.array([0.5, 1.5, 2.1, 3.0])) == (2 / 2, 2 / 4)


@pytest.mark.parametrize(("late_s", "score"), [(0.0, 1.0), (0.05, np.exp(-0.5)), (0.10, np.exp(-2.0))])
def test_alignment_of_one_sigma_and_of_two(late_s: float, score: float) -> None:
    assert alignment.nearness(np.array([1.0, 2.0]) + late_s, np.array([1.0, 2.0, 3.0])) == pytest.approx(score)


def test_alignment_is_what_the_papers_programs_compute() -> None:
    P, beats_s = wandering(20.0, 4), np.arange(0.2, 20.0, 0.61)
    moved = np.linalg.norm(np.diff(P, axis=0), axis=2)
    K = argrelmin(np.concatenate([[0.0], moved.sum(axis=1)]), order=10)[0]
    M = beats_s * FPS
    expected = np.mean([np.exp(-(np.abs(M - k).min() ** 2) / 18.0) for k in K])
    assert alignment.aist(P, FPS, beats_s)[0] == pytest.approx(expected)
    K = argrelmin(gaussian_filter1d(moved.mean(axis=1), 5.0), order=1)[0]
    expected = np.mean([np.exp(-(np.abs(K - m).min() ** 2) / 18.0) for m in M])
    assert alignment.bailando(P, FPS, beats_s)[0] == pytest.approx(expected)


def test_a_warp_is_taken_out_between_cuts() -> None:
    """Beats that come in pairs, long and short; danced straight, the sine has one pace."""
    beats_s = np.cumsum(np.tile([0.6, 0.4], 10)) - 0.6
    t = np.arange(int(9.0 * FPS)) / FPS
    warped, even = straight.beat_at(t, beats_s), t / 0.5
    P = np.sin(warped)[:, None, None] * np.ones((1, 2, 3))
    found = straight.unwarped(P, FPS, np.array([0.0, 4.0]), beats_s)
    assert np.abs(found[:, 0, 0] - np.sin(even)).max() < 0.02
    assert np.abs(P[:, 0, 0] - np.sin(even)).max() > 0.15


# Accents


def test_accents_on_the_beat_land_and_those_between_count_to_the_half_beat() -> None:
    P = swinging(20.0)
    at_s = np.array([2.0, 4.25, 6.02])
    found = accents(P, FPS, at_s, HALF_S, stops.motion_beats(P, FPS))
    assert found is not None
    assert (found.p50, found.n) == (pytest.approx(0.0, abs=1e-6), 3)
    assert found.p95 == pytest.approx(18.0)
    assert found.seen == pytest.approx(2 / 3)
    assert found.seen_null == pytest.approx(0.24, abs=0.08)  # a stop each half second, 60 ms to each side of it


def test_the_hands_highest_point_is_seen_and_a_tremble_is_not() -> None:
    P = standing(240)
    t = np.arange(240) / FPS
    P[:, JOINT["left_hand"], 1] += 0.1 * np.exp(-(((t - 2.0) / 0.2) ** 2))
    P[:, JOINT["right_hand"], 1] += 0.002 * np.sin(2 * np.pi * 2.0 * t)
    found = turns(P, FPS)
    assert found == pytest.approx([2.0], abs=0.02)
    peaks, _ = find_peaks(P[:, JOINT["left_hand"], 1])
    assert found == pytest.approx(peaks / FPS, abs=0.02)


# Feet


def sliding(m_s: float, seconds: float = 4.0) -> np.ndarray:
    """The rest pose pushed along the floor."""
    P = standing(int(seconds * FPS))
    P[:, :, 0] += (np.arange(len(P)) / FPS * m_s)[:, None]
    return P


@pytest.mark.parametrize(("m_s", "ratio"), [(0.0, 0.0), (0.28, 0.0), (0.32, 1.0)])
def test_a_foot_skates_from_a_centimetre_a_frame_on(m_s: float, ratio: float) -> None:
    found = feet.skate(sliding(m_s), FPS)
    assert found is not None
    assert (found.ratio, found.contact) == (ratio, 1.0)


def test_one_foot_that_slides_half_of_the_time_is_a_quarter() -> None:
    P = standing(240)
    P[120:, [JOINT["left_ankle"], JOINT["left_foot"]], 2] += np.arange(120)[:, None] / FPS
    found = feet.skate(P, FPS)
    assert found is not None
    assert found.ratio == pytest.approx(0.25, abs=0.01)


def test_who_floats_has_no_clean_feet_but_none() -> None:
    P = standing(240)
    P[:, [JOINT["left_ankle"], JOINT["right_ankle"]], 1] += 0.05  # on the toes
    assert feet.skate(P, FPS) is None


def test_a_slide_is_left_out_where_it_is_one() -> None:
    P = sliding(1.0)
    P[: len(P) // 2] = P[len(P) // 2]
    stands = np.arange(len(P)) < len(P) // 2
    whole, outside = feet.skate(P, FPS), feet.skate(P, FPS, of=stands)
    assert whole is not None
    assert outside is not None
    assert whole.ratio == pytest.approx(0.5, abs=0.01)
    assert outside.ratio == 0.0


def test_a_planted_foot_drifts_as_far_as_it_strays_from_where_it_stands() -> None:
    P, contacts = standing(120), np.zeros((120, 4))
    contacts[10:50, 1] = contacts[60:100, 3] = contacts[110, 3] = 1.0
    P[45:50, JOINT["left_foot"], 0] += 0.03
    found = feet.drift(P, FPS, contacts)
    assert found is not None
    assert (found.max, found.n) == (pytest.approx(3.0), 2)
    assert feet.drift(P, FPS, np.zeros((120, 4))) is None


def test_pfc_of_feet_that_slide_a_centimetre_under_a_body_that_speeds_up() -> None:
    P = sliding(0.3)
    t = np.arange(len(P)) / FPS
    P[:, 0, 0] += 0.5 * t**2
    assert feet.pfc(P, FPS) == pytest.approx(1e4 * 0.01 * 0.01, rel=1e-6)
    assert feet.pfc(standing(60), FPS) == 0.0
    falling = sliding(0.3)
    falling[:, 0, 1] -= 0.5 * t**2
    assert feet.pfc(falling, FPS) == pytest.approx(0.0, abs=1e-6)


# Variety and likeness


def test_kinetic_features_of_even_speed_and_of_even_acceleration() -> None:
    P, t = np.zeros((240, N_JOINTS, 3)), np.arange(240) / FPS
    P[:, 1, 0], P[:, 2, 2] = 3.0 * t, 2.0 * t
    P[:, 3, 1] = 0.5 * 4.0 * t**2
    found = kinetic.features(P, FPS)
    assert found[1] == pytest.approx([9.0, 0.0, 0.0], abs=1e-6)
    assert found[2] == pytest.approx([4.0, 0.0, 0.0], abs=1e-6)
    assert found[3, 2] == pytest.approx(4.0 * 238 / 239)
    assert found[3, 1] == pytest.approx(np.mean((4.0 * t) ** 2), rel=0.02)


def test_an_idler_who_trembles_has_no_energy() -> None:
    trembling, t = standing(600), np.arange(600) / FPS
    trembling += 0.01 * np.sin(2 * np.pi * 10.0 * t)[:, None, None]
    danced = kinetic.energy(kinetic.features(swinging(10.0), FPS))
    assert kinetic.energy(kinetic.features(trembling, FPS)) < 0.05 * danced


def test_a_distance_of_gaussians_is_scipys() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5)), rng.normal(size=(80, 5)) + 1.0
    A, B = np.cov(a.T), np.cov(b.T)
    apart = a.mean(axis=0) - b.mean(axis=0)
    expected = apart @ apart + np.trace(A + B - 2.0 * np.real(sqrtm(A @ B)))
    assert kinetic.frechet(a, b) == pytest.approx(expected)
    assert kinetic.frechet(a, a) == pytest.approx(0.0, abs=1e-9)
    assert kinetic.frechet(a, a + 2.0) == pytest.approx(5 * 4.0)
    assert kinetic.diversity(a) == pytest.approx(pdist(a).mean())
    assert kinetic.diversity(a[:1]) is None


def test_a_feature_that_never_changes_in_the_reference_is_left_out() -> None:
    reference = np.array([[1.0, 5.0], [3.0, 5.0]])
    assert kinetic.standard(np.array([[4.0, 9.0]]), reference) == pytest.approx(np.array([[2.0]]))


def test_ratios_within_a_half_and_two_are_alike() -> None:
    found = kinetic.ratios(np.array([[1.0, 1.0, 9.0, 1.0]]), np.array([[1.9, 2.1, 4.0, np.nan]]))
    assert kinetic.alike(found) == pytest.approx(1 / 3)


# Joins


def test_a_join_that_jumps_shows_and_one_that_does_not_is_near_one() -> None:
    P, joins_s = wandering(60.0, 5), np.arange(3.0, 57.0, 3.0)
    even = joins.jerk_ratio(P, FPS, joins_s)
    assert even == pytest.approx(1.0, abs=0.25)
    jumped = P + 0.1 * (np.arange(len(P))[:, None, None] // 180 % 2)
    found = joins.jerk_ratio(jumped, FPS, joins_s)
    assert found is not None
    assert found > 2.0
    assert joins.jerk_ratio(P, FPS, np.zeros(0)) is None


def test_a_phrase_that_returns_within_32_beats_is_a_repetition() -> None:
    ids = ("a@0", "b@0", "a@0", "a~@0", "c@0", "a@0")
    assert joins.repetition(ids, np.array([0.0, 8.0, 16.0, 24.0, 32.0, 48.0])) == pytest.approx(1 / 6)
    assert joins.repetition((), np.zeros(0)) is None


def test_a_phrase_that_goes_on_neither_joins_nor_repeats() -> None:
    ids, beats = ("a@0", "a@4", "a@0"), np.array([0.0, 4.0, 8.0])
    assert joins.repetition(ids, beats) == pytest.approx(1 / 3)
    assert joins.joined(beats / 2, ids, beats) == pytest.approx([4.0])
