"""Tempo, phase, next beat: pure functions between seconds and beats.

Beats are real numbers; a whole number is a beat, a bar starts where (n - origin) mod meter is 0.
Source   the vocabulary of Ableton Link's Beats, Phase and Timeline headers.
"""

from __future__ import annotations

import math


def phase(beats: float, *, cycle_beats: float) -> float:
    """Where *beats* stands within its cycle, in [0, cycle_beats); negative beats are not mirrored."""
    return beats - cycle_beats * math.floor(beats / cycle_beats)


def beats_to_next(beats: float, *, cycle_beats: float = 1.0, origin_beats: float = 0.0) -> float:
    """Beats from *beats* to the next start of a cycle, in (0, cycle_beats]."""
    return cycle_beats - phase(beats - origin_beats, cycle_beats=cycle_beats)


def position_in_bar(beat: int, *, origin: int, meter: int) -> int:
    """Place of whole *beat* in its bar, 1 is the downbeat; 0 where *meter* is 0."""
    return (beat - origin) % meter + 1 if meter > 0 else 0
