"""Every hop's pose of a show into a pose file, once it is over. Its films are made in films.py.

Shapes   poses: (T,) POSE, one a hop.
Threads  main, after the engine has ended.
Source   our own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audio2pose.errors import OutputError
from audio2pose.media import posefile
from audio2pose.motion.kinematics import positions
from audio2pose.motion.pose import POSE, pose_at

BVH_FPS = 60.0
"""Of a .bvh: programs that animate know rates of films and screens, and none of hops."""


def write_poses(
    path: str | Path, poses: np.ndarray[Any, Any], *, hop_s: float, seconds: float, beat_times_s: Sequence[float],
    beat_positions: Sequence[int], segments: Sequence[Mapping[str, Any]],
) -> None:  # fmt: skip
    """Write the dance of *seconds* that hop *poses* (T,) POSE make, pose k for stream moment k * hop_s; a .bvh at BVH_FPS.

    Where there are fewer poses than that, it ends with them. *segments* are the events of that name; each begins in the hop
    that tells it, and is seen the latency later.
    Raises OutputError.
    """
    if poses.shape[0] < 2:
        raise OutputError(f"no sound came, so there is no dance to write to {path}: check the input with 'audio2pose devices'")
    step_s = 1.0 / BVH_FPS if Path(path).suffix.lower() == ".bvh" else hop_s
    T = max(round(min(seconds, poses.shape[0] * hop_s) / step_s), 1)
    danced = np.zeros(T, POSE)
    run: Any = poses
    for k in range(T):
        pose_at(run, k * step_s, danced[k])
    ahead_s = float(poses["time_s"][-1]) - poses.shape[0] * hop_s
    posefile.write(
        path,
        posefile.PoseFile(
            positions_m=positions(danced["root_m"], danced["rotations"]),
            fps=1.0 / step_s,
            rotations=danced["rotations"],
            root_m=danced["root_m"],
            contacts=danced["contacts"],
            beat_times_s=np.array(beat_times_s, np.float64),
            beat_positions=np.array(beat_positions, np.int32),
            segment_starts_s=np.array([s["t"] + ahead_s for s in segments], np.float64),
            segment_ids=tuple(str(s["id"]) for s in segments),
        ),
    )
