"""The desk: what holds, who carries it out, and how everyone is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pythonosc.osc_message import OscMessage

from audio2pose.music.heard import LISTENING, LOCKED
from audio2pose.presets import settings
from audio2pose.realtime.desk import Desk, Doors
from audio2pose.realtime.handoff import Commands, Latest
from audio2pose.realtime.moment import PLAYER, Follower, moment_dtype
from audio2pose.realtime.orders import ENGINE, ORDERS
from audio2pose.realtime.sources import StreamClock
from audio2pose.stage.palettes import PALETTES
from audio2pose.stage.scenes import SCENES

STYLES = ("disco", "house")


class Looks:
    """Notes what the desk changes of a screen."""

    def __init__(self) -> None:
        self.blackout = False
        self.changed: list[str] = []

    def set_palette(self, name: str) -> None:
        self.changed.append(name)

    def set_scene(self, name: str) -> None:
        self.changed.append(name)


class Made:
    """A desk, and all that it reaches."""

    def __init__(self, **stage: Any) -> None:
        self.hand, self.look, self.packets = Commands(), Looks(), []  # type: ignore[var-annotated]
        self.films: list[bool] = []
        doors = Doors(
            latency=lambda s: min(s, 0.25), record=self._record, info=lambda: (b"skeleton", b"styles"), echo=self.packets.append
        )
        chosen = settings(overrides={"stage": stage}, environ={})
        self._moment = np.zeros(1, moment_dtype(8))[0]
        self.watch = Latest(self._moment.dtype)
        self.desk = Desk(chosen, STYLES, self.hand, doors, self.watch, look=self.look, control=None)

    def engine_says(self, **holds: float) -> None:
        """What the engine publishes as set by the player, the rest as the desk knows it."""
        self._moment["player"] = [holds.get(name, self.desk.state[name]) for name in PLAYER]
        self.watch.write(self._moment)
        self.desk.process(None)

    def _record(self, on: bool) -> str:
        self.films.append(on)
        return "film.mp4"

    def told(self) -> list[tuple[str, float]]:
        messages = [OscMessage(p) for p in self.packets if p.startswith(b"/dance/state/")]
        return [(m.address.removeprefix("/dance/state/"), m.params[0]) for m in messages]


def _follower(beat: float, state: int = LOCKED) -> Follower:
    moment = np.zeros(1, moment_dtype(8))[0]
    moment["run"]["rotations"][..., 0] = 1.0
    moment["run"]["time_s"], moment["run"]["beat"] = np.arange(8), beat
    moment["heard"]["state"], moment["heard"]["meter"] = state, 4
    latest = Latest(moment.dtype)
    latest.write(moment)
    follower = Follower(latest, StreamClock(), 0.0)
    follower.look(3.5)
    return follower


@pytest.mark.parametrize("name", [name for name, order in ORDERS.items() if order.by == ENGINE])
def test_what_the_engine_does_is_passed_on_and_holds_once_the_engine_says_so(name: str) -> None:
    made = Made()
    before = dict(made.desk.state)
    made.desk.order(name, 100.0 if name == "tempo" else 1.0)
    assert made.hand.take() == (name, 100.0 if name == "tempo" else 1.0)
    assert made.desk.state == before
    assert made.told() == []
    made.desk.note({"event": "command", "command": name, "value": 2.0})
    if name in PLAYER:
        assert made.told() == []
        made.engine_says(**{name: 0.0 if name == "autogain" else 2.0})
    assert made.told() == [(name, 0.0 if name == "autogain" else 2.0)]
    assert made.desk.message


def test_what_the_engine_says_holds_whoever_asked_for_it() -> None:
    made = Made()
    made.engine_says(style=1.0, stylelock=1.0, freeze=1.0)
    made.engine_says(style=-1.0, stylelock=0.0, freeze=0.0, panic=1.0)
    assert made.told() == [
        ("style", 1),
        ("stylelock", 1),
        ("freeze", 1),
        ("style", -1),
        ("stylelock", 0),
        ("freeze", 0),
        ("panic", 1),
    ]
    assert made.desk.state["style"] == -1


def test_a_flood_of_orders_leaves_time_to_draw_and_info_is_answered_now_and_then() -> None:
    made = Made()
    for _ in range(1000):
        made.desk.order("info", 1.0)
    assert made.packets.count(b"skeleton") == 1


def test_a_look_waits_for_the_quantum_while_a_beat_is_known() -> None:
    made = Made()
    made.desk.process(_follower(5.2))
    made.desk.order("scene", 1.0)
    made.desk.order("palette", 2.0)
    made.desk.process(_follower(5.4))
    made.desk.process(_follower(7.9))
    assert made.look.changed == []
    made.desk.process(_follower(8.01))
    assert made.look.changed == [tuple(SCENES)[1], tuple(PALETTES)[2]]
    assert made.told() == [("scene", 1), ("palette", 2)]
    made.desk.process(_follower(12.0))
    assert len(made.look.changed) == 2


def test_a_look_changes_at_once_where_no_beat_is_known_or_no_quantum_holds() -> None:
    made = Made()
    made.desk.process(_follower(5.2, LISTENING))
    made.desk.order("scene", 1.0)
    made.desk.process(_follower(5.3, LISTENING))
    assert made.look.changed == [tuple(SCENES)[1]]
    made.engine_says(quantize=0.0)
    made.desk.order("scene", 2.0)
    made.desk.process(_follower(5.4))
    assert made.look.changed[1:] == [tuple(SCENES)[2]]


def test_a_number_beyond_the_last_scene_goes_round() -> None:
    made = Made()
    made.desk.order("scene", len(SCENES) + 1.0)
    made.desk.process(None)
    assert made.look.changed == [tuple(SCENES)[1]]


def test_panic_is_dark_and_idle_and_light_ends_both() -> None:
    made = Made()
    made.desk.order("panic", 1.0)
    assert made.look.blackout
    assert made.hand.take() == ("panic", 1.0)
    made.desk.order("blackout", 0.0)  # at once, before the engine has said that it is in panic
    assert not made.look.blackout
    assert made.hand.take() == ("panic", 0.0)
    made.engine_says(panic=1.0)
    made.desk.order("blackout", 0.0)
    assert made.hand.take() == ("panic", 0.0)


def test_latency_is_what_the_show_makes_of_it() -> None:
    made = Made()
    made.desk.order("latency", 900.0)
    assert made.desk.state["latency"] == pytest.approx(250.0)
    assert made.told() == [("latency", 250.0)]


def test_a_film_begins_once_and_ends_once() -> None:
    made = Made()
    for value in (1.0, 1.0, 0.0, 0.0):
        made.desk.order("record", value)
    assert made.films == [True, False]
    assert made.told() == [("record", 1), ("record", 0)]


def test_keys_step_toggle_and_add_from_what_holds() -> None:
    made = Made()
    assert made.desk.press("Q") == "quit"
    made.desk.press("S")
    made.desk.process(None)
    made.desk.press("S")
    made.desk.process(None)
    assert made.look.changed == list(SCENES)[1:3]
    made.desk.press("RIGHT_BRACKET", tempo_bpm=121.6)
    assert made.hand.take() == ("tempo", 123.0)
    made.desk.press("RIGHT_BRACKET", tempo_bpm=0.0)
    assert made.hand.take() is None
    made.desk.press("MINUS", gain_db=12.3)
    assert made.hand.take() == ("gain", 11.0)


def test_what_cannot_be_done_is_said_and_changes_nothing() -> None:
    made = Made()
    before = dict(made.desk.state)
    made.desk.order("quantize", 3.0)
    assert made.desk.refused == 1
    assert "quantize" in made.desk.message
    assert made.desk.state == before


def test_info_is_answered_with_all_that_holds() -> None:
    made = Made()
    made.desk.order("info", 1.0)
    assert made.packets[:2] == [b"skeleton", b"styles"]
    assert {name for name, _ in made.told()} == set(made.desk.state)


def test_a_saved_preset_gives_the_show_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made = Made(palette="neon")
    for name, value in (("scene", 2.0), ("latency", 55.0), ("hud", 0.0)):
        made.desk.order(name, value)
    made.desk.process(None)
    made.engine_says(style=1.0, quantize=16.0, gain=-6.0, autogain=0.0)
    made.desk.order("save", 1.0)
    (path,) = tmp_path.glob("audio2pose-*.toml")
    again = settings(str(path), environ={})
    assert again == made.desk.settings()
    assert (again.stage.palette, again.stage.scene, again.stage.latency_s) == ("neon", tuple(SCENES)[2], 0.055)
    assert (again.match.style, again.match.quantum_beats, again.hear.gain_db) == ("house", 16, -6.0)


def test_a_folder_that_cannot_be_written_is_said_and_the_show_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    made = Made()
    made.desk.order("save", 1.0)
    assert made.desk.refused == 1
    assert made.desk.message
