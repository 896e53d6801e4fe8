# ruff: noqa: PLC0415
"""What works on this machine: every part is tried, not looked up, and what is missing is told with what to install.

Shapes   none; a `Check` is one line.
Threads  main only.
Source   our own. A check imports what it tries, so that a missing part costs one line and not the command.
"""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from audio2pose import __version__
from audio2pose.errors import Audio2PoseError
from audio2pose.terminal import emit_json

from . import surroundings
from .surroundings import MISSING, NOTE, OK, Found

PACKAGES = ("numpy", "numba", "av", "vispy", "glfw", "sounddevice", "python-osc", "librosa")
DECODERS = ("pcm_s16le", "flac", "vorbis", "mp3", "aac", "opus")
SHOW_ONLY = ("inputs", "level", "display", "osc")
"""What a song that is danced into a video does without."""
TRIAL_S = 2.0
TRIAL_FPS = 15


@dataclass(frozen=True, slots=True)
class Check:
    """What one try found. Where a vital one is missing the show can not run; what is merely not there is a note."""

    name: str
    state: str
    found: str
    install: str = ""
    vital: bool = False


class Doctor:
    """Runs the checks in order; later ones use what earlier ones made."""

    def __init__(self) -> None:
        self._library: Any = None
        self._poses: list[Any] = []
        self.checks: tuple[tuple[str, bool, Callable[[], Found]], ...] = (
            ("python", True, _python),
            ("packages", True, _packages),
            ("library", True, self._open_library),
            ("kernels", True, self._kernels),
            ("dance", True, self._dance),
            ("picture", True, _picture),
            ("codecs", True, _codecs),
            ("video", True, self._video),
            ("inputs", True, surroundings.inputs),
            ("level", True, surroundings.level),
            ("display", True, surroundings.display),
            ("osc", True, surroundings.osc),
        )

    def examine(self, told: Callable[[Check], None] | None = None) -> list[Check]:
        """Every check, each given to *told* when it is done."""
        out = []
        for name, vital, attempt in self.checks:
            check = _tried(name, vital, attempt)
            out.append(check)
            if told is not None:
                told(check)
        return out

    def _open_library(self) -> Found:
        from audio2pose.match.find import library

        began_s = time.perf_counter()
        self._library = found = library()
        took_s = time.perf_counter() - began_s
        if found.segments < 1:
            return MISSING, f"'{found.name}' holds no segment", "reinstall audio2pose"
        what = f"'{found.name}', {len(found.clip_names)} clips in {len(found.styles)} styles, {found.segments} segments"
        return OK, f"{what}, checksum {found.checksum[:12]}, opened in {took_s:.2f} s", ""

    def _performer(self, sample_rate_hz: int) -> Any:
        from audio2pose.performer import Performer
        from audio2pose.presets import settings

        return Performer(settings(), self._library, sample_rate_hz)

    def _kernels(self) -> Found:
        began_s = time.perf_counter()
        self._performer(44_100).warm_up()
        took_s = time.perf_counter() - began_s
        cached, compiled = _kernel_counts()
        how = f"{cached} from the cache, {compiled} compiled, ready in {took_s:.1f} s"
        if compiled == 0:
            return OK, how, ""
        cached_next = "the next start will be quicker, else make the package's folder or NUMBA_CACHE_DIR writable"
        return NOTE, how, cached_next

    def _dance(self) -> Found:
        import numpy as np

        from audio2pose.media.demo_song import demo_song
        from audio2pose.music.hops import Hopper

        song = demo_song()
        performer = self._performer(song.sample_rate_hz)
        performer.warm_up()
        hopper = Hopper(song.sample_rate_hz, performer.hop_s)
        began_s = time.perf_counter()
        sound = song.samples[: round(TRIAL_S * song.sample_rate_hz)]
        self._poses = [performer.process(hop).copy() for hop in hopper.feed(sound)]
        took_s = time.perf_counter() - began_s
        if not all(np.isfinite(p["root_m"]).all() and np.isfinite(p["rotations"]).all() for p in self._poses):
            return MISSING, "the poses are not finite", "send us what --json prints"
        rate = TRIAL_S / took_s
        if rate < 2.0:
            return NOTE, f"{TRIAL_S:g} s of music danced at {rate:.1f} times real time", "close what else is running"
        return OK, f"{TRIAL_S:g} s of music danced at {rate:.0f} times real time", ""

    def _video(self) -> Found:
        from audio2pose.config import StageConfig
        from audio2pose.media.decode import read_song
        from audio2pose.media.demo_song import demo_song
        from audio2pose.media.encode import Mp4Writer
        from audio2pose.motion.kinematics import Skeleton
        from audio2pose.stage.offscreen import Offscreen

        song, skeleton = demo_song(), Skeleton()
        view, began_s = Offscreen(StageConfig(width=320, height=180)), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "trial.mp4"
            with Mp4Writer(path, width=320, height=180, fps=TRIAL_FPS, sample_rate_hz=song.sample_rate_hz) as writer:
                for k in range(round(TRIAL_S * TRIAL_FPS)):
                    t_s = k / TRIAL_FPS
                    pose = self._poses[min(round(t_s * len(self._poses) / TRIAL_S), len(self._poses) - 1)]
                    joints = skeleton.process(pose["root_m"], pose["rotations"])
                    picture = view.picture(joints[None], t_s=t_s, beat=float(pose["beat"]), energy=0.5)
                    writer.write_picture(picture)
                writer.write_sound(song.samples[: round(TRIAL_S * song.sample_rate_hz)])
            kib = path.stat().st_size / 1024
            sound, rate_hz = read_song(path)
        view.close()
        took_s = time.perf_counter() - began_s
        heard_s = sound.shape[0] / rate_hz
        if abs(heard_s - TRIAL_S) > 0.1:
            return MISSING, f"a video of {TRIAL_S:g} s came back as {heard_s:.2f} s", "pip install --upgrade av"
        return OK, f"{TRIAL_S:g} s danced, drawn offscreen and written with sound ({kib:.0f} KiB) in {took_s:.1f} s", ""


