"""The mean of several trainings that began with the same weights: it hears better than each of them.

`python -m audio2pose.data.hearing.mean A.npz B.npz -o WEIGHTS.npz` writes weights for audio2pose.music.

Shapes   as audio2pose.music.network.Weights.
Source   Wortsman et al. 2022 (model soups). Trainings with beginnings of their own do not mix: their channels differ.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np

from audio2pose.errors import Audio2PoseError, UsageError
from audio2pose.music.network import Weights
from audio2pose.terminal import say

from .weights import weights_in, write_weights


def mean(several: list[Weights]) -> Weights:
    """Each number's mean over *several* networks. Raises UsageError where their shapes differ."""
    arrays = {f.name: [getattr(w, f.name) for w in several] for f in fields(Weights)}
    if any(a.shape != of[0].shape for of in arrays.values() for a in of):
        raise UsageError("these weights are of networks that differ in size: give trainings that began with the same ones")
    return Weights(**{name: np.asarray(np.mean(of, axis=0), np.float32) for name, of in arrays.items()})


def main() -> int:
    """Write the mean, in words where it fails."""
    parser = argparse.ArgumentParser(description="The mean of several trainings.")
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        write_weights(args.out, mean([weights_in(path) for path in args.weights]))
    except Audio2PoseError as error:
        what, then = error.parts
        say(f"audio2pose: {what}\n  {then}")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
