"""The built-in choreography, danced: loops close, feet stand, nothing breaks, and every gate holds."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from audio2pose.data import moves
from audio2pose.data.moves.gates import ALWAYS, GATES, failures, measures
from audio2pose.data.moves.rig import perform
from audio2pose.data.moves.score import Phrase
from audio2pose.motion.body import JOINT, MIRROR, OFFSETS_M, PARENTS, REST_FOOT_M
from audio2pose.motion.clip import Clip
from audio2pose.motion.kinematics import positions

PHRASES = moves.phrases()
CLIPS = {phrase.name: perform(phrase) for phrase in PHRASES}
each_phrase = pytest.mark.parametrize("phrase", PHRASES, ids=lambda p: p.name)


def joints(clip: Clip) -> np.ndarray:
    return positions(clip.root_m, clip.rotations).astype(float)


PLACES = {name: joints(clip) for name, clip in CLIPS.items()}


@each_phrase
def test_every_gate_holds_or_is_excused_with_a_reason(phrase: Phrase) -> None:
    assert failures(CLIPS[phrase.name], phrase.exempt) == []


@each_phrase
def test_the_loop_ends_as_it_began_in_place_and_in_speed(phrase: Phrase) -> None:
    place = PLACES[phrase.name]
    assert np.abs(place[-1] - place[0]).max() < 1e-6
    steps = np.diff(place, axis=0)
    at_join = np.linalg.norm(steps[0] - steps[-1], axis=1).max()
    elsewhere = np.linalg.norm(np.diff(steps, axis=0), axis=2).max()
    assert at_join <= elsewhere


@each_phrase
def test_a_planted_foot_stays_within_a_centimetre_and_at_its_height(phrase: Phrase) -> None:
    clip = CLIPS[phrase.name]
    place = PLACES[phrase.name]
    for column, name in ((1, "left_foot"), (3, "right_foot")):
        planted = clip.contacts[:, column] > 0.5
        foot = place[:, JOINT[name]]
        edges = np.flatnonzero(np.diff(planted.astype(int)))
        for stretch in np.split(np.arange(len(foot)), edges + 1):
            if planted[stretch[0]]:
                assert np.linalg.norm(foot[stretch] - foot[stretch[0]], axis=1).max() < 0.01
        assert np.abs(foot[planted, 1] - REST_FOOT_M).max() < 0.01


@each_phrase
def test_no_foot_goes_under_the_floor(phrase: Phrase) -> None:
    place = PLACES[phrase.name]
    assert place[:, [JOINT["left_foot"], JOINT["right_foot"]], 1].min() > REST_FOOT_M - 0.01


@each_phrase
def test_the_body_comes_home_and_never_wanders_off(phrase: Phrase) -> None:
    root = CLIPS[phrase.name].root_m
    assert np.abs(root[0, [0, 2]]).max() < 1e-6
    assert np.abs(root[:, [0, 2]]).max() < 0.8


@each_phrase
def test_beats_lie_exactly_and_each_is_an_entry(phrase: Phrase) -> None:
    clip = CLIPS[phrase.name]
    assert clip.beats == phrase.beats * phrase.passes
    assert clip.beat_poses[0] == 0.0
    assert clip.beat_poses[-1] == clip.root_m.shape[0] - 1
    assert clip.bpm == pytest.approx(phrase.bpm, rel=1e-3)
    assert clip.entries == tuple(range(clip.beats))
    assert (clip.accents[:, 0] < clip.beats).all()


@each_phrase
def test_bones_are_rigid_and_turns_are_unit_and_without_sudden_sign(phrase: Phrase) -> None:
    clip = CLIPS[phrase.name]
    place = PLACES[phrase.name]
    for j in range(1, 24):
        length = np.linalg.norm(place[:, j] - place[:, PARENTS[j]], axis=1)
        assert np.abs(length - np.linalg.norm(OFFSETS_M[j])).max() < 1e-5
    assert np.abs(np.linalg.norm(clip.rotations, axis=2) - 1.0).max() < 1e-6
    assert (np.sum(clip.rotations[1:] * clip.rotations[:-1], axis=2) > 0.9).all()


@each_phrase
def test_elbows_and_knees_bend_one_way_only(phrase: Phrase) -> None:
    place = PLACES[phrase.name]
    for side in ("left", "right"):
        hip, knee, ankle, foot = (place[:, JOINT[f"{side}_{n}"]] for n in ("hip", "knee", "ankle", "foot"))
        front = foot - ankle
        bend = knee - 0.5 * (hip + ankle)
        assert np.sum(bend * front, axis=1).min() > -0.002


def test_a_mirror_is_a_mirror() -> None:
    clip = CLIPS["two_step_open"]
    there, image = joints(clip), joints(clip.mirror())
    assert np.abs(there[:, MIRROR] * [-1.0, 1.0, 1.0] - image).max() < 1e-5


def test_the_same_phrase_gives_the_same_bytes() -> None:
    again = perform(PHRASES[0])
    first = CLIPS[PHRASES[0].name]
    for name in ("root_m", "rotations", "contacts", "beat_poses", "accents"):
        assert getattr(again, name).tobytes() == getattr(first, name).tobytes()


def test_without_variation_every_pass_is_the_same_and_the_gate_sees_it() -> None:
    phrase = PHRASES[0]
    machine = perform(dataclasses.replace(phrase, feel=dataclasses.replace(phrase.feel, variation=0.0)))
    assert measures(machine)["repeat_cm"] < 0.5
    assert any("repeat_cm" in line for line in failures(machine, {}))


def test_a_body_that_slides_fails_the_gates() -> None:
    clip = CLIPS["two_step_open"]
    ring = np.arange(clip.root_m.shape[0]) / (clip.root_m.shape[0] - 1)
    slid = clip.root_m + np.stack([np.sin(40.0 * np.pi * ring), 0.0 * ring, 0.0 * ring], 1).astype(np.float32) * 0.3
    told = " ".join(failures(dataclasses.replace(clip, root_m=slid.astype(np.float32)), {}))
    assert "planted_cm" in told
    assert "skate" in told


def test_a_hit_marked_where_the_body_does_not_stop_fails_its_gate() -> None:
    clip = CLIPS["hip_point"]
    late = clip.accents + np.array([0.25, 0.0], np.float32)
    assert "hits_seen" in " ".join(failures(dataclasses.replace(clip, accents=late), {}))
    sparse = dataclasses.replace(clip, accents=clip.accents[clip.accents[:, 0] >= 4.0])
    assert "hits_a_bar" in " ".join(failures(sparse, {}))


def test_an_exemption_that_is_not_needed_or_not_known_is_a_failure() -> None:
    told = failures(CLIPS["two_step_open"], {"jerk_m_s3": "no reason at all", "beauty": "no such gate"})
    assert len(told) == 2


def test_no_phrase_is_excused_from_standing_on_the_floor() -> None:
    assert set(ALWAYS) <= set(GATES)
    assert not any(gate in phrase.exempt for phrase in PHRASES for gate in ALWAYS)


def test_wild_phrases_move_far_faster_than_calm_ones() -> None:
    def speed_m_s(lowest: float, highest: float) -> float:
        mine = [p for p in PHRASES if not p.idle and lowest <= p.energy <= highest]
        each = [np.linalg.norm(np.diff(PLACES[p.name], axis=0), axis=2).mean(axis=1) * CLIPS[p.name].fps for p in mine]
        return float(np.median([np.median(v) for v in each]))

    assert speed_m_s(0.75, 1.0) > 1.7 * speed_m_s(0.0, 0.4)


def test_there_is_enough_to_dance() -> None:
    danced = [p for p in PHRASES if not p.idle]
    assert len(danced) >= 50
    assert len({p.style for p in danced}) >= 8
    assert len([p for p in PHRASES if p.idle]) >= 2
    assert sum(p.energy <= 0.4 for p in danced) >= 4
    assert sum(p.energy >= 0.75 for p in danced) >= 4
    assert min(p.bpm for p in danced) <= 90
    assert max(p.bpm for p in danced) >= 120
    assert {4, 8, 16} <= {p.beats for p in danced}
    assert all(4 <= p.beats <= 16 for p in PHRASES)
    assert all(p.note for p in PHRASES)


def test_a_second_file_s_phrase_may_not_take_a_name_that_is_taken() -> None:
    assert len({p.name for p in PHRASES}) == len(PHRASES)
