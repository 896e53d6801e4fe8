"""Weights on the way from one training to the next: files of theirs are named where they fail, and appear whole or not at all.

Errors   LibraryError where a file holds no weights, OutputError where none can be written.
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np

from audio2pose.errors import LibraryError
from audio2pose.media.atomic import atomic_write
from audio2pose.music.network import Weights, read_weights


def weights_in(path: Path) -> Weights:
    """The weights in *path*, as train.py or mean.py wrote them."""
    try:
        return read_weights(path)
    except OSError as error:
        raise LibraryError(f"{path} cannot be read ({error.strerror}): give a file that a training wrote") from None
    except LibraryError as error:
        raise LibraryError(f"{path} holds no weights that fit ({error.parts[0]}): give a file that a training wrote") from None


def write_weights(path: Path, weights: Weights) -> None:
    """Write *weights* to *path*, at half their precision: nothing is heard of it, and the package is half as large."""
    with atomic_write(path) as unfinished, unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, **{f.name: getattr(weights, f.name).astype(np.float16) for f in fields(Weights)})
