"""What the one at the desk wants to know, small at the edge of the picture: tempo, bar, level, device; help on demand.

Shapes   a corner: x, y in pixels, u, v in the atlas, premultiplied colour 4.
Threads  the one that owns the GL context.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from vispy import gloo

from audio2pose.arrays import F32
from audio2pose.stage.lettering import LETTERS, Lettering, Style
from audio2pose.stage.mesh import shader

_CORNER = np.dtype([("a_corner", np.float32, 2), ("a_cut", np.float32, 2), ("a_colour", np.float32, 4)])
_X, _Y = np.array([0, 2, 2, 0, 2, 0]), np.array([1, 1, 3, 1, 3, 3])
"""Of a cut's sides, those of the corners of its two triangles."""
Colour = tuple[float, float, float, float]

WHITE: Colour = (1.0, 1.0, 1.0, 0.92)
GREY: Colour = (1.0, 1.0, 1.0, 0.60)
FAINT: Colour = (1.0, 1.0, 1.0, 0.22)
RED: Colour = (1.0, 0.25, 0.22, 1.0)
AMBER: Colour = (1.0, 0.78, 0.30, 0.95)
GROUND: Colour = (0.0, 0.0, 0.0, 0.50)
DARK: Colour = (0.0, 0.0, 0.0, 0.78)

