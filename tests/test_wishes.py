"""What a player wishes of the dance, and when it comes true."""

from __future__ import annotations

import math

import numpy as np
import pytest

from audio2pose.config import DanceConfig, MatchConfig
from audio2pose.dancer import Dancer
from audio2pose.match.index import build
from audio2pose.motion.kinematics import positions
from tests.made import clip, log

Orders = dict[int, tuple[str, float]]


def _dancer(**match: object) -> Dancer:
    clips = [clip("a"), clip("b", swing_deg=-60.0), clip("x", style="wave", swing_deg=70.0), clip("y", style="wave")]
    lib = build([*clips, clip("idle", idle=True, swing_deg=5.0, bpm=90.0)], name="made")
    assert lib.styles == ("sway", "wave")
    return Dancer(MatchConfig(**match), DanceConfig(latency_s=0.0), lib, 0.01)  # type: ignore[arg-type]


def _danced(orders: Orders, seconds: float = 20.0, dancer: Dancer | None = None) -> tuple[np.ndarray, list[dict]]:
    """At 120 BPM: a beat is 50 hops, a bar 200."""
    dancer = dancer or _dancer()
    poses, events = [], []
    for h in log(seconds):
        if int(h["hop"]) in orders:
            dancer.wishes.command(*orders[int(h["hop"])])
        poses.append(dancer.process(h).copy())
        events += [dict(e, hop=int(h["hop"])) for e in dancer.events]
    return np.array(poses), events


def _starts(events: list[dict]) -> list[float]:
    return [e["music_beat"] for e in events]


@pytest.mark.parametrize(("quantum", "beat"), [(1, 5.0), (2, 6.0), (4, 8.0), (8, 8.0), (16, 16.0), (32, 32.0)])
def test_the_next_phrase_comes_on_the_next_multiple_of_the_quantum(quantum: int, beat: float) -> None:
    told = _starts(_danced({0: ("quantize", quantum), 210: ("next", 1.0)}, dancer=_dancer(segment_beats=32))[1])
    assert beat in told
    assert not [t for t in told[1:] if t < beat and t not in _starts(_danced({}, dancer=_dancer(segment_beats=32))[1])]


def test_a_quantum_of_none_cuts_at_once() -> None:
    events = _danced({0: ("quantize", 0), 225: ("next", 1.0)}, dancer=_dancer(segment_beats=32))[1]
    assert 225 in [e["hop"] for e in events]


def test_a_wish_is_granted_once() -> None:
    asked = _starts(_danced({210: ("next", 1.0)}, dancer=_dancer(segment_beats=16))[1])
    assert asked.count(8.0) == 1
    assert 12.0 not in asked


def test_the_next_phrase_is_another_one() -> None:
    events = _danced({210: ("next", 1.0)}, dancer=_dancer(segment_beats=16))[1]
    at = _starts(events).index(8.0)
    assert events[at]["clip"] != events[at - 1]["clip"]


def test_a_style_comes_on_the_quantum_and_stays_until_it_is_freed() -> None:
    _, events = _danced({210: ("style", 1.0)}, 60.0)
    after = [e["style"] for e in events if e["music_beat"] >= 8.0]
    assert len(after) > 5
    assert set(after) == {"wave"}
    dancer = _dancer()
    _danced({210: ("style", 1.0), 400: ("style", -1.0)}, dancer=dancer)
    assert dancer.wishes.style == -1


def test_the_style_lock_keeps_what_is_danced() -> None:
    dancer = _dancer()
    _, events = _danced({300: ("stylelock", 1.0)}, 60.0, dancer)
    now = [e for e in events if e["hop"] <= 300][-1]["style"]
    assert {e["style"] for e in events if e["hop"] > 300} == {now}
    dancer.wishes.command("stylelock", 0.0)
    assert dancer.wishes.style == -1


def test_frozen_the_body_comes_to_rest_and_goes_on_without_a_leap() -> None:
    poses, events = _danced({437: ("freeze", 1.0), 1037: ("freeze", 0.0)})
    joints = positions(poses["root_m"], poses["rotations"])
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=2).max(axis=1) / 0.01
    assert speed[540:1036].max() < 1e-3
    assert speed.max() < 8.0
    assert poses["beat"][1000] == pytest.approx(20.02)  # the music goes on
    assert speed[1100:].max() > 0.3
    assert not [e for e in events if 437 <= e["hop"] < 1037]


def test_panic_is_an_idle_at_once_until_it_is_taken_back() -> None:
    _, events = _danced({437: ("panic", 1.0), 1037: ("panic", 0.0)})
    during = [e for e in events if 437 <= e["hop"] < 1037]
    assert during[0]["hop"] == 437
    assert {e["clip"] for e in during} == {"idle"}
    back = next(e for e in events if e["hop"] >= 1037)
    assert back["clip"] != "idle"
    assert back["music_beat"] % 4 == 0
    assert back["hop"] <= 1037 + 200


def test_panic_ends_a_freeze() -> None:
    dancer = _dancer()
    _, events = _danced({300: ("freeze", 1.0), 437: ("panic", 1.0)}, dancer=dancer)
    assert [e["clip"] for e in events if e["hop"] == 437] == ["idle"]
    assert not dancer.wishes.frozen


def test_panic_takes_back_what_was_wished_before_it() -> None:
    dancer = _dancer()
    _danced({420: ("style", 1.0), 437: ("panic", 1.0), 1037: ("panic", 0.0)}, dancer=dancer)
    assert dancer.wishes.style == -1


def test_a_wish_in_silence_moves_nobody() -> None:
    _, events = _danced({10: ("next", 1.0)}, 1.0)
    assert len([e for e in events if e["hop"] < 100]) == 1


def test_whatever_is_wished_whenever_the_body_holds_together() -> None:
    rng = np.random.default_rng(4)
    names = [("style", 1.0), ("style", 0.0), ("style", 99.0), ("next", 1.0), ("freeze", 1.0), ("freeze", 0.0), ("panic", 1.0),
             ("panic", 0.0), ("quantize", 0.0), ("quantize", 1.0), ("stylelock", 1.0), ("stylelock", 0.0)]  # fmt: skip
    orders = {int(hop): names[int(rng.integers(len(names)))] for hop in rng.integers(0, 6000, 400)}
    poses, _ = _danced(orders, 60.0)
    joints = positions(poses["root_m"], poses["rotations"])
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=2).max(axis=1) / 0.01
    assert math.isfinite(speed.max())
    assert speed.max() < 12.0
    assert joints[:, [10, 11], 1].min() > -0.02
