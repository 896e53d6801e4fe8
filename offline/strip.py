"""A contact sheet: the dance on its beats, in one picture, to be looked at.

Shapes   cell: (H, W, 3) uint8; sheet: rows of cells, each with its beat's number; a downbeat's number is bright.
Threads  one, the caller's.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from vispy.io import write_png

from audio2pose.arrays import F64, U8
from audio2pose.config import StageConfig
from audio2pose.media.atomic import atomic_write
from audio2pose.stage.offscreen import Offscreen

from .choreograph import Performance
from .render import of_performance

CELLS, COLUMNS = 16, 8
CELL_W, CELL_H = 216, 272
EDGE = 3
RUN_UP_S, RUN_UP_PICTURES = 0.20, 8
"""Pictures before the beat that only leave their trails."""
DOT = 3
DOWNBEAT, BEAT = (255, 255, 255), (150, 150, 150)

# Three dots wide, five high, row by row from the top.
_DIGITS = (
    "111101101101111", "010110010010111", "111001111100111", "111001111001111", "101101111001001",
    "111100111001111", "111100111101111", "111001010010010", "111101111101111", "111101111001111",
)  # fmt: skip


def write_strip(path: Path, performance: Performance, stage: StageConfig) -> None:
    """The dance on 16 beats about the middle of the song; at even steps where no beat was heard."""
    moments_s, labels, strong = _moments(performance)
    screen = Offscreen(replace(stage, width=CELL_W, height=CELL_H))
    rows = -(-moments_s.shape[0] // COLUMNS)
    sheet: U8 = np.zeros((rows * (CELL_H + EDGE) + EDGE, COLUMNS * (CELL_W + EDGE) + EDGE, 3), np.uint8)
    try:
        for n, moment_s in enumerate(moments_s):
            before_s = np.linspace(max(moment_s - RUN_UP_S, 0.0), moment_s, RUN_UP_PICTURES)
            for shot in of_performance(performance, before_s):
                # Cells are ten seconds apart for the camera, so that each looks at its dancer afresh.
                t_s = 10.0 * n + shot.t_s - moment_s + RUN_UP_S
                cell = screen.picture(
                    shot.joints_m, t_s=t_s, beat=shot.beat, energy=shot.energy, onset=shot.onset, faces=shot.faces
                )
            top, left = EDGE + n // COLUMNS * (CELL_H + EDGE), EDGE + n % COLUMNS * (CELL_W + EDGE)
            sheet[top : top + CELL_H, left : left + CELL_W] = cell
            _number(sheet[top : top + CELL_H, left : left + CELL_W], labels[n], DOWNBEAT if strong[n] else BEAT)
    finally:
        screen.close()
    with atomic_write(path) as temporary:
        write_png(str(temporary), sheet)


def _moments(performance: Performance) -> tuple[F64, list[int], list[bool]]:
    """Moments, numbers (beats from 1; seconds where there are no beats) and which are downbeats."""
    beats = performance.heard.beats
    if len(beats) < 2:
        moments_s = np.linspace(0.0, performance.seconds, CELLS + 2)[1:-1]
        return moments_s, [int(t) for t in moments_s], [False] * CELLS
    first = max((len(beats) - CELLS) // 2, 0)
    chosen = list(enumerate(beats, 1))[first : first + CELLS]
    return np.array([b.time_s for _, b in chosen]), [n for n, _ in chosen], [b.position == 1 for _, b in chosen]


def _number(cell: U8, number: int, colour: tuple[int, int, int]) -> None:
    """Write *number* into the top left corner of *cell*."""
    for place, digit in enumerate(str(number)):
        for k, lit in enumerate(_DIGITS[int(digit)]):
            top, left = 2 * DOT + k // 3 * DOT, 2 * DOT + (4 * place + k % 3) * DOT
            if lit == "1":
                cell[top : top + DOT, left : left + DOT] = colour
