"""The `audio2pose` command: finds its sub-commands through the entry-point group "audio2pose.commands".

Only the chosen command's module is imported, so that `--help` answers at once. The one-line helps of our own commands
stand in a table here; a command from elsewhere is asked for its own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import traceback
from importlib.metadata import EntryPoint, entry_points
from types import FrameType
from typing import Any, NoReturn

from audio2pose import __version__
from audio2pose.config import nearest
from audio2pose.errors import Audio2PoseError, UsageError

AGAIN_S = 0.01
"""A signal that comes where nobody could hear of it comes again so much later."""
HELPS = {
    "live": "dance live to a microphone, line-in, or a file at its own pace",
    "render": "dance a song into video or pose files",
    "draw": "poses of a .npz, .json or .npy as a video",
    "beats": "beats, downbeats and tempo of a song",
    "score": "how a dance keeps to its music, its feet and itself, each beside chance",
    "search": "the segments that fit each beat of a song best, and why",
    "library": "the phrases of a library: list them, look at one",
    "inspect": "what a sound or motion file holds, and its faults",
    "devices": "sound inputs, loopback ones marked",
    "doctor": "what works on this machine and what to install",
}


class _Parser(argparse.ArgumentParser):
    """Wrong use in two lines like every other error, not behind a page of usage."""

    def error(self, message: str) -> NoReturn:
        words = message.removeprefix("unrecognized arguments: ").split()
        flags = [flag for action in self._actions for flag in action.option_strings if flag.startswith("--")]
        close = nearest(words[0], flags) if words[0].startswith("--") else ""
        if "did you mean" not in close:
            close = f": see {self.prog} --help"
        raise UsageError(message.replace(": ", " ") + close)


def main(argv: list[str] | None = None) -> int:
    """Run one sub-command; errors become one or two lines and an exit code of the outward contract."""
    argv = sys.argv[1:] if argv is None else argv
    commands = {entry.name: entry for entry in entry_points(group="audio2pose.commands")}
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_overview(commands))  # noqa: T201
        return 0 if argv else 2
    if argv[0] in ("-V", "--version"):
        print(f"audio2pose {__version__}")  # noqa: T201
        return 0
    if argv[0] not in commands:
        return _told(f"no command '{argv[0]}'{nearest(argv[0], commands)}", "see: audio2pose --help", 2)
    debug = "--debug" in argv
    before = _interrupted_by_signals()
    try:
        command = commands[argv[0]].load()
        parser = _Parser(prog=f"audio2pose {command.name}", description=command.help, allow_abbrev=False)
        parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
        command.add_arguments(parser)
        return int(command.run(parser.parse_args(argv[1:])))
    except KeyboardInterrupt:
        return _told("interrupted", "", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Audio2PoseError as error:
        if debug:
            traceback.print_exc()
        what, then = error.parts
        return _told(what, then or f"see: audio2pose {argv[0]} --help", error.exit_code)
    except Exception as error:
        if debug:
            traceback.print_exc()
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return _told(f"a fault of our own in '{argv[0]}' ({what})", "run it again with --debug and send us what it prints", 1)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _interrupted_by_signals() -> dict[int, Any]:
    """Ctrl-C, SIGTERM, and SIGHUP of a terminal that was closed end every command alike; the handlers of before.

    A second SIGTERM ends hard. Hang-ups come in pairs, from the terminal and from its shell: a second one is nothing.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        if _would_be_swallowed(frame):
            again = threading.Timer(AGAIN_S, _signal_again, (number,))
            again.daemon = True
            again.start()
            return
        for n in before:
            if n != signal.SIGINT:
                signal.signal(n, signal.SIG_DFL if n == signal.SIGTERM else signal.SIG_IGN)
        raise KeyboardInterrupt

    before: dict[int, Any] = {}
    if threading.current_thread() is not threading.main_thread():
        return before
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # nohup's choice is respected.
        if number is not None and (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None):
            before[number] = handler
            signal.signal(number, interrupt)
    return before


def _would_be_swallowed(frame: FrameType | None) -> bool:
    """Whether an exception raised in *frame* may vanish: in callbacks of the compiler, and while an object is taken down."""
    while frame is not None:
        if "llvmlite" in frame.f_code.co_filename or frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _signal_again(number: int) -> None:
    """Signal *number* to the main thread once more."""
    ident = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and ident is not None:
        signal.pthread_kill(ident, number)
    else:
        signal.raise_signal(signal.Signals(number))


def _overview(commands: dict[str, EntryPoint]) -> str:
    rows = [f"  {name:10s} {HELPS.get(name) or entry.load().help}" for name, entry in _ordered(commands)]
    return "\n".join([
        "usage: audio2pose COMMAND [options]",
        "",
        "A live dance performer: sound in, a dancing body out, on the beat.",
        "",
        *rows,
        "",
        "audio2pose COMMAND --help tells a command's options; audio2pose --version the version.",
    ])  # fmt: skip


def _ordered(commands: dict[str, EntryPoint]) -> list[tuple[str, EntryPoint]]:
    ours = list(HELPS)
    return sorted(commands.items(), key=lambda c: (ours.index(c[0]) if c[0] in ours else len(ours), c[0]))


def _told(what: str, then: str, code: int) -> int:
    with contextlib.suppress(OSError):  # of a terminal that was closed
        sys.stderr.write(f"audio2pose: {what}\n" + (f"  {then}\n" if then else ""))
        sys.stderr.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
