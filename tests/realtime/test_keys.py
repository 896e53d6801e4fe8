"""Hotkeys: what each orders, told without a window; test_window.py presses them in one."""

from __future__ import annotations

import pytest

from audio2pose.realtime.keys import ADD, BY_NAME, FULLSCREEN, HELP, KEYS, QUIT, ROWS, WISHES, pressed
from audio2pose.realtime.orders import ORDERS

COUNTS = {"lock": 3, "style": 2, "scene": 5, "palette": 5}


@pytest.mark.parametrize(
    ("name", "order"),
    [
        ("SPACE", ("tap", 1.0)),
        ("T", ("tap", 1.0)),
        ("R", ("resync", 1.0)),
        ("LEFT", ("nudge", -10.0)),
        ("RIGHT", ("nudge", 10.0)),
        ("UP", ("double", 1.0)),
        ("DOWN", ("half", 1.0)),
        ("3", ("quantize", 8.0)),
        ("BACKSPACE", ("panic", 1.0)),
        ("Q", (QUIT, 1.0)),
        ("ESCAPE", (QUIT, 1.0)),
        ("F", (FULLSCREEN, 1.0)),
        ("SLASH", (HELP, 1.0)),
        ("X", None),
        ("", None),
    ],
)
def test_a_key_means_its_order(name: str, order: tuple[str, float] | None) -> None:
    assert pressed(name, {}, COUNTS) == order


@pytest.mark.parametrize(("now", "following"), [(0, 1.0), (1, 2.0), (2, 0.0)])
def test_l_goes_on_from_the_lock_that_holds_whoever_set_it(now: float, following: float) -> None:
    assert pressed("L", {"lock": now}, COUNTS) == ("lock", following)


def test_stepping_goes_round_and_begins_with_the_first_where_none_was_chosen() -> None:
    assert pressed("Y", {"style": -1}, COUNTS) == ("style", 0.0)
    assert pressed("Y", {"style": 1}, COUNTS) == ("style", 0.0)
    assert pressed("S", {"scene": 4}, COUNTS) == ("scene", 0.0)


def test_toggles_turn_over_what_holds() -> None:
    assert pressed("B", {"blackout": 0}, COUNTS) == ("blackout", 1.0)
    assert pressed("B", {"blackout": 1}, COUNTS) == ("blackout", 0.0)


def test_adding_keys_go_on_from_what_holds_and_nudges_add_up_elsewhere() -> None:
    assert pressed("PERIOD", {"latency": 30.0}, COUNTS) == ("latency", 35.0)
    assert pressed("MINUS", {"gain": 2.0}, COUNTS) == ("gain", 1.0)
    assert pressed("RIGHT", {"nudge": 10.0}, COUNTS) == ("nudge", 10.0)


def test_a_key_that_is_held_repeats_only_what_adds() -> None:
    repeating = {name for name in BY_NAME if pressed(name, {}, COUNTS, again=True) is not None}
    assert repeating == {name for name, key in BY_NAME.items() if key.how == ADD}
    assert "T" not in repeating


def test_every_order_of_the_contract_has_a_key_and_every_key_an_order() -> None:
    assert {key.order for key in KEYS} == set(ORDERS) | set(WISHES)


def test_no_key_is_named_twice_and_each_says_what_it_does() -> None:
    names = [name for key in KEYS for name in key.names]
    assert len(names) == len(set(names))
    assert all(shown and does for shown, does in ROWS)
