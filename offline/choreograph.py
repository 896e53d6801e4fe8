"""A whole song danced: causally, as live would have, or after looking at all of it.

Shapes   poses: (H,) POSE and heard: (H,) HEARD, one a hop; activations: (H, A), what the ears gave whole.decode.
Threads  one, the caller's.
Source   our own; the look-ahead is the same Performer, with ears that remember a song instead of hearing it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from audio2pose.arrays import F32, Record
from audio2pose.config import HearConfig, Settings
from audio2pose.errors import SongError
from audio2pose.match.index import Library
from audio2pose.match.plan import Plan, Planner
from audio2pose.media.decode import SongReader
from audio2pose.motion.pose import POSE
from audio2pose.music.ears import Ears
from audio2pose.music.heard import HEARD
from audio2pose.music.hops import Hopper
from audio2pose.music.rehear import rehear
from audio2pose.music.whole import Beats, decode
from audio2pose.performer import Performer

from .rows import Rows
from .trace import Trace

MAX_SECONDS = 4 * 3600.0
"""Poses and what was heard take 200 MB an hour: beyond this a song is danced in parts."""
BLOCK_FRAMES = 1 << 15
LISTENING_SHARE = 0.6
"""How much of the look-ahead's time goes into the first pass (measured), for the progress bar."""
TELL_HOPS = 200
LEAST_BEATS = 8
"""Fewer are danced as they come."""
TEMPO_BEATS = 2
"""A beat's own tempo is the median of the intervals up to this many beats away."""

