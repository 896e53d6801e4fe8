"""A whole song's dance, planned: a beam search over the matcher's own costs, from bar line to bar line.

Shapes   a Song holds figures of its B beats; a Plan the segments in their order, each with the beat that it begins on.
Beams    at each bar line the cheapest few ways to have danced up to it are kept, no two that end with the same clip; each is
         led on by the few cheapest segments for what the music does from there on. What a segment costs by itself counts by
         its length, what its join costs counts once; to dance across a change of the music costs too.
Threads  one, the caller's. The same song, library and settings give the same plan to the last bit.
Source   beam search, Lowerre 1976; the costs are the matcher's (cost.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio2pose.arrays import F32, F64, I64
from audio2pose.config import MatchConfig
from audio2pose.match.cost import CHANCE, CONTACT, POSE, REPETITION, STYLE, TERMS, VELOCITY, Wanted
from audio2pose.match.index import IDLE, Library
from audio2pose.match.matcher import ANY_STYLE, NEVER_BEATS, Choice, length, limits_of, tables
from audio2pose.match.search import cheapest, costs_of

BEAMS, BRANCHES = 24, 6
WORK = 400_000
"""Segments looked at for one bar line: with a larger library fewer ways are kept."""
NATURAL_BEATS = 8.0
CHANGE = 0.35
"""A change of the music at least this strong ends a segment early, rather than be danced across."""
ACROSS, CUT_SHORT = 3.0, 0.6
"""What it costs to dance across a change of strength 1; to leave a phrase before its end for none."""
SETTLES = 0.6
"""Of a segment's travel, what is left once the dancer has drifted home a little."""
_ONCE = np.zeros(len(TERMS))
_ONCE[[POSE, VELOCITY, CONTACT, REPETITION, STYLE, CHANCE]] = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Song:
    """What is known of each of a song's beats, number `first` on: music (B, 4) drive, bass, density, brightness, 0..1;
    tempo_bpm (B,); place (B,) in the bar, 0 the downbeat; meter (B,), 0 unknown; change (B,) 0..1, how much the music
    changes on it; danced (B,) whether there is a beat to dance to."""

    first: int
    music: F64
    tempo_bpm: F64
    place: I64
    meter: I64
    change: F64
    danced: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """*choice* is danced from clock beat *at* on, for *beats*."""

    at: float
    beats: float
    choice: Choice


class Plan:
    """What is danced when. `cost` is the whole dance's, by the same terms as one decision's."""

    def __init__(self, steps: Sequence[Step], cost: float) -> None:
        self.steps, self.cost = tuple(steps), cost
        self._at = [step.at for step in self.steps]
        self._by_beat = dict(zip(self._at, self.steps))

    def step(self, at: float) -> Step | None:
        """The step that begins on clock beat *at*, if one does."""
        return self._by_beat.get(at)

    def after(self, at: float, never: float) -> float:
        """Clock beat of the first step after *at*; *never* where there is none."""
        k = int(np.searchsorted(self._at, at, side="right"))
        return self._at[k] if k < len(self._at) else never


@dataclass(slots=True)
class _Way:
    """One way to have danced up to a bar line."""

    cost: float
    segment: int  # row of the library that the body stands at; -1 before the first
    clip: int
    beat: int
    style: int
    xz: F64
    used: F64
    cuts: int
    step: Step | None
    before: _Way | None


