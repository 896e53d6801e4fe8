"""Writes the golden logits anew: `python -m tests.golden.hearing.regenerate`. To be done when the weights were trained anew.

Shapes   logits.txt: a row for each of HOPS, the hop and then its logits (2 + C,).
Source   the network as shipped, over four seconds of sound that is made from a formula.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audio2pose.arrays import F32, F64
from audio2pose.config import HearConfig
from audio2pose.music.hops import Hopper
from audio2pose.music.network import Network, shipped_weights
from audio2pose.music.spectrum import Spectrum

LOGITS = Path(__file__).parent / "logits.txt"
RATE_HZ, SECONDS = 44100, 4.0
# Right after a thump, between two, before any sound has come far, and late.
HOPS = (0, 3, 27, 52, 75, 77, 110, 127, 200, 252, 301, 352, 377, 399)


def sound() -> F32:
    """Thumps at 120 BPM, ticks between them, and a chord that changes each second; no random number in it."""
    t = np.arange(int(SECONDS * RATE_HZ)) / RATE_HZ
    since_beat_s, since_tick_s = (t - 0.25) % 0.5, t % 0.25
    thump = np.sin(2.0 * np.pi * (55.0 * since_beat_s + 1.5 * (1.0 - np.exp(-since_beat_s / 0.02)))) * np.exp(
        -since_beat_s / 0.08
    )
    tick = sum(np.sin(2.0 * np.pi * hz * since_tick_s + hz) for hz in (5100.0, 7300.0, 9100.0)) * np.exp(-since_tick_s / 0.01)
    root_hz = 220.0 * 2.0 ** (np.array([0, 5, 7, 3])[np.minimum(t.astype(int), 3)] / 12.0)
    chord = sum(np.sin(2.0 * np.pi * root_hz * interval * t) for interval in (1.0, 1.25, 1.5))
    return np.asarray(0.5 * thump + 0.04 * tick + 0.06 * chord, np.float32)


def logits() -> F64:
    """(N, 1 + 2 + C) hop and logits at HOPS."""
    hear = HearConfig()
    spectrum, network = Spectrum(hear, RATE_HZ), Network(shipped_weights(), hear.hop_s)
    rows = []
    for hop, samples in enumerate(Hopper(RATE_HZ, hear.hop_s).feed(sound())):
        told = network.process(spectrum.process(samples))
        if hop in HOPS:
            rows.append(np.concatenate([[hop], told]))
    return np.asarray(rows, np.float64)


if __name__ == "__main__":
    np.savetxt(LOGITS, logits(), fmt=["%d"] + ["%.4f"] * (logits().shape[1] - 1))
