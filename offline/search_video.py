"""The best segments for a song side by side in one film: each tile dances one of the K best until the next change.

Shapes   tile: (h, w, 3) uint8 of a picture (H, W, 3); K tiles in rows.
Threads  the caller's, which draws; the Mp4Writer's worker encodes beside it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from audio2pose.arrays import F64, U8
from audio2pose.config import StageConfig
from audio2pose.match.index import Library
from audio2pose.match.matcher import Choice
from audio2pose.media.decode import SongReader
from audio2pose.media.encode import Mp4Writer
from audio2pose.motion.kinematics import Skeleton, face
from audio2pose.segment import Posture, Segment
from audio2pose.stage.ink import Ink
from audio2pose.stage.offscreen import Offscreen

from .choreograph import Told
from .export import count
from .search import Place

CHANGE_BEATS = 8
"""Each of the K best is danced so long; then the K best of that place take over."""
LETTER_SHARE, LEAST_LETTERS_PX = 0.07, 11
EDGE_PX = 8


def write_tiles(
    path: Path, found: Sequence[Place], library: Library, lasts_s: float, stage: StageConfig, fps: float, song: SongReader,
    told: Told,
) -> None:  # fmt: skip
    """K tiles for the beats *found*, with the sound of *song*.

    Raises OutputError, and leaves nothing, where it cannot be written.
    """
    most = max(len(place.best) for place in found)
    columns = math.ceil(math.sqrt(most))
    rows = -(-most // columns)
    wide, tall = stage.width // columns, stage.height // rows
    times_s: F64 = np.array([place.time_s for place in found])
    pictures = count(lasts_s, fps)
    tiles = _Tiles(library, replace(stage, width=wide, height=tall))
    sheet: U8 = np.zeros((stage.height, stage.width, 3), np.uint8)
    sound = song.blocks(round(song.sample_rate_hz / fps) + 1)
    try:
        with Mp4Writer(path, width=stage.width, height=stage.height, fps=fps, sample_rate_hz=song.sample_rate_hz) as mp4:
            for k in range(pictures):
                t_s = k / fps
                while mp4.sound_frames <= (k + 1) / fps * song.sample_rate_hz:
                    block = next(sound, None)
                    if block is None:
                        break
                    mp4.write_sound(block)
                number = min(max(int(np.searchsorted(times_s, t_s, side="right")) - 1, 0), len(found) - 1)
                beat = float(np.interp(t_s, times_s, np.arange(times_s.size)))
                first = number - number % CHANGE_BEATS
                for n, choice in enumerate(found[first].best):
                    y, x = n // columns * tall, n % columns * wide
                    energy = float(found[number].heard["energy"])
                    sheet[y : y + tall, x : x + wide] = tiles.picture(n, choice, float(first), beat, t_s, energy)
                mp4.write_picture(sheet)
                told((k + 1) / pictures)
    finally:
        tiles.close()


class _Tiles:
    """One screen that draws every tile in turn; each has a dancer of its own."""

    def __init__(self, library: Library, stage: StageConfig) -> None:
        self._library, self._height = library, stage.height
        self._screen = Offscreen(stage)
        self._ink = Ink(max(round(LETTER_SHARE * stage.height), LEAST_LETTERS_PX), bold=True)
        self._within = stage.width - 2 * EDGE_PX
        self._posture, self._skeleton = Posture(), Skeleton()

    def picture(self, n: int, choice: Choice, began: float, beat: float, t_s: float, energy: float) -> U8:
        """Tile *n*: *choice*, begun on beat *began*, at *beat*."""
        segment = Segment(self._library)
        segment.begin(choice, began, choice.beats)
        segment.sample(beat, self._posture)
        joints = self._skeleton.process(self._posture.root, self._posture.rot)[None]
        looks = face(self._posture.rot)[None]
        onset = max(1.0 - 4.0 * (beat % 1.0), 0.0)
        tile = self._screen.picture(joints, t_s=t_s, beat=beat, energy=energy, onset=onset, faces=looks)
        Ink.ground(tile, 0, self._ink.px + EDGE_PX)
        words = f"{n + 1}  {self._library.segment_name(choice.segment)}  {choice.cost:.2f}"
        self._ink.write(tile, words, EDGE_PX, EDGE_PX // 2, within=self._within)
        return tile

    def close(self) -> None:
        """Give the screen back."""
        self._screen.close()
