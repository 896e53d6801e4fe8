"""Which segment is chosen, and why."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.config import MatchConfig
from audio2pose.errors import ConfigError
from audio2pose.match.cost import TERMS, chance, octave
from audio2pose.match.index import Library, build
from audio2pose.match.matcher import Choice, Matcher, Query
from tests.made import clip


def _library() -> Library:
    calm, wild = clip("calm", swing_deg=10.0, energy=0.1), clip("wild", swing_deg=70.0, energy=0.9, style="jump")
    slow, idle = clip("slow", bpm=80.0, energy=0.5), clip("idle", idle=True, swing_deg=2.0, energy=0.0)
    return build([calm, wild, slow, idle, calm.mirror()], name="made")


def _query(lib: Library, **changed: object) -> Query:
    values: dict[str, object] = {
        "pose_m": lib.segment_pose[0].astype(float),
        "velocity_m_s": lib.segment_velocity[0].astype(float),
        "music": np.array([0.5, 0.5, 0.5, 0.5]),
        "stage_xz": np.zeros(2),
        "tempo_bpm": 120.0,
        "beats": 100.0,
        "idle": False,
    }
    return Query(**{**values, **changed})  # type: ignore[arg-type]


def _choose(query_of: dict[str, object], **config: object) -> Choice:
    lib = _library()
    matcher = Matcher(MatchConfig(**{"temperature": 0.0, **config}), lib, min_rate=0.75, max_rate=1.33)  # type: ignore[arg-type]
    return matcher.process(_query(lib, **query_of))


def _name(choice: Choice) -> str:
    return _library().clip_names[choice.clip]


def test_loud_music_is_danced_wildly_and_soft_music_calmly() -> None:
    assert _name(_choose({"music": np.array([1.0, 0.5, 0.5, 0.5])}, pose_weight=0.0, velocity_weight=0.0)) == "wild"
    assert _name(_choose({"music": np.array([0.0, 0.5, 0.5, 0.5])}, pose_weight=0.0, velocity_weight=0.0)).startswith("calm")


def test_a_tempo_out_of_range_is_danced_in_half_or_double_time() -> None:
    choice = _choose({"tempo_bpm": 200.0})
    assert choice.level == 0.5
    assert 0.75 <= choice.rate <= 1.33
    assert choice.beats == 2 * choice.clip_beats


@pytest.mark.parametrize("bpm", range(55, 216, 5))
def test_the_rate_stays_in_range_at_every_tempo_of_the_tracker(bpm: int) -> None:
    assert 0.745 <= _choose({"tempo_bpm": float(bpm)}).rate <= 1.34


def test_silence_is_answered_by_an_idle_and_music_never() -> None:
    assert _name(_choose({"idle": True})) == "idle"
    assert _name(_choose({"music": np.zeros(4)})) != "idle"


def test_what_was_just_danced_is_not_danced_again_nor_its_mirror_image_first() -> None:
    lib = _library()
    matcher = Matcher(MatchConfig(temperature=0.0, repetition_weight=50.0), lib, min_rate=0.75, max_rate=1.33)
    names = [lib.clip_names[matcher.process(_query(lib, beats=100.0 + 8 * k)).clip].rstrip("~") for k in range(3)]
    assert len(set(names)) == 3


def test_a_style_asked_for_is_danced() -> None:
    assert _name(_choose({"music": np.zeros(4)}, style="jump", style_weight=5.0)) == "wild"


def test_an_unknown_style_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'jump'"):
        _choose({}, style="jumpp")


def test_the_terms_add_up_to_the_cost_and_are_all_named() -> None:
    choice = _choose({})
    assert tuple(choice.terms) == TERMS
    assert sum(choice.terms.values()) == pytest.approx(choice.cost, abs=2e-3)


@pytest.mark.parametrize("term", [t for t in TERMS if t not in ("threshold", "chance")])
def test_a_weight_of_zero_switches_its_term_off(term: str) -> None:
    far = {
        "place": 2,
        "meter": 4,
        "stage_xz": np.ones(2),
        "pose_m": np.ones((9, 3)),
        "velocity_m_s": np.ones((9, 3)),
        "tempo_bpm": 110.0,
    }
    assert _choose(far, **{f"{term}_weight": 0.0}).terms[term] == 0.0
    if term not in ("repetition", "style"):
        assert _choose(far).terms[term] > 0.0


def test_going_on_costs_no_join() -> None:
    lib = _library()
    choice = _choose({"going_on": (1, 4), "pose_m": np.full((9, 3), 3.0)}, repetition_weight=0.0)
    assert (choice.clip, choice.start_beat) == (1, 4)
    assert choice.terms["pose"] == 0.0
    assert lib.clip_names[1] == "wild"


def test_segments_last_what_was_asked_for_in_beats_of_the_music() -> None:
    assert _choose({}, segment_beats=4).beats == 4
    assert _choose({"tempo_bpm": 200.0}, segment_beats=4).beats == 4


def test_a_threshold_in_bpm_rules_out_what_would_be_bent_further() -> None:
    choice = _choose({"tempo_bpm": 124.0, "pose_m": np.ones((9, 3))}, bpm_threshold=10.0)
    assert _name(choice) != "slow"
    assert choice.terms["threshold"] == 0.0


def test_the_same_seed_chooses_the_same_and_another_seed_may_not() -> None:
    def dance(seed: int) -> list[int]:
        lib = _library()
        matcher = Matcher(MatchConfig(temperature=1.0, seed=seed), lib, min_rate=0.75, max_rate=1.33)
        return [matcher.process(_query(lib, beats=8.0 * k)).segment for k in range(20)]

    assert dance(1) == dance(1)
    assert dance(1) != dance(2)


def test_chance_is_even() -> None:
    u = np.array([chance(np.uint64(3), np.uint64(c), np.uint64(s)) for c in range(100) for s in range(100)])
    assert np.abs(np.histogram(u, 10, (0, 1))[0] - 1000).max() < 150


def test_octaves() -> None:
    assert [octave(r, 0.75, 1.33) for r in (0.5, 0.8, 1.0, 1.3, 2.0, 0.4)] == [2.0, 1.0, 1.0, 1.0, 0.5, 2.0]
