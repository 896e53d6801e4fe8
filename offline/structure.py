"""Where a song changes: its sections' borders on bar lines, and a song as the planner wants it.

Shapes   log: (H,) HEARD of a known song; sounds: (H, 25) timbre and chroma of each hop; a Song of its B beats.
Threads  one, the caller's.
Source   McFee and Ellis 2014 (agglomerative segmentation of beat-synchronous features, by librosa); strengths are our own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import librosa
import numpy as np

from audio2pose.arrays import F32, F64
from audio2pose.asking import DENSEST
from audio2pose.match.plan import CHANGE, Song
from audio2pose.music.heard import FLYWHEEL, LOCKED

SECTION_BEATS = 24
"""A section lasts about so long; borders that are none get no strength."""
SIDE_BEATS = 8
"""A border's strength: how far the beats of two bars before and after it lie apart."""
DRIVE_SPAN = 0.35
"""A step of the drive that is a change by itself."""
FULL_CHANGE = 2.2


HOLD_BEATS, HELD, RISE, DROP = 8, 0.4, 0.10, 0.55
"""Before the drive rises by RISE, to DROP or more, so many beats are danced at less than half of what comes: a build-up."""


def known(log: Any, sounds: F32) -> tuple[Any, Song]:
    """A song as the dancer and the planner are told of it: its log with the body held back before each drop, its beats."""
    song = song_of(log, sounds)
    ceiling, change = _held_back(song)
    numbers = song.first + np.arange(ceiling.size)
    held = log.copy()
    if ceiling.size:
        held["drive"] = np.minimum(log["drive"], np.interp(log["beat"], numbers, ceiling))
    music = song.music.copy()
    music[:, 0] = np.minimum(music[:, 0], ceiling)
    return held, replace(song, music=music, change=change)


def song_of(log: Any, sounds: F32) -> Song:
    """The song's beats, from the first whole one on."""
    beat = log["beat"]
    first, last = int(np.ceil(beat[0])), int(np.floor(beat[-1]))
    numbers = np.arange(first, max(last, first))
    at = np.minimum(np.searchsorted(beat, numbers), len(log) - 1)
    edges = np.append(at, min(int(np.searchsorted(beat, last)), len(log)))
    music = np.zeros((numbers.size, 4))
    music[:, 0] = _means(log["drive"], edges)
    for column, (name, before) in enumerate((("bass", 0.5), ("density", 1.5), ("brightness", 0.5)), 1):
        # These tell of the beats to come: what is meant for a beat stands a little before it.
        early = np.minimum(np.searchsorted(beat, numbers - before), len(log) - 1)
        music[:, column] = log[name][early] / (DENSEST if name == "density" else 1.0)
    meter = log["meter"][at].astype(np.int64)
    place = np.where(meter > 0, (numbers - log["bar_origin"][at]) % np.maximum(meter, 1), 0)
    return Song(
        first=first, music=np.nan_to_num(np.clip(music, 0.0, 1.0)), tempo_bpm=np.maximum(log["tempo_bpm"][at], 1.0),
        place=place, meter=meter, change=_changes(music[:, 0], _synchronous(sounds, edges), place),
        danced=np.isin(log["state"][at], (LOCKED, FLYWHEEL)),
    )  # fmt: skip


def _held_back(song: Song) -> tuple[F64, F64]:
    """(B,) the most drive that each beat is danced with, and the changes with the beginnings of build-ups among them."""
    drive, change = song.music[:, 0], song.change.copy()
    ceiling = np.ones(drive.size)
    for line in np.flatnonzero(song.change >= CHANGE).tolist():
        begin = line - HOLD_BEATS
        if begin < HOLD_BEATS // 2 or line + HOLD_BEATS // 2 > drive.size:
            continue
        before, after = drive[begin:line].mean(), drive[line : line + HOLD_BEATS].mean()
        if after >= DROP and after - before >= RISE:
            ceiling[begin:line] = HELD * after
            change[begin] = max(change[begin], CHANGE)
    return ceiling, change


def _means(x: Any, edges: Any) -> F64:
    sums = np.concatenate([[0.0], np.cumsum(x, dtype=np.float64)])
    return np.asarray((sums[edges[1:]] - sums[edges[:-1]]) / np.maximum(np.diff(edges), 1))


def _synchronous(sounds: F32, edges: Any) -> F64:
    """(B, F) mean of each beat, every column of spread 1."""
    out = np.stack([_means(np.nan_to_num(column), edges) for column in sounds.T], 1)
    return (out - out.mean(axis=0)) / np.maximum(out.std(axis=0), 1e-6)


def _changes(drive: F64, features: F64, place: Any) -> F64:
    """(B,) 0..1: how much the music changes on each beat; more than nothing on bar lines alone."""
    B = features.shape[0]
    change = np.zeros(B)
    if B < 2 * SIDE_BEATS:
        return change
    lines = np.flatnonzero(place == 0) if (place > 0).any() else np.arange(0, B, 4)
    borders = librosa.segment.agglomerative(features.T, max(round(B / SECTION_BEATS), 2))
    for border in borders:
        line = int(lines[np.abs(lines - border).argmin()])
        if SIDE_BEATS // 2 <= line <= B - SIDE_BEATS // 2:
            before, after = features[max(line - SIDE_BEATS, 0) : line].mean(0), features[line : line + SIDE_BEATS].mean(0)
            apart = np.linalg.norm(after - before) / np.sqrt(features.shape[1])
            change[line] = max(change[line], min(apart / FULL_CHANGE * 2.0, 1.0))
    for line in lines.tolist():
        if 4 <= line <= B - 4:
            step = abs(drive[line : line + 4].mean() - drive[line - 4 : line].mean())
            change[line] = max(change[line], min(step / DRIVE_SPAN, 1.0) if step > 0.5 * DRIVE_SPAN else 0.0)
    return change
