"""The scenes of a night, as data: each one idea, each in every palette.

Threads  any; nothing here changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from audio2pose.config import nearest
from audio2pose.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Ghost:
    """A dancer's earlier pose: how long ago, where it stands from the dancer, how much of its colour is left."""

    ago_beats: float
    aside_m: float
    behind_m: float
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One scene: the set called `name` behind the dancers, and how they are lit before it."""

    name: str
    idea: str
    reflect: float = 1.0
    """Reflections on the floor, shadows, glow and trails, as shares of what the palette gives them."""
    shadow: float = 1.0
    glow: float = 1.0
    trail: float = 1.0
    own: float = 1.0
    """Share of the body's own colours; the rest is the dark of the palette: a silhouette."""
    rim: float = 1.0
    around: bool = False
    """Whether light falls around the whole edge of the body, or from its own side only."""
    ghosts: tuple[tuple[Ghost, ...], ...] = ((),)
    """Of each dancer, for a group of one, of two or three, of more; fewer where many would be a crowd."""

    def ghosts_of(self, dancers: int) -> tuple[Ghost, ...]:
        """The ghosts that each dancer of so many has."""
        return self.ghosts[min(0 if dancers < 2 else 1 if dancers < 4 else 2, len(self.ghosts) - 1)]


SCENES: dict[str, Scene] = {
    s.name: s
    for s in (
        Scene(name="rings", idea="Rings on a floor, and a wave that runs out on each beat."),
        Scene(
            name="sun", idea="A sun behind the dancer that swells with the bass.", own=0.10, rim=2.2, around=True,
            glow=0.5, trail=0.8, reflect=0.8, shadow=0.0,
        ),
        Scene(name="bars", idea="Columns of light behind the dancer that climb with low, middle and high.", glow=0.7),
        Scene(
            name="spot", idea="One hard light from above, everything else dark.", glow=0.0, trail=0.7, reflect=0.0,
            shadow=1.25, rim=1.2,
        ),
        Scene(name="road", idea="A grid that runs towards the eye in tempo.", glow=0.8, shadow=0.6),
        Scene(
            name="echo", idea="The dancer's own earlier poses, half a beat of them.", glow=0.6, trail=0.0, shadow=0.8,
            ghosts=(
                (
                    Ghost(ago_beats=0.25, aside_m=-0.62, behind_m=0.7, strength=0.48),
                    Ghost(ago_beats=0.25, aside_m=0.62, behind_m=0.7, strength=0.48),
                    Ghost(ago_beats=0.5, aside_m=-1.2, behind_m=1.4, strength=0.24),
                    Ghost(ago_beats=0.5, aside_m=1.2, behind_m=1.4, strength=0.24),
                ),
                (
                    Ghost(ago_beats=0.25, aside_m=-0.45, behind_m=0.8, strength=0.40),
                    Ghost(ago_beats=0.5, aside_m=0.45, behind_m=1.4, strength=0.22),
                ),
                (Ghost(ago_beats=0.25, aside_m=0.5, behind_m=1.0, strength=0.28),),
            ),
        ),
    )
}  # fmt: skip
"""In a fixed order: controllers and keys know scenes by number, so a new one goes to the end."""


def scene(name: str) -> Scene:
    """The scene called *name*; raises ConfigError that names the nearest one."""
    if name not in SCENES:
        raise ConfigError(f"no scene named '{name}'{nearest(name, SCENES)}")
    return SCENES[name]
