"""The OSC profile `native`: two bundles of bytes, built once, then only their numbers are patched.

Shapes   positions_m: (24, 3); a bundle: at most MAX_DATAGRAM_BYTES, every argument on a 4-byte word, big endian.
Axes     ours are y up, right-handed; an `axes` preset says which of our components, with which sign, goes where.
Threads  one, the sender's.
Source   the OSC 1.0 specification (opensoundcontrol.stanford.edu): strings end in 1 to 4 zero bytes, bundles nest sizes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F32, I32, Record
from audio2pose.motion.body import JOINT_NAMES, N_JOINTS
from audio2pose.music.heard import FLYWHEEL, LOCKED
from audio2pose.timeline import phase, position_in_bar

from .moment import Follower

MAX_DATAGRAM_BYTES = 1472
"""What one Ethernet frame carries over IPv4 and UDP; loopback would take more and hide it."""
_IMMEDIATE = b"\x00" * 7 + b"\x01"
_MAX_INT = 0x7FFFFFFF
_MOST = 3.0e38
"""A double may hold more than a float of the wire."""


@dataclass(frozen=True, slots=True)
class Axes:
    """Component k of a position on the wire is signs[k] * ours[order[k]]; a quaternion's x, y, z likewise by `turns`."""

    order: tuple[int, int, int]
    signs: tuple[float, float, float]
    turns: tuple[float, float, float]


AXES = {
    "touchdesigner": Axes((0, 1, 2), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)),
    "unity": Axes((0, 1, 2), (-1.0, 1.0, 1.0), (1.0, -1.0, -1.0)),
    "blender": Axes((0, 2, 1), (1.0, -1.0, 1.0), (1.0, -1.0, 1.0)),
}

_MUSIC = (
    ("/dance/beat", "iif"), ("/dance/bar", "i"), ("/dance/tempo", "f"), ("/dance/phase", "f"), ("/dance/lock", "f"),
    ("/dance/energy", "f"), ("/dance/onset/low", "f"), ("/dance/onset/mid", "f"), ("/dance/onset/high", "f"),
    ("/dance/segment", "if"), ("/dance/style", "i"),
)  # fmt: skip


def bundle(messages: Sequence[tuple[str, str]]) -> tuple[bytearray, list[int]]:
    """A bundle of (address, type tags), all arguments 0, to be acted on immediately; and where each one's arguments begin."""
    out = bytearray(b"#bundle\x00" + _IMMEDIATE)
    begins = []
    for address, tags in messages:
        head = _string(address) + _string("," + tags)
        out += struct.pack(">i", len(head) + 4 * len(tags)) + head
        begins.append(len(out))
        out += bytes(4 * len(tags))
    assert len(out) <= MAX_DATAGRAM_BYTES, f"a bundle of {len(out)} bytes"
    return out, begins


def message(address: str, *arguments: float | str) -> bytes:
    """One message: an int goes as i, a float as f, a text as s."""
    tags, body = ",", b""
    for argument in arguments:
        if isinstance(argument, str):
            tags, body = tags + "s", body + _string(argument)
        elif isinstance(argument, int):
            tags, body = tags + "i", body + struct.pack(">i", min(max(argument, -_MAX_INT), _MAX_INT))
        else:
            tags, body = tags + "f", body + struct.pack(">f", min(max(_number(argument), -_MOST), _MOST))
    return _string(address) + _string(tags) + body


def _string(text: str) -> bytes:
    raw = text.encode("utf-8")
    return raw + bytes(4 - len(raw) % 4)


