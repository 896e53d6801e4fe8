"""A small causal network that hears beats, downbeats and tempo in the bands of the spectrum, one hop at a time.

Shapes   bands: (B,) magnitudes; inputs: (2 B,); H channels, L layers, layer l looks 2 * 2**l hops back; heads: (2 + C,) logits.
Threads  engine thread only; nothing is made in process. The same kernels feed the training (data/hearing).
Source   van den Oord et al. 2016 (gated dilated convolutions); Davies and Böck 2019 (on beats); heads and gates our own.

Gates are x / (1 + |x|) rather than tanh: as good when trained so, a tenth of the cost, and the same bits everywhere.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64
from audio2pose.errors import LibraryError
from audio2pose.music.spectrum import N_BANDS

# Loudness is told against the loudest of the last seconds; below this mean magnitude all is silence.
LEVEL_FALLS_S, LEAST_LEVEL = 4.0, 3e-3
COMPRESSION = np.float32(50.0)
RISE_HOPS = 2
TAPS = 3
# Heads: beat here, downbeat if it is a beat, then the tempo's classes.
BEAT, DOWNBEAT, TEMPO = 0, 1, 2
N_TEMPI = 48
SLOWEST_BPM, FASTEST_BPM = 50.0, 230.0
WEIGHTS_FILE = "hearing.npz"
MOST_CHANNELS, MOST_LAYERS, MOST_BYTES = 256, 16, 50_000_000
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# All that numpy and zipfile raise where a file is cut off, damaged, or something else altogether.
_DAMAGED = (
    KeyError, ValueError, TypeError, EOFError, MemoryError, RuntimeError, OverflowError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def tempo_classes_bpm() -> F64:
    """(C,) tempo of each class of the tempo head, even in octaves."""
    return np.asarray(np.geomspace(SLOWEST_BPM, FASTEST_BPM, N_TEMPI), np.float64)


@njit(cache=True, nogil=True)
def inputs_of(bands: F32, keep: float, level: F64, past: F32, out: F32) -> None:
    """Write into *out* (2 B,) the compressed *bands* (B,) against the running *level* (1,), and how far each has risen.

    *past* (2, B) holds the two hops before.
    """
    n = bands.shape[0]
    total = 0.0
    for k in range(n):
        total += bands[k]
    level[0] = max(total / n, level[0] * keep, LEAST_LEVEL)
    scale = np.float32(COMPRESSION / level[0])
    for k in range(n):
        v = np.float32(math.log1p(bands[k] * scale))
        out[k] = v * np.float32(0.5) - np.float32(0.6)
        out[n + k] = max(v - past[1, k], np.float32(0.0))
        past[1, k] = past[0, k]
        past[0, k] = v


@njit(cache=True, nogil=True)
def step(
    t: int, x: F32, w_in: F32, b_in: F32, w_gate: F32, b_gate: F32, w_mix: F32, b_mix: F32, w_out: F32, b_out: F32,
    ring: F32, h: F32, skip: F32, z: F32, r: F32, out: F32,
) -> None:  # fmt: skip
    """One hop *t* with inputs *x* (2 B,) through all layers into *out* (2 + C,) logits.

    *ring* (L, R, H) holds each layer's past, R a power of two; *h*, *skip*, *r* (H,) and *z* (2 H,) are scratch.
    """
    n_layers, size, width = ring.shape
    for j in range(width):
        h[j] = b_in[j]
        skip[j] = np.float32(0.0)
    for i in range(x.shape[0]):
        v = x[i]
        for j in range(width):
            h[j] += v * w_in[i, j]
    for j in range(width):
        h[j] = max(h[j], np.float32(0.0))
    for layer in range(n_layers):
        for j in range(width):
            ring[layer, t & (size - 1), j] = h[j]
        for j in range(2 * width):
            z[j] = b_gate[layer, j]
        for tap in range(w_gate.shape[1]):
            at = (t - ((w_gate.shape[1] - 1 - tap) << layer)) & (size - 1)
            for i in range(width):
                v = ring[layer, at, i]
                for j in range(2 * width):
                    z[j] += v * w_gate[layer, tap, i, j]
        for j in range(2 * width):
            z[j] = z[j] / (np.float32(1.0) + abs(z[j]))
        for j in range(width):
            r[j] = b_mix[layer, j]
        for i in range(width):
            v = z[i] * (np.float32(0.5) + np.float32(0.5) * z[width + i])
            for j in range(width):
                r[j] += v * w_mix[layer, i, j]
        for j in range(width):
            h[j] += r[j]
            skip[j] += r[j]
    for c in range(out.shape[0]):
        out[c] = b_out[c]
    for j in range(width):
        v = max(skip[j], np.float32(0.0))
        for c in range(out.shape[0]):
            out[c] += v * w_out[j, c]


_NAMES = ("w_in", "b_in", "w_gate", "b_gate", "w_mix", "b_mix", "w_out", "b_out")


@dataclass(frozen=True, slots=True)
class Weights:
    """The trained numbers, each float32: names and shapes as `step` takes them."""

    w_in: F32
    b_in: F32
    w_gate: F32
    b_gate: F32
    w_mix: F32
    b_mix: F32
    w_out: F32
    b_out: F32

    def __post_init__(self) -> None:
        """Raise LibraryError where shapes do not fit each other."""
        layers, width = self.b_mix.shape if self.b_mix.ndim == 2 else (0, 0)
        n_in, n_out = 2 * N_BANDS, TEMPO + N_TEMPI
        wanted = {
            "w_in": (n_in, width), "b_in": (width,), "w_gate": (layers, TAPS, width, 2 * width), "b_gate": (layers, 2 * width),
            "w_mix": (layers, width, width), "b_mix": (layers, width), "w_out": (width, n_out), "b_out": (n_out,),
        }  # fmt: skip
        fits = 0 < width <= MOST_CHANNELS and 0 < layers <= MOST_LAYERS
        for name, shape in wanted.items():
            array = getattr(self, name)
            if not (fits and array.shape == shape and array.dtype == np.float32 and np.isfinite(array).all()):
                raise LibraryError(f"the weights of the hearing do not fit ({name} is {array.shape}): install audio2pose again")


def shipped_weights() -> Weights:
    """The weights that come with the package. Raises LibraryError where they are missing or damaged."""
    try:
        with resources.files("audio2pose.music").joinpath(WEIGHTS_FILE).open("rb") as file:
            return read_weights(file)
    except OSError:
        raise LibraryError(f"{WEIGHTS_FILE} is missing from the package: install audio2pose again") from None


def read_weights(file: Path | IO[bytes]) -> Weights:
    """The weights in *file* (.npz). Raises LibraryError where it is none of ours."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            members = archive.zip.infolist()
            # A small zip can unfold to more than any memory holds; other ways to pack raise errors of their own.
            if sum(m.file_size for m in members) > MOST_BYTES or any(m.compress_type not in _PACKED for m in members):
                raise ValueError
            arrays = {name: archive[name] for name in _NAMES}
        if any(array.dtype.kind != "f" for array in arrays.values()):
            raise ValueError
    except _DAMAGED:
        raise LibraryError("the weights of the hearing are damaged: install audio2pose again") from None
    return Weights(**{name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()})


