"""The library in memory: a struct of arrays, how it is built from clips, and its file.

Shapes   C clips, P poses of all clips one after another, B beats of all clips, S segments, J = 9 joints that joins are
         judged by, D = 4 descriptors. A segment is a place where a dance may begin: a clip and a whole beat of it.
File     8 bytes magic, 8 bytes header length (little endian), JSON header {"arrays": {name: [dtype, shape, offset]}},
         then the arrays, each on a 64-byte boundary; opened as a memory map, so that processes share it.
Threads  a Library is never written after it was built: any thread may read it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from audio2pose.arrays import F32, F64, I32, U8
from audio2pose.errors import LibraryError
from audio2pose.match.describe import DESCRIPTORS, JOIN_JOINTS, describe, join_features, middle
from audio2pose.motion.accents import landed
from audio2pose.motion.body import N_JOINTS
from audio2pose.motion.clip import Clip

MAGIC = b"A2PLIB\x00\x01"
VERSION = 3
ALIGN = 64
MAX_HEADER_BYTES = 64 << 20
LOOKED_THROUGH_BYTES = 128 << 20
"""Motion up to this size is looked through for NaN when it is opened (20 ms); the dancer holds still over a larger one's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """Everything that the matcher and the dancer read."""

    name: str
    checksum: str
    clip_names: tuple[str, ...]
    styles: tuple[str, ...]
    sources: tuple[tuple[str, str], ...]
    root_m: F32  # (P, 3)
    rotations: F32  # (P, 24, 4)
    contacts: F32  # (P, 4)
    clip_pose: I32  # (C + 1,) first pose of each clip
    clip_beat: I32  # (C + 1,) first entry of each clip in beat_poses
    clip_accent: I32  # (C + 1,)
    beat_poses: F64  # (B,) pose index within its clip
    half_poses: F64  # (B,) that of the half beat after it; a clip's last is its last beat's
    accents: F32  # (A, 2) beat, strength
    clip_fps: F32  # (C,)
    clip_bpm: F32  # (C,)
    clip_tempo: F32  # (C, 2) slowest and fastest BPM that suit it, (0, 0) for any
    clip_style: I32  # (C,)
    clip_phrase: I32  # (C,) beats of one phrase
    clip_kin: I32  # (C,) the clip that it mirrors, or itself
    clip_flags: U8  # (C,) LOOPED | IDLE | SLIDE
    clip_meter: U8  # (C,)
    clip_middle: F32  # (C, 24, 4) the clip's mean pose, about which it grows and shrinks
    clip_top_m: F32  # (C,) height of its root at the top of its bounce
    segment_clip: I32  # (S,)
    segment_beat: I32  # (S,) whole beat of the clip
    segment_pose: F32  # (S, J, 3) join joints against the root's place on the floor, metres
    segment_velocity: F32  # (S, J, 3) metres per second at the clip's own tempo
    segment_contact: F32  # (S, 2) whether the left and the right ball stand, 0..1
    segment_descriptor: F32  # (S, D) energy, bass, density, brightness, each 0..1
    segment_travel: F32  # (S, 2) x and z that a phrase from here moves the root, metres

    @property
    def segments(self) -> int:
        """How many places a dance may begin at."""
        return int(self.segment_clip.shape[0])

    def clip_poses(self, clip: int) -> slice:
        """The clip's poses within root_m, rotations and contacts."""
        return slice(int(self.clip_pose[clip]), int(self.clip_pose[clip + 1]))

    def clip_beats(self, clip: int) -> F64:
        """beat_poses of one clip."""
        return self.beat_poses[int(self.clip_beat[clip]) : int(self.clip_beat[clip + 1])]

    def clip_halves(self, clip: int) -> F64:
        """half_poses of one clip."""
        return self.half_poses[int(self.clip_beat[clip]) : int(self.clip_beat[clip + 1])]

    def segment_name(self, segment: int) -> str:
        """CLIP@BEAT."""
        return f"{self.clip_names[int(self.segment_clip[segment])]}@{int(self.segment_beat[segment])}"


