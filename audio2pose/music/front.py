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

LEARNED, PLAIN = "learned", "plain"
# An onset is known this much after it happened: the plain front's window and flux, the network's targets.
PLAIN_DELAY_S, LEARNED_DELAY_S = 0.016, 0.027
LEAST, MOST = 0.005, 0.97
# The least that onset strength may say: the network hears beats that are no louder than what is around them.
LEAST_ONSET = 0.02


HEARD_BEAT, BEAT_HERE, DOWNBEAT_HERE = range(3)


@njit(cache=True, nogil=True)
def combine(logits: F32, onset: float, share: float, out: F64, tempo: F64) -> None:
    """Write what *logits* (2 + C,) and *onset* strength tell into *out* (3,) and *tempo* (C,) probabilities.

    HEARD_BEAT is the network alone, BEAT_HERE both, weighed by the *share* of the onset; DOWNBEAT_HERE is for a beat.
    """
    heard = 1.0 / (1.0 + math.exp(-min(max(float(logits[BEAT]), -20.0), 20.0)))
    out[HEARD_BEAT] = heard
    out[BEAT_HERE] = heard ** (1.0 - share) * max(onset, LEAST_ONSET) ** share
    out[DOWNBEAT_HERE] = 1.0 / (1.0 + math.exp(-min(max(float(logits[DOWNBEAT]), -20.0), 20.0)))
    most = logits[TEMPO]
    for c in range(tempo.shape[0]):
        most = max(most, logits[TEMPO + c])
    total = 0.0
    for c in range(tempo.shape[0]):
        tempo[c] = math.exp(logits[TEMPO + c] - most)
        total += tempo[c]
    for c in range(tempo.shape[0]):
        tempo[c] /= total


class Front:
    """After process: `beat`, `downbeat` and `tempo` of the last hop, and `delay_s`, how late they are told."""

    def __init__(self, config: BeatConfig, hop_s: float, weights: Weights | None = None) -> None:
        self._config = config
        self._network = Network(weights or shipped_weights(), hop_s) if config.front == LEARNED else None
        self._novelty = None if self._network else Novelty(hop_s)
        self._told: F64 = np.zeros(3)
        self.delay_s = LEARNED_DELAY_S if self._network else PLAIN_DELAY_S
        self.tempo: F64 = np.zeros(N_TEMPI)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        if self._network:
            self._network.reset()
        if self._novelty:
            self._novelty.reset()
        self._onset = 0.0
        self.beat = 0.0
        self.heard_beat = 0.0
        self.downbeat = DOWNBEAT_PRIOR
        self.tempo.fill(1.0 / N_TEMPI)

    def process(self, bands: F32, onset: float) -> None:
        """Take one hop's *bands* (B,) and onset strength *onset* 0..1. Threads: engine."""
        # The network marks a beat one hop later than the flux does.
        before, self._onset = self._onset, onset
        if self._network:
            combine(self._network.process(bands), before, self._config.onset_share, self._told, self.tempo)
            self.heard_beat, self.beat, self.downbeat = self._told.tolist()
        elif self._novelty:
            self.heard_beat = self.beat = onset
            self.downbeat = self._novelty.process(bands, onset)
