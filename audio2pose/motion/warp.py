"""Beats to beats: where in a clip the dancer stands when the music's clock says b.

A clip's own beats lie at `beat_poses` (B,) and its half beats at `half_poses` (B,), pose indices that need not be evenly
spaced; a half beat stands at the index of the beat before it, and the last one is not used. The map from beat to pose index
is the monotone cubic through all of them: continuous in speed, so that no ripple stands at the beats.

Threads  any; kernels without heap or GIL.
Source   Fritsch and Butland 1984, monotone piecewise cubic interpolation.
"""

from __future__ import annotations

import math

from numba import njit

from audio2pose.arrays import F32, F64


@njit(cache=True, nogil=True)
def _knot(beat_poses: F64, half_poses: F64, k: int) -> float:
    """Pose index of half beat *k* counted from the clip's start: an even one is a beat."""
    return half_poses[k >> 1] if k & 1 else beat_poses[k >> 1]


@njit(cache=True, nogil=True)
def _slope(beat_poses: F64, half_poses: F64, k: int) -> float:
    """Poses a half beat at knot *k*, limited so that the cubic stays monotone: the harmonic mean of its neighbours' steps."""
    last = 2 * (beat_poses.shape[0] - 1)
    here = _knot(beat_poses, half_poses, k)
    if k == 0:
        return _knot(beat_poses, half_poses, 1) - here
    if k == last:
        return here - _knot(beat_poses, half_poses, k - 1)
    before, after = here - _knot(beat_poses, half_poses, k - 1), _knot(beat_poses, half_poses, k + 1) - here
    return 2.0 * before * after / (before + after)


@njit(cache=True, nogil=True)
def pose_index(beat_poses: F64, half_poses: F64, beat: float) -> float:
    """Pose index at *beat* (0 is the clip's first beat); beyond the ends it stays on the first or last beat."""
    n = 2 * beat_poses.shape[0] - 1
    at = min(max(2.0 * beat, 0.0), float(n - 1))
    k = min(int(at), n - 2)
    u = at - k
    y0, y1 = _knot(beat_poses, half_poses, k), _knot(beat_poses, half_poses, k + 1)
    m0, m1 = _slope(beat_poses, half_poses, k), _slope(beat_poses, half_poses, k + 1)
    u2, u3 = u * u, u * u * u
    return (2.0 * u3 - 3.0 * u2 + 1.0) * y0 + (u3 - 2.0 * u2 + u) * m0 + (-2.0 * u3 + 3.0 * u2) * y1 + (u3 - u2) * m1


@njit(cache=True, nogil=True)
def sample(root_m: F32, rotations: F32, contacts: F32, index: float, root: F32, rot: F32, contact: F32) -> None:
    """Write the clip's pose at a fractional *index*: root (3,), rot (24, 4), contact (4,).

    A cubic through four stored poses (Catmull-Rom, quaternions brought to one side and normalised): a straight line
    between poses would let the speed step sixty times a second, which is seen when the clip is slowed down.
    """
    last = root_m.shape[0] - 1
    b = min(max(int(index), 0), last)
    u = min(max(index - b, 0.0), 1.0)
    a, c, d = max(b - 1, 0), min(b + 1, last), min(b + 2, last)
    u2, u3 = u * u, u * u * u
    wa = 0.5 * (-u3 + 2.0 * u2 - u)
    wb = 0.5 * (3.0 * u3 - 5.0 * u2 + 2.0)
    wc = 0.5 * (-3.0 * u3 + 4.0 * u2 + u)
    wd = 0.5 * (u3 - u2)
    for i in range(3):
        root[i] = wa * root_m[a, i] + wb * root_m[b, i] + wc * root_m[c, i] + wd * root_m[d, i]
    for j in range(rot.shape[0]):
        da, dc, dd = 0.0, 0.0, 0.0
        for i in range(4):
            da += rotations[b, j, i] * rotations[a, j, i]
            dc += rotations[b, j, i] * rotations[c, j, i]
            dd += rotations[b, j, i] * rotations[d, j, i]
        sa = -wa if da < 0.0 else wa
        sc = -wc if dc < 0.0 else wc
        sd = -wd if dd < 0.0 else wd
        n = 0.0
        for i in range(4):
            x = sa * rotations[a, j, i] + wb * rotations[b, j, i] + sc * rotations[c, j, i] + sd * rotations[d, j, i]
            rot[j, i] = x
            n += x * x
        n = 1.0 / math.sqrt(n) if n > 1e-12 else 0.0
        for i in range(4):
            rot[j, i] *= n
    for i in range(contact.shape[0]):
        contact[i] = contacts[b, i] + u * (contacts[c, i] - contacts[b, i])
