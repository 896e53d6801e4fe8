"""The body, its kinematics, poses between poses, warps and joins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from audio2pose.motion.blend import PACE, Inertia, decay
from audio2pose.motion.body import JOINT, JOINT_NAMES, MIRROR, OFFSETS_M, PARENTS, REST_FOOT_M, mirrored
from audio2pose.motion.kinematics import Skeleton, positions
from audio2pose.motion.pose import MAX_EXTRAPOLATION, POSE, pose_at, rest_pose
from audio2pose.motion.stand import SOLE_M, carry_to_stage, lift_to_floor
from audio2pose.motion.warp import pose_index, sample


def _random_pose(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    q = rng.normal(size=(24, 4))
    return rng.normal(size=3).astype(np.float32), (q / np.linalg.norm(q, axis=1, keepdims=True)).astype(np.float32)


def test_the_rest_pose_stands_on_the_floor_at_1_70_m() -> None:
    rest = rest_pose()
    P = Skeleton().process(rest["root_m"], rest["rotations"])
    assert P[JOINT["left_foot"], 1] == pytest.approx(REST_FOOT_M)
    assert P[JOINT["head"], 1] + 0.14 == pytest.approx(1.70, abs=0.01)
    assert P[JOINT["left_hand"], 0] > 0.5  # its left is +X
    assert P[JOINT["left_foot"], 2] > 0.1  # it faces +Z


def test_parents_come_before_their_children() -> None:
    assert all(PARENTS[j] < j for j in range(24))


def test_joints_are_where_scipy_puts_them() -> None:
    root, q = _random_pose(0)
    P = Skeleton().process(root, q)
    turns: list[Rotation] = []
    for j, p in enumerate(PARENTS):
        own = Rotation.from_quat(np.roll(q[j], -1))
        if p < 0:
            turns.append(own)
            assert P[j] == pytest.approx(root)
        else:
            assert P[j] == pytest.approx(P[p] + turns[p].apply(OFFSETS_M[j]), abs=1e-5)
            turns.append(turns[p] * own)


def test_bones_keep_their_length_whatever_the_pose() -> None:
    for seed in range(20):
        root, q = _random_pose(seed)
        P = positions(root[None], q[None])[0]
        length = np.linalg.norm(P[1:] - P[PARENTS[1:]], axis=1)
        assert np.abs(length - np.linalg.norm(OFFSETS_M[1:], axis=1)).max() < 1e-5


def test_the_mirror_of_a_pose_is_its_mirror_image() -> None:
    root, q = _random_pose(1)
    P = positions(root[None], q[None])[0]
    M = positions(*mirrored(root[None], q[None]))[0]
    assert np.abs(M - P[MIRROR] * [-1, 1, 1]).max() < 1e-5


def test_mirror_pairs_left_with_right() -> None:
    for j, name in enumerate(JOINT_NAMES):
        twin = name.replace("left", "R").replace("right", "left").replace("R", "right")
        assert JOINT_NAMES[MIRROR[j]] == twin


def _run(n: int) -> np.ndarray:
    run = np.zeros(n, POSE)
    for k in range(n):
        run[k] = rest_pose()
        run["time_s"][k], run["beat"][k] = 0.01 * k, 0.02 * k
        run["root_m"][k] = [0.1 * k, 1, 0]
        run["rotations"][k, 0] = np.roll(Rotation.from_euler("y", 10 * k, degrees=True).as_quat(), 1)
    return run


@pytest.mark.parametrize("n", [2, 8])
def test_the_pose_between_two_is_between_them(n: int) -> None:
    out = pose_at(_run(n), 0.005, np.zeros(1, POSE)[0])
    assert out["root_m"][0] == pytest.approx(0.05)
    assert np.degrees(Rotation.from_quat(np.roll(out["rotations"][0], -1)).as_euler("yxz")[0]) == pytest.approx(5.0, abs=1e-3)
    assert out["beat"] == pytest.approx(0.01)


def test_before_a_run_its_first_pose_is_held_and_past_it_the_movement_goes_on_for_a_while() -> None:
    run = _run(4)
    out = np.zeros(1, POSE)[0]
    assert pose_at(run, -1.0, out)["root_m"][0] == 0.0
    assert pose_at(run, 0.04, out)["root_m"][0] == pytest.approx(0.4, abs=1e-5)
    assert pose_at(run, 9.0, out)["root_m"][0] == pytest.approx(0.3 + 0.1 * MAX_EXTRAPOLATION, abs=1e-4)


BEATS, HALVES = np.array([3.0, 30.0, 55.0, 90.0, 118.0]), np.array([15.0, 44.0, 70.0, 104.0, 118.0])


def test_a_warp_meets_every_beat_and_half_beat_and_never_runs_backwards() -> None:
    at = np.array([pose_index(BEATS, HALVES, b) for b in np.linspace(-1, 5, 601)])
    assert [pose_index(BEATS, HALVES, float(k)) for k in range(5)] == pytest.approx(BEATS)
    assert [pose_index(BEATS, HALVES, k + 0.5) for k in range(4)] == pytest.approx(HALVES[:4])
    assert (np.diff(at) >= 0).all()
    assert at[0] == 3.0
    assert at[-1] == 118.0


def test_a_warp_between_even_beats_is_a_straight_line() -> None:
    beats = np.arange(5) * 30.0
    assert [pose_index(beats, beats + 15.0, b) for b in np.linspace(0, 4, 41)] == pytest.approx(np.linspace(0, 120, 41))


def test_a_warp_has_no_jump_of_speed_at_a_beat_or_half_beat() -> None:
    for k in (0.5, 1.0, 1.5, 2.0):
        before = pose_index(BEATS, HALVES, k) - pose_index(BEATS, HALVES, k - 1e-4)
        after = pose_index(BEATS, HALVES, k + 1e-4) - pose_index(BEATS, HALVES, k)
        assert before == pytest.approx(after, rel=1e-2)


def test_a_sample_between_poses_is_between_them() -> None:
    run = _run(4)
    root, rot, contact = np.zeros(3, np.float32), np.zeros((24, 4), np.float32), np.zeros(4, np.float32)
    sample(
        run["root_m"].copy(), run["rotations"].copy(), np.float32([[0] * 4, [1] * 4, [1] * 4, [1] * 4]), 0.5, root, rot, contact
    )
    assert root[0] == pytest.approx(0.04375)  # the cubic that starts at its end leans on a held first pose
    assert contact.tolist() == [0.5] * 4


def _joined(half_life_s: float) -> np.ndarray:
    """Roots and rotations over a join from a moving pose to a still one."""
    inertia = Inertia(half_life_s)
    dt = 0.01
    old = [_turned(k * 3.0, k * 0.01) for k in (0, -1, -2)]
    new = _turned(80.0, 0.3)
    inertia.cut((old[0], old[1], old[2]), (new, new, new), dt)
    shown = [old[0]]
    for _ in range(100):
        root, rot = new[0].copy(), new[1].copy()
        inertia.process(root, rot, dt)
        shown.append((root, rot))
    return np.array([[r[0], np.degrees(Rotation.from_quat(np.roll(q[0], -1)).as_euler("yxz")[0])] for r, q in shown])


def _turned(degrees: float, x: float) -> tuple[np.ndarray, np.ndarray]:
    rest = rest_pose()
    rot = rest["rotations"].copy()
    rot[0] = np.roll(Rotation.from_euler("y", degrees, degrees=True).as_quat(), 1)
    return np.float32([x, 1, 0]), rot


def test_a_join_keeps_pose_and_speed_at_its_first_instant() -> None:
    path = _joined(0.1)
    assert path[1] == pytest.approx([0.01, 3.0], abs=1.2)  # one hop on, at the old speed
    assert np.abs(np.diff(path[:, 1])).max() < 12.0


def test_a_join_speeds_up_from_the_old_acceleration_and_no_jump() -> None:
    x = _joined(0.1)[:, 0]
    assert np.abs(np.diff(x, 3)).max() / 0.01**3 < 1.25 * 0.3 * (PACE / 0.1) ** 3, "the jerk of a spring with three poles"


def test_offsets_die_as_the_spring_that_is_written_down() -> None:
    x, v, a = np.array([0.2]), np.array([-1.5]), np.array([30.0])
    fine = x.copy(), v.copy(), a.copy()
    decay(x, v, a, 0.1, 0.08)
    for _ in range(80):
        decay(*fine, 0.1, 0.001)
    assert np.concatenate(fine) == pytest.approx(np.concatenate([x, v, a]), rel=1e-9)
    still = np.array([1.0]), np.zeros(1), np.zeros(1)
    decay(*still, 0.1, 0.15)
    assert still[0][0] == pytest.approx(0.5, abs=0.02)


def test_a_join_is_over_after_ten_half_lives() -> None:
    assert _joined(0.1)[-1] == pytest.approx([0.3, 80.0], abs=0.5)


def test_without_half_life_there_is_no_blend() -> None:
    assert _joined(0.0)[1] == pytest.approx([0.3, 80.0], abs=1e-3)


def test_a_clip_is_carried_to_its_place_and_turn() -> None:
    root, rot = _random_pose(5)
    P = positions(root[None], rot[None])[0]
    offset = np.array([0.5, -0.2, np.pi / 3])
    carry_to_stage(offset, root, rot)
    moved = positions(root[None], rot[None])[0]
    expected = Rotation.from_euler("y", 60, degrees=True).apply(P) + [0.5, 0, -0.2]
    assert np.abs(moved - expected).max() < 1e-5


def test_feet_below_the_floor_lift_the_body() -> None:
    rest = rest_pose()
    root = rest["root_m"].copy()
    root[1] -= 0.3
    P = positions(root[None], rest["rotations"][None])[0]
    lift_to_floor(P, root)
    assert P[JOINT["left_foot"], 1] == pytest.approx(REST_FOOT_M - SOLE_M, abs=1e-5)
    assert root[1] == pytest.approx(P[0, 1])
