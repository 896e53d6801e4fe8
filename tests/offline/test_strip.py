"""The contact sheet: sixteen beats to be looked at, in one picture."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from audio2pose.offline.render import set_down
from audio2pose.offline.strip import CELLS
from audio2pose.stage.sheet import CELL_H, CELL_W, COLUMNS, EDGE, LINE_PX

Run = Callable[..., tuple[int, str, str]]


def cells(path: Path) -> np.ndarray:
    """(16, H, W, 3) of a sheet."""
    with av.open(str(path)) as file:
        sheet = next(file.decode(video=0)).to_ndarray(format="rgb24")
    rows = CELLS // COLUMNS
    assert sheet.shape == (rows * (CELL_H + EDGE) + EDGE, COLUMNS * (CELL_W + EDGE) + EDGE, 3)
    return np.stack(
        [
            sheet[EDGE + r * (CELL_H + EDGE) :, EDGE + c * (CELL_W + EDGE) :][:CELL_H, :CELL_W]
            for r in range(rows)
            for c in range(COLUMNS)
        ]
    )


def test_each_cell_shows_a_body_whole_and_no_two_the_same(demo: Path, tmp_path: Path, command: Run) -> None:
    code, _, err = command("render", demo, "--strip", tmp_path / "s.png", "--background", "black")
    assert code == 0, err
    shown = cells(tmp_path / "s.png")
    body = shown.max(axis=3) > 60
    body[:, 6:42, :90] = False  # the numbers
    body[:, :LINE_PX] = False  # a downbeat's edge
    high = [np.flatnonzero(cell.any(axis=1)) for cell in body]
    assert all(np.ptp(rows) > 0.45 * CELL_H for rows in high)
    assert all(rows.min() > 5 and rows.max() < body.shape[1] - 5 for rows in high)
    differ = [(a != b).mean() for a, b in itertools.pairwise(body)]
    assert min(differ) > 0.004


def test_the_numbers_are_those_of_the_beats_and_downbeats_shine(demo: Path, tmp_path: Path, command: Run) -> None:
    command("render", demo, "--strip", tmp_path / "s.png", "--background", "black")
    numbers = cells(tmp_path / "s.png")[:, 6:42, :90].min(axis=3).max(axis=(1, 2))  # a body has no grey
    bright = np.flatnonzero(numbers == 255)
    assert set(np.diff(bright)) == {4}
    assert set(numbers) == {150, 255}


def test_a_song_without_beats_is_shown_at_even_steps(tmp_path: Path, command: Run, made: Callable[..., Path]) -> None:
    code, _, err = command("render", made(np.zeros(44100 * 3, np.float32)), "--strip", tmp_path / "s.png")
    assert code == 0, err
    assert cells(tmp_path / "s.png").max() > 100


def test_a_dance_from_elsewhere_is_set_down_and_a_standing_one_left() -> None:
    body = np.zeros((50, 24, 3), np.float32)
    body[..., 1] = np.linspace(0.018, 1.7, 24)
    body[:, [10, 11], 1] = 0.018
    high, moved_m = set_down(body + np.array([0.0, 0.8, 0.0], np.float32))
    assert moved_m == pytest.approx(-0.8)
    assert np.allclose(high, body, atol=1e-6)
    assert set_down(body)[1] == 0.0
    jumping = body.copy()
    jumping[:30, :, 1] += 0.5
    assert set_down(jumping)[1] == 0.0
    assert set_down(np.full((4, 24, 3), np.nan, np.float32))[1] == 0.0
