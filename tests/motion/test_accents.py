"""Where a body stops, and clips whose beats lie there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from audio2pose.match.find import library
from audio2pose.motion.accents import REACH_BEATS, STEP_BEATS, _gentle, landed, shifts, stops
from audio2pose.motion.clip import Clip
from audio2pose.motion.kinematics import positions
from audio2pose.motion.warp import pose_index
from tests.made import clip


def _late(of: Clip, poses: int) -> Clip:
    """The same loop, everything *poses* later."""
    n = of.root_m.shape[0] - 1
    at = (np.arange(n + 1) - poses) % n
    laps = (np.arange(n + 1) - poses) // n
    root = of.root_m[at] + (laps[:, None] * (of.root_m[-1] - of.root_m[0])).astype(np.float32)
    return replace(of, root_m=root, rotations=of.rotations[at], contacts=of.contacts[at])


def _stops_beats(of: Clip) -> np.ndarray:
    """Beats at which it stops, as the warp dances it."""
    beats = np.arange(0.0, of.beats, 1 / 60)
    halves = np.append(of.halves, of.beat_poses[-1])
    index = np.array([pose_index(of.beat_poses, halves, b) for b in beats])
    joints = positions(of.root_m, of.rotations)
    danced = np.stack([np.interp(index, np.arange(len(joints)), joints[:, j, a]) for j in range(24) for a in range(3)], -1)
    return stops(danced.reshape(-1, 24, 3).astype(np.float32), 60.0 * of.bpm / 60.0) / 60.0


def test_arms_that_swing_stop_at_their_ends() -> None:
    of = clip("a")  # once there and back in two beats of 30 poses
    found = stops(positions(of.root_m, of.rotations), of.fps)
    assert found == pytest.approx(np.arange(30, 240, 30), abs=0.6)


def test_an_even_walk_has_no_stops() -> None:
    of = clip("walk", travel_m=4.0, swing_deg=0.0)
    assert stops(positions(of.root_m, of.rotations), of.fps).size == 0
    assert landed(of).beat_poses == pytest.approx(of.beat_poses)


@pytest.mark.parametrize("poses", [-4, -2, 0, 3])
def test_a_loop_that_stops_beside_its_beats_is_told_and_moved_onto_them(poses: int) -> None:
    of = _late(clip("a"), poses)
    assert shifts(of) == pytest.approx(np.full(17, poses / 30), abs=0.02)
    on = landed(of)
    assert _stops_beats(on) == pytest.approx(np.round(_stops_beats(on)), abs=0.03)
    assert (on.beat_poses[0], on.beat_poses[-1]) == (0.0, of.root_m.shape[0] - 1)


@pytest.mark.parametrize("poses", [15, 17, 12])
def test_what_stops_between_its_beats_lands_on_half_beats(poses: int) -> None:
    on = landed(_late(clip("a"), poses))
    assert _stops_beats(on) % 1.0 == pytest.approx(np.full(8, 0.5), abs=0.03)


def test_what_stops_near_neither_is_left_as_it_was_written() -> None:
    of = _late(clip("a"), 6)
    assert landed(of).beat_poses == pytest.approx(of.beat_poses)


def test_stops_that_ask_for_too_much_are_met_by_their_depth_and_an_authored_accent_before_all() -> None:
    found, even = np.tile([0.1, -0.1], 9)[:17], np.ones(17)
    for trust, whole in ((even, 0.0), (np.tile([9.0, 1.0], 9)[:17], 0.1)):
        out = _gentle(found, trust, looped=True)
        assert np.abs(np.diff(out)).max() <= STEP_BEATS * 1.02
        assert out[::2].mean() - whole == pytest.approx(-0.0 if whole else STEP_BEATS / 2, abs=0.02)


def test_a_bar_without_an_accent_of_its_author_declares_its_deepest_stop_and_one_with_keeps_it() -> None:
    of = replace(clip("a"), accents=np.array([[1.5, 0.7]], np.float32))
    assert landed(of).accents[0] == pytest.approx([1.5, 0.7])
    beats = landed(of).accents[1:, 0]
    assert len(beats) == 1
    assert 4.0 <= beats[0] < 8.0
    assert beats[0] == round(beats[0])
    assert landed(clip("walk", travel_m=4.0, swing_deg=0.0)).accents.shape == (1, 2)


def test_a_travelling_loop_still_ends_as_far_on_as_it_did() -> None:
    of = _late(clip("a", travel_m=0.6), 4)
    on = landed(of)
    assert on.root_m[-1] - on.root_m[0] == pytest.approx(of.root_m[-1] - of.root_m[0], abs=1e-5)
    assert np.abs(np.diff(on.root_m, axis=0)).max() < 0.02
    assert on.root_m[0, [0, 2]] == pytest.approx(of.root_m[0, [0, 2]], abs=1e-6)


def test_a_clip_that_is_no_loop_keeps_its_poses_and_its_ends_lie_within() -> None:
    of = replace(clip("a"), looped=False)
    of = replace(of, beat_poses=of.beat_poses * 0.96 + 2.0)
    on = landed(of)
    assert on.rotations is of.rotations
    assert _stops_beats(on)[1:-1] == pytest.approx(np.round(_stops_beats(on)[1:-1]), abs=0.05)
    assert on.beat_poses[0] >= 0.0
    assert on.beat_poses[-1] <= of.root_m.shape[0] - 1


def test_an_idle_has_no_beats_to_land_on() -> None:
    of = clip("idle", idle=True)
    assert landed(of) is of


FLOWING = ("sway", "waltz")
"""They come to rest where a breath or a bar ends, on no beat."""


def test_the_built_in_phrases_stop_on_their_beats_and_half_beats_and_their_pace_stays_theirs() -> None:
    lib = library()
    off_ms: list[float] = []
    near: list[bool] = []
    for c in range(len(lib.clip_names)):
        poses, beats = lib.clip_poses(c), lib.clip_beats(c)
        knots = np.stack([beats, lib.clip_halves(c)], 1).ravel()[:-1]
        steps = np.diff(knots) / np.diff(knots).mean()
        assert steps.min() > 0.8, lib.clip_names[c]
        assert steps.max() < 1.2, lib.clip_names[c]
        if lib.clip_flags[c] & 2 or lib.styles[int(lib.clip_style[c])] in FLOWING:
            continue
        found = stops(positions(lib.root_m[poses], lib.rotations[poses]), float(lib.clip_fps[c]))
        at = 2.0 * np.interp(found, knots, np.arange(knots.shape[0]) / 2.0)
        off = (at - np.round(at)) / 2.0
        near += list(np.abs(off) < REACH_BEATS)
        off_ms += list(off[np.abs(off) < REACH_BEATS] * 60e3 / float(lib.clip_bpm[c]))
    assert len(off_ms) > 600
    assert np.mean(near) > 0.95
    assert np.median(np.abs(off_ms)) < 3.0
    assert np.percentile(np.abs(off_ms), 80) < 12.0
    assert np.percentile(np.abs(off_ms), 95) < 35.0
