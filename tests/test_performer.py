"""The performer is a pure function of its input log, and nothing that is heard stops it."""

from __future__ import annotations

import math
import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio2pose.errors import UsageError
from audio2pose.flags import overrides
from audio2pose.match.find import library
from audio2pose.media.decode import read_song
from audio2pose.music.hand import FREE, GRID
from audio2pose.music.hops import Hopper
from audio2pose.performer import Performer
from audio2pose.presets import settings
from tests.music.sounds import clicks

SECONDS = 12.0
# What a player does in twelve seconds: hop, name, value.
COMMANDS = (
    (0, "nudge", 10.0), (300, "tap", 0.0), (343, "tap", 0.0), (386, "tap", 0.0), (500, "resync", 0.0), (600, "half", 0.0),
    (700, "double", 0.0), (700, "tempo", 140.0), (800, "lock", GRID), (1000, "lock", FREE), (1000, "nudge", -10.0),
)  # fmt: skip

Commands = Sequence[tuple[int, str, float]]


def _performer(sample_rate_hz: int) -> Performer:
    performer = Performer(settings(environ={}), library(), sample_rate_hz)
    performer.warm_up()
    return performer


def _danced(
    performer: Performer,
    samples: np.ndarray,
    sample_rate_hz: int,
    block: int,
    commands: Commands = (),
    events: list[dict[str, Any]] | None = None,
) -> np.ndarray:
    hopper = Hopper(sample_rate_hz, performer.hop_s)
    out: list[np.void] = []
    for k in range(0, len(samples), block):
        for hop in hopper.feed(samples[k : k + block]):
            for _, name, value in (c for c in commands if c[0] == len(out)):
                performer.command(name, value)
            out.append(performer.process(hop).copy())
            if events is not None:
                events += performer.events
    return np.array(out)


@pytest.fixture(scope="module")
def song(testdata: Path) -> tuple[np.ndarray, int]:
    return read_song(testdata / "music" / "kentacho" / "gunroar_gr0.ogg", end_s=SECONDS)


def test_the_same_sound_gives_the_same_poses_to_the_last_bit_at_any_block_size_and_after_reset(
    song: tuple[np.ndarray, int],
) -> None:
    samples, rate = song
    performer = _performer(rate)
    whole = _danced(performer, samples, rate, 441)
    assert len(whole) == round(SECONDS * 100)
    for block in (1 << 20, 256, 1000, 37):
        performer.reset()
        assert _danced(performer, samples, rate, block).tobytes() == whole.tobytes(), block
    assert _danced(_performer(rate), samples, rate, 512).tobytes() == whole.tobytes()


def test_the_same_commands_at_the_same_hops_give_the_same_poses_to_the_last_bit_at_any_block_size_and_after_reset(
    song: tuple[np.ndarray, int],
) -> None:
    samples, rate = song
    performer = _performer(rate)
    whole = _danced(performer, samples, rate, 441, COMMANDS)
    for block in (1 << 20, 1000, 37):
        performer.reset()
        assert _danced(performer, samples, rate, block, COMMANDS).tobytes() == whole.tobytes(), block
    performer.reset()
    unhelped = _danced(performer, samples, rate, 441)
    assert unhelped.tobytes() == _danced(_performer(rate), samples, rate, 441).tobytes()
    assert whole["beat"][-1] != unhelped["beat"][-1], "the commands did nothing"
    later = _danced(_performer(rate), samples, rate, 441, [(hop + 1, *what) for hop, *what in COMMANDS])
    assert later.tobytes() != whole.tobytes()


def test_a_command_is_told_by_the_hop_that_is_heard_with_it(song: tuple[np.ndarray, int]) -> None:
    samples, rate = song
    events: list[dict[str, Any]] = []
    _danced(_performer(rate), samples, rate, 441, COMMANDS, events)
    assert [e for e in events if e["event"] == "command"] == [
        {"t": round((hop + 1) / 100, 3), "event": "command", "command": name, "value": float(value)}
        for hop, name, value in COMMANDS
    ]
    assert [e["t"] for e in events] == sorted(e["t"] for e in events)


def test_a_grid_by_hand_beats_on_where_the_music_has_gone(song: tuple[np.ndarray, int]) -> None:
    samples, rate = song
    sound = np.concatenate([samples[: 8 * rate], np.zeros(5 * rate, np.float32)])
    locked: list[dict[str, Any]] = []
    _danced(_performer(rate), sound, rate, 441, [(750, "lock", GRID)], locked)
    beats_s = [e["time_s"] for e in locked if e["event"] == "beat" and e["time_s"] > 10.5]
    assert len(beats_s) > 3
    assert np.ptp(np.diff(beats_s)) < 1e-3
    free: list[dict[str, Any]] = []
    _danced(_performer(rate), sound, rate, 441, (), free)
    assert not [e for e in free if e["event"] == "beat" and e["time_s"] > 10.5]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("tapp", 0.0, "did you mean 'tap'"),
        ("", 0.0, "one of tap, resync"),
        ("nudge", math.nan, "number"),
        ("tempo", math.inf, "number"),
        ("lock", 3.0, "2 .grid."),
        ("lock", 0.5, "2 .grid."),
    ],
)
def test_what_is_no_command_is_refused_and_changes_nothing(name: str, value: float, words: str) -> None:
    performer = _performer(44100)
    with pytest.raises(UsageError, match=words):
        performer.command(name, value)
    performer.process(np.zeros(441, np.float32))
    assert {e["event"] for e in performer.events} == {"state", "segment"}
    assert performer.lock == FREE


