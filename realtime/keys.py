"""Hotkeys of the window, as data: what each orders, or asks of the window itself.

Shapes   none; a key is the name that glfw gives it, without KEY_.
Threads  main.
Source   our own; space taps as in every DJ program, digits choose the quantum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

QUIT, FULLSCREEN, HELP = "quit", "fullscreen", "help"
SET, TOGGLE, STEP, ADD = "set", "toggle", "step", "add"


@dataclass(frozen=True, slots=True)
class Key:
    """One row: the keys, how they are shown, what they do in words, the order, and how its value comes about.

    SET gives *value*; TOGGLE 1 or 0; STEP the next of the values there are; ADD *value* more than now, again while held.
    """

    names: tuple[str, ...]
    shown: str
    does: str
    order: str
    how: str = SET
    value: float = 1.0


KEYS: tuple[Key, ...] = (
    Key(("SPACE", "T"), "space, t", "tap the beat", "tap"),
    Key(("R",), "r", "the downbeat is now", "resync"),
    Key(("LEFT",), "left", "beats 10 ms earlier", "nudge", ADD, -10.0),
    Key(("RIGHT",), "right", "beats 10 ms later", "nudge", ADD, 10.0),
    Key(("UP",), "up", "twice the tempo", "double"),
    Key(("DOWN",), "down", "half the tempo", "half"),
    Key(("LEFT_BRACKET",), "[", "tempo 1 BPM down", "tempo", ADD, -1.0),
    Key(("RIGHT_BRACKET",), "]", "tempo 1 BPM up", "tempo", ADD, 1.0),
    Key(("L",), "l", "lock the tempo, then the grid, then neither", "lock", STEP),
    Key(("N",), "n", "the next phrase", "next"),
    Key(("Y",), "y", "the next style", "style", STEP),
    Key(("K",), "k", "keep the style, or free it", "stylelock", TOGGLE),
    Key(("Z",), "z", "freeze", "freeze", TOGGLE),
    Key(("S",), "s", "the next scene", "scene", STEP),
    Key(("C",), "c", "the next palette", "palette", STEP),
    Key(("0",), "0", "cuts come at once", "quantize", SET, 0.0),
    Key(("1",), "1", "cuts come on the next beat", "quantize", SET, 1.0),
    Key(("2",), "2", "... on a multiple of 4 beats", "quantize", SET, 4.0),
    Key(("3",), "3", "... of 8 beats", "quantize", SET, 8.0),
    Key(("4",), "4", "... of 16 beats", "quantize", SET, 16.0),
    Key(("5",), "5", "... of 32 beats", "quantize", SET, 32.0),
    Key(("EQUAL", "KP_ADD"), "+", "gain 1 dB up", "gain", ADD, 1.0),
    Key(("MINUS", "KP_SUBTRACT"), "-", "gain 1 dB down", "gain", ADD, -1.0),
    Key(("A",), "a", "automatic gain on and off", "autogain", TOGGLE),
    Key(("PERIOD",), ".", "the screen is 5 ms slower", "latency", ADD, 5.0),
    Key(("COMMA",), ",", "the screen is 5 ms quicker", "latency", ADD, -5.0),
    Key(("B",), "b", "blackout, and light again", "blackout", TOGGLE),
    Key(("BACKSPACE",), "backspace", "panic: idle and black; b ends it", "panic"),
    Key(("M",), "m", "begin or end a film", "record", TOGGLE),
    Key(("W",), "w", "write the settings into a preset", "save"),
    Key(("I",), "i", "tell receivers skeleton and styles", "info"),
    Key(("H",), "h", "show or hide the figures", "hud", TOGGLE),
    Key(("SLASH", "F1"), "?, F1", "show or hide the keys", HELP),
    Key(("F",), "f", "full screen", FULLSCREEN),
    Key(("Q", "ESCAPE"), "q, Esc", "end", QUIT),
)  # fmt: skip
WISHES = (QUIT, FULLSCREEN, HELP)
BY_NAME: dict[str, Key] = {name: key for key in KEYS for name in key.names}
ROWS: tuple[tuple[str, str], ...] = tuple((key.shown, key.does) for key in KEYS)


def pressed(
    name: str, state: Mapping[str, float], counts: Mapping[str, int], *, again: bool = False
) -> tuple[str, float] | None:
    """What key *name* orders where *state* holds, as (order or wish, value); None: nothing.

    *counts* says how many values each order has that steps through them; *again*: the key is held and repeats, which only ADD
    does.
    """
    key = BY_NAME.get(name)
    if key is None or (again and key.how != ADD):
        return None
    now = state.get(key.order, 0.0)
    if key.how == TOGGLE:
        return key.order, 0.0 if now else 1.0
    if key.how == STEP:
        return key.order, (now + 1.0) % max(counts.get(key.order, 1), 1)
    if key.how == ADD and key.order != "nudge":  # nudges add up where they are carried out
        return key.order, now + key.value
    return key.order, key.value
