"""Where each foot stands or swings, and which of them bears the body.

Shapes   ball_m (P, 3) of the ball of the foot; yaw, pitch in degrees (P,); weight (P,) 1 all on the left, 0 on the right.
Threads  pure functions.
Source   schedule of plants and swings; timing of weight measured on dancers (lands 30 to 75 ms before the beat).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audio2pose.arrays import F64
from audio2pose.motion.body import REST_FOOT_M

from .ring import Ring
from .score import Key, Phrase, Step
from .tracks import Take, curve, min_jerk

FREE_BELOW = 0.42
"""A foot with less than this share of the weight lets its heel go."""
LOW_M, CLEAR_M = 0.07, 0.012
"""A low step is lifted so much more than written, or its sole would brush the floor on its way."""
PIVOT_HEEL_DEG = 20.0
"""A foot that turns on its ball takes the heel off the floor."""


@dataclass(frozen=True, slots=True)
class FootPath:
    """One foot's way through the clip; pitch is what the swing gives, heel_gate (0..1) where the free heel may add."""

    ball_m: F64
    yaw_deg: F64
    pitch_deg: F64
    heel_gate: F64
    planted: NDArray[np.bool_]
    turning: NDArray[np.bool_]


def foot_path(phrase: Phrase, side: str, ring: Ring, take: Take) -> FootPath:
    """The foot of *side* over all passes: it swings where its steps say and stands to the last millimetre elsewhere."""
    steps = _all_passes(phrase, side, take)
    P = ring.poses
    if not steps:
        x, z, yaw = phrase.start[side]
        ball = np.tile([x, REST_FOOT_M, z], (P, 1))
        still = np.zeros(P, bool)
        return FootPath(ball, np.full(P, yaw), np.zeros(P), np.ones(P), ~still, still)
    full_deg = 360.0 * phrase.turns * take.passes
    lift = np.array([s.beat - phrase.feel.land_lead_beats - s.swing_beats for s in steps])
    places = np.array([[s.x_m, s.z_m, s.yaw_deg] for s in steps])
    t = ring.time_beats
    since = (t[:, None] - lift[None, :]) % ring.beats
    step = np.argmin(since, axis=1)
    swing = np.array([s.swing_beats for s in steps])[step]
    u = np.clip(since[np.arange(P), step] / swing, 0.0, 1.0)
    pivot = np.array([s.pivot for s in steps])[step]
    slide = np.array([s.slide for s in steps])[step]
    on_floor = pivot | slide
    moving = u < 1.0
    lifts = np.array([s.lift_m for s in steps])[step]
    height = (lifts + CLEAR_M * (lifts < LOW_M)) * ~on_floor
    previous = np.roll(places, 1, axis=0)
    previous[0, 2] -= full_deg
    # At the ring's ends a step of the ring before or after is under way, turned a whole ring of turns less or more.
    laps = np.round((t - lift[step] - since[np.arange(P), step]) / ring.beats)
    before, after = previous[step], places[step].copy()
    # A foot goes its way while it is high; a quick one has no time to wait for that.
    margin = 0.06 + 0.07 * np.clip((swing * ring.beat_s - 0.24) / 0.08, 0.0, 1.0)
    share = min_jerk((u - margin) / (1.0 - 1.1 * margin - margin))
    place = before + (after - before) * share[:, None]
    way = after[:, :2] - before[:, :2]
    side_way = np.stack([way[:, 1], -way[:, 0]], 1) / np.maximum(np.linalg.norm(way, axis=1), 1e-6)[:, None]
    bow = np.array([s.arc_m for s in steps])[step] * np.sin(np.pi * share)
    place[:, :2] += side_way * bow[:, None]
    # Lifted and set down without a jolt: a foot that leaves the floor at speed snaps the knee.
    up = height * (min_jerk(u / 0.44) - min_jerk((u - 0.42) / 0.56))
    # The toe hangs at first and is lifted before it lands; more so the higher the foot goes.
    pitch = ~on_floor * (10.0 + 110.0 * height) * np.sin(np.pi * u) * (1.0 - 1.3 * u)
    for k, s in enumerate(steps):
        if s.via is not None:
            here = (step == k) & moving
            place[here, :2], up[here], pitch[here] = _kick(s, previous[k], u[here])
    pitch += pivot * moving * PIVOT_HEEL_DEG * np.sin(np.pi * u)
    gate = np.where(moving & ~on_floor, np.maximum(1.0 - min_jerk(2.0 * u), min_jerk(4.0 * u - 3.0)), 1.0)
    ball = np.stack([place[:, 0], REST_FOOT_M + up, place[:, 1]], 1)
    return FootPath(ball, place[:, 2] + full_deg * laps, pitch, gate, ~moving | pivot, moving & pivot)


