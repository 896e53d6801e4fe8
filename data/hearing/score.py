"""A piece of music as notes: an accompaniment by mma over chords that were drawn by lot, and our own drums, bass, melody.

Shapes   notes: (N,) NOTE, times in beats from the first downbeat; a Part is what one player plays.
Errors   CorpusError where mma cannot play a style.
Source   our own; mma plays the chords in one of its styles.
"""

from __future__ import annotations

import subprocess
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio2pose.errors import CorpusError

from .styles import Style

try:
    import mido
except ImportError:  # songs.missing tells what to install; the rest of this room works without
    mido = None

NOTE = np.dtype([("beat", "f8"), ("beats", "f8"), ("key", "i2"), ("velocity", "f4"), ("channel", "i2")])
Notes = NDArray[np.void]
DRUM_CHANNEL = 9
ROOTS = ("C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B")
MAJOR, MINOR = (0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10)
LEADS = (0, 4, 11, 22, 24, 26, 40, 52, 53, 56, 61, 65, 66, 71, 73, 80, 81)


@dataclass(slots=True)
class Part:
    """What one player plays. *programs*: General MIDI program of each channel; *kit* tells how drums are made."""

    name: str
    notes: Notes
    programs: dict[int, int] = field(default_factory=dict)
    kit: str = "gm"


@dataclass(slots=True)
class Score:
    """Parts over *n_bars* bars of *meter* beats."""

    style: Style
    meter: int
    n_bars: int
    bpm: float
    root: int
    scale: tuple[int, ...]
    chords: list[int]
    parts: list[Part]

    @property
    def n_beats(self) -> int:
        """Beats of all bars."""
        return self.meter * self.n_bars


def notes_of(rows: list[tuple[float, float, int, float, int]]) -> Notes:
    """Rows of (beat, beats, key, velocity, channel), sorted by time."""
    made = np.array(rows, NOTE) if rows else np.zeros(0, NOTE)
    return made[np.argsort(made["beat"], kind="stable")]


def compose(style: Style, bpm: float, seconds: float, rng: np.random.Generator, folder: Path) -> Score:
    """A score of about *seconds* at *bpm*, its accompaniment played by mma. Files are made in *folder* and removed."""
    # Dancers count polkas and marches in four: bars of two beats are paired.
    meter = 4 if style.meter == 2 else style.meter
    n_bars = max(8, int(seconds * bpm / 60.0 / meter) + 1)
    root, scale = int(rng.integers(12)), MINOR if rng.random() < 0.4 else MAJOR
    per_bar = meter // style.meter
    chords, lines = _chords(n_bars, root, scale, style.meter, per_bar, rng)
    parts = _accompaniment(_mma_text(style, round(bpm), lines, rng), folder)
    return Score(style, meter, n_bars, bpm, root, scale, chords, parts)


