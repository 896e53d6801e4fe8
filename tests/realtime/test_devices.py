"""The inputs as a person sees and names them, with the real PortAudio."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import ArgumentParser
from typing import Any

import pytest

from audio2pose.errors import DeviceError
from audio2pose.realtime import devices


def command(*arguments: str) -> int:
    parser = ArgumentParser()
    devices.add_arguments(parser)
    return devices.run(parser.parse_args(arguments))


def test_every_input_is_listed_with_its_marks(room: Any) -> None:
    found = {i.name: i for i in devices.inputs()}
    assert {"stage_mic", "house_monitor", "default"} <= set(found)
    assert found["house_monitor"].loopback
    assert not found["stage_mic"].loopback
    assert [i.name for i in found.values() if i.default] == ["default"]
    mic = found["stage_mic"]
    assert mic.host_api == "ALSA"
    assert mic.channels >= 2
    assert mic.default_rate_hz > 0
    assert 0.0 < mic.latency_s < 0.2


def test_the_list_as_json_holds_what_the_list_for_eyes_holds(room: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    row = next(r for r in document["inputs"] if r["name"] == "house_monitor")
    assert set(row) == {
        "index", "name", "host_api", "channels", "default_rate_hz", "latency_ms", "loopback", "default",
    }  # fmt: skip
    assert row["loopback"] is True
    assert command() == 0
    (line,) = [text for text in capsys.readouterr().out.splitlines() if "house_monitor" in text]
    assert line.split()[0] == str(row["index"])
    assert line.endswith("loopback")


@pytest.mark.parametrize(("wanted", "name"), [("stage", "stage_mic"), ("STAGE_MIC", "stage_mic"), (None, "default"),
                                              ("monitor", "house_monitor"), ("default, ALSA", "default")])  # fmt: skip
def test_an_input_is_found_by_a_part_of_its_name(room: Any, wanted: str | None, name: str) -> None:
    assert devices.find_input(wanted).name == name


def test_an_input_is_found_by_its_index(room: Any) -> None:
    for one in devices.inputs():
        assert devices.find_input(one.index) == devices.find_input(str(one.index)) == one


def test_a_part_that_fits_several_takes_the_systems_own(room: Any) -> None:
    assert devices.find_input("alsa").default


@pytest.mark.parametrize(("wanted", "near"), [("stage_mike", "stage_mic"), ("hause monitor", "house_monitor")])
def test_a_name_that_fits_none_names_the_nearest(room: Any, wanted: str, near: str) -> None:
    with pytest.raises(DeviceError, match=f"'{wanted}', the nearest is '{near}': use --device") as told:
        devices.find_input(wanted)
    assert told.value.exit_code == 3


def card(name: str, index: int) -> devices.InputInfo:
    return devices.InputInfo(index, name, "ALSA", 2, 48_000, 0.01, loopback=False, default=False)


def test_a_card_that_comes_back_under_another_number_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [card("HDA Intel: ALC257 (hw:0,0)", 0), card("Scarlett 2i2: USB Audio (hw:2,0)", 1)]
    monkeypatch.setattr(devices, "inputs", lambda: there)
    assert devices.find_input("Scarlett 2i2: USB Audio (hw:1,0), ALSA") is there[1]
    assert devices.find_input("(hw:2,0)") is there[1]
    assert devices.find_again(["Scarlett 2i2: USB Audio (hw:1,0), ALSA", "hda"]) is there[1]
    assert devices.find_again(["Babyface (hw:1,0), ALSA", "hda"]) is there[0]
    with pytest.raises(DeviceError, match="named like 'babyface'"):
        devices.find_again(["Babyface (hw:1,0), ALSA", "babyface"])


def test_an_index_that_is_no_input_tells_those_that_are(room: Any) -> None:
    with pytest.raises(DeviceError, match="no sound input has the index 99, there is 0, 1"):
        devices.find_input("99")


@pytest.mark.parametrize(
    "name", ["Monitor of Built-in Audio", "Stereo Mix (Realtek)", "BlackHole 2ch", "CABLE Output (VB-Audio)"]
)
def test_names_of_known_loopbacks_are_known(name: str) -> None:
    assert devices.is_loopback(name)


@pytest.mark.parametrize("name", ["Scarlett 2i2 USB: Audio (hw:1,0)", "MacBook Pro Microphone", "pulse", ""])
def test_a_microphone_is_no_loopback(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULSE_SOURCE", raising=False)
    assert not devices.is_loopback(name)


def test_a_machine_without_inputs_says_so_and_that_is_an_answer(no_sound: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["inputs"] == []
    assert "no sound input on this machine" in document["notes"][0]
    assert command() == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "no sound input on this machine" in told.err


def test_a_search_on_a_machine_without_inputs_is_an_error(no_sound: None) -> None:
    for wanted in (None, "stage_mic", 0):
        with pytest.raises(DeviceError, match="no sound input on this machine"):
            devices.find_input(wanted)


def test_without_the_portaudio_library_the_error_tells_the_package() -> None:
    program = (
        "import ctypes.util; ctypes.util.find_library = lambda name: None\n"
        "from audio2pose.errors import DeviceError\n"
        "from audio2pose.realtime import devices\n"
        "try:\n    devices.inputs()\nexcept DeviceError as error:\n    print(error.exit_code, error)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True).stdout
    assert told.startswith("3 the PortAudio library is missing")
    assert told.endswith("apt-get install libportaudio2\n")
