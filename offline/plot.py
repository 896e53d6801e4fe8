"""How a song was heard, in one picture: onset strength, tempo belief, beats, confidence and state over time.

Shapes   as in trace.py and choreograph.py; the picture is PNG, 1600 x 900.
Threads  one, the caller's. matplotlib is used without pyplot: no window, no state of the process is touched.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from audio2pose.arrays import F64
from audio2pose.media.atomic import atomic_write
from audio2pose.music.heard import FLYWHEEL, IDLE, LISTENING, LOCKED, SILENT, STATE_NAMES
from audio2pose.stage.palettes import PALETTES

from .choreograph import Heard
from .trace import BELIEF_HOPS, Trace

WIDTH, HEIGHT, DPI = 1600, 900, 100
PAPER = PALETTES["paper"]
INK, LINE, STRONG, SHEET = PAPER.torso, PAPER.right, PAPER.left, PAPER.top
FAINT = (*INK, 0.75)
STATE_COLOURS = {
    IDLE: (0.87, 0.85, 0.81),
    LISTENING: PAPER.accent,
    LOCKED: PAPER.right,
    FLYWHEEL: (0.95, 0.70, 0.35),
    SILENT: (0.62, 0.60, 0.60),
}
BELIEF_COLOURS = LinearSegmentedColormap.from_list("belief", [SHEET, PAPER.floor, (0.93, 0.60, 0.34), STRONG, INK])
BPM_TICKS = (40, 50, 60, 70, 80, 90, 100, 120, 140, 160, 180, 200, 240, 300, 400)
# A tick for each beat up to so many, thinner the more there are; bars are numbered at most so often.
BEATS_WIDE, MOST_BAR_NUMBERS = 150, 32
# The width of the panels in pixels: what is longer is drawn by the greatest value of each.
COLUMNS = 1380
GAP_BEATS, LONG_S = 1.6, 90.0


def write_plot(path: Path, song: str, heard: Heard, trace: Trace) -> None:
    """Draw into *path* (PNG). Raises OutputError where it cannot be written."""
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=SHEET)
    canvas = FigureCanvasAgg(figure)
    onset, tempo, ticks, sure, state = figure.subplots(
        5, 1, sharex=True, gridspec_kw={"height_ratios": (2.0, 3.6, 0.9, 1.5, 0.32), "hspace": 0.13}
    )
    figure.subplots_adjust(left=0.065, right=0.925, top=0.885, bottom=0.11)
    for panel in (onset, tempo, ticks, sure, state):
        _frame(panel)
    _title(figure, song, heard)
    _onset(onset, trace)
    _tempo(figure, tempo, heard, trace)
    _beats(ticks, heard)
    _confidence(sure, heard, trace)
    _state(figure, state, heard, trace)
    _time(state, heard.seconds)
    with atomic_write(path) as temporary:
        canvas.print_png(str(temporary))


def _frame(panel: Axes) -> None:
    panel.set_facecolor((1.0, 1.0, 1.0, 0.55))
    for side in panel.spines.values():
        side.set_color((*INK, 0.35))
    panel.tick_params(colors=INK, labelsize=9, length=3)
    panel.tick_params(axis="x", labelbottom=False)
    panel.yaxis.label.set_color(INK)


def _time(panel: Axes, seconds: float) -> None:
    """The shared axis: seconds of a short song, minutes and seconds of a long one."""
    panel.set_xlim(0.0, seconds)
    if seconds <= LONG_S:
        panel.xaxis.set_major_locator(MaxNLocator(16, steps=[1, 2, 5, 10]))
        panel.set_xlabel("time in the song (seconds)", color=INK)
        return
    # At most 16 whole steps that a person would choose.
    step = next(s for s in (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600) if seconds <= 16 * s)
    panel.xaxis.set_major_locator(FixedLocator([float(t) for t in range(0, int(seconds) + 1, step)]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda t, _: f"{int(t) // 60}:{int(t) % 60:02d}"))
    panel.set_xlabel("time in the song (minutes:seconds)", color=INK)


def _title(figure: Figure, song: str, heard: Heard) -> None:
    tempo = f"{heard.tempo_bpm:.1f} BPM" if heard.tempo_bpm else "no tempo"
    downbeats = sum(b.position == 1 for b in heard.beats)
    count = f"{len(heard.beats)} beats, {downbeats} of them downbeats" if heard.beats else "no beats"
    how = "heard hop by hop as live, beats told ahead" if heard.causal else "beats decoded from the whole song"
    figure.text(0.065, 0.955, Path(song).name, fontsize=17, fontweight="bold", color=INK, va="center")
    figure.text(
        0.065, 0.915, f"{heard.seconds:.1f} s · {tempo} · {count} · {how}",
        fontsize=11, color=FAINT, va="center",
    )  # fmt: skip


def _onset(panel: Axes, trace: Trace) -> None:
    end_s, strength = peaks(trace.onset.astype(np.float64), trace.hop_s)
    panel.fill_between(end_s, strength, step="pre", color=LINE, linewidth=0.0, alpha=0.85)
    panel.set_ylim(0.0, 1.0)
    panel.set_yticks([0.0, 0.5, 1.0])
    panel.set_ylabel("onset strength\n(0 to 1)")


def _tempo(figure: Figure, panel: Axes, heard: Heard, trace: Trace) -> None:
    bpm, belief = trace.tempi_bpm, trace.belief
    every = max(1, -(-len(belief) // COLUMNS))
    shown = np.stack([belief[k : k + every].mean(axis=0) for k in range(0, len(belief), every)])
    at_s = np.minimum(np.arange(len(shown) + 1) * every * BELIEF_HOPS * trace.hop_s, heard.seconds)
    # Tempi stand as far apart as their logs; the edges lie between them.
    middle = np.sqrt(bpm[:-1] * bpm[1:])
    edges = np.concatenate([[bpm[0] ** 2 / middle[0]], middle, [bpm[-1] ** 2 / middle[-1]]])
    # The root shows weaker beliefs beside strong ones.
    image = panel.pcolormesh(at_s, edges, np.sqrt(shown.T), cmap=BELIEF_COLOURS, vmin=0.0, vmax=1.0, rasterized=True)
    if heard.beats:
        time_s = np.array([b.time_s for b in heard.beats])
        told = np.array([b.tempo_bpm for b in heard.beats])
        # The line is broken where beats are missing.
        holes = np.flatnonzero(np.diff(time_s) > GAP_BEATS * 60.0 / told[:-1]) + 1
        time_s, told = np.insert(time_s, holes, np.nan), np.insert(told, holes, np.nan)
        panel.plot(time_s, told, color="white", linewidth=2.6, alpha=0.8)
        panel.plot(time_s, told, color=LINE, linewidth=1.3)
    panel.set_yscale("log")
    panel.set_ylim(edges.min(), edges.max())
    panel.yaxis.set_major_locator(FixedLocator([t for t in BPM_TICKS if edges.min() <= t <= edges.max()]))
    panel.yaxis.set_minor_locator(NullLocator())
    panel.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:.0f}"))
    panel.set_ylabel("tempo\n(beats per minute, log scale)")
    box = panel.get_position()
    scale = figure.add_axes((box.x1 + 0.010, box.y0, 0.010, box.height))
    bar = figure.colorbar(image, cax=scale, ticks=np.sqrt([0.0, 0.01, 0.1, 0.3, 0.6, 1.0]))
    bar.ax.set_yticklabels(["0", "1 %", "10 %", "30 %", "60 %", "100 %"])
    bar.ax.tick_params(colors=INK, labelsize=8, length=2)
    bar.outline.set_edgecolor((*INK, 0.35))  # type: ignore[operator]
    bar.set_label("belief of the live tracker", color=INK, fontsize=9)


def _beats(panel: Axes, heard: Heard) -> None:
    width = min(1.6, max(0.5, 1.6 * BEATS_WIDE / max(len(heard.beats), 1)))
    first = [(n, b.time_s) for n, b in enumerate(b for b in heard.beats if b.position == 1)]
    panel.vlines([b.time_s for b in heard.beats if b.position != 1], 0.0, 0.42, color=LINE, linewidth=width)
    panel.vlines([t for _, t in first], 0.0, 0.78, color=STRONG, linewidth=1.3 * width)
    every = next(k for k in (1, 2, 4, 8, 16, 32, 64, 128, 1 << 30) if len(first) <= MOST_BAR_NUMBERS * k)
    for n, time_s in first[::every]:
        panel.text(time_s, 0.80, f"{n + 1}", fontsize=7.5, color=STRONG, ha="center", va="bottom", clip_on=True)
    panel.set_ylim(0.0, 1.08)
    panel.set_yticks([])
    panel.set_ylabel("beats\nand bars")


def _confidence(panel: Axes, heard: Heard, trace: Trace) -> None:
    """Each beat's confidence, held until the next beat; none where the state is not locked."""
    end_s = (np.arange(len(heard.log)) + 1.0) * trace.hop_s
    last = np.searchsorted([b.time_s for b in heard.beats], end_s, side="right")
    sure = np.where(heard.log["state"] == LOCKED, np.array([0.0, *(b.confidence for b in heard.beats)])[last], 0.0)
    panel.fill_between(end_s, sure, step="pre", color=PAPER.accent, alpha=0.35, linewidth=0.0)
    panel.plot(end_s, sure, color=INK, linewidth=1.1, drawstyle="steps-pre")
    panel.set_ylim(0.0, 1.05)
    panel.set_yticks([0.0, 0.5, 1.0])
    panel.grid(axis="y", color=(*INK, 0.15), linewidth=0.8)
    panel.set_ylabel("confidence\nof the beats\n(0 to 1)")