def _all_passes(phrase: Phrase, side: str, take: Take) -> list[Step]:
    rng = take.rng(f"feet {side}")
    mine = [s for s in phrase.steps if s.side == side]
    out: list[Step] = []
    for k in range(take.passes):
        for s in mine:
            dx, dz, turn, lift = rng.standard_normal(4).clip(-2.0, 2.0) * take.size
            x, z, wander = (out[-1].x_m, out[-1].z_m, 0.0) if s.pivot and out else (s.x_m, s.z_m, 0.025)
            out.append(
                replace(
                    s, beat=s.beat + k * phrase.beats, x_m=x + wander * dx, z_m=z + wander * dz,
                    yaw_deg=s.yaw_deg + 360.0 * phrase.turns * k + 4.0 * turn, lift_m=s.lift_m * (1.0 + 0.18 * lift),
                )
            )  # fmt: skip
    # The ring closes here: turns before the first step stand where the last step stood.
    for k in range(len(out)):
        if not out[k].pivot:
            break
        out[k] = replace(out[k], x_m=out[-1].x_m, z_m=out[-1].z_m)
    return out


def _kick(step: Step, before: F64, u: F64) -> tuple[F64, F64, F64]:
    """Out to the far point, a short stay there, and home: places (n, 2), heights (n,), pitches (n,)."""
    assert step.via is not None
    x, z, height, pitch = step.via
    out, home = min_jerk((u - 0.04) / 0.46), min_jerk((u - 0.56) / 0.38)
    far, after = np.array([x, z]), np.array([step.x_m, step.z_m])
    place = before[:2] + (far - before[:2]) * out[:, None] + (after - far) * home[:, None]
    up = height * (min_jerk(u / 0.48) - min_jerk((u - 0.58) / 0.42))
    return place, up, pitch * np.sin(np.pi * u) ** 2 + 20.0 * np.sin(np.pi * u) * np.maximum(1.0 - 2.5 * u, 0.0)


def weight_curve(phrase: Phrase, ring: Ring, take: Take) -> F64:
    """Share of the weight on the left foot: written, or told by the steps (over the standing foot before one lifts)."""
    if "weight" in phrase.body:
        return ring.smooth(curve(phrase.body["weight"], ring, take, "weight"), 0.07 * ring.beat_s)
    events: list[tuple[float, float]] = []
    for s in phrase.steps:
        if s.pivot or s.slide:
            continue
        own = 1.0 if s.side == "L" else 0.0
        other = 1.0 - own
        land = s.beat - phrase.feel.land_lead_beats
        lift = land - s.swing_beats
        marks = [(lift, 0.08), (land + phrase.feel.settle_beats, s.load)]
        if s.load > 0.5:
            marks += [(lift + 0.55 * s.swing_beats, 0.36), (land - 0.02, 0.82)]
        else:
            marks += [(land - 0.02, 0.0)]
        events += [(beat % phrase.beats, other + (own - other) * share) for beat, share in marks]
    if not events:
        return np.full(ring.poses, 0.5)
    events.sort()
    merged = [events[0]]
    for beat, share in events[1:]:
        if beat - merged[-1][0] < 0.04:
            merged[-1] = (merged[-1][0], 0.5 * (merged[-1][1] + share))
        else:
            merged.append((beat, share))
    keys = tuple(Key(beat, (share,)) for beat, share in merged)
    exact = Take(take.name, take.passes, 0.0)
    return ring.smooth(curve(keys, ring, exact, "weight"), 0.07 * ring.beat_s)


def heel_lift(phrase: Phrase, side: str, weight: F64, path: FootPath, ring: Ring, take: Take) -> F64:
    """Pitch (P,) of the whole foot: the free heel rises about the ball, a swing adds its own."""
    mine = weight if side == "L" else 1.0 - weight
    free = phrase.feel.heel_deg * min_jerk((FREE_BELOW - mine) / FREE_BELOW)
    if f"heel_{side}" in phrase.body:
        free = free + np.maximum(curve(phrase.body[f"heel_{side}"], ring, take, f"heel_{side}"), 0.0)
    return ring.smooth(free * path.heel_gate + path.pitch_deg, 0.03)
