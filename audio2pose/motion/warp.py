"""Beats to beats: where in a clip the dancer stands when the music's clock says b.

A clip's own beats lie at `beat_poses` (B,), pose indices that need not be evenly spaced. The map from beat to pose index
is the monotone cubic through them: continuous in speed, so that no ripple stands at the beats.

Threads  any; kernels without heap or GIL.
Source   Fritsch and Carlson 1980, monotone piecewise cubic interpolation.
"""

from __future__ import annotations

from numba import njit

from audio2pose.arrays import F32, F64
from audio2pose.motion.pose import interpolate


@njit(cache=True, nogil=True)
def _slope(beat_poses: F64, k: int) -> float:
    """Poses a beat at beat *k*, limited so that the cubic stays monotone: the harmonic mean of its two neighbours' steps."""
    n = beat_poses.shape[0]
    if k == 0:
        return beat_poses[1] - beat_poses[0]
    if k == n - 1:
        return beat_poses[n - 1] - beat_poses[n - 2]
    before, after = beat_poses[k] - beat_poses[k - 1], beat_poses[k + 1] - beat_poses[k]
    return 2.0 * before * after / (before + after)


@njit(cache=True, nogil=True)
def pose_index(beat_poses: F64, beat: float) -> float:
    """Pose index at *beat* (0 is the clip's first beat); beyond the ends it stays on the first or last beat."""
    n = beat_poses.shape[0]
    beat = min(max(beat, 0.0), float(n - 1))
    k = min(int(beat), n - 2)
    u = beat - k
    y0, y1 = beat_poses[k], beat_poses[k + 1]
    m0, m1 = _slope(beat_poses, k), _slope(beat_poses, k + 1)
    u2, u3 = u * u, u * u * u
    return (2.0 * u3 - 3.0 * u2 + 1.0) * y0 + (u3 - 2.0 * u2 + u) * m0 + (-2.0 * u3 + 3.0 * u2) * y1 + (u3 - u2) * m1


@njit(cache=True, nogil=True)
def sample(root_m: F32, rotations: F32, contacts: F32, index: float, root: F32, rot: F32, contact: F32) -> None:
    """Write the clip's pose at a fractional *index*: root (3,), rot (24, 4), contact (4,)."""
    last = root_m.shape[0] - 1
    a = min(max(int(index), 0), last)
    b = min(a + 1, last)
    u = min(max(index - a, 0.0), 1.0)
    interpolate(root_m[a], root_m[b], rotations[a], rotations[b], u, root, rot)
    for i in range(contact.shape[0]):
        contact[i] = contacts[a, i] + u * (contacts[b, i] - contacts[a, i])
