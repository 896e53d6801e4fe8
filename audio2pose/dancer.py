"""The dancer: what was heard in a hop becomes a pose.

At each cut the matcher chooses a segment; the beat clock, read ahead by the way out's latency, moves through the
segment's own beats (warp); the join is inertialised (blend); the root goes on from the planted foot and drifts back to
the middle of the stage; silence brings an idle. A jump of the clock is treated as a join within the segment.

A song that is known is danced by its `plan`; where that has nothing for a cut, the matcher decides as it does live.

The dancer reads nothing but HEARD, its settings and its library: the same log gives the same poses to the last bit.

Threads  engine only.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from audio2pose.arrays import F32, Record
from audio2pose.asking import NEWS_DRIVE, Asker, drive_of
from audio2pose.config import DanceConfig, MatchConfig
from audio2pose.match.index import Library
from audio2pose.match.matcher import Choice, Matcher
from audio2pose.match.plan import Plan
from audio2pose.motion.blend import Inertia, Pose
from audio2pose.motion.body import N_JOINTS
from audio2pose.motion.feet import STEP_S, FootLock
from audio2pose.motion.kinematics import Skeleton
from audio2pose.motion.pose import POSE, rest_pose
from audio2pose.motion.rotation import heading
from audio2pose.motion.stand import lift_to_floor
from audio2pose.music.heard import FLYWHEEL, HEARD, LOCKED, SILENT
from audio2pose.segment import BALLS, Posture, Segment, load, until_bar_line
from audio2pose.wishes import Wishes

TURN_KEPT_RAD = 0.7
"""A segment that begins facing further off than this keeps its turn, and turns back to the audience while it dances."""
LEAD_SLEW = 0.15
"""Share of the clock's own rate by which the body may run faster or slower while its lead changes."""
STEP_FROM_M = 0.05
"""At a join, a standing foot that would end further off than this is lifted and set down anew."""
NEWS_AFTER_BEATS = 4.0
"""Where the drive has changed by NEWS_DRIVE and left the segment's energy, a new one begins on a bar line after these."""
SIZE_GAIN, SIZE_HALF_LIFE_BEATS = 0.8, 0.5
"""How much larger a segment is danced for drive beyond its own energy, and how fast that comes."""
AHEAD_BEATS = 1.0
"""The next segment is decided on so long before this one ends."""


