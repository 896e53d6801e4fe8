"""The live show: starts everything, draws, tells trouble, ends everything. The only place where threads are made.

Threads  main draws, writes events and watches; `engine`, `source`, `sender` and `recorder` each run one body.
Time     stream seconds, see sources.py; the engine dances as far ahead as the slowest way out needs.
Source   our own.
"""

from __future__ import annotations

import contextlib
import gc
import math
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from audio2pose.config import Settings
from audio2pose.errors import DeviceError, OutputError, UsageError
from audio2pose.match.index import IDLE, Library
from audio2pose.media.atomic import BesideFile
from audio2pose.performer import LEAD, Performer
from audio2pose.stage.palettes import PALETTES, palette
from audio2pose.stage.scenes import SCENES, scene
from audio2pose.terminal import say

from .broadcast import Broadcaster, Sender
from .control import Control
from .desk import Desk, Doors
from .engine import Engine, Tap
from .films import MAX_FPS, SOUND_S, Films
from .handoff import HopRing
from .log import LogHeader, LogQueue, LogWriter
from .moment import RUN_POSES, Follower, warm_up
from .options import Options
from .orders import info_packets
from .pictures import Pictures
from .process import Ending, ask_for_real_time, quick_switches
from .recorder import write_poses
from .replay import ReplayEars, Script, leads_s
from .screen import Screen
from .sources import Source, StreamClock
from .teller import Events, Teller
from .window import Window

RING_S = 4.0
TAP_S = 3 * 3600.0
OUTPUTS = ("recorder", "logger")
"""Threads that end after the sound has ended."""
SLACK_POSES = 12
"""Room in a run for a device whose sound comes later than it said, and for a late hop."""
SLOW_START_S = 2.0
MOST_LEAD_S = 1.0
MOST_LATENCY_S = 0.25
"""How far a screen's latency can be moved while the show runs; what it was at the start may lie beyond."""


