"""Looks for a sound input while there is none, from a process of its own.

PortAudio looks for devices when it starts, and a sound server that hangs holds it there for as long as it likes. A child can
be waited for without waiting, and be ended; only when it has found an input in good time is it worth looking from here.

Threads  the source's.
"""

from __future__ import annotations

import subprocess
import sys
import time

LOOK_S = 3.0
"""From one look's end to the next one's begin; a look costs about 0.15 s of one core."""
PATIENCE_S = 10.0
CODE = "import sys; from audio2pose.realtime.devices import find_input; find_input(sys.argv[1] or None)"


class Lookout:
    """Asks again and again whether there is an input like *wanted*, a part of its name; "" takes any."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self._child: subprocess.Popen[bytes] | None = None
        self._began_s = self._ended_s = time.monotonic()

    def found(self) -> bool:
        """True once after each look that found one; never waits."""
        now_s = time.monotonic()
        if self._child is None:
            if now_s - self._ended_s >= LOOK_S:
                # In a session of its own, so that Ctrl-C in the terminal is not for it.
                self._child = subprocess.Popen(
                    [sys.executable, "-c", CODE, self._wanted], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
                self._began_s = now_s
            return False
        code = self._child.poll()
        if code is None and now_s - self._began_s < PATIENCE_S:
            return False
        self.close()
        return code == 0

    def close(self) -> None:
        """End a look that is under way."""
        child, self._child = self._child, None
        self._ended_s = time.monotonic()
        if child is not None and child.poll() is None:
            child.kill()
            child.wait()