def _tried(name: str, vital: bool, attempt: Callable[[], Found]) -> Check:
    """One check; whatever it meets becomes words."""
    try:
        return Check(name, *attempt(), vital=vital)
    except ModuleNotFoundError as error:
        return Check(name, MISSING, f"no module {error.name}", "pip install audio2pose", vital)
    except Audio2PoseError as error:
        what, then = error.parts
        return Check(name, MISSING, what or then, then if what else "", vital)
    except Exception as error:
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return Check(name, MISSING, what, "see the lines above; if they are ok, send us what --json prints", vital)


def _python() -> Found:
    what = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    if [int(part) for part in platform.python_version_tuple()[:2]] < [3, 11]:
        return MISSING, what, "python 3.11 or later"
    return OK, what, ""


def _packages() -> Found:
    there, absent = [f"audio2pose {__version__}"], []
    for name in PACKAGES:
        try:
            there.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            absent.append(name)
    if absent:
        return MISSING, f"not installed: {', '.join(absent)}", f"pip install {' '.join(absent)}"
    return OK, ", ".join(there), ""


def _kernel_counts() -> tuple[int, int]:
    """How many of our kernels' signatures came from numba's cache, and how many were compiled."""
    from numba.core.registry import CPUDispatcher

    kernels = {
        id(thing): thing
        for name, module in list(sys.modules.items())
        if name.startswith("audio2pose.")
        for thing in vars(module).values()
        if isinstance(thing, CPUDispatcher)
    }
    cached = sum(sum(k.stats.cache_hits.values()) for k in kernels.values())
    return cached, sum(len(k.signatures) for k in kernels.values()) - cached


def _picture() -> Found:
    from vispy.gloo import gl

    from audio2pose.config import StageConfig
    from audio2pose.motion.kinematics import Skeleton
    from audio2pose.motion.pose import rest_pose
    from audio2pose.stage.offscreen import Offscreen

    pose = rest_pose()
    joints = Skeleton().process(pose["root_m"], pose["rotations"])
    view = Offscreen(StageConfig(width=320, height=180))
    drawn = view.picture(joints[None], t_s=0.0, beat=0.0, energy=0.5)
    renderer = str(gl.glGetParameter(gl.GL_RENDERER))
    spread = float(drawn.std())
    view.close()
    if spread < 1.0:
        return MISSING, f"{renderer} draws an empty picture", "another graphics driver (libgl1-mesa-dri draws without one)"
    return OK, f"drawn offscreen by {renderer}", ""


def _codecs() -> Found:
    import av

    def there(name: str, mode: Literal["r", "w"]) -> bool:
        try:
            av.codec.Codec(name, mode)
        except av.codec.codec.UnknownCodecError:
            return False
        return True

    lacking = [f"encoder {n}" for n in ("h264", "aac") if not there(n, "w")]
    lacking += [f"decoder {n}" for n in DECODERS if not there(n, "r")]
    if lacking:
        return MISSING, f"PyAV {av.__version__} without {', '.join(lacking)}", "pip install --force-reinstall av"
    encoder = av.codec.Codec("h264", "w").name
    return OK, f"PyAV {av.__version__} writes {encoder} and aac, reads {', '.join(DECODERS)}", ""


def add_arguments(parser: ArgumentParser) -> None:
    """What `audio2pose doctor` takes."""
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def run(args: Namespace) -> int:
    """Try everything; 0 when the show can run here, 3 when it can not."""
    checks = Doctor().examine(None if args.json else _tell)
    missing = [c.name for c in checks if c.vital and c.state == MISSING]
    if args.json:
        emit_json({"schema": 1, "ready": not missing, "checks": [dataclasses.asdict(c) for c in checks]})
    else:
        print(verdict(missing))  # noqa: T201
    return 3 if missing else 0


def verdict(missing: Sequence[str]) -> str:
    """What can be done here without *missing*, in a line."""
    if not missing:
        return "a song can be danced here, and the show can run"
    song = "can" if set(missing) <= set(SHOW_ONLY) else "can not"
    return f"a song {song} be danced into a video here; the show can not run yet: {', '.join(missing)}"


def _tell(check: Check) -> None:
    print(f"  {check.state:8s} {check.name:9s} {check.found}", flush=True)  # noqa: T201
    if check.install:
        print(f"  {'':18s} -> {check.install}", flush=True)  # noqa: T201
