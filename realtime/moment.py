"""What an output shows: the dancer at one stream moment, read from what the engine published last.

Shapes   moment: one record of moment_dtype(N): a run of N poses in rising time, what was heard in the newest hop, the
         player's lock, and the onsets of the last N hops (low, mid, high); positions_m: (1, 24, 3), one dancer; faces: (1, 3);
         onsets: (3,).
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


def moment_dtype(run_poses: int) -> np.dtype[np.void]:
    """What the engine publishes after each hop."""
    return np.dtype([("run", POSE, (run_poses,)), ("heard", HEARD), ("onsets", np.float32, (run_poses, 3)), ("lock", np.int64)])


class Follower:
    """The dancer as one output sees it, *latency_s* ahead of the sound."""

    def __init__(self, latest: Latest, clock: StreamClock, latency_s: float) -> None:
        self._latest, self._clock = latest, clock
        self.latency_s = latency_s
        self._skeleton = Skeleton()
        self.pose: Record = rest_pose()
        self.heard: Record = np.zeros(1, HEARD)[0]
        self.onsets: F32 = np.zeros(3, np.float32)
        self._hop = -1
        self.positions_m: F32 = np.zeros((1, N_JOINTS, 3), np.float32)
        self.faces: F32 = np.zeros((1, 3), np.float32)
        self.positions_m[0] = self._skeleton.process(self.pose["root_m"], self.pose["rotations"])
        self.faces[0] = face(self.pose["rotations"])

    @property
    def lock(self) -> int:
        """The player's lock in the newest hop. Threads: its own; `heard` is to be looked at anew then."""
        moment = self._latest.read()
        return 0 if moment is None else int(moment["lock"])

    def moment_s(self, wall_s: float) -> float:
        """The stream second that is shown at *wall_s*; -inf before the first sound. Threads: its own."""
        return self._clock.at(wall_s) + self.latency_s

    def look(self, stream_s: float) -> bool:
        """Set `pose`, `positions_m`, `faces`, `heard` and `onsets` for *stream_s*; False, all as it was, before the first hop.

        Threads: its own.
        """
        moment = self._latest.read()
        if moment is None or not math.isfinite(stream_s):
            return False
        pose_at(moment["run"], stream_s, self.pose)
        self.heard = moment["heard"]
        hop = int(self.heard["hop"])
        if hop != self._hop:
            # The strongest since the last look: an output slower than the hops would miss two onsets of five.
            new = min(max(hop - self._hop, 1), moment["onsets"].shape[0])
            self.onsets[:] = moment["onsets"][-new:].max(axis=0)
            self._hop = hop
        self.positions_m[0] = self._skeleton.process(self.pose["root_m"], self.pose["rotations"])
        self.faces[0] = face(self.pose["rotations"])
        return True


def warm_up() -> None:
    """Compile what every output calls, before the sound begins. Threads: main."""
    moment = np.zeros(1, moment_dtype(RUN_POSES))[0]
    moment["run"] = rest_pose()
    moment["run"]["time_s"] = np.arange(RUN_POSES)
    latest = Latest(moment.dtype)
    latest.write(moment)
    Follower(latest, StreamClock(), 0.0).look(0.5)
