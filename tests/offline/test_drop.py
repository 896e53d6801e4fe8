"""Build-ups, drops and breakdowns are answered by the body: on the built-in song's marks, against marks set anywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio2pose.match.find import library
from audio2pose.media.decode import SongReader
from audio2pose.media.demo_song import HOUSE_BPM, demo_song
from audio2pose.motion.kinematics import positions
from audio2pose.offline.choreograph import perform
from audio2pose.presets import settings

BAR_S = 4 * 60.0 / HOUSE_BPM


def changes(song: Path, seed: int, causal: bool) -> tuple[float, float, np.ndarray]:
    """By how much the median speed of the joints rises from the two bars before to the two that begin a bar after the drop,
    falls about the breakdown, and rises about every bar line (the null)."""
    now = settings(environ={})
    now = replace(now, match=replace(now.match, seed=seed))
    with SongReader(song) as file:
        danced = perform(file, now, library(), causal=causal, told=lambda _: None)
    joints = positions(danced.poses["root_m"], danced.poses["rotations"]).astype(float)
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=2).mean(axis=1) / danced.hop_s
    t = danced.poses["time_s"][1:]

    def rise(at: float) -> float:
        after, before = (t >= at + BAR_S) & (t < at + 3 * BAR_S), (t >= at - 2 * BAR_S) & (t < at)
        return float(np.median(speed[after]) / np.median(speed[before]))

    marks = {mark.name: mark.start_s for mark in demo_song().marks}
    null = np.array([rise(at) for at in demo_song().beat_times_s[8:-16:4]])
    return rise(marks["drop"]), 1.0 / rise(marks["breakdown"]), null


@pytest.mark.parametrize(("causal", "least"), [(False, 1.5), (True, 1.2)])
def test_the_body_bursts_at_the_drop_and_calms_in_the_breakdown(tmp_path: Path, causal: bool, least: float) -> None:
    import soundfile

    song = demo_song()
    soundfile.write(tmp_path / "demo.wav", song.samples, song.sample_rate_hz)
    found = [changes(tmp_path / "demo.wav", seed, causal) for seed in range(3)]
    drops, falls, nulls = zip(*found)
    anywhere = float(np.median(np.concatenate(nulls)))
    as_good = float(np.mean([np.mean(null >= drop) * np.mean(1.0 / null >= fall) for drop, fall, null in found]))
    who = "live" if causal else "look-ahead"
    print(who, "drops", np.round(drops, 2), "falls", np.round(falls, 2), "null", round(anywhere, 2))
    print("  two marks set anywhere do as well:", round(as_good, 3))
    assert np.median(drops) >= least
    assert np.median(falls) >= 1.5
    assert abs(np.log(anywhere)) < 0.15
    assert as_good < 0.05
