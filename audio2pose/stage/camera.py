"""Where the eye stands: a long lens on a slow orbit that follows the dancers softly.

Shapes   lens: (16,) float32, rows eye | right | up | back, then focal_px, centre x, centre y, spare.
Axes     world y up; pixels from the bottom left corner; depth is metres before the eye, positive.
Source   pinhole projection; springs as half-lives after Holden, "Spring-It-On".
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32

HALF_FOV_RAD = math.radians(14.0)
FILL = 0.66
"""Share of the picture's height that a standing dancer takes in a wide picture."""
BODY_M = 1.72
SPAN_M = 2.05
"""Width that must always fit: both arms stretched out, and a little air."""
AIM_M = 0.86
EYE_M = 1.62
GROUP_AIR_M = 0.5
"""More width for a group: its outermost are nearer to the edge, and dance towards it."""
GROUP_RAISE = 0.20
"""A group is small in its picture: of each metre that the picture is taller for it, the camera looks so much higher up, so
that what stands behind the group fills the picture, and not the floor before it."""
ORBIT_RAD = math.radians(8.0)
ORBIT_S = 48.0
FOLLOW_HALF_LIFE_S = 0.7
LAG_M = 0.30
"""A dancer never gets further than this ahead of the camera, so that a run does not leave the picture."""


def follow(centre_m: F32, target_m: F32, dt_s: float) -> F32:
    """The followed point (3,) after *dt_s*: half of the way to *target_m* each half-life, never more than LAG_M away."""
    kept = 0.5 ** (max(dt_s, 0.0) / FOLLOW_HALF_LIFE_S)
    gap = (centre_m - target_m) * np.float32(kept)
    far = float(np.sqrt((gap * gap).sum()))
    return target_m + gap * np.float32(min(1.0, LAG_M / max(far, 1e-9)))  # type: ignore[no-any-return]


def lens(centre_m: F32, spread_m: float, t_s: float, width: int, height: int) -> F32:
    """The camera at stream time *t_s* that frames dancers around *centre_m* (3,), *spread_m* between the outermost."""
    half = math.tan(HALF_FOV_RAD)
    alone_m = max(BODY_M / FILL, SPAN_M * height / width)
    tall_m = max(alone_m, (SPAN_M + spread_m + min(spread_m / 3.0, 1.0) * GROUP_AIR_M) * height / width)
    distance_m = tall_m / (2.0 * half)
    aim_m = AIM_M + GROUP_RAISE * (tall_m - alone_m)
    angle = ORBIT_RAD * math.sin(2.0 * math.pi * t_s / ORBIT_S)
    # From as steep above as with one dancer: seen flat, the floor would be a line and the group a row.
    rise_m = (EYE_M - AIM_M) * tall_m / alone_m
    back = np.array([math.sin(angle) * distance_m, rise_m, math.cos(angle) * distance_m])
    eye = np.array([centre_m[0], aim_m, centre_m[2]], np.float64) + back
    back /= np.sqrt((back * back).sum())
    right = np.array([back[2], 0.0, -back[0]])
    right /= np.sqrt((right * right).sum())
    up = np.array([back[1] * right[2] - back[2] * right[1], back[2] * right[0] - back[0] * right[2],
                   back[0] * right[1] - back[1] * right[0]])  # fmt: skip
    focal_px = height / (2.0 * half)
    return np.array([*eye, *right, *up, *back, focal_px, width / 2.0, height / 2.0, 0.0], np.float32)


@njit(cache=True, nogil=True)
def project(point_m: F32, lens: F32, out: F32) -> None:
    """Write into *out* (3,) where *point_m* (3,) falls: x and y in pixels, depth in metres."""
    x, y, z = point_m[0] - lens[0], point_m[1] - lens[1], point_m[2] - lens[2]
    depth = -(x * lens[9] + y * lens[10] + z * lens[11])
    if not depth > np.float32(0.05):  # behind the eye, or NaN
        depth = np.float32(0.05)
    scale = lens[12] / depth
    out[0] = lens[13] + scale * (x * lens[3] + y * lens[4] + z * lens[5])
    out[1] = lens[14] + scale * (x * lens[6] + y * lens[7] + z * lens[8])
    out[2] = depth
