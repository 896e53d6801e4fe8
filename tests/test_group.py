"""Several dancers: each at its place, in unison, mirrored, in canon or on its own."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.config import FORMATIONS, DanceConfig, GroupConfig, MatchConfig
from audio2pose.group import Group, places
from audio2pose.match.index import build
from audio2pose.motion.body import mirrored
from audio2pose.motion.kinematics import positions
from tests.made import clip, log


def _group(dancers: int, formation: str, **config: float) -> Group:
    clips = [clip("a"), clip("b", swing_deg=-60.0), clip("c", swing_deg=20.0, stance_m=0.3), clip("d", swing_deg=75.0)]
    lib = build([*clips, *(c.mirror() for c in clips), clip("idle", idle=True, swing_deg=5.0, bpm=90.0)], name="made")
    group = GroupConfig(dancers=dancers, formation=formation, **config)  # type: ignore[arg-type]
    return Group(group, MatchConfig(), DanceConfig(latency_s=0.0), lib, 0.01)


def _danced(group: Group, heard: np.ndarray) -> np.ndarray:
    return np.array([group.process(h).copy() for h in heard])


def test_one_dancer_stands_in_the_middle() -> None:
    assert places(1, 1.5).tolist() == [[0.0, 0.0]]


@pytest.mark.parametrize("dancers", [2, 3, 5, 8])
def test_places_are_even_about_the_middle_and_the_first_is_next_to_it_and_in_front(dancers: int) -> None:
    at = places(dancers, 1.5)
    assert at[:, 0].mean() == pytest.approx(0.0)
    assert np.diff(np.sort(at[:, 0])) == pytest.approx([1.5] * (dancers - 1))
    assert abs(at[0, 0]) == pytest.approx(np.abs(at[:, 0]).min())
    assert at[0, 1] == at[:, 1].max()


def test_in_unison_all_do_the_same_each_at_its_place() -> None:
    poses = _danced(_group(3, "unison"), log(8.0))
    for k in (1, 2):
        assert (poses["rotations"][:, k] == poses["rotations"][:, 0]).all()
        apart = poses["root_m"][:, k] - poses["root_m"][:, 0]
        assert np.ptp(apart, axis=0).max() < 1e-6


def test_a_mirror_image_is_the_mirror_image() -> None:
    poses = _danced(_group(2, "mirror", spacing_m=2.0), log(8.0))
    root, rotations = mirrored(poses["root_m"][:, 0] - (-1.0, 0.0, 0.0), poses["rotations"][:, 0])
    assert poses["rotations"][:, 1] == pytest.approx(rotations, abs=1e-6)
    assert poses["root_m"][:, 1] - np.array([1.0, 0.0, 0.0]) == pytest.approx(root, abs=1e-5)
    assert (poses["contacts"][:, 1] == poses["contacts"][:, 0][:, [2, 3, 0, 1]]).all()


def test_in_a_canon_each_does_beats_later_what_the_one_before_did() -> None:
    group = _group(3, "canon", canon_beats=2.0)
    poses = _danced(group, log(16.0))
    hops = 100  # two beats at 120 BPM
    for k in (1, 2):
        later = poses["rotations"][600:, k]
        assert later == pytest.approx(poses["rotations"][600 - k * hops : -k * hops, 0], abs=2e-3)
    assert np.abs(poses["rotations"][600:, 1] - poses["rotations"][600:, 0]).max() > 0.1


def test_a_canon_follows_a_change_of_tempo_without_a_leap() -> None:
    fast, slow = log(10.0, bpm=140.0), log(10.0, bpm=100.0)
    slow["beat"] += fast["beat"][-1]
    slow["hop"] += 1000
    poses = _danced(_group(2, "canon"), np.concatenate([fast, slow]))
    joints = positions(poses["root_m"][:, 1], poses["rotations"][:, 1])
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=2).max(axis=1) / 0.01
    assert speed.max() < 8.0


def test_own_dancers_choose_for_themselves_and_say_who_they_are() -> None:
    group = _group(3, "own")
    told = []
    for h in log(40.0):
        group.process(h)
        told += [(e.get("dancer", 1), e["clip"]) for e in group.events]
    dances = [[name for who, name in told if who == k] for k in (1, 2, 3)]
    assert all(len(dance) > 5 for dance in dances)
    assert dances[0] != dances[1]
    assert dances[1] != dances[2]


@pytest.mark.parametrize("formation", FORMATIONS)
def test_the_first_dances_as_if_alone_but_for_its_room_and_a_reset_gives_the_same_bits(formation: str) -> None:
    group, heard = _group(4, formation), log(12.0)
    first = _danced(group, heard)
    group.reset()
    assert _danced(group, heard).tobytes() == first.tobytes()
    assert np.isfinite(first["rotations"]).all()
    assert first["time_s"][:, 3] == pytest.approx(first["time_s"][:, 0])


@pytest.mark.parametrize("formation", FORMATIONS)
def test_warming_up_leaves_no_trace(formation: str) -> None:
    warm, cold = _group(3, formation), _group(3, formation)
    warm.warm_up()
    assert _danced(warm, log(3.0)).tobytes() == _danced(cold, log(3.0)).tobytes()
