"""The whole song looked at before dancing: its most likely beats, their places in the bar, and how sure each of them is.

Shapes   H hops, n tempi of L hops a beat, B beats; activations: (H, A) as Ears.activation; sums from the start: (H + 1, ..).
Threads  any; nothing is shared. Look-ahead only: nothing here is causal.
Source   semi-Markov Viterbi decoding of the live filter's own model (pointer.py); forward-backward for the confidence.

A state is a beat that begins at a hop and lasts one of the n tempi: between two beats nothing can change, so whole beats
are weighed at once. As in the filter, everything is told against the likelihood of 'no beat here'.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from audio2pose.arrays import F32, F64, I64
from audio2pose.config import BeatConfig
from audio2pose.music.bar import places_of
from audio2pose.music.beat import HARDLY_A_BEAT
from audio2pose.music.ears import ACTIVATION, DOWNBEAT, SOUNDING, TEMPO
from audio2pose.music.front import LEARNED, LEARNED_DELAY_S, LEAST, MOST, PLAIN_DELAY_S
from audio2pose.music.network import tempo_classes_bpm
from audio2pose.music.pointer import REACH, beat_share, tempo_change, tempo_grid

# A song is decoded in pieces that overlap, so that a long one needs no more memory than one piece.
PIECE_S, OVERLAP_S = 480.0, 20.0
WORST = -1e30
# Mark of a beat that no other came before; steps of tempo are smaller.
BEGINNING = 127
# Evidence of a pulse, nats a second over so many beats to either side: beats go on while it stays above the lower figure,
# if it reaches the higher one somewhere among them. Crowds reach 4.4, the weakest music of the test clips 9.
PULSE_BEATS, PULSE_OFF, PULSE_ON = 8, 1.0, 5.0
# What the hops tell is not independent, as the model believes: so much of it counts when doubts are weighed.
TEMPER = 0.1
NEAR_S, NEAR_TEMPI, SMOOTHER_REACH = 0.04, 3, 6
# Confidence: of beats whose level is doubtful two in three are right, and a weak pulse is none.
LEVEL_LEAST, LEVEL_MOST, LEVEL_POWER = 0.65, 0.98, 2.0
PULSE_MIDDLE, PULSE_WIDTH = 3.5, 1.2
# What is heard whatever range is asked for, and the share of beats that an octave must bring into the range.
WIDE, MOST_INSIDE, BEYOND = BeatConfig(), 0.85, 1.03


@dataclass(frozen=True, slots=True)
class Beats:
    """Beats of a song: times_s (B,) rising, places (B,) in the bar (1 is the downbeat), confidences (B,) 0..1."""

    times_s: F64
    places: I64
    confidences: F64


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the hops of a piece tell: logs summed from its start, and the model's own beliefs."""

    lengths: I64  # (n,) hops a beat
    reach: I64  # (n,) hops of a beat's first part
    beat: F64  # (H + 1,) of a beat's first part
    nothing: F64  # (H + 1,) of 'no pulse at all'
    tempo: F64  # (H + 1, n) of each tempo
    prior: F64  # (n,) log prior of a tempo and a phase
    change: F64  # (n, n) log probability of the next tempo


@njit(cache=True, nogil=True)
def forward(beat: F64, tempo: F64, prior: F64, change: F64, reach: I64, lengths: I64, best: F64,
            came: NDArray[np.int8]) -> None:  # fmt: skip
    """Best score of all up to a beat's first part that begins at each hop, at each tempo.

    *best* (R, n) is a ring over hops, R longer than any beat; *came* (H, n) keeps the step of tempo that led here, BEGINNING
    where the song began. What a beat's whole length tells of its tempo is added where it ends.
    """
    n_hops = beat.shape[0] - 1
    n = lengths.shape[0]
    ring = best.shape[0]
    for t in range(n_hops):
        for j in range(n):
            arrive = WORST
            for i in range(max(0, j - REACH), min(n, j + REACH + 1)):
                begin = t - lengths[i]
                if begin >= 0:
                    v = best[begin % ring, i] + tempo[t, i] - tempo[begin, i] + change[i, j]
                    if v > arrive:
                        arrive = v
                        came[t, j] = i - j
            # The song may begin within any beat, as long as no whole beat of this tempo fits before it.
            if t < lengths[j] and arrive < prior[j] + tempo[t, j]:
                arrive = prior[j] + tempo[t, j]
                came[t, j] = BEGINNING
            best[t % ring, j] = arrive + beat[min(t + reach[j], n_hops)] - beat[t]


@njit(cache=True, nogil=True)
def add_logs(values: F64, n: int) -> float:
    """Log of the sum of what the first *n* > 0 *values* are logs of."""
    most = values[0]
    for k in range(1, n):
        most = max(most, values[k])
    total = 0.0
    for k in range(n):
        total += math.exp(values[k] - most)
    return most + math.log(total)


