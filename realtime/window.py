"""The stage in a window on a screen, with figures and keys over it.

Time     it shows the pose for now + the screen's latency; vsync sets the pace.
Threads  main, which owns the GL context. One canvas for the life of the process.
Source   VisPy on GLFW: 1 MB, and it puts a full screen where it is asked to.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from typing import Any

import numpy as np
from vispy import app, gloo

from audio2pose.config import StageConfig
from audio2pose.errors import DeviceError
from audio2pose.match.index import Library
from audio2pose.music.heard import STATE_NAMES
from audio2pose.performer import LOCK_NAMES
from audio2pose.stage.hud import Hud, HudState
from audio2pose.stage.stage import Stage
from audio2pose.timeline import position_in_bar

from .desk import Desk
from .films import Films
from .keys import BY_NAME, FULLSCREEN, HELP, QUIT, ROWS
from .moment import Follower
from .pictures import LONGEST_WAIT_S
from .screen import Pace, View
from .sources import Source
from .spread import Spread

LEVEL_FLOOR_DB = -90.0


class Window:
    """Raises DeviceError where there is no display, or no screen of that number. Without a `desk` keys do nothing but end it."""

    def __init__(
        self, config: StageConfig, follower: Follower, films: Films, source: Source, library: Library, *, title: str,
        screen: int | None, fullscreen: bool,
    ) -> None:  # fmt: skip
        self.follower, self._films, self._config, self._source = follower, films, config, source
        self._styles = library.styles
        self._style_of = library.clip_style[library.segment_clip]
        self.frames = self.late_frames = 0
        self.frame_ms = Spread()
        self._pace = Pace()
        self.interval_ms = self._pace.interval_ms
        self.blackout = False
        self.desk: Desk | None = None
        self._closed = self._helps = False
        self._glfw, self._app, self._canvas = _glfw_canvas(config, title)
        self._monitor = self._screen(screen)
        self._view = View(Stage(config), follower)
        self._hud = Hud()
        # A film has a size of its own, whatever is done to the window: the stage is drawn a second time.
        texture = gloo.Texture2D(shape=(config.height, config.width, 4), format="rgba", interpolation="nearest")
        self._copy, self._film_view = gloo.FrameBuffer(texture), View(Stage(config), follower)
        self._names = {getattr(self._glfw, f"KEY_{name}"): name for name in BY_NAME}
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
        moment_s = self.follower.moment_s(began_s)
        shown = self.follower.look(moment_s)
        self._draw(moment_s if shown else 0.0)
        self.frame_ms.add(1e3 * (time.perf_counter() - began_s))
        self.frames += 1
        if shown and self._films.wants(moment_s):
            self._film(moment_s)
        self._canvas.swap_buffers()
        self._pace.mark(time.perf_counter())
        return True

    def _draw(self, moment_s: float) -> None:
        self._canvas.set_current()
        width, height = self._canvas.physical_size
        self._view.stage.resize(width, height)
        self._view.fade(self.blackout)
        self._view.draw(moment_s)
        state = self._figures()
        if state is not None:
            self._hud.draw(state, width, height)
        self._canvas.context.flush_commands()

    def _figures(self) -> HudState | None:
        """What stands over the picture; None where nothing does."""
        desk = self.desk
        if desk is None:
            return None
        message, keys = desk.message, ROWS if self._helps else ()
        if not (desk.state["hud"] or message or keys):
            return None
        f = self.follower
        heard, pose = f.heard, f.pose
        hidden = not desk.state["hud"]
        meter = int(heard["meter"])
        beat = int(np.floor(float(pose["beat"]) + 1e-6)) if np.isfinite(pose["beat"]) else 0
        segment = int(pose["segment"])
        return HudState(
            hidden=hidden,
            tempo_bpm=round(float(heard["tempo_bpm"]), 1),
            confidence=round(float(heard["confidence"]), 2),
            position=position_in_bar(beat, origin=int(heard["bar_origin"]), meter=meter),
            meter=meter,
            state=STATE_NAMES[int(heard["state"])],
            lock=LOCK_NAMES[f.lock],
            level_db=round(_level_db(float(heard["peak"]))),
            gain_db=round(float(heard["gain_db"]), 1),
            fps=round(self._pace.fps),
            device=self._source.trouble.partition(":")[0] or self._source.name,
            style=self._styles[int(self._style_of[segment])] if 0 <= segment < self._style_of.shape[0] else "",
            scene=desk.name_of("scene"),
            palette=desk.name_of("palette"),
            dancers=len(f.poses),
            message=message,
            keys=keys,
        )

    def _film(self, moment_s: float) -> None:
        with self._copy:
            self._film_view.fade(self.blackout)
            self._film_view.draw(moment_s)
            picture = gloo.read_pixels((0, 0, self._config.width, self._config.height), alpha=False)
        self._films.offer(np.asarray(picture), moment_s)

    def set_palette(self, name: str) -> None:
        """From the next picture on."""
        for view in (self._view, self._film_view):
            view.stage.set_palette(name)

    def set_scene(self, name: str) -> None:
        """From the next picture on."""
        for view in (self._view, self._film_view):
            view.stage.set_scene(name)

    def _key(self, window: Any, key: int, scancode: int, action: int, modifiers: int) -> None:
        glfw = self._glfw
        if action == glfw.RELEASE or modifiers & (glfw.MOD_CONTROL | glfw.MOD_ALT | glfw.MOD_SUPER):
            return
        name, again = self._names.get(key, ""), action == glfw.REPEAT
        if self.desk is None:
            wish = QUIT if not again and BY_NAME.get(name, BY_NAME["H"]).order == QUIT else ""
        else:
            heard = self.follower.heard
            wish = self.desk.press(name, again=again, tempo_bpm=float(heard["tempo_bpm"]), gain_db=float(heard["gain_db"]))
        if wish == QUIT:
            self._closed = True
        elif wish == FULLSCREEN:
            self._toggle_fullscreen()
        elif wish == HELP:
            self._helps = not self._helps

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


def _level_db(peak: float) -> float:
    return max(20.0 * float(np.log10(peak)), LEVEL_FLOOR_DB) if peak > 0.0 else LEVEL_FLOOR_DB


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
    return glfw, application, canvas
