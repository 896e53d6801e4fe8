"""Beats of any stream of sound, as they come: `python examples/track_beats.py SONG`, or take BlockTracker for your own.

`create(sample_rate)` gives an object whose `process(block)` returns (time_s, position) of each beat that was committed,
which is the form in which beat trackers are usually compared.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from audio2pose.config import BeatConfig, HearConfig
from audio2pose.media.decode import SongReader
from audio2pose.music.beat import BeatTracker
from audio2pose.music.hops import Hopper


class BlockTracker:
    """Blocks of mono sound of any length in, beats out, each before it happens."""

    def __init__(self, sample_rate_hz: int) -> None:
        hear = HearConfig()
        self._tracker = BeatTracker(hear, BeatConfig(), sample_rate_hz)
        self._hopper = Hopper(sample_rate_hz, hear.hop_s)
        # The first hops compile the kernels, or load what was compiled before.
        for _ in range(10):
            self._tracker.process(np.zeros(round(hear.hop_s * sample_rate_hz), np.float32))
        self._tracker.reset()

    def process(self, block: np.ndarray) -> list[tuple[float, int]]:
        """(time_s, position) of each beat that was committed in *block* (N,); position 1 is the downbeat."""
        beats = []
        for hop in self._hopper.feed(np.asarray(block, np.float32)):
            state = self._tracker.process(hop)
            if state["committed"]:
                beats.append((float(state["beat_s"]), int(state["position"])))
        return beats


def create(sample_rate: int) -> BlockTracker:
    """A tracker for sound of this rate."""
    return BlockTracker(int(sample_rate))


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("one song is wanted: python examples/track_beats.py SONG")
    with SongReader(Path(sys.argv[1])) as song:
        tracker = create(song.sample_rate_hz)
        fed = 0
        for block in song.blocks(256):
            fed += len(block)
            for time_s, position in tracker.process(block):
                print(f"{time_s:8.3f} s  beat {position}  told at {fed / song.sample_rate_hz:8.3f} s")


if __name__ == "__main__":
    main()
