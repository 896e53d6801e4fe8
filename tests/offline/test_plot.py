"""`beats --plot`: how a song was heard, in one picture."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import av
import matplotlib
import numpy as np
import pytest

from audio2pose.offline.plot import COLUMNS, HEIGHT, WIDTH, peaks

Run = Callable[..., tuple[int, str, str]]


def picture(path: Path) -> np.ndarray:
    """(H, W, 3) of a PNG."""
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with av.open(str(path)) as file:
        return next(file.decode(video=0)).to_ndarray(format="rgb24")


def coloured(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """(H, W) where *pixels* are as good as *colour*."""
    return np.abs(pixels.astype(int) - colour).max(axis=2) < 12


LOCKED, SILENT, DOWNBEAT = (20, 120, 111), (158, 153, 153), (226, 80, 43)


@pytest.mark.parametrize("online", [False, True])
def test_a_song_becomes_a_picture_and_its_json_stays_as_it_is(demo: Path, tmp_path: Path, command: Run, online: bool) -> None:
    flags = ["--online"] if online else []
    _, alone, _ = command("beats", demo, "--json", *flags)
    code, out, err = command("beats", demo, "--json", "--plot", tmp_path / "a.png", *flags)
    assert code == 0, err
    assert json.loads(out) == json.loads(alone)
    assert str(tmp_path / "a.png") in err
    shown = picture(tmp_path / "a.png")
    assert shown.shape == (HEIGHT, WIDTH, 3)
    # Each panel shows something: onset, belief, beats, confidence, state, from top to bottom.
    ends = (0.12, 0.28, 0.60, 0.70, 0.84, 0.89)
    for top, bottom in itertools.pairwise(ends):
        panel = shown[int(top * HEIGHT) : int(bottom * HEIGHT), 120:1460].astype(int)
        assert panel.std(axis=(0, 1)).max() > 5.0
    band = coloured(shown[int(0.872 * HEIGHT), 120:1460][None], LOCKED)
    assert band.mean() > 0.5
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_as_many_downbeats_are_drawn_as_are_told(demo: Path, tmp_path: Path, command: Run) -> None:
    _, out, _ = command("beats", demo, "--json", "--plot", tmp_path / "a.png")
    beats = json.loads(out)["beats"]
    shown = picture(tmp_path / "a.png")

    def lines(rows: slice) -> int:
        """The most lines of the beats' panel that any of these rows crosses."""
        dark = (shown[rows, 106:1478].astype(int).sum(axis=2) < 640).astype(int)
        return int((np.diff(dark, axis=1) > 0).sum(axis=1).max())

    assert lines(slice(int(0.660 * HEIGHT), int(0.668 * HEIGHT))) == sum(b["position"] == 1 for b in beats)
    assert lines(slice(int(0.690 * HEIGHT), int(0.696 * HEIGHT))) == len(beats)


def test_silence_and_noise_are_drawn_too(tmp_path: Path, command: Run, made: Callable[..., Path]) -> None:
    for name, samples in (
        ("silence", np.zeros(44100 * 3, np.float32)),
        ("short", np.zeros(1200, np.float32)),
        ("noise", np.random.default_rng(0).normal(0.0, 0.1, 44100 * 4).astype(np.float32)),
    ):
        for flags in ([], ["--online"]):
            code, _, err = command("beats", made(samples), "--plot", tmp_path / f"{name}.png", *flags)
            assert code == 0, err
            assert picture(tmp_path / f"{name}.png").shape == (HEIGHT, WIDTH, 3)


def test_a_song_that_falls_silent_shows_it(demo: Path, tmp_path: Path, command: Run, made: Callable[..., Path]) -> None:
    from audio2pose.media.decode import read_song

    samples, rate_hz = read_song(demo, end_s=6.0)
    path = made(np.concatenate([samples, np.zeros(6 * rate_hz, np.float32)]), rate_hz)
    assert command("beats", path, "--online", "--plot", tmp_path / "a.png")[0] == 0
    band = picture(tmp_path / "a.png")[int(0.872 * HEIGHT), 106:1478]
    silent = coloured(band[None], SILENT)[0]
    assert 0.25 < silent.mean() < 0.40
    assert silent[-20:-3].all()
    assert not silent[:600].any()


