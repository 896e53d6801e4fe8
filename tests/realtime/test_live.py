"""`audio2pose live` as people run it: a process of its own on a real song, what it writes, and how it ends."""

from __future__ import annotations

import fcntl
import itertools
import json
import math
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from audio2pose.motion.body import JOINT_NAMES
from audio2pose.presets import settings
from audio2pose.stage.offscreen import Offscreen
from tests.realtime.shows import live, song

SECONDS = 10.0
SUMMARY = {
    "schema", "seconds", "beats", "tempo_bpm", "first_lock_s", "segments", "frames", "fps", "hop_ms", "lateness_ms", "frame_ms",
    "frame_interval_ms", "callback_ms", "latency_ms", "dropped_hops", "overflows", "device_losses", "packets", "rss_mib",
}  # fmt: skip


class Ran:
    """One whole show: what it printed and where its files lie."""

    def __init__(self, folder: Path, out: str, err: str, code: int, oscdump: str, target: str) -> None:
        self.folder, self.out, self.err, self.code, self.oscdump, self.target = folder, out, err, code, oscdump, target
        self.events = [json.loads(line, parse_constant=_no_nan) for line in (folder / "e.jsonl").read_text().splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [e for e in self.events if e["event"] == kind]


def _no_nan(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture(scope="module")
def ran(testdata: Path, tmp_path_factory: pytest.TempPathFactory, need: Callable[[bool, str], None]) -> Ran:
    """Ten seconds of a real track, heard by liblo's oscdump, into files of each kind.

    Danced again, up to three times, where the machine was too busy to draw nine pictures of ten: a film of them tells nothing.
    """
    need(shutil.which("oscdump") is not None, "oscdump of liblo-tools is missing")
    for _ in range(3):
        show = _shown(testdata, tmp_path_factory.mktemp("live"))
        skipped = [e for e in show.of("trouble") if e["what"] in ("pictures_not_recorded", "dropped_hops")]
        if show.code == 0 and not skipped and json.loads(show.out)["frames"] >= 0.9 * 30 * SECONDS:
            break
    return show


def _shown(testdata: Path, folder: Path) -> Ran:
    port = _free_port()
    with (folder / "osc.txt").open("w") as heard:
        receiver = subprocess.Popen(["oscdump", "-L", str(port)], stdout=heard)
        path = sorted((testdata / "music" / "kentacho").glob("*.ogg"))[0]
        show = live(
            "--from-file", str(path), "--duration", f"{SECONDS:g}", "--no-window", "--size", "320x180", "--seed", "3", "--json",
            "--events", str(folder / "e.jsonl"), "--record", str(folder / "o.mp4"), "--record", str(folder / "o.npz"),
            "--send", f"native@127.0.0.1:{port},rate=50,axes=unity,latency=40",
        )  # fmt: skip
        try:
            out, err = show.communicate(timeout=60)
        finally:
            receiver.terminate()
            receiver.wait(5)
    return Ran(folder, out, err, show.returncode, (folder / "osc.txt").read_text(), f"native@127.0.0.1:{port}")


def test_the_summary_is_one_document_with_the_keys_of_the_contract(ran: Ran) -> None:
    assert ran.code == 0, ran.err
    summary = json.loads(ran.out, parse_constant=_no_nan)
    assert set(summary) == SUMMARY
    assert summary["seconds"] == SECONDS
    assert summary["beats"] > 8
    assert 100.0 < summary["tempo_bpm"] < 190.0
    assert 0.0 < summary["first_lock_s"] < SECONDS
    for spread in ("hop_ms", "lateness_ms", "frame_ms", "callback_ms"):
        assert set(summary[spread]) == {"p50", "p99", "max"}
        assert 0.0 < summary[spread]["p50"] <= summary[spread]["p99"] <= summary[spread]["max"]
    assert set(summary["latency_ms"]) == {"input", "output", "ahead"}
    assert summary["latency_ms"]["ahead"] == 80.0, "the default, which render --causal has too"
    assert summary["dropped_hops"] == summary["overflows"] == summary["device_losses"] == 0
    assert summary["frames"] > 100
    assert set(summary["packets"]) == {ran.target}
    assert 0.8 * 2 * 50 * SECONDS < summary["packets"][ran.target] < 2 * 50 * (SECONDS + 0.5)


def test_events_are_valid_and_agree_with_the_summary(ran: Ran) -> None:
    summary = json.loads(ran.out)
    assert {e["event"] for e in ran.events} <= {"beat", "segment", "state", "trouble", "status", "summary"}
    assert all(isinstance(e["t"], float) for e in ran.events)
    assert len(ran.of("beat")) == summary["beats"]
    assert len(ran.of("segment")) == summary["segments"]
    assert {"time_s", "position", "tempo_bpm", "confidence"} < set(ran.of("beat")[0])
    assert {"id", "clip", "style", "start_beat", "beats", "cost", "terms"} < set(ran.of("segment")[0])
    assert [e["state"] for e in ran.of("state")][-1] == "locked"
    assert 8 <= len(ran.of("status")) <= 12
    assert {k: v for k, v in ran.events[-1].items() if k not in ("t", "event")} == summary
    hops = [e["t"] for e in ran.events if e["event"] in ("beat", "segment", "state")]
    assert hops == sorted(hops)


def test_the_film_has_picture_and_sound_as_long_as_was_danced_within_a_frame(ran: Ran) -> None:
    with av.open(ran.folder / "o.mp4") as film:
        video, audio = film.streams.video[0], film.streams.audio[0]
        assert (video.width, video.height) == (320, 180)
        for stream in (video, audio):
            assert float(stream.duration * stream.time_base) == pytest.approx(SECONDS, abs=1 / 30 + 0.003)


def test_the_film_sounds_like_the_song_from_its_first_sample_on(ran: Ran, testdata: Path) -> None:
    original, rate_hz = song(testdata, SECONDS)
    from audio2pose.media.decode import read_song

    filmed, filmed_hz = read_song(ran.folder / "o.mp4")
    assert filmed_hz == rate_hz
    n = 2 * rate_hz
    a, b = original[4 * rate_hz :][:n], filmed[4 * rate_hz - 300 : 4 * rate_hz + n + 300]
    lag = int(np.argmax([float(a @ b[k : k + n]) for k in range(600)])) - 300
    assert abs(lag) < 0.003 * rate_hz
    at = 300 + lag
    assert np.corrcoef(a, b[at : at + n])[0, 1] > 0.95


def test_the_film_shows_a_dancer_who_moves(ran: Ran) -> None:
    with av.open(ran.folder / "o.mp4") as film:
        pictures = [f.to_ndarray(format="gray").astype(np.float32) for k, f in enumerate(film.decode(video=0)) if k % 30 == 15]
    assert len(pictures) >= 9
    assert all(p.std() > 3.0 for p in pictures)
    assert all(np.abs(a - b).max() > 30.0 for a, b in itertools.pairwise(pictures))


def test_the_film_is_in_step_with_the_dance_to_within_a_frame(ran: Ran) -> None:
    """The recorded poses are drawn anew for two seconds; the film fits them best unshifted.

    A busy machine draws some pictures too late: the one before stands in for them, so that half a frame may be lost.
    """
    first, n, reach = 150, 60, 3
    with np.load(ran.folder / "o.npz", allow_pickle=False) as poses:
        danced = poses["positions_m"]
    with av.open(ran.folder / "o.mp4") as film:
        shown = [f.to_ndarray(format="gray") for f in itertools.islice(film.decode(video=0), first, first + n)]
    stage = Offscreen(settings(overrides={"stage": {"width": 320, "height": 180}}, environ={}).stage)
    ours = []
    for k in range(first - reach, first + n + reach):
        at = 100.0 * k / 30.0
        a, u = int(at), at % 1.0
        joints = (1 - u) * danced[a] + u * danced[a + 1]
        ours.append(stage.picture(joints[None], t_s=k / 30.0, beat=0.0, energy=0.5).mean(axis=2))
    stage.close()
    apart = [
        np.mean([np.abs(shown[k].astype(np.float32) - ours[k + reach + shift]).mean() for k in range(10, n)])
        for shift in range(-reach, reach + 1)
    ]
    assert abs(int(np.argmin(apart)) - reach) <= 1, apart


def test_the_pose_file_holds_the_dance_that_was_shown(ran: Ran) -> None:
    with np.load(ran.folder / "o.npz", allow_pickle=False) as poses:
        assert poses["positions_m"].shape == (round(100 * SECONDS), 24, 3)
        assert float(poses["fps"]) == pytest.approx(100.0)
        assert np.isfinite(poses["positions_m"]).all()
        assert len(poses["beat_times_s"]) == len(ran.of("beat"))
        assert list(poses["segment_ids"]) == [e["id"] for e in ran.of("segment")]
        assert np.ptp(poses["positions_m"][:, JOINT_NAMES.index("left_hand")], axis=0).max() > 0.2


def test_the_dance_is_the_one_that_render_causal_makes(ran: Ran, testdata: Path, tmp_path: Path) -> None:
    path = sorted((testdata / "music" / "kentacho").glob("*.ogg"))[0]
    command = [sys.executable, "-m", "audio2pose", "render", str(path), "--causal", "--end", f"{SECONDS:g}", "--seed", "3"]
    subprocess.run([*command, "--fps", "100", "-o", str(tmp_path / "r.npz")], check=True, capture_output=True, timeout=60)
    with np.load(ran.folder / "o.npz") as live_one, np.load(tmp_path / "r.npz") as rendered:
        for name in ("contacts", "beat_times_s", "beat_positions", "segment_ids"):
            assert np.array_equal(live_one[name], rendered[name]), name
        # Hop poses are the same bits (test_heart.py); the grid of a file falls on them to 1e-13 of a hop.
        for name in ("root_m", "rotations"):
            assert np.abs(live_one[name] - rendered[name]).max() < 1e-7, name
        assert live_one["segment_starts_s"] == pytest.approx(rendered["segment_starts_s"], abs=1e-6)


def test_a_dance_for_a_slow_screen_is_danced_again_from_the_latency_that_live_tells(testdata: Path, tmp_path: Path) -> None:
    """300 ms ahead, to a song at 4 kHz; without --latency the same file gives another dance."""
    sound, rate_hz = song(testdata, 5.0)
    file = tmp_path / "low.wav"
    soundfile.write(file, resample_poly(sound, 4000, rate_hz), 4000)
    show = live(
        "--from-file", str(file), "--duration", "4", "--no-window", "--latency-ms", "300", "--json",
        "--record", str(tmp_path / "o.npz"),
    )  # fmt: skip
    out, err = show.communicate(timeout=60)
    ahead_ms = json.loads(out)["latency_ms"]["ahead"]
    assert ahead_ms == 326.0, err
    danced = {}
    for name, flags in (("same", ["--latency", f"{ahead_ms:g}"]), ("other", [])):
        command = [sys.executable, "-m", "audio2pose", "render", str(file), "--causal", "--end", "4", *flags]
        subprocess.run([*command, "--fps", "100", "-o", str(tmp_path / "r.npz")], check=True, capture_output=True, timeout=60)
        with np.load(tmp_path / "r.npz") as rendered:
            danced[name] = rendered["rotations"]
    with np.load(tmp_path / "o.npz") as live_one:
        assert np.abs(live_one["rotations"] - danced["same"]).max() < 1e-7
        assert np.abs(live_one["rotations"] - danced["other"]).max() > 0.01


def test_an_independent_receiver_prints_every_joint_of_the_dance(ran: Ran) -> None:
    lines = [line.split() for line in ran.oscdump.splitlines()]
    for name in JOINT_NAMES:
        heard = np.array([line[3:6] for line in lines if line[1] == f"/dance/1/{name}"], np.float64)
        assert heard.shape[0] > 0.8 * 50 * SECONDS
        assert np.isfinite(heard).all()
        assert (np.abs(heard) < 3.0).all()
    head = np.array([line[3:6] for line in lines if line[1] == "/dance/1/head"], np.float64)
    assert (head[:, 1] > 0.8).all()
    assert all(line[2] == "iif" for line in lines if line[1] == "/dance/1/frame")
    counts = [int(line[3]) for line in lines if line[1] == "/dance/beat"]
    assert counts == sorted(counts)
    assert counts[-1] > 8


def test_what_was_sent_is_what_was_danced(ran: Ran) -> None:
    """The joints that oscdump printed, against the recorded dance at the stream moment that each packet names."""
    with np.load(ran.folder / "o.npz", allow_pickle=False) as poses:
        danced = poses["positions_m"]
    lines = [line.split() for line in ran.oscdump.splitlines()]
    hands = [np.array(line[3:6], np.float64) for line in lines if line[1] == "/dance/1/right_hand"]
    at_s = [int(line[4]) / 1e3 for line in lines if line[1] == "/dance/1/frame"]
    errors = []
    for hand, t_s in zip(hands, at_s):
        k, u = int(t_s * 100), t_s * 100 % 1.0
        if 0 <= k < danced.shape[0] - 1:
            ours = (1 - u) * danced[k, 23] + u * danced[k + 1, 23]
            errors.append(np.abs(ours * (-1, 1, 1) - hand).max())
    assert len(errors) > 300
    assert np.percentile(errors, 90) < 0.01, "metres; whole milliseconds and a late hop now and then are allowed"


def _wait_for_a_pose(events: Path, show: subprocess.Popen[str], seconds: float = 20.0) -> float:
    """Wait until the first segment is told; how long that took."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < seconds:
        if show.poll() is not None or (events.exists() and "segment" in events.read_text()):
            break
        time.sleep(0.02)
    assert show.poll() is None, show.communicate()
    return time.monotonic() - began_s


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_end_within_a_second_and_the_film_is_whole(tmp_path: Path, ending: signal.Signals) -> None:
    events, film = tmp_path / "e.jsonl", tmp_path / "o.mp4"
    show = live("--demo", "--no-window", "--size", "320x180", "--record", str(film), "--events", str(events), "--json")
    _wait_for_a_pose(events, show)
    time.sleep(1.0)
    began_s = time.monotonic()
    show.send_signal(ending)
    out, err = show.communicate(timeout=10)
    # One second is the promise; the process itself takes some tenths to leave on a busy machine.
    assert time.monotonic() - began_s < 1.5
    assert show.returncode == 130, err
    seconds = json.loads(out)["seconds"]
    assert seconds >= 0.8
    with av.open(film) as made:
        video, audio = made.streams.video[0], made.streams.audio[0]
        assert float(video.duration * video.time_base) == pytest.approx(seconds, abs=1 / 30 + 0.003)
        assert float(audio.duration * audio.time_base) == pytest.approx(seconds, abs=1 / 30 + 0.003)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["e.jsonl", "o.mp4"]


def test_a_terminal_that_is_closed_ends_the_show_and_the_film_is_whole(tmp_path: Path) -> None:
    """A real terminal, its far end closed: a hang-up comes, and every line for eyes fails from then on."""
    events, film = tmp_path / "e.jsonl", tmp_path / "o.mp4"
    near, far = pty.openpty()
    flags = ["--demo", "--no-window", "--size", "320x180", "--record", str(film), "--events", str(events)]
    show = subprocess.Popen(
        [sys.executable, "-m", "audio2pose", "live", *flags],
        stdin=far, stdout=far, stderr=far, start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(far)
    until_s = time.monotonic() + 20.0
    while not (events.exists() and "segment" in events.read_text()) and time.monotonic() < until_s:
        time.sleep(0.02)
    time.sleep(0.5)
    os.close(near)
    assert show.wait(10) == 130
    summary = json.loads(events.read_text().splitlines()[-1])
    assert summary["event"] == "summary"
    with av.open(film) as made:
        video = made.streams.video[0]
        assert float(video.duration * video.time_base) == pytest.approx(summary["seconds"], abs=0.5 / 30 + 0.003)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["e.jsonl", "o.mp4"]


def test_a_disk_that_fills_up_costs_the_film_but_not_the_show(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the end of the disk: the kernel refuses the same writes."""
    flags = ["--demo", "--no-window", "--size", "320x180", "--duration", "2.5", "--record", str(tmp_path / "o.mp4")]
    show = live(*flags, "--events", "-", largest_file_bytes=20_000)
    out, err = show.communicate(timeout=40)
    documents = [json.loads(line) for line in out.splitlines()]
    assert documents[-1]["event"] == "summary"
    assert documents[-1]["seconds"] == 2.5
    assert documents[-1]["frames"] > 40
    assert "recording_failed" in [d.get("what") for d in documents]
    assert show.returncode == 5
    assert "o.mp4" in err
    assert not list(tmp_path.iterdir())


def test_without_a_display_a_show_that_nobody_would_see_exits_3() -> None:
    show = live("--demo")
    out, err = show.communicate(timeout=30)
    assert show.returncode == 3
    assert out == ""
    assert err.startswith("audio2pose: no display")
    assert len(err.splitlines()) == 2


def test_without_a_display_a_show_that_leaves_the_process_goes_on_and_its_events_end_with_the_summary() -> None:
    target = f"native@127.0.0.1:{_free_port()}"
    show = live("--demo", "--size", "64x64", "--duration", "1", "--send", target, "--json", "--events", "-")
    out, err = show.communicate(timeout=30)
    assert show.returncode == 0, err
    assert "drawing offscreen" in err
    documents = [json.loads(line, parse_constant=_no_nan) for line in out.splitlines()]
    assert sum(d["event"] == "summary" for d in documents) == 1
    summary = documents[-1]
    assert set(summary) == SUMMARY | {"t", "event"}
    assert summary["event"] == "summary"
    assert summary["first_lock_s"] is None or 0.0 < summary["first_lock_s"] <= 1.0
    assert 3 <= summary["frames"] <= 6, "nobody sees them, no film keeps them"
    assert summary["packets"][target] > 60


@pytest.mark.parametrize(
    ("flags", "code", "told"),
    [
        (["--demo", "--send", "native@no-such-host.invalid:9000"], 3, "does not resolve"),
        (["--demo", "--send", "nativ@127.0.0.1:9000"], 2, "no profile 'nativ'"),
        (["--from-file", "nowhere.ogg", "--duration", "1"], 4, "there is no file"),
        (["--demo", "--record", "o.avi"], 2, "can be recorded"),
        (["--demo", "--record", "nowhere/o.mp4"], 5, "there is no folder"),
        (["--demo", "--no-window", "--size", "321x180", "--record", "o.mp4"], 2, "even sizes"),
        (["--demo", "--bpm-range", "fast"], 2, "write it as 55:215"),
        (["--demo", "--no-window", "--style", "hous"], 2, "did you mean 'house'"),
        (["--demo", "--size", "big"], 2, "write it as 1280x720"),
        (["--demo", "--duration", "0"], 2, "above 0"),
        (["--demo", "--palette", "embr", "--no-window"], 2, "did you mean 'ember'"),
    ],
)
def test_what_is_wrong_is_told_in_two_lines_before_anything_begins(
    flags: list[str], code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from audio2pose.__main__ import main

    monkeypatch.chdir(tmp_path)
    assert main(["live", *flags]) == code
    err = capsys.readouterr().err
    assert told in err
    assert len(err.splitlines()) == 2
    assert not list(tmp_path.iterdir())


def test_a_share_is_never_more_than_the_largest() -> None:
    from audio2pose.realtime.spread import Spread

    spread = Spread()
    assert spread.told() == {"p50": None, "p99": None, "max": None}
    for value in [*range(1, 101), math.nan]:
        spread.add(value)
    told = spread.told()
    assert told["p50"] == pytest.approx(50, rel=0.02)
    assert told["p99"] == pytest.approx(99, rel=0.02)
    assert told["max"] == 100.0


def test_a_reader_of_the_events_that_goes_away_ends_the_show_and_what_was_danced_is_kept(tmp_path: Path) -> None:
    show = live("--demo", "--no-window", "--size", "64x64", "--events", "-", "--record", str(tmp_path / "a.npz"))
    assert show.stdout is not None
    for _ in range(3):
        show.stdout.readline()
    show.stdout.close()
    assert show.stderr is not None
    err = show.stderr.read()
    assert show.wait(30) == 0, err
    assert "Traceback" not in err
    with np.load(tmp_path / "a.npz") as kept:
        assert kept["positions_m"].shape[0] > 10


def test_a_show_that_never_begins_leaves_no_log(no_sound: None, tmp_path: Path) -> None:
    show = live("--require-device", "--no-window", "--duration", "1", "--log", str(tmp_path / "night.a2plog"))
    _, err = show.communicate(timeout=60)
    assert show.returncode == 3, err
    assert not list(tmp_path.iterdir())


def test_another_night_is_not_overwritten(tmp_path: Path) -> None:
    log = tmp_path / "night.a2plog"
    log.write_bytes(b"an older night")
    show = live("--demo", "--no-window", "--duration", "1", "--log", str(log))
    _, err = show.communicate(timeout=60)
    assert show.returncode == 2, err
    assert "give --log another name" in err
    assert log.read_bytes() == b"an older night"
