"""A dance on its beats in one picture, to be looked at.

Shapes   moments_s: (K,) seconds; poses of a moment as `sheet` takes them.
Threads  one, the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from vispy.io import write_png

from audio2pose.arrays import F64
from audio2pose.config import StageConfig
from audio2pose.media.atomic import atomic_write
from audio2pose.stage.sheet import Moment, draw_sheet, run_up

from .choreograph import Beat
from .render import Shot

CELLS = 16
At = Callable[[F64], Iterable[Shot]]
"""The dance at rising moments (K,)."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Where the cells are taken from: beats in seconds, and which of them are downbeats."""

    times_s: Sequence[float]
    strong: Sequence[bool]


def marks_of(beats: Iterable[Beat]) -> Marks:
    """The beats of a song as marks."""
    known = list(beats)
    return Marks([b.time_s for b in known], [b.position == 1 for b in known])


def write_strip(path: Path, at: At, marks: Marks, seconds: float, stage: StageConfig) -> None:
    """The dance on 16 beats about its middle; at even steps where there are no beats. Labels are beats from 1, or seconds.

    Raises OutputError, and leaves nothing, where it cannot be written.
    """
    moments = [_moment(at, *place) for place in _places(marks, seconds)]
    with atomic_write(path) as temporary:
        write_png(str(temporary), draw_sheet(moments, stage))


def _places(marks: Marks, seconds: float) -> list[tuple[float, str, bool]]:
    beats = list(zip(marks.times_s, range(1, len(marks.times_s) + 1), marks.strong))
    if len(beats) < 2:
        return [(float(t), f"{t:.1f} s", False) for t in np.linspace(0.0, seconds, CELLS + 2)[1:-1]]
    first = max((len(beats) - CELLS) // 2, 0)
    return [(float(t), str(number), bool(strong)) for t, number, strong in beats[first : first + CELLS]]


def _moment(at: At, moment_s: float, label: str, strong: bool) -> Moment:
    # Joints of a shot are overwritten by the next.
    shots = [replace(shot, joints_m=shot.joints_m.copy()) for shot in at(run_up(moment_s))]
    faces = [shot.faces for shot in shots]
    return Moment(
        joints_m=np.array([shot.joints_m for shot in shots]),
        faces=None if any(f is None for f in faces) else np.array(faces),
        beats=np.array([shot.beat for shot in shots]),
        energy=shots[-1].energy,
        onset=shots[-1].onset,
        label=label,
        strong=strong,
    )
