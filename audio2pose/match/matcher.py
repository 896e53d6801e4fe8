"""Which segment is danced next, and why.

The next segment is the cheapest by a sum of named terms; every weight stands in MatchConfig and 0 switches a term off.

energy      how far the phrase's energy lies from what the music asks for
music       how far its share of hips and legs, its strokes and its raised hands lie from the music's bass, density, brightness
tempo       how far its own tempo must be bent, half and double time included
pose        how far the joints would have to jump at the join
velocity    how far their speeds would
contact     how ill the feet allow it: no foot that goes on standing, a standing foot that would stand elsewhere
repetition  how lately the phrase, or its mirror image, was danced
phrase      a phrase begun elsewhere than at its start, or against the music's bar; going on through a change of the music
stage       how far from the middle of the stage it would end
style       another style than asked for, or than just danced (less where the music changes)
threshold   bends the tempo by more than match.bpm_threshold
chance      a little seeded noise, so that equals take turns

Threads  engine; a decision allocates nothing but the `Choice` that it returns.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from audio2pose.arrays import F32, F64, I64
from audio2pose.config import MatchConfig, nearest
from audio2pose.errors import ConfigError
from audio2pose.match.cost import BAR, BEAT, START, TERMS, Clips, Limits, Segments, Wanted
from audio2pose.match.index import Library
from audio2pose.match.search import SKETCH, cheapest, costs_of

MUSIC_WEIGHTS = np.array([0.0, 0.5, 0.8, 0.4])
"""How much bass, density and brightness count within the music term; energy is a term of its own."""
NEVER_BEATS = -1e9
ANY_STYLE = -1
NATURAL_BEATS = 8
"""A segment lasts two bars: a statement and its answer; a phrase of four is danced twice."""


def _both_feet() -> F64:
    return np.ones(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is known at a cut: pose_m and velocity_m_s (J, 3), contact (2,) of the balls of the feet, music (4,), stage_xz
    (2,) of the root, tempo; the cut's place in the music's bar (0 is the downbeat) where meter > 0; news 0..1, how much the
    music changes there; going_on (clip, beat), what comes if it just goes on."""

    pose_m: F64
    velocity_m_s: F64
    music: F64
    stage_xz: F64
    tempo_bpm: float
    beats: float
    idle: bool
    contact: F64 = field(default_factory=_both_feet)
    place: int = 0
    meter: int = 0
    news: float = 0.0
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


def tables(library: Library) -> tuple[Segments, Clips]:
    """The library's arrays as the kernels take them."""
    lib = library
    phrase, meter = lib.clip_phrase[lib.segment_clip], np.maximum(lib.clip_meter[lib.segment_clip], 1)
    place = (lib.segment_beat % meter).astype(np.uint8)
    begins = np.where(lib.segment_beat % phrase == 0, START, np.where(place == 0, BAR, BEAT)).astype(np.uint8)
    return (
        Segments(lib.segment_clip, lib.segment_beat, lib.segment_pose, lib.segment_velocity, lib.segment_contact,
                 lib.segment_descriptor, lib.segment_travel, begins, place, *_sketch(lib.segment_pose)),
        Clips(lib.clip_bpm, lib.clip_tempo, lib.clip_style, lib.clip_kin, lib.clip_flags, lib.clip_meter),
    )  # fmt: skip


def _sketch(poses: F32) -> tuple[F32, F64]:
    """(S, 4) the poses along their main directions, and those (4, J, 3)."""
    flat = poses.reshape(poses.shape[0], -1).astype(np.float64)
    spread = flat - flat.mean(axis=0)
    directions = np.linalg.eigh(spread.T @ spread)[1][:, ::-1][:, :SKETCH].T
    return (flat @ directions.T).astype(np.float32), np.ascontiguousarray(directions).reshape(SKETCH, -1, 3)


def limits_of(config: MatchConfig, min_rate: float, max_rate: float) -> Limits:
    """The settings as the kernels take them."""
    c = config
    weights = [
        c.energy_weight, c.music_weight, c.tempo_weight, c.pose_weight, c.velocity_weight, c.contact_weight,
        c.repetition_weight, c.phrase_weight, c.stage_weight, c.style_weight, 1.0, c.temperature,
    ]  # fmt: skip
    return Limits(np.array(weights), MUSIC_WEIGHTS, min_rate, max_rate, c.bpm_threshold, c.memory_beats)


