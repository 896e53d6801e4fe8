"""A file appears whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from audio2pose.errors import OutputError
from audio2pose.media.atomic import BesideFile, atomic_write


@pytest.fixture
def small_disk(tmp_path: Path, need: Callable[[bool, str], None]) -> Iterator[Path]:
    """A real disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    need(mounted.returncode == 0, "mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fail(error: type[BaseException]) -> None:
    raise error


def test_file_appears_only_when_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "poses.npy"
    with atomic_write(target) as temporary:
        np.save(temporary, np.arange(5))
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.name.startswith(".")
    assert os.listdir(tmp_path) == ["poses.npy"]
    assert np.array_equal(np.load(target), np.arange(5))


def test_temporary_keeps_the_suffix_so_that_numpy_adds_none(tmp_path: Path) -> None:
    with atomic_write(tmp_path / "poses.npz") as temporary:
        np.savez(temporary, a=np.zeros(3))
    assert os.listdir(tmp_path) == ["poses.npz"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_exception_leaves_the_older_file_as_it_was(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "poses.npy"
    target.write_bytes(b"older")
    with pytest.raises(error), atomic_write(target) as temporary:
        temporary.write_bytes(b"half") and fail(error)
    assert target.read_bytes() == b"older"
    assert os.listdir(tmp_path) == ["poses.npy"]


def test_file_has_the_rights_that_a_plain_open_gives(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with atomic_write(tmp_path / "ours") as temporary:
        temporary.write_bytes(b"")
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "ours")]
    assert modes[0] == modes[1]


def test_a_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real.npy").write_bytes(b"older")
    (tmp_path / "link.npy").symlink_to("real.npy")
    with atomic_write(tmp_path / "link.npy") as temporary:
        temporary.write_bytes(b"newer")
    assert (tmp_path / "link.npy").is_symlink()
    assert (tmp_path / "real.npy").read_bytes() == b"newer"


def test_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no folder .*nowhere.*: make it"), atomic_write(tmp_path / "nowhere" / "a.npy"):
        pytest.fail("the block must not run")


def test_a_file_where_a_folder_was_wanted_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(OutputError, match="no folder"):
        BesideFile(tmp_path / "file" / "a.npy")


@pytest.mark.parametrize("path", ["", "/"])
def test_a_folder_as_target_is_told(path: str) -> None:
    with pytest.raises(OutputError, match=r"is a folder.*: add a name"):
        BesideFile(path)


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.npy")
    for path in (Path("/dev/null"), tmp_path / "pipe.npy"):
        with pytest.raises(OutputError, match="device or a pipe"):
            BesideFile(path)
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_name_too_long_is_told(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="too long"):
        BesideFile(tmp_path / ("x" * 300))


def test_a_folder_that_may_not_be_written_is_told(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(OutputError, match="may not be written: allow writing"):
        BesideFile(small_disk / "a.npy")


def test_a_full_disk_is_told_and_left_clean(small_disk: Path) -> None:
    with pytest.raises(OutputError, match=r"no room left.*: free some space"), atomic_write(small_disk / "a.bin") as temporary:
        temporary.write_bytes(bytes(1 << 20))
    assert os.listdir(small_disk) == []


def test_a_target_that_became_a_folder_meanwhile_is_told(tmp_path: Path) -> None:
    beside = BesideFile(tmp_path / "a.npy")
    (tmp_path / "a.npy").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        beside.commit()
    assert os.listdir(tmp_path) == ["a.npy"]


@pytest.mark.parametrize("then", ["raise KeyboardInterrupt", "sys.exit(3)", "pass"])
def test_a_process_that_ends_between_two_steps_leaves_nothing(tmp_path: Path, then: str) -> None:
    program = f"""if True:
        import sys
        from audio2pose.media.atomic import BesideFile
        beside = BesideFile({str(tmp_path / "a.mp4")!r})
        print(beside.temporary.exists(), flush=True)
        {then}
    """
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True\n"
    assert (done.returncode == 0) == (then == "pass")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_that_ends_leaves_what_its_parent_writes(tmp_path: Path) -> None:
    program = f"""if True:
        import os, sys
        from audio2pose.media.atomic import BesideFile
        beside = BesideFile({str(tmp_path / "a.npy")!r})
        if os.fork() == 0:
            sys.exit(0)
        os.wait()
        beside.commit()
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert os.listdir(tmp_path) == ["a.npy"]


def test_a_finished_file_outlives_its_process(tmp_path: Path) -> None:
    program = f"from audio2pose.media.atomic import BesideFile; BesideFile({str(tmp_path / 'a.npy')!r}).commit()"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
    assert os.listdir(tmp_path) == ["a.npy"]
