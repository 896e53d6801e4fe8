"""A known song's dance: covers it, turns where the music turns, and costs no more than deciding as one goes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from audio2pose.config import MatchConfig
from audio2pose.match.index import Library, build
from audio2pose.match.plan import Plan, Planner, Song
from tests.made import clip


@pytest.fixture(scope="module")
def library() -> Library:
    clips = [
        dataclasses.replace(
            clip(f"c{k}", bpm=110.0 + 2 * k, swing_deg=5.0 + 6 * k, energy=k / 11, stance_m=0.02 * (k % 4)),
            entries=tuple(range(8)),
        )
        for k in range(12)
    ]  # fmt: skip
    return build([*clips, clip("idle", idle=True)], name="made")


def song(beats: int = 64, drive: float | np.ndarray = 0.5, **changed: object) -> Song:
    music = np.full((beats, 4), 0.5)
    music[:, 0] = drive
    whole: dict[str, object] = {
        "first": 0, "music": music, "tempo_bpm": np.full(beats, 120.0), "place": np.arange(beats) % 4,
        "meter": np.full(beats, 4), "change": np.zeros(beats), "danced": np.ones(beats, bool),
    }  # fmt: skip
    return Song(**{**whole, **changed})  # type: ignore[arg-type]


def planned(library: Library, of: Song, **config: object) -> Plan:
    return Planner(MatchConfig(**config), library, min_rate=0.75, max_rate=1.33).plan(of)  # type: ignore[arg-type]


def test_a_song_without_beats_has_no_plan(library: Library) -> None:
    assert planned(library, song(0)).steps == ()
    assert planned(library, song(danced=np.zeros(64, bool))).steps == ()


def test_every_beat_is_danced_by_one_step_from_bar_line_to_bar_line(library: Library) -> None:
    plan = planned(library, song(66))
    at = 0.0
    for step in plan.steps:
        assert step.at == at
        assert at % 4 == 0
        at += step.beats
    assert at == 66.0
    assert plan.step(0.0) is plan.steps[0]
    assert plan.after(0.0, -1.0) == plan.steps[1].at
    assert plan.after(65.0, -1.0) == -1.0


def test_a_silence_within_is_left_out(library: Library) -> None:
    danced = np.ones(64, bool)
    danced[30:38] = False
    steps = planned(library, song(danced=danced)).steps
    assert not any(30 <= s.at < 38 for s in steps)
    assert all(s.at >= 38 or s.at + s.beats <= 30 for s in steps)


def test_a_segment_ends_where_the_music_changes_and_energy_follows(library: Library) -> None:
    drive, change = np.full(64, 0.15), np.zeros(64)
    drive[28:] = 0.9
    change[28] = 1.0
    plan = planned(library, song(drive=drive, change=change))
    assert plan.step(28.0) is not None
    told = [(s.at, float(library.segment_descriptor[s.choice.segment, 0])) for s in plan.steps]
    assert max(energy for at, energy in told if at < 28) < min(energy for at, energy in told if at >= 28)


def test_no_phrase_comes_back_within_32_beats_where_there_are_others(library: Library) -> None:
    plan = planned(library, song(128))
    last: dict[int, float] = {}
    for step in plan.steps:
        assert step.at - last.get(step.choice.clip, -99.0) >= 32.0
        last[step.choice.clip] = step.at


def test_looking_at_all_of_it_costs_no_more_than_deciding_one_by_one(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    drive = 0.5 + 0.4 * np.sin(np.arange(96) / 7.0)
    wide = planned(library, song(96, drive=drive))
    monkeypatch.setattr("audio2pose.match.plan.BEAMS", 6)
    monkeypatch.setattr("audio2pose.match.plan.WORK", 1)
    planner = Planner(MatchConfig(), library, min_rate=0.75, max_rate=1.33)
    planner._beams = 1
    assert wide.cost < planner.plan(song(96, drive=drive)).cost


def test_the_same_song_gives_the_same_plan_and_another_style_is_refused_nothing(library: Library) -> None:
    once, again = planned(library, song()), planned(library, song())
    assert once.steps == again.steps


def test_a_bar_of_three_is_planned_in_threes(library: Library) -> None:
    plan = planned(library, song(60, place=np.arange(60) % 3, meter=np.full(60, 3)))
    assert all(step.at % 3 == 0 for step in plan.steps)
