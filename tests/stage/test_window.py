"""The same stage in a real window: glfw under Xvfb."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from .poses import lunge

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def display(need: Callable[[bool, str], None]) -> Iterator[str]:
    """A display of our own, at a number that Xvfb found free."""
    need(shutil.which("Xvfb") is not None, "no Xvfb for a window: install xvfb")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=(write,),
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    need(number != "", "Xvfb did not start")
    yield f":{number}"
    server.terminate()
    server.wait(10)


@pytest.mark.parametrize("palette", ["ember", "paper"])
def test_a_window_shows_what_egl_draws(display: str, tmp_path: Path, picture: Callable[..., np.ndarray], palette: str) -> None:
    environ = {k: v for k, v in os.environ.items() if k not in ("EGL_PLATFORM", "WAYLAND_DISPLAY")}
    out = tmp_path / "window.npy"
    run = subprocess.run(
        [sys.executable, "-m", "tests.stage.window", str(out), palette],
        cwd=CHECKOUT,
        env={**environ, "DISPLAY": display},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert "WARNING" not in run.stderr
    window = np.load(out).astype(int)
    egl = picture(lunge()[None], t_s=1.0, beat=2.2, energy=0.5, width=320, height=180, palette=palette).astype(int)
    assert window.shape == egl.shape
    off = np.abs(window - egl).max(axis=2)
    # The grain counts rows from the other end: one step of 8 bits.
    assert off.mean() < 1.5
    assert (off > 24).mean() < 0.005


def test_without_egl_the_error_tells_what_to_install(tmp_path: Path) -> None:
    code = (
        "from audio2pose.config import StageConfig\n"
        "from audio2pose.errors import DeviceError\n"
        "from audio2pose.stage.offscreen import Offscreen\n"
        "try:\n    Offscreen(StageConfig())\nexcept DeviceError as error:\n    print(error)\n"
    )
    # A platform that this EGL does not have.
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "EGL_PLATFORM": "x11", "DISPLAY": ":4095"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert "libegl1 libegl-mesa0 libgl1-mesa-dri libgles2" in run.stdout
