"""Colours of the stage, as data.

Shapes   each colour is (red, green, blue), 0..1, as written to the screen (sRGB, not linear).
Threads  any; nothing here changes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F32
from audio2pose.config import nearest
from audio2pose.errors import ConfigError

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Palette:
    """One look. `light` says that the background is brighter than the figure: glow then tints instead of adding."""

    name: str
    top: Colour
    bottom: Colour
    floor: Colour
    left: Colour
    right: Colour
    torso: Colour
    glow: Colour
    accent: Colour
    rim: Colour
    glass: Colour
    """The visor: as far from the torso as can be seen from the back of a room."""
    light: bool = False


def _hex(text: str) -> Colour:
    return int(text[0:2], 16) / 255.0, int(text[2:4], 16) / 255.0, int(text[4:6], 16) / 255.0


PALETTES: dict[str, Palette] = {
    p.name: p
    for p in (
        Palette(
            name="ember", top=_hex("0d0a12"), bottom=_hex("2b1019"), floor=_hex("6b2a24"), left=_hex("ffb53c"),
            right=_hex("ff3f5e"), torso=_hex("e8703a"), glow=_hex("ff6a2a"), accent=_hex("ffd27a"), rim=_hex("ffe7c2"),
            glass=_hex("1c0b12"),
        ),
        Palette(
            name="neon", top=_hex("05060f"), bottom=_hex("0d1033"), floor=_hex("23307e"), left=_hex("1fe0ff"),
            right=_hex("ff3fb0"), torso=_hex("8a6bff"), glow=_hex("6a4dff"), accent=_hex("6cf6ff"), rim=_hex("e6f4ff"),
            glass=_hex("080a22"),
        ),
        Palette(
            name="paper", top=_hex("f6f1e7"), bottom=_hex("eadfce"), floor=_hex("dccbb2"), left=_hex("e2502b"),
            right=_hex("14786f"), torso=_hex("25304a"), glow=_hex("fffaf0"), accent=_hex("b99563"), rim=_hex("fff4e0"),
            glass=_hex("ffe9c4"),
            light=True,
        ),
        Palette(
            name="mono", top=_hex("0b0c0e"), bottom=_hex("1b1d21"), floor=_hex("3d4148"), left=_hex("ffffff"),
            right=_hex("9ca4b0"), torso=_hex("cfd4db"), glow=_hex("aab4c4"), accent=_hex("ffffff"), rim=_hex("ffffff"),
            glass=_hex("0c0d10"),
        ),
        Palette(
            name="lagoon", top=_hex("04141a"), bottom=_hex("07323a"), floor=_hex("12666a"), left=_hex("ffd166"),
            right=_hex("ff5d8f"), torso=_hex("3fd3c2"), glow=_hex("25c7b8"), accent=_hex("b8fff1"), rim=_hex("f2fff9"),
            glass=_hex("04161c"),
        ),
    )
}  # fmt: skip

BLACK: Colour = (0.0, 0.0, 0.0)
CHROMA_GREEN: Colour = (0.0, 177.0 / 255.0, 64.0 / 255.0)


def palette(name: str) -> Palette:
    """The palette called *name*; raises ConfigError that names the nearest one."""
    if name not in PALETTES:
        raise ConfigError(f"no palette named '{name}'{nearest(name, PALETTES)}")
    return PALETTES[name]


HUES = ("top", "bottom", "floor", "left", "right", "torso", "glow", "accent", "rim")
TOP, BOTTOM, FLOOR, LEFT, RIGHT, TORSO, GLOW, ACCENT, RIM = range(len(HUES))
"""Rows of `hues`."""


def hues(of: Palette) -> F32:
    """The colours of a palette (9, 3), for kernels."""
    return np.array([getattr(of, name) for name in HUES], np.float32)


def flat_colour(background: str, of: Palette) -> Colour | None:
    """The colour of a flat *background* of StageConfig; None for "stage"."""
    if background == "plain":
        return tuple((a + b) / 2.0 for a, b in zip(of.top, of.bottom))  # type: ignore[return-value]
    return {"stage": None, "chroma": CHROMA_GREEN, "black": BLACK, "transparent": BLACK}[background]
