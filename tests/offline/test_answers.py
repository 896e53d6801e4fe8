"""`beats` and `inspect`: their JSON is the contract that other programs hold on to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio2pose.media.demo_song import demo_song
from tests.measures import f_measure

Run = Callable[..., tuple[int, str, str]]
KEYS = {"schema", "format", "frames", "fps", "seconds", "joints", "unit", "up", "faults", "tempo_bpm"}


def asked(command: Run, *argv: object) -> dict[str, object]:
    code, out, err = command(*argv, "--json")
    assert code == 0, err
    document: dict[str, object] = json.loads(out)
    return document


@pytest.mark.parametrize("online", [False, True])
def test_beats_as_the_contract_says(demo: Path, command: Run, online: bool) -> None:
    found = asked(command, "beats", demo, *(["--online"] if online else []))
    assert list(found) == ["schema", "song", "mode", "sample_rate_hz", "duration_s", "tempo_bpm", "beats"]
    assert (found["schema"], found["song"], found["mode"]) == (1, str(demo), "online" if online else "offline")
    assert found["duration_s"] == pytest.approx(12.0)
    beats = found["beats"]
    assert isinstance(beats, list)
    assert all(list(b) == ["time_s", "emitted_s", "position", "tempo_bpm", "confidence"] for b in beats)
    assert all(0.0 <= b["confidence"] <= 1.0 and 0 <= b["position"] <= 7 for b in beats)
    times_s = np.array([b["time_s"] for b in beats])
    assert (np.diff(times_s) > 0).all()
    emitted_s = np.array([b["emitted_s"] for b in beats])
    if online:
        # Each beat is told before it sounds, and the tempo is known to a few percent from the first on.
        assert (np.diff(emitted_s) > 0).all()
        assert (emitted_s < times_s + 0.05).all()
    else:
        assert (emitted_s == found["duration_s"]).all()
        song = demo_song()
        truth_s = song.beat_times_s[(song.beat_times_s >= 8.0) & (song.beat_times_s < 20.0)] - 8.0
        assert f_measure(times_s, truth_s) > 0.95


def test_beats_of_a_song_cut_anywhere_are_the_same_to_the_last_bit(demo: Path, command: Run, made: Callable[..., Path]) -> None:
    from audio2pose.media.decode import read_song

    whole = asked(command, "beats", demo, "--online")["beats"]
    for cut_s in (5.0, 8.123):
        samples, rate_hz = read_song(demo, end_s=cut_s)
        part = asked(command, "beats", made(samples, rate_hz), "--online")["beats"]
        assert isinstance(whole, list)
        assert part == [b for b in whole if b["emitted_s"] < cut_s]


def test_a_song_without_beats_has_no_tempo(command: Run, made: Callable[..., Path]) -> None:
    found = asked(command, "beats", made(np.zeros(44100 * 3, np.float32)))
    assert (found["beats"], found["tempo_bpm"]) == ([], None)


def test_beats_for_people_are_a_bar_a_line(demo: Path, command: Run) -> None:
    code, out, _ = command("beats", demo)
    lines = out.strip().splitlines()
    assert code == 0
    assert "BPM" in lines[0]
    assert all(line.startswith("bar ") for line in lines[1:])
    assert len(lines) > 5


def test_inspect_tells_a_sound(demo: Path, command: Run, made: Callable[..., Path]) -> None:
    found = asked(command, "inspect", demo)
    assert set(found) >= KEYS
    assert (found["kind"], found["format"], found["channels"]) == ("sound", "wav/pcm_f32le", 1)
    assert found["seconds"] == pytest.approx(12.0)
    assert found["faults"] == []
    odd = np.zeros((48000, 2), np.float32)
    odd[5] = np.nan
    found = asked(command, "inspect", made(odd, 48000))
    assert (found["channels"], found["sample_rate_hz"], found["frames"]) == (2, 48000, 48000)
    assert [f.split(":")[0] for f in found["faults"]] == ["2 samples are no numbers (NaN or infinite)", "silence"]  # type: ignore[union-attr, attr-defined]


def test_inspect_tells_our_own_dance(demo: Path, tmp_path: Path, command: Run) -> None:
    command("render", demo, "-o", tmp_path / "a.npz", "-o", tmp_path / "a.json", "-o", tmp_path / "a.npy", "--end", "8")
    for suffix in ("npz", "json"):
        found = asked(command, "inspect", tmp_path / f"a.{suffix}")
        assert set(found) >= KEYS
        assert (found["format"], found["frames"], found["fps"], found["joints"]) == (suffix, 480, 60.0, 24)
        assert (found["unit"], found["up"], found["faults"]) == ("m", "y", [])
        assert found["tempo_bpm"] == pytest.approx(float(np.median(60 / np.diff(demo_song().beat_times_s[20:40]))), rel=0.02)
    found = asked(command, "inspect", tmp_path / "a.npy")
    assert (found["joints"], found["up"], found["tempo_bpm"]) == (17, "y", None)
    assert found["faults"] == ["a .npy says no rate, 60 poses a second were guessed"]


def test_inspect_finds_what_is_wrong_with_real_reconstructed_motion(testdata: Path, command: Run) -> None:
    folder = testdata / "motion" / "aistpp" / "derived3d"
    found = asked(command, "inspect", folder / "gBR_sBM_cAll_d04_mBR0_ch01.npy")
    assert (found["frames"], found["joints"], found["unit"], found["up"]) == (720, 17, "cm", "y")
    faults = " ".join(found["faults"])  # type: ignore[arg-type]
    assert "bones change" in faults
    assert "faster than a person" in faults


def test_a_body_that_lies_along_another_axis_is_told(tmp_path: Path, command: Run, demo: Path) -> None:
    command("render", demo, "-o", tmp_path / "a.npy", "--joints", "body24", "--end", "2")
    np.save(tmp_path / "z.npy", np.load(tmp_path / "a.npy")[:, :, [0, 2, 1]])
    assert asked(command, "inspect", tmp_path / "z.npy")["up"] == "z"


@pytest.mark.parametrize(("name", "content"), [("a.bvh", b"HIERARCHY\nROOT"), ("a.json", b'{"a": 1}'), ("a.npy", b"text")])
def test_content_that_is_neither_is_one_clear_line(tmp_path: Path, command: Run, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    code, out, err = command("inspect", tmp_path / name)
    assert (code, out) == (4, "")
    assert len(err.strip().splitlines()) == 2