@njit(cache=True, nogil=True)
def smooth(beat: F64, tempo: F64, prior: F64, change: F64, reach: I64, lengths: I64, scratch: F64, before: F32,
           after: F32) -> None:  # fmt: skip
    """Log weight of all that is up to the end of each beat (*before*, (H, n)) and of all that follows (*after*, (H, n)).

    *scratch* holds 2 * SMOOTHER_REACH + 2 numbers.
    """
    n_hops = beat.shape[0] - 1
    n = lengths.shape[0]
    for t in range(n_hops):
        for j in range(n):
            ways = 0
            for i in range(max(0, j - SMOOTHER_REACH), min(n, j + SMOOTHER_REACH + 1)):
                if t >= lengths[i]:
                    scratch[ways] = before[t - lengths[i], i] + change[i, j]
                    ways += 1
            if t < lengths[j]:
                scratch[ways] = prior[j] + tempo[t, j]
                ways += 1
            own = beat[min(t + reach[j], n_hops)] - beat[t] + tempo[min(t + lengths[j], n_hops), j] - tempo[t, j]
            before[t, j] = add_logs(scratch, ways) + own if ways > 0 else WORST
    for t in range(n_hops - 1, -1, -1):
        for i in range(n):
            u = t + lengths[i]
            after[t, i] = 0.0
            if u < n_hops:
                ways = 0
                for j in range(max(0, i - SMOOTHER_REACH), min(n, i + SMOOTHER_REACH + 1)):
                    own = beat[min(u + reach[j], n_hops)] - beat[u] + tempo[min(u + lengths[j], n_hops), j] - tempo[u, j]
                    scratch[ways] = change[i, j] + own + after[u, j]
                    ways += 1
                after[t, i] = add_logs(scratch, ways)


def decode(activations: F32, hop_s: float, config: BeatConfig) -> Beats:
    """The song's beats, from all its *activations* (H, A). Where nothing sounds or no pulse is heard there are none.

    A range of tempi says which octave is danced, not what is heard: a song that is clearly faster or slower is halved or
    doubled into it, rather than heard at the wrong multiple that happens to lie inside. One that no octave brings inside
    stays as it is heard.
    """
    delay_s = LEARNED_DELAY_S if config.front == LEARNED else PLAIN_DELAY_S
    wide = replace(config, min_bpm=min(config.min_bpm, WIDE.min_bpm), max_bpm=max(config.max_bpm, WIDE.max_bpm))
    hops, sure = _in_pieces(activations, hop_s, wide)
    if wide != config:
        octave = _octave(hops, hop_s, config)
        if octave:
            hops, sure = _folded(activations, hops, sure, octave)
        elif _fits(hops, hop_s, config):
            hops, sure = _in_pieces(activations, hop_s, config)
    places = places_of(_downbeats(activations, hops, hop_s), config.bar_slip)
    times_s = _refined(np.asarray((hops + 1.0) * hop_s - delay_s, np.float64), hop_s)
    kept = ~_quiet(activations, hop_s, config.forget_s)[hops] & (times_s >= 0.0) & (sure > 0.0)
    return Beats(times_s[kept], places[kept], sure[kept])


def _in_pieces(activations: F32, hop_s: float, config: BeatConfig) -> tuple[I64, F64]:
    """Hops (B,) and confidences (B,) of all beats, 0 where there is no pulse."""
    hops: list[I64] = [np.zeros(0, np.int64)]
    sure: list[F64] = [np.zeros(0)]
    known = -1
    for begin, end, until in _pieces(len(activations), hop_s):
        found, confidences = _decode_piece(activations[begin:end], hop_s, config)
        found += begin
        apart = 0.5 * float(np.median(np.diff(found))) if len(found) > 1 else 0.0
        fits = (found > known + apart) & (found < until)
        hops.append(found[fits])
        sure.append(confidences[fits])
        known = int(found[fits][-1]) if fits.any() else known
    return np.concatenate(hops), np.concatenate(sure)


def _octave(hops: I64, hop_s: float, config: BeatConfig) -> int:
    """-1 where half of the tempo lies in the range for nearly all beats, 1 where twice the tempo does, else 0."""
    if len(hops) < 2:
        return 0
    bpm = 60.0 / (np.diff(hops) * hop_s)
    inside = {o: _inside(bpm * 2.0**o, config) for o in (0, -1, 1)}
    best = max(inside, key=lambda o: inside[o])
    return best if inside[best] > MOST_INSIDE and inside[0] < 0.5 else 0


