"""Every scene, pixel by pixel: that it answers the music, that the dancer can be read before it, that it can be changed."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import pytest

from audio2pose.config import StageConfig
from audio2pose.errors import ConfigError
from audio2pose.stage import camera
from audio2pose.stage.offscreen import Offscreen
from audio2pose.stage.palettes import PALETTES
from audio2pose.stage.scenes import SCENES, scene

from .poses import group, lunge, rest

Make = Callable[..., Offscreen]
NOBODY = np.zeros((0, 24, 3), np.float32)
GREEN = (0, 177, 64)
QUIET = (0.0, 0.0, 0.0)


def shown(stage: Offscreen, poses: np.ndarray, **music: object) -> np.ndarray:
    """One picture after a reset, as ints."""
    stage.stage.reset()
    now = {"t_s": 0.0, "beat": 0.25, "energy": 0.5, "bands": QUIET, **music}
    return stage.picture(poses, **now).astype(int)


def test_scenes_stand_in_a_fixed_order_and_have_one_idea_each() -> None:
    assert list(SCENES)[:6] == ["rings", "sun", "bars", "spot", "road", "echo"]
    assert len({s.idea for s in SCENES.values()}) == len(SCENES)
    assert StageConfig().scene == next(iter(SCENES))


def test_an_unknown_scene_names_the_nearest(offscreen: Make) -> None:
    with pytest.raises(ConfigError, match="did you mean 'bars'"):
        scene("bar")
    stage = offscreen().stage
    with pytest.raises(ConfigError, match="did you mean 'road'"):
        stage.set_scene("roads")
    with pytest.raises(ConfigError, match="did you mean 'neon'"):
        stage.set_palette("neo")
    assert (stage.scene, stage.palette) == ("rings", "ember")


@pytest.mark.parametrize("palette", ["ember", "paper"])
def test_every_scene_looks_different_from_every_other(offscreen: Make, palette: str) -> None:
    looks = [shown(offscreen(scene=name, palette=palette), NOBODY, bands=(0.5, 0.5, 0.5)) for name in SCENES if name != "echo"]
    for i, one in enumerate(looks):
        for other in looks[:i]:
            assert np.abs(one - other).mean() > 4.0


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("palette", ["neon", "paper"])
def test_a_scene_answers_beat_and_energy(offscreen: Make, name: str, palette: str) -> None:
    stage = offscreen(scene=name, palette=palette)

    def after(**music: float) -> np.ndarray:
        """A picture before which the dancer was seen for a beat: there may be ghosts."""
        stage.stage.reset()
        for k in range(30):
            stage.picture(lunge()[None], t_s=k / 60, beat=4.0 + k / 34, energy=0.1, bands=QUIET)
        return stage.picture(lunge()[None], **{"t_s": 0.5, "beat": 4.9, "energy": 0.1, "bands": QUIET, **music}).astype(int)

    calm = after()
    for louder in ({"beat": 5.0}, {"energy": 1.0}):
        assert np.abs(after(**louder) - calm).mean() > 0.05, louder


@pytest.mark.parametrize("name", ["sun", "bars", "spot", "road", "echo"])
@pytest.mark.parametrize("palette", ["mono", "paper"])
def test_low_middle_and_high_are_each_seen_in_a_way_of_their_own(offscreen: Make, name: str, palette: str) -> None:
    stage = offscreen(width=320, height=180, scene=name, palette=palette)

    def after(bands: tuple[float, ...]) -> np.ndarray:
        """Shortly after a beat, with half a beat of past: its ring is still to be seen, and ghosts are."""
        stage.stage.reset()
        for k in range(20):
            stage.picture(rest()[None], t_s=k / 60, beat=3.5 + k / 34, energy=0.5, bands=QUIET)
        return stage.picture(rest()[None], t_s=1 / 3, beat=4.1, energy=0.5, bands=bands).astype(int)

    quiet = after(QUIET)
    change = [after(tuple(np.eye(3)[k])) - quiet for k in range(3)]
    for one in change:
        assert np.abs(one).max() > 12
    for i in range(3):
        for j in range(i):
            assert np.abs(change[i] - change[j]).max() > 12


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("palette", sorted(PALETTES))
def test_the_outline_of_the_dancer_can_be_read_from_the_back_of_a_room(offscreen: Make, name: str, palette: str) -> None:
    """Along the way from outside of the body into it, at most places something bright meets something dark."""
    stage = offscreen(width=320, height=180, scene=name, palette=palette)
    body = (shown(offscreen(width=320, height=180, background="chroma"), lunge()[None]) != GREEN).any(axis=2)
    image = shown(stage, lunge()[None], beat=0.5).astype(float)
    steps = []
    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        edge = body & ~np.roll(body, (dy, dx), axis=(0, 1))
        outside = np.roll(image, (2 * dy, 2 * dx), axis=(0, 1))
        # The strongest of what is met on the way in counts: the rim's light and the dark line lie there.
        inwards = [np.roll(image, (-dy * k, -dx * k), axis=(0, 1)) for k in range(4)]
        steps.append(np.max([np.abs(pixels - outside).max(axis=2) for pixels in inwards], axis=0)[edge])
    contrast = np.concatenate(steps)
    assert np.percentile(contrast, 15) > 40


@pytest.mark.parametrize("name", SCENES)
def test_there_are_no_speckles_in_any_scene(offscreen: Make, name: str) -> None:
    """No pixel but the motes of dust stands out from all of its neighbours."""
    image = shown(offscreen(width=1280, height=720, scene=name), lunge()[None], beat=0.1)
    inner = image[1:-1, 1:-1]
    away = [
        np.abs(inner - image[1 + dy : 719 + dy, 1 + dx : 1279 + dx]).max(axis=2)
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
        if dx or dy
    ]
    assert (np.min(away, axis=0) > 110).sum() <= (14 if name == "spot" else 0)


@pytest.mark.parametrize("name", SCENES)
def test_numbers_that_are_none_do_not_raise_in_any_scene(offscreen: Make, name: str) -> None:
    stage = offscreen(scene=name)
    poses = group(3)
    for k, wild in enumerate((np.nan, np.inf, -np.inf, 1e30)):
        broken = poses.copy()
        broken[1] = wild
        for t_s in (0.1 * k, float(wild)):
            stage.picture(
                broken, t_s=t_s, beat=float(wild), energy=float(wild), onset=float(wild), bands=(wild, wild, wild),
                bar=float(wild), faces=np.full((3, 3), wild, np.float32),
            )  # fmt: skip
        stage.picture(np.full((1, 24, 3), wild, np.float32), t_s=0.1 * k, beat=0.0, energy=0.5)
    stage.stage.light = float("nan")
    assert (shown(stage, poses) == 0).all()
    stage.stage.light = 1.0
    again = shown(stage, poses)
    assert (again == shown(offscreen(scene=name), poses)).all()


def test_a_sheen_goes_along_the_bars_once_in_a_bar(offscreen: Make) -> None:
    stage = offscreen(width=320, height=180, scene="bars")
    dark = shown(stage, NOBODY, bar=0.0)
    places = [
        np.average(np.arange(320), weights=np.abs(shown(stage, NOBODY, bar=b) - dark).sum(axis=(0, 2))) for b in (0.3, 0.5, 0.7)
    ]
    assert places[0] < 130 < 145 < places[1] < 175 < 190 < places[2]


def objects(stage: Offscreen) -> int:
    """How many things the GPU holds for the canvas."""
    stage._canvas.context.flush_commands()
    return len(stage._canvas.context.shared.parser._objects)


def resident_mib() -> float:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_a_night_of_changes_makes_nothing_new(offscreen: Make, need: Callable[[bool, str], None]) -> None:
    need(os.path.exists("/proc/self/statm"), "no /proc to read the memory from")
    stage = offscreen(width=64, height=64)
    with stage.target():
        for dancers in (1, 3):
            stage.stage.warm_up(group(dancers))
    counts, memory = [], []
    names, looks = list(SCENES), list(PALETTES)
    for k in range(500):
        stage.stage.set_scene(names[k % len(names)])
        stage.stage.set_palette(looks[k % len(looks)])
        stage.picture(group(1 if k % 40 < 20 else 3), t_s=k / 60, beat=k / 30, energy=0.5)
        if k % 100 == 99:
            counts.append(objects(stage))
            memory.append(resident_mib())
    assert len(set(counts)) == 1
    assert memory[-1] - memory[0] < 1.0


@pytest.mark.parametrize("name", SCENES)
def test_a_changed_stage_draws_as_one_that_was_made_so(offscreen: Make, name: str) -> None:
    changed = offscreen(palette="paper", scene="sun")
    shown(changed, lunge()[None])
    changed.stage.set_palette("lagoon")
    changed.stage.set_scene(name)
    assert (changed.stage.palette, changed.stage.scene) == ("lagoon", name)
    made = offscreen(palette="lagoon", scene=name)
    assert (shown(changed, lunge()[None]) == shown(made, lunge()[None])).all()


def test_a_stage_that_was_warmed_up_draws_like_a_new_one(offscreen: Make) -> None:
    warm = offscreen(scene="echo")
    with warm.target():
        warm.stage.warm_up(group(2))
    assert (shown(warm, lunge()[None]) == shown(offscreen(scene="echo"), lunge()[None])).all()


def test_echo_shows_where_the_dancer_was_and_other_scenes_do_not(offscreen: Make) -> None:
    spread = {}
    for name in ("rings", "echo"):
        stage = offscreen(width=320, height=180, scene=name, background="chroma")
        for k in range(40):
            image = stage.picture(rest()[None], t_s=k / 60, beat=k / 30, energy=0.5)
            if k in (0, 39):
                spread[name, k] = np.ptp(np.nonzero((image != GREEN).any(axis=2).any(axis=0))[0])
    assert spread["rings", 39] == pytest.approx(spread["rings", 0], abs=2)
    assert spread["echo", 0] == spread["rings", 0]
    assert spread["echo", 39] > 1.7 * spread["rings", 39]


@pytest.mark.parametrize("background", ["plain", "chroma", "black", "transparent"])
def test_before_a_flat_background_there_is_no_set(offscreen: Make, background: str) -> None:
    looks = [shown(offscreen(scene=name, background=background), lunge()[None]) for name in SCENES if name != "echo"]
    for other in looks[1:]:
        assert (other == looks[0]).all()
    empty = shown(offscreen(scene="sun", background=background), NOBODY)
    assert np.ptp(empty.reshape(-1, 3), axis=0).max() == 0


@pytest.mark.parametrize("dancers", [1, 2, 3, 5, 8])
@pytest.mark.parametrize(("width", "height"), [(320, 180), (240, 180)])
def test_a_group_is_whole_in_the_picture(offscreen: Make, dancers: int, width: int, height: int) -> None:
    stage = offscreen(width=width, height=height, background="chroma")
    poses = group(dancers)
    for t_s in (0.0, 12.0, 36.0):
        image = shown(stage, np.stack([rest(p[0, 0]) + [0, 0, p[0, 2]] for p in poses]).astype(np.float32), t_s=t_s)
        rows, columns = np.nonzero((image != GREEN).any(axis=2))
        assert columns.min() >= 2
        assert columns.max() <= width - 3
        assert rows.min() >= 2
        assert rows.max() <= height - 3


def test_a_group_is_seen_from_above_as_one_dancer_is() -> None:
    """So that those behind stand higher in the picture, and the floor is no line."""
    steep = []
    for spread_m in (0.0, 6.0, 10.5):
        eye = camera.lens(np.zeros(3, np.float32), spread_m, 0.0, 1280, 720)
        steep.append(eye[10])
    assert steep == pytest.approx([steep[0]] * 3, abs=1e-4)


@pytest.mark.parametrize("palette", sorted(PALETTES))
def test_dancers_of_a_group_can_be_told_apart_and_the_first_is_the_strongest(offscreen: Make, palette: str) -> None:
    stage = offscreen(width=640, height=360, palette=palette, background="chroma")
    poses = np.stack([rest(1.5 * k) for k in range(5)])
    image = shown(stage, poses)
    seen = []
    for pose in poses:
        lens = camera.lens(np.array([3.0, 0.0, 0.0], np.float32), 6.0, 0.0, 640, 360)
        at = np.zeros(3, np.float32)
        camera.project(pose[6], lens, at)
        seen.append(image[360 - 1 - int(at[1]), int(at[0])])
    least = 25 if palette == "mono" else 45
    for i in range(5):
        for j in range(i):
            assert np.abs(seen[i] - seen[j]).sum() > least, (i, j)
