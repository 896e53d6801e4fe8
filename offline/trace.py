"""What the ears believed while they heard a song, kept to be drawn.

Shapes   onset: (H,) 0..1, one a hop; belief: (T, n), one every BELIEF_HOPS hops, each row's sum 1; tempi_bpm: (n,).
Threads  one, the caller's.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F32, F64
from audio2pose.music.ears import ACTIVATION, Ears

from .rows import Rows

BELIEF_HOPS = 5
"""Tempo moves slowly: a belief every few hops takes 18 MB an hour."""


class Trace:
    """Grows by one hop with each `note`."""

    def __init__(self, hop_s: float) -> None:
        self.hop_s = hop_s
        self.tempi_bpm: F64 = np.zeros(0)
        self._onset = Rows(np.float32)
        self._belief: Rows | None = None
        self._n = 0

    def note(self, ears: Ears) -> None:
        """Keep what *ears* heard and believe after one more hop."""
        if self._belief is None:
            self.tempi_bpm = np.asarray(60.0 / (ears.tempo_lengths * self.hop_s), np.float64)
            self._belief = Rows(np.float32, self.tempi_bpm.shape)
        self._onset.append(ears.activation[ACTIVATION])
        if self._n % BELIEF_HOPS == 0:
            self._belief.append(ears.tempo_belief / max(float(ears.tempo_belief.sum()), 1e-300))
        self._n += 1

    @property
    def onset(self) -> F32:
        """(H,) how much each hop sounds like a beat."""
        return np.asarray(self._onset.rows(), np.float32)

    @property
    def belief(self) -> F32:
        """(T, n) probability of each tempo."""
        return np.asarray(self._belief.rows() if self._belief else np.zeros((0, 0)), np.float32)
