"""Pose files: what is written is what is read, and a stranger's file is believed in nothing."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio2pose.errors import CorpusError, OutputError, UsageError
from audio2pose.media import posefile
from audio2pose.media.demo_song import demo_song
from audio2pose.media.posefile import PoseFile
from audio2pose.motion.kinematics import positions
from tests.media.test_bvh import furthest_m, read_back


def dance(T: int = 50) -> PoseFile:
    rng = np.random.default_rng(5)
    rotations = rng.normal(size=(T, 24, 4))
    rotations = (rotations / np.linalg.norm(rotations, axis=-1, keepdims=True)).astype(np.float32)
    root_m = rng.normal(size=(T, 3)).astype(np.float32)
    return PoseFile(
        positions_m=positions(root_m, rotations), rotations=rotations, root_m=root_m,
        contacts=rng.uniform(size=(T, 4)).astype(np.float32), fps=50.0, beat_times_s=np.array([0.1, 0.6]),
        beat_positions=np.array([1, 2], np.int32), accent_times_s=np.array([0.35]), segment_starts_s=np.array([0.01]),
        segment_ids=("sway@0",),
    )  # fmt: skip


@pytest.mark.parametrize(("suffix", "grain"), [(".npz", 0.0), (".json", 1e-6)])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str, grain: float) -> None:
    wrote = dance()
    posefile.write(tmp_path / f"a{suffix}", wrote)
    found = posefile.read(tmp_path / f"a{suffix}")
    for name in ("positions_m", "rotations", "root_m", "contacts", "beat_times_s", "accent_times_s", "segment_starts_s"):
        assert np.abs(getattr(found, name) - getattr(wrote, name)).max() <= grain, name
    assert (found.fps, found.segment_ids, found.notes) == (50.0, ("sway@0",), ())
    assert found.beat_positions.tolist() == [1, 2]


def test_long_lists_are_one_valid_document(tmp_path: Path) -> None:
    posefile.write(tmp_path / "a.json", dance(posefile.LIST_POSES + 3))
    assert len(json.loads((tmp_path / "a.json").read_text())["rotations"]) == posefile.LIST_POSES + 3


def test_an_npy_of_either_set_of_joints_is_read_and_its_rate_is_guessed_and_told(tmp_path: Path) -> None:
    for joints, count in (("coco17", 17), ("body24", 24)):
        posefile.write(tmp_path / "a.npy", dance(), joints=joints)
        assert np.load(tmp_path / "a.npy").shape == (50, count, 3)
        found = posefile.read(tmp_path / "a.npy")
        assert found.positions_m.shape == (50, 24, 3)
        assert found.fps == 60.0
        assert "guessed" in found.notes[0]
        assert posefile.read(tmp_path / "a.npy", 25.0).seconds == 2.0


def test_nan_joints_are_told_and_stay_nan(tmp_path: Path) -> None:
    points = np.ones((10, 24, 3), np.float32)
    points[3, 5] = np.nan
    points[4, 5, 1] = np.inf
    np.save(tmp_path / "a.npy", points)
    found = posefile.read(tmp_path / "a.npy", 60.0)
    assert "2 of 10 poses" in found.notes[0]
    assert np.isnan(found.positions_m[4, 5, 1])


def test_points_by_columns_or_as_float64_are_the_same_points(tmp_path: Path) -> None:
    points = np.random.default_rng(1).normal(size=(9, 24, 3))
    np.save(tmp_path / "a.npy", np.asfortranarray(points))
    assert np.allclose(posefile.read(tmp_path / "a.npy", 60.0).positions_m, points, atol=1e-6)


def npy_head(shape: str, kind: str = "<f4") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no pose file"),
        (b"plain text", "no pose file"),
        (npy_head("(1000000000000, 17, 3)"), "more than is read"),
        (npy_head("(-1, 17, 3)"), "more than is read"),
        (npy_head("(100, 17, 3)") + bytes(50), "fewer bytes"),
        (npy_head("(1, 17, 3)", "|O") + bytes(408), "plain numbers"),
        (npy_head("(1, 17, 3)", "<U9") + bytes(2000), "plain numbers"),
        (b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 900, "readable head"),
        (b"\x93NUMPY\x09\x00", "readable head"),
        (npy_head("(4, 18, 3)") + bytes(864), "(T, 17, 3)"),
        (npy_head("(0, 17, 3)"), "(T, 17, 3)"),
        (b'{"positions_m": [[1, 2], [3]]}', "no array"),
        (b'{"positions_m": []}', "shape"),
        (b'{"a": 1}', "positions_m"),
        (b'{"positions_m": ', "no valid JSON"),
        (b"{" + b'"a":[' * 5000, "no valid JSON"),
        (b"PK\x03\x04 not a zip", "damaged"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(CorpusError) as told:
        posefile.read(tmp_path / "a.npy")
    assert words in str(told.value)
    assert ": " in str(told.value)


def test_a_zip_that_swells_is_refused_before_it_takes_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("positions_m.npy", npy_head("(900000000, 24, 3)") + bytes(1000))
    with pytest.raises(CorpusError, match="more than is read"):
        posefile.read(tmp_path / "a.npz")


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.95])
def test_a_file_cut_short_is_refused(tmp_path: Path, cut: float) -> None:
    for suffix in (".npz", ".json", ".npy"):
        path = tmp_path / f"a{suffix}"
        posefile.write(path, dance())
        whole = path.read_bytes()
        path.write_bytes(whole[: int(cut * len(whole))])
        with pytest.raises(CorpusError):
            posefile.read(path)


def test_arrays_of_two_lengths_are_refused(tmp_path: Path) -> None:
    posefile.write(tmp_path / "a.npz", dance())
    with np.load(tmp_path / "a.npz") as held:
        values = {k: held[k] for k in held.files}
    values["root_m"] = values["root_m"][:-1]
    buffer = io.BytesIO()
    np.savez(buffer, **values)
    (tmp_path / "b.npz").write_bytes(buffer.getvalue())
    with pytest.raises(CorpusError, match="root_m"):
        posefile.read(tmp_path / "b.npz")


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no file"):
        posefile.read(tmp_path / "none.npz")
    with pytest.raises(CorpusError, match="folder"):
        posefile.read(tmp_path)


def test_the_whole_dance_to_the_built_in_song_is_the_same_as_bvh_to_a_millimetre(
    made: Callable[..., Path], tmp_path: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    song = demo_song()
    demo = made(song.samples, song.sample_rate_hz)
    code, _, err = command("render", demo, "-o", tmp_path / "a.bvh", "-o", tmp_path / "a.npz")
    assert code == 0, err
    held, found = posefile.read(tmp_path / "a.npz"), read_back(tmp_path / "a.bvh")
    assert found.values.shape[0] == held.poses > 60 * 60
    assert found.frame_s == pytest.approx(1.0 / 60.0, abs=1e-8)
    assert furthest_m(found, held.positions_m) < 1e-3
    turns_deg = found.values[:, 3:]
    assert np.abs(np.diff(turns_deg, axis=0)).max() < 120.0, "a whole turn is counted on, never leapt back"
    code, _, err = command("render", demo, "-d", tmp_path, "-o", ".bvh", "--fps", "30", "--end", "1")
    assert code == 0, err
    assert read_back(tmp_path / f"{demo.stem}.bvh").values.shape[0] == 30


def test_points_without_rotations_are_no_bvh(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((4, 24, 3), np.float32))
    with pytest.raises(UsageError, match="rotations"):
        posefile.write(tmp_path / "a.bvh", posefile.read(tmp_path / "a.npy", 60.0))
    assert not (tmp_path / "a.bvh").exists()


def test_nan_never_gets_into_a_whole_pose_file_and_the_old_one_stays(tmp_path: Path) -> None:
    posefile.write(tmp_path / "a.npz", dance())
    before = (tmp_path / "a.npz").read_bytes()
    bad = dance()
    bad.positions_m[0, 0, 0] = np.nan
    with pytest.raises(OutputError, match="NaN"):
        posefile.write(tmp_path / "a.npz", bad)
    assert (tmp_path / "a.npz").read_bytes() == before
    with pytest.raises(UsageError):
        posefile.write(tmp_path / "a.txt", dance())
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
