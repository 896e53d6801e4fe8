"""Feet that stay where they stand: a planted foot is held through joins and drifts by bending its leg.

A foot whose contact says that it stands is locked to the place of its ball on the floor; the body may move above it, and
the leg is solved anew so that the ball stays. A leg too short for that brings the pelvis down. While a join dies away the
ball is kept at the height that the new motion gives it: no sole floats or sinks, and none stands before it has landed. A
foot that stands elsewhere after a join than before, or is pulled far while the other one stands, steps: it is lifted over to
where the motion has it. What a lock leaves behind dies away as a spring does.

Shapes   root (3,), rot (24, 4) of one pose, changed in place; pull, rate (2, 3) metres and metres a second; state (2, 4).
Threads  engine only; kernels without heap or GIL.
Source   foot locking after Kovar, Schreiner and Gleicher 2002.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I32
from audio2pose.motion.body import JOINT, OFFSETS_M, REST_FOOT_M
from audio2pose.motion.leg import shift_ankle
from audio2pose.motion.pose import rest_pose

STANDS = 0.6
RELEASE_M = 0.28
STEP_S, STEP_LIFT_M, GROUND = 0.34, 0.06, 0.12
"""A step lasts so long and lifts so high; for this share of it, at either end, the foot goes no way."""
STEP_AGAIN_M = 0.10
"""A locked foot pulled further than this takes a step, if the other one stands."""
LET_GO_HALF_LIFE_S = 0.07
HELD_S = 0.10
"""In this time a foot that stands is brought to its own motion's height."""
DOWN_M = 0.012
"""A foot that a join carries higher than this above its motion has not landed."""
EASY, MOST_DROP_M, DROP_HALF_LIFE_S = 0.985, 0.08, 0.04
"""Share of its length that a leg may be pulled to, before the pelvis comes down, and how far and fast that may."""
NEAR_M = 1e-5
BOUND = 0.25
"""A locked foot takes so much of the freedom to be carried about the stage."""
LOCKED, STEPPED_S, HELD, STOOD = 0, 1, 2, 3
_LEGS: I32 = np.array([[JOINT[f"{s}_{n}"] for n in ("hip", "knee", "ankle", "foot")] for s in ("left", "right")], np.int32)
LN2 = 0.6931471805599453


@njit(cache=True, nogil=True)
def _settle(x: float, v: float, half_life_s: float, dt_s: float) -> tuple[float, float]:
    """Offset and velocity *dt_s* later on their way to nothing, critically damped."""
    y = 2.0 * LN2 / half_life_s
    e, j = math.exp(-y * dt_s), v + x * y
    return e * (x + j * dt_s), e * (v - j * y * dt_s)


@njit(cache=True, nogil=True)
def _smooth(u: float) -> float:
    """From 0 to 1 without a jump of acceleration at either end."""
    u = min(max(u, 0.0), 1.0)
    return u * u * u * (10.0 + u * (6.0 * u - 15.0))


@njit(cache=True, nogil=True)
def _place(
    contacts: F32, joints_m: F32, plain_m: F32, legs: I32, f: int, dt_s: float, slides: bool, at: F64, pull: F64, rate: F64,
    state: F64,
) -> None:  # fmt: skip
    """Find where foot *f* is held: fill its row of pull and rate, and bring its row of state up to date."""
    ball, own = legs[f, 3], state[f]
    lift, stepping = 0.0, own[STEPPED_S] < STEP_S
    if stepping:
        own[STEPPED_S] += dt_s
        share = min(own[STEPPED_S] / STEP_S, 1.0)
        lift = STEP_LIFT_M * 64.0 * (share * (1.0 - share)) ** 3
        own[HELD] = max(own[HELD], share)
        # It rises, is carried over, and comes down where its motion has it by then.
        over = _smooth((share - GROUND) / (1.0 - 2.0 * GROUND))
        for i in (0, 2):
            start = at[f, i] if own[STOOD] == 1.0 else float(joints_m[ball, i])
            to = (1.0 - over) * start + over * plain_m[ball, i] - joints_m[ball, i]
            rate[f, i] = (to - pull[f, i]) / dt_s
            pull[f, i] = to
        contacts[2 * f], contacts[2 * f + 1] = 0.0, 0.0
        own[LOCKED] = 0.0
    down = contacts[2 * f + 1] >= STANDS
    if not stepping:
        own[HELD] = min(max(own[HELD] + (dt_s if down else -dt_s) / HELD_S, 0.0), 1.0)
    held = _smooth(own[HELD])
    high = joints_m[ball, 1] - plain_m[ball, 1]
    sunk = max(min(plain_m[ball, 1], REST_FOOT_M) - joints_m[ball, 1], 0.0)
    pull[f, 1] = lift - held * high + (1.0 - held) * sunk
    if stepping:
        return
    if down and own[LOCKED] == 0.0 and (1.0 - held) * high > DOWN_M:
        contacts[2 * f], contacts[2 * f + 1] = 0.0, 0.0
        down = False
    if slides or not down:
        own[LOCKED] = 0.0
    elif own[LOCKED] == 0.0:
        own[LOCKED] = 1.0
        at[f, 0], at[f, 2] = joints_m[ball, 0] + pull[f, 0], joints_m[ball, 2] + pull[f, 2]
    if own[LOCKED] == 1.0:
        x, z = at[f, 0] - joints_m[ball, 0], at[f, 2] - joints_m[ball, 2]
        # Where its own motion has the foot counts for a step: a join's offset dies away by itself.
        away = math.sqrt((at[f, 0] - plain_m[ball, 0]) ** 2 + (at[f, 2] - plain_m[ball, 2]) ** 2)
        rate[f, 0], rate[f, 2] = (x - pull[f, 0]) / dt_s, (z - pull[f, 2]) / dt_s
        pull[f, 0], pull[f, 2] = x, z
        if away > STEP_AGAIN_M and state[1 - f, LOCKED] == 1.0:
            own[LOCKED], own[STOOD], own[STEPPED_S] = 0.0, 1.0, 0.0
        elif x * x + z * z > RELEASE_M * RELEASE_M:
            own[LOCKED] = 0.0
    else:
        for i in (0, 2):
            pull[f, i], rate[f, i] = _settle(pull[f, i], rate[f, i], LET_GO_HALF_LIFE_S, dt_s)


