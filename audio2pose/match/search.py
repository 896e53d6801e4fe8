"""The search: the cheapest few of a library's segments as the next one.

Shapes   S segments, C clips, J join joints, T terms; best, best_cost: (k,).
Order    What a segment costs by itself is cheap to tell and told for all; the join, nine joints and their speeds, only for
         those that may still win, and only as far as they may: the answer is the exact one.
Threads  engine thread; the kernels work without heap or GIL on arrays they are given.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I32, I64
from audio2pose.match.cost import Clips, Limits, Segments, Wanted, alone, join, of_clips, scales

SKETCH, SURE = 4, 0.999
"""Main directions of a library's poses: what two poses differ by along these is a bound that rules out most joins."""


@njit(cache=True, nogil=True)
def cheapest(
    segments: Segments, clips: Clips, wanted: Wanted, limits: Limits, used_beats: F64, one_a_clip: bool, kin_used: F64,
    own: F64, terms: F64, total: F32, best: I64, best_cost: F64,
) -> int:  # fmt: skip
    """Write the cheapest segments, cheapest first, into *best* (k,) and *best_cost* (k,); return how many there are.

    *one_a_clip* keeps the best of each clip alone. *kin_used* (C,), *own* (C, 6), *terms* (T,), *total* (S,) are scratch;
    *own* holds what `of_clips` wrote.
    """
    of_clips(clips, wanted, limits, used_beats, kin_used, own)
    _told_alone(segments, clips, wanted, limits, own, 0, segments.clip.shape[0], terms, total)
    return _winners(
        segments.clip, segments.beat, segments.pose, segments.velocity, segments.contact, segments.sketch,
        segments.directions, wanted.pose, wanted.velocity, wanted.contact, wanted.going_on_clip, wanted.going_on_beat,
        limits.weights, own, one_a_clip, terms, total, best, best_cost,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _told_alone(
    segments: Segments, clips: Clips, wanted: Wanted, limits: Limits, own: F64, first: int, last: int, terms: F64, total: F32,
) -> None:  # fmt: skip
    alone(
        segments.clip, segments.beat, segments.descriptor, segments.travel, segments.begins, segments.place, clips.meter,
        wanted.music, wanted.stage_xz, limits.weights, limits.music_weights, own, wanted.going_on_clip, wanted.going_on_beat,
        wanted.place, 0 if wanted.idle else wanted.meter, wanted.news, wanted.seed, wanted.cut, first, last, terms, total,
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _sketched(pose: F64, directions: F64) -> tuple[float, float, float, float]:
    out = (0.0, 0.0, 0.0, 0.0)
    for j in range(pose.shape[0]):
        for i in range(3):
            x = pose[j, i]
            out = (
                out[0] + x * directions[0, j, i], out[1] + x * directions[1, j, i], out[2] + x * directions[2, j, i],
                out[3] + x * directions[3, j, i],
            )  # fmt: skip
    return out


@njit(cache=True, nogil=True)
def _apart(sketch: F32, s: int, to: tuple[float, float, float, float]) -> float:
    """Squared distance along the main directions, never more than the whole."""
    a, b, c, d = sketch[s, 0] - to[0], sketch[s, 1] - to[1], sketch[s, 2] - to[2], sketch[s, 3] - to[3]
    return a * a + b * b + c * c + d * d


@njit(cache=True, nogil=True)
def _winners(
    clip: I32, beat: I32, pose: F32, velocity: F32, contact: F32, sketch: F32, directions: F64, to_pose: F64,
    to_velocity: F64, to_contact: F64, going_on_clip: int, going_on_beat: int, weights: F64, own: F64, one_a_clip: bool,
    terms: F64, total: F32, best: I64, best_cost: F64,
) -> int:  # fmt: skip
    first = int(np.argmin(total))
    if total[first] == np.inf:
        return 0
    found, k = 0, best.shape[0]
    kp, kv, kc = scales(weights, to_pose.shape[0])
    to_sketch = _sketched(to_pose, directions)
    # The likeliest comes first, so that most of the others need no join.
    for n in range(-1, clip.shape[0]):
        s = first if n < 0 else n
        bound = best_cost[k - 1] if found == k else np.inf
        if n == first or total[s] >= bound or total[s] == np.inf:
            continue
        c = clip[s]
        cost = float(total[s])
        if c != going_on_clip or beat[s] != going_on_beat:
            room = bound - cost
            if kp * SURE * _apart(sketch, s, to_sketch) > room:
                continue
            cost += join(pose, velocity, contact, to_pose, to_velocity, to_contact, kp, kv, kc, own[c, 1], s, room, terms)
        if cost >= bound:
            continue
        at = found if found < k else k - 1
        twin = -1
        if one_a_clip:
            for i in range(found):
                if clip[best[i]] == c:
                    twin = i
        if twin >= 0:
            if best_cost[twin] <= cost:
                continue
            at = twin
        elif found < k:
            found += 1
        while at > 0 and best_cost[at - 1] > cost:
            best[at], best_cost[at] = best[at - 1], best_cost[at - 1]
            at -= 1
        best[at], best_cost[at] = s, cost
    return found


@njit(cache=True, nogil=True)
def costs_of(
    segments: Segments, clips: Clips, wanted: Wanted, limits: Limits, own: F64, s: int, terms: F64, total: F32,
) -> float:  # fmt: skip
    """Write every weighted term of segment *s* into *terms* (T,) and return their sum; *own* as `of_clips` wrote it."""
    _told_alone(segments, clips, wanted, limits, own, s, s + 1, terms, total)
    cost = float(total[s])
    if segments.clip[s] != wanted.going_on_clip or segments.beat[s] != wanted.going_on_beat:
        kp, kv, kc = scales(limits.weights, wanted.pose.shape[0])
        cost += join(
            segments.pose, segments.velocity, segments.contact, wanted.pose, wanted.velocity, wanted.contact, kp, kv, kc,
            own[segments.clip[s], 1], s, np.inf, terms,
        )  # fmt: skip
    return cost
