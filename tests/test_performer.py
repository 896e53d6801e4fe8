"""The performer is a pure function of its input log, and nothing that is heard stops it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audio2pose.config import settings
from audio2pose.match.find import library
from audio2pose.media.decode import read_song
from audio2pose.music.hops import Hopper
from audio2pose.performer import Performer

SECONDS = 12.0


def _performer(sample_rate_hz: int) -> Performer:
    performer = Performer(settings(environ={}), library(), sample_rate_hz)
    performer.warm_up()
    return performer


def _danced(performer: Performer, samples: np.ndarray, sample_rate_hz: int, block: int) -> np.ndarray:
    hopper = Hopper(sample_rate_hz, performer.hop_s)
    out = []
    for k in range(0, len(samples), block):
        for hop in hopper.feed(samples[k : k + block]):
            out.append(performer.process(hop).copy())
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
from audio2pose.config import settings
from audio2pose.match.find import library
from audio2pose.media.demo_song import demo_song
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
for hop in Hopper(song.sample_rate_hz, performer.hop_s).feed(song.samples):
    performer.process(hop)
late = compiled() - before
assert not late, late
assert len(before) > 20
"""


def test_after_warming_up_nothing_is_compiled_in_a_whole_song() -> None:
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
