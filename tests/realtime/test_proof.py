"""The dance lands on the beat: joints received over OSC, against the beats of a song that a sound card hears.

A real sound server, the real command, and a witness in a process of its own that knows the true beats.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio2pose.media.decode import read_song
from tests.realtime.shows import live
from tests.realtime.witness import Proof, Witness, proof

LOCKED_FOR_S = 2.0
"""Beats count from so long after the first lock."""
SONGS = (
    "gunroar_gr0",
    "gunroar_gr3",
    "mu-cade_mcd1",
    "noiz2sa_stg0",
    "noiz2sa_stg5",
    "parsec47_ptn3",
    "rrootage_stg_c",
    "titanion_ttn1",
    "titanion_ttn3",
    "torus-trooper_tt1",
)


def proved(room: Any, testdata: Path, folder: Path, name: str, seconds: float) -> Proof:
    """*seconds* of one steady song, played into the room and danced."""
    path = testdata / "music" / "kentacho" / f"{name}.ogg"
    song, rate_hz = read_song(path, end_s=seconds)
    seconds = song.shape[0] / rate_hz
    beats_s = np.array(json.loads(path.with_suffix("").with_suffix(".beats.json").read_text())["beats"])
    with Witness(folder, source="room.monitor") as witness:
        show = live(
            "--device", "stage", "--no-window", "--size", "320x180", "--send", f"native@127.0.0.1:{witness.ports[0]}", "--json"
        )  # fmt: skip
        try:
            witness.wait(90.0)
            time.sleep(1.0)
            played_s = time.perf_counter()
            room.play(np.stack([song, song], axis=1), rate_hz)
            time.sleep(seconds + 1.0)
        finally:
            show.terminate()
            out, err = show.communicate(timeout=20)
    summary = json.loads(out)
    assert summary["device_losses"] == summary["overflows"] == summary["dropped_hops"] == 0, err
    heard = witness.heard()
    (began_s, end_s, *true), lost_s = heard.song_moments(song, rate_hz, np.array([0.0, seconds, *beats_s]), played_s)
    assert abs(lost_s) < 0.001, "the song was not played whole: the moments of its beats are unknown"
    assert heard.spread_s < 0.003, "the room's clock is unknown"
    seen = witness.seen()
    locked = seen.music_s[(seen.lock == 1.0) & (seen.music_s > began_s)]
    assert locked.size, "never locked"
    true_s = np.array([t for t in true if locked[0] + LOCKED_FOR_S < t < end_s - 0.5])
    found = proof(seen, true_s)
    print(f"{found.line(name)}; locked after {locked[0] - began_s:.1f} s; truth to {1e3 * heard.spread_s:.1f} ms; "
          f"latency {summary['latency_ms']}, lateness {summary['lateness_ms']}")  # fmt: skip
    return found


def test_the_body_that_arrives_over_osc_lands_on_the_beats_of_the_room(room: Any, testdata: Path, tmp_path: Path) -> None:
    found = proved(room, testdata, tmp_path, "titanion_ttn1", 20.0)
    assert abs(found.median_ms) < 25.0
    assert found.p95_ms < 60.0
    assert found.body.gain > 0.2
    assert found.told_f > 0.85
    assert abs(found.told_median_ms) < 25.0


@pytest.mark.soak
def test_on_every_steady_song_the_body_over_osc_lands_within_15_ms(room: Any, testdata: Path, tmp_path: Path) -> None:
    found = {}
    for name in SONGS:
        folder = tmp_path / name
        folder.mkdir()
        found[name] = proved(room, testdata, folder, name, 60.0)
    for name, one in found.items():
        assert abs(one.median_ms) <= 15.0, name
        assert one.p95_ms < 45.0, name
        assert one.body.gain >= 0.25, name
        assert one.told_f >= 0.9, name
        assert abs(one.told_median_ms) <= 15.0, name
