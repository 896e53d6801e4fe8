"""The stage in a window on a screen, with figures and keys over it.

Time     it shows the pose for now + the screen's latency; vsync sets the pace.
Threads  main, which owns the GL context.
"""

from __future__ import annotations

import time

import numpy as np
from vispy import gloo

from audio2pose.config import StageConfig
from audio2pose.match.index import Library
from audio2pose.stage.hud import Hud, HudState
from audio2pose.stage.stage import Stage
from audio2pose.timeline import position_in_bar

from .desk import Desk
from .films import Films
from .keys import BY_NAME, FULLSCREEN, HELP, QUIT, ROWS
from .moment import Follower
from .pane import HELD, Pane
from .pictures import LONGEST_WAIT_S
from .screen import Pace, View
from .sources import Source
from .spread import Spread

LEVEL_FLOOR_DB = -90.0
STATE_WORDS = ("waiting", "listening", "on the beat", "counting on", "silent")
"""Of STATE_NAMES, for the one at the desk."""


class Window:
    """Raises DeviceError where there is no display, or no screen of that number. Without a `desk` keys only end it."""

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
        self._helps = False
        self._pane = Pane(config, tuple(BY_NAME), self._key, title=title, screen=screen, fullscreen=fullscreen)
        self._view = View(Stage(config), follower)
        self._hud = Hud()
        # A film has a size of its own, whatever is done to the window: the stage is drawn a second time.
        texture = gloo.Texture2D(shape=(config.height, config.width, 4), format="rgba", interpolation="nearest")
        self._copy, self._film_view = gloo.FrameBuffer(texture), View(Stage(config), follower)
        # Every scene and the letters once, so that no change in the show waits for the driver.
        self._pane.canvas.set_current()
        for view in (self._view, self._film_view):
            view.stage.warm_up(follower.positions_m)
        self._hud.draw(HudState(keys=ROWS, message="audio2pose"), *self._pane.size)
        # vsync sets the pace; this only holds back a driver that does not wait for it.
        self._least_s = 1.0 / (1.05 * max(self._pane.refresh_hz, config.fps))
        self._due_s = 0.0
        self._draw(0.0)

    def frame(self) -> bool:
        """Draw the pose for the moment at which it will be seen. False: the window was closed, or q or Esc pressed."""
        left_s = self._due_s - time.perf_counter()
        if left_s > 0.0:
            time.sleep(min(left_s, LONGEST_WAIT_S))
        now_s = time.perf_counter()
        self.late_frames += now_s - self._due_s > 3.0 * self._least_s and self.frames > 0
        self._due_s = max(self._due_s, now_s - self._least_s) + self._least_s
        if not self._pane.look():
            return False
        began_s = time.perf_counter()
        moment_s = self.follower.moment_s(began_s)
        shown = self.follower.look(moment_s)
        self._draw(moment_s if shown else 0.0)
        self.frame_ms.add(1e3 * (time.perf_counter() - began_s))
        self.frames += 1
        if shown and self._films.wants(moment_s):
            self._film(moment_s)
        self._pane.show()
        self._pace.mark(time.perf_counter())
        return True

    def _draw(self, moment_s: float) -> None:
        canvas = self._pane.canvas
        canvas.set_current()
        width, height = self._pane.size
        self._view.stage.resize(width, height)
        self._view.fade(self.blackout)
        self._view.draw(moment_s)
        state = self._figures()
        if state is not None:
            self._hud.draw(state, width, height)
        canvas.context.flush_commands()

    def _figures(self) -> HudState | None:
        """What stands over the picture; None where nothing does."""
        desk = self.desk
        if desk is None:
            return None
        keys = ROWS if self._helps else ()
        if not (desk.state["hud"] or keys) or (self.blackout and not keys):
            return None  # nor a note: an audience looks on
        f = self.follower
        heard, pose = f.heard, f.pose
        meter = int(heard["meter"])
        beat = int(np.floor(float(pose["beat"]) + 1e-6)) if np.isfinite(pose["beat"]) else 0
        segment = int(pose["segment"])
        return HudState(
            panel=bool(desk.state["hud"]),
            tempo_bpm=round(float(heard["tempo_bpm"]), 1),
            confidence=round(float(heard["confidence"]), 2),
            position=position_in_bar(beat, origin=int(heard["bar_origin"]), meter=meter),
            meter=meter,
            state=STATE_WORDS[int(heard["state"])],
            lock=desk.marks,
            level_db=round(_level_db(float(heard["peak"]))),
            gain_db=round(float(heard["gain_db"]), 1),
            fps=round(self._pace.fps),
            device=self._source.name or ("waiting for sound" if self._source.trouble else ""),
            style=self._styles[int(self._style_of[segment])] if 0 <= segment < self._style_of.shape[0] else "",
            scene=desk.name_of("scene"),
            palette=desk.name_of("palette"),
            dancers=len(f.poses),
            note=desk.message,
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

    def _key(self, name: str, how: str) -> None:
        again = how == HELD
        if self.desk is None:
            wish = QUIT if not again and BY_NAME[name].order == QUIT else ""
        else:
            heard = self.follower.heard
            wish = self.desk.press(name, again=again, tempo_bpm=float(heard["tempo_bpm"]), gain_db=float(heard["gain_db"]))
        if wish == QUIT:
            self._pane.closed = True
        elif wish == FULLSCREEN:
            self._pane.toggle_fullscreen()
        elif wish == HELP:
            self._helps = not self._helps

    def close(self) -> None:
        """Close the window."""
        self._pane.close()


def _level_db(peak: float) -> float:
    return max(20.0 * float(np.log10(peak)), LEVEL_FLOOR_DB) if peak > 0.0 else LEVEL_FLOOR_DB
