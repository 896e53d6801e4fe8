"""Quaternions against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from audio2pose.motion import rotation


def _some(n: int, seed: int = 0) -> np.ndarray:
    q = np.random.default_rng(seed).normal(size=(n, 4))
    return q / np.linalg.norm(q, axis=1, keepdims=True)


def _scipy(q: np.ndarray) -> Rotation:
    return Rotation.from_quat(np.roll(q, -1, -1))


def _same_turn(a: np.ndarray, b: np.ndarray) -> bool:
    return bool(min(np.abs(a - b).max(), np.abs(a + b).max()) < 1e-6)


def test_products_are_scipys() -> None:
    out = np.zeros(4)
    for a, b in zip(_some(20, 1), _some(20, 2)):
        rotation.multiply(a, b, out)
        assert _same_turn(out, np.roll((_scipy(a) * _scipy(b)).as_quat(), 1))
        rotation.multiply_inverse(a, b, out)
        assert _same_turn(out, np.roll((_scipy(a) * _scipy(b).inv()).as_quat(), 1))


def test_rotating_a_point_is_scipys() -> None:
    out = np.zeros(3)
    for q, v in zip(_some(20), np.random.default_rng(3).normal(size=(20, 3))):
        rotation.rotate(q, v, out)
        assert out == pytest.approx(_scipy(q).apply(v), abs=1e-9)


@pytest.mark.parametrize("u", [0.0, 0.25, 0.5, 1.0])
def test_slerp_is_scipys(u: float) -> None:
    out = np.zeros(4)
    for a, b in zip(_some(20, 4), _some(20, 5)):
        rotation.slerp(a, b, u, out)
        expected = Slerp([0, 1], Rotation.concatenate([_scipy(a), _scipy(b)]))(u)
        assert _same_turn(out, np.roll(expected.as_quat(), 1))


def test_slerp_past_its_end_goes_on_turning() -> None:
    out = np.zeros(4)
    rotation.slerp(np.array([1.0, 0, 0, 0]), np.roll(Rotation.from_euler("y", 10, degrees=True).as_quat(), 1), 2.0, out)
    assert np.degrees(_scipy(out).magnitude()) == pytest.approx(20.0)


def test_log_and_exp_undo_each_other() -> None:
    v, q = np.zeros(3), np.zeros(4)
    for a in _some(50):
        rotation.log_map(a, v)
        assert np.linalg.norm(v) <= np.pi + 1e-9
        rotation.exp_map(v, q)
        assert _same_turn(q, a)


def test_nothing_normalises_to_the_identity() -> None:
    q = np.zeros(4)
    rotation.normalise(q)
    assert q.tolist() == [1, 0, 0, 0]


def test_heading_is_the_way_that_the_body_looks() -> None:
    for degrees in (-170, -30, 0, 45, 120):
        q = np.roll(Rotation.from_euler("YX", [degrees, 20], degrees=True).as_quat(), 1)
        assert np.degrees(rotation.heading(q)) == pytest.approx(degrees, abs=1e-6)


def test_matrices_become_quaternions() -> None:
    q = _some(100)
    assert rotation.from_matrix(_scipy(q).as_matrix()) == pytest.approx(q * np.where(q[:, :1] < 0, -1, 1), abs=1e-9)
