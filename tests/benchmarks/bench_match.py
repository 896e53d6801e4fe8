"""What a decision and a song's plan cost, with the built-in library and with 33,000 segments made from it."""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from audio2pose.config import MatchConfig
from audio2pose.match.find import library
from audio2pose.match.index import Library
from audio2pose.match.matcher import Matcher, Query
from audio2pose.match.plan import Planner, Song

SEGMENTS, DECISIONS = 33_000, 1000
SONG_BEATS, TEMPO_BPM = 480, 120.0
RATES = {"min_rate": 0.75, "max_rate": 1.33}


def grown(of: Library, segments: int, rng: np.random.Generator) -> Library:
    """As many *segments* as asked for: the library's clips again and again, each time at another tempo, a little otherwise."""
    times = -(-segments // of.segments)
    C = len(of.clip_names)
    many: dict[str, object] = {"clip_names": tuple(f"{n}.{k}" for k in range(times) for n in of.clip_names)}
    for f in dataclasses.fields(of):
        value = getattr(of, f.name)
        if f.name.startswith("segment_"):
            value = np.concatenate([value] * times)
            if f.name == "segment_clip":
                value = (value + np.repeat(np.arange(times) * C, of.segments)).astype(value.dtype)
            elif value.dtype.kind == "f" and f.name != "segment_contact":
                value = (value + rng.normal(0.0, 0.05, value.shape)).astype(value.dtype)
        elif f.name in ("clip_pose", "clip_beat", "clip_accent"):
            value = np.concatenate([value[:-1]] * times + [value[-1:]])  # all times share one motion
        elif f.name.startswith("clip_") and f.name != "clip_names":
            value = np.concatenate([value] * times)
            if f.name == "clip_bpm":
                value = (value * rng.uniform(0.75, 1.4, value.shape)).astype(value.dtype)
            elif f.name == "clip_kin":
                value = (value + np.repeat(np.arange(times) * C, C)).astype(value.dtype)
        else:
            continue
        value.flags.writeable = False
        many[f.name] = value
    return dataclasses.replace(of, **many)  # type: ignore[arg-type]


def query(lib: Library, rng: np.random.Generator, beats: float) -> Query:
    s = int(rng.integers(lib.segments))
    return Query(
        pose_m=lib.segment_pose[s] + rng.normal(0, 0.05, lib.segment_pose[s].shape),
        velocity_m_s=lib.segment_velocity[s].astype(float), music=rng.uniform(0.1, 0.9, 4), stage_xz=rng.normal(0, 0.3, 2),
        tempo_bpm=float(rng.uniform(85, 150)), beats=beats, idle=False, contact=lib.segment_contact[s].astype(float), meter=4,
    )  # fmt: skip


def decisions(lib: Library) -> None:
    rng = np.random.default_rng(1)
    matcher = Matcher(MatchConfig(), lib, **RATES)
    flat = np.concatenate([lib.segment_pose.reshape(lib.segments, -1), lib.segment_velocity.reshape(lib.segments, -1),
                           lib.segment_descriptor], 1)  # fmt: skip
    costs, reference = [], []
    for k in range(DECISIONS):
        asked = query(lib, rng, 8.0 * k)
        start = time.thread_time()
        choice = matcher.decide(asked)
        costs.append((time.thread_time() - start) * 1e3)
        matcher.danced(choice, asked.beats)
        if k % 10 == 0:
            row = np.concatenate([asked.pose_m.ravel(), asked.velocity_m_s.ravel(), asked.music]).astype(np.float32)
            start = time.thread_time()
            ((flat - row) ** 2).sum(1).argmin()
            reference.append((time.thread_time() - start) * 1e3)
    p50, p99, top = np.percentile(costs[5:], [50, 99, 100])
    print(f"one decision, {lib.segments} segments: p50 {p50:.3f}  p99 {p99:.3f}  max {top:.3f} ms  (p99 under 1 ms)")
    print(f"  reference: numpy brute force over poses and speeds alone: p50 {np.median(reference):.3f} ms")


def plans(lib: Library) -> None:
    rng, n = np.random.default_rng(2), np.arange(SONG_BEATS)
    music = np.clip(0.5 + 0.4 * np.sin(n / 20.0)[:, None] + rng.normal(0, 0.05, (SONG_BEATS, 4)), 0, 1)
    song = Song(
        first=0, music=music, tempo_bpm=np.full(SONG_BEATS, TEMPO_BPM), place=n % 4, meter=np.full(SONG_BEATS, 4),
        change=np.where(n % 64 == 0, 0.8, 0.0), danced=np.ones(SONG_BEATS, bool),
    )  # fmt: skip
    planner = Planner(MatchConfig(), lib, **RATES)
    took = []
    for _ in range(4):
        start = time.thread_time()
        planner.plan(song)
        took.append(time.thread_time() - start)
    print(f"plan of a four-minute song, {lib.segments} segments: {min(took[1:]):.2f} s  (under 2 s)")


def main() -> None:
    built_in = library()
    for lib in (built_in, grown(built_in, SEGMENTS, np.random.default_rng(0))):
        decisions(lib)
        plans(lib)


if __name__ == "__main__":
    main()
