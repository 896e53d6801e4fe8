"""Small clips and logs made on the spot, for tests of the matcher and the dancer."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from audio2pose.motion.body import OFFSETS_M, REST_FOOT_M
from audio2pose.motion.clip import Clip
from audio2pose.motion.kinematics import positions
from audio2pose.music.heard import HEARD, LOCKED, SILENT


def clip(
    name: str, *, bpm: float = 120.0, beats: int = 8, style: str = "sway", energy: float = 0.5, idle: bool = False,
    swing_deg: float = 40.0, travel_m: float = 0.0, looped: bool = True, turn_deg: float = 0.0, stance_m: float = 0.0,
) -> Clip:  # fmt: skip
    """A body that swings its arms once in two beats; *travel_m* along x, *turn_deg* of facing, feet *stance_m* wider.

    Its knees are a little bent; it stands on both feet, but for a travelling one, whose feet go with it.
    """
    per_beat = 60.0 * 60.0 / bpm
    T = round(per_beat * beats) + 1
    beat = np.arange(T) / per_beat
    root = np.tile(OFFSETS_M[0], (T, 1))
    root[:, 0] += travel_m * beat / beats
    rotations = np.zeros((T, 24, 4), np.float32)
    rotations[..., 0] = 1.0
    swing = swing_deg * np.cos(np.pi * beat)
    rotations[:, 0] = np.roll(Rotation.from_euler("y", turn_deg, degrees=True).as_quat(), 1)
    for joint, sign in ((16, -1.0), (17, 1.0)):
        down = Rotation.from_euler("z", sign * 70, degrees=True)
        forward = Rotation.from_euler("x", (swing * sign)[:, None], degrees=True)
        rotations[:, joint] = np.roll((forward * down).as_quat(), 1, -1)
    lean = np.degrees(np.arcsin(stance_m / 2 / 0.81))
    for side, (hip, knee, ankle) in ((1.0, (1, 4, 7)), (-1.0, (2, 5, 8))):
        for joint, bend, out in ((hip, -20.0, side * lean), (knee, 40.0, 0.0), (ankle, -20.0, -side * lean)):
            rotations[:, joint] = np.roll(Rotation.from_euler("ZX", [out, bend], degrees=True).as_quat(), 1)
    feet = positions(root[:1].astype(np.float32), rotations[:1])[0, [10, 11], 1]
    root[:, 1] -= feet.min() - REST_FOOT_M
    return Clip(
        name=name, style=style, fps=60.0, root_m=root.astype(np.float32), rotations=rotations.astype(np.float32),
        contacts=np.full((T, 4), 0.0 if travel_m else 1.0, np.float32), beat_poses=np.arange(beats + 1) * (T - 1) / beats,
        accents=np.array([[0.0, 1.0]], np.float32), entries=tuple(range(0, beats, 4)), phrase_beats=beats, energy=energy,
        looped=looped, idle=idle,
    )  # fmt: skip


def log(
    seconds: float, *, bpm: float = 120.0, first_beat_s: float = 0.0, energy: float = 0.5, state: int = LOCKED, meter: int = 4
) -> np.ndarray:
    """What perfect ears hear of an even beat: (H,) HEARD at 10 ms hops."""
    hops = round(seconds * 100)
    heard = np.zeros(hops, HEARD)
    heard["hop"] = np.arange(hops)
    heard["rate_hz"] = bpm / 60.0
    heard["beat"] = ((np.arange(hops) + 1) * 0.01 - first_beat_s) * bpm / 60.0
    heard["committed_s"] = np.nan
    heard["tempo_bpm"] = bpm
    heard["confidence"] = 0.9
    heard["energy"] = heard["drive"] = energy
    heard["density"] = 2.0
    heard["bass"] = heard["brightness"] = 0.5
    heard["state"] = state
    heard["meter"] = meter
    return heard


def silent(heard: np.ndarray, from_s: float, to_s: float) -> np.ndarray:
    """The same log with silence between two moments."""
    heard = heard.copy()
    heard["state"][round(from_s * 100) : round(to_s * 100)] = SILENT
    return heard
