"""A library by name or by path.

A name goes through the entry-point group "audio2pose.libraries", so that a dance pack can be a package that anyone
installs and the live show never imports where dance comes from; a path is opened as a file.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from audio2pose.config import nearest
from audio2pose.errors import LibraryError
from audio2pose.match.index import Library, open_library

BUILT_IN = "builtin"


def library(name_or_path: str | None = None) -> Library:
    """The library that *name_or_path* names; the built-in one where it is None.

    Raises LibraryError where there is no such name or file.
    """
    wanted = name_or_path or BUILT_IN
    if wanted.endswith(".a2p") or "/" in wanted or "\\" in wanted:
        return open_library(wanted)
    known = {entry.name: entry for entry in entry_points(group="audio2pose.libraries")}
    if wanted not in known:
        raise LibraryError(f"no library named '{wanted}'{nearest(wanted, known)}, or give the path of a .a2p file")
    found: Library = known[wanted].load()()
    return found