def _state(figure: Figure, panel: Axes, heard: Heard, trace: Trace) -> None:
    state = heard.log["state"]
    edges = np.concatenate([[0], np.flatnonzero(np.diff(state)) + 1, [len(state)]])
    for begin, end in itertools.pairwise(edges):
        panel.axvspan(begin * trace.hop_s, end * trace.hop_s, color=STATE_COLOURS[int(state[begin])], linewidth=0.0)
    panel.set_yticks([])
    panel.set_ylabel("state", rotation=0, ha="right", va="center")
    panel.tick_params(axis="x", labelbottom=True)
    figure.legend(
        handles=[
            Line2D([], [], color=STRONG, linewidth=2.2, label="downbeat and its bar's number"),
            Line2D([], [], color=LINE, linewidth=1.6, label="other beats; their tempo"),
        ],
        loc="lower left", ncols=2, bbox_to_anchor=(0.058, 0.012), fontsize=9, frameon=False, labelcolor=INK, handlelength=1.2,
        columnspacing=1.2,
    )  # fmt: skip
    figure.legend(
        handles=[Patch(color=STATE_COLOURS[k], label=STATE_NAMES[k]) for k in STATE_COLOURS], loc="lower right", ncols=5,
        bbox_to_anchor=(0.928, 0.012), fontsize=9, frameon=False, labelcolor=INK, handlelength=1.2, columnspacing=1.2,
    )  # fmt: skip


def peaks(values: F64, hop_s: float) -> tuple[F64, F64]:
    """The end of each column in s and the greatest of *values* (H,) within it: as they are where they fit into COLUMNS."""
    every = max(1, -(-len(values) // COLUMNS))
    begins = np.arange(0, len(values), every)
    if len(begins) == 0:
        return np.zeros(0), np.zeros(0)
    return np.minimum(begins + every, len(values)) * hop_s, np.maximum.reduceat(values, begins)
