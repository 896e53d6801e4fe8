"""Training songs: each is composed, played part by part, and heard through our own bands.

`python -m audio2pose.data.hearing.songs FOLDER --first 0 --count 900` writes FOLDER/NUMBER.npz; the number is the seed.

Shapes   a song: stems (S, H, B) float16 bands of each part alone, mixes (M, H, B) of the whole in rooms, beats_s (n,),
         positions (n,) from 1; power of stems adds up, so that new mixes can be drawn in training.
Source   our own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from audio2pose.arrays import F32
from audio2pose.config import HearConfig
from audio2pose.errors import CorpusError
from audio2pose.media.synth import RATE_HZ
from audio2pose.music.hops import Hopper
from audio2pose.music.spectrum import N_BANDS, Spectrum

from .drums import bass, drums
from .perform import Hands, Tempo, room, sound_of
from .score import DRUM_CHANNEL, Part, Score, compose, melody
from .styles import Style, Theme, styles, tempo_of, theme

SECONDS = (34.0, 52.0)
THREE = 0.15  # share of songs in bars of three: the library has few
N_MIXES = 2
MELODY = 0.45


def bands_of(sound: F32) -> F32:
    """(H, B) bands of *sound* (N,) at RATE_HZ, hop by hop as the ears make them."""
    hear = HearConfig()
    spectrum, hopper = Spectrum(hear, RATE_HZ), Hopper(RATE_HZ, hear.hop_s)
    return np.array([spectrum.process(hop).copy() for hop in hopper.feed(sound)], np.float32).reshape(-1, N_BANDS)


def _thinned(part: Part, rng: np.random.Generator) -> Part:
    """*part* without some of its voices: some drums, some channels."""
    voices = part.notes["key"] if part.notes["channel"][0] == DRUM_CHANNEL else part.notes["channel"]
    gone = [v for v in np.unique(voices) if rng.random() < 0.22]
    left = part.notes[~np.isin(voices, gone)]
    return Part(part.name, left if len(left) else part.notes, part.programs, part.kit)


def _broken_down(part: Part, score: Score, rng: np.random.Generator) -> Part:
    """*part* silent for some bars."""
    begin = int(rng.integers(2, max(3, score.n_bars - 3))) * score.meter
    end = begin + int(rng.choice([1, 2, 4, 8])) * score.meter
    left = part.notes[(part.notes["beat"] < begin) | (part.notes["beat"] >= end)]
    return Part(part.name, left if len(left) else part.notes, part.programs, part.kit)


def _draw_style(known: list[Style], of: Theme, rng: np.random.Generator) -> Style:
    fitting = [s for s in known if not of.parts or any(p in s.name.lower() for p in of.parts)]
    meter = 3 if rng.random() < THREE else 4
    chosen = [s for s in fitting if (s.meter == 3) == (meter == 3)] or fitting
    return chosen[int(rng.integers(len(chosen)))]


def make(seed: int, known: list[Style], folder: Path) -> dict[str, np.ndarray]:
    """The song of *seed*. Files are made in *folder* and removed. Errors: CorpusError where it could not be made."""
    rng = np.random.default_rng(seed)
    of = theme(rng)
    style = _draw_style(known, of, rng)
    low, high = of.bpm or (0.0, 0.0)
    bpm = float(np.exp(rng.uniform(np.log(low), np.log(high)))) if of.bpm else tempo_of(style, rng)
    score = compose(style, bpm, rng.uniform(*SECONDS), rng, folder)
    parts = [_thinned(p, rng) if rng.random() < 0.4 else p for p in score.parts]
    if rng.random() < of.own:
        own, kick, per_beat = drums(score, of.drums, rng)
        parts.append(own)
        if rng.random() < 0.6:
            parts.append(bass(score, kick, per_beat, rng))
    if rng.random() < MELODY:
        parts.append(melody(score, rng))
    parts = [_broken_down(p, score, rng) if rng.random() < 0.12 else p for p in parts if len(p.notes)]
    tempo, hands = Tempo(score, rng), Hands(rng)
    n_samples = int((tempo.beat_s[score.n_beats] + 0.3) * RATE_HZ)
    sounds = [sound_of(p, tempo, hands, n_samples, rng, folder) for p in parts]
    kept = [k for k, s in enumerate(sounds) if np.abs(s).max() > 1e-3]
    if not kept:
        raise CorpusError("nothing sounds in this song: another seed")
    parts, sounds = [parts[k] for k in kept], [sounds[k] for k in kept]
    mixes = []
    for _ in range(N_MIXES):
        chosen = chosen_parts([p.name for p in parts], rng)
        mixes.append(
            room(
                sum((sounds[k] * np.float32(10.0 ** (rng.uniform(-9, 3) / 20.0)) for k in chosen), np.zeros(1, np.float32)), rng
            )
        )
    return {
        "stems": np.stack([bands_of(s) for s in sounds]).astype(np.float16),
        "names": np.array([p.name for p in parts]),
        "mixes": np.stack([bands_of(m) for m in mixes]).astype(np.float16),
        "beats_s": tempo.beat_s[: score.n_beats],
        "positions": np.arange(score.n_beats) % score.meter + 1,
        "meter": np.array(score.meter),
        "bpm": np.array(score.bpm),
        "style": np.array(score.style.name),
        "tempo": np.array(tempo.kind),
    }


def chosen_parts(names: list[str], rng: np.random.Generator) -> list[int]:
    """Indices of the parts that play together: one set of drums or none, one bass, and most of the rest."""
    way = rng.random()
    drummers = [k for k, n in enumerate(names) if "drums" in n]
    basses = [k for k, n in enumerate(names) if "bass" in n]
    others = [k for k in range(len(names)) if k not in drummers and k not in basses]
    chosen: list[int] = []
    if drummers and way >= 0.17:
        chosen.append(drummers[int(rng.integers(len(drummers)))])
    if not (drummers and way > 0.9):  # drums alone
        if basses and rng.random() < 0.85:
            chosen.append(basses[int(rng.integers(len(basses)))])
        chosen += [k for k in others if rng.random() < 0.85]
    return sorted(chosen) or list(range(len(names)))


def main() -> None:
    """Make songs until done; one that cannot be made is told and left out."""
    parser = argparse.ArgumentParser(description="Make training songs with known beats.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=0, help="seed of the first song")
    parser.add_argument("--count", type=int, default=900)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    known = styles()
    begun, made = time.monotonic(), 0
    for seed in range(args.first, args.first + args.count):
        out = args.folder / f"{seed}.npz"
        if out.exists():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                song = make(seed, known, Path(scratch))
            except (CorpusError, subprocess.TimeoutExpired) as error:
                sys.stderr.write(f"{seed}: {error}\n")
                continue
        unfinished = out.with_suffix(".part")
        with unfinished.open("wb") as file:
            np.savez(file, allow_pickle=False, **song)
        unfinished.rename(out)
        made += 1
        if made % 20 == 0:
            sys.stderr.write(f"{made} songs, {(time.monotonic() - begun) / made:.1f} s each\n")


if __name__ == "__main__":
    main()
