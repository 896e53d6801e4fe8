"""The search: the cost of every segment as the next one, each term apart, in one pass over the index.

Shapes   S segments; J join joints; query_* as one row of the index; costs: (S, TERMS) weighted terms; total: (S,).
Terms    music, tempo, pose, velocity, repetition, stage, style, threshold, chance (see `Matcher` for what each means).
Threads  engine thread; the kernel works without heap or GIL on arrays it is given.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, I32, U8

TERMS: tuple[str, ...] = ("music", "tempo", "pose", "velocity", "repetition", "stage", "style", "threshold", "chance")
POSE_SCALE_M = 0.25
VELOCITY_SCALE_M_S = 1.5
OUT_OF_RANGE = 25.0
KIN_SHARE = 0.6
"""How much of a phrase's own repetition its mirror image counts for."""


@njit(cache=True, nogil=True)
def octave(ratio: float, low: float, high: float) -> float:
    """The factor of 0.5, 1 or 2 that brings *ratio* into, or nearest to, [low, high]; 1 wins a tie."""
    best, best_miss = 1.0, 1e9
    for factor in (1.0, 0.5, 2.0):
        r = ratio * factor
        miss = max(math.log(low / r), math.log(r / high), 0.0)
        if miss < best_miss - 1e-9:
            best, best_miss = factor, miss
    return best


@njit(cache=True, nogil=True)
def chance(seed: np.uint64, cut: np.uint64, segment: np.uint64) -> float:
    """A number in 0..1 that depends on its arguments alone (splitmix64), so that a dance can be repeated."""
    x = seed * np.uint64(0x9E3779B97F4A7C15) + cut * np.uint64(0xBF58476D1CE4E5B9) + segment + np.uint64(0x632BE59BD9B4E019)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return (x >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def freshness(now_beats: float, used_beats: float, memory_beats: float) -> float:
    """1 for what was danced just now, 0 for what was danced *memory_beats* ago or never."""
    return max(1.0 - max(now_beats - used_beats, 0.0) / memory_beats, 0.0)


@njit(cache=True, nogil=True)
def score_segments(
    segment_clip: I32, segment_beat: I32, segment_pose: F32, segment_velocity: F32, segment_descriptor: F32,
    segment_travel: F32, clip_bpm: F32, clip_style: I32, clip_kin: I32, clip_flags: U8, clip_used_beats: F64,
    query_pose: F64, query_velocity: F64, query_music: F64, music_weights: F64, stage_xz: F64, weights: F64,
    tempo_bpm: float, low: float, high: float, threshold_bpm: float, now_beats: float, memory_beats: float,
    style: int, last_style: int, want_idle: int, going_on_clip: int, going_on_beat: int, seed: int, cut: int,
    kin_used: F64, costs: F32, total: F32,
) -> int:  # fmt: skip
    """Write the weighted terms (S, 9) and their sums (S,); return the cheapest segment, -1 where none is allowed."""
    kin_used.fill(0.0)
    for c in range(clip_kin.shape[0]):
        used = freshness(now_beats, clip_used_beats[c], memory_beats)
        kin_used[clip_kin[c]] = max(kin_used[clip_kin[c]], used)
    best, best_cost = -1, 1e30
    span = math.log2(high)
    for s in range(segment_clip.shape[0]):
        c = segment_clip[s]
        if ((clip_flags[c] >> 1) & 1) != want_idle:
            total[s] = np.inf
            continue
        music = 0.0
        for d in range(query_music.shape[0]):
            e = segment_descriptor[s, d] - query_music[d]
            music += music_weights[d] * e * e
        level = octave(tempo_bpm / clip_bpm[c], low, high)
        rate = level * tempo_bpm / clip_bpm[c]
        tempo = (math.log2(rate) / span) ** 2 + (0.0 if level == 1.0 else 0.35)
        if rate < low * 0.999 or rate > high * 1.001:
            tempo += OUT_OF_RANGE
        pose, velocity = 0.0, 0.0
        going_on = c == going_on_clip and segment_beat[s] == going_on_beat
        if not going_on:
            for j in range(query_pose.shape[0]):
                for i in range(3):
                    e = segment_pose[s, j, i] - query_pose[j, i]
                    pose += e * e
                    e = segment_velocity[s, j, i] * rate - query_velocity[j, i]
                    velocity += e * e
            pose /= query_pose.shape[0] * POSE_SCALE_M * POSE_SCALE_M
            velocity /= query_pose.shape[0] * VELOCITY_SCALE_M_S * VELOCITY_SCALE_M_S
        repetition = max(freshness(now_beats, clip_used_beats[c], memory_beats), KIN_SHARE * kin_used[clip_kin[c]])
        x, z = stage_xz[0] + segment_travel[s, 0], stage_xz[1] + segment_travel[s, 1]
        stage = x * x + z * z
        off_style = 0.0
        if style >= 0:
            off_style = 8.0 if clip_style[c] != style else 0.0
        elif last_style >= 0 and clip_style[c] != last_style:
            off_style = 0.5
        costs[s, 0] = weights[0] * music
        costs[s, 1] = weights[1] * tempo
        costs[s, 2] = weights[2] * pose
        costs[s, 3] = weights[3] * velocity
        costs[s, 4] = weights[4] * repetition
        costs[s, 5] = weights[5] * stage
        costs[s, 6] = weights[6] * off_style
        costs[s, 7] = OUT_OF_RANGE if 0.0 < threshold_bpm < abs(tempo_bpm * level - clip_bpm[c]) else 0.0
        u = chance(np.uint64(seed), np.uint64(cut), np.uint64(s))
        costs[s, 8] = -weights[8] * math.log(-math.log(min(max(u, 1e-12), 1.0 - 1e-12)))
        sum_ = 0.0
        for t in range(costs.shape[1]):
            sum_ += costs[s, t]
        total[s] = sum_
        if sum_ < best_cost:
            best, best_cost = s, sum_
    return best
