"""What the player wants of the dance: another style, the next phrase, stillness, an end to it all; and when it is due.

Threads  engine only, between two hops. Nothing here moves the body.
Source   quantised cuts as consoles of light know them: a wish waits for a multiple of the quantum, counted from a downbeat.
"""

from __future__ import annotations

import math

from audio2pose.arrays import Record
from audio2pose.match.matcher import ANY_STYLE, Matcher

COMMANDS = ("style", "stylelock", "next", "freeze", "panic", "quantize")


class Wishes:
    """`panicked` and `frozen` hold now; a style or `next` waits until `due`."""

    def __init__(self, matcher: Matcher, styles: int, quantum_beats: int) -> None:
        self._matcher, self._styles, self._asked_beats = matcher, styles, quantum_beats
        self.reset()

    def reset(self) -> None:
        """No wish."""
        self.quantum_beats = self._asked_beats
        self.panicked = self.frozen = False
        self._cut = False
        self._style: int | None = None

    @property
    def style(self) -> int:
        """The only style to be danced, ANY_STYLE where none is; a wish that waits counts already."""
        return self._matcher.style if self._style is None else self._style

    def command(self, name: str, value: float) -> None:
        """One of COMMANDS; others change nothing. A style beyond the library's frees it; `stylelock` 1 keeps the present."""
        if name == "style":
            self._cut, self._style = True, int(value) if 0 <= value < self._styles else ANY_STYLE
        elif name == "stylelock":
            self._style = None
            self._matcher.style = self._matcher.last_style if value else ANY_STYLE
        elif name == "next":
            self._cut = True
        elif name == "quantize":
            self.quantum_beats = int(value)
        elif name == "panic":
            self.panicked = bool(value)
            if value:  # what was wished before is over
                self._cut, self._style, self.frozen = False, None, False
        elif name == "freeze":
            self.frozen = bool(value)

    def due(self, heard: Record, beats: float, on_beat: bool) -> bool:
        """Whether a wish for a cut comes true in this hop, at clock *beats*; it is granted then, and gone."""
        quantum = self.quantum_beats
        origin = int(heard["bar_origin"]) if heard["meter"] else 0
        if not self._cut or (quantum and not (on_beat and (math.floor(beats) - origin) % quantum == 0)):
            return False
        self._cut = False
        if self._style is not None:
            self._matcher.style, self._style = self._style, None
        return True
