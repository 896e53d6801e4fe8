"""What several tests of this room share: real sound, the engine's thread around it, the command in a process of its own."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

from audio2pose.match.find import library
from audio2pose.media.decode import read_song
from audio2pose.motion.pose import POSE
from audio2pose.music.hops import Hopper
from audio2pose.performer import Performer
from audio2pose.presets import settings
from audio2pose.realtime.engine import Engine, Tap
from audio2pose.realtime.handoff import HopRing
from audio2pose.realtime.sources import FileSource, StreamClock


def song(testdata: Path, seconds: float) -> tuple[np.ndarray, int]:
    """The start of a real techno track."""
    return read_song(sorted((testdata / "music" / "kentacho").glob("*.ogg"))[0], end_s=seconds)


def performer(sample_rate_hz: int) -> Performer:
    """Ours, with the built-in library and default settings, every kernel compiled."""
    made = Performer(settings(environ={}), library(), sample_rate_hz)
    made.warm_up()
    return made


def danced(made: Performer, sound: np.ndarray, sample_rate_hz: int, block_frames: int) -> np.ndarray:
    """Every hop's pose of *made* on *sound*, fed in blocks without any thread."""
    made.reset()
    hopper, poses = Hopper(sample_rate_hz, made.hop_s), []
    for at in range(0, sound.shape[0], block_frames):
        poses += [made.process(hop).copy() for hop in hopper.feed(sound[at : at + block_frames])]
    return np.array(poses, POSE)


def danced_live(
    made: Performer,
    sound: np.ndarray,
    sample_rate_hz: int,
    *,
    speed: float,
    block_frames: int = 256,
    keep_beats: bool = True,
) -> tuple[np.ndarray, Engine, HopRing]:
    """The same through source, ring and engine thread, as a show does it."""
    made.reset()
    source = FileSource(sound, sample_rate_hz, speed=speed, block_frames=block_frames)
    ring, clock = HopRing(4 * sample_rate_hz), StreamClock()
    tap = Tap(round(sound.shape[0] / sample_rate_hz / made.hop_s) + 10)
    engine = Engine(made, source, ring, clock, tap=tap, keep_beats=keep_beats)
    source.start(ring, clock)
    stop = threading.Event()
    threads = [threading.Thread(target=body, args=(stop,)) for body in (engine.run, source.run)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    source.stop()
    return tap.poses, engine, ring


def live(*flags: str, display: str | None = None, largest_file_bytes: int = -1) -> subprocess.Popen[str]:
    """`audio2pose live` in a process of its own, on *display* or on none, perhaps with a limit to what files may hold."""
    environ = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    if display is not None:
        environ["DISPLAY"] = display
        environ.pop("EGL_PLATFORM", None)
    return subprocess.Popen(
        [sys.executable, "-m", "audio2pose", "live", *flags],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file_bytes, -1)),
        env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
