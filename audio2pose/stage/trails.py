"""Light that hands and feet leave behind: the last fifth of a second of their way.

Shapes   ring: (N_SAMPLES, 4, 3) metres, newest at `head`; quads: (N_TRAIL_QUADS, 6, LIGHT_ROW), see light.py.
Threads  the one that draws.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64
from audio2pose.motion.body import JOINT
from audio2pose.stage.camera import project
from audio2pose.stage.light import ROUND, paint, vanish

N_SAMPLES = 14
N_TRAIL_QUADS = 4 * (N_SAMPLES - 1)
TRAIL_TRIANGLES = 0, 1, 3, 1, 4, 3, 1, 2, 4, 2, 5, 4
TRAIL_S = 0.20
GAP_S = 0.12
"""Pictures further apart than this are no motion: the trail starts anew."""
LEAP_M = 0.45
"""Nor is a hand or foot that is elsewhere from one picture to the next: a dancer who appears leaves no trail."""
STEP_S = 1.0 / 72.0
_JOINTS = np.array([JOINT["left_hand"], JOINT["right_hand"], JOINT["left_foot"], JOINT["right_foot"]])
_SLOW_M_S, _FAST_M_S = np.float32(1.2), np.float32(5.0)


@njit(cache=True, nogil=True)
def ribbons(
    ring: F32, times_s: F64, head: int, count: int, now_s: float, lens: F32, tones: F32, strength: float, covers: float,
    quads: F32, places: F32,
) -> None:  # fmt: skip
    """Write the trails of one dancer into *quads*: fading with age, and only as bright as the motion is fast.

    A quad is two rows across the way, edge, middle, edge. *places* (N_SAMPLES, 6) is room
    for each sample's pixel, half width in x and y, opacity and depth.
    """
    n = ring.shape[0]
    for e in range(4):
        for k in range(count):
            at = (head - k) % n
            project(ring[at, e], lens, places[k])
            places[k, 5] = places[k, 2]
        for k in range(count):
            before, after = max(k - 1, 0), min(k + 1, count - 1)
            new, old = (head - before) % n, (head - after) % n
            dt_s = max(times_s[new] - times_s[old], 1e-4)
            far = np.float32(0.0)
            for a in range(3):
                gap = ring[new, e, a] - ring[old, e, a]
                far += gap * gap
            speed = min(max((np.sqrt(far) / dt_s - _SLOW_M_S) / (_FAST_M_S - _SLOW_M_S), 0.0), 1.0)
            young = max(1.0 - (now_s - times_s[(head - k) % n]) / TRAIL_S, 0.0)
            x, y = places[before, 0] - places[after, 0], places[before, 1] - places[after, 1]
            half = (0.006 + 0.030 * young) * lens[12] / places[k, 5] / max(np.sqrt(x * x + y * y), 1e-3)
            places[k, 2], places[k, 3] = -y * half, x * half
            places[k, 4] = strength * speed * young
        for k in range(n - 1):
            quad = quads[e * (n - 1) + k]
            if k + 1 >= count or places[k, 4] + places[k + 1, 4] < 0.004 or not np.isfinite(places[k : k + 2].sum()):
                vanish(quad)
                continue
            for corner in range(6):
                sample, across = k + corner // 3, np.float32(corner % 3 - 1)
                quad[corner, 0] = places[sample, 0] + across * places[sample, 2]
                quad[corner, 1] = places[sample, 1] + across * places[sample, 3]
                paint(quad[corner], 1.0 - abs(corner % 3 - 1), ROUND, tones[1 + e % 2], places[sample, 4], covers)


class Trails:
    """The trails of one dancer.

    Threads: the one that draws.
    """

    def __init__(self) -> None:
        self._ring: F32 = np.zeros((N_SAMPLES, 4, 3), np.float32)
        self._places: F32 = np.zeros((N_SAMPLES, 6), np.float32)
        self._times_s: F64 = np.zeros(N_SAMPLES, np.float64)
        self.reset()

    @property
    def samples(self) -> int:
        """How many places the trails run through."""
        return self._count

    def reset(self) -> None:
        """Forget where hands and feet have been."""
        self._head, self._count, self._now_s = 0, 0, 0.0

    def push(self, positions_m: F32, t_s: float) -> None:
        """Note the place of hands and feet at stream time *t_s*; the newest sample follows until a step has passed."""
        last_s = self._now_s
        if self._count and not 0.0 <= t_s - last_s <= GAP_S:
            self.reset()
        if self._count and np.abs(positions_m[_JOINTS] - self._ring[self._head]).max() > LEAP_M:
            self.reset()
        self._now_s = t_s
        if self._count < 2 or t_s - self._times_s[(self._head - 1) % N_SAMPLES] >= STEP_S:
            self._head = (self._head + 1) % N_SAMPLES
            self._count = min(self._count + 1, N_SAMPLES)
        self._ring[self._head] = positions_m[_JOINTS]
        self._times_s[self._head] = t_s

    def write(self, lens: F32, tones: F32, strength: float, covers: float, quads: F32) -> None:
        """Write the quads (N_TRAIL_QUADS, 6, LIGHT_ROW) of what is still visible."""
        ribbons(
            self._ring, self._times_s, self._head, self._count, self._now_s, lens, tones, strength, covers, quads, self._places
        )  # fmt: skip
