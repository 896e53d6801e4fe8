"""Every setting, frozen, with its unit in its name. Defaults live here and nowhere else; presets.py reads what differs."""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, field
from typing import Any

from audio2pose.errors import ConfigError


def _within(config: Any, **ranges: tuple[float, float]) -> None:
    """Every number of *config* finite, and those named within their range."""
    for f in dataclasses.fields(config):
        value, name = getattr(config, f.name), f"{type(config).__name__.removesuffix('Config').lower()}.{f.name}"
        if not isinstance(value, float | int):
            continue
        low, high = ranges.get(f.name, (-1e9, 1e9))
        if not low <= value <= high:
            raise ConfigError(f"{name} is {value:g}, must lie within {low:g} to {high:g}: move it there, or leave it out")


def _must(ok: bool, message: str) -> None:
    if not ok:
        raise ConfigError(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class HearConfig:
    """How sound becomes hops and bands."""

    hop_s: float = 0.010
    window_s: float = 0.0464
    silence_db: float = -60.0
    silence_grace_s: float = 2.0
    auto_gain: bool = True
    gain_db: float = 0.0

    def __post_init__(self) -> None:
        _within(self, hop_s=(0.002, 0.05), window_s=(0.004, 0.2), silence_db=(-200.0, 0.0), silence_grace_s=(0.0, 3600.0),
                gain_db=(-60.0, 60.0))  # fmt: skip
        _must(
            self.window_s >= 2 * self.hop_s,
            f"hear.window_s is {self.window_s:g}, must span at least two hops ({2 * self.hop_s:g}): raise it",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatConfig:
    """The beat tracker; presets narrow the range."""

    min_bpm: float = 55.0
    max_bpm: float = 215.0
    front: str = "learned"
    onset_share: float = 0.6
    commit_ahead_s: float = 0.080
    tempo_lambda: float = 100.0
    beat_hops: int = 2
    beat_odds: float = 5.0
    octave_share: float = 0.0002
    octave_stay: float = 30.0
    tempo_weight: float = 1.5
    downbeat_weight: float = 0.5
    afresh: float = 1e-4
    bar_slip: float = 0.01
    least_gap_beats: float = 0.55
    evidence_none: float = -2.0
    evidence_first_s: float = 0.5
    evidence_early: float = -1.0
    evidence_on: float = 2.8
    evidence_off: float = 2.0
    evidence_half_life_s: float = 1.5
    forget_s: float = 1.5

    def __post_init__(self) -> None:
        _within(
            self, tempo_lambda=(1.0, 5000.0), beat_hops=(1, 8), beat_odds=(0.01, 1000.0), onset_share=(0.0, 1.0),
            least_gap_beats=(0.5, 0.95), evidence_half_life_s=(0.01, 60.0), forget_s=(0.05, 3600.0),
        )  # fmt: skip
        _must(
            20.0 <= self.min_bpm < self.max_bpm <= 400.0,
            f"beat.min_bpm ({self.min_bpm:g}) must lie below beat.max_bpm ({self.max_bpm:g}), both within 20 to 400: "
            "swap or move them",
        )
        _must(
            self.max_bpm >= 1.05 * self.min_bpm,
            f"the tempo range {self.min_bpm:g} to {self.max_bpm:g} BPM leaves no room: make it 5 % wide or more",
        )
        _must(
            0.07 <= self.commit_ahead_s <= 0.2,
            f"beat.commit_ahead_s is {self.commit_ahead_s:g}, must lie within 0.07 to 0.2 s: leave it at 0.08",
        )
        _must(
            self.evidence_off <= self.evidence_on,
            f"beat.evidence_off ({self.evidence_off:g}) must not lie above beat.evidence_on ({self.evidence_on:g}): swap them",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockConfig:
    """The beat clock b(t): how a phase error is bent away, and when it is jumped over."""

    half_life_beats: float = 0.5
    min_rate: float = 0.75
    max_rate: float = 1.33
    jump_beats: float = 0.25
    idle_bpm: float = 100.0
    phase_gain: float = 0.5
    tempo_gain: float = 0.15
    bar_change_beats: int = 4

    def __post_init__(self) -> None:
        _must(
            0.0 < self.min_rate < 1.0 < self.max_rate,
            f"clock.min_rate ({self.min_rate:g}) and clock.max_rate ({self.max_rate:g}) must lie on either side of 1: "
            "leave them at 0.75 and 1.33",
        )
        _within(self, half_life_beats=(0.01, 64.0), min_rate=(0.1, 1.0), max_rate=(1.0, 10.0), jump_beats=(0.05, 0.5))
        _must(self.half_life_beats > 0.0, f"clock.half_life_beats is {self.half_life_beats:g}, must be above 0: raise it")


QUANTA_BEATS = (0, 1, 2, 4, 8, 16, 32)
"""A wish for another segment waits for a multiple of one of these, counted from a downbeat; 0 waits for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchConfig:
    """Weights of the matcher's cost terms, in one table; 0 switches a term off."""

    energy_weight: float = 12.0
    music_weight: float = 1.5
    tempo_weight: float = 0.7
    pose_weight: float = 1.0
    velocity_weight: float = 0.6
    contact_weight: float = 0.4
    repetition_weight: float = 4.0
    phrase_weight: float = 0.8
    stage_weight: float = 0.5
    style_weight: float = 1.4
    memory_beats: float = 64.0
    temperature: float = 0.05
    style: str = ""
    segment_beats: int = 0
    quantum_beats: int = 4
    bpm_threshold: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        weights = {f.name: (0.0, 1e6) for f in dataclasses.fields(self) if f.name.endswith("_weight")}
        _within(self, **weights, memory_beats=(1.0, 1e6), temperature=(0.0, 1e6), bpm_threshold=(0.0, 1000.0), seed=(0, 2**62))
        _must(
            self.quantum_beats in QUANTA_BEATS,
            f"match.quantum_beats is {self.quantum_beats}, must be one of {', '.join(map(str, QUANTA_BEATS))}",
        )
        _must(
            self.segment_beats in (0, 1, 2, 4, 8, 16, 32),
            f"match.segment_beats is {self.segment_beats}, must be 1, 2, 4, 8, 16 or 32 (0: two bars, or a longer phrase)",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DanceConfig:
    """How the body follows the beat clock and joins one segment to the next."""

    latency_s: float = 0.080
    half_life_s: float = 0.10
    min_rate: float = 0.75
    max_rate: float = 1.33
    stage_radius_m: float = 1.2
    size: float = 1.0
    size_range: float = 0.3

    def __post_init__(self) -> None:
        _within(
            self, latency_s=(0.0, 0.5), half_life_s=(0.0, 10.0), min_rate=(0.3, 0.99), max_rate=(1.01, 3.0),
            stage_radius_m=(0.2, 1000.0), size=(0.3, 1.5), size_range=(0.0, 0.5),
        )  # fmt: skip
        _must(
            self.max_rate >= 1.2 * self.min_rate,
            f"dance.min_rate ({self.min_rate:g}) and dance.max_rate ({self.max_rate:g}) are too close: leave 0.75 and 1.33",
        )


FORMATIONS: dict[str, str] = {
    "unison": "all dance as the first does",
    "mirror": "every second one is the first's mirror image",
    "canon": "each does what the one before did some beats ago",
    "own": "each chooses for itself",
}
MAX_DANCERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupConfig:
    """How many dance, and how together."""

    dancers: int = 1
    formation: str = "unison"
    canon_beats: float = 1.0
    spacing_m: float = 1.5

    def __post_init__(self) -> None:
        _within(self, canon_beats=(0.25, 8.0), spacing_m=(0.5, 10.0))
        _must(
            1 <= self.dancers <= MAX_DANCERS,
            f"group.dancers is {self.dancers}, must lie within 1 to {MAX_DANCERS}: choose a number within",
        )
        _must(
            self.formation in FORMATIONS,
            f"group.formation is '{self.formation}', which is unknown{nearest(self.formation, FORMATIONS)}",
        )


BACKGROUNDS: dict[str, str] = {
    "stage": "gradient, floor, shadows and glow",
    "plain": "one flat colour, the middle of the palette's gradient; glow",
    "chroma": "pure green to be keyed out; no glow",
    "black": "pure black, for mixing and mapping; glow",
    "transparent": "nothing behind the dancer where the window system and OBS can see through; else black",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StageConfig:
    """The picture."""

    width: int = 1280
    height: int = 720
    fps: float = 60.0
    palette: str = "ember"
    scene: str = "rings"
    background: str = "stage"
    hud: bool = True
    latency_s: float = 0.030

    def __post_init__(self) -> None:
        _must(
            64 <= self.width <= 7680 and 64 <= self.height <= 4320,
            f"the picture is {self.width}x{self.height}, must lie within 64x64 to 7680x4320",
        )
        _within(self, latency_s=(0.0, 0.4))
        _must(1.0 <= self.fps <= 240.0, f"stage.fps is {self.fps:g}, must lie within 1 to 240")
        _must(
            self.background in BACKGROUNDS,
            f"stage.background is '{self.background}', which is unknown{nearest(self.background, BACKGROUNDS)}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All sections; a class in the engine receives its own section, never this whole."""

    hear: HearConfig = field(default_factory=HearConfig)
    beat: BeatConfig = field(default_factory=BeatConfig)
    clock: ClockConfig = field(default_factory=ClockConfig)
    match: MatchConfig = field(default_factory=MatchConfig)
    dance: DanceConfig = field(default_factory=DanceConfig)
    group: GroupConfig = field(default_factory=GroupConfig)
    stage: StageConfig = field(default_factory=StageConfig)


def nearest(word: str, known: Any) -> str:
    """': did you mean ...?' or ': one of ...', to end a message about an unknown *word*."""
    names = list(known)
    close = difflib.get_close_matches(word, names, 1, 0.5)
    return f": did you mean '{close[0]}'?" if close else f": one of {', '.join(names)}"
