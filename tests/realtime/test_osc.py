"""OSC `native`: the bytes, as python-osc reads them; targets and what is wrong with them; packets on the loopback."""

from __future__ import annotations

import json
import socket
import threading
import time

import numpy as np
import pytest
from pythonosc.osc_bundle import OscBundle
from scipy.spatial.transform import Rotation

from audio2pose.errors import DeviceError, UsageError
from audio2pose.motion.body import JOINT_NAMES
from audio2pose.motion.kinematics import positions
from audio2pose.motion.pose import rest_pose
from audio2pose.music.heard import FLYWHEEL, LOCKED
from audio2pose.realtime.broadcast import Broadcaster, Sender, Target, parse_target
from audio2pose.realtime.handoff import Latest
from audio2pose.realtime.moment import RUN_POSES, Follower, moment_dtype
from audio2pose.realtime.osc import AXES, MAX_DATAGRAM_BYTES, Native, bundle
from audio2pose.realtime.sources import StreamClock

STYLES = np.array([4, 5, 6], np.int32)


def _moment(**heard: float) -> np.void:
    """A dancer at (0.5, 0.9, -0.25) with every joint turned a little, hop 7."""
    moment = np.zeros(1, moment_dtype(RUN_POSES))[0]
    moment["run"] = rest_pose()
    moment["run"]["time_s"] = 0.01 * np.arange(RUN_POSES)
    moment["run"]["root_m"] = (0.5, 0.9, -0.25)
    turns = Rotation.from_rotvec(np.random.default_rng(5).normal(size=(24, 3)) * 0.4).as_quat()
    moment["run"]["rotations"] = np.roll(turns, 1, axis=1)
    moment["run"]["contacts"] = (1.0, 0.5, 0.0, 0.25)
    moment["run"]["beat"] = 9.0 + 0.02 * np.arange(RUN_POSES)
    moment["run"]["segment"] = 1
    moment["run"]["cuts"] = 3
    moment["heard"]["hop"] = 7
    moment["heard"]["rate_hz"] = 2.0
    for name, value in heard.items():
        moment["heard"][name] = value
    return moment


def _follower(moment: np.void, stream_s: float = 0.05) -> Follower:
    latest = Latest(moment.dtype)
    latest.write(moment)
    follower = Follower(latest, StreamClock(), 0.0)
    assert follower.look(stream_s)
    return follower


def _read(datagram: bytes | bytearray) -> list[tuple[str, list[float]]]:
    assert bytes(datagram[:16]) == b"#bundle\0" + bytes(7) + b"\x01", "a bundle to be acted on immediately"
    return [(message.address, message.params) for message in OscBundle(bytes(datagram))]


def _sent(axes: str = "touchdesigner", moment: np.void | None = None) -> tuple[dict[str, list], dict[str, list], Follower]:
    follower = _follower(_moment() if moment is None else moment)
    body, music = Native(axes, STYLES).datagrams(follower, 0.05)
    return dict(_read(body)), dict(_read(music)), follower


def test_addresses_and_their_order_are_the_contract() -> None:
    body, music = Native("touchdesigner", STYLES).datagrams(_follower(_moment()), 0.05)
    assert [address for address, _ in _read(body)] == [
        *(f"/dance/1/{name}" for name in JOINT_NAMES), "/dance/1/root", "/dance/1/contact", "/dance/1/frame",
    ]  # fmt: skip
    assert [address for address, _ in _read(music)] == [
        "/dance/beat", "/dance/bar", "/dance/tempo", "/dance/phase", "/dance/lock", "/dance/energy", "/dance/onset/low",
        "/dance/onset/mid", "/dance/onset/high", "/dance/segment", "/dance/style",
    ]  # fmt: skip


def test_a_body_is_1224_bytes_and_every_datagram_fits_a_frame_of_the_network() -> None:
    body, music = Native("touchdesigner", STYLES).datagrams(_follower(_moment()), 0.05)
    assert len(body) == 1224
    assert max(len(body), len(music)) <= MAX_DATAGRAM_BYTES


def test_type_tags_are_the_contract() -> None:
    body, music = Native("touchdesigner", STYLES).datagrams(_follower(_moment()), 0.05)
    tags = {"pelvis": b",fff\0", "root": b",fffffff\0", "contact": b",ffff\0", "frame": b",iif\0"}
    for name, tag in tags.items():
        at = bytes(body).index(f"/dance/1/{name}\0".encode())
        assert tag in bytes(body)[at : at + 40]
    for name, tag in {"beat": b",iif\0", "bar": b",i\0", "segment": b",if\0", "phase": b",f\0"}.items():
        at = bytes(music).index(f"/dance/{name}\0".encode())
        assert tag in bytes(music)[at : at + 30]