def test_the_range_of_tempi_is_that_of_the_picture_and_of_the_beats(demo: Path, tmp_path: Path, command: Run) -> None:
    tempi = {}
    for low_high in ("55:215", "50:100"):
        for flags in ([], ["--online"]):
            flags = ["--bpm-range", low_high, "--json", "--plot", str(tmp_path / "a.png"), *flags]
            code, out, err = command("beats", demo, *flags)
            assert code == 0, err
            tempi[low_high, len(flags)] = json.loads(out)["tempo_bpm"]
            low, high = map(float, low_high.split(":"))
            assert all(0.93 * low <= b["tempo_bpm"] <= 1.07 * high for b in json.loads(out)["beats"])
    assert tempi["50:100", 5] == pytest.approx(tempi["55:215", 5] / 2.0, rel=0.02)


def test_a_plot_that_is_no_png_or_cannot_be_written_is_told_before_the_song_is_heard(
    demo: Path, tmp_path: Path, command: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audio2pose.offline.jobs.listen", lambda *_, **__: pytest.fail("the song was heard"))
    (tmp_path / "folder.png").mkdir()
    for plot, code, word in (
        ("a.jpg", 2, "end its name in .png"),
        ("a", 2, "end its name in .png"),
        ("none/a.png", 5, "there is no folder"),
        ("folder.png", 5, "is a folder"),
    ):
        got, out, err = command("beats", demo, "--plot", tmp_path / plot)
        assert (got, out) == (code, "")
        assert word in err
        assert len(err.strip().splitlines()) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["folder.png"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_a_folder_that_may_not_be_written_is_told(demo: Path, tmp_path: Path, command: Run) -> None:
    tmp_path.chmod(0o500)
    code, _, err = command("beats", demo, "--plot", tmp_path / "a.png")
    tmp_path.chmod(0o700)
    assert code == 5
    assert "may not be written" in err


def test_a_song_is_never_overwritten_by_its_own_plot(demo: Path, tmp_path: Path, command: Run) -> None:
    song = tmp_path / "song.png"
    song.write_bytes(demo.read_bytes())
    link = tmp_path / "link.png"
    link.symlink_to(song)
    for plot in (song, link):
        code, _, err = command("beats", song, "--plot", plot)
        assert code == 2
        assert "would be lost" in err
    assert song.read_bytes() == demo.read_bytes()


def test_an_older_plot_is_replaced_and_kept_where_the_song_is_none(demo: Path, tmp_path: Path, command: Run) -> None:
    plot = tmp_path / "a.png"
    plot.write_bytes(b"older")
    (tmp_path / "text.ogg").write_text("no sound at all " * 400)
    assert command("beats", tmp_path / "text.ogg", "--plot", plot)[0] == 4
    assert plot.read_bytes() == b"older"
    assert command("beats", demo, "--plot", plot)[0] == 0
    assert picture(plot).shape == (HEIGHT, WIDTH, 3)


def test_drawing_leaves_matplotlib_as_it_was(demo: Path, tmp_path: Path, command: Run) -> None:
    before = dict(matplotlib.rcParams)
    assert command("beats", demo, "--plot", tmp_path / "a.png")[0] == 0
    assert dict(matplotlib.rcParams) == before


def test_matplotlib_is_loaded_for_a_plot_alone(demo: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from audio2pose.__main__ import main\n"
        "main(['beats', *sys.argv[1:]])\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'matplotlib'}), 'matplotlib.pyplot' in sys.modules)"
    )
    for flags, loaded in (([], "[] False"), (["--plot", str(tmp_path / "a.png")], "['matplotlib'] False")):
        done = subprocess.run([sys.executable, "-c", code, str(demo), *flags], capture_output=True, text=True, timeout=60)
        assert done.stdout.strip().endswith(loaded), (done.stdout[-200:], done.stderr)


def test_a_long_song_is_drawn_by_the_peaks_of_each_column() -> None:
    values = np.zeros(100_000)
    values[[0, 54_321, 99_999]] = 0.5, 0.9, 0.7
    end_s, strength = peaks(values, 0.01)
    assert len(end_s) <= COLUMNS
    assert end_s[-1] == pytest.approx(1000.0)
    assert sorted(strength[strength > 0.0]) == [0.5, 0.7, 0.9]
    assert end_s[strength == 0.9] == pytest.approx(543.21, abs=0.8)
    for few in (0, 1, 5):
        assert len(peaks(np.ones(few), 0.01)[1]) == few
