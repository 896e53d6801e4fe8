"""Fit the network to the training songs; needs torch, here and nowhere else.

`python -m audio2pose.data.hearing.train SONGS -o WEIGHTS.npz --minutes 60 --seed 0` writes weights for audio2pose.music.

Shapes   inputs: (N, T, 2 B); logits: (N, T, 2 + C).
Source   gated dilated convolutions (van den Oord et al. 2016); AdamW, cosine schedule, averaged weights.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from audio2pose.arrays import F32
from audio2pose.errors import Audio2PoseError, CorpusError
from audio2pose.music.network import BEAT, DOWNBEAT, N_TEMPI, TAPS, TEMPO, Weights, tempo_classes_bpm
from audio2pose.music.spectrum import N_BANDS
from audio2pose.terminal import say

from .examples import LEVEL_KEEPS, Song, as_inputs, crop, example, network_inputs, read, song_files
from .rough import Example
from .weights import weights_in, write_weights
from .widen import widened

# Longer than the network looks back, so that it learns what it meets in the midst of a night.
N_HOPS, BATCH = 2400, 10
# A batch goes through in pieces that fit a processor's cache: a third faster.
PIECES = 2
SKIP_HOPS = 60  # nobody knows the beat at once
BEAT_WEIGHT, DOWNBEAT_SHARE, TEMPO_SHARE = 4.0, 0.12, 0.06
VALIDATE_S = 240.0


class Network(nn.Module):  # type: ignore[misc]
    """The network as torch trains it; audio2pose.music.network runs the same one hop at a time."""

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.first = nn.Linear(2 * N_BANDS, channels)
        self.gates = nn.ModuleList([nn.Conv1d(channels, 2 * channels, TAPS, dilation=2**k) for k in range(layers)])
        self.mixes = nn.ModuleList([nn.Conv1d(channels, channels, 1) for _ in range(layers)])
        self.last = nn.Linear(channels, 2 + N_TEMPI)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits (N, T, 2 + C) of inputs (N, T, 2 B)."""
        h = torch.relu(self.first(x)).transpose(1, 2)
        skip = torch.zeros_like(h)
        for k, (gate, mix) in enumerate(zip(self.gates, self.mixes)):
            value, door = functional.softsign(gate(functional.pad(h, ((TAPS - 1) * 2**k, 0)))).chunk(2, 1)
            r = mix(value * (0.5 + 0.5 * door))
            h = h + r
            skip = skip + r
        return self.last(torch.relu(skip.transpose(1, 2)))

    def take(self, w: Weights) -> None:
        """Begin with *w*, of as many channels and layers."""
        with torch.no_grad():
            for layer, (gate, mix) in enumerate(zip(self.gates, self.mixes, strict=True)):
                gate.weight.copy_(torch.from_numpy(w.w_gate[layer]).permute(2, 1, 0))
                gate.bias.copy_(torch.from_numpy(w.b_gate[layer]))
                mix.weight.copy_(torch.from_numpy(w.w_mix[layer]).T[:, :, None])
                mix.bias.copy_(torch.from_numpy(w.b_mix[layer]))
            for linear, weight, bias in ((self.first, w.w_in, w.b_in), (self.last, w.w_out, w.b_out)):
                linear.weight.copy_(torch.from_numpy(weight).T)
                linear.bias.copy_(torch.from_numpy(bias))

    def weights(self) -> dict[str, F32]:
        """Arrays as audio2pose.music.network wants them."""

        def array(t: torch.Tensor) -> F32:
            return np.ascontiguousarray(t.detach().numpy(), np.float32)

        return {
            "w_in": array(self.first.weight.T),
            "b_in": array(self.first.bias),
            "w_gate": np.stack([array(g.weight.permute(2, 1, 0)) for g in self.gates]),
            "b_gate": np.stack([array(g.bias) for g in self.gates]),
            "w_mix": np.stack([array(m.weight[:, :, 0].T) for m in self.mixes]),
            "b_mix": np.stack([array(m.bias) for m in self.mixes]),
            "w_out": array(self.last.weight.T),
            "b_out": array(self.last.bias),
        }


def tempo_target(bpm: torch.Tensor) -> torch.Tensor:
    """(..., C) shares of the two classes nearest to *bpm* (...); all 0 where it is 0."""
    classes = torch.from_numpy(np.log(tempo_classes_bpm())).float()
    step = classes[1] - classes[0]
    at = ((torch.log(bpm.clamp(min=1.0)) - classes[0]) / step).clamp(0, N_TEMPI - 1)
    near = (1.0 - (at[..., None] - torch.arange(N_TEMPI)).abs()).clamp(min=0.0)
    return near * (bpm[..., None] > 0)