class Show:
    """One show, from the first check to the summary. `run` may be called once. Threads: main."""

    def __init__(self, settings: Settings, library: Library, source: Source, options: Options) -> None:
        self._settings, self._source, self._options = settings, source, options
        hop_s = settings.hear.hop_s
        palette(settings.stage.palette)
        scene(settings.stage.scene)
        replay = options.replay
        if replay is not None:
            replay.must_fit(library, hop_s)
        ears = ReplayEars(replay) if replay is not None else None
        self._performer = Performer(settings, library, source.sample_rate_hz, ears)
        self._log = LogQueue() if options.log is not None else None
        self._clock = StreamClock()
        self._ring = HopRing(round(RING_S * source.sample_rate_hz))
        pose_files = [p for p in options.records if p.suffix.lower() != ".mp4"]
        films = [p for p in options.records if p.suffix.lower() == ".mp4"]
        if len(films) > 1:
            raise UsageError(f"{len(films)} films of one show, one was wanted: give --record one .mp4")
        self._pose_files = pose_files
        tap_s = min(options.duration_s, TAP_S)
        self._tap = Tap(math.ceil(tap_s / hop_s) + 100) if pose_files else None
        self._screen_latency_s = settings.stage.latency_s
        self._most_latency_s = max(MOST_LATENCY_S, self._screen_latency_s)
        least_s = min([0.0 if options.control or options.window else self._screen_latency_s, *self._target_latencies_s()])
        most_s = max([self._ahead_s(self._most_latency_s), *(leads_s(replay) if replay is not None else [])])
        run_poses = max(RUN_POSES, math.ceil((most_s - least_s) / hop_s) + SLACK_POSES)
        self._engine = Engine(
            self._performer, source, self._ring, self._clock, tap=self._tap, run_poses=run_poses,
            keep_beats=options.keep_beats or bool(pose_files), log=self._log,
            script=Script(replay) if replay is not None else None,
        )  # fmt: skip
        self._stop = threading.Event()
        self._stop_outputs = threading.Event()
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self._dead: set[str] = set()
        self._gone = False
        self._ending = Ending()
        self._film = films[0] if films else Path()
        self._screen: Screen | None = None
        self._control: Control | None = None
        self._logger: LogWriter | None = None
        self._hand = self._engine.hand()
        self._sound = self._engine.echo(round(SOUND_S * source.sample_rate_hz))
        with contextlib.ExitStack() as undo:
            # Whatever fails here is told before anything has begun, and leaves nothing behind.
            for path in pose_files:
                BesideFile(path).discard()
            styles = library.clip_style[library.segment_clip]
            senders = [Sender(t, self._engine.subscribe(), self._clock, styles) for t in options.targets]
            self._broadcaster = Broadcaster(senders)
            if options.control is not None:
                choices = {"style": library.styles, "palette": tuple(PALETTES), "scene": tuple(SCENES)}
                self._control = Control(options.control, self._engine.hand(), choices, options.echo)
                undo.callback(self._control.close)
            self._films = Films(
                films[0] if films else None, width=settings.stage.width, height=settings.stage.height,
                fps=min(settings.stage.fps, MAX_FPS), sample_rate_hz=source.sample_rate_hz, latency_s=self._most_latency_s,
            )  # fmt: skip
            undo.callback(self._films.abort)
            if options.log is not None:
                header = LogHeader(
                    settings=settings, library=library.name, checksum=library.checksum, sample_rate_hz=source.sample_rate_hz,
                    latency_s=settings.dance.latency_s,
                )  # fmt: skip
                self._logger = LogWriter(options.log, header)
                undo.callback(self._logger.abort)
            events = Events(options.events) if options.events is not None else None
            if events is not None:
                undo.callback(events.close)
            self._screen = self._open_screen(library)
            undo.callback(self._let_go)
            self._info = info_packets(library.styles, settings.group.dancers)
            self._desk = Desk(
                settings, library.styles, self._hand,
                Doors(latency=self._set_latency, record=self._record, info=lambda: self._info, echo=self._broadcaster.tell),
                self._engine.subscribe(),
                look=self._screen, control=self._control,
                dances=np.unique(library.clip_style[(library.clip_flags & IDLE) == 0]).tolist(),
            )  # fmt: skip
            if isinstance(self._screen, Window):
                self._screen.desk = self._desk
            self._teller = Teller(
                source=source, ring=self._ring, engine=self._engine, watch=self._engine.subscribe(), hop_s=hop_s, events=events,
                screen=self._screen, broadcaster=self._broadcaster, films=self._films, tap=self._tap, desk=self._desk,
                control=self._control, log=self._log, logger=self._logger,
            )  # fmt: skip
            self._teller.latency_s = self._screen_latency_s
            self._desk.state["record"] = float(self._films.recording)
            undo.pop_all()

    def _target_latencies_s(self) -> list[float]:
        return [target.latency_s for target in self._options.targets]

    def _ahead_s(self, screen_s: float | None = None) -> float:
        """How far ahead of a hop's end the dance must be, so that every way out finds its moment in the published run."""
        outs_s = [self._screen_latency_s if screen_s is None else screen_s, *self._target_latencies_s()]
        least_s = max(outs_s) + self._source.latency_s + 2.0 * self._performer.hop_s
        # In whole milliseconds, so that what is told of it makes the same dance again.
        return min(max(math.ceil(1e3 * least_s - 1e-6) / 1e3, self._settings.dance.latency_s), MOST_LEAD_S)

    def _set_latency(self, latency_s: float) -> float:
        """The screen is that slow from now on; returns what holds."""
        self._screen_latency_s = held_s = min(max(latency_s, 0.0), self._most_latency_s)
        if self._screen is not None:
            self._screen.follower.latency_s = held_s
        self._teller.latency_s = held_s
        self._follow_latency()
        return held_s

    def _follow_latency(self) -> None:
        """Lead by what screen, targets and input cost now: an input that came later may be a slower one."""
        ahead_s = self._ahead_s()
        if ahead_s == self._teller.ahead_s or self._options.replay is not None:  # a night again leads as it did
            return
        if self._hand.put(LEAD, 1e3 * ahead_s):
            self._teller.ahead_s = ahead_s

    def _record(self, on: bool) -> str:
        """Begin a film beside where the show was started, or end the one that runs; its path."""
        if on and self._screen is None:
            raise UsageError("nothing is drawn on this machine, there is nothing to film: install EGL or open a window")
        if on:
            self._film = Path(time.strftime("audio2pose-%Y%m%d-%H%M%S.mp4"))
            self._films.begin(self._film)
        else:
            self._films.end()
        return str(self._film)

    def _open_screen(self, library: Library) -> Screen | None:
        """The window; pictures in memory without one; nothing where neither can be had and nobody needs pictures."""
        o, stage = self._options, self._settings.stage
        follower = Follower(self._engine.subscribe(), self._clock, self._screen_latency_s)
        if o.window:
            try:
                return Window(
                    stage, follower, self._films, self._source, library, title=o.title, screen=o.screen,
                    fullscreen=o.fullscreen,
                )  # fmt: skip
            except DeviceError as error:
                if not o.leaves or o.screen is not None:
                    raise
                say(f"{error.parts[0]}; drawing offscreen")
        try:
            return Pictures(stage, follower, self._films, o.fps)
        except DeviceError:
            if self._films.recording:
                raise
            say("no offscreen drawing on this machine either; dancing without pictures")
            return None

    def run(self) -> dict[str, Any]:
        """Until the sound or the time is over, the window is closed, or a signal comes; returns the summary.

        What went wrong for good, a file that could not be written or a thread that died, stands in `failure` then.
        """
        try:
            with quick_switches(), self._ending.signals():
                self._warm_up()
                self._start()
                try:
                    self._main()
                finally:
                    # Whatever ended it: what was danced until then is not lost.
                    summary = self._end()
                if self._teller.unheard is not None:
                    raise self._teller.unheard
                return summary
        finally:
            self._stop.set()
            self._stop_outputs.set()
            for thread in self._threads:
                thread.join()
            # Nothing to do where they were closed.
            self._let_go()
            self._films.abort()
            if self._logger is not None:
                self._logger.abort()
            self._teller.close()
            if self._control is not None:
                self._control.close()
            gc.unfreeze()

    @property
    def failure(self) -> BaseException | None:
        """The first thing that went wrong for good."""
        return self._failures[0] if self._failures else None

    @property
    def written(self) -> list[str]:
        """Films and the log that this show has written."""
        log = [self._logger.path] if self._logger is not None and self._logger.failure is None else []
        return [str(path) for path in (*self._films.written, *log)]

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended the show."""
        return self._ending.asked > 0

    @property
    def beat_times_s(self) -> list[float]:
        """Beats as committed, stream seconds, where they are kept."""
        return self._engine.beat_times_s

    def _warm_up(self) -> None:
        patience = threading.Timer(SLOW_START_S, say, ["compiling for this machine, once; up to a minute"])
        patience.daemon = True
        patience.start()
        try:
            self._performer.warm_up()
            warm_up()
        finally:
            patience.cancel()
        gc.collect()
        gc.freeze()

    def _start(self) -> None:
        """The sound first: where it does not open, nothing has begun. It waits in the ring until the engine hears it."""
        self._source.start(self._ring, self._clock)
        self._run_thread("recorder", lambda: self._films.run(self._sound, self._stop_outputs))
        if self._options.targets:
            self._run_thread("sender", lambda: self._broadcaster.run(self._stop))
        if self._logger is not None and self._log is not None:
            logger, log = self._logger, self._log
            self._run_thread("logger", lambda: logger.run(log, self._stop_outputs))
        if self._control is not None:
            control = self._control
            self._run_thread("control", lambda: control.run(self._stop))
        # Only an open device knows how old its sound is; what comes before the engine runs waits in the ring.
        ahead_s = self._ahead_s()
        if self._options.replay is not None:
            ahead_s = leads_s(self._options.replay)[0]
        elif ahead_s > self._settings.dance.latency_s:
            self._performer.set_latency(ahead_s)
        if self._log is not None:
            self._log.put_latency(0, ahead_s)
        self._teller.ahead_s = ahead_s
        self._run_thread("engine", lambda: self._engine.run(self._stop), urgent=True)
        self._run_thread("source", lambda: self._source.run(self._stop), urgent=True)

    def _run_thread(self, name: str, body: Callable[[], None], *, urgent: bool = False) -> None:
        thread = threading.Thread(target=self._guarded, args=(body, urgent, name), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, body: Callable[[], None], urgent: bool, name: str) -> None:
        try:
            if urgent:
                ask_for_real_time()
            body()
        except BaseException as error:
            self._dead.add(name)
            self._failures.append(error)

    def _main(self) -> None:
        """Draw and tell until the end."""
        if isinstance(self._screen, Window):
            say("? shows the keys, q ends")
        self._teller.begin()
        while not (self._ending.asked or self._failures or self._over()):
            if self._screen is None:
                time.sleep(0.01)
            elif not self._screen.frame():
                break
            self._follow_latency()
            self._desk.hold("record", self._films.recording)
            self._desk.process(self._screen.follower if self._screen is not None else None)
            self._teller.process()
        self._teller.stop_drawing()

    def _over(self) -> bool:
        danced_s = self._engine.hops * self._performer.hop_s
        if danced_s >= self._options.duration_s:
            return True
        if self._teller.unheard is not None:
            return True
        return self._source.finished and self._ring.waiting_frames == 0

    def _end(self) -> dict[str, Any]:
        """Stop everything in the order of the sound, then write what is left and tell."""
        self._stop.set()
        for thread in self._threads:
            if thread.name not in OUTPUTS:
                thread.join()
        while "engine" not in self._dead and self._engine.pull():
            pass
        self._stop_outputs.set()
        for thread in self._threads:
            thread.join()
        self._let_go()
        summary = self._teller.end()
        if self._engine.hops or not self.interrupted:
            self._write_files(summary["seconds"])
        return summary

    def _let_go(self) -> None:
        """Give device, sockets and pictures back, once."""
        if self._gone:
            return
        self._gone = True
        self._source.stop()
        self._broadcaster.close()
        if self._screen is not None:
            self._screen.close()

    def _write_files(self, seconds: float) -> None:
        for path in self._pose_files:
            assert self._tap is not None
            try:
                write_poses(
                    path, self._tap.poses, hop_s=self._performer.hop_s, seconds=seconds,
                    beat_times_s=self._engine.beat_times_s, beat_positions=self._engine.beat_positions,
                    segments=self._teller.segments,
                )  # fmt: skip
            except OutputError as error:
                self._failures.append(error)
        if self._films.failure is not None:
            self._failures.append(self._films.failure)
        if self._logger is not None and self._logger.failure is not None:
            self._failures.append(self._logger.failure)
        if self._teller.failure is not None:
            self._failures.append(self._teller.failure)
