"""What a drawn frame costs: Python's side of Stage.draw, and a whole picture with its way back from the GPU.

Prints p50, p99 and max in milliseconds; run it by `make bench` or by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from vispy.gloo import gl

from audio2pose.config import StageConfig
from audio2pose.motion.body import OFFSETS_M, PARENTS
from audio2pose.stage.hud import Hud, HudState
from audio2pose.stage.offscreen import Offscreen
from audio2pose.stage.scenes import SCENES


def rest_pose() -> np.ndarray:
    """The T pose (1, 24, 3)."""
    at = OFFSETS_M.copy()
    for j in range(1, 24):
        at[j] += at[PARENTS[j]]
    return at[None]


def percentiles(ms: list[float]) -> str:
    return f"p50 {np.percentile(ms, 50):6.3f}  p99 {np.percentile(ms, 99):6.3f}  max {max(ms):6.3f} ms"


def timed(call: Callable[[int], object], n: int, clock: Callable[[], float]) -> list[float]:
    """Milliseconds of each of *n* calls, after 20 that are not counted."""
    for k in range(20):
        call(k)
    out = []
    for k in range(20, 20 + n):
        t0 = clock()
        call(k)
        out.append(1e3 * (clock() - t0))
    return out


def main() -> None:
    pose = rest_pose()
    for dancers in (1, 2, 4):
        offset = np.arange(dancers, dtype=np.float32)[:, None, None] * np.array([0.9, 0.0, 0.0], np.float32)
        poses = np.repeat(pose, dancers, axis=0) + offset
        small = Offscreen(StageConfig(width=64, height=64))

        def python_side(k: int, small: Offscreen = small, poses: np.ndarray = poses) -> None:
            small.stage.draw(poses + np.float32(0.003 * k), t_s=k / 60, beat=k / 30, energy=0.5)

        # The driver's own work is left out: with a software rasteriser it would be most of the time.
        draw_elements, gl.glDrawElements = gl.glDrawElements, lambda *_: None
        with small.target():
            ms = timed(python_side, 400, time.perf_counter)
        gl.glDrawElements = draw_elements
        print(f"Stage.draw, {dancers} dancer(s), Python side:       {percentiles(ms)}")
        small.close()
    for width, height in ((1280, 720), (1920, 1080)):
        large = Offscreen(StageConfig(width=width, height=height))

        def whole(k: int, large: Offscreen = large) -> None:
            large.picture(pose, t_s=k / 60, beat=k / 30, energy=0.5)

        wall = timed(whole, 100, time.perf_counter)
        work = timed(whole, 100, time.process_time)
        with large.target():
            read = timed(lambda k, large=large: large.read(), 50, time.perf_counter)
        print(f"picture {width}x{height}, wall:                     {percentiles(wall)}")
        print(f"picture {width}x{height}, processor:                {percentiles(work)}")
        print(f"  of it the way back:                         {percentiles(read)}")
        large.close()
    scenes(pose)
    panel()


def scenes(pose: np.ndarray) -> None:
    """Each scene against the first, by turns, so that what else the machine does falls on all alike."""
    for width, height in ((1280, 720), (1920, 1080)):
        stages = {name: Offscreen(StageConfig(width=width, height=height, scene=name)) for name in SCENES}
        ms: dict[str, list[float]] = {name: [] for name in SCENES}
        for k in range(120):
            for name, stage in stages.items():
                t0 = time.process_time()
                stage.picture(pose, t_s=k / 60, beat=k / 30, energy=0.5, bands=(0.5, 0.5, 0.5))
                if k >= 20:
                    ms[name].append(1e3 * (time.process_time() - t0))
        first = float(np.median(ms["rings"]))
        for name, stage in stages.items():
            ratio = float(np.median(ms[name])) / first
            print(f"scene {name:6} {width}x{height}, processor:         {percentiles(ms[name])}, {ratio:.2f} of rings")
            stage.close()


def panel() -> None:
    """The HUD alone: the same state again, and one that changes in every picture."""
    stage, hud = Offscreen(StageConfig(width=1280, height=720, background="black")), Hud(top_row_first=True)
    state = HudState(
        tempo_bpm=122.0, confidence=0.9, position=1, meter=4, state="locked", lock="", level_db=-12.0, gain_db=0.0, fps=60.0,
        device="Monitor of Built-in Audio Analog Stereo", style="house", scene="rings", palette="ember", dancers=1,
    )  # fmt: skip
    with stage.target():
        for what, step in (("the same", 0.0), ("a new one", 0.5)):

            def draw(k: int, step: float = step) -> None:
                hud.draw(replace(state, level_db=-40.0 + step * (k % 40)), 1280, 720)
                stage._canvas.context.flush_commands()
                gl.glFinish()

            print(f"HUD, {what} each picture:                 {percentiles(timed(draw, 200, time.perf_counter))}")
    stage.close()


if __name__ == "__main__":
    main()
