"""Accompaniments of our own: rhythms drawn by lot, more or less syncopated, as chords, strums, arpeggios, riffs or pads.

Shapes   a rhythm: (S,) strength 0..1 of each step of one or two bars.
Source   our own; how often a step sounds follows its place in the metre, as counts of real accompaniments do.
"""

from __future__ import annotations

import numpy as np

from audio2pose.arrays import F64

from .score import Part, Score, notes_of

KEYS, GUITARS = (0, 1, 4, 5, 16, 17, 21), (24, 25, 26, 27, 28, 29, 30)
SYNTHS, STRINGS = (80, 81, 84, 87, 90), (48, 49, 50, 61, 62)
KINDS: dict[str, tuple[int, ...]] = {
    "chords": (*KEYS, *GUITARS, *SYNTHS, 61, 62),
    "strum": (*GUITARS, 15, 105),
    "arpeggio": (*KEYS, *GUITARS, *SYNTHS, 10, 11, 12, 46, 98),
    "riff": (*GUITARS, *SYNTHS, 33, 34, 38, 65, 66),
    "pad": (*STRINGS, 16, 19, 52, 89, 94, 95),
}


def rhythm(meter: int, per_beat: int, bars: int, rng: np.random.Generator) -> F64:
    """Strengths of the steps of *bars* bars; at least one of them sounds."""
    beat = np.arange(meter * bars * per_beat) / per_beat
    place = np.where(beat % meter == 0, 1.0, np.where(beat % 1 == 0, 0.75, np.where(beat % 0.5 == 0, 0.45, 0.2)))
    if per_beat == 3:
        place = np.where(beat % 1 == 0, place, np.where(np.abs(beat % 1 - 2 / 3) < 0.1, 0.5, 0.2))
    against = rng.random(len(beat))  # a syncopated player has favourites of his own
    likely = np.clip(rng.uniform(0.25, 1.4) * (place + rng.uniform(0.0, 0.8) * (against - place)), 0.0, 1.0)
    sounds = rng.random(len(beat)) < likely
    if not sounds.any():
        sounds[0] = True
    return np.asarray(sounds * (0.6 + 0.4 * place) * rng.uniform(0.85, 1.0, len(beat)), np.float64)


def comping(score: Score, rng: np.random.Generator, offbeat: bool = False) -> Part:
    """One player who accompanies all of *score*; which instrument and how, by lot. Chords between the beats if *offbeat*."""
    kind = str(rng.choice(list(KINDS)))
    per_beat = int(rng.choice([4, 4, 2, 2, 3]))
    bars = int(rng.choice([1, 1, 2]))
    first, other = (rhythm(score.meter, per_beat, bars, rng) for _ in range(2))
    if kind == "arpeggio":
        first = np.tile([0.8, *(rng.choice([0.0, 0.6], per_beat - 1, p=[0.2, 0.8]))], score.meter * bars)
    if offbeat:
        kind, per_beat, first = str(rng.choice(["chords", "riff", "strum"])), 2, np.tile([0.0, 0.9], score.meter)
        other = first
    order = rng.permutation(6)
    short, pushed = rng.random() < 0.4, rng.random() < 0.35 and not offbeat
    spread = rng.uniform(0.005, 0.03) if kind == "strum" else 0.0
    low = int(rng.choice([36, 48])) if kind == "riff" else int(rng.choice([48, 52, 55, 60]))
    n_steps = score.n_beats * per_beat
    rows: list[tuple[float, float, int, float, int]] = []
    onsets = []
    for step in range(n_steps):
        bar = step // (score.meter * per_beat)
        pattern = other if bar % 8 == 7 else first
        strength = pattern[step % len(pattern)]
        if kind == "pad":
            strength = 0.8 if step % (score.meter * per_beat) == 0 else 0.0
        if strength > 0.0 and rng.random() < 0.96:
            onsets.append((step, strength))
    for (step, strength), (following, _) in zip(onsets, [*onsets[1:], (n_steps, 0.0)]):
        beat = step / per_beat
        # A pushed chord comes with the last off-beat of the bar before.
        ahead = 1.0 / min(per_beat, 2) if pushed else 0.0
        bar = min(int((beat + ahead) // score.meter), score.n_bars - 1)
        length = 0.3 / per_beat if short else 0.92 * (following - step) / per_beat
        if pushed and kind == "pad" and bar > 0:
            beat -= 0.5
        keys = _keys(score, bar, low)
        played = [keys[int(order[step % len(order)]) % len(keys)]] if kind == "arpeggio" else keys
        played = [keys[0] if rng.random() < 0.7 else keys[int(rng.integers(len(keys)))]] if kind == "riff" else played
        down = rng.random() < 0.5
        for k, key in enumerate(played if down else played[::-1]):
            rows.append((max(0.0, beat + k * spread), max(length, 0.05), key, 100.0 * strength * rng.uniform(0.9, 1.05), 2))
    return Part("own chords", notes_of(rows), {2: int(rng.choice(KINDS[kind]))})


def _keys(score: Score, bar: int, low: int) -> list[int]:
    """Keys of a bar's chord from *low* on, root first."""
    degree = score.chords[bar]
    tones = [score.scale[(degree + third) % 7] for third in (0, 2, 4)]
    return [low + (score.root + tone - low) % 12 for tone in tones]
