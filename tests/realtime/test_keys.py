"""Hotkeys: what each asks for, told without a window; test_window.py presses them in one."""

from __future__ import annotations

import pytest

from audio2pose.music.hand import FREE, GRID, TEMPO
from audio2pose.realtime.handoff import Commands
from audio2pose.realtime.keys import FULLSCREEN, NAMES, QUIT, Keys


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("SPACE", ("tap", 0.0)),
        ("T", ("tap", 0.0)),
        ("R", ("resync", 0.0)),
        ("LEFT", ("nudge", -10.0)),
        ("RIGHT", ("nudge", 10.0)),
        ("UP", ("double", 0.0)),
        ("DOWN", ("half", 0.0)),
    ],
)
def test_a_key_puts_its_command_into_the_queue(name: str, command: tuple[str, float]) -> None:
    queue = Commands()
    assert Keys(queue).press(name) == ""
    assert queue.take() == command
    assert queue.take() is None
    assert name in NAMES


@pytest.mark.parametrize(("lock", "following"), [(FREE, TEMPO), (TEMPO, GRID), (GRID, FREE)])
def test_l_goes_on_from_the_lock_that_holds_whoever_set_it(lock: int, following: int) -> None:
    queue = Commands()
    Keys(queue).press("L", lock=lock)
    assert queue.take() == ("lock", float(following))


@pytest.mark.parametrize(("name", "wish"), [("Q", QUIT), ("ESCAPE", QUIT), ("F", FULLSCREEN), ("X", ""), ("", "")])
def test_the_windows_own_keys_are_its_own(name: str, wish: str) -> None:
    queue = Commands()
    assert Keys(queue).press(name) == wish
    assert queue.waiting == 0


def test_a_key_that_is_held_repeats_nothing_but_nudges() -> None:
    queue = Commands()
    keys = Keys(queue)
    for name in NAMES:
        assert keys.press(name, again=True) == ""
    assert [queue.take() for _ in range(queue.waiting)] == [("nudge", -10.0), ("nudge", 10.0)]


def test_keys_that_come_faster_than_hops_take_them_are_counted_and_never_raise() -> None:
    queue = Commands(2)
    keys = Keys(queue)
    for _ in range(5):
        keys.press("T")
    assert (queue.waiting, queue.dropped) == (2, 3)