class Dancer:
    """Heard in, pose out.

    Threads: engine. `process` never raises on what is heard.
    """

    def __init__(self, match: MatchConfig, dance: DanceConfig, library: Library, hop_s: float) -> None:
        self._config, self._library, self._hop_s = dance, library, hop_s
        self._asked_beats = match.segment_beats
        self._matcher = Matcher(match, library, min_rate=dance.min_rate, max_rate=dance.max_rate)
        self._inertia = Inertia(dance.half_life_s)
        self._feet = FootLock()
        self._segment = Segment(library)
        self.plan: Plan | None = None
        self.wishes = Wishes(self._matcher, len(library.styles), match.quantum_beats)
        self._held = Posture()
        self._now, self._shown, self._before, self._earlier = Posture(), Posture(), Posture(), Posture()
        self._new, self._ahead, self._after = Posture(), Posture(), Posture()
        self._skeleton, self._plain = Skeleton(), Skeleton()
        self._out = np.zeros(1, POSE)
        self._rest = rest_pose()
        self._asker = Asker(hop_s, dance.stage_radius_m)
        self._joints: F32 = np.zeros((2, N_JOINTS, 3), np.float32)  # of the pose shown last, and of the one before
        self._joints_then = self._joints.copy()
        self.events: list[dict[str, Any]] = []
        self.faults = 0
        self.reset()

    def reset(self) -> None:
        """Back to the first pose, before anything was heard."""
        self._matcher.reset()
        self._inertia.reset()
        self._feet.reset()
        self._segment.reset()
        self.wishes.reset()
        self._latency_s = self._lead_s = self._config.latency_s
        self._frozen = False
        self._beats, self._step = -math.inf, 0.0
        self._jumps = 0
        self._cuts = 0
        self._idle = True
        self._drive_then = 0.0
        self._next: Choice | None = None
        self._next_at = 0.0
        self._segment.size = self._config.size
        self._lead_beats = 0.0
        for s in (self._now, self._shown, self._before, self._earlier):
            s.root[:], s.rot[:], s.contacts[:] = self._rest["root_m"], self._rest["rotations"], 1.0
        self._joints[:] = self._skeleton.process(self._now.root, self._now.rot)
        self.events.clear()

    def warm_up(self) -> None:
        """Run every kernel once (a first segment, a cut, a jump, an idle), then forget it."""
        heard = np.zeros(1, HEARD)[0]
        heard["rate_hz"], heard["tempo_bpm"] = 2.0, 120.0
        for hop, state in enumerate((LOCKED, LOCKED, LOCKED, SILENT, LOCKED)):
            heard["hop"], heard["state"], heard["jumps"] = hop, state, hop // 2
            heard["beat"] = 100.3 * hop
            self.process(heard)
        self._feet.warm_up()
        self.reset()

    def set_latency(self, latency_s: float) -> None:
        """From the next hop on, poses are for *latency_s* after the hop's end; once danced, approached as a body can."""
        self._latency_s = latency_s

    def process(self, heard: Record) -> Record:
        """The POSE for the hop's end plus the latency; overwritten at the next call."""
        self.events.clear()
        clock, rate = float(heard["beat"]), float(heard["rate_hz"])
        jumps = int(heard["jumps"])
        self._step = step = rate * self._hop_s
        beats = clock + self._ahead_of(clock, rate, step)
        if jumps != self._jumps:
            self._jump(beats, step)
            self._jumps = jumps
        on_beat = math.floor(max(beats, self._beats)) > self._beats
        self._beats = beats = max(beats, self._beats)
        idle = self.wishes.panicked or int(heard["state"]) not in (LOCKED, FLYWHEEL)
        first = self._segment.choice is None
        wished = self.wishes.due(heard, beats, on_beat) and not (idle or first)
        self._freeze(self.wishes.frozen and not first)
        self._resize(drive_of(heard), idle, step)
        if first or not self._frozen:
            if first or wished or beats >= self._segment.cut_beats or self._leaves(heard, beats, on_beat, idle, rate):
                # The dance has an entrance: it stands until the first bar line, whatever is heard.
                self._cut(heard, beats, step, idle or first, first, fresh=wished)
            elif self._next is None and self.plan is None and not idle and beats >= self._segment.cut_beats - AHEAD_BEATS:
                self._decide(heard, step)
            self._segment.sample(beats, self._now)
        else:
            self._now.take(self._held)
        self._plain.process(self._now.root, self._now.rot)
        self._inertia.process(self._now.root, self._now.rot, self._hop_s)
        if not math.isfinite(float(self._now.root.sum()) + float(self._now.rot.sum())):
            # A hole in the library's motion: the body stays as it was shown last.
            self._now.take(self._shown)
            self._inertia.reset()
            self.faults += 1
        self._settle()
        if first:
            # Nothing was shown before: a join in the next hop must not take the rest pose for where the body came from.
            self._shown.take(self._now)
            self._before.take(self._now)
        self._publish(heard, beats)
        return self._out[0]

    def _ahead_of(self, clock: float, rate_hz: float, step: float) -> float:
        """Beats by which the body runs ahead of the clock: rate times latency, approached no faster than a body can.

        Taken as it is, it would leap with every step of the rate, at the first lock and at each change of tempo.
        """
        slew_s = LEAD_SLEW * self._hop_s
        self._lead_s += min(max(self._latency_s - self._lead_s, -slew_s), slew_s)
        if self._segment.choice is None:
            self._lead_s = self._latency_s
        wanted = rate_hz * self._lead_s
        if self._segment.choice is None:
            self._lead_beats = wanted
        slew = LEAD_SLEW * step
        self._lead_beats += min(max(wanted - self._lead_beats, -slew), slew)
        return self._lead_beats

    def _resize(self, drive: float, idle: bool, step: float) -> None:
        """Grow with the music beyond the segment's own energy, shrink below it; an idle is as it was made."""
        config = self._config
        wanted = 1.0
        if not idle and self._segment.choice is not None:
            wanted += min(max(SIZE_GAIN * (drive - self._segment.energy), -config.size_range), config.size_range)
        wanted *= config.size
        self._segment.size += (1.0 - 0.5 ** (step / SIZE_HALF_LIFE_BEATS)) * (wanted - self._segment.size)

    def _freeze(self, on: bool) -> None:
        """Come to rest in the pose shown last, or go on from it."""
        if on and not self._frozen:
            self._held.take(self._shown)
            still = self._held.both
            self._inertia.cut(self._last(), (still, still, still), self._hop_s)
        elif self._frozen and not on:
            self._feet.hand_over()
            self._join(self._beats, self._step)
        self._frozen = on

    def _leaves(self, heard: Record, beats: float, on_beat: bool, idle: bool, rate_hz: float) -> bool:
        """Whether the segment is left before its time, on a beat; a panic waits for none."""
        if not on_beat:
            return self.wishes.panicked and not self._idle
        meter = int(heard["meter"])
        bar_line = meter < 2 or (math.floor(beats) - int(heard["bar_origin"])) % meter == 0
        if idle != self._idle:
            return idle or bar_line
        if self._segment.strained(rate_hz, self._config.min_rate, self._config.max_rate):
            return True
        drive = drive_of(heard)
        changed = abs(drive - self._drive_then) > NEWS_DRIVE
        unfit = abs(drive - self._segment.energy) > NEWS_DRIVE
        return (
            self.plan is None
            and not idle
            and bar_line
            and changed
            and unfit
            and beats - self._segment.began_beats >= NEWS_AFTER_BEATS
        )

    def _jump(self, beats: float, step: float) -> None:
        """The clock jumped: shift the segment by whole beats, so that the body moves by less than half a beat."""
        if self._segment.choice is None or self._beats == -math.inf:
            return
        self._segment.shift(float(round(beats - self._beats)))
        self._next = None
        self._beats = beats
        if not self._frozen:
            self._feet.hand_over()
            self._join(beats, step)

    def _cut(self, heard: Record, beats: float, step: float, idle: bool, first: bool, *, fresh: bool = False) -> None:
        """Choose the next segment; it begins on the whole beat that was just passed. A *fresh* one does not just go on."""
        segment = self._segment
        planned = not first and 0.0 <= beats - segment.cut_beats < 1.0
        at = segment.cut_beats if planned else float(math.floor(beats))
        follows = (-1, -1) if first or fresh else segment.follows(at)
        if not first:
            segment.sample(at, self._ahead)
        choice = self._next if planned and not (idle or fresh) and self._next_at == at else None
        if choice is None or not self._matcher.allows(choice):
            query = self._asker.query(
                heard, at, idle=idle, follows=follows, body=self._shown, joints_m=self._joints, drive_then=self._drive_then
            )
            choice = self._matcher.decide(query)
        lasts = choice.beats if self._asked_beats else until_bar_line(choice, self._library, at, heard)
        if self.plan and not idle:
            known = self.plan.step(at)
            choice, lasts = (known.choice, known.beats) if known else (choice, min(lasts, self.plan.after(at, math.inf) - at))
        self._matcher.danced(choice, at)
        segment.begin(choice, at, lasts)
        self._next = None
        self._idle = idle
        self._drive_then = drive_of(heard)
        self._cuts += 1
        if first:
            segment.offset[:] = 0.0
        elif (choice.clip, choice.start_beat) == follows:
            segment.sample(at, self._new)
            segment.offset[0] += self._ahead.root[0] - self._new.root[0]
            segment.offset[1] += self._ahead.root[2] - self._new.root[2]
        else:
            self._feet.hand_over()
            self._place()
            self._join(beats, step)
        self.events.append(segment.told())

    def _decide(self, heard: Record, step: float) -> None:
        """Choose what follows this segment, from where its own motion will have brought the body by then."""
        segment, at = self._segment, self._segment.cut_beats
        segment.sample(at - step, self._new)
        self._joints_then[1] = self._skeleton.process(self._new.root, self._new.rot)
        segment.sample(at, self._ahead)
        self._joints_then[0] = self._skeleton.process(self._ahead.root, self._ahead.rot)
        query = self._asker.query(
            heard, at, idle=False, follows=segment.follows(at), body=self._ahead, joints_m=self._joints_then,
            drive_then=self._drive_then,
        )  # fmt: skip
        self._next, self._next_at = self._matcher.decide(query), at

    def _place(self) -> None:
        """Set the new clip's origin so that the foot that stands goes on standing where it is."""
        old, new, segment = self._shown, self._new, self._segment
        segment.offset[:] = 0.0
        segment.sample(segment.began_beats, new)
        turn = math.remainder(heading(old.rot[0]) - heading(new.rot[0]), 2.0 * math.pi)
        if abs(turn) > TURN_KEPT_RAD:
            segment.offset[2] = turn
            segment.sample(segment.began_beats, new)
        joints = self._skeleton.process(new.root, new.rot)
        loads = load(self._joints[0]) * load(joints)
        stands = old.contacts[[1, 3]] * new.contacts[[1, 3]]
        anchor = int(np.argmax(stands * loads))
        anchored = stands[anchor] > 0.25
        ball = BALLS[anchor]
        place = self._joints[0, ball] - joints[ball] if anchored else old.root - new.root
        segment.offset[0], segment.offset[1] = place[0], place[2]
        step_beats = self._step * STEP_S / self._hop_s
        for foot in range(2):
            # A foot that will be low elsewhere takes a step to where the new dance has it, rather than slide there.
            if not (anchored and foot == anchor) and segment.moves(foot, self._joints[0], step_beats, self._skeleton):
                self._feet.step(foot)

    def _join(self, beats: float, step: float) -> None:
        """Inertialise from the last poses shown to the motion as it is now; *step*: beats that a hop lasts."""
        self._segment.sample(beats - step, self._new)
        self._segment.sample(beats, self._ahead)
        self._segment.sample(beats + step, self._after)
        self._inertia.cut(self._last(), (self._new.both, self._ahead.both, self._after.both), self._hop_s)

    def _last(self) -> tuple[Pose, Pose, Pose]:
        """The poses shown last, the last first."""
        return self._shown.both, self._before.both, self._earlier.both

    def _settle(self) -> None:
        """Feet above the floor; slowly home and to the front."""
        root = self._now.root
        joints = self._skeleton.process(root, self._now.rot)
        if self._feet.process(
            root, self._now.rot, self._now.contacts, joints, self._plain.positions_m, self._hop_s, self._segment.slides
        ):
            joints = self._skeleton.process(root, self._now.rot)
        lift_to_floor(joints, root)
        self._joints[1] = self._joints[0]
        self._joints[0] = joints
        self._segment.go_home(root, self._config.stage_radius_m, self._feet.free * self._hop_s)

    def _publish(self, heard: Record, beats: float) -> None:
        self._earlier.take(self._before)
        self._before.take(self._shown)
        self._shown.take(self._now)
        out = self._out[0]
        out["time_s"] = (int(heard["hop"]) + 1) * self._hop_s + self._lead_s
        out["beat"] = beats
        out["root_m"], out["rotations"], out["contacts"] = self._now.root, self._now.rot, self._now.contacts
        out["segment"], out["cuts"] = self._segment.chosen.segment, self._cuts
