"""Reads a style file (TOML) into phrases, strictly: an unknown word names the nearest one, an error names its place.

Shapes   one file a style: [style], [style.bounce], [style.feel], [poses], then one [[phrase]] after the other.
Threads  pure functions; reads the file that it is given and nothing else.
Source   our own notation.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from audio2pose.config import nearest
from audio2pose.errors import LibraryError

from .notation import in_order, read_arms, read_step, read_track
from .score import CHANNELS, ODD_CHANNELS, SIDED_CHANNELS, Bounce, Feel, Key, Phrase, Step

STYLE_KEYS = ("name", "meter", "passes", "bounce", "feel")
PHRASE_KEYS = (
    "name", "beats", "bpm", "energy", "meter", "passes", "mirror", "idle", "slide", "turns", "tempo", "halves", "start", "feet",
    "accent", "hits", "bounce", "feel", "body", "arms", "exempt", "note",
)  # fmt: skip
NEEDED_KEYS = ("name", "beats", "bpm", "energy", "start", "arms")
OTHER = {"L": "R", "R": "L"}


def read_poses(text: str, where: str) -> dict[str, tuple[float, ...]]:
    """Named arm poses: each +out, +up, +forward in arm lengths from the shoulder, then the elbow's swivel."""
    table = _toml(text, where)
    _known(table, ("poses",), where)
    return _poses(table.get("poses", {}), where)


def read_style(text: str, where: str, poses: Mapping[str, tuple[float, ...]]) -> list[Phrase]:
    """Every phrase of one style file; *poses* are the arm poses that every file may use, a file may add its own."""
    table = _toml(text, where)
    _known(table, ("style", "poses", "phrase"), where)
    style = table.get("style")
    if not isinstance(style, dict) or not isinstance(style.get("name"), str):
        raise LibraryError(f'{where} has no style name: begin it with [style] and name = "..."')
    _known(style, STYLE_KEYS, f"{where} [style]")
    bounce = _settings(Bounce(), style.get("bounce", {}), f"{where} [style.bounce]")
    feel = _settings(Feel(), style.get("feel", {}), f"{where} [style.feel]")
    all_poses = {**poses, **_poses(table.get("poses", {}), where)}
    phrases = table.get("phrase", [])
    if not isinstance(phrases, list) or not phrases:
        raise LibraryError(f"{where} has no phrase: add one under [[phrase]]")
    out: list[Phrase] = []
    for number, entry in enumerate(phrases, 1):
        place = f"{where}, phrase {entry.get('name', number)}"
        if any(entry.get("name") == p.name for p in out):
            raise LibraryError(f"{place} stands there twice: give each phrase its own name")
        out.append(_phrase(entry, style, bounce, feel, all_poses, place))
    return out


