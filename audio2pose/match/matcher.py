"""Which segment is danced next, and why.

The next segment is the cheapest by a sum of named terms; every weight stands in MatchConfig and 0 switches a term off.

music       how far the phrase's energy, bass, density and brightness lie from what was heard
tempo       how far its own tempo must be bent, half and double time included
pose        how far the joints would have to jump at the join
velocity    how far their speeds would
repetition  how lately the phrase, or its mirror image, was danced
stage       how far from the middle of the stage it would end
style       another style than asked for, or than just danced
threshold   bends the tempo by more than match.bpm_threshold
chance      a little seeded noise, so that equals take turns

Threads  engine; a decision allocates nothing but the `Choice` that it returns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F32, F64
from audio2pose.config import MatchConfig, nearest
from audio2pose.errors import ConfigError
from audio2pose.match.index import Library
from audio2pose.match.search import TERMS, octave, score_segments

MUSIC_WEIGHTS = np.array([3.0, 0.5, 0.8, 0.4])
"""How much each descriptor (energy, bass, density, brightness) counts within the music term."""
NEVER_BEATS = -1e9
ANY_STYLE = -1
NATURAL_BEATS = 8
"""A segment lasts two bars: a statement and its answer; a phrase of four is danced twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is known at a cut: pose_m and velocity_m_s (J, 3), music (4,), stage_xz (2,) of the root, tempo."""

    pose_m: F64
    velocity_m_s: F64
    music: F64
    stage_xz: F64
    tempo_bpm: float
    beats: float
    idle: bool
    going_on: tuple[int, int] = (-1, -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A segment, how it is to be danced, and its cost by name."""

    segment: int
    clip: int
    start_beat: int
    clip_beats: int
    level: float
    rate: float
    cost: float
    terms: dict[str, float]

    @property
    def beats(self) -> float:
        """Beats of the music that it lasts."""
        return self.clip_beats / self.level


class Matcher:
    """Chooses over a Library that never changes. `style` is the only one to choose from, `last_style` the one danced last.

    Threads: engine.
    """

    def __init__(self, config: MatchConfig, library: Library, *, min_rate: float, max_rate: float) -> None:
        self._config, self._library = config, library
        self._low, self._high = min_rate, max_rate
        self._asked_style = ANY_STYLE
        if config.style:
            if config.style not in library.styles:
                raise ConfigError(
                    f"library {library.name} has no style '{config.style}'{nearest(config.style, library.styles)}"
                )
            self._asked_style = library.styles.index(config.style)
        c = config
        self._weights = np.array(
            [
                c.music_weight, c.tempo_weight, c.pose_weight, c.velocity_weight, c.repetition_weight, c.stage_weight,
                c.style_weight, 1.0, c.temperature,
            ]
        )  # fmt: skip
        self._costs: F32 = np.zeros((library.segments, len(TERMS)), np.float32)
        self._total: F32 = np.zeros(library.segments, np.float32)
        self._used_beats: F64 = np.full(len(library.clip_names), NEVER_BEATS)
        self._kin_used: F64 = np.zeros(len(library.clip_names))
        self._has_idle = bool((library.clip_flags & 2).any())
        self.reset()

    def reset(self) -> None:
        """Forget what was danced."""
        self._used_beats.fill(NEVER_BEATS)
        self.style = self._asked_style
        self.last_style = ANY_STYLE
        self._cut = 0

    def process(self, query: Query) -> Choice:
        """The cheapest segment for *query*; it counts as danced from now on."""
        lib, cfg = self._library, self._config
        idle = query.idle and self._has_idle
        best = score_segments(
            lib.segment_clip, lib.segment_beat, lib.segment_pose, lib.segment_velocity, lib.segment_descriptor,
            lib.segment_travel, lib.clip_bpm, lib.clip_style, lib.clip_kin, lib.clip_flags, self._used_beats,
            query.pose_m, query.velocity_m_s, query.music, MUSIC_WEIGHTS, query.stage_xz, self._weights,
            query.tempo_bpm, self._low, self._high, cfg.bpm_threshold, query.beats, cfg.memory_beats,
            ANY_STYLE if idle else self.style, ANY_STYLE if idle else self.last_style, int(idle), *query.going_on, cfg.seed,
            self._cut, self._kin_used, self._costs, self._total,
        )  # fmt: skip
        best = max(best, 0)
        clip, start = int(lib.segment_clip[best]), int(lib.segment_beat[best])
        ratio = query.tempo_bpm / float(lib.clip_bpm[clip])
        level = octave(ratio, self._low, self._high)
        self._cut += 1
        self._used_beats[clip] = query.beats
        if not idle:
            self.last_style = int(lib.clip_style[clip])
        return Choice(
            segment=best,
            clip=clip,
            start_beat=start,
            clip_beats=self._length(clip, start, level),
            level=level,
            rate=ratio * level,
            cost=float(self._total[best]),
            terms={name: round(float(self._costs[best, t]), 4) for t, name in enumerate(TERMS)},
        )

    def _length(self, clip: int, start: int, level: float) -> int:
        """Beats of the clip to dance: what was asked for in beats of the music, else eight, or a longer phrase whole."""
        lib = self._library
        phrase = int(lib.clip_phrase[clip])
        natural = NATURAL_BEATS if phrase <= NATURAL_BEATS else min(phrase / level, 2 * NATURAL_BEATS)
        beats = max(round((self._config.segment_beats or natural) * level), 1)
        looped = bool(lib.clip_flags[clip] & 1)
        there = int(lib.clip_beat[clip + 1] - lib.clip_beat[clip]) - 1 - start
        return beats if looped else max(min(beats, there), 1)
