"""A file appears whole or not at all: written beside its target under a hidden name, renamed when it is complete.

Files    the hidden file lies in the target's own folder (so that the rename is atomic) and keeps the suffix.
Threads  one a file, the caller's.
Errors   every OSError on the way becomes an OutputError that tells what to do.
"""

from __future__ import annotations

import atexit
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from audio2pose.errors import OutputError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
_unfinished: set[Path] = set()
"""Hidden files that are neither committed nor discarded: an interrupt may fall between any two steps of whoever writes."""


@atexit.register
def discard_unfinished() -> None:
    """Remove every hidden file that nobody finished; called as the process ends."""
    for path in list(_unfinished):
        _unfinished.discard(path)
        with suppress(OSError):
            path.unlink(missing_ok=True)


if hasattr(os, "register_at_fork"):
    # What a parent writes is not its child's to remove.
    os.register_at_fork(after_in_child=_unfinished.clear)


def output_error(path: str | os.PathLike[str], error: OSError) -> OutputError:
    """What went wrong with writing *path*, in words, with the way out."""
    folder = Path(path).parent
    if error.errno in _FULL:
        return OutputError(f"no room left on the disk for {path}: free some space, or write to another disk")
    if error.errno in _FORBIDDEN:
        return OutputError(f"{path} may not be written: allow writing in {folder}, or give another folder")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return OutputError(f"there is no folder {folder} to write {Path(path).name} into: make it, or give another one")
    if error.errno == errno.EISDIR:
        return OutputError(f"{path} is a folder, a file name was wanted: add a name to it")
    if error.errno == errno.ENAMETOOLONG:
        return OutputError(f"the name {Path(path).name[:40]}... is too long for this disk: give a shorter one")
    return OutputError(f"{path} could not be written ({error.strerror or error}): try another folder or disk")


class BesideFile:
    """The hidden file of one target: `temporary` is written by anyone, then `commit` or `discard`, once.

    Raises OutputError at once where the target could never be written, so that long work fails before it begins.
    Threads: one at a time.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        # A link is written through, not replaced; a device or pipe would be replaced by a file, so it is refused.
        try:
            self._target = Path(os.path.realpath(self.path))
        except OSError as error:  # where we stand is gone
            raise output_error(path, error) from error
        self.temporary = self._target.parent / f".{secrets.token_hex(6)}.part{self._target.suffix}"
        try:
            if self._target.is_dir():
                raise IsADirectoryError(errno.EISDIR, "is a folder")
            if self._target.exists() and not self._target.is_file():
                raise OutputError(f"{self.path} is a device or a pipe, a file was wanted: give a file name")
            if self._target.exists() and not os.access(self._target, os.W_OK):
                raise PermissionError(errno.EACCES, "not writable")
            _unfinished.add(self.temporary)
            self.temporary.open("xb").close()
        except OutputError:
            raise
        except OSError as error:
            _unfinished.discard(self.temporary)
            raise output_error(self.path, error) from error

    def commit(self) -> None:
        """The target is now what `temporary` holds."""
        try:
            # Synced first: a power cut after the rename must not leave an empty file under the good name.
            with self.temporary.open("rb+") as file:
                os.fsync(file.fileno())
            os.replace(self.temporary, self._target)
            _unfinished.discard(self.temporary)
        except OSError as error:
            self.discard()
            raise output_error(self.path, error) from error

    def discard(self) -> None:
        """Nothing is left; an older file at the target stays as it was."""
        with suppress(OSError):
            self.temporary.unlink(missing_ok=True)
        _unfinished.discard(self.temporary)


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A path beside *path* to write to: becomes *path* when the block ends well, vanishes when it raises.

    Raises OutputError for every OSError, those of the block included.
    """
    beside = BesideFile(path)
    try:
        yield beside.temporary
    except OutputError:
        beside.discard()
        raise
    except OSError as error:
        beside.discard()
        raise output_error(path, error) from error
    except BaseException:
        beside.discard()
        raise
    beside.commit()
