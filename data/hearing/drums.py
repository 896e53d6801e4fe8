"""Our own drums and bass: patterns as they are programmed and played in the genres that the accompaniments lack.

Shapes   a pattern: (S,) strength 0..1 of each step of a bar; S = 4 steps a beat, or 3 where the feel is in triplets.
Source   our own, from what these genres are known for: four on the floor, backbeat, boom-bap, broken beats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from audio2pose.arrays import F64

from .score import DRUM_CHANNEL, Part, Score, notes_of

KICK, SNARE, RIM, CLAP, CLOSED, PEDAL, OPEN, CRASH, RIDE = 36, 38, 37, 39, 42, 44, 46, 49, 51
TOMS = (41, 45, 48)
# A slow pulse suits other patterns than a quick one: (up to BPM, kinds). Where there is a backbeat it stands on 2 and 4:
# with half-time and double-time feels among the songs, nothing would tell the network which octave people count.
SUITS = (
    (84.0, ("boom", "boom", "rock", "sparse", "shuffle")),
    (112.0, ("boom", "boom", "broken", "rock", "perc", "floor", "sparse")),
    (146.0, ("floor", "floor", "floor", "rock", "broken", "perc", "shuffle", "sparse")),
    (400.0, ("rock", "rock", "rock", "broken", "perc", "floor")),
)


class Grid:
    """Strengths of kick, snare, hat and open hat over one bar."""

    def __init__(self, meter: int, per_beat: int) -> None:
        self.meter, self.per_beat = meter, per_beat
        self.steps = meter * per_beat
        self.kick, self.snare, self.hat, self.open = (np.zeros(self.steps) for _ in range(4))

    def at(self, beat: float) -> int:
        """Step of a *beat* counted from 0; halves of a beat in triplets lie on the last one."""
        return math.floor(beat * self.per_beat + 0.5) % self.steps

    def backbeat(self) -> None:
        """Snare on 2 and 4, in three on 2 and 3."""
        for beat in (1, 3) if self.meter == 4 else (1, 2):
            self.snare[self.at(beat)] = 1.0

    def hats(self, every: int, rng: np.random.Generator) -> None:
        """Hats on each *every*-th step, louder on the beat or off it, some left out."""
        accent = rng.choice([0.95, 0.6])
        for step in range(0, self.steps, every):
            on = step % self.per_beat == 0
            self.hat[step] = (accent if on else 1.5 - accent) * (rng.random() < 0.95)


def _sprinkle(row: F64, chance: float, rng: np.random.Generator, low: float = 0.5) -> None:
    for step in range(row.shape[0]):
        if rng.random() < chance:
            row[step] = max(row[step], rng.uniform(low, 1.0))


def pattern(kind: str, meter: int, rng: np.random.Generator) -> Grid:
    """One bar of *kind*, always with a kick on 1. All but perc have a backbeat, floor and sparse by lot."""
    grid = Grid(meter, 3 if kind == "shuffle" else 4)
    beats = range(meter)
    eighth = 2 if grid.per_beat == 4 else 1
    if kind == "floor":
        for b in beats:
            grid.kick[grid.at(b)] = 1.0
            grid.open[grid.at(b + 0.5)] = rng.random() < 0.85
        if rng.random() < 0.75:
            grid.backbeat()
        if rng.random() < 0.7:
            grid.hats(int(rng.choice([1, 2])), rng)
        if rng.random() < 0.3:
            _sprinkle(grid.kick, 0.06, rng)
    elif kind in ("boom", "broken", "sixteen"):
        grid.kick[0] = 1.0
        for step in range(2, grid.steps):
            likely = 0.45 if step in (grid.at(1.75), grid.at(2), grid.at(2.5)) else 0.13
            likely *= 1.4 if kind == "sixteen" else 1.0
            grid.kick[step] = (rng.random() < likely) * rng.uniform(0.6, 1.0)
        grid.backbeat()
        if kind == "broken":
            _sprinkle(grid.snare, 0.12, rng, 0.15)
        grid.hats(1 if kind == "sixteen" else int(rng.choice([1, 2, 2])), rng)
        grid.open[grid.at(float(rng.choice([0.5, 1.5, 3.5])))] = rng.random() < 0.4
    elif kind == "sparse":
        grid.kick[0] = 1.0
        if rng.random() < 0.5:
            grid.backbeat()
        _sprinkle(grid.hat, 0.2, rng)
    elif kind == "perc":
        _sprinkle(grid.hat, 0.35, rng)
        _sprinkle(grid.snare, 0.15, rng, 0.3)
        for b in beats:
            grid.kick[grid.at(b)] = (b == 0 or rng.random() < 0.5) * 1.0
    else:  # rock, shuffle
        grid.kick[0] = 1.0
        if meter == 4:
            grid.kick[grid.at(2)] = 1.0
        for step in (grid.at(0.5), grid.at(1.5), grid.at(1.75), grid.at(2.5), grid.at(3.5)):
            grid.kick[step] = max(grid.kick[step], float(rng.random() < 0.22))
        grid.backbeat()
        grid.hats(int(rng.choice([eighth, eighth, grid.per_beat])), rng)
        if grid.per_beat == 3:
            grid.hat[[grid.at(b) + 1 for b in beats]] = 0.0  # a shuffle leaves the middle triplet out
    return grid


def drums(score: Score, kinds: tuple[str, ...], rng: np.random.Generator) -> tuple[Part, F64, int]:
    """A drum part for *score*, one of *kinds* or of what suits its tempo.

    Also the kick's strength over a bar and the steps of a beat, which a bass may follow.
    """
    kind = str(rng.choice(kinds or next(k for until, k in SUITS if score.bpm <= until)))
    grid = pattern(kind, score.meter, rng)
    other = pattern(kind, score.meter, rng)
    late = rng.choice([0.0, 0.0, 0.03, 0.06, 0.09, 0.13]) if grid.per_beat == 4 else 0.0  # of a beat: swung sixteenths
    drag = {KICK: 0.0, SNARE: rng.normal(0, 0.008), CLOSED: rng.normal(0, 0.006), OPEN: 0.0}
    hat = int(rng.choice([CLOSED, CLOSED, PEDAL, RIDE, 54, 70, 53]))
    snare = int(rng.choice([SNARE, 40, CLAP, RIM]))
    phrase = int(rng.choice([4, 8, 8, 16]))
    quiet_bars = int(rng.choice([0, 0, 0, 2, 4]))
    rows = []
    for bar in range(quiet_bars, score.n_bars):
        g = other if bar % phrase == phrase - 1 and rng.random() < 0.5 else grid
        fill = bar % phrase == phrase - 1 and rng.random() < 0.4
        for step in range(g.steps):
            beat = bar * score.meter + step / g.per_beat + (late if g.per_beat == 4 and step % 2 else 0.0)
            filled = fill and step >= g.steps - g.per_beat
            if g.kick[step] and not (filled and rng.random() < 0.5):
                rows.append((beat + drag[KICK], 0.1, KICK, 112 * g.kick[step], DRUM_CHANNEL))
            if g.snare[step] and not filled:
                rows.append((beat + drag[SNARE], 0.1, snare, 105 * g.snare[step], DRUM_CHANNEL))
            if filled and rng.random() < 0.65:
                rows.append((beat, 0.1, int(rng.choice([SNARE, *TOMS])), rng.uniform(60, 115), DRUM_CHANNEL))
            if g.hat[step]:
                rows.append((beat + drag[CLOSED], 0.1, hat, 85 * g.hat[step] + 8, DRUM_CHANNEL))
            if g.open[step]:
                rows.append((beat, 0.1, OPEN, 90.0, DRUM_CHANNEL))
        if bar % phrase == 0 and rng.random() < 0.4:
            rows.append((bar * score.meter, 0.5, CRASH, 95.0, DRUM_CHANNEL))
    kit = "electric" if rng.random() < 0.6 else "gm"
    return Part("own drums", notes_of(rows), {}, kit), grid.kick, grid.per_beat


def bass(
    score: Score,
    kick: F64,
    per_beat: int,
    rng: np.random.Generator,
    kinds: tuple[str, ...] = ("off", "on", "kick", "roll", "lot", "held"),
) -> Part:
    """A bass line on the beat, off it, with the kick, rolling, by lot, or held: one of *kinds*."""
    steps = score.meter * per_beat
    kind = rng.choice(kinds)
    half = per_beat // 2 if per_beat == 4 else 2
    rows = []
    lot = rng.random(steps) < 0.35
    lot[0] = True
    for bar in range(score.n_bars):
        root = 28 + (score.root + score.scale[score.chords[bar]] + 8) % 12
        for step in _bass_steps(str(kind), steps, per_beat, half, kick, lot):
            if rng.random() < 0.95:
                key = root + (12 if rng.random() < 0.1 else 7 if rng.random() < 0.1 else 0)
                beats = 0.9 * score.meter if kind == "held" else 0.9 / per_beat * rng.choice([1, 2])
                rows.append((bar * score.meter + step / per_beat, beats, key, rng.uniform(80, 112), 1))
    return Part("own bass", notes_of(rows), {1: int(rng.choice([32, 33, 34, 36, 38, 39, 38, 87]))})


def _bass_steps(kind: str, steps: int, per_beat: int, half: int, kick: F64, lot: np.ndarray) -> Iterator[int]:
    for step in range(steps):
        on = step % per_beat == 0
        wanted = {
            "off": step % per_beat == half, "on": on, "kick": kick[step] > 0.0, "roll": not on, "lot": bool(lot[step]),
            "held": step == 0,
        }[kind]  # fmt: skip
        if wanted:
            yield step
