"""One pose of the dancer, a run of recent poses, and the pose between two of them.

A run is a short array of POSE in rising time: the engine publishes its latest; window, OSC and recorder each ask
`pose_at` for the moment THEY show, send or write, so that a hop's pose is never held still. A pair is a run of two.

Threads  any; `interpolate` works without heap or GIL.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, Record
from audio2pose.motion.body import N_JOINTS, OFFSETS_M
from audio2pose.motion.rotation import slerp

POSE = np.dtype(
    [
        ("time_s", np.float64),  # the stream moment that this pose is for
        ("beat", np.float64),  # b at that moment
        ("root_m", np.float32, (3,)),
        ("rotations", np.float32, (N_JOINTS, 4)),
        ("contacts", np.float32, (4,)),  # left_ankle, left_foot, right_ankle, right_foot, 0..1
        ("segment", np.int32),  # index into the library's segments
        ("cuts", np.int32),  # how many segments have begun so far
    ]
)

MAX_EXTRAPOLATION = 3.0
"""A moment past the run's end is met by going on for at most this many of its last steps."""


@njit(cache=True, nogil=True)
def interpolate(root_a: F32, root_b: F32, rot_a: F32, rot_b: F32, u: float, root: F32, rot: F32) -> None:
    """Write the pose at share *u* from a to b: lerp for the root (3,), slerp for the rotations (24, 4)."""
    for i in range(3):
        root[i] = root_a[i] + u * (root_b[i] - root_a[i])
    for j in range(rot_a.shape[0]):
        slerp(rot_a[j], rot_b[j], u, rot[j])


def rest_pose() -> Record:
    """A pose of its own: the rest pose at time 0."""
    pose = np.zeros(1, POSE)
    pose["root_m"] = OFFSETS_M[0]
    pose["rotations"][..., 0] = 1.0
    return pose[0]


def pose_at(run: Record, time_s: float, out: Record) -> Record:
    """Write into *out* (a POSE record) the pose of *run* (N,) POSE, N >= 2, at stream moment *time_s*; also returned.

    Before the run: its first pose. Past it: its last movement goes on for up to MAX_EXTRAPOLATION steps, then holds.
    """
    times: F64 = run["time_s"]
    b = int(np.searchsorted(times, time_s, side="left"))
    b = min(max(b, 1), times.shape[0] - 1)
    a = b - 1
    step_s = times[b] - times[a]
    u = 0.0 if step_s <= 0.0 else min(max((time_s - times[a]) / step_s, 0.0), 1.0 + MAX_EXTRAPOLATION)
    interpolate(
        run["root_m"][a], run["root_m"][b], run["rotations"][a], run["rotations"][b], u, out["root_m"], out["rotations"]
    )
    out["time_s"] = times[a] + u * step_s
    out["beat"] = run["beat"][a] + u * (run["beat"][b] - run["beat"][a])
    nearer = a if u < 0.5 else b
    out["contacts"] = run["contacts"][nearer]
    out["segment"] = run["segment"][nearer]
    out["cuts"] = run["cuts"][nearer]
    return out
