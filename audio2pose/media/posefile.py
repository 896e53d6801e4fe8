"""Pose files: .npz and .json hold the whole dance, .bvh its motion, .npy only its points.

Shapes   positions_m (T, 24, 3), rotations (T, 24, 4), root_m (T, 3), contacts (T, 4); points of a .npy: (T, 17, 3) COCO
         or (T, 24, 3). Metres, y up; pose k is for k / fps.
Files    written beside and renamed; no pickles, ever. What a file says of its size is checked before memory is taken.
Threads  one, the caller's.
"""

from __future__ import annotations

import json
import math
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import numpy as np
from numpy.lib import format as npy_format

from audio2pose.arrays import F32, F64, I32
from audio2pose.errors import CorpusError, OutputError, UsageError
from audio2pose.media.atomic import atomic_write
from audio2pose.media.bvh import write_bvh
from audio2pose.motion.body import JOINT_NAMES, N_JOINTS, OFFSETS_M, PARENTS
from audio2pose.motion.coco import N_COCO, from_coco17, to_coco17

SCHEMA = 1
SUFFIXES: tuple[str, ...] = (".npz", ".npy", ".json", ".bvh")
"""What is written; a .bvh is not read here."""
JOINTS: tuple[str, ...] = ("coco17", "body24")
GUESSED_FPS = 60.0
MAX_POSES = 4 * 3600 * 240
MAX_ARRAY_BYTES = MAX_POSES * N_JOINTS * 4 * 8
MAX_LISTED = 1_000_000
MAX_JSON_BYTES = 1 << 30
LIST_POSES = 2000  # poses made into text at a time
CENTIMETRES_FROM_M = 10.0  # a body that spans more than this is told in centimetres


