"""Every form that `render` writes, through the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from audio2pose.motion.body import JOINT_NAMES, OFFSETS_M, PARENTS

SMALL = ("--size", "160x96")
Run = Callable[..., tuple[int, str, str]]


def streams_s(path: Path) -> dict[str, float]:
    with av.open(str(path)) as container:
        return {s.type: float((s.duration or 0) * s.time_base) for s in container.streams}


def pictures(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as container:
        return [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]


def test_one_performance_becomes_every_form_at_once(demo: Path, tmp_path: Path, command: Run) -> None:
    outs = [tmp_path / f"out{suffix}" for suffix in (".npz", ".npy", ".json", ".mp4")]
    named = [word for out in outs for word in ("-o", out)]
    code, out, err = command("render", demo, *named, "--strip", tmp_path / "s.png", "--end", "6.02", "--json", *SMALL)
    assert code == 0, err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.json", "out.mp4", "out.npy", "out.npz", "s.png"]

    T = round(6.02 * 60)
    with np.load(outs[0], allow_pickle=False) as held:
        assert {k: (held[k].shape, held[k].dtype.str) for k in ("positions_m", "rotations", "root_m", "contacts")} == {
            "positions_m": ((T, 24, 3), "<f4"), "rotations": ((T, 24, 4), "<f4"), "root_m": ((T, 3), "<f4"),
            "contacts": ((T, 4), "<f4"),
        }  # fmt: skip
        assert float(held["fps"]) == 60.0
        assert held["joint_names"].tolist() == list(JOINT_NAMES)
        assert (held["parents"] == PARENTS).all()
        assert (held["offsets_m"] == OFFSETS_M).all()
        assert held["beat_times_s"].shape == held["beat_positions"].shape
        assert held["segment_starts_s"].shape == held["segment_ids"].shape
        assert held["accent_times_s"].size >= 3  # one a bar
        assert int(held["schema"]) == 1
        keys, positions_m = set(held.files), held["positions_m"]
    lists = json.loads(outs[2].read_text())
    assert set(lists) == keys
    assert np.abs(np.array(lists["positions_m"]) - positions_m).max() < 1e-6
    points = np.load(outs[1], allow_pickle=False)
    assert (points.shape, points.dtype.str) == ((T, 17, 3), "<f4")
    assert np.array_equal(points[:, 15], positions_m[:, 7])  # left ankle

    told = json.loads(out)["songs"][0]
    assert told["seconds"] == pytest.approx(6.02, abs=1e-3)
    assert [f["path"] for f in told["files"]] == [str(o) for o in outs] + [str(tmp_path / "s.png")]
    assert told["segments"] == len(lists["segment_ids"])
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("fps", "end_s"), [(30.0, 3.01), (25.0, 2.99), (60.0, 2.0)])
def test_picture_and_sound_last_as_long_as_the_song_to_a_frame(
    demo: Path, tmp_path: Path, command: Run, fps: float, end_s: float
) -> None:
    code, _, err = command("render", demo, "-o", tmp_path / "v.mp4", "--fps", fps, "--end", end_s, *SMALL)
    assert code == 0, err
    lasts = streams_s(tmp_path / "v.mp4")
    assert lasts["video"] == pytest.approx(end_s, abs=1.0 / fps)
    assert lasts["audio"] == pytest.approx(end_s, abs=1.0 / fps)


def test_the_sound_in_the_video_is_the_songs_own_from_its_start_on(demo: Path, tmp_path: Path, command: Run) -> None:
    command("render", demo, "-o", tmp_path / "v.mp4", "--start", "2", "--end", "4", *SMALL)
    from audio2pose.media.decode import read_song

    ours, rate_hz = read_song(tmp_path / "v.mp4")
    song, _ = read_song(demo, start_s=2.0, end_s=4.0)
    n = min(ours.shape[0], song.shape[0])
    lags = range(-441, 442, 9)
    match = [float(np.dot(ours[1000 + lag : n - 1000 + lag], song[1000 : n - 1000])) for lag in lags]
    assert abs(list(lags)[int(np.argmax(match))]) <= 45  # samples, of 44100 a second
    assert rate_hz == 44100


def test_picture_k_shows_the_pose_of_its_moment(demo: Path, tmp_path: Path, command: Run) -> None:
    command("render", demo, "-o", tmp_path / "v.mp4", "-o", tmp_path / "v.npz", "--end", "3", "--background", "black", *SMALL)
    shown = pictures(tmp_path / "v.mp4")
    held = np.load(tmp_path / "v.npz")["positions_m"]
    assert len(shown) == 90
    # Lit pixels and the body's own width move together: a picture shown a tenth of a second late would not.
    wide = np.array([np.ptp(np.flatnonzero(p.max(axis=(0, 2)) > 60)) for p in shown[5:]], np.float64)
    body = np.ptp(held[10::2, :, 0], axis=1)
    assert np.corrcoef(wide, body[: wide.size])[0, 1] > 0.8


def test_body24_gives_all_joints_and_an_unknown_set_is_told(demo: Path, tmp_path: Path, command: Run) -> None:
    assert command("render", demo, "-o", tmp_path / "a.npy", "--joints", "body24", "--end", "2", "--fps", "30")[0] == 0
    assert np.load(tmp_path / "a.npy").shape == (60, 24, 3)
    assert command("render", demo, "-o", tmp_path / "a.npy", "--joints", "smpl")[0] == 2


def test_a_folder_takes_several_songs_by_their_names(demo: Path, tmp_path: Path, command: Run) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(demo.read_bytes())
    folder = tmp_path / "out"
    folder.mkdir()
    code, out, err = command("render", demo, other, "-d", folder, "-o", ".npz", "-o", ".npy", "--end", "2", "--json")
    assert code == 0, err
    assert sorted(p.name for p in folder.iterdir()) == ["demo.npy", "demo.npz", "other.npy", "other.npz"]
    assert len(json.loads(out)["songs"]) == 2
    assert command("render", demo, "-d", folder, "--end", "1", *SMALL)[0] == 0
    assert (folder / "demo.mp4").is_file()


def test_two_runs_write_the_same_bytes_of_poses(demo: Path, tmp_path: Path, command: Run) -> None:
    for name in ("a", "b"):
        command("render", demo, "-o", tmp_path / f"{name}.npy", "--end", "4", "--seed", "3")
    assert (tmp_path / "a.npy").read_bytes() == (tmp_path / "b.npy").read_bytes()


def test_flags_reach_the_dance(demo: Path, tmp_path: Path, command: Run) -> None:
    def cuts(*flags: str) -> int:
        code, out, err = command("render", demo, "-o", tmp_path / "x.npy", "--json", *flags)
        assert code == 0, err
        return int(json.loads(out)["songs"][0]["segments"])

    plain = cuts()
    assert cuts("--segment-beats", "2") > plain
    hard, soft = tmp_path / "hard.npy", tmp_path / "soft.npy"
    command("render", demo, "-o", hard, "--no-blend", "--segment-beats", "4")
    command("render", demo, "-o", soft, "--blend-frames", "12", "--segment-beats", "4")
    steps = [np.linalg.norm(np.diff(np.load(p), axis=0), axis=-1).max() for p in (hard, soft)]
    assert steps[0] > steps[1]


def test_a_drawn_pose_file_lasts_as_long_as_its_poses(demo: Path, tmp_path: Path, command: Run) -> None:
    command("render", demo, "-o", tmp_path / "a.npz", "-o", tmp_path / "a.npy", "--end", "2")
    code, _, err = command("draw", tmp_path / "a.npz", "-o", tmp_path / "a.mp4", "--audio", demo, *SMALL)
    assert code == 0, err
    assert streams_s(tmp_path / "a.mp4") == pytest.approx({"video": 2.0, "audio": 2.0}, abs=1 / 30)
    code, _, err = command("draw", tmp_path / "a.npy", "-o", tmp_path / "b.mp4", *SMALL)
    assert "60 poses a second were guessed" in err
    assert streams_s(tmp_path / "b.mp4") == pytest.approx({"video": 2.0})
    command("draw", tmp_path / "a.npy", "-o", tmp_path / "c.mp4", "--pose-fps", "30", *SMALL)
    assert streams_s(tmp_path / "c.mp4") == pytest.approx({"video": 4.0})


def test_real_points_of_another_body_are_drawn_on_the_floor(testdata: Path, tmp_path: Path, command: Run) -> None:
    points = testdata / "motion" / "aistpp" / "derived3d" / "gBR_sBM_cAll_d04_mBR0_ch02.npy"
    code, _, err = command("draw", points, "-o", tmp_path / "d.mp4", "--background", "black", "--size", "96x96")
    assert code == 0, err
    assert "centimetres" in err
    lit = np.stack(pictures(tmp_path / "d.mp4")[::30]).max(axis=(0, 2, 3)) > 60
    rows = np.flatnonzero(lit)
    assert rows.min() > 4  # neither the head
    assert rows.max() < 92  # nor the feet leave the picture


def test_every_real_song_renders(testdata: Path, tmp_path: Path, command: Run) -> None:
    songs = sorted((testdata / "music").rglob("*.ogg"))
    assert len(songs) >= 13
    for song in songs:
        code, _, err = command("render", song, "-o", tmp_path / "a.npz", "--start", "3", "--end", "8")
        assert code == 0, err
        with np.load(tmp_path / "a.npz") as held:
            assert np.isfinite(held["positions_m"]).all()
            assert held["positions_m"][..., 1].min() > -0.02


def begun(argv: list[object], folder: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "audio2pose", *map(str, argv)], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30.0
    # Half-way: the checks have come and gone, the hidden file has pictures in it.
    while not any(p.stat().st_size > 1 << 14 for p in folder.glob(".*.part.mp4")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_ctrl_c_while_drawing_leaves_nothing(demo: Path, tmp_path: Path) -> None:
    process = begun(["render", demo, "-o", tmp_path / "v.mp4", "--size", "1280x720"], tmp_path)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert os.listdir(tmp_path) == []
