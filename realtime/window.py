"""Where the dancer is seen: a window on a screen, or pictures in memory where there is none.

Shapes   picture: (H, W, 3) uint8.
Time     a window shows the pose for now + the screen's latency; offscreen, picture n is for stream moment n / fps exactly.
Threads  main, which owns the GL context. One canvas for the life of the process.
Source   VisPy on GLFW: 1 MB, and it puts a full screen where it is asked to.
"""

from __future__ import annotations

import math
import os
import sys
import time
import warnings
from typing import Any, Protocol

import numpy as np
from vispy import app, gloo

from audio2pose.config import StageConfig
from audio2pose.errors import DeviceError
from audio2pose.stage.offscreen import Offscreen
from audio2pose.stage.stage import Stage

from .handoff import Commands
from .keys import FULLSCREEN, NAMES, QUIT, Keys
from .moment import Follower
from .recorder import Recorder
from .spread import Spread

LONGEST_WAIT_S = 0.020
"""The main thread looks after signals and trouble at least this often."""
UNSEEN_FPS = 5.0
"""Pictures that nobody sees and no film keeps: enough to know that drawing works."""


class Screen(Protocol):
    """What the show draws on. Threads: main."""

    frames: int
    late_frames: int
    frame_ms: Spread

    def frame(self) -> bool:
        """Wait for the next frame's moment, a little at most, and draw it if it has come. False: it was closed."""

    def close(self) -> None:
        """Give everything back."""


class Pictures:
    """The stage without a window: picture n is for stream moment n / fps; pictures that would come late are left out."""

    def __init__(self, config: StageConfig, follower: Follower, recorder: Recorder | None) -> None:
        self._follower, self._recorder = follower, recorder
        self._fps = min(config.fps, UNSEEN_FPS) if recorder is None else recorder.fps
        self._offscreen = Offscreen(config)
        self.frames = self.late_frames = 0
        self.frame_ms = Spread()
        self._number = 0
        # Drawn once before the show: shaders and kernels are compiled here.
        self._offscreen.picture(follower.positions_m, t_s=0.0, beat=0.0, energy=0.0)

    def frame(self) -> bool:
        """Wait for the next picture's moment, a little at most, and draw it if it has come."""
        now_s = self._follower.moment_s(time.perf_counter())
        due_s = self._number / self._fps
        if not now_s >= due_s:
            time.sleep(min(due_s - now_s, LONGEST_WAIT_S))
            return True
        behind = math.floor((now_s - due_s) * self._fps)
        self.late_frames += behind
        self._number += behind
        moment_s = self._number / self._fps
        began_s = time.perf_counter()
        f = self._follower
        if not f.look(moment_s):
            time.sleep(0.001)
            return True
        self._number += 1
        picture = self._offscreen.picture(
            f.positions_m,
            t_s=moment_s,
            beat=float(f.pose["beat"]),
            energy=float(f.heard["energy"]),
            onset=float(f.onsets.max()),
            faces=f.faces,
        )
        self.frame_ms.add(1e3 * (time.perf_counter() - began_s))
        self.frames += 1
        if self._recorder is not None:
            self._recorder.offer(picture, moment_s)
        return True

    def close(self) -> None:
        """Give the picture's memory back."""
        self._offscreen.close()


