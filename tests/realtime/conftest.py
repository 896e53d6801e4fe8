"""A real microphone without hardware: a private PulseAudio daemon that PortAudio records from through ALSA.

What is played into its null sink comes out of the sink's monitor, which is the only input. Nothing of the machine's own
sound system is touched: sockets, settings and cookie lie in a folder of their own, and only processes started here are
ended, by their ids.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

PROGRAMS = ("pulseaudio", "pactl", "pacat", "parec")
ALSA_PLUGINS = ("/usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so", "/usr/lib*/alsa-lib/libasound_module_pcm_pulse.so")
ALSA_BASE = Path("/usr/share/alsa/alsa.conf")
RATE_HZ = 48_000


class Room:
    """The daemon, with one input ('stage_mic', and 'house_monitor' by a name that marks a loopback)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "native"
        self._daemon: subprocess.Popen[bytes] | None = None
        self._players: list[subprocess.Popen[bytes]] = []
        (folder / "room.pa").write_text(
            f"load-module module-native-protocol-unix auth-anonymous=1 socket={self._socket}\n"
            f"load-module module-null-sink sink_name=room rate={RATE_HZ} format=float32le channels=2\n"
            "set-default-sink room\nset-default-source room.monitor\n"
        )
        names = ("stage_mic", "house_monitor")
        (folder / "asound.conf").write_text(
            "".join(f"pcm.{name} {{ type pulse\n device room.monitor }}\n" for name in names)
            + "pcm.!default { type pulse }\nctl.!default { type pulse }\n"
        )
        self.environment = {
            "ALSA_CONFIG_PATH": f"{ALSA_BASE}:{folder}/asound.conf",
            "PULSE_SERVER": f"unix:{self._socket}",
            "PULSE_RUNTIME_PATH": str(folder),
            "PULSE_STATE_PATH": str(folder),
            "PULSE_COOKIE": str(folder / "cookie"),
        }

    def open(self) -> None:
        """Start the daemon, and a silent player: an idle null sink delivers late and tells wrong times."""
        command = ["pulseaudio", "-n", f"--file={self._folder}/room.pa", "--daemonize=no", "--exit-idle-time=-1"]
        with (self._folder / "log").open("wb") as log:
            self._daemon = subprocess.Popen(
                [*command, "--use-pid-file=no", "--realtime=no", "--high-priority=no"], stdout=log, stderr=log
            )
        deadline_s = time.monotonic() + 10.0
        while subprocess.run(["pactl", "info"], capture_output=True).returncode != 0:
            if time.monotonic() > deadline_s or self._daemon.poll() is not None:
                pytest.fail(f"PulseAudio did not start: {(self._folder / 'log').read_text()}")
            time.sleep(0.05)
        self._play(["/dev/zero"], latency_ms=50)
        deadline_s = time.monotonic() + 10.0
        while b"RUNNING" not in subprocess.run(["pactl", "list", "short", "sinks"], capture_output=True).stdout:
            assert time.monotonic() < deadline_s, "the silent player plays nothing"
            time.sleep(0.05)

    def play(self, samples: NDArray[np.float32], rate_hz: int = RATE_HZ) -> None:
        """Play (N, 2); comes back at once."""
        path = self._folder / f"play{len(self._players)}.raw"
        path.write_bytes(np.ascontiguousarray(samples, "<f4").tobytes())
        self._play(["--raw", str(path)], rate_hz)

    def play_on(self, samples: NDArray[np.float32], rate_hz: int = RATE_HZ) -> None:
        """Play (N, 2) over and over until the room closes; comes back at once."""
        path = self._folder / "over_and_over.raw"
        path.write_bytes(np.ascontiguousarray(samples, "<f4").tobytes())
        again = subprocess.Popen(["sh", "-c", 'while cat "$0"; do :; done', str(path)], stdout=subprocess.PIPE)
        self._players.append(again)
        self._play(["--raw"], rate_hz, stdin=again.stdout)
        assert again.stdout is not None
        again.stdout.close()  # the player's end alone holds it: when the player ends, so does `cat`

    def _play(self, what: list[str], rate_hz: int = RATE_HZ, *, latency_ms: int = 500, stdin: Any = None) -> None:
        # A long buffer, so that a busy machine leaves no hole in what is played; a short one keeps the sink awake.
        form = ["--format=float32le", f"--rate={rate_hz}", "--channels=2", f"--latency-msec={latency_ms}"]
        self._players.append(
            subprocess.Popen(
                ["pacat", "--playback", *form, *what], stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        )

    def freeze(self) -> None:
        """The sound server hangs: streams stay open and nothing comes any more."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """The sound server dies at once, without a word to anybody."""
        assert self._daemon is not None
        self._daemon.kill()
        self.close()

    def close(self) -> None:
        """The sound server ends, as do its players."""
        processes = [*self._players, *([self._daemon] if self._daemon else [])]
        for process in processes:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in processes:
            try:
                process.wait(5.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._players, self._daemon = [], None


@contextlib.contextmanager
def _environment(changed: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@pytest.fixture(scope="module")
def room(need: Callable[[bool, str], None]) -> Iterator[Room]:
    """The open room; PortAudio sees its inputs and nothing else."""
    need(all(shutil.which(p) for p in PROGRAMS), "no PulseAudio: apt-get install pulseaudio pulseaudio-utils")
    need(
        ALSA_BASE.is_file() and any(any(Path("/").glob(p[1:])) for p in ALSA_PLUGINS),
        "no PulseAudio plugin of ALSA: apt-get install libasound2-plugins",
    )
    from audio2pose.realtime import devices

    folder = Path(tempfile.mkdtemp(prefix="room"))  # tmp_path is too long for the name of a socket
    made = Room(folder)
    try:
        with _environment(made.environment):
            made.open()
            devices.rescan()
            yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
        devices.rescan()


@pytest.fixture
def no_sound(tmp_path: Path) -> Iterator[None]:
    """A machine without any sound input: no card, and no sound server that answers."""
    from audio2pose.realtime import devices

    with _environment({"ALSA_CONFIG_PATH": str(ALSA_BASE), "PULSE_SERVER": f"unix:{tmp_path}/none"}):
        devices.rescan()
        if devices.inputs():
            pytest.skip("this machine has a sound card, so that what happens without one cannot be seen")
        yield
    devices.rescan()


@pytest.fixture(scope="module")
def display(need: Callable[[bool, str], None]) -> Iterator[str]:
    """A screen of 800x600 in memory."""
    need(shutil.which("Xvfb") is not None, "Xvfb is missing")
    need(shutil.which("xdotool") is not None, "xdotool is missing")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[write], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as told:
        number = told.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait(10)


class Hand:
    """Presses keys in windows of a display, as people do."""

    def __init__(self, display: str) -> None:
        self._display = display

    def __call__(self, *words: str) -> str:
        environ = {**os.environ, "DISPLAY": self._display}
        return subprocess.run(["xdotool", *words], env=environ, capture_output=True, text=True, timeout=10).stdout.strip()

    def wait_for_window(self, title: str, show: subprocess.Popen[str]) -> str:
        """Its number, once it can be seen."""
        until_s = time.monotonic() + 20.0
        while time.monotonic() < until_s and show.poll() is None:
            found = self("search", "--onlyvisible", "--name", title)
            if found:
                return found.splitlines()[-1]
            time.sleep(0.1)
        raise AssertionError(show.communicate())


@pytest.fixture
def xdotool(display: str) -> Hand:
    """A hand on the keys."""
    return Hand(display)
