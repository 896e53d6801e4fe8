"""Asking: what the dancer tells the matcher of its body and of the music, when it needs a next segment.

Shapes   joints_m: (2, 24, 3) of the pose at the cut and of the one a hop before.
Threads  engine only; the arrays of a Query are overwritten by the next.
"""

from __future__ import annotations

import math

import numpy as np

from audio2pose.arrays import F32, F64, Record
from audio2pose.match.describe import JOIN_JOINTS
from audio2pose.match.matcher import Query
from audio2pose.segment import Posture

NEWS_DRIVE = 0.25
"""A change of the music's drive that is news."""
DENSEST = 4.0
"""Onsets in a beat that count as all."""
_JOINTS = np.array(JOIN_JOINTS)


def drive_of(heard: Record) -> float:
    """How hard the music asks the body to work; 0 where that is no number."""
    drive = float(heard["drive"])
    return drive if math.isfinite(drive) else 0.0


class Asker:
    """Makes queries, in arrays of its own."""

    def __init__(self, hop_s: float, stage_radius_m: float) -> None:
        self._hop_s, self._radius_m = hop_s, stage_radius_m
        self._pose: F64 = np.zeros((len(JOIN_JOINTS), 3))
        self._velocity: F64 = np.zeros((len(JOIN_JOINTS), 3))
        self._contact: F64 = np.zeros(2)
        self._music: F64 = np.zeros(4)
        self._stage_xz: F64 = np.zeros(2)

    def query(
        self, heard: Record, at: float, *, idle: bool, follows: tuple[int, int], body: Posture, joints_m: F32, drive_then: float
    ) -> Query:
        """For a cut at clock beat *at*, where *body* stands; *drive_then* was the music's when the present segment began."""
        self._pose[:] = joints_m[0, _JOINTS]
        self._velocity[:] = (joints_m[0, _JOINTS] - joints_m[1, _JOINTS]) / self._hop_s
        self._pose[:, 0] -= body.root[0]
        self._pose[:, 2] -= body.root[2]
        self._contact[:] = body.contacts[[1, 3]]
        self._stage_xz[:] = body.root[[0, 2]]
        self._stage_xz /= self._radius_m
        self._music[0] = drive = drive_of(heard)
        for d, name in enumerate(("bass", "density", "brightness"), 1):
            x = float(heard[name]) if math.isfinite(heard[name]) else 0.0
            self._music[d] = x / DENSEST if name == "density" else x
        meter = int(heard["meter"])
        known = not idle and heard["tempo_bpm"] > 0
        return Query(
            pose_m=self._pose, velocity_m_s=self._velocity, contact=self._contact, music=self._music, stage_xz=self._stage_xz,
            tempo_bpm=max(float(heard["tempo_bpm"]) if known else 60.0 * float(heard["rate_hz"]), 1.0),
            beats=at, idle=idle, place=(math.floor(at) - int(heard["bar_origin"])) % meter if meter else 0, meter=meter,
            news=min(abs(drive - drive_then) / NEWS_DRIVE, 1.0), going_on=follows,
        )  # fmt: skip
