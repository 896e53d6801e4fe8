"""The group: one dancer or several, each with a number and a place on the stage that stay.

Shapes   poses: (D,) POSE, dancer 1 first; a dancer's root holds its place, metres.
Threads  engine only. What is heard decides everything: the same log gives the same poses to the last bit.
Source   our own; unison, mirror and canon are choreography's own words.

Dancer 1 stands in the middle, the others beside it in turn, left and right, each a little further back. In unison, mirror
and canon one dances and the others show its poses; `own` are as many dancers, each with a seed of its own.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, Record
from audio2pose.config import DanceConfig, GroupConfig, MatchConfig
from audio2pose.dancer import Dancer
from audio2pose.match.index import Library
from audio2pose.motion.body import MIRROR
from audio2pose.motion.pose import POSE, interpolate, rest_pose
from audio2pose.wishes import Wishes

BACK = 0.3
"""Of the way to the side, so much to the back: a wedge has depth and hides nobody."""
ROOM = 0.4
"""Share of the spacing that each has to either side."""
DELAY_SLEW = 0.15
"""Share of time by which one in a canon runs faster or slower while the tempo changes."""
TASTE = 0.5
"""Temperature of those who choose for themselves."""
SLOWEST_HZ = 0.5
CONTACT_MIRROR = np.array([2, 3, 0, 1])


def places(dancers: int, spacing_m: float) -> F64:
    """(D, 2) x and z of each dancer's place, metres; the first is in, or next to, the middle."""
    steps = np.array([(k + 1) // 2 * (1 if k % 2 else -1) for k in range(dancers)], np.float64)
    x = (steps - steps.mean()) * spacing_m
    return np.stack([x, -BACK * (np.abs(x) - np.abs(x).min())], axis=1)


def _own(match: MatchConfig, k: int) -> MatchConfig:
    """How dancer *k* chooses: the first as ever, the others by taste, or all would agree on what fits the music best."""
    return replace(match, seed=match.seed + k, temperature=max(match.temperature, TASTE)) if k else match


@njit(cache=True, nogil=True)
def mirror(rotations: F32, twins: F32, out: F32) -> None:
    """Write into *out* (24, 4) the mirror image of *rotations*; *twins* (24,) names each joint's other side."""
    for j in range(rotations.shape[0]):
        q = rotations[int(twins[j])]
        out[j, 0], out[j, 1], out[j, 2], out[j, 3] = q[0], q[1], -q[2], -q[3]


class Group:
    """Heard in, poses out; `leader` is dancer 1, whose poses files keep."""

    def __init__(self, group: GroupConfig, match: MatchConfig, dance: DanceConfig, library: Library, hop_s: float) -> None:
        self._config, self._hop_s = group, hop_s
        D = group.dancers
        if D > 1:
            dance = replace(dance, stage_radius_m=min(dance.stage_radius_m, max(ROOM * group.spacing_m, 0.2)))
        own = D if group.formation == "own" else 1
        self.dancers = tuple(Dancer(_own(match, k), dance, library, hop_s) for k in range(own))
        self._places = places(D, group.spacing_m)
        self._twins: F32 = MIRROR.astype(np.float32)
        canon = group.formation == "canon" and D > 1
        longest_s = (D - 1) * group.canon_beats / SLOWEST_HZ
        self._past = np.zeros(math.ceil(longest_s / hop_s) + 3 if canon else 0, POSE)
        self._delays_s: F64 = np.zeros(D)
        self.poses: Any = np.zeros(D, POSE)
        self.reset()

    @property
    def leader(self) -> Dancer:
        """Dancer 1."""
        return self.dancers[0]

    @property
    def wishes(self) -> Wishes:
        """What the player wants; the same of all."""
        return self.leader.wishes

    @property
    def events(self) -> list[dict[str, Any]]:
        """What happened in the last hop, of all who choose for themselves; those of others than the first say who."""
        out = list(self.leader.events)
        for k, dancer in enumerate(self.dancers[1:], 2):
            out += [{**event, "dancer": k} for event in dancer.events]
        return out

    def reset(self) -> None:
        """Back to the first pose."""
        for dancer in self.dancers:
            dancer.reset()
        self._hops = 0
        self._delays_s.fill(0.0)
        self.poses[:] = rest_pose()

    def warm_up(self) -> None:
        """Run every kernel once, then forget it."""
        for dancer in self.dancers:
            dancer.warm_up()
        pose = rest_pose()
        mirror(pose["rotations"], self._twins, pose["rotations"].copy())
        interpolate(
            pose["root_m"], pose["root_m"], pose["rotations"], pose["rotations"], 0.5, pose["root_m"].copy(),
            pose["rotations"].copy(),
        )  # fmt: skip
        self.reset()

    def set_latency(self, latency_s: float) -> None:
        """From the next hop on, poses are for *latency_s* after the hop's end."""
        for dancer in self.dancers:
            dancer.set_latency(latency_s)

    def command(self, name: str, value: float) -> None:
        """A wish of the player, as Wishes.command takes it."""
        for dancer in self.dancers:
            dancer.wishes.command(name, value)

    def process(self, heard: Record) -> Any:
        """The poses (D,) for the hop's end plus the latency; overwritten at the next call."""
        poses = self.poses
        for k, dancer in enumerate(self.dancers):
            poses[k] = dancer.process(heard)
        if self._past.shape[0]:
            self._past[self._hops % self._past.shape[0]] = poses[0]
        for k in range(len(self.dancers), poses.shape[0]):
            poses[k] = poses[0]
            if self._config.formation == "mirror" and k % 2:
                self._mirror(poses[0], poses[k])
            elif self._config.formation == "canon":
                self._follow(k, float(heard["rate_hz"]), poses[k])
        self._hops += 1
        for k in range(poses.shape[0]):
            poses["root_m"][k, 0] += self._places[k, 0]
            poses["root_m"][k, 2] += self._places[k, 1]
        return poses

    def _mirror(self, of: Record, into: Record) -> None:
        mirror(of["rotations"], self._twins, into["rotations"])
        into["root_m"][0] = -of["root_m"][0]
        into["contacts"] = of["contacts"][CONTACT_MIRROR]

    def _follow(self, k: int, rate_hz: float, into: Record) -> None:
        """What dancer 1 did *k* times the canon's beats ago, at the tempo of now."""
        wanted_s = k * self._config.canon_beats / max(rate_hz, SLOWEST_HZ)
        if self._hops == 0:
            self._delays_s[k] = wanted_s
        slew_s = DELAY_SLEW * self._hop_s
        self._delays_s[k] += min(max(wanted_s - self._delays_s[k], -slew_s), slew_s)
        back = min(self._delays_s[k] / self._hop_s, float(self._hops))
        n, whole = self._past.shape[0], math.floor(back)
        a, b = self._past[(self._hops - min(whole + 1, self._hops)) % n], self._past[(self._hops - whole) % n]
        interpolate(b["root_m"], a["root_m"], b["rotations"], a["rotations"], back - whole, into["root_m"], into["rotations"])
        into["contacts"], into["segment"], into["cuts"] = b["contacts"], b["segment"], b["cuts"]
