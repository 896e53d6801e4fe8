"""The engine's thread: sound from the ring, hop by hop through the performer, poses out to everyone who follows.

Shapes   block: up to BLOCK_FRAMES mono samples at a time; tap: (T,) POSE, every hop's pose in order.
Threads  `run` is the body of the engine thread and alone touches the performer. Counters, `events` and the published
         moments may be read by others.
"""

from __future__ import annotations

import math
import time
from collections import deque
from threading import Event
from typing import Any

import numpy as np

from audio2pose.arrays import F32, Record
from audio2pose.motion.pose import POSE
from audio2pose.music.heard import LOCKED
from audio2pose.music.hops import Hopper
from audio2pose.performer import Performer

from .handoff import Commands, Echo, HopRing, Latest
from .log import LATENCY, LogQueue
from .moment import PLAYER, RUN_POSES, moment_dtype
from .replay import Script
from .sources import Source, StreamClock
from .spread import Spread

BLOCK_FRAMES = 1024
MAX_EVENTS = 4096
MAX_BEATS = 1 << 16
REST_S = 0.001
"""How long the engine sleeps when the ring is empty: a block waits half of it on average."""


class Tap:
    """Keeps every hop's pose, up to *capacity*, in memory that is there from the start.

    Threads: the engine puts; anyone looks after the engine has ended.
    """

    def __init__(self, capacity_poses: int) -> None:
        self.capacity_poses = capacity_poses
        self._poses = np.zeros(capacity_poses, POSE)
        self._n = 0
        self.missed = 0

    def put(self, pose: Record) -> None:
        """Copy *pose*, or count it as missed where there is no room. Threads: engine."""
        if self._n == self._poses.shape[0]:
            self.missed += 1
            return
        self._poses[self._n] = pose
        self._n += 1

    @property
    def poses(self) -> np.ndarray[Any, Any]:
        """(T,) POSE, a view. Threads: any, after the engine has ended."""
        return self._poses[: self._n]


class Engine:
    """Runs a Performer on what comes through *ring*."""

    def __init__(
        self, performer: Performer, source: Source, ring: HopRing, clock: StreamClock, *, tap: Tap | None = None,
        run_poses: int = RUN_POSES, keep_beats: bool = False, log: LogQueue | None = None, script: Script | None = None,
    ) -> None:  # fmt: skip
        self._performer, self._source, self._ring, self._clock, self._tap = performer, source, ring, clock, tap
        self._keep_beats, self._log, self._script = keep_beats, log, script
        self._hopper = Hopper(source.sample_rate_hz, performer.hop_s)
        self._block: F32 = np.zeros(BLOCK_FRAMES, np.float32)
        self._moment: Record = np.zeros(1, moment_dtype(run_poses, performer.poses.shape[0]))[0]
        self._run = self._moment["run"]
        self._steps_s = performer.hop_s * np.arange(run_poses - 1, -1, -1)
        self._followers: list[Latest] = []
        self._echoes: list[Echo] = []
        self._hands: list[Commands] = []
        self.events: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)
        self.beat_times_s: list[float] = []
        self.beat_positions: list[int] = []
        self.hop_ms, self.lateness_ms = Spread(), Spread()
        self.hops = self.beats = self.segments = self.lost_events = self.late_hops = 0
        self.tempo_bpm = 0.0
        self.first_lock_s: float | None = None

    def subscribe(self) -> Latest:
        """A hand-over for one more output. Threads: main, before `run`."""
        self._followers.append(Latest(self._moment.dtype))
        return self._followers[-1]

    def echo(self, capacity_frames: int) -> Echo:
        """The hops that the performer heard, for a recorder: not a sample more. Threads: main, before `run`."""
        self._echoes.append(Echo(capacity_frames))
        return self._echoes[-1]

    def hand(self) -> Commands:
        """A hand-over for one more source of commands. Threads: main, before `run`."""
        self._hands.append(Commands())
        return self._hands[-1]

    def run(self, stop: Event) -> None:
        """Until *stop*, or until the source has finished and the ring is empty. Threads: the engine's own."""
        while not stop.is_set():
            finished = self._source.finished
            if not self.pull():
                if finished:
                    return
                time.sleep(REST_S)

    def pull(self) -> int:
        """Dance what waits in the ring, one block of it at most; how many samples that was. Threads: engine."""
        n = self._ring.read(self._block)
        if n:
            for hop in self._hopper.feed(self._block[:n]):
                for echo in self._echoes:
                    echo.write(hop)
                self._hop(hop)
        return n

    @property
    def kept_all(self) -> bool:
        """Whether no more is kept for the end of the show: the tap is full, or the list of beats. Threads: any."""
        return len(self.beat_times_s) >= MAX_BEATS or (self._tap is not None and self._tap.missed > 0)

    @property
    def dropped_commands(self) -> int:
        """Commands that came faster than the hops took them. Threads: any."""
        return sum(hand.dropped for hand in self._hands)

    def _hop(self, hop: F32) -> None:
        began_s = time.thread_time()
        if self._script is not None:
            for name, value in self._script.due(self.hops):
                self._obey(name, value)
        for hand in self._hands:
            for _ in range(hand.waiting):  # what is put meanwhile belongs to the next hop
                command = hand.take()
                assert command is not None
                self._obey(*command)
        pose = self._performer.process(hop)
        if self._log is not None and self._performer.heard is not None:
            self._log.put_hop(self._performer.heard)
        self._publish(self._performer.poses)
        self.hops += 1
        self._count()
        self.hop_ms.add(1e3 * (time.thread_time() - began_s))
        if self._tap is not None:
            self._tap.put(pose)
        behind_s = self._clock.at(time.perf_counter()) - self.hops * self._performer.hop_s
        self.lateness_ms.add(1e3 * max(behind_s, 0.0))
        self.late_hops += behind_s > self._source.latency_s + 2 * self._performer.hop_s

    def _obey(self, name: str, value: float) -> None:
        if name == LATENCY:
            self._performer.set_latency(value)
        else:
            self._performer.command(name, value)
        if self._log is not None:
            self._log.put_command(self.hops, name, value)

    def _publish(self, poses: Any) -> None:
        run = self._run
        if self.hops == 0:
            # Before the first pose the dancers stood in it: a run is whole from the start.
            run[:] = poses[:, None]
            run["time_s"] -= self._steps_s
        else:
            run[:, :-1] = run[:, 1:]
            run[:, -1] = poses
        heard, onsets = self._performer.heard, self._moment["onsets"]
        assert heard is not None
        onsets[:-1] = onsets[1:]
        onsets[-1] = heard["onset_low"], heard["onset_mid"], heard["onset_high"]
        self._moment["heard"] = heard
        holds = self._performer.holds
        self._moment["player"] = [holds[name] for name in PLAYER]
        for latest in self._followers:
            latest.write(self._moment)

    def _count(self) -> None:
        heard = self._performer.heard
        assert heard is not None
        if self.first_lock_s is None and heard["state"] == LOCKED:
            self.first_lock_s = round(self.hops * self._performer.hop_s, 3)
        if heard["committed"]:
            self.beats += 1
            self.tempo_bpm = float(heard["tempo_bpm"])
            if self._keep_beats and math.isfinite(heard["committed_s"]) and not self.kept_all:
                self.beat_times_s.append(float(heard["committed_s"]))
                self.beat_positions.append(int(heard["position"]))
        for event in self._performer.events:
            self.segments += event["event"] == "segment"
            self.lost_events += len(self.events) == MAX_EVENTS
            self.events.append(event)
