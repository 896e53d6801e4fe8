"""Wrong use and bad files: one line of what, one of what to do, the right exit code, nothing half-written."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

Run = Callable[..., tuple[int, str, str]]


def told(answer: tuple[int, str, str], code: int, *words: str) -> None:
    """The exit code, and two lines on stderr that hold *words*."""
    assert answer[0] == code, answer
    lines = answer[2].strip().splitlines()
    assert len(lines) == 2, answer[2]
    assert lines[0].startswith("audio2pose: ")
    assert lines[1].startswith("  ")
    for word in words:
        assert word in answer[2]


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["-o", "{out}/a.avi"], 2, [".mp4", ".npz"]),
        (["-o", "{out}/a"], 2, [".mp4"]),
        ([], 2, ["-o OUT"]),
        (["-o", "{out}/missing/a.npz"], 5, ["no folder"]),
        (["-o", "{out}/missing/a.mp4"], 5, ["no folder"]),
        (["-o", "{out}"], 2, [".mp4"]),
        (["-d", "{out}/missing"], 5, ["no folder"]),
        (["-d", "{out}", "-o", "a.npz"], 2, ["suffix"]),
        (["-o", "{out}/a.npz", "-o", "{out}/a.npz"], 2, ["same name"]),
        (["-o", "{out}/a.npz", "--style", "huose"], 2, ["'house'"]),
        (["-o", "{out}/a.npz", "--library", "bultin"], 4, ["'builtin'"]),
        (["-o", "{out}/a.npz", "--library", "{out}/none.a2p"], 4, ["no library"]),
        (["-o", "{out}/a.npz", "--preset", "huose"], 2, ["house"]),
        (["-o", "{out}/a.npz", "--preset", "{out}/p.toml"], 2, ["'min_bpm'"]),
        (["-o", "{out}/a.npz", "--palette", "embers"], 2, ["'ember'"]),
        (["-o", "{out}/a.npz", "--background", "stag"], 2, ["'stage'"]),
        (["-o", "{out}/a.mp4", "--size", "161x96"], 2, ["162x96"]),
        (["-o", "{out}/a.mp4", "--size", "big"], 2, ["1280x720"]),
        (["-o", "{out}/a.npz", "--fps", "0"], 2, ["1 to 240"]),
        (["-o", "{out}/a.npz", "--fps", "nan"], 2, ["1 to 240"]),
        (["-o", "{out}/a.npz", "--start", "soon"], 2, ["M:SS"]),
        (["-o", "{out}/a.npz", "--start", "5", "--end", "4"], 2, ["after the start"]),
        (["-o", "{out}/a.npz", "--start", "1:00"], 4, ["start earlier"]),
        (["-o", "{out}/a.npz", "--bpm-range", "fast"], 2, ["55:215"]),
        (["-o", "{out}/a.npz", "--bpm-range", "100:101"], 2, ["leaves no room"]),
        (["-o", "{out}/a.npz", "--segment-beats", "5"], 2, ["1, 2, 4"]),
        (["-o", "{out}/a.npz", "--bpm-threshold", "-1"], 2, ["0 or more"]),
        (["-o", "{out}/a.npz", "--blend-frames", "4", "--no-blend"], 2, ["contradict"]),
        (["-o", "{out}/a.npz", "--latency", "90"], 2, ["give --causal"]),
        (["-o", "{out}/a.npz", "--causal", "--latency", "900"], 2, ["0 to 500"]),
        (["--strip", "{out}/a.jpg"], 2, [".png"]),
    ],
)
def test_wrong_use_of_render(demo: Path, tmp_path: Path, command: Run, flags: list[str], code: int, words: list[str]) -> None:
    out = tmp_path / "out"
    out.mkdir()
    preset = tmp_path / "p.toml"
    preset.write_text("[beat]\nmin_bmp = 60.0\n")
    named = [f.replace("{out}/p.toml", str(preset)).replace("{out}", str(out)) for f in flags]
    told(command("render", demo, *named), code, *words)
    assert list(out.iterdir()) == []


def test_several_songs_want_a_folder_and_two_of_one_name_are_told(demo: Path, tmp_path: Path, command: Run) -> None:
    told(command("render", demo, demo, "-o", tmp_path / "a.npz"), 2, "-d DIR")
    told(command("render", demo, demo, "-d", tmp_path), 2, "two folders")


def test_a_song_is_never_overwritten_by_its_own_dance(demo: Path, tmp_path: Path, command: Run) -> None:
    song = tmp_path / "song.mp4"
    assert command("render", demo, "-o", song, "--end", "1", "--size", "96x64")[0] == 0
    before = song.read_bytes()
    told(command("render", song, "-o", song), 2, "would be lost")
    assert song.read_bytes() == before


def bad_songs(folder: Path) -> dict[str, tuple[Path, str]]:
    """What a user may point at by mistake."""
    folder.mkdir()
    (folder / "text.ogg").write_text("no sound at all " * 400)
    (folder / "empty.wav").write_bytes(b"")
    (folder / "folder").mkdir()
    hours = folder / "hours.wav"
    head = bytearray(b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\xa0\x0f\0\0\xa0\x0f\0\0\x01\0\x08\0data\0\0\0\0")
    seconds = 10 * 3600
    head[4:8], head[40:44] = (36 + 4000 * seconds).to_bytes(4, "little"), (4000 * seconds).to_bytes(4, "little")
    with hours.open("wb") as file:
        file.write(head)
        file.truncate(44 + 4000 * seconds)  # sparse: ten hours that take no room
    return {
        "no such file": (folder / "none.ogg", "no file"),
        "a folder": (folder / "folder", "folder"),
        "no audio": (folder / "text.ogg", "no sound file"),
        "zero bytes": (folder / "empty.wav", "empty"),
        "ten hours": (hours, "--start and --end"),
    }


@pytest.mark.parametrize("kind", ["no such file", "a folder", "no audio", "zero bytes", "ten hours"])
@pytest.mark.parametrize("verb", ["render", "beats"])
def test_songs_that_cannot_be_danced_to(tmp_path: Path, command: Run, kind: str, verb: str) -> None:
    path, words = bad_songs(tmp_path / "bad")[kind]
    out = tmp_path / "out"
    out.mkdir()
    told(command(verb, path, *(["-o", out / "a.mp4"] if verb == "render" else [])), 4, words)
    assert list(out.iterdir()) == []


def test_zero_samples_are_told(tmp_path: Path, command: Run, made: Callable[..., Path]) -> None:
    told(command("render", made(np.zeros(0, np.float32)), "-o", tmp_path / "a.npz"), 4, "no sound")


def test_ten_hours_are_danced_in_part(tmp_path: Path, command: Run) -> None:
    path, _ = bad_songs(tmp_path / "bad")["ten hours"]
    assert command("render", path, "-o", tmp_path / "a.npy", "--start", "5", "--end", "8")[0] == 0
    assert np.load(tmp_path / "a.npy").shape == (180, 17, 3)


@pytest.mark.parametrize(("channels", "rate_hz"), [(8, 48000), (1, 4000), (2, 96000)])
def test_odd_channels_and_rates_are_danced(
    tmp_path: Path, command: Run, made: Callable[..., Path], channels: int, rate_hz: int
) -> None:
    t = np.arange(2 * rate_hz) / rate_hz
    click = (np.sin(2 * np.pi * 300 * t) * np.exp(-20 * (t % 0.5))).astype(np.float32)
    path = made(np.tile(click[:, None], (1, channels)), rate_hz)
    code, _, err = command("render", path, "-o", tmp_path / "a.npz", "-o", tmp_path / "a.mp4", "--size", "96x64")
    assert code == 0, err
    assert np.isfinite(np.load(tmp_path / "a.npz")["positions_m"]).all()


def test_nan_samples_are_danced_and_told(tmp_path: Path, command: Run, made: Callable[..., Path]) -> None:
    sound = np.zeros(44100, np.float32)
    sound[100:200] = np.nan
    code, _, err = command("render", made(sound), "-o", tmp_path / "a.npy")
    assert code == 0
    assert "100 samples were no numbers" in err


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 64 KiB: what a full disk does, without filling one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".json", ".mp4"])
def test_a_full_disk_is_told_and_leaves_nothing(
    demo: Path, tmp_path: Path, command: Run, small_disk: None, suffix: str
) -> None:
    answer = command("render", demo, "-o", tmp_path / f"a{suffix}", "--end", "8", "--joints", "body24", "--size", "320x180")
    assert answer[0] == 5, answer
    assert "disk" in answer[2]
    assert list(tmp_path.iterdir()) == []


def test_wrong_use_of_draw(demo: Path, tmp_path: Path, command: Run) -> None:
    np.save(tmp_path / "a.npy", np.zeros((4, 17, 3), np.float32))
    np.save(tmp_path / "shape.npy", np.zeros((4, 5), np.float32))
    np.save(tmp_path / "object.npy", np.array([{}], object), allow_pickle=True)
    told(command("draw", tmp_path / "a.npy", "-o", tmp_path / "a.gif"), 2, ".mp4")
    told(command("draw", tmp_path / "none.npy", "-o", tmp_path / "a.mp4"), 4, "no file")
    told(command("draw", tmp_path / "shape.npy", "-o", tmp_path / "a.mp4"), 4, "(T, 17, 3)")
    told(command("draw", tmp_path / "object.npy", "-o", tmp_path / "a.mp4"), 4, "float32")
    told(command("draw", demo, "-o", tmp_path / "a.mp4"), 4, "no pose file")
    told(command("draw", tmp_path / "a.npy", "-o", tmp_path / "a.mp4", "--pose-fps", "0"), 2, "0.1 to 1000")
    told(command("draw", tmp_path / "a.npy", "-o", tmp_path / "a.mp4", "--audio", tmp_path / "none.ogg"), 4, "no file")
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".npy"] * 3


def test_the_installed_command_tells_errors_in_two_lines(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "audio2pose", "render", str(tmp_path / "none.ogg"), "-o", str(tmp_path / "a.mp4")],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    told((done.returncode, done.stdout, done.stderr), 4, "no file")
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_help_of_the_commands_loads_nothing_heavy() -> None:
    code = (
        "import sys; from audio2pose.__main__ import main\n"
        "try: main([sys.argv[1], '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('numba', 'vispy', 'av', 'numpy') if m in sys.modules])"
    )
    for verb in ("render", "draw", "beats", "inspect"):
        done = subprocess.run([sys.executable, "-c", code, verb], capture_output=True, text=True, timeout=60)
        assert done.stdout.strip().endswith("[]"), (verb, done.stdout[-200:], done.stderr)
