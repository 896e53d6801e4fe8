"""The search finds what trying everything finds, and says of each term what it is."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from audio2pose.config import MatchConfig
from audio2pose.match.cost import BAR, BEAT, START, TERMS
from audio2pose.match.index import Library, build
from audio2pose.match.matcher import Matcher, Query, limits_of, tables
from audio2pose.match.search import costs_of
from tests.made import clip

WAYS = 40


@pytest.fixture(scope="module")
def library() -> Library:
    """Ten clips, entered on every beat."""
    clips = [
        dataclasses.replace(
            clip(f"c{k}", bpm=90.0 + 8 * k, swing_deg=10.0 + 7 * k, energy=k / 10, stance_m=0.03 * k, style=f"s{k % 3}"),
            entries=tuple(range(8)), phrase_beats=8 if k % 2 else 4,
        )
        for k in range(10)
    ]  # fmt: skip
    return build([*clips, clips[3].mirror(), clip("idle", idle=True)], name="made")


def asked(lib: Library, rng: np.random.Generator, beats: float) -> Query:
    s = int(rng.integers(lib.segments))
    return Query(
        pose_m=lib.segment_pose[s] + rng.normal(0, 0.1, (9, 3)),
        velocity_m_s=lib.segment_velocity[s] + rng.normal(0, 0.5, (9, 3)),
        music=rng.uniform(0, 1, 4), stage_xz=rng.normal(0, 0.3, 2), tempo_bpm=float(rng.uniform(70, 180)), beats=beats,
        idle=False, contact=rng.uniform(0, 1, 2).round(), place=int(rng.integers(4)), meter=4, news=float(rng.uniform()),
        going_on=(int(rng.integers(10)), int(rng.integers(8))),
    )  # fmt: skip


def all_costs(matcher: Matcher, lib: Library, query: Query) -> np.ndarray:
    """Every segment's cost with no pruning, after the matcher looked at *query*."""
    wanted: Any = matcher._wanted(query)
    segments, clips = tables(lib)
    limits = limits_of(MatchConfig(), 0.75, 1.33)
    terms, total = np.zeros(len(TERMS)), np.zeros(lib.segments, np.float32)
    return np.array([costs_of(segments, clips, wanted, limits, matcher._own, s, terms, total) for s in range(lib.segments)])


def test_what_is_ruled_out_early_would_never_have_won(library: Library) -> None:
    rng = np.random.default_rng(1)
    matcher = Matcher(MatchConfig(), library, min_rate=0.75, max_rate=1.33)
    for k in range(WAYS):
        query = asked(library, rng, 8.0 * k)
        choice = matcher.decide(query)
        costs = all_costs(matcher, library, query)
        assert choice.cost == pytest.approx(costs.min(), abs=1e-5)
        assert choice.cost == pytest.approx(costs[choice.segment], abs=1e-6)
        matcher.danced(choice, query.beats)


def test_the_k_best_are_the_cheapest_of_each_clip_in_order(library: Library) -> None:
    rng = np.random.default_rng(2)
    matcher = Matcher(MatchConfig(), library, min_rate=0.75, max_rate=1.33)
    for k in range(WAYS):
        query = asked(library, rng, 8.0 * k)
        best = matcher.best(query, 4)
        costs = all_costs(matcher, library, query)
        of_clip = sorted(costs[library.segment_clip == c].min() for c in range(len(library.clip_names)))
        assert [c.cost for c in best] == pytest.approx(of_clip[:4], abs=1e-5)
        assert len({c.clip for c in best}) == 4


def test_a_foot_that_stands_elsewhere_costs_contact_and_a_leap_more(library: Library) -> None:
    matcher = Matcher(MatchConfig(temperature=0.0), library, min_rate=0.75, max_rate=1.33)
    at = library.segment_pose[0].astype(float)
    query = Query(
        pose_m=at, velocity_m_s=library.segment_velocity[0].astype(float), music=np.full(4, 0.5), stage_xz=np.zeros(2),
        tempo_bpm=100.0, beats=0.0, idle=False,
    )  # fmt: skip
    wide = at.copy()
    wide[3, 0] += 0.3
    same, apart, flying = (
        matcher.best(q, 12)
        for q in (query, dataclasses.replace(query, pose_m=wide), dataclasses.replace(query, contact=np.zeros(2)))
    )
    cost = [next(c.terms["contact"] for c in found if c.clip == 0) for found in (same, apart, flying)]
    assert cost[0] == pytest.approx(0.0, abs=1e-4)
    assert cost[2] > cost[0] + 0.5
    assert cost[1] > cost[0] + 0.5


def test_a_phrase_begins_on_its_start_and_with_the_music_s_bar(library: Library) -> None:
    segments, _ = tables(library)
    first = library.segment_clip == 1
    assert segments.begins[first].tolist() == [START, BEAT, BEAT, BEAT, BAR, BEAT, BEAT, BEAT]
    assert segments.place[first].tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
    rng = np.random.default_rng(3)
    matcher = Matcher(MatchConfig(phrase_weight=50.0, temperature=0.0), library, min_rate=0.75, max_rate=1.33)
    for place in range(4):
        query = dataclasses.replace(asked(library, rng, 0.0), place=place, going_on=(-1, -1), tempo_bpm=110.0)
        choice = matcher.decide(query)
        assert (choice.start_beat / choice.level - place) % 2 == 0
        assert choice.terms["phrase"] <= 50.0


def test_a_waltz_is_for_three_and_not_for_four() -> None:
    waltz = dataclasses.replace(clip("waltz", beats=6, energy=0.5), meter=3, entries=(0, 3), phrase_beats=6)
    lib = build([waltz, clip("four", energy=0.5, swing_deg=41.0)], name="made")
    for meter, name in ((3, "waltz"), (4, "four")):
        matcher = Matcher(MatchConfig(temperature=0.0), lib, min_rate=0.75, max_rate=1.33)
        query = dataclasses.replace(asked(lib, np.random.default_rng(4), 0.0), place=0, meter=meter, tempo_bpm=120.0,
                                    going_on=(-1, -1))  # fmt: skip
        assert lib.clip_names[matcher.decide(query).clip] == name


def test_a_tempo_that_a_phrase_was_not_meant_for_is_danced_at_half_time_or_left_to_others() -> None:
    quick = dataclasses.replace(clip("quick", bpm=120.0), tempo_bpm=(110.0, 130.0))
    lib = build([quick, clip("any", bpm=120.0, swing_deg=41.0)], name="made")
    matcher = Matcher(MatchConfig(temperature=0.0), lib, min_rate=0.75, max_rate=1.33)
    base = dataclasses.replace(asked(lib, np.random.default_rng(5), 0.0), going_on=(-1, -1))
    best = {lib.clip_names[c.clip]: c for c in matcher.best(dataclasses.replace(base, tempo_bpm=150.0), 2)}
    assert best["quick"].terms["tempo"] > best["any"].terms["tempo"] + 1.0
    best = {lib.clip_names[c.clip]: c for c in matcher.best(dataclasses.replace(base, tempo_bpm=240.0), 2)}
    assert best["quick"].level == 0.5
    assert best["quick"].rate == pytest.approx(1.0)
