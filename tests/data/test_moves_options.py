"""Turning, sliding and hopping: what a phrase may ask of the rig beyond steps."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.data.moves.gates import GATES, measures
from audio2pose.data.moves.reader import read_style
from audio2pose.data.moves.rig import perform
from audio2pose.errors import LibraryError
from audio2pose.motion.body import JOINT
from audio2pose.motion.clip import Clip
from audio2pose.motion.kinematics import positions

POSES = {"guard": (0.10, -0.28, 0.52), "low": (0.3, -0.8, 0.1)}
STYLE = """
[style]
name = "test"
[[phrase]]
name = "step"
beats = 4
bpm = 110
energy = 0.8
{more}
start = {{ L = [0.12, 0, 8], R = [-0.12, 0, -8] }}
feet = [{feet}]
[phrase.body]
{body}
[phrase.arms]
L = "0 guard | 2 low"
R = "same(L)"
"""
SPIN = (
    '"L.75 0 0 pivot yaw50 swing.75", "R1 -.10 .10 yaw60", "R1.8 0 0 pivot yaw140 swing.8", "L2 .12 .0 yaw160", '
    '"L2.9 0 0 pivot yaw280 swing.9", "R3 -.12 .0 yaw310", "R3.95 0 0 pivot yaw352 swing.95", "L3.95 .12 0 yaw368"',
    'face = "0:0 1:50 2:150 3:290"',
)


def danced(feet: str = "", body: str = "", more: str = "") -> Clip:
    (phrase,) = read_style(STYLE.format(feet=feet, body=body, more=more), "test.toml", POSES)
    return perform(phrase)


def joints(clip: Clip) -> np.ndarray:
    return positions(clip.root_m, clip.rotations).astype(float)


def facing_deg(place: np.ndarray) -> np.ndarray:
    across = place[:, JOINT["left_hip"]] - place[:, JOINT["right_hip"]]
    return np.degrees(np.unwrap(np.arctan2(-across[:, 2], across[:, 0])))


@pytest.mark.parametrize("turns", [1, -1])
def test_a_phrase_that_turns_has_made_whole_turns_when_it_ends_and_its_loop_closes(turns: int) -> None:
    feet, body = SPIN
    if turns < 0:
        feet = '"L1 .10 .10 yaw-60", "R2 -.12 .0 yaw-190", "L3 .12 .0 yaw-330", "R3.6 -.12 0 yaw-368 swing.4"'
        body = 'face = "0:0 1:-50 2:-180 3:-330"'
    place = joints(danced(feet, body, f"turns = {turns}"))
    turned = facing_deg(place)
    assert turned[-1] - turned[0] == pytest.approx(3 * 360.0 * turns, abs=0.1)
    assert np.abs(place[-1] - place[0]).max() < 1e-5


def test_the_feet_turn_with_the_body_and_no_knee_is_wrung() -> None:
    clip = danced(*SPIN, "turns = 1")
    place = joints(clip)
    for side in ("left", "right"):
        foot = place[:, JOINT[f"{side}_foot"]] - place[:, JOINT[f"{side}_ankle"]]
        away = np.degrees(np.unwrap(np.arctan2(foot[:, 0], foot[:, 2]))) - facing_deg(place)
        assert abs(away[-1] - away[0]) < 1.0
    assert measures(clip)["wring_deg"] < GATES["wring_deg"][1]
    assert measures(danced('"L1 .12 0 yaw8"', SPIN[1], "turns = 1"))["wring_deg"] > 150.0


def test_a_mirrored_half_may_not_turn() -> None:
    with pytest.raises(LibraryError, match="turns back: write the whole phrase out"):
        danced(more='turns = 1\nhalves = "mirror"')


def test_a_sliding_foot_stays_on_the_floor_and_is_not_called_planted_while_it_slides() -> None:
    clip = danced('"L1 .12 -.3 slide", "L3 .12 0 slide"', 'weight = "0:.1"', "slide = true")
    ball, planted = joints(clip)[:, JOINT["left_foot"]], clip.contacts[:, 1] > 0.5
    assert np.ptp(ball[:, 1]) < 0.002
    assert 0.2 < np.ptp(ball[:, 2]) < 0.5
    moving = np.linalg.norm(np.diff(ball[:, [0, 2]], axis=0), axis=1) > 0.004
    assert moving.any()
    assert not planted[:-1][moving].any()


def test_a_foot_slides_only_where_the_phrase_says_so() -> None:
    with pytest.raises(LibraryError, match="write slide = true"):
        danced('"L1 .12 -.3 slide"')


@pytest.mark.parametrize(("top_m", "beats"), [(0.06, ".5:.06 every 1"), (0.15, "1.5:.15")])
def test_a_body_in_the_air_falls_as_all_bodies_do_and_lands_on_bent_knees(top_m: float, beats: str) -> None:
    clip = danced(body=f'hop = "{beats}"')
    place = joints(clip)
    hips = place[:, 0, 1]
    air = clip.contacts.sum(axis=1) == 0
    inside = air & np.roll(air, 2) & np.roll(air, -2)
    fall = (np.roll(hips, -1) - 2.0 * hips + np.roll(hips, 1)) * clip.fps**2
    assert np.abs(fall[inside] + 9.81).max() < 0.5
    feet = place[:, [JOINT["left_foot"], JOINT["right_foot"]], 1]
    floor = feet.min()
    assert feet.max() - floor > 0.8 * top_m
    assert hips.max() - hips.min() > top_m + 0.05
    assert feet[~air].max() - floor < 0.01
