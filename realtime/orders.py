"""What a player can order while the show runs, by key or by OSC, as data: what each takes, and who carries it out.

Shapes   an order is (name, value), value a finite number; names are those of the outward contract behind /dance/ctl/.
Threads  any; nothing here changes.
Source   our own; controllers send 1 as a button goes down and 0 as it comes up, so a button acts on non-zero only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from audio2pose.config import nearest
from audio2pose.errors import UsageError
from audio2pose.motion.body import JOINT_NAMES, OFFSETS_M, PARENTS

from .osc import AXES, message
from .packets import Argument

CONTROL = "/dance/ctl/"
STATE = "/dance/state/"

BUTTON, SWITCH, NUMBER, CHOICE = "button", "switch", "number", "choice"
ENGINE, DESK = "engine", "desk"


@dataclass(frozen=True, slots=True)
class Order:
    """One row: *kind* of value (a CHOICE is an index or a name), and whether the engine or the desk carries it out."""

    kind: str
    by: str


ORDERS: dict[str, Order] = {
    "tap": Order(BUTTON, ENGINE), "resync": Order(BUTTON, ENGINE), "half": Order(BUTTON, ENGINE),
    "double": Order(BUTTON, ENGINE), "next": Order(BUTTON, ENGINE), "nudge": Order(NUMBER, ENGINE),
    "tempo": Order(NUMBER, ENGINE), "gain": Order(NUMBER, ENGINE), "autogain": Order(SWITCH, ENGINE),
    "lock": Order(NUMBER, ENGINE), "style": Order(CHOICE, ENGINE), "stylelock": Order(SWITCH, ENGINE),
    "freeze": Order(SWITCH, ENGINE), "quantize": Order(NUMBER, ENGINE),
    "latency": Order(NUMBER, DESK), "palette": Order(CHOICE, DESK), "scene": Order(CHOICE, DESK),
    "blackout": Order(SWITCH, DESK), "panic": Order(BUTTON, DESK), "record": Order(SWITCH, DESK),
    "hud": Order(SWITCH, DESK), "save": Order(BUTTON, DESK), "info": Order(BUTTON, DESK),
}  # fmt: skip
FLOATS = ("nudge", "tempo", "gain", "latency")
"""Orders that are echoed as float; all others are whole numbers."""


def understood(address: str, arguments: Sequence[Argument], choices: Mapping[str, Sequence[str]]) -> tuple[str, float] | None:
    """The order that a message means, with the names of each CHOICE; None where it means nothing: a button that comes up.

    Arguments beyond the first are ignored. Raises UsageError for what is no order.
    """
    name = address.removeprefix(CONTROL)
    if name == address or name not in ORDERS:
        raise UsageError(f"no order '{address}'{nearest(name, ORDERS)}")
    kind = ORDERS[name].kind
    first = arguments[0] if arguments else 1.0 if kind == BUTTON else None
    if first is None:
        raise UsageError(f"{address} came without a number: give one")
    if isinstance(first, str):
        if kind != CHOICE or first not in choices.get(name, ()):
            raise UsageError(f"{address} came with '{first}'{nearest(first, choices.get(name, ('a number',)))}")
        return name, float(choices[name].index(first))
    if not math.isfinite(first):
        raise UsageError(f"{address} came with {first}: give a number")
    if kind == BUTTON:
        return (name, 1.0) if first else None
    if kind == SWITCH:
        return name, 1.0 if first else 0.0
    if kind == CHOICE:
        return name, float(math.floor(first))
    return name, first


def info_packets(styles: Sequence[str], dancers: int) -> tuple[bytes, ...]:
    """The answer to `info`: /dance/skeleton (names, parents, rest offsets in metres, axes) and /dance/styles, as JSON text."""
    skeleton = {
        "joints": JOINT_NAMES, "parents": PARENTS.tolist(),
        "offsets_m": [[round(float(x), 4) for x in offset] for offset in OFFSETS_M], "dancers": dancers,
        "axes": "y up, right-handed, facing +z, its left is +x", "presets": list(AXES),
    }  # fmt: skip
    return tuple(
        message(f"/dance/{name}", json.dumps(what, separators=(",", ":")))
        for name, what in (("skeleton", skeleton), ("styles", list(styles)))
    )
