"""What an author wrote, as frozen data: a style, its phrases, and in each the feet, the arms and the body's channels.

Units    beats from the phrase's start; metres, x to the dancer's left, z forward; degrees; arm lengths for arms.
Threads  plain values, never changed after reading.
Source   our own notation; docs/choreography.md describes it for authors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

SIDES = ("L", "R")

ODD_CHANNELS = frozenset({"face", "hip_yaw", "hip_roll", "sway", "chest_yaw", "chest_side", "gaze", "head_roll"})
"""Change sign in the mirror."""
EVEN_CHANNELS = frozenset({"hip_tilt", "surge", "drop", "hop", "chest_lean", "chest_pop", "wave", "gaze_pitch", "weight"})
"""The same in the mirror, but for weight, which is 1 on the left foot and becomes 1 - weight."""
SIDED_CHANNELS = frozenset(f"{name}_{side}" for name in ("shrug", "shoulder_fwd", "wrist", "heel") for side in SIDES)
"""Change sides in the mirror."""
CHANNELS = ODD_CHANNELS | EVEN_CHANNELS | SIDED_CHANNELS


@dataclass(frozen=True, slots=True)
class Key:
    """*value* on *beat*, reached by *ease*: '~' through, '-' evenly, '!' waits and arrives, '>' leaves at once."""

    beat: float
    value: tuple[float, ...]
    ease: str = "~"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One foot goes to one place, and is there shortly before *beat*.

    load is the share of the weight that it takes (a tap little); pivot turns on the ball in place; slide travels along the
    floor; via is x, z, height, pitch of a kick's far end.
    """

    side: str
    beat: float
    x_m: float
    z_m: float
    yaw_deg: float
    lift_m: float = 0.07
    swing_beats: float = 0.62
    arc_m: float = 0.0
    load: float = 1.0
    pivot: bool = False
    slide: bool = False
    via: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounce:
    """The hips' own pulse: lowest at *phase_beats*, staying low for *dwell* of a cycle, falling for *fall* of it."""

    amp_m: float = 0.08
    per_beats: float = 1.0
    phase_beats: float = -0.03
    dwell: float = 0.18
    fall: float = 0.30


@dataclass(frozen=True, slots=True, kw_only=True)
class Feel:
    """How a style moves, whatever it does."""

    crouch_m: float = 0.010
    reach: float = 0.74
    hip_drop_deg: float = 4.0
    heel_deg: float = 24.0
    arm_hz: float = 3.2
    arm_zeta: float = 0.55
    arm_sway: float = 1.0
    arm_lead_beats: float = 0.10
    arm_peak_m_s: float = 4.2
    body_hz: float = 3.5
    body_zeta: float = 0.70
    shoulders_follow: float = 0.88
    shoulders_level: float = 0.80
    low_lean_deg: float = 5.0
    nod_deg: float = 3.0
    breath_deg: float = 1.0
    land_lead_beats: float = 0.08
    settle_beats: float = 0.10
    variation: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """One phrase of choreography, complete: halves mirrored out, poses looked up, defaults of its style filled in.

    turns: whole turns to the left that the body has made when the phrase ends; `face` and the feet's yaw end so much higher.
    """

    name: str
    style: str
    beats: int
    bpm: float
    energy: float
    meter: int = 4
    passes: int = 3
    mirror: bool = True
    idle: bool = False
    slide: bool = False
    turns: int = 0
    tempo: tuple[float, float] = (0.0, 0.0)
    start: Mapping[str, tuple[float, float, float]]
    steps: tuple[Step, ...] = ()
    accent: tuple[Key, ...] = (Key(0.0, (1.0,)),)
    hits: tuple[Key, ...] = ()
    body: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    arms: Mapping[str, tuple[Key, ...]] = field(default_factory=dict)
    bounce: Bounce = Bounce()
    feel: Feel = Feel()
    exempt: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
