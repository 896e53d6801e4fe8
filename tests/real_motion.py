"""Real dancers of the test data on our 24 joints: metres, y up, 60 poses a second, the floor at 0, legs of our length.

A joint that a source does not have is NaN all through. Pickles are read with numpy arrays and plain containers alone.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audio2pose.motion.body import JOINT, JOINT_NAMES, N_JOINTS, OFFSETS_M, PARENTS
from audio2pose.motion.coco import from_coco17
from audio2pose.offline.measures.sampling import calm, resampled

FPS = 60.0
LEG_M = 0.815
AIST_BPM = {"mBR2": 100.0, "mJS2": 100.0, "mBR0": 80.0}
OUTLIER_M, BODY_M = 0.25, 2.2
"""A point this far from where it mostly is within half a second, or from the body, is an error of triangulation."""
_SIDES = ("left", "right")


@dataclass(frozen=True, kw_only=True)
class Dancer:
    """One clip: positions_m (T, 24, 3); toes says whether the balls of its feet were really seen; bpm where known."""

    name: str
    source: str
    positions_m: np.ndarray
    toes: bool
    bpm: float | None = None

    @property
    def beats_s(self) -> np.ndarray:
        assert self.bpm is not None
        return np.arange(0.0, len(self.positions_m) / FPS, 60.0 / self.bpm)


def dancers(testdata: Path) -> list[Dancer]:
    """Every clip once: of a dance that is there as a fitted body and as points, the body."""
    motion = testdata / "motion"
    found = []
    for path in sorted((motion / "aistpp" / "motions").glob("*.pkl")):
        found.append(_made(path.stem, "aist fitted", smpl(path), 60.0, toes=True, bpm=_bpm(path)))
    for path in sorted((motion / "aistpp" / "derived3d").glob("*.npy")):
        joints = from_coco17(_mended(np.load(path).astype(np.float64) / 100.0).astype(np.float32)).astype(np.float64)
        found.append(_made(path.stem, "aist points", joints, 60.0, toes=False, bpm=_bpm(path)))
    for folder, names in (("cmu_modern", _cmu()), ("cmu_salsa", _salsa()), ("animated_drawings", _mixamo())):
        for path in sorted((motion / folder).glob("*.bvh")):
            joints, fps = bvh(path, names)
            found.append(_made(path.stem, folder.replace("_", " "), joints, fps, toes=True))
    for path in sorted((motion / "g1moves").glob("*.npz")):
        found.append(_made(path.stem, "g1", *g1(path), toes=False))
    return found


def keypoints(path: Path) -> np.ndarray:
    """(T, 24, 3) metres of an AIST++ keypoints3d pickle: its smoothed points."""
    points = np.asarray(_unpickled(path)["keypoints3d_optim"], np.float64) / 100.0
    return from_coco17(points.astype(np.float32)).astype(np.float64)


def smpl(path: Path) -> np.ndarray:
    """(T, 24, 3) metres of an AIST++ motion pickle, danced on our own rest offsets."""
    data = _unpickled(path)
    turns = _rotations(np.asarray(data["smpl_poses"], np.float64).reshape(-1, N_JOINTS, 3))
    root = np.asarray(data["smpl_trans"], np.float64) / float(np.ravel(data["smpl_scaling"])[0])
    return _placed(root, turns, OFFSETS_M.astype(np.float64), list(PARENTS))


def bvh(path: Path, names: dict[str, str]) -> tuple[np.ndarray, float]:
    """(T, 24, 3) and the poses a second of a BVH file whose joints are called as *names* say."""
    lines = iter(path.read_text().splitlines())
    joints, parents, offsets, channels, open_at = [], [], [], [], []
    current = -1
    for line in lines:
        words = line.split()
        if not words or words[0] in ("HIERARCHY",):
            continue
        if words[0] == "MOTION":
            break
        if words[0] in ("ROOT", "JOINT", "End"):
            joints.append(words[1] if words[0] != "End" else f"end_{joints[open_at[-1]]}")
            parents.append(open_at[-1] if open_at else -1)
            offsets.append([0.0, 0.0, 0.0])
            channels.append([])
            current = len(joints) - 1
        elif words[0] == "{":
            open_at.append(current)
        elif words[0] == "}":
            open_at.pop()
        elif words[0] == "OFFSET":
            offsets[current] = [float(w) for w in words[1:4]]
        elif words[0] == "CHANNELS":
            channels[current] = words[2:]
    count, step_s = int(next(lines).split()[-1]), float(next(lines).split()[-1])
    numbers = np.array(" ".join(lines).split(), np.float64).reshape(count, -1)
    root, turns, column = np.zeros((count, 3)), np.zeros((count, len(joints), 3, 3)), 0
    turns[:] = np.eye(3)
    for j, own in enumerate(channels):
        for channel in own:
            axis, value = "XYZ".index(channel[0]), numbers[:, column]
            column += 1
            if channel.endswith("position"):
                if j == 0:
                    root[:, axis] = value
            else:
                around = np.zeros((count, 3))
                around[:, axis] = np.radians(value)
                turns[:, j] = turns[:, j] @ _rotations(around)
    placed = _placed(root, turns, np.array(offsets), parents)
    return placed[:, [joints.index(names[n]) for n in JOINT_NAMES]], 1.0 / step_s


def g1(path: Path) -> tuple[np.ndarray, float]:
    """(T, 24, 3) and the rate of a robot's dance; it has neither head nor toes nor collars of ours."""
    with np.load(path, allow_pickle=False) as file:
        bodies, fps = file["body_pos_w"].astype(np.float64), float(file["fps"][0])
    bodies = np.stack([bodies[..., 0], bodies[..., 2], -bodies[..., 1]], axis=-1)
    out = np.full((len(bodies), N_JOINTS, 3), np.nan)
    out[:, 0] = bodies[:, 0]
    out[:, JOINT["spine3"]] = bodies[:, 15]
    for n, side in enumerate(_SIDES):
        for name, body in (("hip", 2 + 6 * n), ("knee", 4 + 6 * n), ("ankle", 6 + 6 * n), ("shoulder", 17 + 7 * n),
                           ("elbow", 19 + 7 * n), ("wrist", 21 + 7 * n), ("hand", 22 + 7 * n)):  # fmt: skip
            out[:, JOINT[f"{side}_{name}"]] = bodies[:, body]
    return out, fps


