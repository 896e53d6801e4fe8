"""BVH: read back by a parser of its own, in float64, it is the same dance to a millimetre."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from audio2pose.errors import OutputError
from audio2pose.media.bvh import angles, write_bvh
from audio2pose.motion.body import JOINT_NAMES, OFFSETS_M, PARENTS
from audio2pose.motion.kinematics import positions

AXES = {"Xrotation": 0, "Yrotation": 1, "Zrotation": 2}
PLACES = {"Xposition": 0, "Yposition": 1, "Zposition": 2}


class Bvh:
    """A small reader that knows nothing of ours."""

    def __init__(self, text: str) -> None:
        words = iter(text.split())
        assert next(words) == "HIERARCHY"
        self.names: list[str] = []
        self.parents: list[int] = []
        self.offsets: list[np.ndarray] = []
        self.channels: list[tuple[int, str]] = []
        self.ends: list[tuple[int, np.ndarray]] = []
        open_joints: list[int] = []
        for word in words:
            if word in ("ROOT", "JOINT"):
                self.names.append(next(words))
                self.parents.append(open_joints[-1] if open_joints else -1)
                open_joints.append(len(self.names) - 1)
                assert next(words) == "{"
            elif word == "End":
                assert [next(words) for _ in range(3)] == ["Site", "{", "OFFSET"]
                self.ends.append((open_joints[-1], np.array([float(next(words)) for _ in range(3)])))
                assert next(words) == "}"
            elif word == "OFFSET":
                self.offsets.append(np.array([float(next(words)) for _ in range(3)]))
            elif word == "CHANNELS":
                self.channels += [(open_joints[-1], next(words)) for _ in range(int(next(words)))]
            elif word == "}":
                open_joints.pop()
            else:
                assert word == "MOTION"
                break
        assert next(words) == "Frames:"
        frames = int(next(words))
        assert [next(words), next(words)] == ["Frame", "Time:"]
        self.frame_s = float(next(words))
        self.values = np.array([float(w) for w in words]).reshape(frames, len(self.channels))

    def placed(self) -> dict[str, np.ndarray]:
        """Where each joint is in every frame (T, 3), in the file's unit: each channel turns within the one before it."""
        T = self.values.shape[0]
        turns = {j: np.tile(np.eye(3), (T, 1, 1)) for j in range(len(self.names))}
        shifts = {j: np.zeros((T, 3)) for j in range(len(self.names))}
        for n, (j, channel) in enumerate(self.channels):
            if channel in PLACES:
                shifts[j][:, PLACES[channel]] = self.values[:, n]
            else:
                about = np.radians(self.values[:, n, None]) * np.eye(3)[AXES[channel]]
                turns[j] = turns[j] @ Rotation.from_rotvec(about).as_matrix()
        places: dict[int, np.ndarray] = {}
        world: dict[int, np.ndarray] = {}
        for j, parent in enumerate(self.parents):
            own = self.offsets[j] + shifts[j]
            if parent < 0:
                places[j], world[j] = own, turns[j]
            else:
                places[j] = places[parent] + (world[parent] @ own[..., None])[..., 0]
                world[j] = world[parent] @ turns[j]
        return {name: places[j] for j, name in enumerate(self.names)}


def read_back(path: Path) -> Bvh:
    return Bvh(path.read_text(encoding="ascii"))


def furthest_m(found: Bvh, positions_m: np.ndarray) -> float:
    placed = found.placed()
    return max(np.linalg.norm(placed[n] / 100.0 - positions_m[:, j], axis=-1).max() for j, n in enumerate(JOINT_NAMES))


def near_lock(rng: np.random.Generator, T: int) -> np.ndarray:
    """Turns about X by a right angle, by nearly one, and by exactly one, within random turns about Y and Z."""
    off = np.choose(rng.integers(0, 4, (T, 24)), [0.0, 1e-9, 1e-5, 0.02]) * rng.choice([-1.0, 1.0], (T, 24))
    x = rng.choice([-0.5, 0.5], (T, 24)) * np.pi + off
    zxy = np.stack([rng.uniform(-np.pi, np.pi, (T, 24)), x, rng.uniform(-np.pi, np.pi, (T, 24))], -1)
    turns = Rotation.from_euler("ZXY", zxy.reshape(-1, 3)).as_quat().reshape(T, 24, 4)
    return np.roll(turns, 1, -1).astype(np.float32)


