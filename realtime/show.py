"""The live show: starts everything, draws, tells trouble, ends everything. The only place where threads are made.

Threads  main draws, writes events and watches; `engine`, `source`, `sender` and `recorder` each run one body.
Time     stream seconds, see sources.py; the engine dances as far ahead as the slowest way out needs.
Source   our own.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from audio2pose.config import Settings
from audio2pose.errors import DeviceError, OutputError, UsageError
from audio2pose.match.index import Library
from audio2pose.media.atomic import output_error
from audio2pose.music.heard import STATE_NAMES
from audio2pose.performer import Performer
from audio2pose.terminal import say

from .broadcast import Broadcaster, Sender, Target
from .engine import Engine, Tap
from .handoff import HopRing
from .moment import RUN_POSES, Follower
from .recorder import SOUND_S, Recorder, write_poses
from .report import rss_mib
from .sources import Source, StreamClock
from .window import Pictures, Screen, Window

SWITCH_S = 0.0005
"""With Python's own 5 ms a busy main thread makes hops 119 ms late (p99), with this 5 ms."""
RING_S = 4.0
TAP_S = 3 * 3600.0
SLACK_POSES = 12
"""Room in a run for a device whose sound comes later than it said, and for a late hop."""
SLOW_START_S = 2.0
TELL_S = 1.0
REAL_TIME_PRIORITY = 10
UNSAID = ("late_hops", "late_frames", "late_blocks", "silent_blocks")
"""Trouble that goes into the events alone: one is no reason to look away from the dancer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for, beside the engine's own settings."""

    targets: tuple[Target, ...] = ()
    window: bool = True
    screen: int | None = None
    fullscreen: bool = False
    title: str = "audio2pose"
    latency_s: float = 0.030
    duration_s: float = math.inf
    records: tuple[Path, ...] = ()
    events: str | None = None  # a path, or "-" for stdout

    @property
    def leaves(self) -> bool:
        """Whether anything leaves the process without a window."""
        return bool(self.targets or self.records or self.events) or math.isfinite(self.duration_s)


