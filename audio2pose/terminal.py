"""What a person sees on stderr: progress, plain lines; and the one JSON document on stdout."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO


def say(line: str, stream: TextIO | None = None) -> None:
    """One line for eyes, on stderr. Nobody may be there any more: a terminal that was closed ends no show."""
    with contextlib.suppress(OSError):
        print(line, file=stream or sys.stderr, flush=True)


def emit_json(document: Mapping[str, Any]) -> None:
    """One JSON document on stdout; NaN never leaves (it is not JSON)."""
    print(json.dumps(document, allow_nan=False), flush=True)  # noqa: T201


class Progress:
    """A bar on a terminal, a plain line every few seconds elsewhere.

    Threads: one, the caller's.
    """

    def __init__(self, what: str, total: float, *, every_s: float = 5.0, quiet: bool = False) -> None:
        self._what, self._total, self._every_s, self._quiet = what, max(total, 1e-9), every_s, quiet
        self._tty = sys.stderr.isatty()
        self._started_s = self._told_s = time.monotonic()

    def update(self, done: float) -> None:
        """*done* of the total, in the total's unit."""
        now = time.monotonic()
        if self._quiet or now - self._told_s < (0.1 if self._tty else self._every_s):
            return
        self._told_s = now
        share = min(done / self._total, 1.0)
        left_s = (now - self._started_s) * (1.0 - share) / max(share, 1e-9)
        if self._tty:
            bar = ("=" * int(30 * share)).ljust(30)
            with contextlib.suppress(OSError):
                sys.stderr.write(f"\r{self._what} [{bar}] {100 * share:3.0f} %  {left_s:4.0f} s left ")
                sys.stderr.flush()
        else:
            say(f"{self._what}: {100 * share:.0f} %, about {left_s:.0f} s left")

    def close(self) -> None:
        """Clear the bar."""
        if self._tty and not self._quiet:
            with contextlib.suppress(OSError):
                sys.stderr.write("\r\033[K")
                sys.stderr.flush()