def _none() -> F64:
    return np.zeros(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PoseFile:
    """A dance as a file holds it. A .npy holds positions_m alone; what else is absent is None or empty.

    points (T, 17, 3) is what a COCO file really held, unit ("m" or "cm") what its numbers were before they became metres.
    notes say what a reader should know: guesses and repairs.
    """

    positions_m: F32
    fps: float
    rotations: F32 | None = None
    root_m: F32 | None = None
    contacts: F32 | None = None
    beat_times_s: F64 = field(default_factory=_none)
    beat_positions: I32 = field(default_factory=lambda: np.zeros(0, np.int32))
    accent_times_s: F64 = field(default_factory=_none)
    segment_starts_s: F64 = field(default_factory=_none)
    segment_ids: tuple[str, ...] = ()
    points: F32 | None = None
    unit: str = "m"
    notes: tuple[str, ...] = ()

    @property
    def poses(self) -> int:
        """T."""
        return int(self.positions_m.shape[0])

    @property
    def seconds(self) -> float:
        """How long the poses last."""
        return self.poses / self.fps


# Name, dtype, shape; "T" is the same number everywhere, None any number.
_ARRAYS: tuple[tuple[str, str, tuple[int | str | None, ...]], ...] = (
    ("positions_m", "<f4", ("T", N_JOINTS, 3)),
    ("rotations", "<f4", ("T", N_JOINTS, 4)),
    ("root_m", "<f4", ("T", 3)),
    ("contacts", "<f4", ("T", 4)),
    ("beat_times_s", "<f8", (None,)),
    ("beat_positions", "<i4", (None,)),
    ("accent_times_s", "<f8", (None,)),
    ("segment_starts_s", "<f8", (None,)),
)


def write(path: str | os.PathLike[str], poses: PoseFile, *, joints: str = "coco17") -> None:
    """Write *poses* in the form that the suffix of *path* names; *joints* chooses the points of a .npy.

    Raises UsageError for a form that does not exist or that *poses* cannot fill, OutputError where it cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{path} has no suffix of a pose file: give one of {', '.join(SUFFIXES)}")
    if joints not in JOINTS:
        raise UsageError(f"no set of joints named '{joints}': give {' or '.join(JOINTS)}")
    if suffix == ".npy":
        points = _points(poses, joints)
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            npy_format.write_array(file, np.ascontiguousarray(points, "<f4"), allow_pickle=False)
        return
    if suffix == ".bvh":
        if poses.rotations is None or poses.root_m is None:
            raise UsageError("these poses are points without rotations, which .bvh needs: write a .npy")
        write_bvh(path, poses.root_m, poses.rotations, poses.fps)
        return
    whole = _whole(poses)
    with atomic_write(path) as temporary:
        if suffix == ".npz":
            np.savez(temporary, allow_pickle=False, **whole)
        else:
            with temporary.open("w", encoding="ascii") as text:
                _write_lists(text, whole)


def read(path: str | os.PathLike[str], fps: float | None = None) -> PoseFile:
    """The poses of *path*: our .npz or .json, or a .npy of shape (T, 17, 3) or (T, 24, 3).

    *fps* stands above what the file says; a .npy says nothing, then 60 is guessed and told in `notes`.
    Raises CorpusError where the file is missing, no pose file, or not what it says.
    """
    path = Path(path)
    if fps is not None and not (math.isfinite(fps) and 0.1 <= fps <= 1000.0):
        raise UsageError(f"{fps:g} poses a second, 0.1 to 1000 were wanted: give the rate of the file")
    if not path.is_file():
        what = f"{path} is a folder, a pose file was wanted" if path.is_dir() else f"there is no file {path}"
        raise CorpusError(f"{what}: give a .npz, .npy or .json file")
    try:
        with path.open("rb") as file:
            head = file.read(8)
            file.seek(0)
            if head.startswith(b"\x93NUMPY"):
                return _from_points(path, _read_array(file, path, path.stat().st_size, "fui"), fps)
            if head.startswith(b"PK\x03\x04"):
                return _checked(path, _read_zip(file, path), fps)
            if head.lstrip()[:1] == b"{":
                return _checked(path, _read_json(file, path), fps)
    except OSError as error:
        raise CorpusError(f"{path} could not be read ({error.strerror or error}): check its rights and the disk") from error
    raise CorpusError(f"{path} is no pose file that we know: give a .npz or .json that audio2pose wrote, or a .npy")


def _points(poses: PoseFile, joints: str) -> F32:
    if joints == "body24":
        return poses.positions_m
    if poses.points is not None:
        return poses.points
    if poses.rotations is None:
        raise UsageError("these poses have no rotations, which the face of coco17 needs: write body24")
    return to_coco17(poses.positions_m, poses.rotations)


def _whole(poses: PoseFile) -> dict[str, Any]:
    """Every entry of the contract, in its order."""
    values: dict[str, Any] = {}
    for name, kind, _ in _ARRAYS:
        value = getattr(poses, name)
        if value is None:
            raise UsageError(f"these poses have no {name}, which .npz and .json need: write a .npy")
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise OutputError(f"{name} holds NaN or infinite values, which no pose file may: write a .npy, or repair them")
        values[name] = np.ascontiguousarray(value, kind)
        if name == "contacts":
            values["fps"] = np.float64(poses.fps)
            values["joint_names"] = np.array(JOINT_NAMES)
            values["parents"] = PARENTS
            values["offsets_m"] = OFFSETS_M
    values["segment_ids"] = np.array(poses.segment_ids, dtype=np.str_)
    values["schema"] = np.int64(SCHEMA)
    return values


def _write_lists(text: TextIO, values: dict[str, Any]) -> None:
    """One JSON object, long arrays in pieces: a list of floats takes ten times the memory of its array."""
    text.write("{")
    for n, (name, value) in enumerate(values.items()):
        text.write(("," if n else "") + f"\n{json.dumps(name)}: ")
        if value.ndim == 0:
            text.write(json.dumps(value.item()))
            continue
        text.write("[")
        for at in range(0, value.shape[0], LIST_POSES):
            part = value[at : at + LIST_POSES]
            # A micrometre, a millionth of a turn: float64's own digits would triple the file and say no more.
            part = part if part.dtype.kind != "f" else np.round(part.astype(np.float64), 6)
            text.write(("," if at else "") + json.dumps(part.tolist(), allow_nan=False, separators=(",", ":"))[1:-1])
        text.write("]")
    text.write("\n}\n")


def _read_array(file: BinaryIO, path: Path, size: int, kinds: str) -> Any:
    """One array of *file*, which holds *size* bytes from here on; nothing is taken on trust."""
    try:
        version = npy_format.read_magic(file)
        reader = {(1, 0): npy_format.read_array_header_1_0, (2, 0): npy_format.read_array_header_2_0}[version]
        start = file.tell()
        shape, by_columns, dtype = reader(file)
        header = file.tell() - start
    except (ValueError, KeyError, EOFError) as error:
        raise CorpusError(f"{path} holds an array without a readable head: write the file again") from error
    count = math.prod(shape)
    if dtype.kind not in kinds or dtype.hasobject:
        raise CorpusError(f"{path} holds an array of {dtype}, plain numbers were wanted: save it as float32")
    if any(n < 0 for n in shape) or not 0 <= count * dtype.itemsize <= MAX_ARRAY_BYTES:
        raise CorpusError(f"{path} says that it holds an array of {shape}, more than is read: cut it into parts")
    if count * dtype.itemsize > size - header:
        raise CorpusError(f"{path} holds fewer bytes than its shape {shape} takes: copy or write it again")
    data = file.read(count * dtype.itemsize)
    if len(data) < count * dtype.itemsize:
        raise CorpusError(f"{path} ends within its numbers: copy or write it again")
    flat = np.frombuffer(data, dtype, count)
    return flat.reshape(shape[::-1]).T if by_columns else flat.reshape(shape)


def _read_zip(file: BinaryIO, path: Path) -> dict[str, Any]:
    wanted = [name for name, _, _ in _ARRAYS] + ["fps", "joint_names", "segment_ids", "schema"]
    values: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(file) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            if "positions_m" not in members:
                raise CorpusError(f"{path} holds {_some(members)}, not positions_m: give a .npz that audio2pose wrote")
            for name in wanted:
                if name in members:
                    with archive.open(members[name]) as member:
                        values[name] = _read_array(member, path, members[name].file_size, "fuiU")  # type: ignore[arg-type]
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        if isinstance(error, CorpusError):
            raise
        raise CorpusError(f"{path} is a damaged .npz ({error}): copy or write it again") from error
    return values


def _read_json(file: BinaryIO, path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_JSON_BYTES:
        raise CorpusError(f"{path} is JSON of over {MAX_JSON_BYTES >> 30} GiB, more than fits: write it as .npz")
    try:
        values = json.load(file)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path} is no valid JSON ({error}): copy or write it again") from error
    if not isinstance(values, dict) or "positions_m" not in values:
        raise CorpusError(f"{path} is JSON without positions_m: give a .json that audio2pose wrote")
    return values


def _checked(path: Path, values: dict[str, Any], fps: float | None) -> PoseFile:
    """Every array of the kind and shape that the contract says."""
    out: dict[str, Any] = {}
    T = -1
    for name, kind, shape in _ARRAYS:
        if name not in values:
            raise CorpusError(f"{path} holds no {name}: give a file that audio2pose wrote")
        try:
            array = np.ascontiguousarray(values[name], kind)
        except (ValueError, TypeError, OverflowError) as error:
            raise CorpusError(f"{path}: {name} is no array of numbers: write the file again") from error
        T = array.shape[0] if name == "positions_m" and array.ndim == 3 else T
        size = tuple(T if n == "T" else array.shape[0] if n is None and array.ndim else n for n in shape)
        if array.shape != size or array.shape[0] > MAX_POSES:
            raise CorpusError(f"{path}: {name} has shape {array.shape}, {shape} was wanted: write the file again")
        out[name] = array
    if T < 1:
        raise CorpusError(f"{path} holds no pose: write it again from a longer song")
    own = np.asarray(values.get("fps", math.nan))
    rate = fps or (float(own) if own.ndim == 0 and own.dtype.kind in "fui" else math.nan)
    if not (math.isfinite(rate) and 0.1 <= rate <= 1000.0):
        raise CorpusError(f"{path} says no usable fps: tell it by --pose-fps")
    names = [str(n) for n in np.atleast_1d(values.get("joint_names", []))[: N_JOINTS + 1]]
    if names and names != list(JOINT_NAMES):
        raise CorpusError(f"{path} names other joints than this body has: give a file that audio2pose wrote")
    ids = tuple(str(s) for s in np.atleast_1d(values.get("segment_ids", []))[:MAX_LISTED])
    return _told(PoseFile(fps=rate, segment_ids=ids, **out))


def _from_points(path: Path, points: Any, fps: float | None) -> PoseFile:
    if points.ndim != 3 or points.shape[2] != 3 or points.shape[1] not in (N_COCO, N_JOINTS) or points.shape[0] < 1:
        raise CorpusError(
            f"{path} has shape {points.shape}, (T, {N_COCO}, 3) or (T, {N_JOINTS}, 3) was wanted: save it in that form"
        )
    points = np.array(points, np.float32, order="C")
    points[~np.isfinite(points)] = np.nan
    notes, unit = [], "m"
    if fps is None:
        notes.append(f"a .npy says no rate, {GUESSED_FPS:g} poses a second were guessed")
    sound = points[np.isfinite(points).all(axis=(1, 2))]
    span_m = float(np.median(np.linalg.norm(np.ptp(sound, axis=1), axis=-1))) if sound.shape[0] else 0.0
    if span_m > CENTIMETRES_FROM_M:
        points *= np.float32(0.01)
        unit = "cm"
        notes.append("the numbers are centimetres, they were taken as such")
    coco = points.shape[1] == N_COCO
    body = from_coco17(points) if coco else points
    return _told(
        PoseFile(positions_m=body, fps=fps or GUESSED_FPS, points=points if coco else None, unit=unit, notes=tuple(notes))
    )


def _told(poses: PoseFile) -> PoseFile:
    held = poses.positions_m if poses.points is None else poses.points
    bad = int((~np.isfinite(held)).any(axis=(1, 2)).sum())
    if not bad:
        return poses
    return replace(poses, notes=(*poses.notes, f"{bad} of {poses.poses} poses hold NaN or infinite values"))


def _some(members: dict[str, Any]) -> str:
    names: Iterator[str] = iter(sorted(members))
    return ", ".join(name for name, _ in zip(names, range(4))) or "nothing"
