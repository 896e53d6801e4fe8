"""What was asked of a show, beside the engine's own settings.

Threads  any; nothing here changes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from .broadcast import Target
from .logreader import LogReader


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """One show's; `events` and `log` are paths, "-" is stdout for events."""

    targets: tuple[Target, ...] = ()
    control: tuple[str, int] | None = None
    echo: tuple[tuple[str, int], ...] = ()
    window: bool = True
    screen: int | None = None
    fullscreen: bool = False
    title: str = "audio2pose"
    fps: float | None = None  # pictures a second without a window
    duration_s: float = math.inf
    records: tuple[Path, ...] = ()
    events: str | None = None
    log: Path | None = None
    replay: LogReader | None = None
    keep_beats: bool = False  # for `beat_times_s`; kept for a pose file anyway

    @property
    def leaves(self) -> bool:
        """Whether anything leaves the process without a window."""
        return bool(self.targets or self.records or self.events or self.control or self.log) or math.isfinite(self.duration_s)