def _made(name: str, source: str, joints: np.ndarray, fps: float, *, toes: bool, bpm: float | None = None) -> Dancer:
    bones = [np.linalg.norm(joints[:, JOINT[f"{s}_{a}"]] - joints[:, JOINT[f"{s}_{b}"]], axis=1)
             for s in _SIDES for a, b in (("hip", "knee"), ("knee", "ankle"))]  # fmt: skip
    joints = joints * (LEG_M / (np.median(np.array(bones), axis=1).sum() / 2.0))
    joints = calm(resampled(joints, fps, FPS), FPS)
    low, rest = ("foot", 0.018) if toes else ("ankle", 0.075)
    lowest = np.minimum(*(joints[:, JOINT[f"{s}_{low}"], 1] for s in _SIDES))
    joints[:, :, 1] -= np.percentile(lowest, 2) - rest
    return Dancer(name=name, source=source, positions_m=joints, toes=toes, bpm=bpm)


def _bpm(path: Path) -> float:
    return AIST_BPM[path.stem.split("_")[4]]


def _mended(points: np.ndarray) -> np.ndarray:
    """Points (T, 17, 3) with jumps of the triangulation filled from beside them."""
    half = 15
    around = np.pad(points, ((half, half), (0, 0), (0, 0)), mode="edge")
    usual = np.nanmedian(np.lib.stride_tricks.sliding_window_view(around, 2 * half + 1, axis=0), axis=-1)
    wrong = ~np.isfinite(points).all(-1) | (np.linalg.norm(points - usual, axis=-1) > OUTLIER_M)
    wrong |= np.linalg.norm(points - np.nanmedian(points, axis=(0, 1)), axis=-1) > BODY_M
    out, at = points.copy(), np.arange(len(points))
    for j in range(points.shape[1]):
        good = ~wrong[:, j]
        for i in range(3):
            out[:, j, i] = np.interp(at, at[good], points[good, j, i])
    return out


