"""Feet that stay where they stand."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.motion.blend import Pose
from audio2pose.motion.body import JOINT, OFFSETS_M
from audio2pose.motion.feet import HELD_S, RELEASE_M, STEP_AGAIN_M, STEP_LIFT_M, STEP_S, FootLock
from audio2pose.motion.kinematics import Skeleton
from audio2pose.motion.leg import shift_ankle
from audio2pose.motion.pose import rest_pose

LEFT_BALL, RIGHT_BALL = JOINT["left_foot"], JOINT["right_foot"]
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


def _stepped(lock: FootLock, blended: Pose, plain: Pose, contacts: np.ndarray, slides: bool = False) -> np.ndarray:
    """The joints (24, 3) after one hop of 10 ms with the lock; the blended pose is changed."""
    skeleton = Skeleton()
    joints = skeleton.process(*blended).copy()
    lock.process(*blended, contacts, joints, Skeleton().process(*plain), 0.01, slides)
    return skeleton.process(*blended)


def _moved(x: float = 0.0, y: float = 0.0) -> Pose:
    root, rot = _crouched()
    root[0] += x
    root[1] += y
    return root, rot


def _path(sway_m: float, contact: float, slides: bool = False) -> np.ndarray:
    """(51, 3) the left ball while the root sways by *sway_m* in half a second."""
    lock, path = FootLock(), []
    for k in range(51):
        at = sway_m * k / 50
        contacts = np.full(4, contact, np.float32)
        path.append(_stepped(lock, _moved(at), _moved(at), contacts, slides)[LEFT_BALL].copy())
    return np.array(path)


def _held(sway_m: float, contact: float, slides: bool = False) -> float:
    """How far the left ball moves on the floor meanwhile."""
    path = _path(sway_m, contact, slides)
    return float(np.abs(path - path[0])[:, [0, 2]].max())


def test_a_foot_that_stands_stays_while_the_body_sways() -> None:
    assert _held(0.09, 1.0) < 1e-4


def test_a_lifted_foot_and_one_that_slides_go_with_the_body() -> None:
    assert _held(0.1, 0.0) == pytest.approx(0.1, abs=1e-5)
    assert _held(0.1, 1.0, slides=True) == pytest.approx(0.1, abs=1e-5)


def test_feet_pulled_far_step_after_the_body_one_at_a_time_and_lifted() -> None:
    lock, lifted = FootLock(), []
    for k in range(101):
        at = 2.0 * STEP_AGAIN_M * min(k / 50, 1.0)
        joints = _stepped(lock, _moved(at), _moved(at), np.ones(4, np.float32))
        lifted.append(joints[[LEFT_BALL, RIGHT_BALL], 1] > 0.018 + 0.5 * STEP_LIFT_M)
    assert np.any(lifted, axis=0).all()
    assert not np.all(lifted, axis=1).any()
    assert np.abs(joints - Skeleton().process(*_moved(2.0 * STEP_AGAIN_M)))[:, 0].max() < STEP_AGAIN_M


def test_a_foot_pulled_too_far_is_let_go_without_a_leap() -> None:
    lock, path = FootLock(), []
    contacts = np.array([1.0, 1.0, 0.0, 0.0], np.float32)
    for k in range(81):
        at = 1.2 * RELEASE_M * min(k / 50, 1.0)
        path.append(_stepped(lock, _moved(at), _moved(at), contacts.copy())[LEFT_BALL].copy())
    speed = np.linalg.norm(np.diff(path, axis=0), axis=1) / 0.01
    assert np.abs(np.diff(speed)).max() < 1.0, "metres a second from hop to hop"


def test_a_step_leads_where_the_motion_has_the_foot_lifted_and_without_contact() -> None:
    lock, path, told = FootLock(), [], []
    there = _crouched()[0][0] + 0.2
    lock.process(*_moved(), np.ones(4, np.float32), Skeleton().process(*_moved()), Skeleton().process(*_moved()), 0.01, False)
    lock.step(0)
    for _ in range(round(STEP_S / 0.01) + 5):
        contacts = np.ones(4, np.float32)
        path.append(_stepped(lock, _moved(), _moved(0.2), contacts)[LEFT_BALL].copy())
        told.append(contacts[1])
    ball, start = np.array(path), Skeleton().process(*_moved())[LEFT_BALL]
    assert ball[-1] == pytest.approx(start + [there - _crouched()[0][0], 0.0, 0.0], abs=2e-3)
    assert ball[:, 1].max() == pytest.approx(0.018 + STEP_LIFT_M, abs=2e-3)
    moving = np.abs(np.diff(ball[:, 0])) > 0.003
    assert ball[1:, 1][moving].min() > 0.018 + 0.2 * STEP_LIFT_M
    assert not np.any(told[: len(told) - 7])
    assert told[-1] == 1.0


def test_a_foot_that_a_join_carries_has_no_contact_until_it_is_brought_down() -> None:
    lock, told = FootLock(), []
    for _ in range(round(HELD_S / 0.01) + 1):
        contacts = np.ones(4, np.float32)
        joints = _stepped(lock, _moved(y=0.04), _moved(), contacts)
        told.append(contacts[1])
    assert told[0] == 0.0
    assert told[-1] == 1.0
    assert joints[LEFT_BALL, 1] == pytest.approx(0.018, abs=1e-3)


def test_a_leg_too_short_for_its_foot_brings_the_pelvis_down_and_the_foot_stays() -> None:
    lock = FootLock()
    heights, ball = [], []
    for k in range(60):
        root, rot = rest_pose()["root_m"].copy(), rest_pose()["rotations"].copy()
        root[0] += 0.09 * min(k / 30, 1.0)
        joints = _stepped(lock, (root, rot), (root.copy(), rot.copy()), np.ones(4, np.float32))
        heights.append(joints[0, 1])
        ball.append(joints[LEFT_BALL].copy())
    assert np.abs(np.array(ball) - ball[0]).max() < 2e-3
    assert 0.001 < heights[0] - min(heights) < 0.03
    assert np.abs(np.diff(heights, 2)).max() < 0.002


def test_a_pose_that_nothing_pulls_passes_to_the_last_bit() -> None:
    lock = FootLock()
    for _ in range(30):
        root, rot = _crouched()
        before = root.tobytes(), rot.tobytes()
        _stepped(lock, (root, rot), _crouched(), np.ones(4, np.float32))
        assert (root.tobytes(), rot.tobytes()) == before
