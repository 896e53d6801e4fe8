"""What the doctor finds on this machine, with parts really there and really missing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from argparse import ArgumentParser
from typing import Any

import numpy as np
import pytest

from audio2pose.realtime import devices, doctor, surroundings

NEEDED = {
    "python", "packages", "library", "kernels", "dance", "picture", "codecs", "video", "inputs", "level", "display", "osc",
}  # fmt: skip


def command(*arguments: str) -> int:
    parser = ArgumentParser()
    doctor.add_arguments(parser)
    return doctor.run(parser.parse_args(arguments))


def test_a_machine_without_sound_and_display_can_still_dance_a_song(
    no_sound: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert command("--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert document["ready"] is True
    checks = {c["name"]: c for c in document["checks"]}
    assert {name for name, c in checks.items() if c["vital"]} == NEEDED
    assert {c["state"] for c in checks.values()} <= {"ok", "note"}
    assert checks["osc"]["state"] == "ok"
    assert checks["inputs"]["state"] == checks["level"]["state"] == "note"
    if sys.platform.startswith("linux"):
        assert checks["display"]["state"] == "note"
    assert all(c["found"] for c in checks.values())


def test_the_list_for_eyes_has_a_line_for_each_check_and_an_end(no_sound: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command() == 0
    lines = capsys.readouterr().out.splitlines()
    told = [line.split()[1] for line in lines[:-1] if not line.lstrip().startswith("->")]
    assert told == [name for name, _, _ in doctor.Doctor().checks]
    assert lines[-1] == "a song can be danced here, and the show can run"


def test_the_level_of_a_tone_is_read(room: Any) -> None:
    t_s = np.arange(4 * 48_000) / 48_000
    tone = (0.1 * np.sin(2.0 * np.pi * 440.0 * t_s)).astype(np.float32)
    room.play(np.stack([tone, tone], axis=1))
    time.sleep(0.5)
    began_s = time.monotonic()
    state, found, _ = surroundings.level()
    assert time.monotonic() - began_s > 1.9, "two seconds are listened to"
    assert state == "ok"
    assert "peak -20 dB, mean -23 dB" in found
    state, found, _ = surroundings.inputs()
    assert state == "ok"
    assert "stage_mic" in found
    assert "house_monitor (loopback)" in found


def test_an_input_whose_sound_server_is_gone_is_told(room: Any) -> None:
    assert any(i.default for i in devices.inputs())
    room.close()
    try:
        state, found, todo = surroundings.level()
    finally:
        room.open()
    assert state == "missing"
    assert "does not open" in found
    assert todo.startswith("close what else uses it")


def test_without_the_portaudio_library_the_show_can_not_run_and_the_package_is_told() -> None:
    program = (
        "import ctypes.util\n"
        "find = ctypes.util.find_library\n"
        "ctypes.util.find_library = lambda name: None if 'portaudio' in name else find(name)\n"
        "from argparse import Namespace\n"
        "from audio2pose.realtime import doctor\n"
        "raise SystemExit(doctor.run(Namespace(json=False)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3
    lines = done.stdout.splitlines()
    (at,) = [k for k, line in enumerate(lines) if line.split()[1] == "inputs"]
    assert "missing" in lines[at]
    assert lines[at + 1].strip() == "-> apt-get install libportaudio2"
    assert lines[-1] == "a song can be danced into a video here; the show can not run yet: inputs, level"


def test_without_a_graphics_driver_the_doctor_says_what_to_install_and_exits_3() -> None:
    environment = {**os.environ, "__EGL_VENDOR_LIBRARY_DIRS": "/nonexistent", "LIBGL_DRIVERS_PATH": "/nonexistent"}
    program = (
        "from argparse import Namespace\n"
        "from audio2pose.realtime import doctor\n"
        "raise SystemExit(doctor.run(Namespace(json=True)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=environment)
    document = json.loads(done.stdout)
    checks = {c["name"]: c for c in document["checks"]}
    assert checks["picture"]["state"] == "missing"
    assert "libegl1" in checks["picture"]["install"]
    assert checks["dance"]["state"] in ("ok", "note")
    assert document["ready"] is False
    assert done.returncode == 3


def test_a_check_that_breaks_is_one_line_and_the_others_go_on() -> None:
    def broken() -> surroundings.Found:
        raise ValueError("first line\nsecond line")

    examined = doctor.Doctor()
    examined.checks = (("broken", False, broken), ("osc", False, surroundings.osc))
    first, second = examined.examine()
    assert (first.state, first.found) == ("missing", "ValueError: first line")
    assert second.state == "ok"