LOWEST_DB, LOUD_DB, CLIP_DB = -60.0, -6.0, -0.3
MOST_DOTS = 12
FIRST_CORNERS = 6 * 256
"""Room for the panel; it grows for the help, and stays."""
STEPS = 4
"""Sizes of letters a doubling of the picture's height: a window that is pulled larger does not draw letters at each pixel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HudState:
    """All that is told; without `panel` only the message and the keys. A `note` stands for a while where the look is told.

    `position` is the beat's place in the bar from 1, 0 unknown; levels are dB of full scale.
    """

    tempo_bpm: float = 0.0
    confidence: float = 0.0
    position: int = 0
    meter: int = 0
    state: str = ""
    lock: str = ""
    level_db: float = -math.inf
    gain_db: float = 0.0
    fps: float = math.nan
    device: str = ""
    style: str = ""
    scene: str = ""
    palette: str = ""
    dancers: int = 1
    message: str = ""
    note: str = ""
    keys: tuple[tuple[str, str], ...] = ()
    panel: bool = True


def _finite(x: float, low: float, high: float) -> float | None:
    return min(max(float(x), low), high) if math.isfinite(x) else None


def _step(x: float, size: float) -> float | None:
    """*x* to the nearest step of *size*; None where it is no number."""
    return round(x / size) * size if math.isfinite(x) else None


def _told(s: HudState) -> tuple[object, ...]:
    """What of a state can be seen: two states that are equal here look the same."""
    return (
        _step(s.tempo_bpm, 0.1), _step(s.confidence, 0.02), s.position, s.meter, s.state, s.lock, _step(s.level_db, 0.5),
        _step(s.gain_db, 0.1), _step(s.fps, 1.0), s.device, s.style, s.scene, s.palette, s.dancers, s.message, s.note,
        s.keys, s.panel,
    )  # fmt: skip


def _line(text: str) -> str:
    """*text* on one line, whatever it was."""
    return " ".join(str(text).split())[:400]


class Hud:
    """The panel. It is written anew only when something in it has changed.

    Threads: the one that owns the GL context.
    """

    def __init__(self, *, top_row_first: bool = False) -> None:
        self._upright = -1.0 if top_row_first else 1.0
        self._program = gloo.Program(shader("hud.vert.glsl"), shader("hud.frag.glsl"))
        self._corners: F32 = np.zeros((0, 8), np.float32)
        self._atlas: gloo.Texture2D | None = None
        self._unit = 0.0
        self._shown: tuple[object, ...] = ()
        self._cuts: list[F32] = []
        self._colours: list[tuple[float, ...]] = []
        self.written = 0
        """How often the panel was written anew."""

    def draw(self, state: HudState, width: int, height: int) -> None:
        """Draw *state* over a picture of *width* and *height* physical pixels. Never raises on numbers or texts.

        Threads: the one that owns the GL context.
        """
        width, height = max(int(width), 1), max(int(height), 1)
        told = (width, height, *_told(state))
        if told != self._shown:
            self._letters(height)
            self._write(state, width, height)
            self._shown = told
            self.written += 1
        gloo.set_viewport(0, 0, width, height)
        gloo.set_state(blend=True, depth_test=False, cull_face=False, blend_func=("one", "one_minus_src_alpha"))
        self._program["u_size"] = (float(width), float(height), self._upright)
        self._program.draw("triangles")

    def _letters(self, height: int) -> None:
        """Letters for pictures of about *height*."""
        unit = 2.0 ** (round(STEPS * math.log2(max(height, 64) / 720.0)) / STEPS)
        if unit == self._unit:
            return
        self._unit = unit
        px = [max(round(k * unit), 5) for k in (15, 15, 27, 44)]
        self._small, self._strong = Style(px[0], letters=LETTERS), Style(px[1], bold=True)
        self._large, self._huge = Style(px[2], bold=True), Style(px[3], bold=True)
        self._type = Lettering((self._small, self._strong, self._large, self._huge), max(round(9 * unit), 3))
        if self._atlas is None:
            self._atlas = gloo.Texture2D(
                self._type.atlas, interpolation="nearest", format="luminance", resizable=True, wrapping="clamp_to_edge"
            )
            self._program["u_atlas"] = self._atlas
        else:
            self._atlas.set_data(self._type.atlas)

    def _put(self, cuts: F32, colour: Colour) -> None:
        self._cuts.append(cuts)
        self._colours.extend([(*(c * colour[3] for c in colour[:3]), colour[3])] * cuts.shape[0])

    def _text(self, text: str, style: Style, x: float, y: float, colour: Colour) -> float:
        """Write *text* at *x* on line *y*; returns where it ends."""
        self._put(self._type.word(text, style, x, y), colour)
        return x + self._type.width(text, style)

    def _write(self, s: HudState, width: int, height: int) -> None:
        self._cuts, self._colours = [], []
        edge, line = 18.0 * self._unit, 24.0 * self._unit
        if s.keys:
            self._help(s.keys, width, height)
        if s.panel:
            self._panel(s, width, height, edge, line)
        if _line(s.message):
            self._message(_line(s.message), width, height)
        cuts = np.concatenate(self._cuts) if self._cuts else np.zeros((0, 8), np.float32)
        self._upload(cuts, np.array(self._colours, np.float32).reshape(-1, 4))

    def _panel(self, s: HudState, width: int, height: int, edge: float, line: float) -> None:
        """Figures at the lower edge, the look at the upper one."""
        self._music(s, edge, edge)
        self._sound(s, width - edge, edge, min(0.42 * width, 430.0 * self._unit))
        many = f"{s.dancers} dancers" if s.dancers != 1 else "1 dancer"
        note = _line(s.note)
        look = note or " · ".join(_line(t) for t in (s.style, s.scene, s.palette, many) if _line(t))
        look = self._type.cut(look, self._small, width - 2.0 * edge)
        self._plate(edge, height - edge - 0.75 * line, self._type.width(look, self._small), line)
        self._text(look, self._small, edge, height - edge - 0.55 * line, WHITE if note else GREY)

    def _upload(self, cuts: F32, colours: F32) -> None:
        """Give what was put to the GPU; what is left of the buffer covers no pixel."""
        n = 6 * cuts.shape[0]
        if max(n, 1) > self._corners.shape[0]:
            self._corners = np.zeros((max(2 * self._corners.shape[0], FIRST_CORNERS, n), 8), np.float32)
            self._vertices = self._corners.reshape(-1).view(_CORNER)
            self._buffer = gloo.VertexBuffer(self._vertices)
            self._program.bind(self._buffer)
        corners = self._corners[:n].reshape(-1, 6, 8)
        corners[..., 0], corners[..., 1] = cuts[:, _X], cuts[:, _Y]
        corners[..., 2], corners[..., 3] = cuts[:, _X + 4], cuts[:, _Y + 4]
        corners[..., 4:] = colours[:, None]
        self._corners[n:] = 0.0
        self._buffer.set_data(self._vertices, copy=False)

    def _plate(self, x: float, y: float, wide: float, high: float) -> None:
        """Dark glass behind what is written, so that it can be read on any scene."""
        air = 8.0 * self._unit
        self._put(self._type.box(x - air, y - 0.25 * high, wide + 2.0 * air, 1.2 * high), GROUND)

    def _music(self, s: HudState, x: float, y: float) -> None:
        """Bottom left: tempo, the bar's beats, how sure, and what the ears are doing."""
        u = self._unit
        tempo = _finite(s.tempo_bpm, 0.0, 999.9)
        number = f"{tempo:.1f}" if tempo else "–"
        said = "  ".join(_line(t)[:60] for t in (s.state, s.lock) if _line(t))
        dots = min(max(s.meter, 0), MOST_DOTS)
        dots_px = 16.0 * u * dots
        number_px = max(self._type.width("000.0", self._large), self._type.width(number, self._large))
        bpm_px = self._type.width(" BPM", self._small)
        side_px = max(dots_px, 64.0 * u) + 12.0 * u + self._type.width(said, self._small)
        self._plate(x, y, number_px + bpm_px + 18.0 * u + side_px, 30.0 * u)
        self._text(number, self._large, x, y + 3.0 * u, WHITE)
        self._text(" BPM", self._small, x + number_px, y + 3.0 * u, GREY)
        x += number_px + bpm_px + 18.0 * u
        for k in range(dots):
            on = s.position == k + 1
            self._put(self._type.dot(x + (16.0 * k + 5.0) * u, y + 17.0 * u), (AMBER if k == 0 else WHITE) if on else FAINT)
        sure = _finite(s.confidence, 0.0, 1.0) or 0.0
        bar_px = max(dots_px, 64.0 * u) - 6.0 * u
        self._put(self._type.box(x, y + 4.0 * u, bar_px, max(3.0 * u, 1.0)), FAINT)
        self._put(self._type.box(x, y + 4.0 * u, sure * bar_px, max(3.0 * u, 1.0)), WHITE)
        self._text(said, self._small, x + bar_px + 18.0 * u, y + 7.0 * u, GREY)

    def _sound(self, s: HudState, right: float, y: float, most: float) -> None:
        """Bottom right: the device, gain, pictures a second, and the level of the sound."""
        u = self._unit
        gain, fps = _finite(s.gain_db, -99.0, 99.0) or 0.0, _finite(s.fps, 0.0, 999.0)
        tail = f"   {gain:+.1f} dB" if abs(gain) >= 0.05 else ""
        tail += f"   {fps:.0f} fps" if fps is not None else "   – fps"
        wide = max(self._type.width(tail, self._small), 190.0 * u)
        device = self._type.cut(_line(s.device), self._small, most - self._type.width(tail, self._small))
        wide = max(wide, self._type.width(device + tail, self._small))
        x = right - wide
        self._plate(x, y, wide, 30.0 * u)
        self._text(device, self._small, x, y + 13.0 * u, WHITE)
        self._text(tail, self._small, right - self._type.width(tail, self._small), y + 13.0 * u, GREY)
        level = _finite(s.level_db, LOWEST_DB, 6.0)
        share = 0.0 if level is None else min((level - LOWEST_DB) / -LOWEST_DB, 1.0)
        high = max(4.0 * u, 2.0)
        self._put(self._type.box(x, y, wide, high), FAINT)
        loud = (LOUD_DB - LOWEST_DB) / -LOWEST_DB
        self._put(self._type.box(x, y, min(share, loud) * wide, high), WHITE)
        if share > loud:
            self._put(self._type.box(x + loud * wide, y, (share - loud) * wide, high), AMBER)
        if level is not None and level >= CLIP_DB:
            self._put(self._type.box(right - 12.0 * u, y - 2.0 * u, 12.0 * u, high + 4.0 * u), RED)

    def _message(self, text: str, width: int, height: int) -> None:
        """One line, large, centred in the lower third; smaller where it would not fit."""
        room = 0.92 * width
        style = next((t for t in (self._huge, self._large) if self._type.width(text, t) <= room), self._large)
        text = self._type.cut(text, style, room)
        wide = self._type.width(text, style)
        x, y = 0.5 * (width - wide), 0.22 * height
        air = 0.6 * style.px
        self._put(self._type.box(x - air, y - 0.55 * style.px, wide + 2.0 * air, 1.9 * style.px), GROUND)
        self._text(text, style, x, y, WHITE)

    def _help(self, keys: tuple[tuple[str, str], ...], width: int, height: int) -> None:
        """All keys and what they do, in as many double columns as their number needs."""
        u, line = self._unit, 24.0 * self._unit
        self._put(self._type.box(0.0, 0.0, width, height), DARK)
        rows = max(int((height - 5.0 * line) / line), 1)
        blocks = min((len(keys) + rows - 1) // rows, 3)
        rows = min(rows, (len(keys) + blocks - 1) // blocks)
        wide = (width - 80.0 * u) / blocks
        key_px = min(max(self._type.width(_line(k), self._strong) for k, _ in keys), 0.4 * wide)
        what_px = min(max(self._type.width(_line(w), self._small) for _, w in keys), wide - key_px - 40.0 * u)
        block = key_px + what_px + 18.0 * u
        left = 0.5 * (width - blocks * block - (blocks - 1) * 44.0 * u)
        top = 0.5 * (height + rows * line) - 0.7 * line
        for k, (key, what) in enumerate(keys[: rows * blocks]):
            x, y = left + (k // rows) * (block + 44.0 * u), top - (k % rows) * line
            key = self._type.cut(_line(key), self._strong, key_px)
            self._text(key, self._strong, x + key_px - self._type.width(key, self._strong), y, AMBER)
            self._text(self._type.cut(_line(what), self._small, what_px), self._small, x + key_px + 18.0 * u, y, WHITE)
