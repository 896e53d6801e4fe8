"""A performance at an output's own rate: every pose asked of `pose_at` for the moment that it is shown or written.

Shapes   poses: (T,) POSE, pose k for k / fps; accents and segment starts in stream seconds.
Threads  one, the caller's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from audio2pose.arrays import F64, I64
from audio2pose.match.index import LOOPED, Library
from audio2pose.media.posefile import PoseFile
from audio2pose.motion.kinematics import positions
from audio2pose.motion.pose import POSE, pose_at

from .choreograph import Performance

POSE_FILE_FPS = 60.0
VIDEO_FPS = 30.0


def count(seconds: float, fps: float) -> int:
    """How many poses or pictures cover *seconds*; one at least."""
    return max(round(seconds * fps), 1)


def sampled(performance: Performance, times_s: F64) -> Any:
    """(T,) POSE, each `pose_at` one of the rising *times_s* (T,)."""
    run = performance.poses
    out = np.zeros(times_s.shape[0], POSE)
    if run.shape[0] < 2:
        out[:] = run[0]
        out["time_s"] = times_s
        return out
    # Each moment's own pair is looked up here: pose_at would search the whole song for each.
    after = np.clip(np.searchsorted(np.ascontiguousarray(run["time_s"]), times_s), 1, run.shape[0] - 1)
    for k, b in enumerate(after):
        pose_at(run[b - 1 : b + 1], float(times_s[k]), out[k])
    return out


def pose_file(performance: Performance, library: Library, fps: float) -> PoseFile:
    """Everything that a pose file holds, at *fps*."""
    poses = sampled(performance, np.arange(count(performance.seconds, fps)) / fps)
    cuts = _cuts(performance)
    run, beats = performance.poses, performance.heard.beats
    return PoseFile(
        positions_m=positions(poses["root_m"], poses["rotations"]),
        rotations=np.ascontiguousarray(poses["rotations"]),
        root_m=np.ascontiguousarray(poses["root_m"]),
        contacts=np.ascontiguousarray(poses["contacts"]),
        fps=fps,
        beat_times_s=np.array([b.time_s for b in beats], np.float64),
        beat_positions=np.array([b.position for b in beats], np.int32),
        accent_times_s=accents(performance, library),
        segment_starts_s=np.ascontiguousarray(run["time_s"][cuts]),
        segment_ids=tuple(library.segment_name(int(s)) for s in run["segment"][cuts]),
    )


def accents(performance: Performance, library: Library) -> F64:
    """When each authored accent was danced, stream seconds: the moments at which the warp passed it."""
    run = performance.poses
    segments = [e for e in performance.events if e["event"] == "segment"]
    starts = _cuts(performance)
    assert len(segments) == starts.shape[0], "an event for each cut"
    clips = {name: c for c, name in enumerate(library.clip_names)}
    shift = _jumps(performance)
    found: list[float] = []
    for event, a, b in zip(segments, starts, [*starts[1:], run.shape[0]]):
        clip = clips[event["clip"]]
        of = library.accents[int(library.clip_accent[clip]) : int(library.clip_accent[clip + 1]), 0]
        if not of.size or b - a < 2:
            continue
        began = float(event["music_beat"]) + shift[a:b] - shift[a]
        at = event["start_beat"] + (run["beat"][a:b] - began) * event["level"]
        own = library.clip_beats(clip).shape[0] - 1
        laps = range(math.floor(at[0] / own), math.floor(at[-1] / own) + 1) if library.clip_flags[clip] & LOOPED else [0]
        wanted = np.unique([lap * own + float(beat) for lap in laps for beat in of])
        wanted = wanted[(wanted >= at[0]) & (wanted < at[-1])]
        found += np.interp(wanted, np.maximum.accumulate(at), run["time_s"][a:b]).tolist()
    return np.array(found, np.float64)


def _cuts(performance: Performance) -> I64:
    """Index of the first pose of each segment."""
    numbers = performance.poses["cuts"].astype(np.int64)
    return np.flatnonzero(np.diff(numbers, prepend=0))


def _jumps(performance: Performance) -> F64:
    """(H,) whole beats by which jumps of the clock have moved the segments so far, as the dancer counts them."""
    beat = performance.poses["beat"]
    jumped = np.diff(performance.heard.log["jumps"].astype(np.int64), prepend=0) != 0
    step = np.diff(beat, prepend=beat[0])
    return np.cumsum(np.where(jumped, np.round(step), 0.0))
