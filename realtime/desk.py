"""The desk: what holds in a running show, and the hands on it. Keys and the control port give orders; it carries out, or
passes on, and tells everyone what holds now.

Shapes   an order is (name, value), see orders.py.
Time     scene and palette wait for the quantum as cuts of the dance do, while a beat is known; all else acts at once.
Threads  main. What the engine carries out goes through the desk's own queue, and holds once the engine has told it.
Source   our own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from audio2pose.arrays import F32
from audio2pose.config import Settings
from audio2pose.errors import Audio2PoseError
from audio2pose.match.matcher import ANY_STYLE
from audio2pose.media.atomic import atomic_write
from audio2pose.music.heard import FLYWHEEL, LOCKED
from audio2pose.performer import LOCK_NAMES, checked
from audio2pose.presets import as_toml
from audio2pose.stage.palettes import PALETTES
from audio2pose.stage.scenes import SCENES
from audio2pose.terminal import say

from .control import Control, state_packet
from .handoff import Commands, Latest
from .keys import pressed
from .moment import PLAYER, Follower
from .orders import ENGINE, ORDERS

INFO_S = 0.5
"""Answers to `info` come no faster: each is many packets to many."""
SHOWN_S = 2.5
"""How long a change stands in the picture."""
TEMPO_STEP_FROM_BPM = 20.0


class Look(Protocol):
    """What the desk changes of a screen. Threads: main."""

    blackout: bool

    def set_palette(self, name: str) -> None: ...
    def set_scene(self, name: str) -> None: ...


@dataclass(slots=True, kw_only=True)
class Doors:
    """What the desk reaches beyond itself.

    *latency* takes seconds and returns what holds, *record* begins (True) or ends a film and returns its path, *info* gives
    packets, *echo* takes a packet for everyone who is sent to.
    """

    latency: Callable[[float], float]
    record: Callable[[bool], str]
    info: Callable[[], Sequence[bytes]]
    echo: Callable[[bytes], None]


class Desk:
    """`state` holds by name what is set; `message` is what the picture should say now.

    *dances* are the styles that a key steps through: an idle is none.
    """

    def __init__(
        self, settings: Settings, styles: Sequence[str], hand: Commands, doors: Doors, watch: Latest, *,
        look: Look | None, control: Control | None, dances: Sequence[int] | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._styles, self._hand, self._doors = settings, tuple(styles), hand, doors
        self._watch = watch
        self._dances = tuple(float(k) for k in (range(len(styles)) if dances is None else dances))
        self._look, self._control = look, control
        self._palettes, self._scenes = tuple(PALETTES), tuple(SCENES)
        self.counts = {
            "lock": len(LOCK_NAMES),
            "style": len(styles),
            "palette": len(self._palettes),
            "scene": len(self._scenes),
        }
        stage, match, hear = settings.stage, settings.match, settings.hear
        self.state: dict[str, float] = {
            "lock": 0, "style": self._styles.index(match.style) if match.style in styles else ANY_STYLE,
            "stylelock": bool(match.style),
            "freeze": 0, "panic": 0, "quantize": match.quantum_beats, "gain": hear.gain_db,
            "autogain": hear.auto_gain and hear.gain_db == 0.0, "latency": 1e3 * stage.latency_s,
            "palette": self._palettes.index(stage.palette), "scene": self._scenes.index(stage.scene), "blackout": 0,
            "record": 0, "hud": stage.hud,
        }  # fmt: skip
        self._waiting: dict[str, float] = {}
        self._beat = math.nan
        self._panics = False
        self._told_s = -math.inf
        self.refused = 0
        self._message, self._until_s = "", 0.0

    @property
    def message(self) -> str:
        """What changed just now, in words; "" after a while."""
        return self._message if time.perf_counter() < self._until_s else ""

    @property
    def marks(self) -> str:
        """What holds and would else not be seen, for as long as it does."""
        marked = {"record": "REC", "freeze": "frozen", "stylelock": "style kept", "blackout": "black"}
        lock = f"{LOCK_NAMES[int(self.state['lock'])]} locked" if self.state["lock"] else ""
        return " · ".join(word for word in (lock, *(words for name, words in marked.items() if self.state[name])) if word)

    def name_of(self, name: str) -> str:
        """The scene or palette that holds."""
        return (self._palettes if name == "palette" else self._scenes)[int(self.state[name])]

    def press(self, key: str, *, again: bool = False, tempo_bpm: float = 0.0, gain_db: float = 0.0) -> str:
        """Carry out what *key* orders; returns the wish that is the window's own, else "". Tempo and gain are those heard."""
        now = {**self.state, "tempo": round(tempo_bpm), "gain": round(gain_db)}
        meant = pressed(key, now, self.counts, again=again)
        if meant is not None and meant[0] == "style":
            # Round through those that are dances, and all of them.
            ring = [float(ANY_STYLE), *self._dances]
            meant = "style", ring[(ring.index(now["style"]) + 1) % len(ring) if now["style"] in ring else 0]
        if meant is None:
            return ""
        if meant[0] not in ORDERS:
            return meant[0]
        if meant[0] == "tempo" and meant[1] < TEMPO_STEP_FROM_BPM:
            return ""  # there is none to step from
        self.order(*meant)
        return ""

    def order(self, name: str, value: float) -> None:
        """Carry it out or pass it on; what cannot be done is said and changes nothing. Threads: main."""
        try:
            if ORDERS[name].by == ENGINE:
                self._hand.put(*checked(name, value))
            else:
                self._carry_out(name, value)
        except Audio2PoseError as error:
            self.refused += 1
            self.say(error.parts[0])

    def process(self, follower: Follower | None) -> None:
        """Once a frame: orders that came in, and looks whose beat has come."""
        if self._control is not None:
            for _ in range(len(self._control.orders)):  # what comes meanwhile belongs to the next frame
                self.order(*self._control.orders.popleft())
        moment = self._watch.read()
        if moment is not None:
            self._hear(moment["player"])
        if self._waiting:
            self._change_look(follower)
        if follower is not None:
            self._beat = float(follower.pose["beat"])

    def hold(self, name: str, value: float, *, quietly: bool = False) -> None:
        """It is so, whoever made it so: a film that could not be written is over."""
        if abs(float(value) - float(self.state[name])) > 1e-4:
            self._set(name, float(value), quietly=quietly)

    def note(self, event: Mapping[str, Any]) -> None:
        """The engine has carried out a command. What holds after it is told once the engine says so, a button at once."""
        name, value = str(event["command"]), float(event["value"])
        if name in ORDERS and name not in self.state:  # the lead is no order: it follows from the latency
            self._tell(name, value)

    def _hear(self, player: F32) -> None:
        """Take the engine's word for what holds."""
        chosen = self.state["style"]
        for name, value in zip(PLAYER, player.tolist()):
            # Whoever asks for a style reads its name, and not that it is kept.
            self.hold(name, value, quietly=name == "stylelock" and self.state["style"] != chosen)

    def tell_all(self) -> None:
        """Everything that holds, to all who listen."""
        for name, value in self.state.items():
            self._echo(name, value)

    def say(self, text: str) -> None:
        """Show *text* in the picture for a while."""
        self._message, self._until_s = text, time.perf_counter() + SHOWN_S

    def _carry_out(self, name: str, value: float) -> None:
        if name in ("palette", "scene"):
            self._waiting[name] = value % self.counts[name]
        elif name == "panic":
            self._panics = self._hand.put("panic", 1.0) or self._panics
            self._set("blackout", 1.0)
        elif name == "blackout":
            if not value and (self._panics or self.state["panic"]):
                self._panics = not self._hand.put("panic", 0.0)
            self._set("blackout", value)
        elif name == "latency":
            self._set("latency", 1e3 * self._doors.latency(value / 1e3))
        elif name == "record":
            if bool(value) != bool(self.state["record"]):
                say(f"{'filming into' if value else 'filmed'} {self._doors.record(bool(value))}")
                self._set("record", value)
        elif name == "hud":
            self._set("hud", value)
        elif name == "save":
            say(f"wrote {self.save()}; give it with --preset")
            self._tell(name, value)
        elif name == "info" and time.perf_counter() - self._told_s >= INFO_S:
            self._told_s = time.perf_counter()
            for packet in self._doors.info():
                self._send(packet)
            self.tell_all()

    def _set(self, name: str, value: float, *, quietly: bool = False) -> None:
        self.state[name] = value
        if name == "blackout" and self._look is not None:
            self._look.blackout = bool(value)
        self._echo(name, value)
        words = "" if quietly else self._words(name, value)
        if words:
            self.say(words)

    def _change_look(self, follower: Follower | None) -> None:
        """Scene and palette on the quantum, at once where no beat is known."""
        quantum = int(self.state["quantize"])
        if follower is not None and quantum and int(follower.heard["state"]) in (LOCKED, FLYWHEEL):
            origin = int(follower.heard["bar_origin"]) if follower.heard["meter"] else 0
            beat = float(follower.pose["beat"])
            passed = not math.isfinite(beat + self._beat) or (
                math.floor((beat - origin) / quantum) > math.floor((self._beat - origin) / quantum)
            )
            if not passed:
                return
        for name, value in self._waiting.items():
            if self._look is not None:
                if name == "palette":
                    self._look.set_palette(self._palettes[int(value)])
                else:
                    self._look.set_scene(self._scenes[int(value)])
            self._set(name, value)
        self._waiting.clear()

    def _tell(self, name: str, value: float) -> None:
        self._echo(name, value)
        words = self._words(name, value)
        if words:
            self.say(words)

    def _echo(self, name: str, value: float) -> None:
        self._send(state_packet(name, value))

    def _send(self, packet: bytes) -> None:
        if self._control is not None:
            self._control.answer(packet)
        self._doors.echo(packet)

    def _words(self, name: str, value: float) -> str:
        """What changed, as the picture tells it."""
        k = int(value)
        if name == "style":
            return f"style {self._styles[k]}" if 0 <= k < len(self._styles) else "every style"
        if name in ("palette", "scene"):
            return f"{name} {self.name_of(name)}"
        if name == "lock":
            return f"lock {LOCK_NAMES[k]}"
        if name == "quantize":
            return f"cuts on {k} beats" if k else "cuts at once"
        if name in ("gain", "latency", "nudge", "tempo"):
            unit = {"gain": "dB", "tempo": "BPM"}.get(name, "ms")
            return f"{name} {value:+g} {unit}" if name in ("gain", "nudge") else f"{name} {value:g} {unit}"
        if name in ("stylelock", "freeze", "blackout", "record", "autogain"):
            return f"{name} {'on' if value else 'off'}"
        return "" if name in ("hud", "info") else name

    def settings(self) -> Settings:
        """The settings of the show as they are now."""
        s, was = self.state, self._settings
        style = int(s["style"])
        return replace(
            was,
            hear=replace(was.hear, auto_gain=bool(s["autogain"]), gain_db=0.0 if s["autogain"] else float(s["gain"])),
            match=replace(was.match, style=self._styles[style] if style >= 0 else "", quantum_beats=int(s["quantize"])),
            stage=replace(
                was.stage, palette=self._palettes[int(s["palette"])], scene=self._scenes[int(s["scene"])],
                hud=bool(s["hud"]), latency_s=round(float(s["latency"]) / 1e3, 6),
            ),
        )  # fmt: skip

    def save(self) -> Path:
        """Write them as a preset beside where the show was started. Raises OutputError."""
        path = Path(time.strftime("audio2pose-%Y%m%d-%H%M%S.toml"))
        with atomic_write(path) as beside:
            beside.write_text(as_toml(self.settings(), time.strftime("A show's settings, %Y-%m-%d %H:%M.")), "utf-8")
        return path
