"""Draws the golden pictures anew: `python -m tests.golden.stage.regenerate`. Look at each before you commit it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from vispy.io import write_png

from audio2pose.config import StageConfig
from audio2pose.stage.hud import Hud, HudState
from audio2pose.stage.offscreen import Offscreen
from audio2pose.stage.palettes import PALETTES
from audio2pose.stage.scenes import SCENES
from tests.stage.poses import group, lunge, rest

HERE = Path(__file__).parent

HUD = HudState(
    tempo_bpm=121.97, confidence=0.86, position=3, meter=4, state="locked", lock="tempo held", level_db=-0.1, gain_db=6.0,
    fps=59.8, device="Monitor of the Very Long Name of a Sound Card, Analog Stereo, Second Output", style="house",
    scene="road", palette="neon", dancers=1,
)  # fmt: skip
_KEYS = tuple((f"Key {k}", f"what key {k} does") for k in range(16))
_SAID = HudState(
    tempo_bpm=float("nan"), confidence=0.2, position=0, meter=3, state="listening", lock="", level_db=-30.0, gain_db=0.0,
    fps=60.0, device="USB Microphone", style="", scene="spot", palette="paper", dancers=2, message="latency 85 ms",
)  # fmt: skip
_HELP = HudState(
    tempo_bpm=174.0, confidence=1.0, position=1, meter=4, state="locked", lock="", level_db=-12.0, gain_db=0.0, fps=60.0,
    device="Line In", style="house", scene="rings", palette="ember", dancers=1, keys=_KEYS,
)  # fmt: skip


@dataclass(frozen=True)
class Shot:
    """One golden picture: what is drawn, and how many pictures after the first."""

    config: StageConfig
    poses: np.ndarray
    pictures: int = 3
    bands: tuple[float, float, float] | None = None
    hud: HudState | None = None


def _scene(name: str, palette: str, poses: np.ndarray, width: int = 192, height: int = 108) -> Shot:
    config = StageConfig(width=width, height=height, scene=name, palette=palette)
    return Shot(config, poses, 18, (0.9, 0.6, 0.4))


def _hud(palette: str, scene: str, hud: HudState) -> Shot:
    config = StageConfig(width=480, height=270, palette=palette, scene=scene, background="plain")
    return Shot(config, lunge()[None], hud=hud)


_DARK = {"sun": "ember", "bars": "neon", "spot": "lagoon", "road": "mono", "echo": "neon"}
SHOTS: dict[str, Shot] = {
    **{name: Shot(StageConfig(width=128, height=72, palette=name), lunge()[None]) for name in PALETTES},
    "square": Shot(StageConfig(width=96, height=96), lunge()[None]),
    "portrait": Shot(StageConfig(width=72, height=128, palette="neon"), lunge()[None]),
    "two": Shot(StageConfig(width=128, height=72, palette="lagoon"), np.stack([lunge(-0.7), rest(0.9)])),
    "chroma": Shot(StageConfig(width=128, height=72, background="chroma"), lunge()[None]),
    **{f"{name}_{_DARK[name]}": _scene(name, _DARK[name], lunge()[None]) for name in SCENES if name != "rings"},
    **{f"{name}_paper": _scene(name, "paper", lunge()[None]) for name in SCENES if name != "rings"},
    **{f"five_{name}": _scene(name, "ember", group(5)) for name in SCENES},
    "eight_4_to_3": _scene("spot", "neon", group(8), 160, 120),
    "three_hd": _scene("sun", "mono", group(3), 240, 135),
    "ghosts_on_black": Shot(
        StageConfig(width=128, height=72, scene="echo", palette="lagoon", background="transparent"), lunge()[None], 18
    ),
    "hud": _hud("neon", "road", HUD),
    "hud_message": _hud("paper", "spot", _SAID),
    "hud_help": _hud("ember", "rings", _HELP),
}


def draw(name: str) -> np.ndarray:
    """The picture called *name*, a few pictures in, so that a trail of the moving dancer is in it."""
    shot = SHOTS[name]
    stage, hud = Offscreen(shot.config), Hud(top_row_first=True)
    for k in range(shot.pictures):
        moved = shot.poses.copy()
        moved[:, 20:, 1] -= 0.08 * (shot.pictures - 1 - k)
        beat = 8.1 + (k - (shot.pictures - 3)) / 30
        picture = stage.picture(moved, t_s=k / 60, beat=beat, energy=0.6, onset=0.3, bands=shot.bands)
    if shot.hud is not None:
        with stage.target():
            hud.draw(shot.hud, shot.config.width, shot.config.height)
            picture = stage.read()
    picture = picture.copy()
    stage.close()
    return picture


if __name__ == "__main__":
    for shot_name in SHOTS:
        write_png(str(HERE / f"{shot_name}.png"), draw(shot_name))