class Window:
    """The stage in a window; what its keys do stands in keys.py.

    Raises DeviceError where there is no display, or no screen of that number.
    """

    def __init__(
        self, config: StageConfig, follower: Follower, recorder: Recorder | None, commands: Commands, *, title: str,
        screen: int | None, fullscreen: bool,
    ) -> None:  # fmt: skip
        self._follower, self._recorder, self._config = follower, recorder, config
        self.frames = self.late_frames = 0
        self.frame_ms = Spread()
        self._closed = False
        self._glfw, self._app, self._canvas = _glfw_canvas(config, title)
        self._monitor = self._screen(screen)
        self._stage = Stage(config)
        self._copy: tuple[Any, Stage] | None = None
        if recorder is not None:
            # The film has a size of its own, whatever is done to the window: the stage is drawn a second time.
            texture = gloo.Texture2D(shape=(config.height, config.width, 4), format="rgba", interpolation="nearest")
            self._copy = gloo.FrameBuffer(texture), Stage(config)
        self._keys = Keys(commands)
        self._names = {getattr(self._glfw, f"KEY_{name}"): name for name in NAMES}
        # Straight from glfw: VisPy holds a letter back until its character comes, which some keys never bring.
        self._glfw.set_key_callback(self._native, self._key)
        self._canvas.events.close.connect(self._on_close)
        self._windowed: tuple[int, int, int, int] | None = None
        if screen is not None:
            x, y = self._glfw.get_monitor_pos(self._monitor)
            self._glfw.set_window_pos(self._native, x + 40, y + 60)
        if fullscreen:
            self._toggle_fullscreen()
        hz = self._glfw.get_video_mode(self._monitor).refresh_rate
        # vsync sets the pace; this only holds back a driver that does not wait for it.
        self._least_s = 1.0 / (1.05 * max(float(hz), config.fps))
        self._due_s = 0.0
        self._draw(0.0)

    @property
    def _native(self) -> Any:
        return self._canvas._backend._id

    def _screen(self, number: int | None) -> Any:
        if number is None:
            return self._glfw.get_primary_monitor()
        monitors = self._glfw.get_monitors()
        if not 0 <= number < len(monitors):
            self.close()
            raise DeviceError(f"no screen {number}, screens are numbered 0 to {len(monitors) - 1}: choose one of them")
        return monitors[number]

    def frame(self) -> bool:
        """Draw the pose for the moment at which it will be seen. False: the window was closed, or q or Esc pressed."""
        left_s = self._due_s - time.perf_counter()
        if left_s > 0.0:
            time.sleep(min(left_s, LONGEST_WAIT_S))
        now_s = time.perf_counter()
        self.late_frames += now_s - self._due_s > 3.0 * self._least_s and self.frames > 0
        self._due_s = max(self._due_s, now_s - self._least_s) + self._least_s
        self._app.process_events()
        if self._closed or self._native is None:
            return False
        began_s = time.perf_counter()
        moment_s = self._follower.moment_s(began_s)
        shown = self._follower.look(moment_s)
        self._draw(moment_s if shown else 0.0)
        self.frame_ms.add(1e3 * (time.perf_counter() - began_s))
        self.frames += 1
        if shown and self._recorder is not None and self._recorder.wants(moment_s):
            self._film(moment_s, self._recorder)
        self._canvas.swap_buffers()
        return True

    def _draw(self, moment_s: float) -> None:
        self._canvas.set_current()
        self._stage.resize(*self._canvas.physical_size)
        self._draw_on(self._stage, moment_s)
        self._canvas.context.flush_commands()

    def _draw_on(self, stage: Stage, moment_s: float) -> None:
        f = self._follower
        stage.draw(
            f.positions_m,
            t_s=moment_s,
            beat=float(f.pose["beat"]),
            energy=float(f.heard["energy"]),
            onset=float(f.onsets.max()),
            faces=f.faces,
        )

    def _film(self, moment_s: float, recorder: Recorder) -> None:
        assert self._copy is not None
        target, stage = self._copy
        with target:
            self._draw_on(stage, moment_s)
            picture = gloo.read_pixels((0, 0, self._config.width, self._config.height), alpha=False)
        recorder.offer(np.asarray(picture), moment_s)

    def _key(self, window: Any, key: int, scancode: int, action: int, modifiers: int) -> None:
        glfw = self._glfw
        if action == glfw.RELEASE or modifiers & (glfw.MOD_CONTROL | glfw.MOD_ALT | glfw.MOD_SUPER):
            return
        wish = self._keys.press(self._names.get(key, ""), again=action == glfw.REPEAT, lock=self._follower.lock)
        if wish == QUIT:
            self._closed = True
        elif wish == FULLSCREEN:
            self._toggle_fullscreen()

    def _on_close(self, event: Any) -> None:
        self._closed = True

    def _toggle_fullscreen(self) -> None:
        glfw, window = self._glfw, self._native
        if self._windowed is None:
            self._windowed = (*glfw.get_window_pos(window), *glfw.get_window_size(window))
            mode = glfw.get_video_mode(self._monitor)
            glfw.set_window_monitor(window, self._monitor, 0, 0, mode.size.width, mode.size.height, mode.refresh_rate)
            glfw.set_input_mode(window, glfw.CURSOR, glfw.CURSOR_HIDDEN)
        else:
            glfw.set_window_monitor(window, None, *self._windowed, 0)
            glfw.set_input_mode(window, glfw.CURSOR, glfw.CURSOR_NORMAL)
            self._windowed = None

    def close(self) -> None:
        """Close the window."""
        self._canvas.close()


def _glfw_canvas(config: StageConfig, title: str) -> tuple[Any, Any, Any]:
    """The glfw module, VisPy's application on it and the one canvas of the process."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # glfw tells a missing display as a warning, too
            import glfw  # noqa: PLC0415

            application = app.Application("glfw")
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
    return glfw, application, canvas