LOOPED, IDLE, SLIDE = 1, 2, 4
_TEXT = ("name", "checksum", "clip_names", "styles", "sources")
_KINDS: dict[str, tuple[str, tuple[int | str, ...]]] = {
    "root_m": ("<f4", ("P", 3)), "rotations": ("<f4", ("P", N_JOINTS, 4)), "contacts": ("<f4", ("P", 4)),
    "clip_pose": ("<i4", ("C+1",)), "clip_beat": ("<i4", ("C+1",)), "clip_accent": ("<i4", ("C+1",)),
    "beat_poses": ("<f8", ("B",)), "half_poses": ("<f8", ("B",)), "accents": ("<f4", ("A", 2)),
    "clip_fps": ("<f4", ("C",)), "clip_bpm": ("<f4", ("C",)), "clip_tempo": ("<f4", ("C", 2)),
    "clip_style": ("<i4", ("C",)), "clip_phrase": ("<i4", ("C",)), "clip_kin": ("<i4", ("C",)),
    "clip_flags": ("|u1", ("C",)), "clip_meter": ("|u1", ("C",)), "clip_middle": ("<f4", ("C", N_JOINTS, 4)),
    "clip_top_m": ("<f4", ("C",)), "segment_clip": ("<i4", ("S",)),
    "segment_beat": ("<i4", ("S",)), "segment_pose": ("<f4", ("S", len(JOIN_JOINTS), 3)),
    "segment_velocity": ("<f4", ("S", len(JOIN_JOINTS), 3)), "segment_contact": ("<f4", ("S", 2)),
    "segment_descriptor": ("<f4", ("S", len(DESCRIPTORS))), "segment_travel": ("<f4", ("S", 2)),
}  # fmt: skip


def build(clips: Sequence[Clip], *, name: str) -> Library:
    """The library of *clips*, in their order; the same clips give the same bytes.

    Raises LibraryError where there is no clip, none that is no idle, or two of one name.
    """
    if not any(not c.idle for c in clips):
        raise LibraryError(f"library {name} holds no clip to dance: give at least one that is no idle")
    names = [c.name for c in clips]
    if len(set(names)) != len(names):
        double = next(n for n in names if names.count(n) > 1)
        raise LibraryError(f"library {name} holds two clips named {double}: rename one")
    clips = [landed(c) for c in clips]
    styles = sorted({c.style for c in clips})
    entries = [(i, e) for i, c in enumerate(clips) for e in c.entries]
    joins = [join_features(clips[i], e) for i, e in entries]
    arrays: dict[str, Any] = {
        "root_m": np.concatenate([c.root_m for c in clips]),
        "rotations": np.concatenate([c.rotations for c in clips]),
        "contacts": np.concatenate([c.contacts for c in clips]),
        "clip_pose": _starts([c.root_m.shape[0] for c in clips]),
        "clip_beat": _starts([c.beat_poses.shape[0] for c in clips]),
        "clip_accent": _starts([c.accents.shape[0] for c in clips]),
        "beat_poses": np.concatenate([c.beat_poses for c in clips]),
        "half_poses": np.concatenate([np.append(c.halves, c.beat_poses[-1]) for c in clips]),
        "accents": np.concatenate([c.accents.reshape(-1, 2) for c in clips]),
        "clip_fps": [c.fps for c in clips],
        "clip_bpm": [c.bpm for c in clips],
        "clip_tempo": [c.tempo_bpm for c in clips],
        "clip_style": [styles.index(c.style) for c in clips],
        "clip_phrase": [min(c.phrase_beats, c.beats) for c in clips],
        "clip_kin": [names.index(c.mirror_of) if c.mirror_of in names else i for i, c in enumerate(clips)],
        "clip_flags": [LOOPED * c.looped | IDLE * c.idle | SLIDE * c.slide for c in clips],
        "clip_meter": [c.meter for c in clips],
        "clip_middle": np.stack([middle(c) for c in clips]),
        "clip_top_m": [float(np.percentile(c.root_m[:, 1], 95.0)) for c in clips],
        "segment_clip": [i for i, _ in entries],
        "segment_beat": [e for _, e in entries],
        "segment_pose": np.stack([j.pose_m for j in joins]),
        "segment_velocity": np.stack([j.velocity_m_s for j in joins]),
        "segment_contact": np.stack([j.contact for j in joins]),
        "segment_descriptor": describe(clips, entries),
        "segment_travel": np.stack([j.travel_m for j in joins]),
    }
    typed = {k: np.ascontiguousarray(v, np.dtype(_KINDS[k][0])) for k, v in arrays.items()}
    text = {
        "name": name,
        "clip_names": tuple(names),
        "styles": tuple(styles),
        "sources": tuple(sorted({(c.source, c.licence) for c in clips})),
    }
    return _checked({**text, "checksum": _checksum(text, typed)}, typed, name)


