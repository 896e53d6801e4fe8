"""Blackout, and pictures that are laid over others: what can be seen through, and how far."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from vispy import gloo

from audio2pose.stage.offscreen import Offscreen
from audio2pose.stage.palettes import PALETTES, palette
from audio2pose.stage.scenes import SCENES

from .poses import group, lunge

Make = Callable[..., Offscreen]


def rgba(stage: Offscreen, poses: np.ndarray, pictures: int = 4) -> np.ndarray:
    """The last of a few pictures of a dancer who moves (H, W, 4)."""
    with stage.target():
        for k in range(pictures):
            moved = poses.copy()
            moved[:, 20:, 1] -= 0.1 * (pictures - k)
            stage.stage.draw(moved, t_s=k / 60, beat=k / 30, energy=0.8)
        return gloo.read_pixels(alpha=True).astype(int)


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("look", sorted(PALETTES))
def test_a_transparent_picture_is_premultiplied(offscreen: Make, name: str, look: str) -> None:
    image = rgba(offscreen(width=320, height=180, background="transparent", palette=look, scene=name), lunge()[None], 24)
    colour, alpha = image[..., :3], image[..., 3]
    assert (image[:4, :4] == 0).all()
    assert (colour.max(axis=2) <= alpha + 1).all()
    assert 0.03 < (alpha == 255).mean() < 0.25
    # Glow, trails and smooth edges can be seen through.
    assert 0.005 < ((alpha > 8) & (alpha < 250)).mean() < 0.4


def test_glow_hides_as_much_as_it_is_bright(offscreen: Make) -> None:
    image = rgba(offscreen(width=320, height=180, background="transparent", palette="neon"), lunge()[None])
    glow = (image[..., 3] > 8) & (image[..., 3] < 60)
    assert np.abs(image[..., :3].max(axis=2) - image[..., 3])[glow].mean() < 6


@pytest.mark.parametrize("background", ["stage", "plain", "black", "chroma"])
def test_every_other_picture_is_opaque(offscreen: Make, background: str) -> None:
    for name in SCENES:
        stage = offscreen(background=background, scene=name)
        assert (rgba(stage, lunge()[None])[..., 3] == 255).all()
        stage.stage.light = 0.4
        assert (rgba(stage, lunge()[None])[..., 3] >= 254).all()


@pytest.mark.parametrize("name", SCENES)
def test_a_scene_fades_to_black(offscreen: Make, name: str) -> None:
    stage = offscreen(scene=name, palette="paper")
    full = rgba(stage, group(2))[..., :3]
    for light in (0.75, 0.5, 0.1):
        stage.stage.light = light
        stage.stage.reset()
        assert np.abs(rgba(stage, group(2))[..., :3] - light * full).max() <= 2
    stage.stage.light = 0.0
    assert (rgba(stage, group(2))[..., :3] == 0).all()


def test_a_flat_background_stays_when_the_dancer_fades(offscreen: Make) -> None:
    of = palette("lagoon")
    for background, colour in (("chroma", (0, 177, 64)), ("plain", np.add(of.top, of.bottom) * 127.5), ("black", (0, 0, 0))):
        stage = offscreen(background=background, palette="lagoon")
        stage.stage.light = 0.5
        half = rgba(stage, lunge()[None])[..., :3]
        assert np.abs(half - colour).max() > 40
        assert np.abs(half[0, 0] - colour).max() <= 1
        stage.stage.light = 0.0
        assert np.abs(rgba(stage, lunge()[None])[..., :3] - colour).max() <= 1


def test_what_was_transparent_fades_to_nothing(offscreen: Make) -> None:
    stage = offscreen(background="transparent")
    full = rgba(stage, lunge()[None])
    stage.stage.light = 0.5
    stage.stage.reset()
    assert np.abs(rgba(stage, lunge()[None]) - 0.5 * full).max() <= 2
    stage.stage.light = 0.0
    assert (rgba(stage, lunge()[None]) == 0).all()


def test_light_beyond_its_range_is_all_or_none(offscreen: Make) -> None:
    stage = offscreen()
    full = rgba(stage, lunge()[None])
    for light, kept in ((7.0, 1), (-3.0, 0)):
        stage.stage.light = light
        stage.stage.reset()
        assert (rgba(stage, lunge()[None])[..., :3] == kept * full[..., :3]).all()
