"""The measures themselves, on cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from .measures import f_measure, landing, motion_beats


def _swinging(seconds: float, beats_hz: float, phase_s: float = 0.0) -> np.ndarray:
    """One joint that stops twice in each swing of 1 / beats_hz * 2 s."""
    t = np.arange(int(seconds * 60)) / 60
    x = np.cos(np.pi * beats_hz * (t - phase_s))
    return np.stack([x, 0 * x, 0 * x], 1)[:, None]


def test_a_swinging_joint_stops_on_every_beat() -> None:
    found = motion_beats(_swinging(10.0, 2.0, 0.1))
    assert np.abs(((found - 0.1) * 2 + 0.5) % 1 - 0.5).max() < 0.02 * 2
    assert len(found) == pytest.approx(20, abs=1)


def test_a_circle_walked_evenly_has_no_beats() -> None:
    t = np.arange(600) / 60
    r = 1 + 0.002 * np.sin(2 * np.pi * 2 * t)
    assert len(motion_beats(np.stack([r * np.cos(t), 0 * t, r * np.sin(t)], 1)[:, None])) == 0


def test_f_counts_each_beat_once() -> None:
    assert f_measure(np.array([1.0, 1.05, 2.0]), np.array([1.0, 2.0, 3.0])) == pytest.approx(2 * 2 / 6)


def test_half_time_dancing_is_dancing() -> None:
    beats = np.arange(0, 20, 0.5)
    found = landing(beats[::2] + 0.02, beats)
    assert found.level == "half"
    assert found.f == 1.0
    assert found.f_null < 0.35
    assert found.offset_ms == pytest.approx(20.0)


def test_chance_gains_nothing() -> None:
    rng = np.random.default_rng(0)
    beats = np.arange(0, 120, 0.5)
    assert abs(landing(np.sort(rng.uniform(0, 120, 200)), beats).gain) < 0.1
