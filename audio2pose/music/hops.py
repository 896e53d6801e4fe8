"""Sound of any block size, cut into hops that are counted in samples, so that nothing drifts.

Shapes   block: (N,) mono of any length; a hop: (n,) with n the same to one sample, a view into the Hopper's own buffer.
Threads  the owner's. A hop is valid until the next one is asked for.
Source   our own; hop k ends at sample round((k + 1) * hop_s * sample_rate_hz).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from audio2pose.arrays import F32


def hop_end_frame(hop: int, sample_rate_hz: int, hop_s: float) -> int:
    """Index of the first sample after hop *hop*; -1 is the start of sound, at 0."""
    return math.floor((hop + 1) * hop_s * sample_rate_hz + 0.5)


class Hopper:
    """Blocks in, hops out; what is left over waits for the next block."""

    def __init__(self, sample_rate_hz: int, hop_s: float) -> None:
        self._sample_rate_hz = sample_rate_hz
        self._hop_s = hop_s
        self._waiting: F32 = np.zeros(math.ceil(hop_s * sample_rate_hz) + 2, np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget waiting samples and count hops from 0 again."""
        self._n_waiting = 0
        self._hop = 0

    def feed(self, block: F32) -> Iterator[F32]:
        """Every hop that *block* (N,) completes, in order. The iterator must be run to its end before the next feed."""
        taken = 0
        while True:
            wanted = hop_end_frame(self._hop, self._sample_rate_hz, self._hop_s) - hop_end_frame(
                self._hop - 1, self._sample_rate_hz, self._hop_s
            )
            n = min(wanted - self._n_waiting, block.shape[0] - taken)
            self._waiting[self._n_waiting : self._n_waiting + n] = block[taken : taken + n]
            self._n_waiting += n
            taken += n
            if self._n_waiting < wanted:
                return
            self._n_waiting = 0
            self._hop += 1
            yield self._waiting[:wanted]