def loss_of(logits: torch.Tensor, truth: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Loss of each head, and all of them weighed together."""
    logits = logits[:, SKIP_HOPS:]
    beat, downbeat, tempo = (truth[k][:, SKIP_HOPS:] for k in ("beat", "downbeat", "tempo"))
    weight = torch.tensor(BEAT_WEIGHT)
    on_beat = functional.binary_cross_entropy_with_logits(logits[..., BEAT], beat, pos_weight=weight)
    is_beat = downbeat >= 0
    on_down = functional.binary_cross_entropy_with_logits(logits[..., DOWNBEAT][is_beat], downbeat[is_beat], reduction="sum")
    on_down = on_down / is_beat.sum().clamp(min=1)  # a few examples may all be without a beat
    target = tempo_target(tempo)
    known = tempo > 0
    on_tempo = -(target[known] * functional.log_softmax(logits[..., TEMPO:][known], -1)).sum() / known.sum().clamp(min=1)
    return {
        "beat": on_beat, "downbeat": on_down, "tempo": on_tempo,
        "all": on_beat + DOWNBEAT_SHARE * on_down + TEMPO_SHARE * on_tempo,
    }  # fmt: skip


def stacked(examples: list[Example], inputs: list[F32]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Examples as tensors."""
    truth = {
        "beat": np.stack([e.beat for e in examples]),
        "downbeat": np.stack([e.downbeat for e in examples]),
        "tempo": np.stack([e.tempo_bpm for e in examples]),
    }
    return torch.from_numpy(np.stack(inputs)), {k: torch.from_numpy(v) for k, v in truth.items()}


class Batches(torch.utils.data.IterableDataset):  # type: ignore[misc]
    """Endless batches; songs that appear in the folder meanwhile are taken in."""

    def __init__(self, folder: Path, seed: int) -> None:
        self._folder, self._seed = folder, seed

    def __iter__(self) -> Iterator[tuple[torch.Tensor, dict[str, torch.Tensor]]]:
        rng = np.random.default_rng(self._seed)
        songs: dict[Path, Song] = {}
        count = 0
        while True:
            if count % 100 == 0:
                for path in (p for p in song_files(self._folder) if p not in songs):
                    songs[path] = read(path)
                known = [s for s in songs.values() if not s.validates]
            count += 1
            batch = [example(known, N_HOPS, rng) for _ in range(BATCH)]
            yield stacked(batch, [as_inputs(e.bands, rng) for e in batch])


def validation(folder: Path, n: int = 48) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Crops, not roughened, of the first *n* songs of styles that are kept out of training."""
    rng = np.random.default_rng(5)
    chosen: list[Song] = []
    for path in song_files(folder):
        song = read(path)
        if song.validates:
            chosen.append(song)
        if len(chosen) == n:
            break
    if not chosen:
        raise CorpusError(f"{folder} holds no song of a style that is kept for validation: make more with songs.py")
    examples = [crop(s, 2500, rng) for s in chosen]
    return stacked(examples, [network_inputs(e.bands, LEVEL_KEEPS, 0.0) for e in examples])


def main() -> int:
    """Train, in words where it fails."""
    parser = argparse.ArgumentParser(description="Train the network that hears beats.")
    parser.add_argument("songs", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=Path, help="weights to go on from, of as many channels or fewer; --layers are theirs")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    try:
        train(args)
    except Audio2PoseError as error:
        what, then = error.parts
        say(f"audio2pose: {what}\n  {then}")
        return error.exit_code
    except KeyboardInterrupt:
        say("audio2pose: interrupted\n  the weights that were written last are whole: --start goes on from them")
        return 130
    return 0


def train(args: argparse.Namespace) -> None:
    """Train for so many minutes; the averaged weights are written every few."""
    start = widened(weights_in(args.start), args.channels, np.random.default_rng(args.seed)) if args.start else None
    validation_once(args.songs)  # no songs, no training: told before hours are spent
    if all(read(p).validates for p in song_files(args.songs)):
        raise CorpusError(f"{args.songs} holds songs for validation only: make more with songs.py")
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    layers = start.b_mix.shape[0] if start else args.layers
    net, mean = Network(args.channels, layers), Network(args.channels, layers)
    if start:
        net.take(start)
    mean.load_state_dict(net.state_dict())
    optimiser = torch.optim.AdamW(net.parameters(), lr=args.rate, weight_decay=1e-3)
    batches = iter(
        torch.utils.data.DataLoader(Batches(args.songs, args.seed), batch_size=None, num_workers=1, prefetch_factor=4)
    )
    begun = validated = time.monotonic()
    losses: list[float] = []
    count = 0
    while (spent_s := time.monotonic() - begun) < 60.0 * args.minutes:
        for group in optimiser.param_groups:
            group["lr"] = (
                args.rate * min(1.0, count / 50.0) * 0.5 * (1.0 + math.cos(math.pi * spent_s / (60.0 * args.minutes))) + 1e-5
            )
        inputs, truth = next(batches)
        optimiser.zero_grad()
        total = 0.0
        for k in range(PIECES):
            # Half the bits, two thirds of the time; the loss and the averaged weights keep all of them.
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(inputs[k::PIECES])
            loss = loss_of(logits.float(), {name: v[k::PIECES] for name, v in truth.items()})["all"] / PIECES
            loss.backward()
            total += loss.item()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        count += 1
        losses.append(total)
        with torch.no_grad():
            keep = min(0.99, 1.0 - 1.0 / (count + 1))
            for a, b in zip(mean.parameters(), net.parameters()):
                a.mul_(keep).add_(b, alpha=1.0 - keep)
        if time.monotonic() - validated > VALIDATE_S:
            validated = time.monotonic()
            _tell(mean, args, spent_s, count, losses)
    _tell(mean, args, spent_s, count, losses)


def _tell(mean: Network, args: argparse.Namespace, spent_s: float, count: int, losses: list[float]) -> None:
    with torch.no_grad():
        parts = loss_of(mean(validation_once(args.songs)[0]), validation_once(args.songs)[1])
    write_weights(args.out, Weights(**mean.weights()))
    told = ", ".join(f"{k} {v.item():.4f}" for k, v in parts.items())
    sys.stderr.write(f"{spent_s:.0f} s, {count} steps, training {np.mean(losses[-100:]):.4f}, validation {told}\n")


_kept: list[tuple[torch.Tensor, dict[str, torch.Tensor]]] = []


def validation_once(folder: Path) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The validation set, made at the first call."""
    if not _kept:
        _kept.append(validation(folder))
    return _kept[0]


if __name__ == "__main__":
    sys.exit(main())
