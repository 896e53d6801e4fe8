"""Draws one picture in a real glfw window and writes it to argv[1]; a process of its own, for test_window.py."""

from __future__ import annotations

import sys

import numpy as np
from vispy import app, gloo

from audio2pose.config import StageConfig
from audio2pose.stage.stage import Stage
from tests.stage.poses import lunge


def main(path: str, palette: str) -> None:
    canvas = app.Canvas(app=app.Application("glfw"), dpi=96, size=(320, 180), show=True, autoswap=False)
    canvas.set_current()
    stage = Stage(StageConfig(width=64, height=64, palette=palette))
    seen = []

    @canvas.connect
    def on_draw(_event: object) -> None:
        stage.reset()
        stage.resize(*canvas.physical_size)
        stage.draw(lunge()[None], t_s=1.0, beat=2.2, energy=0.5)
        seen.append(gloo.read_pixels((0, 0, *canvas.physical_size))[..., :3])

    for _ in range(3):
        canvas.update()
        canvas.app.process_events()
    np.save(path, seen[-1])
    canvas.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
