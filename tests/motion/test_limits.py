"""Joints that stay within what a body can do, and clips that pass untouched."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from audio2pose.motion.blend import OFFSETS, apply
from audio2pose.motion.body import JOINT
from audio2pose.motion.limits import LEFT_KNEE, ROOM, bend_softly, hold_back, strain
from tests.made import clip


def _turn(axis: str, degrees: float) -> np.ndarray:
    return np.roll(Rotation.from_euler(axis, degrees, degrees=True).as_quat(), 1)


def _bend(q: np.ndarray) -> float:
    return float(np.degrees(2.0 * np.arctan2(q[1], q[0])))


@pytest.mark.parametrize("own", [5.0, 20.0, 60.0])
def test_a_knee_is_straightened_softly_and_never_inverts(own: float) -> None:
    bends = []
    for pull in np.linspace(0.0, 150.0, 151):
        q = _turn("x", own - pull)
        bend_softly(_turn("x", own), q)
        bends.append(_bend(q))
    steps = np.diff(bends)
    assert min(bends) >= -1e-6
    assert steps.max() <= 1e-6, "the more pull, the straighter"
    assert np.abs(np.diff(steps)).max() < 2.1 / own, "no snap on the way"
    assert bends[int(own / 2)] == pytest.approx(own - int(own / 2), abs=1e-6)


def test_a_knee_that_its_clip_inverts_is_left_as_it_is() -> None:
    q = _turn("x", -3.0)
    bend_softly(_turn("x", -3.0), q)
    assert _bend(q) == pytest.approx(-3.0)


@pytest.mark.parametrize(
    ("joint", "axis", "degrees"), [("spine2", "x", 80.0), ("head", "y", 110.0), ("left_elbow", "z", 175.0)]
)
def test_a_blend_that_leaves_a_joints_range_is_held_at_its_edge(joint: str, axis: str, degrees: float) -> None:
    room, q, blended = ROOM[JOINT[joint]], np.zeros(4), _turn(axis, degrees)
    assert strain(blended, room) > 1.0
    hold_back(_turn(axis, 5.0), room, q, blended)
    assert strain(blended, room) == pytest.approx(1.0, abs=0.01)


def test_a_clip_beyond_the_range_is_not_made_to_obey_it() -> None:
    room, q, blended = ROOM[JOINT["head"]], np.zeros(4), _turn("y", 80.0)
    hold_back(_turn("y", 80.0), room, q, blended)
    assert np.degrees(2.0 * np.arccos(blended[0])) == pytest.approx(80.0)


def test_a_pose_without_offsets_passes_to_the_last_bit() -> None:
    of = clip("a", stance_m=0.1)
    root, rot = of.root_m[7].copy(), of.rotations[7].copy()
    rot[LEFT_KNEE] = _turn("x", -8.0)
    before = root.tobytes(), rot.tobytes()
    apply(np.zeros(OFFSETS), ROOM, np.zeros(4), np.zeros(4), root, rot)
    assert (root.tobytes(), rot.tobytes()) == before