def _fits(hops: I64, hop_s: float, config: BeatConfig) -> bool:
    """Whether most of the beats are as long as the range has them."""
    return len(hops) < 2 or _inside(60.0 / (np.diff(hops) * hop_s), config) >= 0.5


def _inside(bpm: F64, config: BeatConfig) -> float:
    """Share of *bpm* (B,) that lies in the range, or hardly beyond it."""
    return float(((bpm > config.min_bpm / BEYOND) & (bpm < config.max_bpm * BEYOND)).mean())


def _folded(activations: F32, hops: I64, sure: F64, octave: int) -> tuple[I64, F64]:
    """Every second beat, those that are rather downbeats, or beats with others in their middle."""
    if octave > 0:
        places = np.arange(2 * len(hops) - 1) / 2.0
        return np.round(np.interp(places, np.arange(len(hops)), hops)).astype(np.int64), sure[np.ceil(places).astype(np.int64)]
    peaks = np.clip(hops[:, None] + np.arange(3), 0, len(activations) - 1)
    strong = (activations[peaks, ACTIVATION] * activations[peaks, DOWNBEAT]).max(axis=1)
    first = int(strong[1::2].mean() > strong[::2].mean()) if len(hops) > 1 else 0
    return hops[first::2], sure[first::2]


def _pieces(n_hops: int, hop_s: float) -> Iterator[tuple[int, int, int]]:
    """First and last hop of each piece, and where the next one takes over: in the middle of what they share."""
    piece, overlap = round(PIECE_S / hop_s), round(OVERLAP_S / hop_s)
    begin = 0
    while begin + piece < n_hops:
        yield begin, begin + piece, begin + piece - overlap // 2
        begin += piece - overlap
    if n_hops > 0:
        yield begin, n_hops, n_hops


def _decode_piece(activations: F32, hop_s: float, config: BeatConfig) -> tuple[I64, F64]:
    """Hops (B,) of the beats on the best path through *activations* (H, A), and confidences: 0 where there is no pulse."""
    told = _evidence(activations, hop_s, config)
    hops, tempi = _best_path(told)
    pulse = _pulse(told, hops, tempi) / hop_s
    confidences = _level_certainty(told, hops, tempi, hop_s) / (1.0 + np.exp((PULSE_MIDDLE - pulse) / PULSE_WIDTH))
    return hops, np.where(_reaches(pulse), np.maximum(confidences, 1e-3), 0.0)


def _evidence(activations: F32, hop_s: float, config: BeatConfig) -> Evidence:
    lengths = tempo_grid(config.min_bpm, config.max_bpm, hop_s)
    beat = np.clip(activations[:, ACTIVATION].astype(np.float64), LEAST, MOST)
    ratio = beat / (1.0 - beat) * config.beat_odds
    classes = np.log(activations[:, TEMPO:].astype(np.float64) + 1e-4)
    # Which two tempo classes of the network each tempo lies between.
    at = np.interp(np.log(60.0 / (lengths * hop_s)), np.log(tempo_classes_bpm()), np.arange(classes.shape[1]))
    low = np.minimum(at.astype(np.int64), classes.shape[1] - 2)
    tempo = config.tempo_weight * hop_s * (classes[:, low] * (low + 1.0 - at) + classes[:, low + 1] * (at - low))
    width = np.gradient(np.log(lengths)) if len(lengths) > 1 else np.ones(1)
    share = beat_share(width / width.sum(), lengths, config.beat_hops)
    return Evidence(
        lengths=lengths,
        reach=np.full(len(lengths), config.beat_hops),
        beat=_summed(np.log(ratio)),
        nothing=_summed(np.log(1.0 + (ratio - 1.0) * share)),
        tempo=_summed(tempo),
        prior=np.log(width / width.sum() / lengths),
        change=np.log(np.maximum(tempo_change(lengths, config.tempo_lambda), 1e-30)),
    )


def _summed(values: F64) -> F64:
    return np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])


def _best_path(told: Evidence) -> tuple[I64, I64]:
    """Hop and tempo (an index) of each beat (B,)."""
    lengths, n_hops, n = told.lengths, len(told.beat) - 1, len(told.lengths)
    best = np.full((int(lengths[-1]) + 1, n), WORST)
    came = np.zeros((n_hops, n), np.int8)
    forward(told.beat, told.tempo, told.prior, told.change, told.reach, lengths, best, came)
    # The last beat may begin anywhere within a beat of the end.
    _, t, j = max(
        (float(best[t % len(best), j] + told.tempo[n_hops, j] - told.tempo[t, j]), t, j)
        for j in range(n)
        for t in range(max(0, n_hops - int(lengths[j])), n_hops)
    )
    path = [(t, j)]
    while came[t, j] != BEGINNING:
        j += int(came[t, j])
        t -= int(lengths[j])
        path.append((t, j))
    hops, tempi = np.array(path[::-1], np.int64).T
    return hops, tempi