class Planner:
    """Plans over a Library that never changes; `plan` may be called again and again. Threads: one."""

    def __init__(self, config: MatchConfig, library: Library, *, min_rate: float, max_rate: float) -> None:
        self._config, self._library = config, library
        self._limits = limits_of(config, min_rate, max_rate)
        self._segments, self._clips = tables(library)
        C = len(library.clip_names)
        self._total: F32 = np.zeros(library.segments, np.float32)
        self._terms, self._kin_used, self._own = np.zeros(len(TERMS)), np.zeros(C), np.zeros((C, 6))
        self._best, self._best_cost = np.zeros(BRANCHES, np.int64), np.zeros(BRANCHES)
        self._beams = int(np.clip(WORK // max(library.segments, 1), 6, BEAMS))
        self._idle = int((library.clip_flags[library.segment_clip] & IDLE != 0).argmax())  # where every dance comes from
        self._row = {(int(c), int(b)): s for s, (c, b) in enumerate(zip(library.segment_clip, library.segment_beat))}

    def plan(self, song: Song) -> Plan:
        """The cheapest dance found for *song*; empty where there is no beat to dance to."""
        steps: list[Step] = []
        cost = 0.0
        for a, b in _stretches(song.danced):
            lines = _bar_lines(song, a, b)
            if len(lines) > 1:
                way = self._search(song, lines)
                cost += way.cost
                tail: list[Step] = []
                while way.before is not None:
                    assert way.step is not None
                    tail.append(way.step)
                    way = way.before
                steps += tail[::-1]
        return Plan(steps, cost)

    def _search(self, song: Song, lines: list[int]) -> _Way:
        """The cheapest way from the first of the bar *lines* (beats of the song) to the last."""
        lib = self._library
        start = _Way(0.0, -1, -1, -1, ANY_STYLE, np.zeros(2), np.full(len(lib.clip_names), NEVER_BEATS), 0, None, None)
        ways: dict[int, list[_Way]] = {lines[0]: [start]}
        sums = np.concatenate([np.zeros((1, 4)), np.cumsum(song.music, axis=0)])
        end = lines[-1]
        for k, line in enumerate(lines[:-1]):
            kept = self._kept(ways.pop(line, []))
            if not kept:
                continue
            to = self._ends(song, lines, k)
            for way in kept:
                for led in self._led_on(song, sums, way, line, to, end):
                    assert led.step is not None
                    ways.setdefault(round(led.step.at - song.first + led.step.beats), []).append(led)
        return min(ways[end], key=lambda way: way.cost)

    def _kept(self, ways: list[_Way]) -> list[_Way]:
        """The cheapest of *ways*, one for each clip that they end with."""
        out: list[_Way] = []
        clips: set[int] = set()
        for way in sorted(ways, key=lambda w: w.cost):
            if way.clip not in clips or way.clip < 0:
                clips.add(way.clip)
                out.append(way)
            if len(out) == self._beams:
                break
        return out

    def _ends(self, song: Song, lines: list[int], k: int) -> list[int]:
        """The bar lines after the k-th at which a segment may end, none beyond the next change of the music."""
        out = []
        for line in lines[k + 1 :]:
            out.append(line)
            if line - lines[k] >= 2 * NATURAL_BEATS or song.change[min(line, len(song.change) - 1)] >= CHANGE:
                break
        return out

    def _led_on(self, song: Song, sums: F64, way: _Way, line: int, to: list[int], end: int) -> list[_Way]:
        lib = self._library
        wanted = self._wanted(song, sums, way, line, to)
        found = cheapest(
            self._segments, self._clips, wanted, self._limits, way.used, True, self._kin_used, self._own, self._terms,
            self._total, self._best, self._best_cost,
        )  # fmt: skip
        out = []
        for s in self._best[:found].tolist():
            clip = int(lib.segment_clip[s])
            level = float(self._own[clip, 0])
            cost = costs_of(self._segments, self._clips, wanted, self._limits, self._own, s, self._terms, self._total)
            beat = int(lib.segment_beat[s])
            natural = length(lib, clip, beat, level, self._config.segment_beats) / level
            for stop in _stops(to, line, natural, end):
                beats = float(stop - line)
                choice = Choice(
                    segment=s, clip=clip, start_beat=beat, clip_beats=max(round(beats * level), 1), level=level,
                    rate=wanted.tempo_bpm * level / float(lib.clip_bpm[clip]), cost=float(cost),
                    terms={name: round(float(self._terms[t]), 4) for t, name in enumerate(TERMS)},
                )  # fmt: skip
                once = float(self._terms @ _ONCE)
                change = float(song.change[min(stop, len(song.change) - 1)])
                early = CUT_SHORT if beats < natural and change < CHANGE and stop != end else 0.0
                across = ACROSS * float(song.change[line + 1 : stop].sum())
                used = way.used.copy()
                used[clip] = line
                row, at = self._standing(clip, beat + beats * level)
                out.append(
                    _Way(
                        way.cost + once + (float(cost) - once) * beats / NATURAL_BEATS + early + across, row, clip, at,
                        int(lib.clip_style[clip]), SETTLES * (way.xz + lib.segment_travel[s]), used, way.cuts + 1,
                        Step(at=float(line + song.first), beats=beats, choice=choice), way,
                    )
                )  # fmt: skip
        return out

    def _wanted(self, song: Song, sums: F64, way: _Way, line: int, to: list[int]) -> Wanted:
        lib = self._library
        ahead = next((stop for stop in to if stop - line >= NATURAL_BEATS), to[-1])
        music = (sums[ahead] - sums[line]) / (ahead - line)
        s = way.segment if way.segment >= 0 else self._idle
        pose, velocity = lib.segment_pose[s].astype(np.float64), lib.segment_velocity[s].astype(np.float64)
        style = self._config.style
        return Wanted(
            pose, velocity, lib.segment_contact[s].astype(np.float64), music, way.xz.astype(np.float64),
            float(song.tempo_bpm[line]), float(line), 0, lib.styles.index(style) if style else ANY_STYLE, way.style,
            way.clip, way.beat, int(song.place[line]), int(song.meter[line]), float(song.change[line]), self._config.seed,
            way.cuts,
        )  # fmt: skip

    def _standing(self, clip: int, beat: float) -> tuple[int, int]:
        """Row of the library nearest to *beat* of *clip*, and the beat itself where one may go on from there, else -1."""
        lib = self._library
        beats = int(lib.clip_beat[clip + 1] - lib.clip_beat[clip]) - 1
        at = round(beat) % beats if lib.clip_flags[clip] & 1 else min(round(beat), beats)
        row = self._row.get((clip, at))
        if row is None:
            rows = np.flatnonzero(lib.segment_clip == clip)
            row = int(rows[np.abs(lib.segment_beat[rows] - at).argmin()])
        return row, at if beat == round(beat) else -1


def _stretches(danced: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Beats [a, b) that are danced one after the other."""
    edges = np.diff(np.concatenate([[0], danced.astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist()))


def _bar_lines(song: Song, a: int, b: int) -> list[int]:
    """Downbeats within [a, b), where none are known every fourth beat; the last is b, so that all of it is danced."""
    lines = [k for k in range(a, b) if song.meter[k] > 0 and song.place[k] == 0]
    if len(lines) < 2:
        lines = list(range(a, b, 4))
    return [k for k in lines if b - k >= 2] + [b]


def _stops(to: list[int], line: int, natural: float, end: int) -> list[int]:
    """Where among the bar lines *to* a segment of *natural* beats may end: with its phrase, or half way."""
    whole = [stop for stop in to if stop - line <= natural + 0.5]
    if not whole:
        return to[:1]
    half = [stop for stop in whole if stop - line <= 0.5 * natural + 0.5]
    return sorted({whole[-1], *half[-1:]}) if whole[-1] != end else [whole[-1]]