def _phrase(
    entry: dict[str, Any], style: dict[str, Any], bounce: Bounce, feel: Feel, poses: Mapping[str, tuple[float, ...]], where: str
) -> Phrase:
    _known(entry, PHRASE_KEYS, where)
    for key in NEEDED_KEYS:
        if key not in entry:
            raise LibraryError(f"{where} has no '{key}': add it")
    beats, bpm, energy = entry["beats"], entry["bpm"], entry["energy"]
    if not isinstance(beats, int) or not 2 <= beats <= 32:
        raise LibraryError(f"{where}, beats is {beats!r}, must be a whole number from 2 to 32: mend it")
    if not isinstance(bpm, (int, float)) or not 50.0 <= bpm <= 220.0:
        raise LibraryError(f"{where}, bpm is {bpm!r}, must lie within 50 to 220: mend it")
    if not isinstance(energy, (int, float)) or not 0.0 <= energy <= 1.0:
        raise LibraryError(f"{where}, energy is {energy!r}, must lie within 0 to 1: mend it")
    if not isinstance(entry["name"], str):
        raise LibraryError(f"{where}, name is {entry['name']!r}, must be a word: put it in quotes")
    meter, passes = entry.get("meter", style.get("meter", 4)), entry.get("passes", style.get("passes", 3))
    for key, value, lowest, highest in (("meter", meter, 2, 12), ("passes", passes, 1, 8)):
        if not isinstance(value, int) or not lowest <= value <= highest:
            raise LibraryError(f"{where}, {key} is {value!r}, must be a whole number from {lowest} to {highest}: mend it")
    for key in ("mirror", "idle", "slide"):
        if not isinstance(entry.get(key, False), bool):
            raise LibraryError(f"{where}, {key} is {entry[key]!r}, must be true or false: mend it")
    turns = entry.get("turns", 0)
    if isinstance(turns, bool) or not isinstance(turns, int) or not -3 <= turns <= 3:
        raise LibraryError(f"{where}, turns is {turns!r}, must be a whole number from -3 to 3: mend it")
    halves = entry.get("halves", "")
    if halves not in ("", "mirror") or (halves and beats % 2):
        raise LibraryError(f'{where}, halves is {halves!r}, must be "mirror", with an even number of beats: or leave it out')
    if halves and turns:
        raise LibraryError(f"{where}, turns is {turns}, but a mirrored half turns back: write the whole phrase out")
    span = beats / 2 if halves else float(beats)
    start = _start(entry["start"], f"{where} start")
    body_table = entry.get("body", {})
    _known(body_table, CHANNELS, f"{where} body")
    phrase = Phrase(
        name=entry["name"],
        style=style["name"],
        beats=beats,
        bpm=float(bpm),
        energy=float(energy),
        meter=meter,
        passes=passes,
        mirror=entry.get("mirror", True),
        idle=entry.get("idle", False),
        slide=entry.get("slide", False),
        turns=turns,
        tempo=_tempo(entry.get("tempo"), float(bpm), where),
        start=start,
        steps=_steps(entry.get("feet", []), start, span, where),
        accent=read_track(entry.get("accent", 1.0), span, f"{where} accent"),
        hits=read_track(entry["hits"], span, f"{where} hits") if "hits" in entry else (),
        body={name: read_track(text, span, f"{where} body.{name}") for name, text in body_table.items()},
        arms=read_arms(entry["arms"], poses, span, f"{where} arms"),
        bounce=_settings(bounce, entry.get("bounce", {}), f"{where} bounce"),
        feel=_settings(feel, entry.get("feel", {}), f"{where} feel"),
        exempt=_exempt(entry.get("exempt", {}), where),
        note=entry.get("note", ""),
    )
    if not phrase.slide and any(s.slide for s in phrase.steps):
        raise LibraryError(f"{where} feet, a foot slides but the phrase does not: write slide = true into the phrase")
    whole = _with_mirrored_half(phrase, span) if halves else phrase
    _check_swings(whole, where)
    return whole


def _steps(entries: object, start: Mapping[str, tuple[float, float, float]], span: float, where: str) -> tuple[Step, ...]:
    if not isinstance(entries, list):
        raise LibraryError(f'{where} feet is {entries!r}, must be a list of steps: write feet = ["L0 .3 0", ...]')
    yaw = {side: place[2] for side, place in start.items()}
    steps = [read_step(text, yaw, f"{where} feet") for text in entries]
    for step in steps:
        if not 0.0 <= step.beat < span:
            raise LibraryError(f"{where} feet, beat {step.beat:g} lies outside 0 to {span:g}: move the step inside")
    return tuple(sorted(steps, key=lambda s: s.beat))


def _with_mirrored_half(phrase: Phrase, span: float) -> Phrase:
    """The phrase with its written half danced again on the other side."""
    twin_steps = [
        replace(
            s, side=OTHER[s.side], beat=s.beat + span, x_m=-s.x_m, yaw_deg=-s.yaw_deg, arc_m=-s.arc_m,
            via=None if s.via is None else (-s.via[0], *s.via[1:]),
        )
        for s in phrase.steps
    ]  # fmt: skip
    body: dict[str, tuple[Key, ...]] = {}
    for name, keys in phrase.body.items():
        if name in SIDED_CHANNELS:
            stem, side = name[:-1], name[-1]
            twin = phrase.body.get(stem + OTHER[side], (Key(0.0, (0.0,)),))
            body[name] = _joined(keys, twin, span)
            if stem + OTHER[side] not in phrase.body:
                body[stem + OTHER[side]] = _joined((Key(0.0, (0.0,)),), keys, span)
        elif name in ODD_CHANNELS:
            body[name] = _joined(keys, [replace(k, value=(-k.value[0],)) for k in keys], span)
        elif name == "weight":
            body[name] = _joined(keys, [replace(k, value=(1.0 - k.value[0],)) for k in keys], span)
        else:
            body[name] = _joined(keys, keys, span)
    arms = {side: _joined(keys, phrase.arms.get(OTHER[side], keys), span) for side, keys in phrase.arms.items()}
    return replace(
        phrase,
        steps=phrase.steps + tuple(twin_steps),
        body=body,
        arms=arms,
        accent=_joined(phrase.accent, phrase.accent, span),
        hits=_joined(phrase.hits, phrase.hits, span) if phrase.hits else (),
    )


