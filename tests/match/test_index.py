"""The library in memory and on disk."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from audio2pose.errors import LibraryError
from audio2pose.match.find import library
from audio2pose.match.index import MAGIC, Library, build, open_library, save
from tests.made import clip


def _library() -> Library:
    a = clip("a")
    return build([a, a.mirror(), clip("still", swing_deg=1.0, energy=0.1), clip("idle", idle=True)], name="made")


def test_segments_are_the_entries_of_the_clips() -> None:
    lib = _library()
    assert lib.segments == 8
    assert [lib.segment_name(s) for s in range(4)] == ["a@0", "a@4", "a~@0", "a~@4"]


def test_a_mirror_is_kin_to_what_it_mirrors() -> None:
    assert _library().clip_kin.tolist() == [0, 0, 2, 3]


def test_descriptors_lie_within_0_and_1_and_tell_hard_work_from_stillness() -> None:
    lib = _library()
    assert ((lib.segment_descriptor >= 0) & (lib.segment_descriptor <= 1)).all()
    assert lib.segment_descriptor[0, 0] > lib.segment_descriptor[4, 0]


def test_a_saved_library_opens_as_it_was(tmp_path: Path) -> None:
    lib = _library()
    save(lib, tmp_path / "x.a2p")
    again = open_library(tmp_path / "x.a2p")
    for field in dataclasses.fields(Library):
        assert np.array_equal(getattr(lib, field.name), getattr(again, field.name)), field.name


def test_the_same_clips_make_the_same_bytes(tmp_path: Path) -> None:
    for name in "xy":
        save(_library(), tmp_path / name)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_nobody_can_write_into_a_library() -> None:
    with pytest.raises(ValueError, match="read-only"):
        _library().root_m[0] = 1.0


def test_no_clip_or_idles_alone_make_no_library() -> None:
    for clips in ([], [clip("i", idle=True)]):
        with pytest.raises(LibraryError, match="no clip to dance"):
            build(clips, name="none")


def test_two_clips_of_one_name_are_told() -> None:
    with pytest.raises(LibraryError, match="two clips named a"):
        build([clip("a"), clip("a")], name="double")


def test_a_missing_file_and_a_foreign_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="no library at"):
        open_library(tmp_path / "none.a2p")
    for content in (
        b"",
        b"RIFF" * 10,
        MAGIC,
        MAGIC + (10**18).to_bytes(8, "little"),
        MAGIC + (2).to_bytes(8, "little") + b"{}",
    ):
        (tmp_path / "f.a2p").write_bytes(content)
        with pytest.raises(LibraryError):
            open_library(tmp_path / "f.a2p")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("root_m", ["<f4", [10**12, 3], 0]),
        ("root_m", ["<f4", [-1, 3], 0]),
        ("rotations", ["|O8", [1, 24, 4], 0]),
        ("clip_pose", ["<i4", [5], 1 << 60]),
        ("clip_pose", ["<i4", [5], 3]),
        ("segment_clip", ["<i4", [4], 0]),
        ("beat_poses", "nothing"),
    ],
)
def test_a_header_that_lies_is_told_before_memory_is_taken(tmp_path: Path, key: str, value: object) -> None:
    path = tmp_path / "x.a2p"
    save(_library(), path)
    data = path.read_bytes()
    length = int.from_bytes(data[8:16], "little")
    header = json.loads(data[16 : 16 + length])
    header["arrays"][key] = value
    text = json.dumps(header).encode().ljust(length)
    path.write_bytes(data[:8] + len(text).to_bytes(8, "little") + text + data[16 + length :])
    with pytest.raises(LibraryError, match="build it again"):
        open_library(path)


def test_a_file_cut_anywhere_is_told_and_never_read_past_its_end(tmp_path: Path) -> None:
    path = tmp_path / "x.a2p"
    save(_library(), path)
    data = path.read_bytes()
    for n in range(0, len(data) - 1, len(data) // 37):
        path.write_bytes(data[:n])
        with pytest.raises(LibraryError):
            open_library(path)


def test_indices_out_of_range_are_told(tmp_path: Path) -> None:
    lib = _library()
    wrong = dataclasses.replace(lib, segment_clip=np.full_like(lib.segment_clip, 99))
    save(wrong, tmp_path / "x.a2p")
    with pytest.raises(LibraryError, match="out of range"):
        open_library(tmp_path / "x.a2p")


def test_half_beats_beside_their_beats_are_told(tmp_path: Path) -> None:
    lib = _library()
    save(dataclasses.replace(lib, half_poses=lib.half_poses[::-1].copy()), tmp_path / "x.a2p")
    with pytest.raises(LibraryError, match="half beats"):
        open_library(tmp_path / "x.a2p")


def test_tempi_that_do_not_rise_are_told(tmp_path: Path) -> None:
    lib = _library()
    save(dataclasses.replace(lib, clip_tempo=np.full_like(lib.clip_tempo, -1.0)), tmp_path / "x.a2p")
    with pytest.raises(LibraryError, match="tempi do not rise"):
        open_library(tmp_path / "x.a2p")


@pytest.mark.parametrize("key", ["rotations", "root_m", "segment_descriptor", "segment_contact", "clip_middle", "clip_bpm"])
def test_a_library_with_nan_is_told(tmp_path: Path, key: str) -> None:
    lib = _library()
    bad = getattr(lib, key).copy()
    bad.reshape(-1)[3] = np.nan
    save(dataclasses.replace(lib, **{key: bad}), tmp_path / "x.a2p")
    with pytest.raises(LibraryError, match=f"NaN or infinite values in {key}|without a rate"):
        open_library(tmp_path / "x.a2p")


def test_an_unknown_library_name_is_told_with_the_nearest() -> None:
    with pytest.raises(LibraryError, match="did you mean 'builtin'"):
        library("bultin")
