"""The panel at the edge: where it stands, what it tells, when it is written anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from vispy import gloo

from audio2pose.stage.hud import CLIP_DB, Hud, HudState
from audio2pose.stage.lettering import BASIC, LETTERS, Lettering, Style
from audio2pose.stage.offscreen import Offscreen

from ..golden.stage.regenerate import HUD
from .poses import lunge

Make = Callable[..., Offscreen]
CALM = replace(HUD, level_db=-30.0, gain_db=0.0, device="USB")


def panel(offscreen: Make, state: HudState, width: int = 1280, height: int = 720, hud: Hud | None = None) -> np.ndarray:
    """The panel alone on black (H, W, 3)."""
    stage = offscreen(width=width, height=height, background="black")
    with stage.target():
        stage.stage.draw(np.zeros((0, 24, 3), np.float32), t_s=0.0, beat=0.0, energy=0.5)
        (hud or Hud(top_row_first=True)).draw(state, width, height)
        return stage.read().astype(int)


def reddest(image: np.ndarray) -> int:
    return int((image[..., 0] - image[..., 1]).max())


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1920, 1080), (2560, 1440), (640, 480)])
def test_the_panel_keeps_to_the_edge_and_grows_with_the_picture(offscreen: Make, width: int, height: int) -> None:
    image = panel(offscreen, CALM, width, height)
    rows, columns = np.nonzero(image.max(axis=2) > 40)
    assert rows.max() < height - 0.01 * height
    assert columns.min() > 0.01 * height
    assert columns.max() < width - 0.01 * height
    middle = image[int(0.07 * height) : int(0.92 * height)]
    assert (middle == 0).all()
    # The number of the tempo: capitals at least one part in 45 of the height.
    digits = np.nonzero((image[height // 2 :, : int(0.08 * height)] > 200).any(axis=(1, 2)))[0]
    assert np.ptp(digits) > height / 45


def test_it_is_written_anew_only_when_something_seen_has_changed(offscreen: Make) -> None:
    hud = Hud(top_row_first=True)
    panel(offscreen, CALM, hud=hud)
    for same in (CALM, replace(CALM), replace(CALM, level_db=-30.1), replace(CALM, tempo_bpm=CALM.tempo_bpm + 0.01)):
        panel(offscreen, same, hud=hud)
    assert hud.written == 1
    panel(offscreen, replace(CALM, position=4), hud=hud)
    panel(offscreen, replace(CALM, position=4), 1920, 1080, hud=hud)
    assert hud.written == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tempo_bpm", 90.0), ("confidence", 0.1), ("position", 1), ("meter", 3), ("state", "silent"), ("lock", ""),
        ("level_db", -10.0), ("gain_db", -6.0), ("fps", 30.0), ("device", "Line"), ("style", "pop"), ("scene", "sun"),
        ("palette", "mono"), ("dancers", 2), ("message", "hello"), ("keys", (("A", "b"),)),
        ("note", "quiet"), ("panel", False),
    ],
)  # fmt: skip
def test_everything_in_the_state_can_be_seen(offscreen: Make, name: str, value: object) -> None:
    before, after = panel(offscreen, CALM), panel(offscreen, replace(CALM, **{name: value}))
    assert (np.abs(before - after) > 40).sum() > 8


def test_every_part_of_the_state_is_in_the_test_above() -> None:
    assert len(fields(HudState)) == 18


def test_a_panel_that_shrinks_leaves_nothing_of_what_it_was(offscreen: Make) -> None:
    hud = Hud(top_row_first=True)
    long = replace(CALM, message="a message", keys=tuple((f"key {k}", "what it does " * 3) for k in range(60)))
    fresh = panel(offscreen, CALM)
    panel(offscreen, long, hud=hud)
    assert (panel(offscreen, CALM, hud=hud) == fresh).all()


def test_a_clipped_level_is_marked_red(offscreen: Make) -> None:
    assert reddest(panel(offscreen, replace(CALM, level_db=CLIP_DB + 0.2))) > 150
    assert reddest(panel(offscreen, replace(CALM, level_db=-3.0))) < 150


def test_the_dot_of_the_beat_moves_to_the_right_with_its_place_in_the_bar(offscreen: Make) -> None:
    none = panel(offscreen, replace(CALM, position=0))
    places = []
    for k in (1, 2, 3, 4):
        more = np.abs(panel(offscreen, replace(CALM, position=k)) - none).max(axis=2) > 60
        places.append(np.nonzero(more)[1].mean())
    assert (np.diff(places) > 10).all()


def test_a_message_stands_large_in_the_middle_of_the_lower_third(offscreen: Make) -> None:
    more = np.abs(panel(offscreen, replace(CALM, message="latency 84 ms")) - panel(offscreen, CALM)).max(axis=2) > 100
    rows, columns = np.nonzero(more)
    assert columns.mean() == pytest.approx(640, abs=16)
    assert 480 < rows.min() < rows.max() < 660
    assert np.ptp(rows) > 28
    long = np.abs(panel(offscreen, replace(CALM, message="very long " * 60)) - panel(offscreen, CALM)).max(axis=2) > 100
    columns = np.nonzero(long)[1]
    assert 20 < columns.min() < columns.max() < 1260


@pytest.mark.parametrize("rows", [1, 20, 40, 300])
def test_help_darkens_the_picture_and_stays_within_it(offscreen: Make, rows: int) -> None:
    stage = offscreen(width=1280, height=720, palette="paper")
    keys = tuple((f"Ctrl+{k}", f"what the key number {k} does for the one at the desk") for k in range(rows))
    with stage.target():
        stage.stage.draw(lunge()[None], t_s=0.0, beat=0.0, energy=0.5)
        bright = stage.read().astype(int)
        Hud(top_row_first=True).draw(replace(CALM, keys=keys), 1280, 720)
        image = stage.read().astype(int)
    edge = (slice(100, 600), slice(0, 8))
    assert image[edge].mean() < 0.3 * bright[edge].mean()
    rows_, columns = np.nonzero(image[50:660].max(axis=2) > 180)
    assert 8 < columns.min() < columns.max() < 1272
    assert rows_.size > 0


@pytest.mark.parametrize("wild", [float("nan"), float("inf"), -float("inf"), 1e30, -1e30])
def test_numbers_that_are_none_do_not_raise(offscreen: Make, wild: float) -> None:
    state = replace(CALM, tempo_bpm=wild, confidence=wild, level_db=wild, gain_db=wild, fps=wild)
    assert panel(offscreen, state).max() > 100


@pytest.mark.parametrize("text", ["", " ", "\n\t", "ÄÖü ß ñ", "日本語 🎧", "\x00\x07", "x" * 5000, "…"])
def test_texts_of_any_kind_do_not_raise(offscreen: Make, text: str) -> None:
    state = replace(CALM, state=text, lock=text, device=text, style=text, scene=text, palette=text, message=text)
    state = replace(state, keys=((text, text), ("", "")), dancers=-1, meter=10**9, position=-(10**9))
    stage, hud = offscreen(width=640, height=360), Hud(top_row_first=True)
    with stage.target():
        for width, height in ((640, 360), (64, 64), (1, 1), (0, -5)):
            hud.draw(state, width, height)
            stage.read()


def test_a_panel_over_a_transparent_picture_stays_premultiplied(offscreen: Make) -> None:
    stage = offscreen(width=640, height=360, background="transparent")
    with stage.target():
        stage.stage.draw(lunge()[None], t_s=0.0, beat=0.0, energy=0.5)
        Hud(top_row_first=True).draw(HUD, 640, 360)
        image = gloo.read_pixels(alpha=True).astype(int)
    assert (image[..., :3].max(axis=2) <= image[..., 3] + 1).all()


SMALL = Style(15, letters=LETTERS)
TYPE = Lettering((SMALL, Style(27, bold=True)), 9)


def test_a_letter_that_the_font_lacks_is_a_question_mark() -> None:
    assert (TYPE.word("日", SMALL, 0, 0) == TYPE.word("?", SMALL, 0, 0)).all()
    assert TYPE.width("🎧!", SMALL) == TYPE.width("?!", SMALL)
    missing = [
        c for c in BASIC if c not in "? " and (TYPE.word(c, SMALL, 0, 0)[:, 4:] == TYPE.word("?", SMALL, 0, 0)[:, 4:]).all()
    ]
    assert len(missing) <= 2  # the no-break and soft signs of Latin-1


def test_what_is_too_long_is_cut_with_an_ellipsis_and_fits() -> None:
    text = "Monitor of a sound card with a very long name"
    for width in (30.0, 80.0, 200.0):
        short = TYPE.cut(text, SMALL, width)
        assert short.endswith("…")
        assert text.startswith(short[:-1].rstrip())
        assert TYPE.width(short, SMALL) <= width
    assert TYPE.cut(text, SMALL, 1000.0) == text
    assert TYPE.cut(text, SMALL, -5.0) == "…"


def test_letters_stand_side_by_side_in_the_atlas() -> None:
    tall, wide = TYPE.atlas.shape
    cuts = {
        tuple(np.round(cut[4:] * [wide, tall, wide, tall]).astype(int)) for c in LETTERS for cut in TYPE.word(c, SMALL, 0, 0)
    }
    taken = np.zeros(TYPE.atlas.shape, int)
    for left, low, right, high in cuts:
        taken[high:low, left:right] += 1
    assert len(cuts) > 300
    assert taken.max() == 1
