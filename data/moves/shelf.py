"""Keeps the built library in the user's cache folder, so that it is danced once and opened ever after.

Shapes   a file builtin-KEY.a2p; KEY is a hash of everything that the library is made from.
Threads  any, and any number of processes: a file appears whole or not at all, and equal keys mean equal files.
Source   XDG base directories; the platforms' own guides for caches.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from audio2pose.errors import LibraryError
from audio2pose.match.index import Library, open_library, save
from audio2pose.media.atomic import atomic_write


def cache_folder(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Where this user's caches of audio2pose go; AUDIO2POSE_CACHE says otherwise."""
    if environ.get("AUDIO2POSE_CACHE"):
        return Path(environ["AUDIO2POSE_CACHE"])
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    if platform == "win32":
        base = Path(environ["LOCALAPPDATA"]) if environ.get("LOCALAPPDATA") else home / "AppData" / "Local"
    elif platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(environ["XDG_CACHE_HOME"]) if environ.get("XDG_CACHE_HOME") else home / ".cache"
    return base / "audio2pose"


def kept(name: str, key: str, make: Callable[[], Library], folder: Path) -> Library:
    """The library *name* of *key* from *folder*, made and left there if it is missing or damaged.

    A folder that cannot be written costs the time of making, never the dance.
    """
    path = folder / f"{name}-{key}.a2p"
    if path.is_file():
        with contextlib.suppress(LibraryError, OSError):
            return open_library(path)
    library = make()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as beside:
            save(library, beside)
    except OSError:
        return library
    _forget_others(name, path)
    return library


def _forget_others(name: str, keep: Path) -> None:
    """Remove what older versions left; a file that another process holds open stays readable to it, or stays."""
    for old in keep.parent.glob(f"{name}-*.a2p"):
        if old != keep:
            with contextlib.suppress(OSError):
                old.unlink()
