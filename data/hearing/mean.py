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
from audio2pose.media.atomic import atomic_write
from audio2pose.music.network import Weights, read_weights
from audio2pose.terminal import say


def mean(several: list[Weights]) -> Weights:
    """Each number's mean over *several* networks. Raises UsageError where their shapes differ."""
    arrays = {f.name: [getattr(w, f.name) for w in several] for f in fields(Weights)}
    if any(a.shape != of[0].shape for of in arrays.values() for a in of):
        raise UsageError("these weights are of networks that differ in size: give trainings that began with the same ones")
    return Weights(**{name: np.mean(of, axis=0, dtype=np.float32) for name, of in arrays.items()})


def main() -> int:
    """Write the mean, in words where it fails."""
    parser = argparse.ArgumentParser(description="The mean of several trainings.")
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        made = mean([read_weights(path) for path in args.weights])
        with atomic_write(args.out) as unfinished, unfinished.open("wb") as file:
            np.savez(file, allow_pickle=False, **{f.name: getattr(made, f.name).astype(np.float16) for f in fields(Weights)})
    except Audio2PoseError as error:
        what, then = error.parts
        say(f"audio2pose: {what}\n  {then}")
        return error.exit_code
    except OSError as error:
        say(f"audio2pose: {error.filename} could not be read ({error.strerror})\n  give files that train.py wrote")
        return UsageError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
