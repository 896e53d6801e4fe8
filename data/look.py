"""What a sound or motion file holds, and its faults.

Shapes   positions_m (T, 24, 3), or the 17 points of COCO where a file holds those.
Threads  one, the caller's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from audio2pose.arrays import F32, F64
from audio2pose.errors import CorpusError, SongError
from audio2pose.media import posefile
from audio2pose.media.decode import SongReader
from audio2pose.media.posefile import PoseFile
from audio2pose.motion.body import LIMBS

SCHEMA = 1
SILENT_PEAK = 1e-3
CLIPPED = 0.999
CLIPPED_SHARE = 1e-3
BONE_M = 0.01
FASTEST_M_S = 15.0
FLOOR_M = 0.05
MOTION_HEADS = (b"\x93NUMPY", b"PK\x03\x04")
COCO_LIMBS = ((5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16), (11, 12))


def look(path: Path, told: Callable[[float], None]) -> dict[str, Any]:
    """The document of `inspect`: its keys are the same for every file, null where they mean nothing.

    Raises CorpusError for content that is neither sound nor motion, SongError or CorpusError for what is damaged.
    """
    if path.is_file() and _is_motion(path):
        return _motion(path)
    try:
        return _sound(path, told)
    except SongError as error:
        if path.is_file() and path.stat().st_size and not _opens(path):
            raise CorpusError(
                f"{path} is neither sound nor motion that we know: give a sound file, or poses as .npz, .npy or .json"
            ) from error
        raise


def _is_motion(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise CorpusError(f"{path} could not be read ({error.strerror or error}): check its rights") from error
    return head.startswith(MOTION_HEADS) or head.lstrip().startswith(b"{") or path.suffix.lower() in posefile.SUFFIXES


def _opens(path: Path) -> bool:
    try:
        av.open(f"file:{path}", metadata_errors="ignore").close()
    except (av.FFmpegError, OSError, ValueError):
        return False
    return True


def _sound(path: Path, told: Callable[[float], None]) -> dict[str, Any]:
    frames, clipped, peak = 0, 0, 0.0
    with SongReader(path) as song:
        rate_hz, channels = song.sample_rate_hz, song.channels
        for block in song.blocks(1 << 16):
            frames += block.shape[0]
            loud = np.abs(block)
            peak = max(peak, float(loud.max()))
            clipped += int((loud >= CLIPPED).sum())
            told(min(frames / rate_hz / song.duration_s, 1.0) if song.duration_s else 0.0)
        bad, holes = song.bad_samples, song.faults
    with av.open(f"file:{path}", metadata_errors="ignore") as container:
        stream = container.streams.best("audio")
        codec = stream.codec_context.name if stream is not None and stream.codec_context is not None else "unknown"
        kind = f"{container.format.name.split(',')[0]}/{codec}"
    faults = [
        text
        for there, text in (
            (bad, f"{bad} samples are no numbers (NaN or infinite)"),
            (holes, f"{holes} damaged places"),
            (peak < SILENT_PEAK, "silence: nothing is louder than -60 dBFS"),
            (clipped > CLIPPED_SHARE * frames, f"clipped: {100.0 * clipped / frames:.1f} % of the samples are at full scale"),
        )
        if there
    ]
    return {
        "schema": SCHEMA, "kind": "sound", "format": kind, "frames": frames, "fps": None, "seconds": frames / rate_hz,
        "joints": None, "unit": None, "up": None, "faults": faults, "tempo_bpm": None, "sample_rate_hz": rate_hz,
        "channels": channels,
    }  # fmt: skip


def _motion(path: Path) -> dict[str, Any]:
    poses = posefile.read(path)
    points = poses.positions_m if poses.points is None else poses.points
    up = _up(points)
    steps_s = np.diff(poses.beat_times_s)
    return {
        "schema": SCHEMA, "kind": "motion", "format": _kind(path), "frames": poses.poses, "fps": poses.fps,
        "seconds": poses.seconds, "joints": int(points.shape[1]), "unit": poses.unit, "up": up,
        "faults": [*poses.notes, *_faults(poses, points, up)],
        "tempo_bpm": 60.0 / float(np.median(steps_s)) if steps_s.size and np.median(steps_s) > 0.0 else None,
        "sample_rate_hz": None, "channels": None,
    }  # fmt: skip


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(8)
    return "npy" if head.startswith(MOTION_HEADS[0]) else "npz" if head.startswith(MOTION_HEADS[1]) else "json"


def _up(points: F32) -> str | None:
    """The axis along which the body stands; None where it cannot be told."""
    top, feet = (0, [15, 16]) if points.shape[1] == 17 else (15, [7, 8])
    stands = points[:, top].astype(np.float64) - points[:, feet].mean(axis=1, dtype=np.float64)
    stands = stands[np.isfinite(stands).all(axis=1)]
    if not stands.shape[0]:
        return None
    middle: F64 = np.median(stands, axis=0)
    axis = int(np.abs(middle).argmax())
    return ("-" if middle[axis] < 0.0 else "") + "xyz"[axis]


def _faults(poses: PoseFile, points: F32, up: str | None) -> list[str]:
    faults = []
    if up not in (None, "y"):
        faults.append(f"the body stands along {up}, along y was wanted")
    sound = points[np.isfinite(points).all(axis=(1, 2))]
    if not sound.shape[0]:
        return faults
    limbs = np.array(COCO_LIMBS if points.shape[1] == 17 else LIMBS)
    if poses.rotations is not None or points.shape[1] == 17:
        spans_m = np.linalg.norm(sound[:, limbs[:, 1]] - sound[:, limbs[:, 0]], axis=-1)
        varies_m = float(np.ptp(spans_m, axis=0).max())
        if varies_m > BONE_M:
            faults.append(f"bones change their length by up to {100.0 * varies_m:.0f} cm")
    if points.shape[0] > 1:
        steps_m = np.linalg.norm(np.diff(points, axis=0), axis=-1)
        fastest = float(np.nanmax(steps_m)) * poses.fps if np.isfinite(steps_m).any() else 0.0
        if math.isfinite(fastest) and fastest > FASTEST_M_S:
            faults.append(f"a joint moves at {fastest:.0f} m/s, faster than a person's {FASTEST_M_S:g}")
    if up == "y" and float(sound[..., 1].min()) < -FLOOR_M:
        faults.append(f"the body goes {-100.0 * float(sound[..., 1].min()):.0f} cm below the floor")
    return faults
