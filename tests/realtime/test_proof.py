"""The dance lands on the beat: joints received over OSC, against the beats of a song that a sound card hears.

A real sound server, the real command, and a witness in a process of its own that knows the true beats.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio2pose.match.find import library
from audio2pose.media.decode import SongReader, read_song
from audio2pose.offline.choreograph import perform
from audio2pose.presets import settings
from tests.measures import landing, levels, motion_beats, resampled
from tests.realtime.shows import live
from tests.realtime.witness import Proof, Witness, offsets_ms, proof

LOCKED_FOR_S = 4.0
"""Beats count from so long after the first lock."""
SONGS = (
    "gunroar_gr0", "gunroar_gr3", "mu-cade_mcd1", "noiz2sa_stg0", "parsec47_ptn3", "titanion_ttn1", "titanion_ttn3",
    "torus-trooper_tt1",
)  # fmt: skip
"""Not the three whose beat is heard at another level, or off, for a while: no sound card is at fault there."""
WIDER_MS = {"parsec47_ptn3": 65.0, "torus-trooper_tt1": 65.0}
"""95th percentile, where 45 ms are missed, from the file too: at 160 BPM many phrases are danced in half time, and where they
stop between their own beats is not moved onto the music's."""


def proved(room: Any, testdata: Path, folder: Path, name: str, seconds: float) -> Proof:
    """*seconds* of one steady song, played into the room and danced."""
    song, rate_hz = read_song(testdata / "music" / "kentacho" / f"{name}.ogg", end_s=seconds)
    seconds = song.shape[0] / rate_hz
    beats_s = true_beats_s(testdata, name)
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


@dataclass(frozen=True)
class Danced:
    """The same song danced from its file: what the ears and the dance do by themselves. Offsets in ms."""

    clock_median_ms: float
    body_median_ms: float
    body_p95_ms: float


def danced(testdata: Path, name: str, seconds: float) -> Danced:
    """Without a sound card, a clock or a network: hop by hop, as live would."""
    path, beats_s = testdata / "music" / "kentacho" / f"{name}.ogg", true_beats_s(testdata, name)
    with SongReader(path, end_s=seconds) as song:
        made = perform(song, settings(environ={}), library(), causal=True, told=lambda _: None)
    beats_s = beats_s[(beats_s > 5.0) & (beats_s < made.seconds - 0.5)]
    beat, time_s = made.poses["beat"], made.poses["time_s"]
    at = np.flatnonzero((np.floor(beat[1:]) > np.floor(beat[:-1])) & (np.diff(beat) < 0.2))
    crossed_s = time_s[at] + (np.ceil(beat[at]) - beat[at]) / (beat[at + 1] - beat[at]) * (time_s[at + 1] - time_s[at])
    joints_m, start_s = resampled(made.poses)
    moved_s = motion_beats(joints_m) + start_s[0]
    body = offsets_ms(moved_s[moved_s > 5.0], levels(beats_s)[landing(moved_s, beats_s).level])
    return Danced(
        float(np.median(offsets_ms(crossed_s, beats_s))), float(np.median(body)), float(np.percentile(np.abs(body), 95))
    )  # fmt: skip


def true_beats_s(testdata: Path, name: str) -> np.ndarray:
    """Seconds of the song."""
    return np.array(json.loads((testdata / "music" / "kentacho" / f"{name}.beats.json").read_text())["beats"])


def test_the_body_that_arrives_over_osc_lands_on_the_beats_of_the_room(room: Any, testdata: Path, tmp_path: Path) -> None:
    found = proved(room, testdata, tmp_path, "gunroar_gr0", 20.0)
    assert abs(found.median_ms) < 30.0
    assert found.body.gain > 0.25
    assert found.told_f > 0.9
    assert abs(found.told_median_ms) < 12.0
    assert found.told_p95_ms < 35.0


@pytest.mark.soak
@pytest.mark.parametrize("name", SONGS)
def test_on_every_steady_song_beats_and_body_land_within_15_ms_as_from_a_file(
    room: Any, testdata: Path, tmp_path: Path, name: str
) -> None:
    """How far motion beats spread is the dance's: a file shows it without a sound card."""
    found, file = proved(room, testdata, tmp_path, name, 60.0), danced(testdata, name, 60.0)
    print(
        f"{'':16s} from a file: body median {file.body_median_ms:+.1f} ms, p95 {file.body_p95_ms:.1f} ms, clock median "
        f"{file.clock_median_ms:+.1f} ms; sound card and network add {found.told_median_ms - file.clock_median_ms:+.1f} ms"
    )
    assert abs(found.median_ms) <= 15.0
    assert abs(found.median_ms - file.body_median_ms) <= 12.0
    assert found.p95_ms < WIDER_MS.get(name, 45.0)
    assert found.body.gain >= 0.25
    assert found.told_f >= 0.9
    assert abs(found.told_median_ms) <= 15.0
    assert found.told_p95_ms <= 45.0
    assert abs(found.told_median_ms - file.clock_median_ms) <= 5.0
