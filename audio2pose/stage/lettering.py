"""Letters as one grey picture, and words as rectangles that cut their letters out of it.

Shapes   atlas: (H, W) uint8; cuts: (n, 8), left, low, right, high in pixels from the bottom left, then the same in the atlas.
Threads  one.
Source   Open Sans, which VisPy brings along; drawn by FreeType.
"""

from __future__ import annotations

from dataclasses import dataclass

import freetype
import numpy as np
from vispy.util.fonts._vispy_fonts import _get_vispy_font_filename

from audio2pose.arrays import F32, U8

BASIC = "".join(map(chr, [*range(32, 127), *range(161, 256)])) + "–—‘’“”•…€−×"
LETTERS = BASIC + "".join(map(chr, range(256, 384)))
"""Names of devices come in many languages; what is written large is ours."""
UNKNOWN = "?"
_LIKE = {"←": "<", "→": ">", "↑": "^", "↓": "v", "␣": "_", "\u00a0": " ", "\u2009": " "}
"""What stands for a letter that the font lacks."""
ATLAS_WIDTH = 1024
MOST_WORDS = 256
SOFT_PX = 1
"""Room around each letter, so that none shows a rim of its neighbour."""


@dataclass(frozen=True, slots=True)
class Style:
    """One way of writing: *px* is the height of the letters' em."""

    px: int
    bold: bool = False
    letters: str = BASIC


@dataclass(frozen=True, slots=True)
class _Letter:
    x: int
    y: int
    wide: int
    high: int
    left: int
    up: int
    ahead: float


class Lettering:
    """All letters of a few styles in one picture, with a disc and a spot that is wholly white.

    Threads: one; it remembers words that it has written.
    """

    def __init__(self, styles: tuple[Style, ...], dot_px: int) -> None:
        self._letters: dict[Style, dict[str, _Letter]] = {}
        bitmaps: list[tuple[U8, int, int]] = []
        self._words: dict[tuple[str, Style], tuple[F32, float]] = {}
        self._x, self._y, self._row = 0, 0, 0
        self._white = self._place(np.full((4, 4), 255, np.uint8), bitmaps)
        self._dot = (*self._place(_disc(dot_px), bitmaps), dot_px)
        for style in styles:
            self._letters[style] = self._write(style, bitmaps)
        self.atlas: U8 = np.zeros((self._y + self._row, ATLAS_WIDTH), np.uint8)
        for bitmap, x, y in bitmaps:
            self.atlas[y : y + bitmap.shape[0], x : x + bitmap.shape[1]] = bitmap

    def _place(self, bitmap: U8, bitmaps: list[tuple[U8, int, int]]) -> tuple[int, int]:
        high, wide = bitmap.shape[0] + SOFT_PX, bitmap.shape[1] + SOFT_PX
        if self._x + wide > ATLAS_WIDTH:
            self._x, self._y, self._row = 0, self._y + self._row, 0
        at = self._x, self._y
        bitmaps.append((bitmap, *at))
        self._x, self._row = self._x + wide, max(self._row, high)
        return at

    def _write(self, style: Style, bitmaps: list[tuple[U8, int, int]]) -> dict[str, _Letter]:
        face = freetype.Face(_get_vispy_font_filename("OpenSans", style.bold, False))
        face.set_pixel_sizes(0, style.px)
        out: dict[str, _Letter] = {}
        for letter in style.letters:
            if not face.get_char_index(letter):
                continue
            face.load_char(letter, freetype.FT_LOAD_RENDER | freetype.FT_LOAD_TARGET_LIGHT)
            glyph, bitmap = face.glyph, face.glyph.bitmap
            pixels = np.array(bitmap.buffer, np.uint8).reshape(bitmap.rows, -1)[:, : bitmap.width] if bitmap.rows else _NOTHING
            x, y = self._place(pixels, bitmaps)
            out[letter] = _Letter(
                x, y, pixels.shape[1], pixels.shape[0], glyph.bitmap_left, glyph.bitmap_top, glyph.advance.x / 64.0
            )
        out.update({missing: out[like] for missing, like in _LIKE.items()})
        return out

    def width(self, text: str, style: Style) -> float:
        """Pixels from the beginning of *text* to its end."""
        return self._at_origin(text, style)[1]

    def cut(self, text: str, style: Style, width: float) -> str:
        """*text*, or as much of its beginning as fits *width* with an ellipsis."""
        if self.width(text, style) <= width:
            return text
        letters = self._letters[style]
        left = width - letters["…"].ahead
        for k, c in enumerate(text):
            left -= letters.get(c, letters[UNKNOWN]).ahead
            if left < 0.0:
                return text[:k].rstrip() + "…"
        return text

    def word(self, text: str, style: Style, x: float, y: float) -> F32:
        """The cuts (n, 8) of *text* whose first letter stands at *x* on the line *y*."""
        # On whole pixels letters are as sharp as they were drawn.
        at = np.array([round(x), round(y), round(x), round(y), 0.0, 0.0, 0.0, 0.0], np.float32)
        return self._at_origin(text, style)[0] + at

    def _at_origin(self, text: str, style: Style) -> tuple[F32, float]:
        """What *text* looks like from 0, 0, and how long it is."""
        known = self._words.get((text, style))
        if known is None:
            letters, x, rows = self._letters[style], 0.0, []
            for c in text:
                one = letters.get(c, letters[UNKNOWN])
                if one.wide:
                    left, top = round(x) + one.left, one.up
                    rows.append(self._cut(left, top - one.high, one.wide, one.high, one.x, one.y, one.wide, one.high))
                x += one.ahead
            known = np.array(rows, np.float32).reshape(-1, 8), x
            if len(self._words) >= MOST_WORDS:
                self._words.clear()
            self._words[text, style] = known
        return known

    def box(self, x: float, y: float, wide: float, high: float) -> F32:
        """The cut (1, 8) of a rectangle, from its lower left corner."""
        return np.array([self._cut(x, y, wide, high, self._white[0] + 1, self._white[1] + 1, 2, 2)], np.float32)

    def dot(self, x: float, y: float) -> F32:
        """The cut (1, 8) of a disc around *x*, *y*."""
        u, v, px = self._dot
        return np.array([self._cut(round(x - px / 2), round(y - px / 2), px, px, u, v, px, px)], np.float32)

    def _cut(
        self, x: float, y: float, wide: float, high: float, u: float, v: float, across: float, down: float
    ) -> tuple[float, ...]:
        tall = self.atlas.shape[0]
        return x, y, x + wide, y + high, u / ATLAS_WIDTH, (v + down) / tall, (u + across) / ATLAS_WIDTH, v / tall


_NOTHING: U8 = np.zeros((0, 0), np.uint8)


def _disc(px: int) -> U8:
    """A white disc (px, px) with a smooth edge."""
    at = np.arange(px) - 0.5 * (px - 1)
    away = 0.5 * px - np.hypot(at[:, None], at[None, :])
    return (255.0 * np.clip(away, 0.0, 1.0)).astype(np.uint8)
