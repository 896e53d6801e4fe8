"""Hotkeys of the window: what each asks of the performer, or of the window itself.

Shapes   none; a key is the name that glfw gives it, without KEY_.
Threads  main, the writer of its queue of commands.
Source   our own.
"""

from __future__ import annotations

from audio2pose.performer import LOCK_NAMES

from .handoff import Commands

QUIT, FULLSCREEN = "quit", "fullscreen"
WISHES = {"Q": QUIT, "ESCAPE": QUIT, "F": FULLSCREEN}
NUDGE_MS = 10.0
COMMANDS: dict[str, tuple[str, float]] = {
    "SPACE": ("tap", 0.0),
    "T": ("tap", 0.0),
    "R": ("resync", 0.0),
    "LEFT": ("nudge", -NUDGE_MS),
    "RIGHT": ("nudge", NUDGE_MS),
    "UP": ("double", 0.0),
    "DOWN": ("half", 0.0),
}
LOCK = "L"
NAMES = (*WISHES, *COMMANDS, LOCK)


class Keys:
    """Puts commands into *commands* as keys go down."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def press(self, name: str, *, again: bool = False, lock: int = 0) -> str:
        """The window's own wish that key *name* stands for, "" where there is none. Threads: main.

        *again*: it is held and repeats, which only nudges do. *lock* is the one that holds now; its key goes on to the next.
        """
        if name == LOCK and not again:
            self._commands.put("lock", (lock + 1) % len(LOCK_NAMES))
        elif name in COMMANDS and not (again and COMMANDS[name][0] != "nudge"):
            self._commands.put(*COMMANDS[name])
        return WISHES.get(name, "") if not again else ""
