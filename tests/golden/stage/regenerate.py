"""Draws the golden pictures anew: `python -m tests.golden.stage.regenerate`. Look at each before you commit it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from vispy.io import write_png

from audio2pose.config import StageConfig
from audio2pose.stage.offscreen import Offscreen
from audio2pose.stage.palettes import PALETTES
from tests.stage.poses import lunge, rest

HERE = Path(__file__).parent
SCENES: dict[str, tuple[StageConfig, np.ndarray]] = {
    **{name: (StageConfig(width=128, height=72, palette=name), lunge()[None]) for name in PALETTES},
    "square": (StageConfig(width=96, height=96), lunge()[None]),
    "portrait": (StageConfig(width=72, height=128, palette="neon"), lunge()[None]),
    "two": (StageConfig(width=128, height=72, palette="lagoon"), np.stack([lunge(-0.7), rest(0.9)])),
    "chroma": (StageConfig(width=128, height=72, background="chroma"), lunge()[None]),
}


def draw(name: str) -> np.ndarray:
    """The picture of a scene, three frames in, so that a trail of the moving dancer is in it."""
    config, poses = SCENES[name]
    stage = Offscreen(config)
    for k in range(3):
        moved = poses.copy()
        moved[:, 20:, 1] -= 0.08 * (2 - k)
        picture = stage.picture(moved, t_s=k / 60, beat=8.1 + k / 30, energy=0.6, onset=0.3).copy()
    stage.close()
    return picture


if __name__ == "__main__":
    for scene in SCENES:
        write_png(str(HERE / f"{scene}.png"), draw(scene))
