"""The short strings of the notation, read strictly: `0:12 1!:-8`, `L1.5 .32 0 tap yaw20`, `2! side(-.1,0,.1) hold .4`.

Shapes   a string in, a tuple of keys or one step out; nothing is guessed.
Threads  pure functions.
Source   our own notation; every error names the place that was given (file, phrase, channel) and the nearest word.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping

from audio2pose.config import nearest
from audio2pose.errors import LibraryError

from .score import Key, Step

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
_KEY = re.compile(rf"^({_NUMBER})([!>-]?):({_NUMBER})$")
_EVERY = re.compile(rf"^(.*?)\s+every\s+({_NUMBER})$")
_ARM_KEY = re.compile(rf"^({_NUMBER})([!>-]?)\s+([A-Za-z]\w*)?(?:\(([^)]*)\))?(?:\s+hold\s+({_NUMBER}))?$")
_ARM_REFERENCE = re.compile(rf"^(same|shift)\(([LR])(?:,\s*({_NUMBER}))?\)$")
_STEP_HEAD = re.compile(rf"^([LR])({_NUMBER})$")
_STEP_WORD = re.compile(rf"^([a-z]+)({_NUMBER})?$")
_STEP_OPTIONS = ("tap", "pivot", "slide", "yaw", "h", "swing", "arc", "load", "via(x,z,height,pitch)")
LONGEST_REACH = 0.995
TAP_LOAD = 0.22


def read_track(text: object, span_beats: float, where: str) -> tuple[Key, ...]:
    """Keys of one channel over *span_beats*; `... every 2` repeats what stands before it."""
    if isinstance(text, (int, float)) and not isinstance(text, bool):
        return (Key(0.0, (float(text),)),)
    if not isinstance(text, str):
        raise LibraryError(f"{where} is {text!r}, must be a string of beat:value: write for example '0:5 1:-5'")
    every = _EVERY.match(text.strip())
    body, cycle = (every[1], float(every[2])) if every else (text, float(span_beats))
    if cycle <= 0.0 or abs(span_beats / cycle - round(span_beats / cycle)) > 1e-9:
        raise LibraryError(f"{where} repeats every {cycle:g} beats, which does not divide {span_beats:g}: use a divisor")
    keys = []
    for word in body.split():
        match = _KEY.match(word)
        if match is None:
            raise LibraryError(f"{where} has '{word}', wanted beat:value or beat!:value: write for example '1.5:-8'")
        keys.append(Key(_within(float(match[1]), cycle, where), (float(match[3]),), match[2] or "~"))
    repeats = round(span_beats / cycle)
    return in_order([Key(k.beat + n * cycle, k.value, k.ease) for n in range(repeats) for k in keys], where)


def read_step(text: object, yaw_deg: Mapping[str, float], where: str) -> Step:
    """One step; a foot that does not say its yaw keeps *yaw_deg* of its side."""
    words = re.sub(r"\s*,\s*", ",", text).split() if isinstance(text, str) else []
    head = _STEP_HEAD.match(words[0]) if words else None
    if head is None or len(words) < 3:
        raise LibraryError(f"{where} is {text!r}, wanted foot and beat, x, z, options: write for example 'L0 .32 .02 yaw20'")
    options: dict[str, float | bool | tuple[float, float, float, float] | None] = {}
    for word in words[3:]:
        if word.startswith("via(") and word.endswith(")"):
            far = _numbers(word[4:-1], where)
            if len(far) not in (3, 4):
                raise LibraryError(
                    f"{where} has {word}, 3 or 4 numbers were wanted: give via(x,z,height) or via(x,z,height,pitch)"
                )
            options["via"] = (far[0], far[1], far[2], far[3] if len(far) == 4 else 0.0)
            continue
        match = _STEP_WORD.match(word)
        name = match[1] if match else word
        fields = {"yaw": "yaw_deg", "h": "lift_m", "swing": "swing_beats", "arc": "arc_m", "load": "load"}
        if name == "tap":
            options["load"] = TAP_LOAD
        elif name in ("pivot", "slide"):
            options[name] = True
        elif match and name in fields and match[2] is not None:
            options[fields[name]] = float(match[2])
        else:
            raise LibraryError(f"{where} has no step option '{word}'{nearest(name, _STEP_OPTIONS)}")
    x_m, z_m = _numbers(f"{words[1]},{words[2]}", where)
    return Step(side=head[1], beat=float(head[2]), x_m=x_m, z_m=z_m, **{"yaw_deg": yaw_deg[head[1]], **options})  # type: ignore[arg-type]


def read_arms(
    table: Mapping[str, object], poses: Mapping[str, tuple[float, ...]], span_beats: float, where: str
) -> dict[str, tuple[Key, ...]]:
    """Both arms over *span_beats*; `same(L)` does what the other does, `shift(L, 2)` the same two beats later."""
    arms: dict[str, tuple[Key, ...]] = {}
    later: dict[str, re.Match[str]] = {}
    for side in ("L", "R"):
        if side not in table:
            raise LibraryError(f'{where} has no arm {side}: add it, or write {side} = "same({"R" if side == "L" else "L"})"')
    for side, text in table.items():
        if side not in ("L", "R"):
            raise LibraryError(f"{where} has no arm '{side}'{nearest(side, ('L', 'R'))}")
        if not isinstance(text, str):
            raise LibraryError(f"{where}.{side} is {text!r}, must be a string: write for example '0 loose | 1! side'")
        reference = _ARM_REFERENCE.match(text.strip())
        if reference:
            later[side] = reference
        else:
            arms[side] = _arm_keys(text, poses, span_beats, f"{where}.{side}")
    for side, reference in later.items():
        other = reference[2]
        if other not in arms:
            raise LibraryError(f"{where}.{side} refers to {other}, which has no keys of its own: write one of them out")
        by = float(reference[3] or 0.0)
        moved = [Key((k.beat + by) % span_beats, k.value, k.ease) for k in arms[other]]
        arms[side] = in_order(sorted(moved, key=lambda k: k.beat), f"{where}.{side}")
    return arms


def in_order(keys: list[Key], where: str) -> tuple[Key, ...]:
    """*keys* as they are, if their beats rise."""
    if not keys:
        raise LibraryError(f"{where} is empty: give one key or leave the channel out")
    for a, b in itertools.pairwise(keys):
        if b.beat - a.beat < 1e-6:
            raise LibraryError(f"{where} has beat {b.beat:g} after beat {a.beat:g}: write the beats in rising order")
    return tuple(keys)


def _arm_keys(text: str, poses: Mapping[str, tuple[float, ...]], span_beats: float, where: str) -> tuple[Key, ...]:
    every = _EVERY.match(text.strip())
    body, cycle = (every[1], float(every[2])) if every else (text, float(span_beats))
    keys: list[Key] = []
    for part in body.split("|"):
        match = _ARM_KEY.match(part.strip())
        if match is None or (match[3] is None and match[4] is None):
            raise LibraryError(f"{where} has '{part.strip()}', wanted beat and pose: write for example '2! side(-.1,0,.1)'")
        pose = [0.0, 0.0, 0.0, 0.0]
        if match[3] is not None:
            if match[3] not in poses:
                raise LibraryError(f"{where} has no arm pose '{match[3]}'{nearest(match[3], poses)}")
            pose = [*poses[match[3]], 0.0][:4]
        if match[4] is not None:
            for i, change in enumerate(_numbers(match[4], where)[:4]):
                pose[i] += change
        beat, value = _within(float(match[1]), cycle, where), wrist_key(pose)
        keys.append(Key(beat, value, match[2] or "~"))
        if match[5] is not None:
            keys.append(Key(beat + float(match[5]), value, "-"))
    if cycle <= 0.0 or abs(span_beats / cycle - round(span_beats / cycle)) > 1e-9:
        raise LibraryError(f"{where} repeats every {cycle:g} beats, which does not divide {span_beats:g}: use a divisor")
    repeats = round(span_beats / cycle)
    return in_order([Key(k.beat + n * cycle, k.value, k.ease) for n in range(repeats) for k in keys], where)


def wrist_key(pose: list[float]) -> tuple[float, ...]:
    """out, up, forward, reach, swivel: the place is drawn in where it lies beyond the arm."""
    length = sum(v * v for v in pose[:3]) ** 0.5
    fit = min(1.0, LONGEST_REACH / max(length, 1e-6))
    return (pose[0] * fit, pose[1] * fit, pose[2] * fit, min(length, LONGEST_REACH), pose[3])


def _within(beat: float, span_beats: float, where: str) -> float:
    if not 0.0 <= beat < span_beats:
        raise LibraryError(f"{where} has beat {beat:g}, outside 0 to {span_beats:g}: move the key inside")
    return beat


def _numbers(text: str, where: str) -> list[float]:
    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise LibraryError(f"{where} has '{text}', a list of numbers was wanted: write for example -.1,0,.25") from None
