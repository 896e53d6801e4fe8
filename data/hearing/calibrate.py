"""How sure a told beat may be: fit the tracker's confidence to how often its beats were right.

`python -m audio2pose.data.hearing.calibrate SONGS` runs the tracker over songs of styles that training never saw, plain and
roughened, and over crowds and voices, and prints CONFIDENCE for audio2pose.music.beat:
logit = a + b * logit(probability) + c * evidence + d * age.

Shapes   a told beat: (3,) logit of its probability, evidence in nats a second, seconds since the first onset up to OLD_S.
Source   logistic regression, Newton's method.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from audio2pose.arrays import F64
from audio2pose.config import BeatConfig, HearConfig
from audio2pose.errors import Audio2PoseError, CorpusError, UsageError
from audio2pose.music.beat import BeatTracker, confidence_terms
from audio2pose.terminal import say

from .examples import Song, crop, joined, read, song_files
from .rough import DELAY_HOPS, HOP_S, Example, decibel, noise, roughened
from .voices import sung

HIT_S = 0.07
RIDGE = 1e-3
NO_MUSIC = 2  # after one song in so many comes a crowd or a voice, half as long: whatever is told there is wrong


def told(tracker: BeatTracker, one: Example) -> tuple[F64, F64]:
    """Terms (N, 4) of every beat that *tracker* tells in *one*, and whether each was right (N,)."""
    tracker.reset()
    true_s = (np.flatnonzero(one.beat >= 1.0) - DELAY_HOPS) * HOP_S
    terms, right = [], []
    for bands in one.bands:
        tracker.front.process(bands, tracker.onset.process(bands))
        state = tracker.follow()
        if state["committed"]:
            terms.append(confidence_terms(float(state["probability"]), float(state["evidence"]), tracker.age_s))
            right.append(len(true_s) > 0 and float(np.abs(true_s - state["beat_s"]).min()) <= HIT_S)
    return np.array(terms, np.float64).reshape(-1, 4), np.array(right, np.float64)


def no_music(n_hops: int, rng: np.random.Generator) -> Example:
    """A crowd, applause or a voice alone: no beat in it."""
    bands = noise(n_hops, rng) if rng.random() < 0.6 else sung(n_hops, np.zeros(0), rng) + 0.05 * noise(n_hops, rng)
    nothing = np.zeros(n_hops, np.float32)
    return Example(np.asarray(bands * decibel(-10, 20, rng) * 10.0, np.float32), nothing, nothing - 1.0, nothing)


def fit(terms: F64, right: F64) -> F64:
    """(4,) weights of a logistic regression."""
    weights = np.zeros(terms.shape[1])
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-terms @ weights))
        curve = (terms * (p * (1.0 - p))[:, None]).T @ terms + RIDGE * np.eye(len(weights))
        weights += np.linalg.solve(curve, terms.T @ (right - p) - RIDGE * weights)
    return weights


def calibrate(folder: Path, count: int) -> None:
    """Print the weights that fit *count* songs in *folder*, and how well they tell."""
    if count < 1:
        raise UsageError(f"--count {count} asks for no song: give 1 or more")
    rng = np.random.default_rng(11)
    kept: list[Song] = []
    for path in song_files(folder):
        if len(kept) < count and (song := read(path)).validates:
            kept.append(song)
    if not kept:
        raise CorpusError(f"{folder} holds no song of a style that is kept for validation: make more with songs.py")
    tracker = BeatTracker(HearConfig(), BeatConfig(), 44100)
    terms, right = [], []
    for k, song in enumerate(kept):
        n_hops = song.mixes.shape[1]
        one = crop(song, n_hops, rng)
        if k % 3 == 1:
            one = roughened(one, rng)
        elif k % 3 == 2:
            one = joined(one, crop(kept[int(rng.integers(len(kept)))], n_hops, rng), n_hops // 2)
        for example in (one, no_music(n_hops // 2, rng)) if k % NO_MUSIC == 0 else (one,):
            a, b = told(tracker, example)
            terms.append(a)
            right.append(b)
    x, y = np.concatenate(terms), np.concatenate(right)
    if not len(y):
        raise CorpusError(f"no beat was told in {len(kept)} songs of {folder}: make others with songs.py")
    weights = fit(x, y)
    p = 1.0 / (1.0 + np.exp(-x @ weights))
    sys.stdout.write(f"CONFIDENCE = ({', '.join(f'{w:.3f}' for w in weights)})  # {len(y)} beats of {len(kept)} songs\n")
    for low in np.arange(0.0, 1.0, 0.1):
        inside = (p >= low) & (p < low + 0.1)
        if inside.any():
            sys.stdout.write(f"told {low:.1f} to {low + 0.1:.1f}: {int(inside.sum())} beats, {y[inside].mean():.2f} right\n")


def main() -> int:
    """Calibrate, in words where it fails."""
    parser = argparse.ArgumentParser(description="Calibrate the confidence of told beats.")
    parser.add_argument("songs", type=Path)
    parser.add_argument("--count", type=int, default=80, help="songs to listen to")
    args = parser.parse_args()
    try:
        calibrate(args.songs, args.count)
    except Audio2PoseError as error:
        what, then = error.parts
        say(f"audio2pose: {what}\n  {then}")
        return error.exit_code
    except KeyboardInterrupt:
        say("audio2pose: interrupted")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
