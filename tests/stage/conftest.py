"""EGL is real here: where it cannot be had, the reason is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from audio2pose.config import StageConfig
from audio2pose.errors import DeviceError
from audio2pose.stage.offscreen import Offscreen


@pytest.fixture
def offscreen(need: Callable[[bool, str], None]) -> Iterator[Callable[..., Offscreen]]:
    """`offscreen(width=..., palette=..., ...)`: an Offscreen that is closed after the test."""
    made: list[Offscreen] = []

    def make(**settings: object) -> Offscreen:
        try:
            made.append(Offscreen(StageConfig(**{"width": 160, "height": 90, **settings})))
        except DeviceError as error:
            need(False, str(error))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def picture(offscreen: Callable[..., Offscreen]) -> Callable[..., np.ndarray]:
    """`picture(poses, **settings)`: one picture at the beginning of a song, a copy."""

    def draw(poses: np.ndarray, *, t_s: float = 0.0, beat: float = 0.25, energy: float = 0.5, **settings: object) -> np.ndarray:
        return offscreen(**settings).picture(poses, t_s=t_s, beat=beat, energy=energy).copy()

    return draw
