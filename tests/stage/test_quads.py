"""What is sent to the GPU: landmarks, order, quads."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.motion.body import JOINT
from audio2pose.stage import camera
from audio2pose.stage.anatomy import CROWN, HEEL, LIMB_ENDS, N_LIMBS, N_MARKS, TIP, TOE, VISOR, landmarks, looks, visor
from audio2pose.stage.light import LIGHT_ROW, N_SHADOWS, SHADOW_VERTICES, shadows
from audio2pose.stage.quads import N_PARTS, ROW, back_to_front, body
from audio2pose.stage.trails import GAP_S, N_TRAIL_QUADS, Trails

from .poses import lunge, posed, rest

LENS = camera.lens(np.zeros(3, np.float32), 0.0, 0.0, 640, 360)
TONES = np.array([[0.5, 0.5, 0.5], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], np.float32)


def marks_of(pose: np.ndarray) -> np.ndarray:
    marks = np.zeros((N_MARKS, 3), np.float32)
    landmarks(pose, marks)
    visor(pose, face_of(pose), marks)
    return marks


def face_of(pose: np.ndarray) -> np.ndarray:
    out = np.zeros(3, np.float32)
    looks(pose, out)
    return out / np.linalg.norm(out)


def drawn(pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    quads, depths = np.zeros((N_PARTS, 4, ROW), np.float32), np.zeros(N_PARTS, np.float32)
    body(marks_of(pose), LENS, TONES, 1.0, 1.0, 0.0, quads, depths, np.zeros(3, np.float32))
    return quads, depths


def _area(quad: np.ndarray) -> float:
    x, y = quad[:, 0], quad[:, 1]
    return 0.5 * abs(float(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))


def test_landmarks_complete_the_body_of_the_rest_pose() -> None:
    marks = marks_of(rest())
    assert marks[CROWN, 1] + 0.092 == pytest.approx(1.72, abs=0.03)
    assert marks[HEEL, 2] < marks[JOINT["left_ankle"], 2] < marks[JOINT["left_foot"], 2] < marks[TOE, 2]
    assert 0.0 < marks[HEEL, 1] < 0.05
    assert marks[TIP, 0] > marks[JOINT["left_hand"], 0]
    assert np.allclose(marks[HEEL] * (-1, 1, 1), marks[HEEL + 1], atol=1e-5)


def test_every_quad_holds_both_ends_of_its_limb() -> None:
    quads, _ = drawn(lunge())
    marks = marks_of(lunge())
    at = np.zeros(3, np.float32)
    for p, ends in enumerate(LIMB_ENDS):
        for end in ends:
            camera.project(marks[end], LENS, at)
            signs = []
            for k in range(4):
                a, b = quads[p, k, :2], quads[p, (k + 1) % 4, :2]
                signs.append(np.sign((b[0] - a[0]) * (at[1] - a[1]) - (b[1] - a[1]) * (at[0] - a[0])))
            assert len(set(signs)) == 1


def test_a_nan_joint_hides_its_own_limbs_and_no_others() -> None:
    pose = rest()
    pose[JOINT["left_wrist"]] = np.nan
    quads, depths = drawn(pose)
    hidden = {p for p in range(N_PARTS) if _area(quads[p]) == 0.0}
    touching = {p for p, (a, b) in enumerate(LIMB_ENDS) if JOINT["left_wrist"] in (a, b) or TIP in (a, b)}
    assert hidden == touching
    assert len(hidden) == 2
    assert np.isfinite(depths).all()


def test_the_farthest_is_drawn_first_and_equals_keep_their_order() -> None:
    order = np.zeros(6, np.int32)
    back_to_front(np.array([2.0, 5.0, 2.0, 9.0, -1.0, 5.0], np.float32), order)
    assert order.tolist() == [3, 1, 5, 0, 2, 4]


@pytest.mark.parametrize("degrees", [0, 20, -20])
def test_the_visor_lies_before_a_head_that_faces_us_and_behind_one_that_does_not(degrees: float) -> None:
    for turn, nearer in ((degrees, True), (180 + degrees, False)):
        pose = posed({"pelvis": ((0, 1, 0), turn)}, 0.0, 0.93)
        assert face_of(pose)[2] > 0.85 if nearer else face_of(pose)[2] < -0.85
        _, depths = drawn(pose)
        head = next(p for p, ends in enumerate(LIMB_ENDS) if ends[1] == CROWN)
        pieces = [p for p in range(N_LIMBS) if LIMB_ENDS[p, 0] >= VISOR]
        assert len(pieces) == 3
        assert all((depths[p] < depths[head]) == nearer for p in pieces)


def test_an_arm_before_the_chest_is_drawn_after_it() -> None:
    _, depths = drawn(lunge())
    forearm = next(p for p, ends in enumerate(LIMB_ENDS) if ends[0] == JOINT["right_elbow"])
    trunk = len(LIMB_ENDS)
    assert depths[forearm] < depths[trunk]


def test_a_shadow_grows_faint_with_height() -> None:
    low, high = np.zeros((2, N_SHADOWS, SHADOW_VERTICES, LIGHT_ROW), np.float32)
    for pose, quads in ((rest(), low), (rest() + np.array([0, 0.5, 0], np.float32), high)):
        shadows(marks_of(pose), LENS, TONES[0], 1.0, quads, np.zeros(3, np.float32))
    assert (high[:, 0, 7] <= low[:, 0, 7]).all()
    assert high[0, 0, 7] < 0.7 * low[0, 0, 7]
    assert _area(high[0, 1:]) > _area(low[0, 1:])


class TestTrails:
    def _quads(self, trails: Trails) -> np.ndarray:
        quads = np.zeros((N_TRAIL_QUADS, 6, LIGHT_ROW), np.float32)
        trails.write(LENS, TONES, 1.0, 1.0, quads)
        return quads

    def _bright(self, trails: Trails) -> float:
        return float(sum(q[:, 7].max() for q in self._quads(trails) if _area(q[[0, 2, 5, 3]]) > 0.5))

    def _swing(self, trails: Trails, speed_m_s: float, frames: int = 12) -> None:
        for k in range(frames):
            pose = rest()
            pose[JOINT["left_hand"], 1] += speed_m_s * k / 60
            trails.push(pose, k / 60)

    def test_a_fast_hand_leaves_light_and_a_slow_one_none(self) -> None:
        fast, slow = Trails(), Trails()
        self._swing(fast, 5.0)
        self._swing(slow, 0.5)
        assert self._bright(fast) > 0.5
        assert self._bright(slow) == 0.0

    def test_it_starts_anew_after_a_gap_and_when_time_runs_back(self) -> None:
        for later_s in (0.3 + GAP_S, -1.0):
            trails = Trails()
            self._swing(trails, 5.0)
            trails.push(rest(), later_s)
            assert self._bright(trails) == 0.0

    def test_a_nan_hand_draws_nothing_and_comes_back(self) -> None:
        trails = Trails()
        self._swing(trails, 5.0)
        pose = rest()
        pose[JOINT["left_hand"]] = np.nan
        trails.push(pose, 12 / 60)
        for q in self._quads(trails):
            assert np.isfinite(q[:, :2]).all()
        for k in range(13, 40):
            pose = rest()
            pose[JOINT["left_hand"], 1] += 5.0 * (k - 13) / 60
            trails.push(pose, k / 60)
        assert self._bright(trails) > 0.5
