"""A dance made larger, smaller or smoother after it was danced: beats, feet, limbs and bones stay."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio2pose.errors import UsageError
from audio2pose.match.find import library
from audio2pose.motion.body import JOINT, REST_FOOT_M
from audio2pose.motion.kinematics import positions
from audio2pose.offline.shape import Motion, amplify, smooth
from tests.measures import motion_beats

Run = Callable[..., tuple[int, str, str]]
WRISTS = [JOINT["left_wrist"], JOINT["right_wrist"]]
SHAPES: tuple[tuple[str, Callable[[Motion], Motion]], ...] = (
    ("larger", lambda m: amplify(m, 1.4)), ("smaller", lambda m: amplify(m, 0.6)), ("smoother", lambda m: smooth(m, 5)),
)  # fmt: skip
each_shape = pytest.mark.parametrize("shape", [s for _, s in SHAPES], ids=[n for n, _ in SHAPES])


def motion(name: str = "two_step_open") -> Motion:
    lib = library()
    clip = lib.clip_names.index(name)
    poses = lib.clip_poses(clip)
    return Motion(root_m=lib.root_m[poses], rotations=lib.rotations[poses], contacts=lib.contacts[poses], fps=60.0)


def joints(m: Motion) -> np.ndarray:
    return positions(m.root_m, m.rotations).astype(float)


def test_a_size_of_one_and_a_window_of_one_change_nothing() -> None:
    as_it_is = motion()
    for same in (amplify(as_it_is, 1.0), smooth(as_it_is, 1)):
        assert same.root_m.tobytes() == as_it_is.root_m.tobytes()
        assert same.rotations.tobytes() == as_it_is.rotations.tobytes()


@each_shape
def test_motion_beats_stay_within_5_ms(shape: Callable[[Motion], Motion]) -> None:
    before = motion()
    a, b = motion_beats(joints(before)), motion_beats(joints(shape(before)))
    off = np.abs(a[:, None] - b[None]).min(axis=1)
    same = off < 0.070  # a shallow stop may come or go
    assert np.mean(same) >= 0.75
    assert np.median(off[same]) < 0.005
    assert np.percentile(off[same], 90) < 0.030


@each_shape
def test_feet_that_stood_stand_and_none_goes_through_the_floor(shape: Callable[[Motion], Motion]) -> None:
    before = motion()
    P, Q = joints(before), joints(shape(before))
    for ball, column in ((JOINT["left_foot"], 1), (JOINT["right_foot"], 3)):
        stood = before.contacts[:, column] > 0.5
        assert np.percentile(np.linalg.norm(Q[stood, ball] - P[stood, ball], axis=1), 99) < 0.01
        assert Q[:, ball, 1].min() > REST_FOOT_M - 0.01


@each_shape
def test_knees_bend_one_way_and_bones_keep_their_length(shape: Callable[[Motion], Motion]) -> None:
    Q = joints(shape(motion("stomp_and_throw")))
    for side in ("left", "right"):
        hip, knee, ankle, foot = (Q[:, JOINT[f"{side}_{n}"]] for n in ("hip", "knee", "ankle", "foot"))
        assert np.sum((knee - 0.5 * (hip + ankle)) * (foot - ankle), axis=1).min() > -0.004


def test_hands_go_further_and_less_far_and_are_highest_when_they_were() -> None:
    before = motion()
    P, large, small = joints(before), joints(amplify(before, 1.4)), joints(amplify(before, 0.6))
    spread = [float((q - q.mean(axis=0)).std()) for q in (small[:, WRISTS], P[:, WRISTS], large[:, WRISTS])]
    assert spread[0] < 0.9 * spread[1] < 0.95 * spread[2]
    for wrist in WRISTS:
        assert abs(int(P[:, wrist, 1].argmax()) - int(large[:, wrist, 1].argmax())) <= 3


def test_a_smoothed_dance_has_less_jerk() -> None:
    before = motion("running_man")
    jerk = [np.percentile(np.linalg.norm(np.diff(joints(m), n=3, axis=0), axis=2), 95) for m in (before, smooth(before, 7))]
    assert jerk[1] < 0.8 * jerk[0]


@pytest.mark.parametrize("wrong", [0.2, 2.5, float("nan")])
def test_a_size_that_no_body_has_is_refused(wrong: float) -> None:
    with pytest.raises(UsageError, match="--motion-amplification"):
        amplify(motion(), wrong)


def test_the_flags_reach_files_and_points_keep_their_bones(demo: Path, tmp_path: Path, command: Run) -> None:
    plain, large, points = tmp_path / "a.npz", tmp_path / "b.npz", tmp_path / "c.npy"
    for out, more in ((plain, ()), (large, ("--motion-amplification", "1.3")), (points, ())):
        code, _, err = command("render", demo, "--end", "4", "-o", out, *more)
        assert code == 0, err
    with np.load(plain) as a, np.load(large) as b:
        assert a["positions_m"].shape == b["positions_m"].shape
        assert 0.01 < np.abs(a["positions_m"] - b["positions_m"]).max() < 0.6
    code, _, err = command(
        "draw", points, "-o", tmp_path / "c.mp4", "--strip", tmp_path / "c.png", "--size", "96x96", "--fps", "5",
        "--motion-amplification", "0.7", "--smoothing-window", "3",
    )  # fmt: skip
    assert code == 0, err
    assert (tmp_path / "c.mp4").stat().st_size > 1000
    assert (tmp_path / "c.png").stat().st_size > 1000
