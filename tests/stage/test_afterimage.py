"""Where the dancers were a part of a beat ago."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.stage.afterimage import LONGEST_BEATS, Afterimage


def at(x_m: float) -> np.ndarray:
    return np.full((1, 24, 3), x_m, np.float32)


def filled(fps: float, bpm: float, seconds: float = 2.0) -> Afterimage:
    """A body that moves one metre in a beat, seen until beat 4."""
    past = Afterimage(1)
    beats_a_picture = bpm / 60.0 / fps
    pictures = int(seconds * fps)
    for k in range(pictures + 1):
        beat = 4.0 - (pictures - k) * beats_a_picture
        past.push(at(beat), k / fps, beat)
    return past


@pytest.mark.parametrize(("fps", "bpm"), [(24, 174), (60, 122), (144, 80), (240, 60)])
def test_a_quarter_of_a_beat_ago_is_there_at_any_tempo_and_frame_rate(fps: float, bpm: float) -> None:
    past, out = filled(fps, bpm), np.zeros((24, 3), np.float32)
    for ago in (0.125, 0.25, LONGEST_BEATS):
        assert past.recall(0, ago, out)
        assert out == pytest.approx(4.0 - ago, abs=0.002)


def test_nothing_is_recalled_before_it_was_seen() -> None:
    past, out = Afterimage(1), np.zeros((24, 3), np.float32)
    assert not past.recall(0, 0.25, out)
    past.push(at(0.0), 0.0, 0.0)
    past.push(at(0.1), 0.1, 0.1)
    assert not past.recall(0, 0.25, out)
    assert past.recall(0, 0.05, out)


def test_a_clock_that_was_set_anew_has_no_past() -> None:
    for jump in (-1.0, 2.0):
        past = filled(60, 120)
        past.push(at(0.0), 2.02, 4.0 + jump)
        assert past.samples == 1


def test_without_a_beat_half_seconds_count() -> None:
    past, out = Afterimage(1), np.zeros((24, 3), np.float32)
    for k in range(61):
        past.push(at(k / 60), k / 60, float("nan"))
    assert past.recall(0, 0.5, out)
    assert out == pytest.approx(0.75, abs=0.002)
    past.push(at(0.0), float("inf"), float("nan"))
