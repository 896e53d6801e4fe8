"""Which colours each dancer of a group wears in a scene: one family, the first the strongest.

Shapes   tones: (D, 5, 3), rows as in anatomy.py (TORSO, LEFT, RIGHT, GLOW, GLASS).
Threads  any.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F32
from audio2pose.stage.palettes import Palette
from audio2pose.stage.scenes import Scene

# Of the second dancer and those after: the colour of the torso, how much of it, which limb then wears the torso's own colour,
# and how much of the ground is in all of it. After the last it begins anew. Half and half of two colours would often be grey.
_WEAR = (
    ("right", 0.90, 2, 0.12), ("left", 0.90, 1, 0.12), ("accent", 0.80, 0, 0.18), ("glow", 0.75, 0, 0.16),
    ("rim", 0.60, 0, 0.22), ("right", 0.80, 1, 0.24), ("left", 0.80, 2, 0.24),
)  # fmt: skip


def _mix(a: F32, b: F32, k: float) -> F32:
    return (a + (b - a) * np.float32(k)).astype(np.float32)


def dark(of: Palette) -> F32:
    """What is left of a body that no light falls on."""
    if of.light:
        return np.array([0.55 * c for c in of.torso], np.float32)
    return np.array([0.45 * c for c in of.bottom], np.float32)


def tones(of: Palette, scene: Scene, dancers: int) -> F32:
    """The colours of so many dancers."""
    first = np.array([of.torso, of.left, of.right, of.glow, of.glass], np.float32)
    out = np.repeat(first[None], dancers, axis=0)
    ground = np.array(of.bottom, np.float32)
    for d in range(1, dancers):
        towards, share, limb, faint = _WEAR[(d - 1) % len(_WEAR)]
        # What is as bright as the ground would make a dancer vanish there: on paper white light is no colour to wear.
        if of.light and towards in ("glow", "rim"):
            towards = "accent"
        out[d, 0] = _mix(first[0], np.array(getattr(of, towards), np.float32), share)
        if limb:
            out[d, limb] = first[0]
        out[d, :3] = _mix(out[d, :3], ground, faint)
    for row in range(3):
        out[:, row] = _mix(dark(of), out[:, row], scene.own)
    return out


def ghost_tones(of: Palette, worn: F32, ago: int, strength: float) -> F32:
    """The colours (5, 3) of a ghost of a dancer who wears *worn* (5, 3): one colour, going over into the ground."""
    hue = np.array((of.glow if not of.light else of.accent, of.right, of.left)[ago % 3], np.float32)
    out = worn.copy()
    ground = np.array(of.bottom, np.float32)
    for row in range(3):
        out[row] = _mix(ground, _mix(worn[row], hue, 0.75), strength)
    out[4] = _mix(ground, worn[4], 0.3 * strength)
    return out
