"""The log of the ears told again, as if they had known all of the song's beats before.

Shapes   log: (H,) HEARD; beats: whole.Beats of (B,); clock: (C,) beats and those that are only counted between them.
Threads  any; nothing is shared. Look-ahead only: nothing here is causal.
Source   our own; Fritsch and Carlson 1980 (monotone cubic).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from audio2pose.arrays import F64, I64
from audio2pose.music.drive import whole
from audio2pose.music.features import LEAST_SPAN
from audio2pose.music.heard import FLYWHEEL, IDLE, LISTENING, LOCKED, SILENT
from audio2pose.music.whole import Beats

# Between beats further apart than this many of the usual steps about them the clock counts on.
GAP_STEPS, NEIGHBOURS = 1.6, 4
LONGEST_BAR = 7
RANGE_PERCENT = (3.0, 97.0)


def rehear(heard_log: NDArray[np.void], beats: Beats, hop_s: float, figures: F64 | None = None) -> NDArray[np.void]:
    """The same log (H,) with b on the known beats and its figures telling of the beats to come.

    *figures* (H, 3), fullness, bass and centroid as FeatureWindow.figures has them, are placed in the whole song's range.
    """
    log = heard_log.copy()
    n_hops, n_beats = len(log), len(beats.times_s)
    if n_beats < 2:
        _unlock(log)
        return log
    clock_s, number = counted_on(beats.times_s)
    end_s: F64 = np.asarray((np.arange(n_hops) + 1.0) * hop_s, np.float64)
    log["beat"], log["rate_hz"] = _clock(clock_s, end_s)
    log["jumps"] = 0
    _tell_tempo(log, clock_s, end_s)
    _tell_bars(log, beats, number, hop_s)
    apart_s = float(np.median(np.diff(beats.times_s)))
    next_beat = np.clip(np.searchsorted(beats.times_s, end_s), 0, n_beats - 1)
    before = np.clip(next_beat - 1, 0, n_beats - 1)
    since_s, until_s = np.abs(end_s - beats.times_s[before]), np.abs(beats.times_s[next_beat] - end_s)
    heard = ~np.isin(heard_log["state"], (IDLE, SILENT))
    log["state"][heard] = np.where(np.minimum(since_s, until_s)[heard] <= 2.0 * apart_s, LOCKED, FLYWHEEL)
    nearest = np.where(since_s < until_s, before, next_beat)
    log["confidence"] = np.where(log["state"] == LOCKED, beats.confidences[nearest], 0.0)
    if figures is not None:
        _place_in_song(log, figures)
    _look_ahead(log, hop_s)
    log["drive"] = whole(log["energy"], log["onset_low"], log["beat"])
    return log


def counted_on(times_s: F64) -> tuple[F64, I64]:
    """The beats (B,) and, where some are missing, evenly spaced ones between: (C,), and which number each beat has there."""
    step_s = np.diff(times_s)
    # What a step should be: the middle one of those about it, the shorter of two.
    about = [np.sort(step_s[max(k - NEIGHBOURS, 0) : k + NEIGHBOURS + 1]) for k in range(len(step_s))]
    usual_s = np.array([few[(len(few) - 1) // 2] for few in about])
    steps = np.where(step_s > GAP_STEPS * usual_s, np.round(step_s / usual_s), 1.0).astype(np.int64)
    number = np.concatenate([[0], np.cumsum(steps)])
    return np.interp(np.arange(number[-1] + 1), number, times_s), number


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


def _tell_bars(log: NDArray[np.void], beats: Beats, number: I64, hop_s: float) -> None:
    """Each beat is committed in the hop that holds it; meter and origin hold from a downbeat to the next."""
    n_hops = len(log)
    log["committed"], log["position"], log["committed_s"] = 0, 0, math.nan
    hop = np.floor(beats.times_s / hop_s).astype(np.int64)
    inside = (hop >= 0) & (hop < n_hops)
    log["committed"][hop[inside]] = 1
    log["position"][hop[inside]] = beats.places[inside]
    log["committed_s"][hop[inside]] = beats.times_s[inside]
    downbeats = number[beats.places == 1]
    if len(downbeats) == 0:
        log["meter"], log["bar_origin"] = 0, 0
        return
    current = np.clip(np.floor(log["beat"]).astype(np.int64), 0, number[-1])
    bar = np.clip(np.searchsorted(downbeats, current, side="right") - 1, 0, len(downbeats) - 1)
    usual = int(beats.places.max())
    meters = np.append(np.diff(downbeats), 0)
    meters[-1] = meters[-2] if len(meters) > 1 else usual
    # Where downbeats are missing, bars are counted on as long as they usually are.
    meters = np.where(meters > LONGEST_BAR, usual, meters)
    log["bar_origin"] = downbeats[bar]
    log["meter"] = meters[bar]


def _place_in_song(log: NDArray[np.void], figures: F64) -> None:
    """Energy, bass and brightness against what the whole song has, a few hops at its ends apart, and not what came so far."""
    sounds = log["state"] != SILENT
    if not sounds.any():
        return
    low, high = np.percentile(figures[sounds], RANGE_PERCENT, axis=0)
    middle, span = 0.5 * (low + high), np.maximum(high - low, LEAST_SPAN)
    place = np.clip((figures - middle) / span + 0.5, 0.0, 1.0)
    for k, name in enumerate(("energy", "bass", "brightness")):
        log[name] = np.where(sounds, place[:, k], log[name])


def _look_ahead(log: NDArray[np.void], hop_s: float) -> None:
    """Energy, bass, brightness are moved by two beats, density by four: means of beats past become those of beats to come."""
    n_hops = len(log)
    for name, beats in (("energy", 2.0), ("bass", 2.0), ("brightness", 2.0), ("density", 4.0)):
        ahead = np.searchsorted(log["beat"], log["beat"] + beats)
        log[name] = log[name][np.clip(ahead, 0, n_hops - 1)]
