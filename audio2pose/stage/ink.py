"""Words written into a picture that is already in memory.

Shapes   picture: (H, W, 3) uint8, top row first, changed in place.
Threads  one; it remembers words that it has written.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import U8
from audio2pose.stage.lettering import ATLAS_WIDTH, LETTERS, Lettering, Style

Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)
GREY: Colour = (150, 150, 150)
SHADE = 0.55
"""How much of the picture is seen through the ground on which words stand."""


class Ink:
    """Letters *px* high.

    Threads: one.
    """

    def __init__(self, px: int, *, bold: bool = False) -> None:
        self._style = Style(px, bold, LETTERS)
        self._letters = Lettering((self._style,), max(px // 2, 2))
        self.px = px

    def width(self, text: str) -> float:
        """Pixels from the beginning of *text* to its end."""
        return self._letters.width(text, self._style)

    def write(
        self, picture: U8, text: str, left: int, top: int, colour: Colour = WHITE, *, within: float | None = None
    ) -> None:
        """*text* from *left* on, below *top*, cut off with an ellipsis after *within* pixels; what falls outside is lost."""
        if within is not None:
            text = self._letters.cut(text, self._style, within)
        line = top + round(0.8 * self.px)
        atlas, tall = self._letters.atlas, self._letters.atlas.shape[0]
        for x0, low, x1, high, u0, _, _, v0 in self._letters.word(text, self._style, left, 0):
            wide, up = round(x1 - x0), round(high - low)
            u, v = round(u0 * ATLAS_WIDTH), round(v0 * tall)
            y, x = line - round(high), round(x0)
            cut_y, cut_x = max(-y, 0), max(-x, 0)
            place = picture[max(y, 0) : max(y + up, 0), max(x, 0) : max(x + wide, 0)]
            ink = atlas[v + cut_y : v + up, u + cut_x : u + wide][: place.shape[0], : place.shape[1], None] / np.float32(255.0)
            place[...] = place + ink * (np.array(colour, np.float32) - place)

    @staticmethod
    def ground(picture: U8, top: int, bottom: int) -> None:
        """Darken the rows from *top* to *bottom*, for words to stand on."""
        rows = picture[max(top, 0) : max(bottom, 0)]
        rows[...] = rows * np.float32(SHADE)
