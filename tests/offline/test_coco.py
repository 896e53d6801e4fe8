"""The body as COCO's 17 points, and back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from audio2pose.match.find import library
from audio2pose.motion.body import JOINT, OFFSETS_M
from audio2pose.motion.coco import COCO_NAMES, from_coco17, to_coco17
from audio2pose.motion.kinematics import positions


def rest(turns: dict[str, Rotation] | None = None) -> tuple[np.ndarray, np.ndarray]:
    rotations = np.zeros((1, 24, 4), np.float32)
    rotations[..., 0] = 1.0
    for joint, turn in (turns or {}).items():
        rotations[0, JOINT[joint]] = np.roll(turn.as_quat(), 1)
    return positions(OFFSETS_M[:1], rotations), rotations


def test_the_order_is_cocos() -> None:
    assert COCO_NAMES[:7] == ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder")
    points = to_coco17(*rest())[0]
    joints = rest()[0][0]
    assert np.array_equal(points[5], joints[JOINT["left_shoulder"]])
    assert np.array_equal(points[16], joints[JOINT["right_ankle"]])


def test_the_resting_face_looks_ahead_with_its_left_to_the_left() -> None:
    nose, left_eye, right_eye, left_ear, right_ear = to_coco17(*rest())[0, :5]
    assert nose[2] > left_eye[2] > left_ear[2]
    assert left_ear[0] > left_eye[0] > 0 > right_eye[0] > right_ear[0]
    assert 1.5 < nose[1] < left_eye[1] < 1.65


@pytest.mark.parametrize("joint", ["head", "neck", "spine2", "pelvis"])
def test_the_face_turns_with_every_joint_below_the_head(joint: str) -> None:
    body, rotations = rest({joint: Rotation.from_euler("y", 90, degrees=True)})
    nose = to_coco17(body, rotations)[0, 0] - body[0, JOINT["head"]]
    assert nose[0] == pytest.approx(0.110, abs=1e-4)  # looks to its left, +X
    assert nose[2] == pytest.approx(0.0, abs=1e-4)


def test_the_face_keeps_its_shape_through_real_choreography() -> None:
    lib = library()
    points = to_coco17(positions(lib.root_m[:2000], lib.rotations[:2000]), lib.rotations[:2000])
    eyes_m = np.linalg.norm(points[:, 1] - points[:, 2], axis=-1)
    assert np.ptp(eyes_m) < 1e-4


def test_points_of_our_own_dances_come_back_as_the_body_that_danced() -> None:
    lib = library()
    body = positions(lib.root_m[:2000:20], lib.rotations[:2000:20])
    back = from_coco17(to_coco17(body, lib.rotations[:2000:20]))
    off_m = np.linalg.norm(back - body, axis=-1)
    held = [JOINT[n] for n in COCO_NAMES[5:]]
    assert off_m[:, held].max() < 1e-5
    assert off_m[:, JOINT["head"]].max() < 0.02
    assert np.median(off_m) < 0.02
    assert off_m.mean(axis=0).max() < 0.12


def test_a_lost_wrist_loses_the_wrist_and_hand_alone() -> None:
    points = to_coco17(*rest())
    points[0, 9] = np.nan
    lost = np.isnan(from_coco17(points)[0]).any(axis=1)
    assert set(np.flatnonzero(lost)) == {JOINT["left_wrist"], JOINT["left_hand"]}


def test_no_points_at_all_give_no_body_and_no_warning() -> None:
    assert np.isnan(from_coco17(np.full((3, 17, 3), np.nan, np.float32))).all()
    assert from_coco17(np.zeros((2, 17, 3), np.float32)).shape == (2, 24, 3)