def save(library: Library, path: Path) -> None:
    """Write *library* to *path* as it is; whoever needs it whole or not at all writes beside and renames."""
    header: dict[str, Any] = {"version": VERSION, **{k: getattr(library, k) for k in _TEXT}, "arrays": {}}
    offset = 0
    for key, (kind, _) in _KINDS.items():
        a: Any = getattr(library, key)
        offset = -(-offset // ALIGN) * ALIGN
        header["arrays"][key] = [kind, list(a.shape), offset]
        offset += a.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-(len(MAGIC) + 8 + len(text)) % ALIGN)
    with open(path, "wb") as file:
        file.write(MAGIC + len(text).to_bytes(8, "little") + text)
        start = file.tell()
        for key, (_, _, offset) in header["arrays"].items():
            file.write(b"\0" * (start + offset - file.tell()))
            file.write(np.ascontiguousarray(getattr(library, key)).tobytes())


def open_library(path: str | Path) -> Library:
    """Map a library file into memory; what it says of itself is checked against the file's size before anything is read.

    Raises LibraryError where it is missing, no library, of another version, or inconsistent.
    """
    path = Path(path)
    if not path.is_file():
        raise LibraryError(f"no library at {path}: give a .a2p file, or leave --library out for the built-in one")
    with open(path, "rb") as file:
        header, start = _read_header(file, path)
        size = path.stat().st_size - start
    arrays: dict[str, Any] = {}
    for key, (kind, axes) in _KINDS.items():
        try:
            found, shape, offset = header["arrays"][key]
            shape, offset = tuple(int(n) for n in shape), int(offset)
        except (KeyError, TypeError, ValueError) as error:
            raise _damaged(path, f"has no array {key}") from error
        count = math.prod(n if n >= 0 else size + 1 for n in shape)
        if (
            found != kind
            or len(shape) != len(axes)
            or offset < 0
            or offset % ALIGN
            or count * np.dtype(kind).itemsize > size - offset
        ):
            raise _damaged(path, f"says of {key} what its size cannot hold")
        there = np.memmap(path, np.dtype(kind), "r", start + offset, shape) if count else np.zeros(shape, np.dtype(kind))
        arrays[key] = there.view(np.ndarray)
    text: dict[str, Any] = {k: header.get(k) for k in _TEXT}
    if not all(isinstance(text[k], str) for k in ("name", "checksum")) or not all(
        isinstance(text[k], list) for k in ("clip_names", "styles", "sources")
    ):
        raise _damaged(path, "has no names")
    text["clip_names"], text["styles"] = tuple(map(str, text["clip_names"])), tuple(map(str, text["styles"]))
    text["sources"] = tuple((str(s[0]), str(s[1])) for s in text["sources"] if isinstance(s, list) and len(s) == 2)
    return _checked(text, arrays, str(path))


def _read_header(file: BinaryIO, path: Path) -> tuple[dict[str, Any], int]:
    head = file.read(len(MAGIC) + 8)
    if head[:6] != MAGIC[:6] or len(head) < len(MAGIC) + 8:
        raise LibraryError(f"{path} is no motion library: give a .a2p file that 'audio2pose library build' wrote")
    if head[: len(MAGIC)] != MAGIC:
        raise LibraryError(f"{path} was written by another version of audio2pose: build it again")
    length = int.from_bytes(head[len(MAGIC) :], "little")
    if length > min(MAX_HEADER_BYTES, path.stat().st_size):
        raise _damaged(path, "has a header longer than itself")
    try:
        header = json.loads(file.read(length))
    except ValueError as error:
        raise _damaged(path, "has an unreadable header") from error
    if not isinstance(header, dict) or not isinstance(header.get("arrays"), dict):
        raise _damaged(path, "has no table of arrays")
    if header.get("version") != VERSION:
        raise LibraryError(f"{path} has format version {header.get('version')}, this is {VERSION}: build it again")
    return header, len(MAGIC) + 8 + length