class Matcher:
    """Chooses over a Library that never changes. `style` is the only one to choose from, `last_style` the one danced last.

    Threads: engine.
    """

    def __init__(self, config: MatchConfig, library: Library, *, min_rate: float, max_rate: float) -> None:
        self._config, self._library = config, library
        self._limits = limits_of(config, min_rate, max_rate)
        self._segments, self._clips = tables(library)
        self._asked_style = ANY_STYLE
        if config.style:
            if config.style not in library.styles:
                raise ConfigError(
                    f"library {library.name} has no style '{config.style}'{nearest(config.style, library.styles)}"
                )
            self._asked_style = library.styles.index(config.style)
        C = len(library.clip_names)
        self._total: F32 = np.zeros(library.segments, np.float32)
        self._terms: F64 = np.zeros(len(TERMS))
        self._used_beats: F64 = np.full(C, NEVER_BEATS)
        self._kin_used: F64 = np.zeros(C)
        self._own: F64 = np.zeros((C, 6))
        self._best: I64 = np.zeros(1, np.int64)
        self._best_cost: F64 = np.zeros(1)
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
        choice = self.decide(query)
        self.danced(choice, query.beats)
        return choice

    def decide(self, query: Query) -> Choice:
        """The cheapest segment for *query*; it does not count as danced yet."""
        wanted = self._wanted(query)
        self._find(wanted, self._best, self._best_cost, one_a_clip=False)
        return self._choice(wanted, int(self._best[0]))

    def allows(self, choice: Choice) -> bool:
        """Whether *choice*, made a while ago, is of the style that is asked for now."""
        return self.style == ANY_STYLE or int(self._library.clip_style[choice.clip]) == self.style

    def danced(self, choice: Choice, beats: float) -> None:
        """*choice* is danced from *beats* on, whoever made it."""
        self._cut += 1
        self._used_beats[choice.clip] = beats
        if not self._library.clip_flags[choice.clip] & 2:
            self.last_style = int(self._library.clip_style[choice.clip])

    def best(self, query: Query, k: int) -> list[Choice]:
        """The *k* cheapest for *query*, cheapest first, one of each clip; none counts as danced."""
        wanted = self._wanted(query)
        best, cost = np.zeros(k, np.int64), np.zeros(k)
        found = self._find(wanted, best, cost, one_a_clip=True)
        return [self._choice(wanted, int(s)) for s in best[:found]]

    def _wanted(self, query: Query) -> Wanted:
        idle = query.idle and self._has_idle
        return Wanted(
            query.pose_m, query.velocity_m_s, query.contact, query.music, query.stage_xz, query.tempo_bpm, query.beats,
            int(idle), ANY_STYLE if idle else self.style, ANY_STYLE if idle else self.last_style, *query.going_on,
            query.place, query.meter, query.news, self._config.seed, self._cut,
        )  # fmt: skip

    def _find(self, wanted: Wanted, best: I64, cost: F64, *, one_a_clip: bool) -> int:
        found = cheapest(
            self._segments, self._clips, wanted, self._limits, self._used_beats, one_a_clip, self._kin_used, self._own,
            self._terms, self._total, best, cost,
        )  # fmt: skip
        if not found:
            best[0] = 0
        return found  # type: ignore[no-any-return]

    def _choice(self, wanted: Wanted, segment: int) -> Choice:
        lib = self._library
        cost = costs_of(self._segments, self._clips, wanted, self._limits, self._own, segment, self._terms, self._total)
        clip, start = int(lib.segment_clip[segment]), int(lib.segment_beat[segment])
        level = float(self._own[clip, 0]) or 1.0
        return Choice(
            segment=segment,
            clip=clip,
            start_beat=start,
            clip_beats=length(lib, clip, start, level, self._config.segment_beats),
            level=level,
            rate=wanted.tempo_bpm * level / float(lib.clip_bpm[clip]),
            cost=float(cost),
            terms={name: round(float(self._terms[t]), 4) + 0.0 for t, name in enumerate(TERMS)},
        )


def length(lib: Library, clip: int, start: int, level: float, asked_beats: int) -> int:
    """Beats of *clip* to dance from *start* on: *asked_beats* of the music, else (0) two bars, or a longer phrase whole."""
    phrase, meter = int(lib.clip_phrase[clip]), max(int(lib.clip_meter[clip]), 1)
    two_bars = NATURAL_BEATS if meter in (1, 2, 4, 8) else 2 * meter
    natural = two_bars if phrase <= two_bars else min(phrase / level, 2 * two_bars)
    beats = max(round((asked_beats or natural) * level), 1)
    looped = bool(lib.clip_flags[clip] & 1)
    there = int(lib.clip_beat[clip + 1] - lib.clip_beat[clip]) - 1 - start
    return beats if looped else max(min(beats, there), 1)
