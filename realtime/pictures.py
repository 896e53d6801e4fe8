"""The stage without a window: pictures in memory, for a film, or to know that drawing works.

Shapes   picture: (H, W, 3) uint8.
Time     for a film picture n is for stream moment n / fps exactly, and pictures that would come late are left out; without one
         a picture is for the moment at which it is drawn.
Threads  main, which owns the GL context.
"""

from __future__ import annotations

import math
import time

from audio2pose.arrays import U8
from audio2pose.config import StageConfig
from audio2pose.stage.offscreen import Offscreen

from .films import Films
from .moment import Follower
from .screen import Pace, View
from .spread import Spread

LONGEST_WAIT_S = 0.020
"""The main thread looks after signals and trouble at least this often."""
UNSEEN_FPS = 5.0
"""Pictures that nobody sees and no film keeps: enough to know that drawing works."""


class Pictures:
    """Draws *fps* pictures a second of stream time; None: as many as a film wants, UNSEEN_FPS without one."""

    def __init__(self, config: StageConfig, follower: Follower, films: Films, fps: float | None = None) -> None:
        self.follower, self._films, self._asked_fps, self._stage_fps = follower, films, fps, config.fps
        self._offscreen = Offscreen(config)
        self._view = View(self._offscreen.stage, follower)
        self.frames = self.late_frames = 0
        self.frame_ms = Spread()
        self._pace = Pace()
        self.interval_ms = self._pace.interval_ms
        self.blackout = False
        self._next_s = self._next_wall_s = 0.0
        # Drawn once before the show: shaders and kernels are compiled here.
        with self._offscreen.target():
            self._view.stage.warm_up(follower.positions_m)
        self._picture(0.0)

    @property
    def fps(self) -> float:
        """Pictures a second at the moment."""
        if self._films.recording:
            return self._films.fps
        return self._asked_fps or min(self._stage_fps, UNSEEN_FPS)

    def frame(self) -> bool:
        """Wait for the next picture's moment, a little at most, and draw it if it has come."""
        now_s = time.perf_counter()
        moment_s, fps = self.follower.moment_s(now_s), self.fps
        if self._films.recording:
            # A film's pictures lie on its grid of stream time.
            due_s = math.ceil(self._next_s * fps - 1e-6) / fps
            left_s = due_s - moment_s
        else:
            # Others go on at the wall's pace, also while no sound comes.
            due_s = math.inf
            left_s = self._next_wall_s - now_s
        if left_s > 0.0:
            time.sleep(min(left_s, LONGEST_WAIT_S))
            return True
        behind = math.floor(-left_s * fps) if self.frames else 0
        if self._films.recording:
            moment_s = due_s + behind / fps
        if not self.follower.look(moment_s):
            time.sleep(0.001)
            return True
        self.late_frames += behind
        self._next_s = moment_s + 0.5 / fps
        self._next_wall_s = max(self._next_wall_s, now_s - 1.0 / fps) + 1.0 / fps
        picture = self._picture(moment_s)
        ended_s = time.perf_counter()
        self.frame_ms.add(1e3 * (ended_s - now_s))
        self._pace.mark(ended_s)
        self.frames += 1
        if self._films.wants(moment_s):
            self._films.offer(picture, moment_s)
        return True

    def _picture(self, moment_s: float) -> U8:
        self._view.fade(self.blackout)
        with self._offscreen.target():
            self._view.draw(moment_s)
            return self._offscreen.read()

    def set_palette(self, name: str) -> None:
        """From the next picture on."""
        self._view.stage.set_palette(name)

    def set_scene(self, name: str) -> None:
        """From the next picture on."""
        self._view.stage.set_scene(name)

    def close(self) -> None:
        """Give the picture's memory back."""
        self._offscreen.close()
