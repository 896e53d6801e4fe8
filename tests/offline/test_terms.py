"""What each term of the matcher is good for: the dance without it, measured beside the dance with all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio2pose.config import Settings
from audio2pose.group import Group
from audio2pose.match.cost import TERMS
from audio2pose.match.find import library
from audio2pose.media.decode import SongReader
from audio2pose.media.demo_song import demo_song
from audio2pose.motion.kinematics import positions
from audio2pose.motion.pose import POSE
from audio2pose.offline.choreograph import Heard, listen, planned
from audio2pose.presets import settings

SONGS = ("gunroar_gr0", "mu-cade_mcd1", "noiz2sa_stg5", "rrootage_stg_c", "titanion_ttn1")
LISTENED_S, SETTLED_HOPS, WINDOW_BEATS = 60.0, 500, 4
NEAR_HOPS, FAR_HOPS = 25, 50


@dataclass(frozen=True)
class Figures:
    """Of all songs together: correlation of drive and speed; shares of segments; means over segments; jerk at joins."""

    follows: float
    returns: float
    style_changes: float
    off_bar: float
    bent: float
    from_middle_m: float
    jerk: float
    mismatch: float

    def told(self) -> str:
        return "  ".join(f"{name} {value:6.3f}" for name, value in vars(self).items())


def figures(songs: list[Heard], now: Settings) -> Figures:
    """Dance *songs* by *now* and measure."""
    lib, rows = library(), []
    for heard in songs:
        config = now.dance if heard.causal else replace(now.dance, latency_s=0.0)
        group = Group(now.group, now.match, config, lib, now.hear.hop_s)
        log, group.leader.plan = planned(heard, now, lib)
        poses, events = np.zeros(len(log), POSE), []
        for k, row in enumerate(log):
            poses[k] = group.process(row)[0]
            events += group.events
        rows.append(_of_one(poses, [e for e in events if e["style"] != "idle"], log))
    return Figures(*np.nanmean(np.array(rows), axis=0).tolist())


def _of_one(poses: np.ndarray, danced: list[dict[str, Any]], log: Any) -> list[float]:
    joints = positions(poses["root_m"], poses["rotations"]).astype(float)
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=2).mean(axis=1) * 100
    window = np.floor(log["beat"] / WINDOW_BEATS).astype(int)[1:]
    parts = [np.flatnonzero(window == n) for n in np.unique(window)[2:-1]]
    drive = [float(log["drive"][part].mean()) for part in parts]
    jerk = np.linalg.norm(np.diff(joints, n=3, axis=0), axis=2) * 1e6
    near, far = np.zeros(len(jerk), bool), np.ones(len(jerk), bool)
    for cut in np.flatnonzero(np.diff(poses["cuts"])):
        near[max(cut - NEAR_HOPS, 0) : cut + NEAR_HOPS] = True
        far[max(cut - FAR_HOPS, 0) : cut + FAR_HOPS] = False
    near[:SETTLED_HOPS] = far[:SETTLED_HOPS] = False
    last: dict[str, float] = {}
    back = 0
    for event in danced:
        back += 0.0 <= event["music_beat"] - last.get(event["clip"], -99.0) < 32.0
        last[event["clip"]] = event["music_beat"] + event["beats"]
    return [
        float(np.corrcoef(drive, [np.median(speed[part]) for part in parts])[0, 1]),
        back / len(danced),
        float(np.mean([a["style"] != b["style"] for a, b in pairwise(danced)])),
        float(np.mean([e["start_beat"] % 4 != 0 for e in danced])),
        float(np.mean([abs(np.log2(e["rate"])) for e in danced])),
        float(np.median(np.linalg.norm(poses["root_m"][SETTLED_HOPS:, [0, 2]], axis=1))),
        float(np.percentile(jerk[near], 95) / np.percentile(jerk[far], 95)),
        _mismatch(danced, log),
    ]


def _mismatch(danced: list[dict[str, Any]], log: Any) -> float:
    """Mean distance of a segment's bass, density and brightness from what was heard as it began."""
    lib = library()
    rows = {lib.segment_name(s): lib.segment_descriptor[s] for s in range(lib.segments)}
    at = [min(int(np.searchsorted(log["beat"], e["music_beat"])), len(log) - 1) for e in danced]
    heard = np.stack([log["bass"][at], log["density"][at] / 4.0, log["brightness"][at]], 1)
    return float(np.abs(np.stack([rows[e["id"]][1:] for e in danced]) - heard).mean())


@pytest.mark.soak
def test_each_term_does_what_it_is_there_for_and_a_known_song_is_danced_better(testdata: Path, tmp_path: Path) -> None:
    import soundfile

    song, now = demo_song(), settings(environ={})
    soundfile.write(tmp_path / "demo.wav", song.samples, song.sample_rate_hz)
    paths = [tmp_path / "demo.wav", *(testdata / "music" / "kentacho" / f"{name}.ogg" for name in SONGS)]
    heard: dict[bool, list[Heard]] = {False: [], True: []}
    for path in paths:
        for causal, all_heard in heard.items():
            with SongReader(path, end_s=LISTENED_S + (20.0 if path == paths[0] else 0.0)) as file:
                all_heard.append(listen(file, now, causal=causal, told=lambda _: None))
    known, live = figures(heard[False], now), figures(heard[True], now)
    print("\nknown song    ", known.told())
    print("live          ", live.told())
    without = {}
    for term in TERMS:
        if term not in ("threshold", "chance"):
            off = replace(now, match=replace(now.match, **{f"{term}_weight": 0.0}))
            without[term] = figures(heard[True], off)
            print(f"  no {term:11s}", without[term].told())
    assert known.follows > live.follows + 0.1
    assert without["energy"].follows < live.follows - 0.1
    assert without["repetition"].returns > 0.3 > 0.05 >= live.returns
    assert without["style"].style_changes > live.style_changes + 0.1
    assert without["phrase"].off_bar > live.off_bar + 0.2
    assert without["tempo"].bent > live.bent
    assert without["music"].mismatch > live.mismatch
