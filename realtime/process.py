"""What a show asks of its process: to be ended in order, to run before others, to switch threads quickly.

Threads  `Ending` and `quick_switches` are main's, `ask_for_real_time` is for the thread that calls it.
Source   our own; numbers measured on two cores.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

SWITCH_S = 0.0005
"""With Python's own 5 ms a busy main thread makes hops 119 ms late (p99), with this 5 ms."""
REAL_TIME_PRIORITY = 10
NO_PRIORITY = "AUDIO2POSE_NO_PRIORITY"
"""Set in the environment: priority is not even tried, to see what it is worth."""


class Ending:
    """Whether a signal has asked for the end; `asked` is its number, 0 while none came."""

    def __init__(self) -> None:
        self.asked = 0

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Ctrl-C, SIGTERM and a closed terminal end the show in order; a second Ctrl-C or SIGTERM ends it hard."""

        def ask(number: int, frame: object) -> None:
            self.asked = number
            # Hang-ups come in pairs, from the terminal and from its shell.
            signal.signal(number, signal.SIG_IGN if number == hang_up else before[number])

        hang_up = getattr(signal, "SIGHUP", None)
        before: dict[int, Any] = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}
        if hang_up is not None and signal.getsignal(hang_up) != signal.SIG_IGN:  # nohup's choice is respected
            before[hang_up] = signal.getsignal(hang_up)
        if threading.current_thread() is threading.main_thread():
            for n in before:
                signal.signal(n, ask)
        try:
            yield
        finally:
            if threading.current_thread() is threading.main_thread():
                for n, handler in before.items():
                    signal.signal(n, handler)


@contextlib.contextmanager
def quick_switches() -> Iterator[None]:
    """Threads take turns every SWITCH_S."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(interval_s)


def ask_for_real_time() -> None:
    """Priority over everything else for the calling thread, where the system grants it: p99 lateness falls tenfold."""
    if not hasattr(os, "sched_setscheduler") or os.environ.get(NO_PRIORITY):
        return
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(REAL_TIME_PRIORITY))
