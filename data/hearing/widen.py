"""A wider network that tells what a narrow one told: training goes on from there, with room for what is missing.

Shapes   as audio2pose.music.network.Weights; the old channels come first.
Source   Chen, Goodfellow and Shlens 2016 (function-preserving growth), with new channels that no old one hears at first.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F32
from audio2pose.errors import UsageError
from audio2pose.music.network import Weights


def widened(narrow: Weights, channels: int, rng: np.random.Generator) -> Weights:
    """*narrow* with so many *channels*. Raises UsageError where it has more."""
    (layers, old), n_out = narrow.b_mix.shape, narrow.b_out.shape[0]
    n_in, taps = narrow.w_in.shape[0], narrow.w_gate.shape[1]
    if channels < old:
        raise UsageError(f"a network of {old} channels does not fit into {channels}: give --channels {old} or more")

    def drawn(*shape: int, heard: int) -> F32:
        bound = 1.0 / np.sqrt(heard)
        return rng.uniform(-bound, bound, shape).astype(np.float32)

    both = np.concatenate([np.arange(old), channels + np.arange(old)])  # values, then doors
    w_in, b_in = drawn(n_in, channels, heard=n_in), drawn(channels, heard=n_in)
    w_in[:, :old], b_in[:old] = narrow.w_in, narrow.b_in
    w_gate = drawn(layers, taps, channels, 2 * channels, heard=taps * channels)
    b_gate = drawn(layers, 2 * channels, heard=taps * channels)
    w_gate[:, :, old:, both] = 0.0
    w_gate[:, :, :old][..., both], b_gate[:, both] = narrow.w_gate, narrow.b_gate
    w_mix, b_mix = drawn(layers, channels, channels, heard=channels), drawn(layers, channels, heard=channels)
    w_mix[:, old:, :old] = 0.0
    w_mix[:, :old, :old], b_mix[:, :old] = narrow.w_mix, narrow.b_mix
    w_out = np.zeros((channels, n_out), np.float32)
    w_out[:old] = narrow.w_out
    return Weights(w_in, b_in, w_gate, b_gate, w_mix, b_mix, w_out, narrow.b_out.copy())
