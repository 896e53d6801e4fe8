"""A dance made larger or smaller: beats, feet and limbs stay what they are."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.match.find import library
from audio2pose.motion.amplitude import Amplitude
from audio2pose.motion.body import JOINT
from audio2pose.motion.kinematics import positions
from tests.measures import motion_beats

LIB = library()
CLIP = LIB.clip_names.index("two_step_open")
FEET = [JOINT[n] for n in ("left_ankle", "right_ankle", "left_foot", "right_foot")]
HANDS = [JOINT["left_wrist"], JOINT["right_wrist"]]


def grown(size: float) -> tuple[np.ndarray, np.ndarray]:
    """Joints (T, 24, 3) of the clip as it is and *size* times as large."""
    poses = LIB.clip_poses(CLIP)
    root, rot = LIB.root_m[poses].copy(), LIB.rotations[poses].copy()
    amplitude = Amplitude()
    for k in range(root.shape[0]):
        amplitude.process(root[k], rot[k], LIB.clip_middle[CLIP], float(LIB.clip_top_m[CLIP]), size)
    assert np.abs(np.linalg.norm(rot, axis=2) - 1.0).max() < 1e-5
    return positions(LIB.root_m[poses], LIB.rotations[poses]).astype(float), positions(root, rot).astype(float)


def test_its_own_size_is_itself_to_the_bit() -> None:
    as_it_is, same = grown(1.0)
    assert as_it_is.tobytes() == same.tobytes()


@pytest.mark.parametrize("size", [0.75, 1.25])
def test_feet_stay_where_they_are(size: float) -> None:
    as_it_is, other = grown(size)
    assert np.abs(other[:, FEET] - as_it_is[:, FEET]).max() < 0.004


@pytest.mark.parametrize("size", [0.75, 1.25])
def test_hands_and_hips_go_further_or_less_far(size: float) -> None:
    as_it_is, other = grown(size)
    spread = [np.ptp(p[:, HANDS], axis=0).mean() for p in (as_it_is, other)]
    assert (spread[1] / spread[0] - 1.0) * (size - 1.0) > 0.0
    assert abs(spread[1] / spread[0] - 1.0) > 0.1
    sink = [np.ptp(p[:, 0, 1]) for p in (as_it_is, other)]
    assert (sink[1] / sink[0] - 1.0) * (size - 1.0) > 0.0


@pytest.mark.parametrize("size", [0.75, 1.25])
def test_motion_beats_stay_where_they_are(size: float) -> None:
    as_it_is, other = (motion_beats(p) for p in grown(size))
    nearest = np.abs(as_it_is[:, None] - other[None]).min(axis=1)
    assert np.median(nearest) <= 0.010
    assert np.mean(nearest < 0.035) >= 0.85


def test_elbows_and_knees_bend_one_way_only() -> None:
    _, p = grown(1.25)
    for side in ("left", "right"):
        hip, knee, ankle, foot = (p[:, JOINT[f"{side}_{n}"]] for n in ("hip", "knee", "ankle", "foot"))
        assert np.sum((knee - 0.5 * (hip + ankle)) * (foot - ankle), axis=1).min() > -0.003