def test_joints_root_contact_and_frame_are_the_pose_in_metres() -> None:
    body, _, follower = _sent(moment=_moment(confidence=0.75))
    expected = positions(follower.pose["root_m"][None], follower.pose["rotations"][None])[0]
    for j, name in enumerate(JOINT_NAMES):
        assert body[f"/dance/1/{name}"] == pytest.approx(expected[j], abs=1e-6)
    assert body["/dance/1/root"][:3] == pytest.approx([0.5, 0.9, -0.25], abs=1e-6)
    w, x, y, z = follower.pose["rotations"][0]
    assert body["/dance/1/root"][3:] == pytest.approx([x, y, z, w])
    assert body["/dance/1/contact"] == [1.0, 0.5, 0.0, 0.25]
    assert body["/dance/1/frame"] == [1, 50, 0.75]


def test_unity_is_left_handed_with_x_turned_round() -> None:
    ours, theirs = _sent()[0], _sent("unity")[0]
    x, y, z = ours["/dance/1/left_hand"]
    assert theirs["/dance/1/left_hand"] == pytest.approx([-x, y, z])
    x, y, z, qx, qy, qz, qw = ours["/dance/1/root"]
    assert theirs["/dance/1/root"] == pytest.approx([-x, y, z, qx, -qy, -qz, qw])


@pytest.mark.parametrize("axes", sorted(AXES))
def test_a_turned_root_turns_points_as_its_quaternion_says_on_every_axes(axes: str) -> None:
    """A point fixed to the pelvis, sent as a position, must be where the sent quaternion puts the sent rest offset."""
    follower = _follower(_moment())
    still = _moment()
    still["run"]["rotations"][..., 0, :] = (1.0, 0.0, 0.0, 0.0)
    turned, _ = Native(axes, STYLES).datagrams(follower, 0.05)
    rest, _ = Native(axes, STYLES).datagrams(_follower(still), 0.05)
    t, r = dict(_read(turned)), dict(_read(rest))
    offset = np.subtract(r["/dance/1/left_hip"], r["/dance/1/pelvis"])
    moved = Rotation.from_quat(t["/dance/1/root"][3:]).apply(offset)
    assert np.add(t["/dance/1/pelvis"], moved) == pytest.approx(t["/dance/1/left_hip"], abs=1e-5)


def test_blender_has_z_up() -> None:
    body, _, _ = _sent("blender")
    assert body["/dance/1/root"][2] == pytest.approx(0.9)
    assert body["/dance/1/root"][:3] == pytest.approx([0.5, 0.25, 0.9])


def test_the_nearest_beat_is_told_with_its_place_and_the_way_to_it() -> None:
    moment = _moment(meter=4, bar_origin=2, state=LOCKED, tempo_bpm=120.0)
    _, music, _ = _sent(moment=moment)  # b is 9.1 at 2 beats a second
    count, position, ms = music["/dance/beat"]
    assert (count, position) == (9, 4)
    assert ms == pytest.approx(50.0, abs=0.1)
    assert music["/dance/phase"] == pytest.approx([0.1], abs=1e-4)
    assert music["/dance/bar"] == [2]
    assert music["/dance/lock"] == [1.0]
    assert music["/dance/tempo"] == [120.0]
    moment["run"]["beat"] = 8.8
    _, music, _ = _sent(moment=moment)
    assert music["/dance/beat"][0] == 9
    assert music["/dance/beat"][2] == pytest.approx(-100.0, abs=0.1), "still to come"


def test_an_unknown_bar_is_0_and_a_remembered_beat_is_half_a_lock() -> None:
    _, music, _ = _sent(moment=_moment(meter=0, state=FLYWHEEL))
    assert (music["/dance/beat"][1], music["/dance/bar"], music["/dance/lock"]) == (0, [0], [0.5])


def test_the_segment_its_beats_and_its_style_are_told() -> None:
    native, moment = Native("touchdesigner", STYLES), _moment()
    native.datagrams(_follower(moment), 0.05)
    moment["run"]["beat"] += 2.5
    _, music = native.datagrams(_follower(moment), 0.05)
    told = dict(_read(music))
    assert told["/dance/segment"] == pytest.approx([1, 2.6], abs=1e-3)
    assert told["/dance/style"] == [5]


def test_onsets_between_two_looks_are_not_missed() -> None:
    moment = _moment()
    moment["onsets"][-3] = (0.9, 0.2, 0.1)
    latest = Latest(moment.dtype)
    latest.write(moment)
    follower = Follower(latest, StreamClock(), 0.0)
    follower.look(0.05)
    moment["heard"]["hop"] = 10
    moment["onsets"] = 0.0
    moment["onsets"][-2] = (0.1, 0.8, 0.3)
    latest.write(moment)
    follower.look(0.08)
    _, music = Native("touchdesigner", STYLES).datagrams(follower, 0.08)
    told = dict(_read(music))
    assert [told[f"/dance/onset/{band}"][0] for band in ("low", "mid", "high")] == pytest.approx([0.1, 0.8, 0.3])


