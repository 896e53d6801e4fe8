"""Colours as data."""

from __future__ import annotations

import pytest

from audio2pose.config import BACKGROUNDS, StageConfig
from audio2pose.errors import ConfigError
from audio2pose.stage.palettes import CHROMA_GREEN, PALETTES, flat_colour, palette


def _luma(colour: tuple[float, float, float]) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def test_an_unknown_palette_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'ember'"):
        palette("embers")


def test_an_unknown_background_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'chroma'"):
        StageConfig(background="croma")


@pytest.mark.parametrize("name", PALETTES)
def test_a_dancer_stands_out_from_the_ground_and_left_differs_from_right(name: str) -> None:
    of = palette(name)
    ground = (_luma(of.top) + _luma(of.bottom)) / 2
    for part in (of.left, of.right, of.torso):
        assert abs(_luma(part) - ground) > 0.25
        assert (_luma(part) < ground) == of.light
    assert sum(abs(a - b) for a, b in zip(of.left, of.right)) > 0.5


@pytest.mark.parametrize("name", PALETTES)
def test_every_colour_lies_within_the_screen(name: str) -> None:
    of = palette(name)
    for colour in (of.top, of.bottom, of.floor, of.left, of.right, of.torso, of.glow, of.accent, of.rim):
        assert len(colour) == 3
        assert all(0.0 <= c <= 1.0 for c in colour)


def test_every_background_of_the_settings_is_known_to_the_stage() -> None:
    flat = {name: flat_colour(name, palette("ember")) for name in BACKGROUNDS}
    assert flat["stage"] is None
    assert flat["black"] == (0.0, 0.0, 0.0)
    assert flat["chroma"] == CHROMA_GREEN
    assert flat["plain"] is not None