def _chords(
    n_bars: int, root: int, scale: tuple[int, ...], mma_meter: int, per_bar: int, rng: np.random.Generator
) -> tuple[list[int], list[str]]:
    """Degree of each bar's chord, and mma's text of each of its bars."""
    qualities = ("m", "dim", "", "m", "m", "", "") if scale is MINOR else ("", "m", "m", "", "", "m", "dim")
    sevenths = rng.random() < 0.4
    turn = [0, *(int(d) for d in rng.choice([0, 0, 3, 4, 5, 1, 2], int(rng.choice([1, 3, 3, 7]))))]
    every = int(rng.choice([1, 1, 1, 1, 1, 1, 2, 4]))  # bars a chord is held

    def name(degree: int) -> str:
        quality = qualities[degree]
        if sevenths and quality != "dim":
            quality += "7" if quality == "m" or degree == 4 else "M7" if rng.random() < 0.7 else "6"
        return ROOTS[(root + scale[degree]) % 12] + quality

    chords, lines = [], []
    for bar in range(n_bars):
        degree = turn[bar // every % len(turn)]
        chords.append(degree)
        for half in range(per_bar):
            text = name(degree)
            if rng.random() < 0.2 and mma_meter >= 3 and half == per_bar - 1:
                text = " ".join([text] + ["/"] * (mma_meter // 2 - 1) + [name(int(rng.choice([0, 1, 3, 4, 5])))])
            lines.append(text)
    return chords, lines


def _mma_text(style: Style, bpm: int, lines: list[str], rng: np.random.Generator) -> str:
    ends = ("end", "tag", "fill", "intro")
    usual = [g for g in style.grooves if not any(e in g.lower() for e in ends)] or list(style.grooves)
    fills = [g for g in style.grooves if any(e in g.lower() for e in ("fill", "intro"))]
    text = [f"Tempo {bpm}"]
    if rng.random() < 0.4:
        text.append(f"AllTracks RTime {rng.choice([2, 4, 6, 10])}")
    groove, bar = str(rng.choice(usual)), 0
    while bar < len(lines):
        groove = str(rng.choice(usual)) if rng.random() < 0.5 else groove
        text.append(f"Groove {style.name}:{groove}")
        length = int(rng.choice([4, 4, 8]))
        for k in range(min(length, len(lines) - bar)):
            if k == length - 1 and fills and rng.random() < 0.4:
                text.append(f"Groove {style.name}:{rng.choice(fills)}")
            text.append(f"{bar + 1} {lines[bar]}")
            bar += 1
    whole = "\n".join(text) + "\n"
    # mma throws dice of its own: without this a seed gives another song every time.
    return f"RndSeed {zlib.crc32(whole.encode())}\n{whole}"


def _accompaniment(text: str, folder: Path) -> list[Part]:
    """Drums, bass and the rest, as mma plays *text*."""
    source, target = folder / "song.mma", folder / "song.mid"
    source.write_text(text)
    target.unlink(missing_ok=True)  # what an earlier song left
    run = subprocess.run(
        ["mma", "-w", "-f", str(target), str(source)], capture_output=True, text=True, errors="replace", timeout=60, check=False
    )
    if run.returncode or not target.exists():
        told = " ".join((run.stdout + run.stderr).split())[-120:]
        raise CorpusError(f"mma did not play this style ({told}): leave the style out")
    try:
        midi = mido.MidiFile(target)
    except (OSError, EOFError, ValueError, KeyError, IndexError) as error:
        raise CorpusError(f"mma wrote a damaged file ({error}): leave the style out") from None
    target.unlink()
    rows: list[tuple[float, float, int, float, int]] = []
    programs: dict[int, int] = {}
    for track in midi.tracks:
        tick = 0
        sounding: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for message in track:
            tick += message.time
            if message.type == "note_on" and message.velocity > 0:
                sounding.setdefault((message.channel, message.note), []).append((tick, message.velocity))
            elif message.type in ("note_on", "note_off") and sounding.get((message.channel, message.note)):
                begin, velocity = sounding[message.channel, message.note].pop(0)
                beats = max(tick - begin, 8) / midi.ticks_per_beat
                rows.append((begin / midi.ticks_per_beat, beats, message.note, velocity, message.channel))
            elif message.type == "program_change":
                programs.setdefault(message.channel, message.program)
    if len(rows) < 20:
        raise CorpusError("mma played hardly a note: leave the style out")
    notes = notes_of(rows)
    low = {int(c) for c in np.unique(notes["channel"]) if c != DRUM_CHANNEL and notes["key"][notes["channel"] == c].mean() < 48}
    is_drum, is_bass = notes["channel"] == DRUM_CHANNEL, np.isin(notes["channel"], list(low))
    players = (("drums", is_drum), ("bass", is_bass), ("chords", ~is_drum & ~is_bass))
    return [Part(name, notes[mask], programs) for name, mask in players if mask.any()]


def melody(score: Score, rng: np.random.Generator) -> Part:
    """A tune that wanders over the scale, more or less syncopated, with rests and longer notes at the ends of phrases."""
    lengths = ([0.5, 0.5, 1, 1, 1.5, 2, 0.25, 0.75, 3], [0.5, 1, 1, 2, 1, 3], [0.5, 0.5, 0.5, 0.5, 1], [2, 4, 3, 1])
    drawn = lengths[int(rng.integers(len(lengths)))]
    rows, beat, step = [], float(rng.choice([0.0, 0.0, 0.5, 1.0])), int(rng.integers(4, 12))
    low = 48 + 12 * int(rng.integers(0, 3))
    while beat < score.n_beats:
        length = float(rng.choice(drawn))
        if rng.random() < 0.8:
            step = int(min(14, max(0, step + rng.choice([-2, -1, -1, 0, 1, 1, 2]))))
            key = low + (score.root % 12) + 12 * (step // 7) + score.scale[step % 7]
            rows.append((beat, 0.9 * length, min(key, 100), float(rng.integers(60, 110)), 0))
        beat += length
    return Part("melody", notes_of(rows), {0: int(rng.choice(LEADS))})