class Body:
    """One dancer's bundle: 24 joints, root, contact, frame.

    Threads: the sender's. `pack` never raises on numbers: a pose that holds no number leaves the last one standing.
    """

    def __init__(self, dancer: int, axes: Axes) -> None:
        joints = [(f"/dance/{dancer}/{name}", "fff") for name in JOINT_NAMES]
        rest = [(f"/dance/{dancer}/root", "fffffff"), (f"/dance/{dancer}/contact", "ffff"), (f"/dance/{dancer}/frame", "iif")]
        self._bytes, begins = bundle([*joints, *rest])
        self._floats = np.frombuffer(self._bytes, ">f4")
        self._frame_at = begins[-1]
        order = list(axes.order)
        turn = [N_JOINTS * 3 + 4 + k for k in order]  # x, y, z of the pelvis quaternion, which is w first
        place = [N_JOINTS * 3 + k for k in order]
        # values: 72 of joints, 3 root, 4 quaternion, 4 contacts; `_from[i]` is which of them goes to word `_words[i]`.
        self._values: F32 = np.zeros(N_JOINTS * 3 + 11, np.float32)
        self._joints = self._values[: N_JOINTS * 3].reshape(N_JOINTS, 3)
        self._from = np.array(
            [3 * j + k for j in range(N_JOINTS) for k in order] + place + turn + [N_JOINTS * 3 + 3]
            + [N_JOINTS * 3 + 7 + k for k in range(4)]
        )  # fmt: skip
        self._signs = np.array([*(axes.signs * N_JOINTS), *axes.signs, *axes.turns, 1.0, *(1.0,) * 4], np.float32)
        self._words = np.concatenate([
            [begins[j] // 4 + k for j in range(N_JOINTS) for k in range(3)],
            begins[N_JOINTS] // 4 + np.arange(7),
            begins[N_JOINTS + 1] // 4 + np.arange(4),
        ])  # fmt: skip

    def pack(self, positions_m: F32, pose: Record, number: int, stream_s: float, confidence: float) -> bytearray:
        """The bytes for *positions_m* (24, 3) and *pose*; the same buffer each time."""
        values = self._values
        self._joints[:] = positions_m
        at = N_JOINTS * 3
        values[at : at + 3] = pose["root_m"]
        values[at + 3 : at + 7] = pose["rotations"][0]
        values[at + 7 :] = pose["contacts"]
        if np.isfinite(values).all():
            self._floats[self._words] = values[self._from] * self._signs
        struct.pack_into(">iif", self._bytes, self._frame_at, number & _MAX_INT, _ms(stream_s), _number(confidence))
        return self._bytes


class Music:
    """The bundle of what is heard. `segment` is its index and the beats danced of it; *segment_styles* (S,) their styles.

    `beat` is the nearest beat: how many came before it, its place in the bar, and the milliseconds since it (below zero:
    still to come). `lock` is 1 while the beat is heard, 0.5 while it is remembered, else 0.

    Threads: the sender's.
    """

    def __init__(self, segment_styles: I32) -> None:
        self._styles = segment_styles.tolist()
        self._bytes, begins = bundle(_MUSIC)
        self._at = dict(zip((address for address, _ in _MUSIC), begins))
        self._cuts = -1
        self._began_beats = 0.0

    def pack(self, heard: Record, onsets: F32, pose: Record) -> bytearray:
        """The bytes for this moment; the same buffer each time."""
        beat, rate_hz = _number(pose["beat"]), max(_number(heard["rate_hz"]), 1e-3)
        nearest, meter, origin = math.floor(beat + 0.5), int(heard["meter"]), int(heard["bar_origin"])
        position = position_in_bar(nearest, origin=origin, meter=meter)
        bar = (math.floor(beat) - origin % meter) // meter + 1 if meter else 0
        segment = int(pose["segment"])
        if int(pose["cuts"]) != self._cuts:
            self._cuts, self._began_beats = int(pose["cuts"]), float(math.floor(beat + 1e-6))
        style = self._styles[segment] if 0 <= segment < len(self._styles) else -1
        lock = {LOCKED: 1.0, FLYWHEEL: 0.5}.get(int(heard["state"]), 0.0)
        since_ms = 1e3 * (beat - nearest) / rate_hz  # [beats] / [beats/s]
        self._put("/dance/beat", ">iif", nearest, position, since_ms)
        self._put("/dance/bar", ">i", bar)
        self._put("/dance/tempo", ">f", _number(heard["tempo_bpm"]))
        self._put("/dance/phase", ">f", phase(beat, cycle_beats=1.0))
        self._put("/dance/lock", ">f", lock)
        self._put("/dance/energy", ">f", _number(heard["energy"]))
        low, mid, high = onsets.tolist()
        self._put("/dance/onset/low", ">f", _number(low))
        self._put("/dance/onset/mid", ">f", _number(mid))
        self._put("/dance/onset/high", ">f", _number(high))
        self._put("/dance/segment", ">if", segment, max(beat - self._began_beats, 0.0))
        self._put("/dance/style", ">i", style)
        return self._bytes

    def _put(self, address: str, layout: str, *values: float) -> None:
        struct.pack_into(layout, self._bytes, self._at[address], *values)


class Native:
    """Profile `native`: `datagrams` for the moment that a follower has looked at."""

    ours = True
    """Whether its receivers know /dance/state and its like."""

    def __init__(self, axes: str, segment_styles: I32, dancers: int = 1) -> None:
        self._bodies = tuple(Body(k + 1, AXES[axes]) for k in range(dancers))
        self._music = Music(segment_styles)
        self._number = 0

    def datagrams(self, follower: Follower, stream_s: float) -> tuple[bytearray, ...]:
        """Each dancer's body, then music; the buffers are overwritten by the next call. Threads: the sender's."""
        self._number += 1
        heard = follower.heard
        bodies = [
            body.pack(follower.positions_m[k], follower.poses[k], self._number, stream_s, heard["confidence"])
            for k, body in enumerate(self._bodies)
        ]
        return *bodies, self._music.pack(heard, follower.onsets, follower.pose)


PROFILES = {"native": Native}


def _number(x: float) -> float:
    """*x*, or 0 where it is none: NaN never leaves."""
    value = float(x)
    return value if math.isfinite(value) else 0.0


def _ms(stream_s: float) -> int:
    return int(1e3 * stream_s) & _MAX_INT if math.isfinite(stream_s) else 0