def _pulse(told: Evidence, hops: I64, tempi: I64) -> F64:
    """(B,) evidence against 'no pulse at all', nats a hop, of each beat and those around it."""
    end = np.minimum(hops + told.reach[tempi], len(told.beat) - 1)
    over = np.minimum(hops + told.lengths[tempi], len(told.beat) - 1)
    gained = told.beat[end] - told.beat[hops] - (told.nothing[over] - told.nothing[hops])
    return np.asarray(_around(gained, PULSE_BEATS) / _around(told.lengths[tempi].astype(np.float64), PULSE_BEATS))


def _reaches(pulse: F64) -> NDArray[np.bool_]:
    """True (B,) in every stretch above PULSE_OFF that reaches PULSE_ON."""
    above = pulse > PULSE_OFF
    stretch = np.cumsum(np.diff(above, prepend=False))
    return above & np.isin(stretch, np.unique(stretch[pulse > PULSE_ON]))


def _level_certainty(told: Evidence, hops: I64, tempi: I64, hop_s: float) -> F64:
    """(B,) how sure it is that the beat is here and at this tempo, rather than in between or at half or double."""
    n_hops, n = len(told.beat) - 1, len(told.lengths)
    before, after = np.zeros((n_hops, n), np.float32), np.zeros((n_hops, n), np.float32)
    smooth(
        TEMPER * told.beat, TEMPER * told.tempo, told.prior, told.change, told.reach, told.lengths,
        np.zeros(2 * SMOOTHER_REACH + 2), before, after,
    )  # fmt: skip
    # Any beat that the end of the song falls into ends one way that it may have been.
    lasts = np.concatenate([before[max(0, n_hops - int(length)) :, j] for j, length in enumerate(told.lengths)])
    posterior = _summed(np.exp(before + after - add_logs(lasts.astype(np.float64), len(lasts))).astype(np.float64))
    near = round(NEAR_S / hop_s)
    here = posterior[np.minimum(hops + near + 1, n_hops)] - posterior[np.maximum(hops - near, 0)]
    mass = np.array([row[max(0, j - NEAR_TEMPI) : j + NEAR_TEMPI + 1].sum() for row, j in zip(here, tempi)])
    return np.asarray(LEVEL_LEAST + (LEVEL_MOST - LEVEL_LEAST) * np.clip(mass, 0.0, 1.0) ** LEVEL_POWER)


def _downbeats(activations: F32, hops: I64, hop_s: float) -> F64:
    """(B,) how likely each beat is a downbeat: told where its activation is greatest."""
    around = np.clip(hops[:, None] + np.arange(-1, round(NEAR_S / hop_s) + 1), 0, len(activations) - 1)
    peak = activations[around, ACTIVATION].argmax(axis=1)
    return activations[around[np.arange(len(hops)), peak], DOWNBEAT].astype(np.float64)


def _quiet(activations: F32, hop_s: float, least_s: float) -> NDArray[np.bool_]:
    """True (H,) in every stretch of *least_s* or more without sound, or without anything like a beat."""
    still = (activations[:, ACTIVATION] < HARDLY_A_BEAT) | (activations[:, SOUNDING] <= 0.0)
    edges = np.flatnonzero(np.diff(still, prepend=False, append=False))
    long = np.repeat(np.diff(edges)[::2] * hop_s >= least_s, 2)
    marks = np.zeros(len(still) + 1, np.int64)
    # A beat's first part begins up to a few hops before the sound does.
    marks[np.where(np.arange(len(edges)) % 2, edges - round(NEAR_S / hop_s), edges)[long]] = np.tile(
        [1, -1], int(long.sum()) // 2
    )
    return np.cumsum(marks[:-1]) > 0


def _around(values: F64, reach: int) -> F64:
    """Sum of each value and those within *reach* of it."""
    total = _summed(values)
    at = np.arange(len(values))
    return np.asarray(total[np.minimum(at + reach + 1, len(values))] - total[np.maximum(at - reach, 0)])


def _refined(times_s: F64, hop_s: float) -> F64:
    """Take the hop's grain off: each beat becomes the middle of a short straight line through its neighbours."""
    if len(times_s) < 5:
        return times_s
    straight = times_s.copy()
    # Least squares over five beats; at a real change of tempo (an error above 20 ms) the beat stays as it was decoded.
    straight[2:-2] = sum(times_s[k : len(times_s) - 4 + k] for k in range(5)) / 5.0
    return np.where(np.abs(straight - times_s) < 2.0 * hop_s, straight, times_s)
