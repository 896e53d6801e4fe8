"""OSC as it comes in: bytes from strangers into messages, or nothing.

Shapes   a packet is one message, or a bundle of them, at most MAX_MESSAGES in MAX_DEPTH bundles within another.
Threads  any; nothing is kept.
Source   the OSC 1.0 specification (opensoundcontrol.stanford.edu) and the type tags T, F, N and I of 1.1. Time tags are not
         waited for: what comes is meant now.
"""

from __future__ import annotations

import math
import struct
from typing import TypeAlias

MAX_MESSAGES = 64
MAX_DEPTH = 4
MAX_BYTES = 8192
MAX_ARGUMENTS = 32
_BUNDLE = b"#bundle\0"
_FIXED = {"i": ">i", "f": ">f", "h": ">q", "d": ">d"}
_SKIPPED = {"c": 4, "r": 4, "m": 4, "t": 8}
_ALONE: dict[str, float] = {"T": 1.0, "F": 0.0, "I": 1.0, "N": 0.0}

Argument: TypeAlias = float | str
Message: TypeAlias = tuple[str, tuple[Argument, ...]]


class _MalformedError(Exception):
    """Stays in this file."""


def read(packet: bytes) -> list[Message] | None:
    """The messages of *packet* in order, numbers as float; None where any of it is malformed: all of it counts or nothing."""
    found: list[Message] = []
    try:
        _packet(packet, found, 0)
    except _MalformedError:
        return None
    return found


def _packet(data: bytes, found: list[Message], depth: int) -> None:
    if not 0 < len(data) <= MAX_BYTES or len(data) % 4:
        raise _MalformedError
    if data.startswith(_BUNDLE):
        _bundle(data, found, depth)
    elif len(found) < MAX_MESSAGES:
        found.append(_message(data))
    else:
        raise _MalformedError


def _bundle(data: bytes, found: list[Message], depth: int) -> None:
    if depth >= MAX_DEPTH or len(data) < 16:
        raise _MalformedError
    at = 16
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big", signed=True)
        at += 4
        if not 0 < size <= len(data) - at:
            raise _MalformedError
        _packet(data[at : at + size], found, depth + 1)
        at += size


def _message(data: bytes) -> Message:
    address, at = _string(data, 0)
    if not address.startswith("/"):
        raise _MalformedError
    # Without tags it might be a packet that was cut off here.
    tags, at = _string(data, at)
    if not tags.startswith(",") or len(tags) > MAX_ARGUMENTS + 1:
        raise _MalformedError
    arguments: list[Argument] = []
    for tag in tags[1:]:
        at = _argument(data, at, tag, arguments)
    if at != len(data):
        raise _MalformedError
    return address, tuple(arguments)


def _argument(data: bytes, at: int, tag: str, into: list[Argument]) -> int:
    """Append the argument of *tag* at byte *at*, where it is a number or a word; where the next one begins."""
    if tag in _ALONE:
        into.append(_ALONE[tag])
        return at
    if tag in ("s", "S"):
        text, end = _string(data, at)
        into.append(text)
        return end
    if tag in _FIXED:
        size = struct.calcsize(_FIXED[tag])
        if at + size > len(data):
            raise _MalformedError
        value = float(struct.unpack_from(_FIXED[tag], data, at)[0])
        if not math.isfinite(value):
            raise _MalformedError
        into.append(value)
        return at + size
    if tag in "[]":  # an array's bounds: its members count
        return at
    if tag == "b" and at + 4 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big", signed=True)
        if 0 <= size <= len(data) - at - 4:
            return at + 4 + size + -size % 4
    if tag in _SKIPPED and at + _SKIPPED[tag] <= len(data):
        return at + _SKIPPED[tag]
    raise _MalformedError


def _string(data: bytes, at: int) -> tuple[str, int]:
    """The text at byte *at*, and where what follows its padding begins."""
    end = data.find(b"\0", at)
    if end < 0:
        raise _MalformedError
    after = end + 4 - end % 4
    if after > len(data) or data[end:after].strip(b"\0"):
        raise _MalformedError
    try:
        return data[at:end].decode("utf-8"), after
    except UnicodeDecodeError:
        raise _MalformedError from None
