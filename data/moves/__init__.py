"""The built-in choreography: our own, written as data, danced by a rig when the library is first opened.

Shapes   clips() -> Clips, with their mirrors; library() -> the index over them, kept in the user's cache.
Threads  any; building takes seconds, opening from the cache well under half a second.
Source   our own choreography (see the TOML files beside this one), on numbers measured from real dancers.
"""

from __future__ import annotations

import hashlib
from importlib import resources

import numpy as np

import audio2pose
from audio2pose.match import index
from audio2pose.match.index import Library
from audio2pose.motion.clip import Clip

from .reader import read_poses, read_style
from .rig import perform
from .score import Phrase
from .shelf import cache_folder, kept

__all__ = ["clips", "library", "phrases"]

NAME = "builtin"
_MADE_BY = ("audio2pose.data.moves", "audio2pose.motion", "audio2pose.match")
"""Packages whose files decide what the library holds."""


def phrases() -> list[Phrase]:
    """Every phrase of every style file, file by file in the order of their names."""
    files = {entry.name: entry for entry in resources.files(__package__).iterdir() if entry.name.endswith(".toml")}
    poses = read_poses(files.pop("poses.toml").read_text("utf-8"), "poses.toml")
    return [phrase for name in sorted(files) for phrase in read_style(files[name].read_text("utf-8"), name, poses)]


def clips() -> list[Clip]:
    """Every phrase danced, each followed by its mirror image where it has one."""
    out: list[Clip] = []
    for phrase in phrases():
        clip = perform(phrase)
        out += [clip, clip.mirror()] if phrase.mirror else [clip]
    return out


def library() -> Library:
    """The built-in library, opened from the user's cache or made and left there."""
    return kept(NAME, _key(), lambda: index.build(clips(), name=NAME), cache_folder())


def _key() -> str:
    """Changes with every file that has a part in the library, and with the versions that do the arithmetic."""
    digest = hashlib.sha256(f"{audio2pose.__version__} {np.__version__} {index.VERSION}".encode())
    for package in _MADE_BY:
        for entry in sorted(resources.files(package).iterdir(), key=lambda e: e.name):
            if entry.name.endswith((".toml", ".py")):
                digest.update(entry.name.encode() + b"\0" + entry.read_bytes())
    return digest.hexdigest()[:20]