@njit(cache=True, nogil=True)
def _lack(joints_m: F32, legs: I32, f: int, pull: F64, length_m: float) -> float:
    """How far the pelvis must come down for leg *f* to reach where it is pulled."""
    hip, ankle = legs[f, 0], legs[f, 2]
    own, x, z = 0.0, joints_m[ankle, 0] + pull[f, 0] - joints_m[hip, 0], joints_m[ankle, 2] + pull[f, 2] - joints_m[hip, 2]
    for i in range(3):
        own += (joints_m[ankle, i] - joints_m[hip, i]) ** 2
    high = joints_m[hip, 1] - joints_m[ankle, 1] - pull[f, 1]
    away = x * x + z * z
    longest = max(EASY * EASY * length_m * length_m, own)
    if away + high * high <= longest:
        return 0.0
    return min(high - math.sqrt(max(longest - away, 0.0)), MOST_DROP_M)


@njit(cache=True, nogil=True)
def hold(
    root: F32, rot: F32, contacts: F32, joints_m: F32, plain_m: F32, offsets: F32, legs: I32, dt_s: float, slides: bool,
    at: F64, pull: F64, rate: F64, state: F64, drop: F64, work: F64,
) -> bool:  # fmt: skip
    """Hold both feet; see `FootLock.process`. at (2, 3): where they are locked; drop (2,): the pelvis', and its velocity."""
    length_m = -offsets[legs[0, 1], 1] - offsets[legs[0, 2], 1]
    need, changed = 0.0, False
    for f in range(2):
        _place(contacts, joints_m, plain_m, legs, f, dt_s, slides, at, pull, rate, state)
        if abs(pull[f, 0]) + abs(pull[f, 1]) + abs(pull[f, 2]) > NEAR_M:
            need = max(need, _lack(joints_m, legs, f, pull, length_m))
    less, drop[1] = _settle(drop[0] - need, drop[1], DROP_HALF_LIFE_S, dt_s)
    drop[0] = need + less
    down = drop[0] if abs(drop[0]) > NEAR_M else 0.0
    root[1] -= down
    for f in range(2):
        pull[f, 1] += down
        if abs(pull[f, 0]) + abs(pull[f, 1]) + abs(pull[f, 2]) > NEAR_M:
            shift_ankle(root, rot, offsets, legs[f, 0], legs[f, 1], legs[f, 2], pull[f], work)
            changed = True
    return changed


class FootLock:
    """Both feet of one dancer.

    Threads: engine.
    """

    def __init__(self) -> None:
        self._at: F64 = np.zeros((2, 3))
        self._pull: F64 = np.zeros((2, 3))
        self._rate: F64 = np.zeros((2, 3))
        self._state: F64 = np.zeros((2, 4))
        self._drop: F64 = np.zeros(2)
        self._work: F64 = np.zeros((10, 4))
        self.reset()

    def reset(self) -> None:
        """No foot is held."""
        self.hand_over()
        self._state[:, LOCKED] = 0.0

    def hand_over(self) -> None:
        """At a join the pose as shown, pulls and steps and all, is where the motion goes on from: nothing is left of them."""
        for part in (self._pull, self._rate, self._drop):
            part.fill(0.0)
        self._state[:, STEPPED_S] = STEP_S
        self._state[:, HELD] = 0.0

    def step(self, foot: int) -> None:
        """Lift *foot* (0 left, 1 right) and set it down where the motion has it, within STEP_S."""
        self._state[foot, STOOD] = self._state[foot, LOCKED]
        self._state[foot, STEPPED_S] = 0.0

    @property
    def free(self) -> float:
        """How freely the motion may be carried about the stage: 1 with no foot locked, less with one, least with both."""
        return 1.0 - BOUND * float(self._state[0, LOCKED] + self._state[1, LOCKED])

    def warm_up(self) -> None:
        """Compile the kernel by pulling the rest pose's left foot."""
        rest = rest_pose()
        joints = np.zeros((len(OFFSETS_M), 3), np.float32)
        for slides in (False, True):
            self.process(rest["root_m"].copy(), rest["rotations"].copy(), rest["contacts"].copy(), joints, joints, 0.01, slides)
        self.reset()

    def process(
        self, root: F32, rot: F32, contacts: F32, joints_m: F32, plain_m: F32, dt_s: float, slides: bool
    ) -> bool:  # fmt: skip
        """Hold the feet that stand in the pose root (3,), rot (24, 4); *joints_m* (24, 3) are its joints before.

        *plain_m* (24, 3) are those of the motion without the join's offsets. The *contacts* of a foot that steps, or has not
        landed, become 0. Returns whether the pose was changed.
        """
        return bool(
            hold(
                root, rot, contacts, joints_m, plain_m, OFFSETS_M, _LEGS, dt_s, slides, self._at, self._pull, self._rate,
                self._state, self._drop, self._work,
            )
        )  # fmt: skip
