"""Feet that stay where they stand."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.motion.body import JOINT, OFFSETS_M
from audio2pose.motion.feet import RELEASE_M, FootLock, shift_ankle
from audio2pose.motion.kinematics import Skeleton
from audio2pose.motion.pose import rest_pose

LEGS = {s: tuple(JOINT[f"{s}_{n}"] for n in ("hip", "knee", "ankle")) for s in ("left", "right")}


def _crouched() -> tuple[np.ndarray, np.ndarray]:
    """A body with bent knees, both feet flat on the floor."""
    rest = rest_pose()
    root, rot = rest["root_m"].copy(), rest["rotations"].copy()
    for hip, knee, ankle in LEGS.values():
        for joint, degrees in ((hip, -30.0), (knee, 60.0), (ankle, -30.0)):
            half = np.radians(degrees) / 2
            rot[joint] = [np.cos(half), np.sin(half), 0.0, 0.0]
    P = Skeleton().process(root, rot)
    root[1] -= P[JOINT["left_foot"], 1] - 0.018
    return root, rot


@pytest.mark.parametrize("pull", [(0.1, 0, 0), (-0.05, 0, 0.12), (0, 0.1, -0.1), (0, 0, 0)])
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_ankle_goes_where_it_is_pulled_and_the_foot_keeps_its_turn(side: str, pull: tuple[float, float, float]) -> None:
    root, rot = _crouched()
    before = Skeleton().process(root, rot).copy()
    shift_ankle(root, rot, OFFSETS_M, *LEGS[side], np.array(pull), np.zeros((10, 4)))
    after = Skeleton().process(root, rot)
    ankle, ball = JOINT[f"{side}_ankle"], JOINT[f"{side}_foot"]
    assert after[ankle] - before[ankle] == pytest.approx(pull, abs=2e-5)
    assert after[ball] - before[ball] == pytest.approx(pull, abs=2e-5)
    others = [j for j in range(24) if j not in (JOINT[f"{side}_knee"], ankle, ball)]
    assert np.abs(after[others] - before[others]).max() < 1e-5
    assert np.abs(np.linalg.norm(rot, axis=1) - 1).max() < 1e-5


def test_a_knee_never_bends_the_other_way() -> None:
    for x in np.linspace(-0.13, 0.13, 9):
        root, rot = _crouched()
        shift_ankle(root, rot, OFFSETS_M, *LEGS["left"], np.array([0.0, 0.05, x]), np.zeros((10, 4)))
        P = Skeleton().process(root, rot)
        thigh, shank = P[JOINT["left_knee"]] - P[JOINT["left_hip"]], P[JOINT["left_ankle"]] - P[JOINT["left_knee"]]
        assert np.cross(thigh, shank)[0] > 0.0


def test_a_straight_leg_out_of_reach_stays_finite_and_straight() -> None:
    rest = rest_pose()
    root, rot = rest["root_m"].copy(), rest["rotations"].copy()
    shift_ankle(root, rot, OFFSETS_M, *LEGS["left"], np.array([0.0, -0.5, 0.0]), np.zeros((10, 4)))
    assert np.isfinite(rot).all()
    P = Skeleton().process(root, rot)
    assert P[JOINT["left_ankle"], 1] == pytest.approx(0.075, abs=0.003)


def _held(sway_m: float, contact: float, slides: bool = False) -> float:
    """How far the left ball moves while the root sways by *sway_m* in half a second."""
    lock, skeleton = FootLock(), Skeleton()
    contacts = np.full(4, contact, np.float32)
    path = []
    for k in range(51):
        root, rot = _crouched()
        root[0] += sway_m * k / 50
        joints = skeleton.process(root, rot)
        if lock.process(root, rot, contacts, joints, 0.01, slides):
            joints = skeleton.process(root, rot)
        path.append(joints[JOINT["left_foot"], [0, 2]].copy())
    return float(np.abs(np.array(path) - path[0]).max())


def test_a_foot_that_stands_stays_while_the_body_sways() -> None:
    assert _held(0.1, 1.0) < 1e-4


def test_a_lifted_foot_and_one_that_slides_go_with_the_body() -> None:
    assert _held(0.1, 0.0) == pytest.approx(0.1, abs=1e-5)
    assert _held(0.1, 1.0, slides=True) == pytest.approx(0.1, abs=1e-5)


def test_a_foot_pulled_too_far_is_let_go_without_a_leap() -> None:
    assert _held(0.9, 1.0) > RELEASE_M
