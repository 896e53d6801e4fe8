"""What an output shows: the dancers at one stream moment, read from what the engine published last.

Shapes   moment: one record of moment_dtype(N, D): of each of D dancers a run of N poses in rising time, what was heard in the
         newest hop, what the player set, and the onsets of the last N hops (low, mid, high); positions_m: (D, 24, 3);
         faces: (D, 3); onsets: (3,).
Threads  a Follower belongs to the one thread that shows, sends or writes.
"""

from __future__ import annotations

import math

import numpy as np

from audio2pose.arrays import F32, Record
from audio2pose.motion.body import N_JOINTS
from audio2pose.motion.kinematics import Skeleton, face
from audio2pose.motion.pose import POSE, pose_at, rest_pose
from audio2pose.music.heard import HEARD

from .handoff import Latest
from .sources import StreamClock

RUN_POSES = 8
"""How many hops' poses are published at once; wider where outputs look at moments far apart."""


PLAYER = ("lock", "style", "stylelock", "freeze", "panic", "quantize", "autogain", "gain")
"""What the player has set, in this order: the engine's word for what holds."""


def moment_dtype(run_poses: int, dancers: int = 1) -> np.dtype[np.void]:
    """What the engine publishes after each hop."""
    return np.dtype([
        ("run", POSE, (dancers, run_poses)), ("heard", HEARD), ("onsets", np.float32, (run_poses, 3)),
        ("player", np.float32, (len(PLAYER),)),
    ])  # fmt: skip


class Follower:
    """The dancers as one output sees them, `latency_s` ahead of the sound; `poses` are theirs, `pose` the first's."""

    def __init__(self, latest: Latest, clock: StreamClock, latency_s: float) -> None:
        self._latest, self._clock = latest, clock
        self.latency_s = latency_s
        self._skeleton = Skeleton()
        self.heard: Record = np.zeros(1, HEARD)[0]
        self.onsets: F32 = np.zeros(3, np.float32)
        self._hop = -1
        D = latest.dtype["run"].shape[0]
        self.poses: tuple[Record, ...] = tuple(rest_pose() for _ in range(D))
        self.positions_m: F32 = np.zeros((D, N_JOINTS, 3), np.float32)
        self.faces: F32 = np.zeros((D, 3), np.float32)
        for k in range(D):
            self._place(k)

    @property
    def pose(self) -> Record:
        """Dancer 1's."""
        return self.poses[0]

    def _place(self, k: int) -> None:
        pose = self.poses[k]
        self.positions_m[k] = self._skeleton.process(pose["root_m"], pose["rotations"])
        self.faces[k] = face(pose["rotations"])

    def moment_s(self, wall_s: float) -> float:
        """The stream second that is shown at *wall_s*; -inf before the first sound. Threads: its own."""
        return self._clock.at(wall_s) + self.latency_s

    def look(self, stream_s: float) -> bool:
        """Set `poses`, `positions_m`, `faces` and what was heard for *stream_s*; False, all as it was, before the first hop.

        Threads: its own.
        """
        moment = self._latest.read()
        if moment is None or not math.isfinite(stream_s):
            return False
        self.heard = moment["heard"]
        hop = int(self.heard["hop"])
        if hop != self._hop:
            # The strongest since the last look: an output slower than the hops would miss two onsets of five.
            new = min(max(hop - self._hop, 1), moment["onsets"].shape[0])
            self.onsets[:] = moment["onsets"][-new:].max(axis=0)
            self._hop = hop
        for k, pose in enumerate(self.poses):
            pose_at(moment["run"][k], stream_s, pose)
            self._place(k)
        return True


def warm_up() -> None:
    """Compile what every output calls, before the sound begins. Threads: main."""
    moment = np.zeros(1, moment_dtype(RUN_POSES))[0]
    moment["run"] = rest_pose()
    moment["run"]["time_s"] = np.arange(RUN_POSES)
    latest = Latest(moment.dtype)
    latest.write(moment)
    Follower(latest, StreamClock(), 0.0).look(0.5)