def test_nan_never_leaves_and_the_last_good_pose_stands() -> None:
    native = Native("touchdesigner", STYLES)
    good = dict(_read(native.datagrams(_follower(_moment()), 0.05)[0]))
    bad = _moment(energy=np.nan, tempo_bpm=np.inf, confidence=np.nan, rate_hz=np.nan)
    bad["run"]["root_m"] = np.nan
    bad["run"]["beat"] = np.nan
    bad["onsets"] = np.nan
    body, music = native.datagrams(_follower(bad), 0.06)
    values = [v for _, params in _read(body) + _read(music) for v in params]
    assert np.isfinite(values).all()
    assert dict(_read(body))["/dance/1/head"] == good["/dance/1/head"]


def test_strings_end_in_one_to_four_zero_bytes() -> None:
    for length in range(1, 9):
        address = "/" + "a" * length
        data, _ = bundle([(address, "i")])
        assert _read(data) == [(address, [0])]


def test_a_target_says_all_that_it_wants() -> None:
    assert parse_target("native@127.0.0.1:9000") == Target(profile="native", host="127.0.0.1", port=9000)
    told = parse_target("native@stage.local:7000,rate=120,axes=unity,latency=20")
    assert (told.rate_hz, told.axes, told.latency_s, told.name) == (120.0, "unity", 0.020, "native@stage.local:7000")
    assert parse_target("native@[::1]:9000").host == "::1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("127.0.0.1:9000", "is no target"),
        ("native@127.0.0.1", "is no target"),
        ("nativ@127.0.0.1:9000", "did you mean 'native'"),
        ("native@127.0.0.1:99999", "1 to 65535"),
        ("native@127.0.0.1:x", "1 to 65535"),
        ("native@127.0.0.1:9000,axis=unity", "did you mean 'axes'"),
        ("native@127.0.0.1:9000,axes=unty", "did you mean 'unity'"),
        ("native@127.0.0.1:9000,rate=fast", "rate is 'fast'"),
        ("native@127.0.0.1:9000,rate=0", "1 to 240"),
        ("native@127.0.0.1:9000,latency=nan", "0 to 500"),
    ],
)
def test_what_is_wrong_with_a_target_is_told(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_target(text)


def test_a_host_that_does_not_resolve_is_told_with_exit_code_3() -> None:
    target = parse_target("native@no-such-host.invalid:9000")
    with pytest.raises(DeviceError, match="does not resolve") as caught:
        Sender(target, Latest(moment_dtype(RUN_POSES)), StreamClock(), STYLES)
    assert caught.value.exit_code == 3


def test_packets_leave_at_their_rate_with_the_pose_of_the_moment_plus_the_latency() -> None:
    moment, clock = _moment(), StreamClock()
    moment["run"]["time_s"] = np.linspace(0.0, 10.0, RUN_POSES)
    latest = Latest(moment.dtype)
    latest.write(moment)
    receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(2.0)
    target = Target(profile="native", host="127.0.0.1", port=receiver.getsockname()[1], rate_hz=100.0, latency_s=0.25)
    broadcaster = Broadcaster([Sender(target, latest, clock, STYLES)])
    stop, got = threading.Event(), []
    clock.mark(time.perf_counter(), 3.0)
    began_s = time.perf_counter()
    thread = threading.Thread(target=broadcaster.run, args=(stop,))
    thread.start()
    while time.perf_counter() - began_s < 0.5:
        got.append((time.perf_counter(), receiver.recv(2048)))
    stop.set()
    thread.join(2.0)
    broadcaster.close()
    receiver.close()
    assert 70 <= len(got) <= 104, "100 times two datagrams in a second, half of one"
    assert broadcaster.errors == 0
    assert broadcaster.packets[target.name] >= len(got)
    at_s, body = got[0]
    frame = dict(_read(body))["/dance/1/frame"]
    assert frame[1] / 1e3 == pytest.approx(clock.at(at_s) + 0.25, abs=0.05)
    numbers = [dict(_read(d))["/dance/1/frame"][0] for _, d in got[::2]]
    assert numbers == list(range(1, len(numbers) + 1))
    json.dumps(frame, allow_nan=False)


def test_errors_of_the_system_are_counted_and_never_raised() -> None:
    moment, clock = _moment(), StreamClock()
    latest = Latest(moment.dtype)
    latest.write(moment)
    clock.mark(time.perf_counter(), 0.0)
    sender = Sender(Target(profile="native", host="127.0.0.1", port=9), latest, clock, STYLES)
    sender.close()  # what a network that went away looks like
    sender.send(time.perf_counter())
    assert (sender.packets, sender.errors) == (0, 2)
