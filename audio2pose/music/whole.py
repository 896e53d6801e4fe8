"""The whole song looked at before dancing: its most likely beats, and the log of the ears as if they had known them.

Shapes   activations: (H, A) as Ears.activation per hop; beat_times_s: (B,), positions: (B,) 1 is the downbeat; log: (H,).
Threads  any; nothing is shared. Look-ahead only: nothing here is causal.
Source   semi-Markov Viterbi decoding of the filter's own model (music/beat.py); Fritsch and Carlson 1980 (monotone cubic).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from audio2pose.arrays import F32, F64, I64
from audio2pose.config import BeatConfig
from audio2pose.music.bar import AFTER_S, BEFORE_S, OFF_BEAT_BEATS, OFF_BEAT_RATIO, places_of
from audio2pose.music.beat import (
    LEAST_ACTIVATION,
    MOST_ACTIVATION,
    ONSET_DELAY_S,
    tempo_change,
    tempo_grid,
)
from audio2pose.music.ears import ACTIVATION, NOVELTY, SOUNDING
from audio2pose.music.heard import FLYWHEEL, IDLE, LISTENING, LOCKED, SILENT

# Tempi further apart than this many steps of the grid never follow each other.
REACH = 8
# A song is decoded in pieces that overlap, so that a long one needs no more memory than one piece.
PIECE_S, OVERLAP_S = 480.0, 20.0
WORST = -1e30
# Mark of a beat that no other came before; steps of tempo are smaller.
BEGINNING = 127


@njit(cache=True, nogil=True)
def forward(
    gain_cum: F64, between_cum: F64, observation_lambda: float, log_change: F64, lengths: I64, best: F64,
    came: NDArray[np.int8],
) -> None:  # fmt: skip
    """Best score of a beat that begins at each hop, at each tempo.

    *gain_cum*, *between_cum* (H + 1,) sum the log ratios of beat and half beat; *best* (R, n) is a ring over hops; *came*
    (H, n) keeps the step of tempo that led here, BEGINNING where the song began.
    """
    n_hops = gain_cum.shape[0] - 1
    n = lengths.shape[0]
    ring = best.shape[0]
    for t in range(n_hops):
        for j in range(n):
            arrive = WORST
            for i in range(max(0, j - REACH), min(n, j + REACH + 1)):
                if t >= lengths[i]:
                    v = best[(t - lengths[i]) % ring, i] + log_change[i, j]
                    if v > arrive:
                        arrive = v
                        came[t, j] = i - j
            # The song may begin with any beat, as long as no whole beat of this tempo fits before it.
            if t < lengths[j] and arrive < 0.0:
                arrive = 0.0
                came[t, j] = BEGINNING
            reach = math.ceil(lengths[j] / observation_lambda)
            end = min(t + reach, n_hops)
            half = min(t + lengths[j] // 2, n_hops)
            best[t % ring, j] = (
                arrive + gain_cum[end] - gain_cum[t] + between_cum[min(half + reach, n_hops)] - between_cum[half]
            )


def _ratio(activation: F64, observation_lambda: float) -> F64:
    clipped = np.clip(activation, LEAST_ACTIVATION, MOST_ACTIVATION)
    return np.asarray(clipped / ((1.0 - clipped) / (observation_lambda - 1.0)))


def _decode_piece(activation: F32, hop_s: float, config: BeatConfig) -> I64:
    """Hops (B,) of the beats on the best path through *activation* (H,)."""
    lengths = tempo_grid(config, hop_s)
    n_hops, n = len(activation), len(lengths)
    ratio = _ratio(activation.astype(np.float64), config.observation_lambda)
    between = 1.0 - config.half_share + config.half_share * ratio
    gain_cum = np.concatenate([[0.0], np.cumsum(np.log(ratio))])
    between_cum = np.concatenate([[0.0], np.cumsum(np.log(between))])
    log_change = np.log(np.maximum(tempo_change(lengths, config.tempo_lambda), 1e-12))
    best = np.full((int(lengths[-1]) + 1, n), WORST)
    came = np.zeros((n_hops, n), np.int8)
    forward(gain_cum, between_cum, config.observation_lambda, log_change, lengths, best, came)
    # The last beat may begin anywhere within a beat of the end.
    ends = [
        (float(best[t % best.shape[0], j]), t, j) for j in range(n) for t in range(max(0, n_hops - int(lengths[j])), n_hops)
    ]
    _, t, j = max(ends)
    hops = [t]
    while came[t, j] != BEGINNING:
        j += int(came[t, j])
        t -= int(lengths[j])
        hops.append(t)
    return np.array(hops[::-1], np.int64)


def decode(activations: F32, hop_s: float, config: BeatConfig) -> tuple[F64, I64]:
    """The song's beats (B,) in s and their places in the bar (B,), from all its *activations* (H, A); silence has none."""
    sounding = activations[:, SOUNDING] > 0.0
    piece, overlap = round(PIECE_S / hop_s), round(OVERLAP_S / hop_s)
    times: list[F64] = []
    begin = 0
    known_s = -math.inf
    while sounding.any() and begin < activations.shape[0]:
        end = min(begin + piece, activations.shape[0])
        hops = _decode_piece(activations[begin:end, ACTIVATION], hop_s, config)
        beat_s: F64 = np.asarray((hops + begin + 1) * hop_s - ONSET_DELAY_S, np.float64)
        final = end == activations.shape[0]
        gap_s = 0.5 * float(np.median(np.diff(beat_s))) if len(beat_s) > 1 else 0.0
        until_s = math.inf if final else (end - overlap // 2) * hop_s
        fits = (beat_s > known_s + gap_s) & (beat_s < until_s)
        times.append(beat_s[fits])
        known_s = float(beat_s[fits][-1]) if fits.any() else known_s
        if final:
            break
        begin = end - overlap
    if not times:
        return np.zeros(0), np.zeros(0, np.int64)
    beat_times_s = _on_the_beat(np.concatenate(times), activations[:, NOVELTY], hop_s)
    hop_of = np.clip(np.round(beat_times_s / hop_s).astype(np.int64), 0, len(sounding) - 1)
    # The model knows only music: beats that it counted on through silence are taken out again.
    kept = _near(sounding, round(0.5 / hop_s))[hop_of] & (beat_times_s >= 0.0)
    places = places_of(_at_beats(activations[:, NOVELTY], beat_times_s, hop_s))
    return _refined(beat_times_s[kept], hop_s), places[kept]


def _at_beats(novelty: F32, beat_times_s: F64, hop_s: float) -> F64:
    """Greatest *novelty* (H,) around each beat (B,)."""
    at = np.round((beat_times_s + ONSET_DELAY_S) / hop_s).astype(np.int64)
    around = np.arange(-round(BEFORE_S / hop_s), round(AFTER_S / hop_s) + 1)
    return np.asarray(novelty[np.clip(at[:, None] + around, 0, len(novelty) - 1)].max(axis=1), np.float64)


def _on_the_beat(beat_times_s: F64, novelty: F32, hop_s: float) -> F64:
    """The beats (B,), shifted by half a beat wherever much more is new half a beat later, for many beats on end."""
    if len(beat_times_s) < OFF_BEAT_BEATS:
        return beat_times_s
    step_s = np.diff(beat_times_s, append=2.0 * beat_times_s[-1] - beat_times_s[-2])
    halves_s = beat_times_s + 0.5 * step_s
    on = _around(_at_beats(novelty, beat_times_s, hop_s), OFF_BEAT_BEATS)
    off = _around(_at_beats(novelty, halves_s, hop_s), OFF_BEAT_BEATS)
    shifted = np.where(off > OFF_BEAT_RATIO * on, halves_s, beat_times_s)
    # Where a shifted stretch ends, its last beat may fall too close to the next.
    return shifted[np.concatenate([[True], np.diff(shifted) > 0.6 * step_s[:-1]])]


def _near(flags: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    """True within *reach* hops of a True."""
    return np.asarray(_around(flags.astype(np.float64), reach) > 0.5)


def _around(values: F64, reach: int) -> F64:
    """Sum of each value and those within *reach* of it."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    at = np.arange(len(values))
    return np.asarray(total[np.minimum(at + reach + 1, len(values))] - total[np.maximum(at - reach, 0)])


def _refined(beat_times_s: F64, hop_s: float) -> F64:
    """Take the hop's grain off: each beat becomes the middle of a short straight line through its neighbours."""
    if len(beat_times_s) < 5:
        return beat_times_s
    smooth = beat_times_s.copy()
    # Least squares over five beats; at a real change of tempo (an error above 20 ms) the beat stays as it was decoded.
    smooth[2:-2] = sum(beat_times_s[k : len(beat_times_s) - 4 + k] for k in range(5)) / 5.0
    return np.where(np.abs(smooth - beat_times_s) < 2.0 * hop_s, smooth, beat_times_s)


def rehear(heard_log: NDArray[np.void], beat_times_s: F64, positions: I64, hop_s: float) -> NDArray[np.void]:
    """The same log (H,) with b on the known beats and its figures telling of the beats to come."""
    log = heard_log.copy()
    n_hops, n_beats = len(log), len(beat_times_s)
    if n_beats < 2:
        _unlock(log)
        return log
    end_s: F64 = np.asarray((np.arange(n_hops) + 1.0) * hop_s, np.float64)
    log["beat"], log["rate_hz"] = _clock(beat_times_s, end_s)
    log["jumps"] = 0
    _tell_tempo(log, beat_times_s, end_s)
    _tell_bars(log, beat_times_s, positions, hop_s)
    apart_s = float(np.median(np.diff(beat_times_s)))
    next_beat = np.clip(np.searchsorted(beat_times_s, end_s), 0, n_beats - 1)
    before = np.clip(next_beat - 1, 0, n_beats - 1)
    away_s = np.minimum(np.abs(beat_times_s[next_beat] - end_s), np.abs(end_s - beat_times_s[before]))
    heard = ~np.isin(heard_log["state"], (IDLE, SILENT))
    log["state"][heard] = np.where(away_s[heard] <= 2.0 * apart_s, LOCKED, FLYWHEEL)
    log["confidence"] = np.where(log["state"] == LOCKED, 1.0, 0.0)
    _look_ahead(log, hop_s)
    return log


def _unlock(log: NDArray[np.void]) -> None:
    """Nothing to lock to: what the ears took for beats is told as sound without a beat."""
    hears = ~np.isin(log["state"], (IDLE, SILENT))
    log["state"][hears] = LISTENING
    for name in ("committed", "position", "meter", "confidence", "tempo_bpm"):
        log[name] = 0
    log["committed_s"] = math.nan


def _clock(beat_times_s: F64, at_s: F64) -> tuple[F64, F64]:
    """b and its rate at *at_s* (H,): a monotone cubic through (beat n at beat_times_s[n]), straight on beyond both ends."""
    step_s = np.diff(beat_times_s)
    slope = 1.0 / step_s
    # Harmonic means of neighbouring slopes keep every piece monotone.
    tangent = np.concatenate([[slope[0]], 2.0 / (step_s[:-1] + step_s[1:]), [slope[-1]]])
    n = len(beat_times_s)
    k = np.clip(np.searchsorted(beat_times_s, at_s, side="right") - 1, 0, n - 2)
    x = (at_s - beat_times_s[k]) / step_s[k]
    m0, m1 = tangent[k] * step_s[k], tangent[k + 1] * step_s[k]
    beat = k + x * (m0 + x * ((3.0 - 2.0 * m0 - m1) + x * (m0 + m1 - 2.0)))
    rate = (m0 + x * (2.0 * (3.0 - 2.0 * m0 - m1) + 3.0 * x * (m0 + m1 - 2.0))) / step_s[k]
    early, late = at_s < beat_times_s[0], at_s > beat_times_s[-1]
    beat = np.where(early, (at_s - beat_times_s[0]) * tangent[0], beat)
    beat = np.where(late, n - 1 + (at_s - beat_times_s[-1]) * tangent[-1], beat)
    rate = np.where(early, tangent[0], np.where(late, tangent[-1], rate))
    return np.asarray(beat), np.asarray(rate)


def _tell_tempo(log: NDArray[np.void], beat_times_s: F64, end_s: F64) -> None:
    step_s = np.diff(beat_times_s)
    k = np.clip(np.searchsorted(beat_times_s, end_s, side="right") - 1, 0, len(step_s) - 1)
    log["tempo_bpm"] = 60.0 / step_s[k]


def _tell_bars(log: NDArray[np.void], beat_times_s: F64, positions: I64, hop_s: float) -> None:
    """Each beat is committed in the hop that holds it; meter and origin hold from a downbeat to the next."""
    n_hops, n_beats = len(log), len(beat_times_s)
    log["committed"], log["position"], log["committed_s"] = 0, 0, math.nan
    hop = np.floor(beat_times_s / hop_s).astype(np.int64)
    inside = (hop >= 0) & (hop < n_hops)
    log["committed"][hop[inside]] = 1
    log["position"][hop[inside]] = positions[inside]
    log["committed_s"][hop[inside]] = beat_times_s[inside]
    downbeats = np.flatnonzero(positions == 1)
    current = np.clip(np.floor(log["beat"]).astype(np.int64), 0, n_beats - 1)
    if len(downbeats) == 0:
        log["meter"], log["bar_origin"] = 0, 0
        return
    bar = np.clip(np.searchsorted(downbeats, current, side="right") - 1, 0, len(downbeats) - 1)
    meters = np.diff(downbeats)
    meters = np.append(meters, meters[-1] if len(meters) else max(int(positions.max()), 1))
    log["bar_origin"] = downbeats[bar]
    log["meter"] = meters[bar]


def _look_ahead(log: NDArray[np.void], hop_s: float) -> None:
    """Energy, bass, brightness are moved by two beats, density by four: means of beats past become those of beats to come."""
    n_hops = len(log)
    for name, beats in (("energy", 2.0), ("bass", 2.0), ("brightness", 2.0), ("density", 4.0)):
        ahead = np.searchsorted(log["beat"], log["beat"] + beats)
        log[name] = log[name][np.clip(ahead, 0, n_hops - 1)]