Told = Callable[[float], None]
"""Called with the share of the work that is done, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One beat: emitted_s is how much sound had been heard when it was committed; position 1 is the downbeat."""

    time_s: float
    emitted_s: float
    position: int
    tempo_bpm: float
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A song as the ears heard it: log (H,) HEARD, its beats, what was wrong with the sound; sounds (H, 25) timbre and chroma
    of each hop, of a song that was heard whole."""

    log: Any
    beats: tuple[Beat, ...]
    seconds: float
    sample_rate_hz: int
    causal: bool
    faults: tuple[str, ...]
    sounds: F32 | None = None

    @property
    def tempo_bpm(self) -> float | None:
        """Of the median interval between beats; None with fewer than two."""
        if len(self.beats) < 2:
            return None
        return 60.0 / float(np.median(np.diff([b.time_s for b in self.beats])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Performance:
    """A song danced: poses (H,) POSE in rising time, what was heard, and what happened."""

    heard: Heard
    poses: Any
    events: tuple[dict[str, Any], ...]
    hop_s: float

    @property
    def seconds(self) -> float:
        """Length of the sound that was danced to."""
        return self.heard.seconds


class _Memory:
    """Ears that will know the song: once `log` (H,) HEARD is set, each hop brings its next row."""

    def __init__(self) -> None:
        self.log: Any = np.zeros(0, HEARD)
        self._hop = 0

    def reset(self) -> None:
        self._hop = 0

    def warm_up(self) -> None:
        self.reset()

    gain_by_hand_db = None

    def help(self, name: str, value: float) -> None:
        """A song that is known is past all help."""

    def process(self, hop: F32) -> Record:
        self._hop += 1
        return cast(Record, self.log[self._hop - 1])


class _Hops:
    """The hops of a song from front to back; counts its samples, tells how far it is, refuses what is too long."""

    def __init__(self, song: SongReader, hear: HearConfig, told: Told) -> None:
        self._song, self._hear, self._told = song, hear, told
        self.frames = 0
        if song.duration_s is not None and song.duration_s > MAX_SECONDS:
            raise self._too_long(song.duration_s)

    def __iter__(self) -> Any:
        rate_hz = self._song.sample_rate_hz
        hopper = Hopper(rate_hz, self._hear.hop_s)
        total_s = self._song.duration_s or MAX_SECONDS
        for block in self._song.blocks(BLOCK_FRAMES):
            self.frames += block.shape[0]
            if self.frames > MAX_SECONDS * rate_hz:
                raise self._too_long(self.seconds)
            yield from hopper.feed(block)
            self._told(min(self.seconds / total_s, 1.0))
        if self.frames < 2 * self._hear.hop_s * rate_hz:
            raise SongError(f"{self._song.path} lasts {1e3 * self.seconds:.1f} ms, too short for a dance: give a longer one")

    @property
    def seconds(self) -> float:
        """Sound so far."""
        return self.frames / self._song.sample_rate_hz

    def faults(self) -> tuple[str, ...]:
        """What was wrong with the sound, in words."""
        bad, holes = self._song.bad_samples, self._song.faults
        return tuple(
            text
            for there, text in (
                (bad, f"{bad} samples were no numbers (NaN or infinite) and were taken as silence"),
                (holes, f"{holes} damaged places in the file were left out or filled with silence"),
            )
            if there
        )

    def _too_long(self, seconds: float) -> SongError:
        return SongError(
            f"{self._song.path} lasts {seconds / 3600.0:.1f} h, {MAX_SECONDS / 3600.0:g} h at most are taken at once: take a "
            "part of it with --start and --end"
        )


def listen(song: SongReader, settings: Settings, *, causal: bool, told: Told, trace: Trace | None = None) -> Heard:
    """Hear all of *song*: hop by hop as live, or with its beats decoded from the whole of it.

    *trace* notes what the ears believe on the way. Raises SongError where it is too long or too short.
    """
    ears = Ears(settings.hear, settings.beat, settings.clock, song.sample_rate_hz)
    log, timbre = Rows(HEARD), ears.features.timbre
    activations, figures = Rows(np.float32, ears.activation.shape), Rows(np.float64, ears.features.figures.shape)
    sounds = Rows(np.float32, (timbre.mfcc.size + timbre.chroma.size,))
    hops = _Hops(song, settings.hear, told)
    for hop in hops:
        log.append(ears.process(hop))
        if not causal:
            activations.append(ears.activation)
            figures.append(ears.features.figures)
            sounds.append(np.concatenate([timbre.mfcc, timbre.chroma]))
        if trace:
            trace.note(ears)
    rows = log.rows()
    hop_s = settings.hear.hop_s
    if causal:
        beats = _committed(rows, hop_s)
    else:
        decoded = decode(activations.rows(), hop_s, settings.beat)
        rows = rehear(rows, decoded, hop_s, figures.rows())
        beats = _decoded(decoded, rows, hop_s, hops.seconds)
    return Heard(
        log=rows, beats=beats, seconds=hops.seconds, sample_rate_hz=song.sample_rate_hz, causal=causal, faults=hops.faults(),
        sounds=None if causal else sounds.rows(),
    )  # fmt: skip


def perform(song: SongReader, settings: Settings, library: Library, *, causal: bool, told: Told) -> Performance:
    """Dance to all of *song*.

    Causal: the Performer hop by hop, with the latency of *settings*, as live. Otherwise the whole song is heard first, its
    beats are decoded, and the same dancer dances to the corrected log with no latency.
    Raises SongError as `listen` does, ConfigError for a style that *library* lacks, before anything is heard.
    """
    if causal:
        return _as_live(song, settings, library, told)
    now = replace(settings, dance=replace(settings.dance, latency_s=0.0))
    memory = _Memory()
    performer = Performer(now, library, song.sample_rate_hz, memory)
    heard = listen(song, settings, causal=False, told=lambda share: told(LISTENING_SHARE * share))
    memory.log, performer.group.leader.plan = planned(heard, now, library)
    poses = np.zeros(heard.log.shape[0], POSE)
    events: list[dict[str, Any]] = []
    silence: F32 = np.zeros(1, np.float32)
    for k in range(poses.shape[0]):
        poses[k] = performer.process(silence)
        events += performer.events
        if k % TELL_HOPS == 0:
            told(LISTENING_SHARE + (1.0 - LISTENING_SHARE) * k / poses.shape[0])
    return Performance(heard=heard, poses=poses, events=tuple(events), hop_s=performer.hop_s)


def planned(heard: Heard, settings: Settings, library: Library) -> tuple[Any, Plan | None]:
    """How a song that was heard whole is best danced: the log (H,) HEARD for the dancer, and its plan.

    The log as it is, and None, where the song has no beats to dance to; no plan where each segment's beats were asked for.
    """
    if heard.sounds is None or len(heard.beats) < LEAST_BEATS:
        return heard.log, None
    from .structure import known  # noqa: PLC0415 - librosa takes a second to load, and only a plan needs it

    config = settings.dance
    log, song = known(heard.log, heard.sounds)
    if settings.match.segment_beats:
        return log, None
    return log, Planner(settings.match, library, min_rate=config.min_rate, max_rate=config.max_rate).plan(song)


def _as_live(song: SongReader, settings: Settings, library: Library, told: Told) -> Performance:
    performer = Performer(settings, library, song.sample_rate_hz)
    poses, log = Rows(POSE), Rows(HEARD)
    events: list[dict[str, Any]] = []
    hops = _Hops(song, settings.hear, told)
    for hop in hops:
        poses.append(performer.process(hop))
        log.append(performer.heard)
        events += performer.events
    heard = Heard(
        log=log.rows(), beats=_committed(log.rows(), performer.hop_s), seconds=hops.seconds,
        sample_rate_hz=song.sample_rate_hz, causal=True, faults=hops.faults(),
    )  # fmt: skip
    return Performance(heard=heard, poses=poses.rows(), events=tuple(events), hop_s=performer.hop_s)


def _committed(log: Any, hop_s: float) -> tuple[Beat, ...]:
    """The beats of a causal log, each emitted at the end of its hop."""
    rows = log[log["committed"] > 0]
    return tuple(
        Beat(
            time_s=float(row["committed_s"]), emitted_s=(int(row["hop"]) + 1) * hop_s, position=int(row["position"]),
            tempo_bpm=float(row["tempo_bpm"]), confidence=float(row["confidence"]),
        )
        for row in rows
    )  # fmt: skip


def _decoded(found: Beats, log: Any, hop_s: float, seconds: float) -> tuple[Beat, ...]:
    """The beats of a whole song, all emitted at its end."""
    steps_s = np.diff(found.times_s)
    at = np.clip(np.ceil(found.times_s / hop_s).astype(np.int64) - 1, 0, log.shape[0] - 1)
    beats = []
    for k, time_s in enumerate(found.times_s):
        near = steps_s[max(k - TEMPO_BEATS, 0) : k + TEMPO_BEATS]
        beats.append(
            Beat(
                time_s=float(time_s), emitted_s=seconds, position=int(found.places[k]),
                tempo_bpm=60.0 / float(np.median(near)) if near.size else float(log["tempo_bpm"][at[k]]),
                confidence=float(found.confidences[k]),
            )
        )  # fmt: skip
    return tuple(beats)
