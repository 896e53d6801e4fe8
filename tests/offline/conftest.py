"""Songs to call the commands on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio2pose.media.demo_song import demo_song


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds of the built-in song as a file, its drums among them."""
    song = demo_song()
    path = tmp_path_factory.mktemp("song") / "demo.wav"
    at = song.sample_rate_hz
    soundfile.write(path, song.samples[8 * at : 20 * at], song.sample_rate_hz, subtype="FLOAT")
    return path


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Path]:
    """`made(samples, rate_hz)` -> a float wav of them."""

    def write(samples: np.ndarray, rate_hz: int = 44100, name: str = "made.wav") -> Path:
        folder = tmp_path / "songs"
        folder.mkdir(exist_ok=True)
        soundfile.write(folder / name, samples, rate_hz, subtype="FLOAT")
        return folder / name

    return write