def _joined(first: Iterable[Key], second: Iterable[Key], span: float) -> tuple[Key, ...]:
    return in_order([*first, *(replace(k, beat=k.beat + span) for k in second)], "the mirrored half")


def _check_swings(phrase: Phrase, where: str) -> None:
    """A foot lands before it lifts again, and one foot stands while the other swings (unless it slides or the phrase hops)."""
    groups = [("L",), ("R",)] if "hop" in phrase.body else [("L",), ("R",), ("L", "R")]
    for sides in groups:
        moving = [s for s in phrase.steps if s.side in sides and not s.pivot and not (s.slide and len(sides) > 1)]
        steps = sorted(moving, key=lambda s: s.beat)
        again = [replace(s, beat=s.beat + phrase.beats) for s in steps]
        for step, following in zip(steps, (steps + again)[1:]):
            land = step.beat - phrase.feel.land_lead_beats
            lift = following.beat - phrase.feel.land_lead_beats - following.swing_beats
            if lift < land - 1e-6:
                raise LibraryError(
                    f"{where} feet, {following.side}{following.beat % phrase.beats:g} lifts at {lift:.2f} before "
                    f"{step.side}{step.beat:g} has landed at {land:.2f}: shorten its swing, as in 'swing.4'"
                )


def _tempo(told: object, bpm: float, where: str) -> tuple[float, float]:
    """The slowest and fastest tempo that suit a phrase; (0, 0) where its author does not say."""
    if told is None:
        return 0.0, 0.0
    if not isinstance(told, list) or len(told) != 2 or not all(isinstance(t, (int, float)) for t in told):
        raise LibraryError(f"{where}, tempo is {told!r}, must be the slowest and the fastest BPM, as in [90, 120]: mend it")
    if not 30.0 <= told[0] <= bpm <= told[1] <= 260.0:
        raise LibraryError(f"{where}, tempo {told[0]:g} to {told[1]:g} does not hold its own bpm {bpm:g}: widen it")
    return float(told[0]), float(told[1])


def _start(table: object, where: str) -> dict[str, tuple[float, float, float]]:
    if not isinstance(table, dict) or set(table) != {"L", "R"}:
        raise LibraryError(f"{where} is {table!r}, wanted both feet: write {{ L = [x, z, yaw], R = [x, z, yaw] }}")
    for side, place in table.items():
        if not isinstance(place, list) or len(place) != 3 or not all(isinstance(v, (int, float)) for v in place):
            raise LibraryError(f"{where}.{side} is {place!r}, must be three numbers: write [x, z, yaw]")
    return {side: (float(place[0]), float(place[1]), float(place[2])) for side, place in table.items()}


def _poses(table: object, where: str) -> dict[str, tuple[float, ...]]:
    if not isinstance(table, dict):
        raise LibraryError(f"{where} poses is {table!r}, must be a table: write name = [out, up, forward]")
    for name, pose in table.items():
        if not isinstance(pose, list) or len(pose) not in (3, 4) or not all(isinstance(v, (int, float)) for v in pose):
            raise LibraryError(f"{where} pose {name} is {pose!r}, must be [out, up, forward] or with a swivel: mend it")
    return {name: tuple(float(v) for v in pose) for name, pose in table.items()}


def _exempt(table: object, where: str) -> dict[str, str]:
    if not isinstance(table, dict) or not all(isinstance(v, str) and len(v) > 10 for v in table.values()):
        raise LibraryError(f'{where} exempt is {table!r}, must give a reason for each gate: write {{ jerk = "why" }}')
    return dict(table)


def _settings(base: Any, table: object, where: str) -> Any:
    if not isinstance(table, dict):
        raise LibraryError(f"{where} is {table!r}, must be a table: write name = number")
    names = [f.name for f in dataclasses.fields(base)]
    _known(table, names, where)
    for name, value in table.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise LibraryError(f"{where}.{name} is {value!r}, must be a number: mend it")
    return replace(base, **{name: float(value) for name, value in table.items()})


def _known(table: Mapping[str, object], names: Iterable[str], where: str) -> None:
    names = sorted(names)
    for key in table:
        if key not in names:
            raise LibraryError(f"{where} has no key '{key}'{nearest(key, names)}")


def _toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise LibraryError(f"{where} is no valid TOML ({error}): mend that line") from error