@pytest.mark.parametrize("bpm", [62.0, 124.0])
@pytest.mark.parametrize("octave_range", ["50:80", "100:150"])
def test_the_range_that_a_player_gives_reaches_the_tracker(bpm: float, octave_range: str) -> None:
    sound, _ = clicks(bpm, 12.0)
    chosen = settings(overrides=overrides(Namespace(bpm_range=octave_range)), environ={})
    made = Performer(chosen, library(), 44100)
    _danced(made, sound, 44100, 4096)
    assert made.heard is not None
    assert made.heard["tempo_bpm"] == pytest.approx(62.0 if octave_range == "50:80" else 124.0, rel=0.03)


def test_a_reset_forgets_commands_that_no_hop_has_told_yet() -> None:
    performer = _performer(44100)
    performer.command("lock", GRID)
    performer.reset()
    performer.process(np.zeros(441, np.float32))
    assert {e["event"] for e in performer.events} == {"state", "segment"}
    assert performer.lock == FREE


def test_warming_up_leaves_no_trace(song: tuple[np.ndarray, int]) -> None:
    samples, rate = song
    cold = Performer(settings(environ={}), library(), rate)
    start = samples[: 3 * rate]
    assert _danced(cold, start, rate, 441).tobytes() == _danced(_performer(rate), start, rate, 441).tobytes()


def test_what_comes_later_changes_nothing_before(song: tuple[np.ndarray, int]) -> None:
    samples, rate = song
    cut = samples[: round(7.3 * rate)]
    whole, part = _danced(_performer(rate), samples, rate, 441), _danced(_performer(rate), cut, rate, 441)
    assert part.tobytes() == whole[: len(part)].tobytes()


@pytest.mark.parametrize("kind", ["nan", "clipped", "dc", "silence", "noise"])
def test_no_sound_stops_the_dancer(kind: str) -> None:
    rate = 22050
    rng = np.random.default_rng(0)
    samples = {
        "nan": np.where(rng.random(5 * rate) < 0.1, np.nan, 0.1),
        "clipped": np.sign(np.sin(2 * np.pi * 100 * np.arange(5 * rate) / rate)) * 1e6,
        "dc": np.ones(5 * rate),
        "silence": np.zeros(5 * rate),
        "noise": rng.normal(size=5 * rate),
    }[kind].astype(np.float32)
    poses = _danced(_performer(rate), samples, rate, 500)
    assert np.isfinite(poses["rotations"]).all()
    assert np.isfinite(poses["root_m"]).all()
    assert np.isfinite(poses["beat"]).all()


def test_beats_and_segments_are_told_as_they_happen(song: tuple[np.ndarray, int]) -> None:
    samples, rate = song
    performer = _performer(rate)
    events = []
    for k in range(len(samples) // 441):
        performer.process(samples[441 * k : 441 * (k + 1)])
        events += performer.events
    kinds = {e["event"] for e in events}
    assert kinds == {"state", "segment", "beat"}
    beats = [e for e in events if e["event"] == "beat"]
    assert all(e["t"] < e["time_s"] for e in beats)  # each was told before it happened


COMPILED = """
import sys
from numba.core.dispatcher import Dispatcher
from audio2pose.presets import settings
from audio2pose.errors import UsageError
from audio2pose.match.find import library
from audio2pose.media.demo_song import demo_song
from audio2pose.music.beat import HELP
from audio2pose.music.hops import Hopper
from audio2pose.performer import Performer

def compiled():
    kernels = [v for m in list(sys.modules.values()) if getattr(m, "__name__", "").startswith("audio2pose")
               for v in vars(m).values() if isinstance(v, Dispatcher)]
    return {(k.py_func.__qualname__, s) for k in kernels for s in k.signatures}

song = demo_song()
performer = Performer(settings(environ={}), library(), song.sample_rate_hz)
performer.warm_up()
before = compiled()
for k, hop in enumerate(Hopper(song.sample_rate_hz, performer.hop_s).feed(song.samples)):
    if k % 300 == 299:
        name = HELP[k // 300 % len(HELP)]
        performer.command(name, 60.0 if name == "tempo" else 1.0)
    performer.process(hop)
late = compiled() - before
assert not late, late
assert len(before) > 20
"""


def test_after_warming_up_nothing_is_compiled_in_a_whole_song() -> None:
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
