"""Where the head looks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audio2pose.motion.body import JOINT
from audio2pose.motion.kinematics import face, positions


def turned(**turns: tuple[tuple[float, float, float], float]) -> np.ndarray:
    """Rotations (24, 4) with joints turned about axes by degrees."""
    rotations = np.zeros((24, 4), np.float32)
    rotations[:, 0] = 1.0
    for name, (axis, degrees) in turns.items():
        half = math.radians(degrees) / 2.0
        rotations[JOINT[name]] = (math.cos(half), *(math.sin(half) * a for a in axis))
    return rotations


@pytest.mark.parametrize("joint", ["pelvis", "spine1", "spine2", "spine3", "neck", "head"])
def test_every_joint_up_to_the_head_turns_the_face(joint: str) -> None:
    assert face(turned()) == pytest.approx((0, 0, 1), abs=1e-6)
    assert face(turned(**{joint: ((0, 1, 0), 90)})) == pytest.approx((1, 0, 0), abs=1e-6)
    assert face(turned(**{joint: ((1, 0, 0), 90)})) == pytest.approx((0, -1, 0), abs=1e-6)


def test_arms_and_legs_do_not_turn_the_face() -> None:
    assert face(turned(left_shoulder=((0, 1, 0), 80), left_hip=((1, 0, 0), 80))) == pytest.approx((0, 0, 1), abs=1e-6)


def test_turns_along_the_spine_follow_each_other_as_joints_do() -> None:
    """The face is where a point before the head would go, had the body one: the toes of a foot hung on the same turns."""
    rotations = turned(pelvis=((0, 1, 0), 40), spine1=((1, 0, 0), 25), head=((0, 0, 1), 30), neck=((0, 1, 0), -70))
    seen = face(rotations)
    assert np.linalg.norm(seen) == pytest.approx(1.0, abs=1e-6)
    # A head turned by all of it at once, on a body that stands still, places nothing anew.
    joints = positions(np.zeros((1, 3), np.float32), rotations[None])[0]
    neck = joints[JOINT["head"]] - joints[JOINT["neck"]]
    rest = positions(np.zeros((1, 3), np.float32), turned()[None])[0]
    at_rest = rest[JOINT["head"]] - rest[JOINT["neck"]]
    untilted = rotations.copy()
    untilted[JOINT["head"]] = (1, 0, 0, 0)
    # Without a turn of the head's own, the angle between face and neck is that of the rest pose.
    assert np.dot(face(untilted), neck) == pytest.approx(at_rest[2], abs=1e-5)
