"""Looks for a sound input while there is none, from a process of its own.

PortAudio looks for devices when it starts, and a sound server that hangs holds it there for as long as it likes. A child can
be waited for without waiting, and be ended; only when it has found an input in good time is it worth looking from here.

Threads  the source's.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Sequence

PACES_S = ((10.0, 0.4), (60.0, 1.0))
"""While one has waited for less than the first: the second, from one look's end to the next one's begin. Then SLOWEST_S."""
SLOWEST_S = 2.0
REST = 6.0
"""Rests are at least so many looks long: a look costs 0.07 s of one core, more on a slow machine."""
PATIENCE_S = 10.0
WAIT_S = 1.0
CODE = "import sys; from audio2pose.realtime.devices import find_again; find_again(sys.argv[1:])"


def rest_s(waited_s: float, look_s: float) -> float:
    """How long to rest after a look that took *look_s*, when one has waited for *waited_s*."""
    pace_s = next((pace_s for until_s, pace_s in PACES_S if waited_s < until_s), SLOWEST_S)
    return min(max(pace_s, REST * look_s), SLOWEST_S)


class Lookout:
    """Asks again and again whether there is an input with one of the *wanted* parts of a name; none takes any."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = tuple(wanted)
        self._child: subprocess.Popen[bytes] | None = None
        self._since_s = self._began_s = self._ended_s = time.monotonic()

    def found(self) -> bool:
        """True once after each look that found one; never waits."""
        now_s = time.monotonic()
        if self._child is None:
            if now_s - self._ended_s >= rest_s(now_s - self._since_s, self._ended_s - self._began_s):
                self._begin(now_s)
            return False
        code = self._child.poll()
        if code is None and now_s - self._began_s < PATIENCE_S:
            return False
        self.close()
        return code == 0

    def _begin(self, now_s: float) -> None:
        self._began_s = self._ended_s = now_s
        # A system that can start no process now may do so later. In a session of its own: Ctrl-C in the terminal is not for it.
        with contextlib.suppress(OSError):
            self._child = subprocess.Popen(
                [sys.executable, "-c", CODE, *self._wanted], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def close(self) -> None:
        """End a look that is under way."""
        child, self._child = self._child, None
        self._ended_s = time.monotonic()
        if child is not None and child.poll() is None:
            child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # one that a driver holds is left to the system
                child.wait(WAIT_S)
