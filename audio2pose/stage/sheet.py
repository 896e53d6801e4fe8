"""A contact sheet: moments of a dance side by side in one picture, each cut to the body, all in one scale.

Shapes   a moment's poses: (R, D, 24, 3) of D dancers, its run-up and last itself; sheet: (H, W, 3) uint8.
Threads  one, the caller's, with the GL context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from audio2pose.arrays import F32, F64, U8
from audio2pose.config import StageConfig
from audio2pose.stage import camera
from audio2pose.stage.ink import GREY, WHITE, Ink
from audio2pose.stage.offscreen import Offscreen

CELL_W, CELL_H, EDGE = 196, 256, 4
COLUMNS = 8
RUN_UP_S, RUN_UP_POSES = 0.20, 8
"""Poses before the moment that only leave their trails."""
LABEL_PX = 30
LINE_PX = 4
AIR = 1.10
"""Around the body, and above it for the number."""
MOST = 2.0
"""How much larger than the camera has it a body is shown at most."""
BODY_M = 0.10
"""From the joints to the skin, and the head above its joint."""
HEAD_M = 0.24


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One cell: the poses of its run-up (R, D, 24, 3), faces (R, D, 3) where known, beat (R,), and what stands over it."""

    joints_m: F32
    faces: F32 | None
    beats: F64
    energy: float
    onset: float
    label: str
    strong: bool


def run_up(moment_s: float) -> F64:
    """(RUN_UP_POSES,) the times whose poses a moment takes."""
    return np.linspace(max(moment_s - RUN_UP_S, 0.0), moment_s, RUN_UP_POSES)


def draw_sheet(moments: Sequence[Moment], stage: StageConfig, columns: int = COLUMNS) -> U8:
    """The *moments* row by row; a strong one's label and upper edge shine."""
    rows = -(-len(moments) // columns)
    sheet: U8 = np.zeros((rows * (CELL_H + EDGE) + EDGE, columns * (CELL_W + EDGE) + EDGE, 3), np.uint8)
    larger = _larger(moments)
    width, height = round(CELL_W * larger), round(CELL_H * larger)
    screen, ink = Offscreen(replace(stage, width=width, height=height)), Ink(LABEL_PX, bold=True)
    try:
        for n, moment in enumerate(moments):
            picture = _picture(screen, moment, n)
            box = _box(moment, width, height)
            left = round(min(max(0.5 * (box[0] + box[1]) - 0.5 * CELL_W, 0), width - CELL_W))
            top = round(min(max(height - 0.5 * (box[2] + box[3]) - 0.5 * CELL_H, 0), height - CELL_H))
            y, x = EDGE + n // columns * (CELL_H + EDGE), EDGE + n % columns * (CELL_W + EDGE)
            cell = sheet[y : y + CELL_H, x : x + CELL_W]
            cell[...] = picture[top : top + CELL_H, left : left + CELL_W]
            colour = WHITE if moment.strong else GREY
            if moment.strong:
                cell[:LINE_PX] = colour
            ink.write(cell, moment.label, 10, 8, colour, within=CELL_W - 16)
    finally:
        screen.close()
    return sheet


def _picture(screen: Offscreen, moment: Moment, n: int) -> U8:
    # A whole turn of the camera's orbit apart: each cell looks at its dancer afresh, and from the same side.
    began_s = n * camera.ORBIT_S
    last = moment.joints_m.shape[0] - 1
    with screen.target():
        for k in range(last + 1):
            screen.stage.draw(
                moment.joints_m[k], t_s=began_s + RUN_UP_S * k / max(last, 1), beat=float(moment.beats[k]),
                energy=moment.energy, onset=moment.onset, faces=None if moment.faces is None else moment.faces[k],
            )  # fmt: skip
        return screen.read()


def _larger(moments: Sequence[Moment]) -> float:
    """By how much a cell is drawn larger than it is, so that the largest body fills it."""
    boxes = np.array([_box(m, CELL_W, CELL_H) for m in moments])
    wide, tall = (boxes[:, 1] - boxes[:, 0]).max() / CELL_W, (boxes[:, 3] - boxes[:, 2]).max() / CELL_H
    return float(min(max(1.0 / max(AIR * max(wide, tall), 1e-3), 1.0), MOST))


def _box(moment: Moment, width: int, height: int) -> tuple[float, float, float, float]:
    """Left, right, low and high of the bodies in a picture of that size, pixels from the bottom left."""
    joints = moment.joints_m[-1].reshape(-1, 3)
    joints = joints[np.isfinite(joints).all(axis=1)]
    if not joints.shape[0]:
        return 0.0, float(width), 0.0, float(height)
    roots = moment.joints_m[-1][:, 0]
    roots = roots[np.isfinite(roots).all(axis=1)]
    centre = roots.mean(axis=0) if roots.shape[0] else joints.mean(axis=0)
    lens = camera.lens(centre.astype(np.float32), float(np.ptp(roots[:, 0])) if roots.shape[0] else 0.0, 0.0, width, height)
    eye = joints.astype(np.float64) - lens[:3]
    scale = lens[12] / np.maximum(-eye @ lens[9:12], 0.05)
    x, y = lens[13] + scale * (eye @ lens[3:6]), lens[14] + scale * (eye @ lens[6:9])
    skin = BODY_M * float(scale.mean())
    return float(x.min() - skin), float(x.max() + skin), float(y.min() - skin), float(y.max() + HEAD_M * float(scale.mean()))
