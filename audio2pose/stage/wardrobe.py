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
_Wear = tuple[tuple[str, float, int, float], ...]
_WEAR: _Wear = (
    ("right", 0.90, 2, 0.12), ("left", 0.95, 1, 0.04), ("accent", 0.85, 0, 0.22), ("glow", 0.75, 0, 0.30),
    ("rim", 0.65, 0, 0.30), ("right", 0.75, 1, 0.30), ("left", 0.75, 2, 0.30),
)  # fmt: skip
# On a light ground what is light is no colour to wear; and of a palette that is all grey only the brightness differs.
_WEAR_ON_LIGHT: _Wear = (
    ("right", 0.90, 2, 0.06), ("left", 0.95, 1, 0.04), ("accent", 0.85, 0, 0.00), ("right", 0.40, 1, 0.12),
    ("left", 0.45, 2, 0.12), ("accent", 0.45, 0, 0.12), ("right", 0.75, 0, 0.30),
)  # fmt: skip
_WEAR_GREY: _Wear = (
    ("right", 0.90, 2, 0.10), ("left", 0.70, 1, 0.28), ("accent", 0.80, 0, 0.56), ("glow", 0.75, 0, 0.56),
    ("right", 0.60, 2, 0.28), ("left", 0.75, 1, 0.45), ("right", 0.75, 2, 0.45),
)  # fmt: skip


def _wear(of: Palette) -> _Wear:
    colourful = max(max(c) - min(c) for c in (of.torso, of.left, of.right))
    return _WEAR_ON_LIGHT if of.light else _WEAR if colourful > 0.25 else _WEAR_GREY


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
    ground, wear = np.array(of.bottom, np.float32), _wear(of)
    for d in range(1, dancers):
        towards, share, limb, faint = wear[(d - 1) % len(wear)]
        out[d, 0] = _mix(first[0], np.array(getattr(of, towards), np.float32), share)
        if limb:
            out[d, limb] = first[0]
        out[d, :3] = _mix(out[d, :3], ground, faint)
    for row in range(3):
        out[:, row] = _mix(dark(of), out[:, row], scene.own)
    return out


def ghost_tones(of: Palette, worn: F32, ago: int) -> F32:
    """The colours (2, 5, 3) of a ghost of a dancer who wears *worn* (5, 3): wholly gone, and wholly there."""
    hue = np.array((of.glow if not of.light else of.accent, of.right, of.left)[ago % 3], np.float32)
    ground = np.array(of.bottom, np.float32)
    out = np.repeat(ground[None, None], 2, axis=0).repeat(worn.shape[0], axis=1)
    for row in range(3):
        out[1, row] = _mix(worn[row], hue, 0.75)
    out[1, 3:] = worn[3:]
    return out
