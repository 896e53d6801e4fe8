"""The built-in library: danced once, kept in the user's cache, found through the entry point."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

from audio2pose.data import moves
from audio2pose.data.moves import shelf
from audio2pose.data.moves.rig import perform
from audio2pose.match import index


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDIO2POSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def small() -> index.Library:
    return index.build([perform(p) for p in moves.phrases() if p.name == "two_step_open" or p.idle], name="builtin")


def test_the_library_holds_every_phrase_and_is_opened_from_the_cache_the_next_time(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = moves.library()
    for phrase in moves.phrases():
        assert phrase.name in made.clip_names
        assert (f"{phrase.name}~" in made.clip_names) == phrase.mirror
    assert [p.suffix for p in cache.iterdir()] == [".a2p"]
    monkeypatch.setattr(moves, "clips", lambda: pytest.fail("danced again"))
    kept = moves.library()
    assert kept.checksum == made.checksum
    np.testing.assert_array_equal(kept.rotations, made.rotations)


def test_a_damaged_file_is_made_again(tmp_path: Path, small: index.Library) -> None:
    shelf.kept("lib", "k1", lambda: small, tmp_path)
    (tmp_path / "lib-k1.a2p").write_bytes(b"not a library")
    assert shelf.kept("lib", "k1", lambda: small, tmp_path).checksum == small.checksum
    assert index.open_library(tmp_path / "lib-k1.a2p").checksum == small.checksum


def test_another_key_replaces_the_older_file(tmp_path: Path, small: index.Library) -> None:
    shelf.kept("lib", "k1", lambda: small, tmp_path)
    shelf.kept("lib", "k2", lambda: small, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["lib-k2.a2p"]


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path, small: index.Library) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    assert shelf.kept("lib", "k1", lambda: small, blocked / "cache") is small
    assert blocked.read_text() == "in the way"


@pytest.mark.parametrize(
    ("platform", "environ", "folder"),
    [
        ("linux", {"HOME": "/h"}, "/h/.cache/audio2pose"),
        ("linux", {"HOME": "/h", "XDG_CACHE_HOME": "/x"}, "/x/audio2pose"),
        ("darwin", {"HOME": "/h"}, "/h/Library/Caches/audio2pose"),
        ("win32", {"HOME": "/h", "LOCALAPPDATA": "/l"}, "/l/audio2pose"),
        ("linux", {"HOME": "/h", "AUDIO2POSE_CACHE": "/mine"}, "/mine"),
    ],
)
def test_each_platform_has_its_own_cache_folder(platform: str, environ: dict[str, str], folder: str) -> None:
    assert shelf.cache_folder(environ, platform) == Path(folder)


def test_the_entry_point_leads_to_it() -> None:
    (point,) = [p for p in entry_points(group="audio2pose.libraries") if p.name == "builtin"]
    assert point.load() is moves.library
