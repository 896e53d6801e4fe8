"""A command that is ended from outside ends as by Ctrl-C, and nothing half-written is left."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-m", "audio2pose"]


def _ended(out: Path, words: list[str], number: signal.Signals) -> subprocess.CompletedProcess[str]:
    """Run *words* until pictures are written beside *out*, then end them by *number*."""
    process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until_s = time.monotonic() + 60.0
    while not any(p.stat().st_size > 0 for p in out.parent.glob(".*.part.mp4")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until_s
        time.sleep(0.02)
    process.send_signal(number)
    told, err = process.communicate(timeout=30)
    return subprocess.CompletedProcess(words, process.returncode, told, err)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_render_leaves_nothing_when_it_is_ended(demo: Path, tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "a.mp4"
    done = _ended(out, ["render", str(demo), "--size", "1920x1080", "-o", str(out)], number)
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines()[-1] == "audio2pose: interrupted"
    assert not list(tmp_path.iterdir())


def test_draw_leaves_nothing_when_it_is_ended(demo: Path, tmp_path: Path, command: Callable[..., tuple[int, str, str]]) -> None:
    poses, folder = tmp_path / "a.npz", tmp_path / "film"
    folder.mkdir()
    assert command("render", demo, "-o", poses)[0] == 0
    done = _ended(folder / "a.mp4", ["draw", str(poses), "--size", "1920x1080", "-o", str(folder / "a.mp4")], signal.SIGTERM)
    assert done.returncode == 130, done.stderr
    assert not list(folder.iterdir())


def test_a_command_in_another_program_gives_its_signals_back(command: Callable[..., tuple[int, str, str]]) -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    command("beats", "nowhere.wav")
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["compiler", "farewell"])
def test_an_interrupt_is_not_lost_where_an_exception_would_vanish(number: signal.Signals, where: str) -> None:
    program = f"""if True:
        import gc, os, signal, sys, time
        from audio2pose import __main__ as command

        class Farewell:
            def __del__(self):
                os.kill(os.getpid(), {int(number)})
                time.sleep(0.05)

        def callback():
            os.kill(os.getpid(), {int(number)})
            time.sleep(0.05)

        # A function that C calls back from within the compiler: what it raises is printed and forgotten.
        exec(compile("def compiler():\\n callback()", "/site-packages/llvmlite/binding.py", "exec"))

        class Quiet:
            def load(self):
                import ctypes
                if {where!r} == "compiler":
                    ctypes.CFUNCTYPE(None)(compiler)()
                else:
                    Farewell()
                time.sleep(5.0)
                print("went on")

            name = "beats"

        command.entry_points = lambda group: [Quiet()]
        sys.exit(command.main(["beats"]))
    """
    began_s = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30)
    assert done.returncode == 130, done.stdout + done.stderr
    assert done.stderr == "audio2pose: interrupted\n"
    assert done.stdout == ""
    assert time.monotonic() - began_s < 4.0