def _checked(text: dict[str, Any], arrays: dict[str, Any], where: str) -> Library:
    """Every index within its table, every shape as the others say."""
    sizes: dict[str, int] = {
        "C": len(text["clip_names"]),
        "P": arrays["root_m"].shape[0],
        "B": arrays["beat_poses"].shape[0],
    }
    sizes |= {"S": arrays["segment_clip"].shape[0], "A": arrays["accents"].shape[0], "C+1": len(text["clip_names"]) + 1}
    for key, (_, axes) in _KINDS.items():
        wanted = tuple(sizes[n] if isinstance(n, str) else n for n in axes)
        if arrays[key].shape != wanted:
            raise _damaged(where, f"has {key} of shape {arrays[key].shape}, not {wanted}")
    for key, limit in (("clip_pose", "P"), ("clip_beat", "B"), ("clip_accent", "A")):
        a = arrays[key]
        if a[0] != 0 or a[-1] != sizes[limit] or (np.diff(a) < 0).any():
            raise _damaged(where, f"has {key} out of order")
    for key, limit in (("segment_clip", "C"), ("clip_kin", "C")):
        if arrays[key].size and not (arrays[key].min() >= 0 and arrays[key].max() < sizes[limit]):
            raise _damaged(where, f"has {key} out of range")
    beats = np.diff(arrays["clip_beat"]) - 1
    if sizes["C"] == 0 or sizes["S"] == 0 or (beats < 1).any():
        raise _damaged(where, "holds a clip without beats, or nothing at all")
    clip = arrays["segment_clip"]
    if (arrays["segment_beat"] < 0).any() or (arrays["segment_beat"] >= beats[clip]).any():
        raise _damaged(where, "has segments that begin outside their clips")
    if not ((arrays["clip_style"] >= 0) & (arrays["clip_style"] < len(text["styles"]))).all():
        raise _damaged(where, "has clips of no style")
    last = np.diff(arrays["clip_pose"])
    for c in range(sizes["C"]):
        own = arrays["beat_poses"][arrays["clip_beat"][c] : arrays["clip_beat"][c + 1]]
        if not ((np.diff(own) > 0).all() and own[0] >= 0 and own[-1] <= last[c] - 1 + 1e-6):
            raise _damaged(where, f"has beats of {text['clip_names'][c]} outside the clip")
        half = arrays["half_poses"][arrays["clip_beat"][c] : arrays["clip_beat"][c + 1]]
        if not ((own[:-1] < half[:-1]) & (half[:-1] < own[1:])).all():
            raise _damaged(where, f"has half beats of {text['clip_names'][c]} beside its beats")
    if not ((arrays["clip_fps"] > 0).all() and (arrays["clip_bpm"] > 0).all() and (arrays["clip_phrase"] >= 1).all()):
        raise _damaged(where, "has clips without a rate or tempo")
    slow, fast = arrays["clip_tempo"].T
    if not (((slow == 0.0) & (fast == 0.0)) | ((slow > 0.0) & (slow <= fast))).all():
        raise _damaged(where, "has clips whose tempi do not rise")
    small = sum(arrays[k].nbytes for k in ("root_m", "rotations", "contacts")) <= LOOKED_THROUGH_BYTES
    for key, (kind, _) in _KINDS.items():
        if (
            kind[1] == "f"
            and (small or not key.startswith(("root", "rotations", "contacts")))
            and not np.isfinite(arrays[key]).all()
        ):
            raise _damaged(where, f"holds NaN or infinite values in {key}")
    for a in arrays.values():
        a.flags.writeable = False  # built or mapped, a kernel sees one type
    return Library(**text, **arrays)


def _damaged(where: object, what: str) -> LibraryError:
    return LibraryError(f"library {where} {what}: build it again")


def _starts(lengths: Sequence[int]) -> I32:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)


def _checksum(text: dict[str, Any], arrays: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(text, sort_keys=True).encode())
    for key in _KINDS:
        digest.update(arrays[key].tobytes())
    return digest.hexdigest()[:16]


_unknown = {f.name for f in fields(Library)} - set(_KINDS) - set(_TEXT)
assert not _unknown, f"Library fields without a place in the file: {_unknown}"
