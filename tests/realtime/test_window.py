"""The window: opened by glfw on a display of its own, looked at from outside, and ended by keys as people do."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from tests.realtime.shows import live


def _xdotool(display: str, *words: str) -> str:
    done = subprocess.run(
        ["xdotool", *words], env={**os.environ, "DISPLAY": display}, capture_output=True, text=True, timeout=10
    )
    return done.stdout.strip()


def _wait_for_window(display: str, title: str, show: subprocess.Popen[str]) -> str:
    until_s = time.monotonic() + 20.0
    while time.monotonic() < until_s and show.poll() is None:
        found = _xdotool(display, "search", "--onlyvisible", "--name", title)
        if found:
            return found.splitlines()[-1]
        time.sleep(0.1)
    raise AssertionError(show.communicate())


def _wait_until(seen: Callable[[], bool], seconds: float = 10.0) -> bool:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        if seen():
            return True
        time.sleep(0.05)
    return False


def _size(display: str, window: str) -> str:
    return next(
        (line.split()[-1] for line in _xdotool(display, "getwindowgeometry", window).splitlines() if "Geometry" in line), ""
    )


def test_a_window_opens_fills_the_screen_on_f_and_ends_on_q(display: str, tmp_path: Path) -> None:
    film, events = tmp_path / "o.mp4", tmp_path / "e.jsonl"
    show = live(
        "--demo", "--size", "320x240", "--title", "one dancer", "--json", "--record", str(film), "--events", str(events),
        display=display,
    )  # fmt: skip
    window = _wait_for_window(display, "one dancer", show)
    assert _size(display, window) == "320x240"
    assert _wait_until(lambda: events.exists() and "status" in events.read_text())
    _xdotool(display, "key", "--window", window, "f")
    assert _wait_until(lambda: _size(display, window) == "800x600")
    _xdotool(display, "key", "--window", window, "f")
    assert _wait_until(lambda: _size(display, window) == "320x240")
    began_s = time.monotonic()
    _xdotool(display, "key", "--window", window, "q")
    out, err = show.communicate(timeout=10)
    assert time.monotonic() - began_s < 1.5
    assert show.returncode == 0, err
    summary = json.loads(out)
    assert summary["frames"] > 20
    with av.open(film) as made:
        video = made.streams.video[0]
        assert (video.width, video.height) == (320, 240), "the film keeps its size, whatever is done to the window"
        assert float(video.duration * video.time_base) == pytest.approx(summary["seconds"], abs=1 / 30 + 0.003)
        picture = next(iter(made.decode(video=0))).to_ndarray(format="gray")
        assert picture.std() > 3.0


def test_keys_are_commands_that_the_events_tell(display: str, tmp_path: Path) -> None:
    events = tmp_path / "e.jsonl"
    show = live("--demo", "--size", "64x64", "--title", "played", "--events", str(events), display=display)
    window = _wait_for_window(display, "played", show)
    assert _wait_until(lambda: events.exists() and "status" in events.read_text())

    def told() -> list[tuple[str, float]]:
        lines = [json.loads(line) for line in events.read_text().splitlines() if '"command"' in line]
        return [(e["command"], e["value"]) for e in lines if e["event"] == "command"]

    pressed: list[tuple[str, float]] = []
    for key, command in [
        ("space", ("tap", 1.0)), ("t", ("tap", 1.0)), ("r", ("resync", 1.0)), ("Left", ("nudge", -10.0)),
        ("Right", ("nudge", 10.0)), ("Up", ("double", 1.0)), ("Down", ("half", 1.0)), ("l", ("lock", 1.0)),
        ("l", ("lock", 2.0)), ("l", ("lock", 0.0)), ("n", ("next", 1.0)), ("y", ("style", 0.0)), ("y", ("style", 1.0)),
        ("k", ("stylelock", 0.0)), ("z", ("freeze", 1.0)), ("z", ("freeze", 0.0)), ("4", ("quantize", 16.0)),
        ("a", ("autogain", 0.0)), ("plus", ("gain", 1.0)), ("BackSpace", ("panic", 1.0)), ("b", ("panic", 0.0)),
    ]:  # fmt: skip
        _xdotool(display, "key", "--window", window, key)
        pressed.append(command)
        assert _wait_until(lambda: told() == pressed), (key, told())
    _xdotool(display, "key", "--window", window, "bracketright")  # from the tempo that is heard at the moment
    assert _wait_until(lambda: told()[:-1] == pressed and told()[-1][0] == "tempo" and told()[-1][1] > 50.0), told()
    pressed.append(told()[-1])
    _xdotool(display, "key", "--window", window, "ctrl+t")
    _xdotool(display, "key", "--window", window, "r")
    assert _wait_until(lambda: told() == [*pressed, ("resync", 1.0)]), told()
    _xdotool(display, "key", "--window", window, "q")
    _, err = show.communicate(timeout=10)
    assert show.returncode == 0, err
    assert "lock: tempo" in err
    assert "lock: grid" in err
    assert "lock: free" in err


def test_a_screen_that_is_not_there_is_told_with_those_that_are(display: str) -> None:
    show = live("--demo", "--screen", "3", "--duration", "1", display=display)
    _, err = show.communicate(timeout=30)
    assert show.returncode == 3
    assert "no screen 3, screens are numbered 0 to 0" in err


def test_esc_ends_a_show_that_began_on_the_full_screen(display: str, tmp_path: Path) -> None:
    events = tmp_path / "e.jsonl"
    show = live(
        "--demo", "--size", "64x64", "--title", "full", "--fullscreen", "--screen", "0", "--json", "--events", str(events),
        display=display,
    )  # fmt: skip
    window = _wait_for_window(display, "full", show)
    assert _wait_until(lambda: _size(display, window) == "800x600")
    assert _wait_until(lambda: events.exists() and "status" in events.read_text())
    _xdotool(display, "key", "--window", window, "Escape")
    out, err = show.communicate(timeout=10)
    assert show.returncode == 0, err
    assert json.loads(out)["frames"] > 0


class _Message(ctypes.Structure):
    """XClientMessageEvent with 32-bit data."""

    _fields_ = (
        ("type", ctypes.c_int), ("serial", ctypes.c_ulong), ("send_event", ctypes.c_int), ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong), ("message_type", ctypes.c_ulong), ("format", ctypes.c_int), ("data", ctypes.c_long * 5),
        ("room", ctypes.c_long * 24),
    )  # fmt: skip


def _click_close(display: str, window: int) -> None:
    """What a window manager sends when someone clicks on the cross."""
    x = ctypes.CDLL(ctypes.util.find_library("X11"))
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XInternAtom.restype = ctypes.c_ulong
    x.XInternAtom.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int)
    x.XSendEvent.argtypes = (ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
    x.XCloseDisplay.argtypes = (ctypes.c_void_p,)
    connection = x.XOpenDisplay(display.encode())
    message = _Message(type=33, window=window, format=32, message_type=x.XInternAtom(connection, b"WM_PROTOCOLS", 0))
    message.data[0] = x.XInternAtom(connection, b"WM_DELETE_WINDOW", 0)
    x.XSendEvent(connection, window, 0, 0, ctypes.byref(message))
    x.XCloseDisplay(connection)


def test_closing_the_window_ends_the_show(display: str, need: Callable[[bool, str], None]) -> None:
    need(ctypes.util.find_library("X11") is not None, "libX11 is missing")
    show = live("--demo", "--size", "64x64", "--title", "closed", "--json", display=display)
    window = _wait_for_window(display, "closed", show)
    time.sleep(0.3)
    _click_close(display, int(window))
    out, err = show.communicate(timeout=10)
    assert show.returncode == 0, err
    assert json.loads(out)["seconds"] >= 0.0
