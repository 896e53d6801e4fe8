"""Pictures without a display: the stage drawn by EGL into memory.

Shapes   picture: (H, W, 3) uint8, top row first, one buffer that every call overwrites.
Threads  one, the first that makes an Offscreen; the GL context lives there.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
from collections.abc import Sequence
from typing import Any

import numpy as np
from vispy import app, gloo
from vispy.gloo.gl import gl2

from audio2pose.arrays import F32, U8
from audio2pose.config import StageConfig
from audio2pose.errors import DeviceError
from audio2pose.stage.stage import Stage

_CANVAS: Any = None
"""The one hidden canvas of the process: each new one would leak its context."""


def display_answers() -> bool:
    """Whether somebody listens behind DISPLAY or WAYLAND_DISPLAY; a name left over from a closed session is none."""
    wayland, x11 = os.environ.get("WAYLAND_DISPLAY"), os.environ.get("DISPLAY")
    if wayland and _listens(socket.AF_UNIX, os.path.join(os.environ.get("XDG_RUNTIME_DIR", ""), wayland)):
        return True
    host, _, number = (x11 or "").rpartition(":")
    number = number.partition(".")[0]
    if not number.isdigit():
        return False
    if host in ("", "unix"):
        path = f"/tmp/.X11-unix/X{number}"
        return _listens(socket.AF_UNIX, path) or _listens(socket.AF_UNIX, "\0" + path)
    return os.path.exists(host) or _listens(socket.AF_INET, (host, 6000 + int(number)))


def _listens(family: int, address: Any) -> bool:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.settimeout(0.5)
            probe.connect(address)
    except OSError:
        return False
    return True


def _canvas() -> Any:
    """The hidden canvas, made at the first call; raises DeviceError where EGL cannot be had."""
    global _CANVAS
    if _CANVAS is None:
        if not display_answers():
            os.environ.setdefault("EGL_PLATFORM", "surfaceless")
        try:
            # A dpi of its own: otherwise a program is asked for it that talks on our standard output.
            _CANVAS = app.Canvas(app=app.Application("egl"), size=(64, 64), show=False, dpi=96)
        except Exception as error:
            why = " ".join(str(error).split()).replace(": ", ", ")
            raise DeviceError(
                f"no offscreen drawing through EGL ({why}), which pictures without a window need: install libegl1 "
                "libegl-mesa0 libgl1-mesa-dri libgles2"
            ) from error
    _CANVAS.set_current()
    return _CANVAS


class Offscreen:
    """A stage that draws into memory.

    Threads: the one that made it.
    """

    def __init__(self, config: StageConfig) -> None:
        self._canvas = _canvas()
        self._size = config.width, config.height
        self._target = gloo.FrameBuffer(
            gloo.Texture2D(shape=(config.height, config.width, 4), format="rgba", interpolation="nearest")
        )
        self.stage = Stage(config, top_row_first=True)
        self._pixels: U8 = np.zeros((config.height, config.width, 3), np.uint8)
        self._read = gl2._get_gl_func("glReadPixels", None, (ctypes.c_int,) * 4 + (ctypes.c_uint,) * 2 + (ctypes.c_void_p,))

    def picture(
        self,
        positions_m: F32,
        *,
        t_s: float,
        beat: float,
        energy: float,
        onset: float = 0.0,
        faces: F32 | None = None,
        bands: Sequence[float] | F32 | None = None,
        bar: float = 0.0,
    ) -> U8:
        """The picture (H, W, 3) of dancers *positions_m* (D, 24, 3); the buffer is ours and overwritten by the next call."""
        with self.target():
            self.stage.draw(positions_m, t_s=t_s, beat=beat, energy=energy, onset=onset, faces=faces, bands=bands, bar=bar)
            return self.read()

    def target(self) -> Any:
        """A context in which `stage` draws into this picture."""
        self._canvas.set_current()
        return self._target

    def read(self) -> U8:
        """The picture (H, W, 3) as last drawn, within `target`; the way back from the GPU is most of its cost."""
        width, height = self._size
        self._canvas.context.flush_commands()
        gl2.glPixelStorei(gl2.GL_PACK_ALIGNMENT, 1)
        self._read(0, 0, width, height, gl2.GL_RGB, gl2.GL_UNSIGNED_BYTE, self._pixels.ctypes.data)
        return self._pixels

    def close(self) -> None:
        """Give the picture's memory back to the driver; the canvas stays for the next one."""
        self._canvas.set_current()
        self._target.delete()
        # An interrupt within a picture leaves words to the driver behind that speak of what is gone.
        with contextlib.suppress(RuntimeError):
            self._canvas.context.flush_commands()
