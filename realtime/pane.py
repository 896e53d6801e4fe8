"""The one window of the process: where it is, how large, which keys go down in it.

Threads  main, which owns the GL context. One canvas for the life of the process.
Source   VisPy on GLFW: 1 MB, and it puts a full screen where it is asked to.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from vispy import app

from audio2pose.config import StageConfig
from audio2pose.errors import DeviceError

DOWN, HELD = "down", "held"


class Pane:
    """An open window on screen number *screen*, None the first. *pressed* is told (name, DOWN or HELD) of keys among *keys*.

    Raises DeviceError where there is no display, or no screen of that number. `closed` once the user has closed it.
    """

    def __init__(
        self, config: StageConfig, keys: Sequence[str], pressed: Callable[[str, str], None], *, title: str, screen: int | None,
        fullscreen: bool,
    ) -> None:  # fmt: skip
        self.closed = False
        self._pressed = pressed
        self._glfw, self._app, self.canvas = _glfw_canvas(config, title)
        self._number = screen
        if screen is not None and not 0 <= screen < len(self._glfw.get_monitors()):
            last = len(self._glfw.get_monitors()) - 1
            self.close()
            raise DeviceError(f"no screen {screen}, screens are numbered 0 to {last}: choose one of them")
        self._names = {getattr(self._glfw, f"KEY_{name}"): name for name in keys}
        # Straight from glfw: VisPy holds a letter back until its character comes, which some keys never bring.
        self._glfw.set_key_callback(self._native, self._key)
        self.canvas.events.close.connect(self._on_close)
        self._windowed: tuple[int, int, int, int] | None = None
        if screen is not None:
            x, y = self._glfw.get_monitor_pos(self._monitor)
            self._glfw.set_window_pos(self._native, x + 40, y + 60)
        if fullscreen:
            self.toggle_fullscreen()

    @property
    def _native(self) -> Any:
        return self.canvas._backend._id

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in physical pixels."""
        width, height = self.canvas.physical_size
        return int(width), int(height)

    @property
    def refresh_hz(self) -> float:
        """Of the screen; 60 where there is none to ask."""
        monitor = self._monitor
        return float(self._glfw.get_video_mode(monitor).refresh_rate) if monitor else 60.0

    @property
    def _monitor(self) -> Any:
        """The screen that was asked for, else the first; looked up anew, because a projector may have been replugged."""
        monitors = self._glfw.get_monitors()
        if self._number is not None and self._number < len(monitors):
            return monitors[self._number]
        return self._glfw.get_primary_monitor()

    def look(self) -> bool:
        """Take in what the user did; False once the window is gone."""
        self._app.process_events()
        return not self.closed and self._native is not None

    def show(self) -> None:
        """Show what was drawn."""
        self.canvas.swap_buffers()

    def _key(self, window: Any, key: int, scancode: int, action: int, modifiers: int) -> None:
        glfw = self._glfw
        if action == glfw.RELEASE or modifiers & (glfw.MOD_CONTROL | glfw.MOD_ALT | glfw.MOD_SUPER):
            return
        if key in self._names:
            self._pressed(self._names[key], HELD if action == glfw.REPEAT else DOWN)

    def _on_close(self, event: Any) -> None:
        self.closed = True

    def toggle_fullscreen(self) -> None:
        """All of the screen, without border and cursor, or the window as it was."""
        glfw, window = self._glfw, self._native
        monitor = self._monitor
        if self._windowed is None:
            if not monitor:
                return
            self._windowed = (*glfw.get_window_pos(window), *glfw.get_window_size(window))
            mode = glfw.get_video_mode(monitor)
            glfw.set_window_monitor(window, monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate)
            glfw.set_input_mode(window, glfw.CURSOR, glfw.CURSOR_HIDDEN)
        else:
            glfw.set_window_monitor(window, None, *self._windowed, 0)
            glfw.set_input_mode(window, glfw.CURSOR, glfw.CURSOR_NORMAL)
            self._windowed = None

    def close(self) -> None:
        """Close the window."""
        self.canvas.close()


def _glfw_canvas(config: StageConfig, title: str) -> tuple[Any, Any, Any]:
    """The glfw module, VisPy's application on it and the one canvas of the process."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # glfw tells a missing display as a warning, too
            import glfw  # noqa: PLC0415

            application = app.Application("glfw")
            if config.background == "transparent":
                # Hints stay until the window is made; VisPy knows no word for this one.
                glfw.window_hint(glfw.TRANSPARENT_FRAMEBUFFER, 1)
            canvas = app.Canvas(
                app=application,
                title=title,
                size=(config.width, config.height),
                show=True,
                vsync=True,
                autoswap=False,
                keys=None,
                dpi=96,
            )
    except Exception as error:
        reason = " ".join(str(error).split())[:120].replace(": ", ", ")
        if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            reason = "neither DISPLAY nor WAYLAND_DISPLAY is set"
        raise DeviceError(
            f"no display to open a window on ({reason}): start it from a desktop, or let the dance leave by --send, --record "
            "or --events"
        ) from error
    # What a window manager cannot do is no news for whoever looks at the terminal.
    warnings.filterwarnings("ignore", category=glfw.GLFWError)
    return glfw, application, canvas