class _Plain(pickle.Unpickler):
    """Admits numpy arrays and plain containers."""

    def find_class(self, module: str, name: str) -> Any:
        if (module.split(".")[0] == "numpy" and name in ("_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer")) or (
            module,
            name,
        ) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name} is no array: refused")


def _unpickled(path: Path) -> Any:
    with path.open("rb") as file:
        return _Plain(file).load()


def _rotations(around: np.ndarray) -> np.ndarray:
    """(..., 3) axis times angle -> (..., 3, 3)."""
    angle = np.linalg.norm(around, axis=-1)[..., None, None]
    x, y, z = np.moveaxis(around, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*around.shape[:-1], 3, 3)
    small = np.maximum(angle, 1e-12)
    return np.eye(3) + np.sin(angle) / small * cross + (1.0 - np.cos(angle)) / small**2 * (cross @ cross)


def _placed(root: np.ndarray, turns: np.ndarray, offsets: np.ndarray, parents: list[int]) -> np.ndarray:
    out, world = np.zeros((len(root), len(parents), 3)), np.zeros_like(turns)
    out[:, 0], world[:, 0] = root, turns[:, 0]
    for j in range(1, len(parents)):
        p = parents[j]
        out[:, j] = out[:, p] + np.einsum("tij,j->ti", world[:, p], offsets[j])
        world[:, j] = world[:, p] @ turns[:, j]
    return out


def _named(middle: dict[str, str], side: dict[str, str], left: str, right: str) -> dict[str, str]:
    """Names of our joints in a file: of the middle, and of each side with its own first letters for *."""
    out = dict(middle)
    for own, theirs in (("left", left), ("right", right)):
        out |= {f"{own}_{name}": told.replace("*", theirs) for name, told in side.items()}
    return out


def _cmu() -> dict[str, str]:
    return _named(
        {"pelvis": "Hips", "spine1": "LowerBack", "spine2": "Spine", "spine3": "Spine1", "neck": "Neck1", "head": "Head"},
        {"hip": "*UpLeg", "knee": "*Leg", "ankle": "*Foot", "foot": "*ToeBase", "collar": "*Shoulder", "shoulder": "*Arm",
         "elbow": "*ForeArm", "wrist": "*Hand", "hand": "*HandIndex1"}, "Left", "Right")  # fmt: skip


def _salsa() -> dict[str, str]:
    return _named(
        {"pelvis": "hip", "spine1": "abdomen", "spine2": "abdomen", "spine3": "chest", "neck": "neck", "head": "head"},
        {"hip": "*Thigh", "knee": "*Shin", "ankle": "*Foot", "foot": "end_*Foot", "collar": "*Collar", "shoulder": "*Shldr",
         "elbow": "*ForeArm", "wrist": "*Hand", "hand": "*Mid1"}, "l", "r")  # fmt: skip


def _mixamo() -> dict[str, str]:
    return _named(
        {"pelvis": "Hips", "spine1": "Spine", "spine2": "Spine1", "spine3": "Spine2", "neck": "Neck", "head": "Head"},
        {"hip": "*UpLeg", "knee": "*Leg", "ankle": "*Foot", "foot": "*ToeBase", "collar": "*Shoulder", "shoulder": "*Arm",
         "elbow": "*ForeArm", "wrist": "*Hand", "hand": "*HandMiddle1"}, "Left", "Right")  # fmt: skip