class Show:
    """One show, from the first check to the summary. `run` may be called once. Threads: main."""

    def __init__(self, settings: Settings, library: Library, source: Source, options: Options) -> None:
        self._settings, self._source, self._options = settings, source, options
        hop_s = settings.hear.hop_s
        self._performer = Performer(settings, library, source.sample_rate_hz)
        self._clock = StreamClock()
        self._ring = HopRing(round(RING_S * source.sample_rate_hz))
        pose_files = [p for p in options.records if p.suffix.lower() != ".mp4"]
        films = [p for p in options.records if p.suffix.lower() == ".mp4"]
        if len(films) > 1:
            raise UsageError(f"{len(films)} films of one show, one was wanted: give --record one .mp4")
        self._pose_files = pose_files
        tap_s = options.duration_s if math.isfinite(options.duration_s) else TAP_S
        self._tap = Tap(math.ceil(tap_s / hop_s) + 100) if pose_files else None
        outs_s = [options.latency_s, *(t.latency_s for t in options.targets)]
        run_poses = max(RUN_POSES, math.ceil((self._ahead_s() - min(outs_s)) / hop_s) + SLACK_POSES)
        self._engine = Engine(self._performer, source, self._ring, self._clock, tap=self._tap, run_poses=run_poses)
        self._stop = threading.Event()
        self._stop_recorder = threading.Event()
        self._threads: list[threading.Thread] = []
        self._failures: list[BaseException] = []
        self._asked = 0
        self._told: dict[str, int] = {}
        self._beats: list[dict[str, Any]] = []
        self._segments: list[dict[str, Any]] = []
        self._events: TextIO | None = None
        self._recorder: Recorder | None = None
        self._screen: Screen | None = None
        with contextlib.ExitStack() as undo:
            # Whatever fails here is told before anything has begun, and leaves nothing behind.
            styles = library.clip_style[library.segment_clip]
            senders = [Sender(t, self._engine.subscribe(), self._clock, styles) for t in options.targets]
            self._broadcaster = Broadcaster(senders) if senders else None
            if films:
                self._recorder = Recorder(
                    films[0], width=settings.stage.width, height=settings.stage.height, fps=settings.stage.fps,
                    sample_rate_hz=source.sample_rate_hz, latency_s=options.latency_s,
                )  # fmt: skip
                undo.callback(self._recorder.abort)
                self._sound = self._engine.echo(round(SOUND_S * source.sample_rate_hz))
            self._events = self._open_events()
            self._screen = self._open_screen()
            self._watch = self._engine.subscribe()
            undo.pop_all()

    def _ahead_s(self) -> float:
        """How far ahead of a hop's end the dance must be, so that every way out finds its moment in the published run."""
        outs_s = [self._options.latency_s, *(t.latency_s for t in self._options.targets)]
        return max(max(outs_s) + self._source.latency_s + 2.0 * self._performer.hop_s, self._settings.dance.latency_s)

    def _open_events(self) -> TextIO | None:
        where = self._options.events
        if where is None or where == "-":
            return sys.stdout if where else None
        try:
            return open(where, "w", encoding="utf-8")  # closed in _end
        except OSError as error:
            raise output_error(where, error) from error

    def _open_screen(self) -> Screen | None:
        """The window; pictures in memory without one; nothing where neither can be had and nobody needs pictures."""
        o, stage = self._options, self._settings.stage
        follower = Follower(self._engine.subscribe(), self._clock, o.latency_s)
        if o.window:
            try:
                return Window(stage, follower, self._recorder, title=o.title, screen=o.screen, fullscreen=o.fullscreen)
            except DeviceError as error:
                if not o.leaves or o.screen is not None:
                    raise
                say(f"{str(error).rpartition(': ')[0]}; drawing offscreen")
        try:
            return Pictures(stage, follower, self._recorder)
        except DeviceError:
            if self._recorder is not None:
                raise
            say("no offscreen drawing on this machine either; dancing without pictures")
            return None

    def run(self) -> dict[str, Any]:
        """Until the sound or the time is over, the window is closed, or a signal comes; returns the summary.

        What went wrong for good, a file that could not be written or a thread that died, stands in `failure` then.
        """
        interval_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        try:
            with self._signals():
                self._warm_up()
                self._start()
                self._main()
                return self._end()
        finally:
            self._stop.set()
            self._stop_recorder.set()
            for thread in self._threads:
                thread.join()
            if self._recorder is not None:
                self._recorder.abort()  # nothing to do where it was closed
            sys.setswitchinterval(interval_s)
            gc.unfreeze()

    @property
    def failure(self) -> BaseException | None:
        """The first thing that went wrong for good."""
        return self._failures[0] if self._failures else None

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended the show."""
        return self._asked > 0

    @property
    def beat_times_s(self) -> list[float]:
        """Beats as committed, stream seconds."""
        return self._engine.beat_times_s

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Ctrl-C and SIGTERM end the show in order; a second one ends it hard."""

        def ask(number: int, frame: object) -> None:
            self._asked = number
            signal.signal(number, before[number])

        before: dict[int, Any] = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        if threading.current_thread() is threading.main_thread():
            for n in before:
                signal.signal(n, ask)
        try:
            yield
        finally:
            if threading.current_thread() is threading.main_thread():
                for n, handler in before.items():
                    signal.signal(n, handler)

    def _warm_up(self) -> None:
        patience = threading.Timer(SLOW_START_S, say, ["compiling for this machine, once; up to a minute"])
        patience.daemon = True
        patience.start()
        try:
            self._performer.warm_up()
            Follower(self._watch, self._clock, 0.0)
        finally:
            patience.cancel()
        gc.collect()
        gc.freeze()

    def _start(self) -> None:
        """Outputs first, then the sound, then who hears it."""
        if self._recorder is not None:
            recorder = self._recorder
            self._run_thread("recorder", lambda: recorder.run(self._sound, self._stop_recorder))
        if self._broadcaster is not None:
            broadcaster = self._broadcaster
            self._run_thread("sender", lambda: broadcaster.run(self._stop))
        self._source.start(self._ring, self._clock)
        # Only an open device knows how old its sound is; what comes before the engine runs waits in the ring.
        if self._ahead_s() > self._settings.dance.latency_s:
            self._performer.set_latency(self._ahead_s())
        self._run_thread("engine", lambda: self._engine.run(self._stop), urgent=True)
        self._run_thread("source", lambda: self._source.run(self._stop), urgent=True)

    def _run_thread(self, name: str, body: Callable[[], None], *, urgent: bool = False) -> None:
        thread = threading.Thread(target=self._guarded, args=(body, urgent), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _guarded(self, body: Callable[[], None], urgent: bool) -> None:
        try:
            if urgent:
                _ask_for_real_time()
            body()
        except BaseException as error:
            self._failures.append(error)

    def _main(self) -> None:
        """Draw until the end; events as they come, trouble once a second."""
        self._began_s = time.perf_counter()
        told_s = self._began_s
        while not (self._asked or self._failures or self._over()):
            if self._screen is None:
                time.sleep(0.01)
            elif not self._screen.frame():
                break
            self._drain()
            if time.perf_counter() - told_s >= TELL_S:
                told_s += TELL_S
                self._tell()

    def _over(self) -> bool:
        danced_s = self._engine.hops * self._performer.hop_s
        if danced_s >= self._options.duration_s:
            return True
        return self._source.finished and self._ring.waiting_frames == 0

    def _end(self) -> dict[str, Any]:
        """Stop everything in the order of the sound, then write what is left and tell."""
        drawn_s = time.perf_counter() - self._began_s
        self._stop.set()
        for thread in self._threads:
            if thread.name != "recorder":
                thread.join()
        self._source.stop()
        while self._engine.pull():
            pass
        self._stop_recorder.set()
        for thread in self._threads:
            thread.join()
        if self._broadcaster is not None:
            self._broadcaster.close()
        if self._screen is not None:
            self._screen.close()
        self._drain()
        self._tell()
        summary = self._summary(drawn_s)
        self._put({"t": summary["seconds"], "event": "summary", **summary})
        if self._events is not None and self._events is not sys.stdout:
            self._events.close()
        if self._engine.hops or not self.interrupted:
            self._write_files(summary["seconds"])
        return summary

    def _write_files(self, seconds: float) -> None:
        for path in self._pose_files:
            assert self._tap is not None
            try:
                write_poses(
                    path, self._tap.poses, hop_s=self._performer.hop_s, seconds=seconds, beats=self._beats,
                    segments=self._segments,
                )  # fmt: skip
            except OutputError as error:
                self._failures.append(error)
        if self._recorder is not None and self._recorder.failure is not None:
            self._failures.append(self._recorder.failure)

    def _drain(self) -> None:
        """Write what the engine told since."""
        events = self._engine.events
        while events:
            event = events.popleft()
            if self._pose_files and event["event"] in ("beat", "segment"):
                (self._beats if event["event"] == "beat" else self._segments).append(event)
            self._put(event)

    def _put(self, event: Mapping[str, Any]) -> None:
        if self._events is None:
            return
        try:
            self._events.write(json.dumps(event, allow_nan=False) + "\n")
            self._events.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            self._events = None
            self._failures.append(output_error(str(self._options.events), error))

    def _counters(self) -> dict[str, int]:
        """Everything that goes wrong without ending a show, so far."""
        counts = dict(self._source.counters)
        counts["dropped_hops"] = self._dropped_hops()
        counts["late_hops"] = self._engine.late_hops
        counts["lost_events"] = self._engine.lost_events
        if self._broadcaster is not None:
            counts["send_errors"] = self._broadcaster.errors
        if self._screen is not None:
            counts["late_frames"] = self._screen.late_frames
        if self._recorder is not None:
            counts["pictures_not_recorded"] = self._recorder.skipped
            counts["recording_failed"] = int(self._recorder.failure is not None)
        if self._tap is not None:
            counts["poses_not_recorded"] = self._tap.missed
        return counts

    def _dropped_hops(self) -> int:
        return math.ceil(self._ring.dropped_frames / (self._performer.hop_s * self._source.sample_rate_hz))

    def _tell(self) -> None:
        t = round(self._engine.hops * self._performer.hop_s, 3)
        for what, count in self._counters().items():
            if count > self._told.get(what, 0):
                self._put({"t": t, "event": "trouble", "what": what, "count": count})
                if what not in UNSAID:
                    words = self._source.trouble if what in self._source.counters else ""
                    say(f"trouble: {words or what.replace('_', ' ') + f', {count} so far'}")
                self._told[what] = count
        moment = self._watch.read()
        if moment is None:
            return
        heard = moment["heard"]
        told = self._summary(time.perf_counter() - self._began_s)
        keys = ("beats", "segments", "frames", "fps", "hop_ms", "lateness_ms", "frame_ms", "dropped_hops", "packets", "rss_mib")
        self._put({
            "t": t, "event": "status", "state": STATE_NAMES[int(heard["state"])],
            "tempo_bpm": round(float(heard["tempo_bpm"]), 2), "confidence": round(float(heard["confidence"]), 3),
            **{key: told[key] for key in keys},
        })  # fmt: skip

    def _summary(self, drawn_s: float) -> dict[str, Any]:
        engine, screen = self._engine, self._screen
        frames = screen.frames if screen is not None else 0
        none = {"p50": None, "p99": None, "max": None}
        counters = self._source.counters
        return {
            "schema": 1,
            "seconds": round(engine.hops * self._performer.hop_s, 3),
            "beats": engine.beats,
            "tempo_bpm": round(engine.tempo_bpm, 2),
            "first_lock_s": engine.first_lock_s,
            "segments": engine.segments,
            "frames": frames,
            "fps": round(frames / drawn_s, 2) if drawn_s > 0.0 else 0.0,
            "hop_ms": engine.hop_ms.told(),
            "lateness_ms": engine.lateness_ms.told(),
            "frame_ms": screen.frame_ms.told() if screen is not None else none,
            "callback_ms": self._source.callback_ms.told(),
            "latency_ms": {
                "input": round(1e3 * self._source.latency_s, 2),
                "output": round(1e3 * self._options.latency_s, 2),
            },
            "dropped_hops": self._dropped_hops(),
            "overflows": counters.get("overflows", 0),
            "device_losses": counters.get("device_losses", 0),
            "packets": self._broadcaster.packets if self._broadcaster is not None else {},
            "rss_mib": rss_mib(),
        }


def _ask_for_real_time() -> None:
    """Priority over everything else for the calling thread, where the system grants it: p99 lateness falls tenfold."""
    if not hasattr(os, "sched_setscheduler"):
        return
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(REAL_TIME_PRIORITY))