class Network:
    """Bands in, logits out. After process: `logits` (2 + C,) of BEAT, DOWNBEAT and TEMPO's classes."""

    def __init__(self, weights: Weights, hop_s: float) -> None:
        self._weights = weights
        layers, width = weights.b_mix.shape
        self._keep = math.exp(-hop_s / LEVEL_FALLS_S)
        self._level: F64 = np.zeros(1)
        self._past: F32 = np.zeros((2, N_BANDS), np.float32)
        self._inputs: F32 = np.zeros(2 * N_BANDS, np.float32)
        # Each layer looks back over two of its dilations; a power of two makes the ring's places cheap to find.
        self._ring: F32 = np.zeros((layers, 1 << (layers + 1), width), np.float32)
        self._scratch: F32 = np.zeros((3, width), np.float32)
        self._gates: F32 = np.zeros(2 * width, np.float32)
        self.logits: F32 = np.zeros(TEMPO + N_TEMPI, np.float32)
        self.reset()

    def reset(self) -> None:
        """Forget all sound."""
        for state in (self._level, self._past, self._ring, self.logits):
            state.fill(0)
        self._hop = 0

    def process(self, bands: F32) -> F32:
        """Logits (2 + C,) after the hop with these *bands* (B,). Threads: engine."""
        w = self._weights
        inputs_of(bands, self._keep, self._level, self._past, self._inputs)
        step(
            self._hop, self._inputs, w.w_in, w.b_in, w.w_gate, w.b_gate, w.w_mix, w.b_mix, w.w_out, w.b_out,
            self._ring, self._scratch[0], self._scratch[1], self._gates, self._scratch[2], self.logits,
        )  # fmt: skip
        self._hop += 1
        return self.logits
