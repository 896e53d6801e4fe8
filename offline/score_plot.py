"""One page about one dance: speed with its stops and the music's beats, offsets, likeness, feet, and jerk at joins.

Shapes   a Dance and the document of its measures; the picture is PNG, 1600 x 1200.
Threads  one, the caller's. matplotlib is used without pyplot: no window, no state of the process is touched.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from audio2pose.arrays import F64
from audio2pose.media.atomic import atomic_write
from audio2pose.motion.body import JOINT, JOINT_NAMES

from .measures import feet, joins, kinetic, stops
from .measures.sampling import RATE_HZ, resampled, speed
from .plot import DPI, FAINT, INK, LINE, PAPER, SHEET, STRONG, _frame
from .score import Dance

WIDTH, HEIGHT = 1600, 1200
SHOWN_S = 20.0
"""So much of a longer dance is drawn against time, from its middle: more cannot be read."""
LATE_MS, BINS = 250.0, 50
FEET = (("left", STRONG), ("right", LINE))


def write_plot(path: Path, name: str, dance: Dance, document: dict[str, Any]) -> None:
    """Draw into *path* (PNG). Raises OutputError where it cannot be written."""
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=SHEET)
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(4, 2, height_ratios=(1.25, 1.0, 1.0, 1.25), hspace=0.48, wspace=0.16)
    figure.subplots_adjust(left=0.065, right=0.97, top=0.90, bottom=0.10)
    over = [figure.add_subplot(grid[row, :]) for row in (0, 1)]
    below = [figure.add_subplot(grid[2, column]) for column in (0, 1)]
    last = figure.add_subplot(grid[3, :])
    for panel in (*over, *below, last):
        _frame(panel)
        panel.tick_params(axis="x", labelbottom=True)
        panel.xaxis.label.set_color(INK)
    part_s = _part(dance)
    moved_s = stops.motion_beats(dance.joints, dance.fps)
    _title(figure, name, dance, document)
    _speed(over[0], dance, moved_s, part_s)
    _feet(over[1], dance, part_s)
    _offsets(below[0], dance, moved_s, document)
    _jerk(below[1], dance)
    _features(last, document)
    with atomic_write(path) as temporary:
        canvas.print_png(str(temporary))


def _part(dance: Dance) -> tuple[float, float]:
    middle_s, half_s = dance.file.seconds / 2, min(dance.file.seconds, SHOWN_S) / 2
    return middle_s - half_s, middle_s + half_s


def _title(figure: Figure, name: str, dance: Dance, d: dict[str, Any]) -> None:
    b = d["beats"]
    told = f"F {b['f']:.2f}, chance {b['f_null']:.2f} ({b['level']})" if b else "no beats known"
    skate = d["skate"]["ratio"]
    feet_told = "never on the floor" if skate is None else f"skate {skate:.3f} with contact {d['skate']['contact']:.2f}"
    figure.text(0.065, 0.965, name, fontsize=17, fontweight="bold", color=INK, va="center")
    figure.text(
        0.065, 0.935, f"{dance.file.seconds:.1f} s · {told} · {feet_told} · energy {d['kinetic']['energy']:.2f} m²/s²",
        fontsize=11, color=FAINT, va="center",
    )  # fmt: skip


def _within(times_s: F64, part_s: tuple[float, float]) -> F64:
    return times_s[(times_s >= part_s[0]) & (times_s <= part_s[1])]


def _speed(panel: Axes, dance: Dance, moved_s: F64, part_s: tuple[float, float]) -> None:
    v = speed(resampled(dance.joints, dance.fps, RATE_HZ), RATE_HZ) / dance.joints.shape[1]
    at_s = (np.arange(v.shape[0]) + 0.5) / RATE_HZ
    panel.fill_between(at_s, v, color=LINE, alpha=0.35, linewidth=0.0)
    panel.plot(at_s, v, color=LINE, linewidth=1.2, label="mean speed of the joints")
    if dance.beats_s is not None:
        panel.vlines(_within(dance.beats_s, part_s), 0.0, 1.0, transform=panel.get_xaxis_transform(), color=STRONG, alpha=0.7,
                     linewidth=1.2, label="beats of the music")  # fmt: skip
    shown_s = _within(moved_s, part_s)
    panel.plot(shown_s, np.interp(shown_s, at_s, v), "o", color=INK, markersize=5, label="motion beats")
    panel.set_xlim(*part_s)
    panel.set_ylim(bottom=0.0)
    panel.set_ylabel("speed (m/s)")
    panel.set_xlabel("time in the song (seconds)" + ("" if dance.file.seconds <= SHOWN_S else ", the middle of the dance"))
    _legend(panel)


def _feet(panel: Axes, dance: Dance, part_s: tuple[float, float]) -> None:
    at_s = np.arange(dance.file.poses) / dance.fps
    floor_m = min(float(dance.joints[:, JOINT[f"{side}_foot"], 1].min()) for side, _ in FEET)
    for n, (side, colour) in enumerate(FEET):
        height = 100.0 * (dance.joints[:, JOINT[f"{side}_foot"], 1] - floor_m)
        panel.plot(at_s, height, color=colour, linewidth=1.2, label=f"ball of the {side} foot")
        if dance.file.contacts is not None:
            stands = feet.runs(dance.file.contacts[:, 1 + 2 * n] > feet.STANDS)
            panel.broken_barh([(a / dance.fps, (b - a) / dance.fps) for a, b in stands], (-2.2 - 2.0 * n, 1.4), color=colour)
    panel.set_xlim(*part_s)
    panel.set_ylim(bottom=-5.0)
    panel.set_ylabel("height (cm),\nbars: planted")
    panel.set_xlabel("time in the song (seconds)")
    _legend(panel)


def _offsets(panel: Axes, dance: Dance, moved_s: F64, d: dict[str, Any]) -> None:
    panel.set_xlabel("motion beats after the nearest music beat (ms)")
    panel.set_ylabel("how many")
    if dance.beats_s is None or not moved_s.size:
        _nothing(panel, "no beats are known")
        return
    at_s = stops.levels(dance.beats_s)[d["beats"]["level"]]
    late_ms = 1e3 * (moved_s - at_s[np.abs(moved_s[:, None] - at_s[None]).argmin(axis=1)])
    panel.hist(late_ms, bins=BINS, range=(-LATE_MS, LATE_MS), color=LINE, alpha=0.85)
    panel.axvspan(-1e3 * stops.TOLERANCE_S, 1e3 * stops.TOLERANCE_S, color=PAPER.accent, alpha=0.18, linewidth=0.0)
    panel.axvline(0.0, color=STRONG, linewidth=1.2)
    panel.set_xlim(-LATE_MS, LATE_MS)


def _jerk(panel: Axes, dance: Dance) -> None:
    panel.set_xlabel("time from the nearest join (seconds)")
    panel.set_ylabel("jerk, 95th\npercentile (m/s³)")
    starts_s = dance.file.segment_starts_s[1:]
    change, at_s = joins.jerk(dance.joints, dance.fps)
    if not starts_s.size or not at_s.size:
        _nothing(panel, "no joins are known")
        return
    after = np.searchsorted(starts_s, at_s)
    before, later = starts_s[np.maximum(after - 1, 0)], starts_s[np.minimum(after, starts_s.size - 1)]
    away_s = np.where(np.abs(at_s - before) <= np.abs(at_s - later), at_s - before, at_s - later)
    edges = np.linspace(-1.0, 1.0, 41)
    inside = [(away_s >= a) & (away_s < b) for a, b in itertools.pairwise(edges)]
    level = [np.percentile(change[own], joins.PERCENT) if own.any() else np.nan for own in inside]
    panel.stairs(level, edges, fill=True, color=LINE, alpha=0.8)
    panel.axvspan(-joins.AT_JOIN_S, joins.AT_JOIN_S, color=PAPER.accent, alpha=0.18, linewidth=0.0)
    panel.axvline(0.0, color=STRONG, linewidth=1.2)
    panel.set_xlim(-1.0, 1.0)


def _features(panel: Axes, d: dict[str, Any]) -> None:
    against = d["kinetic"]["against"]
    told = against or d["kinetic"]
    x = np.arange(len(JOINT_NAMES))
    for k, (name, colour) in enumerate(zip(kinetic.FEATURES, (LINE, STRONG, PAPER.accent))):
        values = np.array([told[name][joint] or np.nan for joint in JOINT_NAMES], np.float64)  # a log axis has no 0
        panel.plot(x + 0.18 * (k - 1), values, "o", color=colour, markersize=6, label=name)
    if against:
        panel.axhspan(*kinetic.LIKE, color=PAPER.accent, alpha=0.15, linewidth=0.0)
        panel.axhline(1.0, color=INK, linewidth=0.8)
    panel.set_yscale("log", base=2)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.set_xlim(-0.6, len(JOINT_NAMES) - 0.4)
    panel.set_xticks(x, [name.replace("_", " ") for name in JOINT_NAMES], rotation=40, ha="right", rotation_mode="anchor")
    panel.set_ylabel(f"median / median\nof {against['library']}" if against else "m²/s², m/s²")
    _legend(panel)


def _legend(panel: Axes) -> None:
    panel.legend(
        loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, fontsize=9, frameon=False, labelcolor=INK, borderpad=0.1
    )


def _nothing(panel: Axes, why: str) -> None:
    panel.text(0.5, 0.5, why, transform=panel.transAxes, ha="center", va="center", color=FAINT)