@pytest.mark.parametrize("kind", ["anywhere", "near the lock"])
def test_any_turns_are_read_back_to_a_tenth_of_a_millimetre(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(3)
    rotations = near_lock(rng, 60) if kind == "near the lock" else rng.normal(size=(60, 24, 4)).astype(np.float32)
    rotations /= np.linalg.norm(rotations, axis=-1, keepdims=True)
    root_m = rng.normal(size=(60, 3)).astype(np.float32)
    write_bvh(tmp_path / "a.bvh", root_m, rotations, 60.0)
    assert furthest_m(read_back(tmp_path / "a.bvh"), positions(root_m, rotations)) < 1e-4


def test_the_rest_pose_is_all_zeros_and_stands_in_centimetres(tmp_path: Path) -> None:
    rest = np.zeros((2, 24, 4), np.float32)
    rest[..., 0] = 1.0
    write_bvh(tmp_path / "a.bvh", np.tile(OFFSETS_M[0], (2, 1)), rest, 25.0)
    found = read_back(tmp_path / "a.bvh")
    assert found.frame_s == pytest.approx(0.04, abs=1e-9)
    assert found.values.shape == (2, 3 + 3 * 24)
    assert (found.values[:, 3:] == 0.0).all()
    assert "-0.0000" not in (tmp_path / "a.bvh").read_text()
    assert found.placed()["head"][0, 1] == pytest.approx(156.0, abs=0.01)
    assert [[c for j, c in found.channels if j == n] for n in (0, 1)] == [
        ["Xposition", "Yposition", "Zposition", "Zrotation", "Xrotation", "Yrotation"],
        ["Zrotation", "Xrotation", "Yrotation"],
    ]
    assert sorted(found.names) == sorted(JOINT_NAMES)
    parents = {n: found.names[p] if p >= 0 else None for n, p in zip(found.names, found.parents)}
    assert parents == {n: JOINT_NAMES[p] if p >= 0 else None for n, p in zip(JOINT_NAMES, PARENTS)}
    assert {found.names[j] for j, _ in found.ends} == {"left_foot", "right_foot", "head", "left_hand", "right_hand"}


def test_a_body_that_turns_and_bends_through_the_lock_has_curves_without_leaps() -> None:
    """Three whole turns about the vertical, and a bow that passes the right angle at which Z and Y are one."""
    T = 600
    rotations = np.zeros((T, 24, 4), np.float32)
    rotations[..., 0] = 1.0
    spin = Rotation.from_euler("y", np.linspace(0.0, 1080.0, T)[:, None], degrees=True)
    bow = Rotation.from_euler("x", np.linspace(0.0, 170.0, T)[:, None], degrees=True)
    rotations[:, 0] = np.roll(spin.as_quat(), 1, -1)
    rotations[:, 3] = np.roll(bow.as_quat(), 1, -1)
    told = angles(rotations)
    assert np.abs(np.diff(told, axis=0)).max() < 3.0
    assert abs(told[-1, 0, 2] - told[0, 0, 2]) == pytest.approx(1080.0, abs=0.01)
    assert told[-1, 3, 1] == pytest.approx(170.0, abs=0.01)


def test_a_pose_that_is_no_number_is_refused_and_the_old_file_stays(tmp_path: Path) -> None:
    rest = np.zeros((2, 24, 4), np.float32)
    rest[..., 0] = 1.0
    (tmp_path / "a.bvh").write_text("older")
    rest[1, 4, 2] = np.nan
    with pytest.raises(OutputError, match="NaN"):
        write_bvh(tmp_path / "a.bvh", np.zeros((2, 3), np.float32), rest, 60.0)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a.bvh", "older")]
