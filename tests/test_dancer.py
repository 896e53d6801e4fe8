"""Heard in, pose out: on the beat, joined, on the stage, whatever is heard."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.config import DanceConfig, MatchConfig
from audio2pose.dancer import Dancer
from audio2pose.match.index import build
from audio2pose.match.matcher import Query
from audio2pose.match.plan import Plan, Step
from audio2pose.motion.body import JOINT
from audio2pose.motion.kinematics import positions
from audio2pose.music.heard import FLYWHEEL, LISTENING
from tests.made import clip, log, silent


def _dancer(**config: object) -> Dancer:
    a, b = clip("a"), clip("b", swing_deg=-60.0, travel_m=0.6, turn_deg=20.0)
    lib = build([a, a.mirror(), b, b.mirror(), clip("idle", idle=True, swing_deg=5.0, bpm=90.0)], name="made")
    return Dancer(MatchConfig(), DanceConfig(**config), lib, 0.01)  # type: ignore[arg-type]


def _danced(heard: np.ndarray, dancer: Dancer | None = None) -> tuple[np.ndarray, list[dict]]:
    dancer = dancer or _dancer()
    poses, events = [], []
    for h in heard:
        poses.append(dancer.process(h).copy())
        events += [dict(e, hop=int(h["hop"])) for e in dancer.events]
    return np.array(poses), events


def test_the_same_log_gives_the_same_poses_to_the_last_bit_also_after_reset() -> None:
    dancer = _dancer()
    first, _ = _danced(log(20.0), dancer)
    dancer.reset()
    again, _ = _danced(log(20.0), dancer)
    assert first.tobytes() == again.tobytes() == _danced(log(20.0))[0].tobytes()


def test_poses_are_for_the_hops_end_plus_the_latency() -> None:
    poses, _ = _danced(log(1.0), _dancer(latency_s=0.08))
    assert poses["time_s"] == pytest.approx(np.arange(1, 101) * 0.01 + 0.08)
    assert poses["beat"] == pytest.approx(poses["time_s"] * 2.0)


@pytest.mark.parametrize("latency_s", [0.0, 0.25])
def test_a_latency_that_changes_in_the_dance_is_approached_without_a_leap_and_poses_stay_in_order(latency_s: float) -> None:
    dancer, heard = _dancer(latency_s=0.08), log(10.0)
    before, _ = _danced(heard[:500], dancer)
    dancer.set_latency(latency_s)
    after, _ = _danced(heard[500:], dancer)
    poses = np.concatenate([before, after])
    assert np.diff(poses["time_s"]).min() > 0.005
    assert poses["time_s"][-1] == pytest.approx(10.0 + latency_s)
    assert poses["beat"] == pytest.approx(poses["time_s"] * 2.0, abs=0.01)
    joints = positions(poses["root_m"], poses["rotations"])
    assert np.linalg.norm(np.diff(joints, axis=0), axis=2).max() / 0.01 < 8.0


def test_cuts_fall_on_bar_lines() -> None:
    heard = log(60.0)
    heard["bar_origin"] = 3
    _, events = _danced(heard)
    starts = [e["music_beat"] for e in events]
    assert len(starts) > 5
    assert all((s - 3) % 4 == 0 for s in starts[1:])


def test_arms_stop_on_the_beat_whatever_the_tempo_within_range() -> None:
    for bpm in (95.0, 120.0, 150.0):
        poses, _ = _danced(log(30.0, bpm=bpm))
        P = positions(poses["root_m"], poses["rotations"])
        hand = P[:, JOINT["left_wrist"]] - P[:, 0]
        speed = np.linalg.norm(np.diff(hand, axis=0), axis=1)
        still = np.flatnonzero((speed[1:-1] < speed[:-2]) & (speed[1:-1] <= speed[2:])) + 1
        phase = (poses["beat"][still] + 0.5) % 1 - 0.5
        assert np.median(np.abs(phase)) < 0.04, bpm


def test_no_joint_is_faster_than_15_m_s_and_the_root_never_leaps() -> None:
    poses, _ = _danced(log(60.0))
    v = np.linalg.norm(np.diff(positions(poses["root_m"], poses["rotations"]), axis=0), axis=2) / 0.01
    assert v.max() < 15.0
    assert v[:, 0].max() < 2.5


def test_a_travelling_dancer_stays_on_the_stage() -> None:
    poses, _ = _danced(log(240.0))
    assert np.hypot(poses["root_m"][:, 0], poses["root_m"][:, 2]).max() < 1.6


def test_a_jump_of_the_clock_is_joined() -> None:
    heard = log(20.0)
    heard["beat"][1000:] += 0.4
    heard["jumps"][1000:] = 1
    poses, _ = _danced(heard)
    v = np.linalg.norm(np.diff(positions(poses["root_m"], poses["rotations"]), axis=0), axis=2) / 0.01
    assert v[980:1060].max() < 15.0
    assert np.diff(poses["beat"]).min() >= 0.0


def test_a_clock_that_jumps_by_hours_does_no_harm() -> None:
    heard = log(10.0)
    heard["beat"][500:] += 50000.3
    heard["jumps"][500:] = 7
    poses, _ = _danced(heard)
    assert np.isfinite(poses["root_m"]).all()
    assert np.isfinite(poses["rotations"]).all()


def test_silence_brings_an_idle_and_music_the_dance_again_on_a_bar_line() -> None:
    _, events = _danced(silent(log(40.0), 10.0, 25.0))
    names = [(e["clip"], e["hop"] / 100) for e in events]
    idle = [t for name, t in names if name == "idle" and t > 5.0]
    assert 10.0 <= idle[0] <= 10.6
    assert max(idle) < 25.0
    back = next(e for e in events if e["clip"] != "idle" and e["hop"] > 2000)
    assert 2500 <= back["hop"] <= 2750
    assert back["music_beat"] % 4 == 0


def test_the_dance_has_an_entrance_it_stands_until_the_first_bar_line() -> None:
    heard = log(10.0)
    heard["bar_origin"] = 3
    _, events = _danced(heard)
    assert events[0]["clip"] == "idle"
    assert events[1]["music_beat"] == 3.0
    assert events[1]["clip"] != "idle"


def test_energy_that_leaves_the_segment_brings_a_new_one_on_the_next_bar_line() -> None:
    heard = log(20.0, energy=0.9)
    heard["drive"][1050:] = 0.0
    _, events = _danced(heard)
    news = next(e for e in events if e["hop"] >= 1050)
    assert news["hop"] <= 1300
    assert news["music_beat"] % 4 == 0


def test_a_standing_foot_steps_to_where_the_next_segment_has_it() -> None:
    wide, narrow = clip("wide", stance_m=0.28), clip("narrow", stance_m=0.0)
    lib = build([wide, narrow], name="made")
    dancer = Dancer(MatchConfig(repetition_weight=20.0), DanceConfig(), lib, 0.01)
    poses, _ = _danced(log(20.0), dancer)
    P = positions(poses["root_m"], poses["rotations"])
    for ball, contact in ((JOINT["left_foot"], 1), (JOINT["right_foot"], 3)):
        slip = np.linalg.norm(np.diff(P[:, ball][:, [0, 2]], axis=0), axis=1)
        stands = (poses["contacts"][1:, contact] > 0.6) & (poses["contacts"][:-1, contact] > 0.6)
        assert slip[stands].max() < 0.004
    lifted = P[:, [JOINT["left_foot"], JOINT["right_foot"]], 1].max()
    assert lifted > 0.04


def test_before_the_first_lock_it_idles_and_on_the_flywheel_it_dances() -> None:
    _, events = _danced(log(10.0, state=LISTENING))
    assert {e["clip"] for e in events} == {"idle"}
    _, events = _danced(log(10.0, state=FLYWHEEL))
    assert "idle" not in {e["clip"] for e in events[1:]}


def test_a_tempo_that_leaves_the_segments_range_brings_a_new_one_on_the_next_beat() -> None:
    heard = log(20.0)
    fast = 2.0 * 1.8
    heard["rate_hz"][500:] = fast
    heard["tempo_bpm"][500:] = fast * 60
    heard["beat"][500:] = heard["beat"][499] + (np.arange(1500) + 1) * 0.01 * fast
    _, events = _danced(heard)
    cut = next(e for e in events if e["hop"] >= 500)
    assert cut["hop"] < 540
    assert cut["level"] == 0.5


def test_nan_and_nonsense_in_what_is_heard_never_reach_the_body() -> None:
    heard = log(10.0)
    for name in ("energy", "bass", "density", "brightness", "level_db"):
        heard[name][300:400] = np.nan
    heard["tempo_bpm"][300:400] = np.inf
    heard["meter"][400:] = 200
    poses, _ = _danced(heard)
    assert np.isfinite(poses["rotations"]).all()
    assert np.isfinite(poses["root_m"]).all()


def test_an_event_tells_why_a_segment_was_chosen() -> None:
    _, events = _danced(log(10.0))
    event = events[0]
    assert {"id", "clip", "style", "start_beat", "beats", "cost", "terms"} <= set(event)
    assert {"music", "tempo", "pose", "velocity", "repetition"} <= set(event["terms"])


def test_rotations_stay_unit_and_bones_rigid() -> None:
    poses, _ = _danced(log(30.0))
    assert np.abs(np.linalg.norm(poses["rotations"], axis=2) - 1).max() < 1e-5


def test_what_is_danced_next_is_decided_one_beat_ahead() -> None:
    one = log(20.0)
    _, events = _danced(one)
    cut = next(e for e in events if e["music_beat"] >= 16)
    late, early = one.copy(), one.copy()
    for heard, before_hops in ((late, 30), (early, 60)):
        heard["bass"][cut["hop"] - before_hops :] = 0.0
        heard["brightness"][cut["hop"] - before_hops :] = 0.0
        heard["density"][cut["hop"] - before_hops :] = 0.0
    terms = [next(e["terms"] for e in _danced(h)[1] if e["hop"] == cut["hop"]) for h in (late, early)]
    assert terms[0]["music"] == cut["terms"]["music"]
    assert terms[1]["music"] != cut["terms"]["music"]


def test_a_plan_is_danced_and_where_it_has_nothing_the_matcher_decides_up_to_its_next_step() -> None:
    dancer = _dancer()
    row = [dancer._matcher.decide(_query(dancer, at)) for at in (4.0, 20.0)]
    dancer.plan = Plan([Step(at=4.0, beats=6.0, choice=row[0]), Step(at=20.0, beats=4.0, choice=row[1])], 0.0)
    heard = log(16.0)
    heard["bar_origin"] = 4
    heard["bar_origin"][:190] = 5
    _, events = _danced(heard, dancer)
    danced = {e["music_beat"]: e for e in events if e["clip"] != "idle"}
    assert danced[4.0]["beats"] == 6.0
    assert danced[4.0]["clip"] == dancer._library.clip_names[row[0].clip]
    assert 10.0 in danced
    assert all(at + e["beats"] <= 20.0 for at, e in danced.items() if at < 20.0)
    assert danced[20.0]["beats"] == 4.0


def _query(dancer: Dancer, at: float) -> Query:
    heard, still = log(0.1)[0], dancer._shown
    return dancer._asker.query(
        heard, at, idle=False, follows=(-1, -1), body=still, joints_m=dancer._joints, drive_then=float(heard["drive"])
    )


def test_the_same_segment_is_danced_larger_for_music_that_drives_harder_and_by_the_size_asked_for() -> None:
    def reach(drive: float, **config: object) -> float:
        dancer = Dancer(MatchConfig(), DanceConfig(**config), build([clip("only", energy=0.5)], name="made"), 0.01)  # type: ignore[arg-type]
        heard = log(12.0)
        heard["drive"] = drive
        poses, _ = _danced(heard, dancer)
        P = positions(poses["root_m"], poses["rotations"])[500:]
        return float(np.ptp(P[:, JOINT["left_wrist"]], axis=0).max())

    soft, even, hard = (reach(drive) for drive in (0.0, 0.5, 1.0))
    assert soft < 0.9 * even < even < 0.98 * hard
    assert reach(0.0, size_range=0.0) == pytest.approx(even, rel=0.01)
    assert reach(0.5, size=1.3) > 1.1 * even
