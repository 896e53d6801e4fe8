"""What a hop tells of the beat: how likely one falls here, how likely it is a downbeat, and which tempi are likely.

Shapes   bands: (B,) magnitudes; beat, downbeat: 0..1; tempo: (C,) probabilities of the network's tempo classes, sum 1.
Threads  engine thread only.
Source   our own: a trained network and untrained onset strength multiplied; each cures what the other mistakes.

Without the network (`front = "plain"`) onset strength tells beats and new notes tell downbeats.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64
from audio2pose.config import BeatConfig
from audio2pose.music.bar import DOWNBEAT_PRIOR, Novelty
from audio2pose.music.network import BEAT, DOWNBEAT, N_TEMPI, TEMPO, Network, Weights, shipped_weights
from audio2pose.music.spectrum import N_BANDS

LEARNED, PLAIN = "learned", "plain"
# An onset is known this much after it happened: the plain front's window and flux, the network's targets.
PLAIN_DELAY_S, LEARNED_DELAY_S = 0.016, 0.027
# The network was trained with each beat counted four times: so much of its odds is taken back.
BEAT_WEIGHT = 4.0
LEAST, MOST = 0.005, 0.97
# The least that onset strength may say: the network hears beats that are no louder than what is around them.
LEAST_ONSET = 0.02


@njit(cache=True, nogil=True)
def softmax(logits: F32, out: F64) -> None:
    """Write into *out* (C,) the probabilities of *logits* (C,)."""
    most = logits[0]
    for c in range(logits.shape[0]):
        most = max(most, logits[c])
    total = 0.0
    for c in range(logits.shape[0]):
        out[c] = math.exp(logits[c] - most)
        total += out[c]
    for c in range(logits.shape[0]):
        out[c] /= total


class Front:
    """After process: `beat`, `downbeat` and `tempo` of the last hop, and `delay_s`, how late they are told."""

    def __init__(self, config: BeatConfig, hop_s: float, weights: Weights | None = None) -> None:
        self._config = config
        self._network = Network(weights or shipped_weights(), hop_s) if config.front == LEARNED else None
        self._novelty = Novelty(hop_s)
        self.delay_s = LEARNED_DELAY_S if self._network else PLAIN_DELAY_S
        self.tempo: F64 = np.zeros(N_TEMPI)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        if self._network:
            self._network.reset()
        self._novelty.reset()
        self._onset = 0.0
        self.beat = 0.0
        self.heard_beat = 0.0
        self.downbeat = DOWNBEAT_PRIOR
        self.tempo.fill(1.0 / N_TEMPI)

    def process(self, bands: F32, onset: float) -> None:
        """Take one hop's *bands* (B,) and onset strength *onset* 0..1. Threads: engine."""
        novel = self._novelty.process(bands, onset)
        # The network marks a beat one hop later than the flux does.
        before, self._onset = self._onset, onset
        if self._network is None:
            self.beat = self.heard_beat = onset
            self.downbeat = novel
            return
        logits = self._network.process(bands)
        odds = math.exp(min(max(float(logits[BEAT]), -20.0), 20.0))
        self.heard_beat = odds / (1.0 + odds)
        share = self._config.onset_share
        self.beat = self.heard_beat ** (1.0 - share) * max(before, LEAST_ONSET) ** share
        self.downbeat = 1.0 / (1.0 + math.exp(-min(max(float(logits[DOWNBEAT]), -20.0), 20.0)))
        softmax(logits[TEMPO:], self.tempo)
