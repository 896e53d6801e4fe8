"""The notation of the choreography: what an author may write, and how a slip is told."""

from __future__ import annotations

import pytest

from audio2pose.data.moves.notation import read_arms, read_step, read_track
from audio2pose.data.moves.reader import read_poses, read_style
from audio2pose.data.moves.score import Key
from audio2pose.errors import LibraryError

POSES = {"rest": (0.18, -0.93, 0.08), "side": (0.97, 0.02, 0.10), "guard": (0.10, -0.28, 0.52, 10.0)}
STYLE = """
[style]
name = "test"
[[phrase]]
name = "step"
beats = 4
bpm = 100
energy = 0.5
start = { L = [0.1, 0, 8], R = [-0.1, 0, -8] }
feet = ["L0 .3 0", "R1 .1 0 tap"]
[phrase.body]
face = "0:10 1:-10"
[phrase.arms]
L = "0 rest | 1! side"
R = "same(L)"
"""


def told(text: str) -> str:
    with pytest.raises(LibraryError) as caught:
        read_style(text, "test.toml", POSES)
    return str(caught.value)


def test_a_track_is_beats_and_values_with_eases() -> None:
    assert read_track("0:5 1.5!:-8 2>:.5", 4, "x") == (Key(0.0, (5.0,)), Key(1.5, (-8.0,), "!"), Key(2.0, (0.5,), ">"))


def test_every_repeats_what_stands_before_it() -> None:
    assert [k.beat for k in read_track("0:1 .5:2 every 2", 8, "x")] == [0, 0.5, 2, 2.5, 4, 4.5, 6, 6.5]


def test_a_plain_number_is_a_track_that_stays() -> None:
    assert read_track(3, 8, "x") == (Key(0.0, (3.0,)),)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("0:5 x", "'x'"),
        ("1:1 0:2", "beat 0 after beat 1"),
        ("9:1", "outside 0 to 8"),
        ("0:1 every 3", "does not divide"),
        ("", "is empty"),
    ],
)
def test_a_track_that_cannot_be_read_tells_where_and_why(text: str, part: str) -> None:
    with pytest.raises(LibraryError, match=r"here\.face") as caught:
        read_track(text, 8, "here.face")
    assert part in str(caught.value)


def test_a_step_reads_its_foot_place_and_options() -> None:
    step = read_step("R1.5 -.32 .02 tap h.10 yaw-24 via(.1, .5, .4)", {"L": 8.0, "R": -8.0}, "x")
    assert (step.side, step.beat, step.x_m, step.z_m, step.lift_m, step.yaw_deg) == ("R", 1.5, -0.32, 0.02, 0.10, -24.0)
    assert step.load < 0.5
    assert step.via == (0.1, 0.5, 0.4, 0.0)


def test_a_step_that_does_not_say_its_yaw_keeps_the_start_s() -> None:
    assert read_step("L0 .3 0", {"L": 8.0, "R": -8.0}, "x").yaw_deg == 8.0


def test_an_unknown_step_option_names_the_nearest() -> None:
    with pytest.raises(LibraryError, match="did you mean 'swing'"):
        read_step("L0 .3 0 swng.4", {"L": 8.0, "R": -8.0}, "x")


def test_an_arm_key_is_a_named_pose_with_changes_and_a_hold_is_a_second_key() -> None:
    keys = read_arms({"L": "0 guard(.1,0,-.02) | 2! side hold .5", "R": "same(L)"}, POSES, 4, "x")["L"]
    assert [k.beat for k in keys] == [0.0, 2.0, 2.5]
    assert keys[0].value[:3] == pytest.approx((0.20, -0.28, 0.50))
    assert keys[1].ease == "!"


def test_a_hand_beyond_the_arm_is_drawn_in_to_its_reach() -> None:
    (key,) = read_arms({"L": "0 (2,0,0)", "R": "same(L)"}, POSES, 4, "x")["L"]
    assert key.value[0] == pytest.approx(0.995)


def test_shift_does_what_the_other_arm_does_later() -> None:
    arms = read_arms({"L": "0 rest | 3 side", "R": "shift(L, 2)"}, POSES, 4, "x")
    assert [k.beat for k in arms["R"]] == [1.0, 2.0]
    assert arms["R"][0].value == arms["L"][1].value


def test_an_unknown_pose_names_file_phrase_arm_and_the_nearest_pose() -> None:
    message = told(STYLE.replace("0 rest | 1! side", "0 rset"))
    assert message == "test.toml, phrase step arms.L has no arm pose 'rset': did you mean 'rest'?"


def test_an_unknown_channel_names_the_nearest() -> None:
    assert "did you mean 'chest_lean'?" in told(STYLE.replace("face =", "chest_leen ="))


def test_an_unknown_setting_names_the_nearest() -> None:
    assert "did you mean 'amp_m'?" in told(STYLE.replace('name = "test"', 'name = "test"\nbounce = { amp = 0.1 }'))


@pytest.mark.parametrize("key", ["beats", "bpm", "energy", "start"])
def test_a_missing_key_is_named(key: str) -> None:
    lines = [line for line in STYLE.splitlines() if not line.startswith(f"{key} =")]
    assert f"has no '{key}'" in told("\n".join(lines))


def test_a_foot_that_lifts_before_the_other_lands_is_refused() -> None:
    message = told(STYLE.replace("R1 .1 0 tap", "R.3 .1 0 tap"))
    assert "R0.3 lifts at -0.40 before L0 has landed" in message


def test_a_missing_arm_is_told() -> None:
    assert "has no arm R" in told(STYLE.replace('R = "same(L)"', ""))


def test_text_that_is_no_toml_is_told() -> None:
    with pytest.raises(LibraryError, match="no valid TOML"):
        read_poses("[poses", "poses.toml")


def test_a_mirrored_half_swaps_feet_arms_and_signs() -> None:
    (phrase,) = read_style(STYLE.replace("energy =", 'halves = "mirror"\nenergy ='), "test.toml", POSES)
    assert [(s.side, s.beat, s.x_m) for s in phrase.steps] == [("L", 0, 0.3), ("R", 1, 0.1), ("R", 2, -0.3), ("L", 3, -0.1)]
    assert [k.value[0] for k in phrase.body["face"]] == [10, -10, -10, 10]
    assert [k.beat for k in phrase.arms["R"]] == [0, 1, 2, 3]


def test_what_a_phrase_leaves_out_comes_from_its_style_and_the_defaults() -> None:
    (phrase,) = read_style(STYLE, "test.toml", POSES)
    assert (phrase.style, phrase.meter, phrase.mirror, phrase.idle) == ("test", 4, True, False)
