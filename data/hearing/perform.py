"""A score becomes sound: when each beat falls, how people play it, which instruments, in what room.

Shapes   beat_s: (n,) seconds of the beats, some past the last; sound: (N,) float32 mono at RATE_HZ.
Errors   CorpusError where fluidsynth or a sound font is missing or fails.
Source   our own; fluidsynth plays the notes, on sound fonts that allow it (FluidR3 and MuseScore General: MIT).
"""

from __future__ import annotations

import subprocess
import wave
from pathlib import Path

import numpy as np
from scipy import signal

from audio2pose.arrays import F32, F64
from audio2pose.errors import CorpusError
from audio2pose.media.synth import RATE_HZ

from . import kit
from .score import DRUM_CHANNEL, Part, Score

try:
    import mido
except ImportError:  # songs.missing tells what to install; the rest of this room works without
    mido = None

FONTS = (
    Path("/usr/share/sounds/sf2/FluidR3_GM.sf2"),
    Path("/usr/share/sounds/sf3/MuseScore_General.sf3"),
)
FIRST_FONT = 0.7  # the second takes five times as long to load
# Only what is played is loaded, and effects are left to our own room: a part takes a third of the time so.
FLUIDSYNTH = ("fluidsynth", "-ni", "-q", "-r", str(RATE_HZ), "-g", "0.5", "-R", "0", "-C", "0",
              "-o", "synth.dynamic-sample-loading=1")  # fmt: skip
GM_KITS = (0, 8, 16, 24, 25, 32, 40)
TICKS_PER_S = 1000


class Tempo:
    """When each beat falls: steady, drifting, ramping, or jumping to another tempo on a downbeat."""

    def __init__(self, score: Score, rng: np.random.Generator) -> None:
        n = score.n_beats + 8
        lengths = np.full(n, 60.0 / score.bpm)
        way = rng.random()
        self.kind = "steady"
        if way < 0.17:
            self.kind = "drift"
            walk = signal.lfilter([0.1], [1.0, -0.9], np.cumsum(rng.normal(0, 1, n)))
            walk -= walk.mean()
            lengths *= np.exp(walk / (np.abs(walk).max() + 1e-9) * rng.uniform(0.01, 0.07))
        elif way < 0.28:
            self.kind = "ramp"
            begin = int(rng.integers(n // 6, n // 2))
            end = min(n - 1, begin + int(rng.integers(12, 48)))
            last = float(np.exp(rng.uniform(-0.28, 0.28)))
            lengths /= np.interp(np.arange(n), [begin, end], [1.0, last])
        elif way < 0.38:
            self.kind = "jump"
            at = int(rng.integers(n // 4, 3 * n // 4)) // score.meter * score.meter
            lengths[at:] /= np.exp(rng.choice([-1, 1]) * rng.uniform(0.08, 0.35))
        if rng.random() < 0.3:
            lengths *= np.exp(rng.normal(0, 0.006, n))
        self.lengths_s: F64 = lengths
        self.beat_s: F64 = np.concatenate([[0.0], np.cumsum(lengths)]) + rng.uniform(0.02, 0.5)

    def seconds(self, beats: F64) -> F64:
        """Times of *beats* (N,); what lies before the first or after the last is carried on straight."""
        whole = np.clip(np.floor(beats).astype(np.int64), 0, len(self.lengths_s) - 1)
        return np.asarray(self.beat_s[whole] + (beats - whole) * self.lengths_s[whole])


def swing(beats: F64, share: float, unit: float) -> F64:
    """*beats* with the second of each pair of *unit*s moved to begin after *share* of the pair."""
    pair = 2.0 * unit
    whole = np.floor(beats / pair)
    inside = beats / pair - whole
    bent = np.where(inside < 0.5, inside * 2.0 * share, share + (inside - 0.5) * 2.0 * (1.0 - share))
    return np.asarray((whole + bent) * pair)


class Hands:
    """How people play: each player a little early or late and uneven, some feels swung."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._jitter_s = float(rng.choice([0.0, 0.0, 0.003, 0.006, 0.01, 0.014]))
        self._uneven = rng.uniform(0.0, 0.25)
        self._swing = (rng.uniform(0.54, 0.66), float(rng.choice([0.5, 0.25]))) if rng.random() < 0.12 else None

    def play(self, part: Part, tempo: Tempo) -> tuple[F64, F64, F64]:
        """Begin, end (seconds) and velocity of each note of *part*."""
        notes, rng = part.notes, self._rng
        beats = notes["beat"]
        if self._swing:
            beats = swing(beats, *self._swing)
        begin = tempo.seconds(beats) + rng.normal(0, 0.004) + rng.normal(0, 1, len(notes)) * self._jitter_s
        end = np.maximum(tempo.seconds(beats + notes["beats"]), begin + 0.03)
        velocity = notes["velocity"] * np.exp(rng.normal(0, 1, len(notes)) * self._uneven)
        return np.maximum(begin, 0.0), end, np.clip(velocity, 8.0, 127.0)


def sound_of(part: Part, tempo: Tempo, hands: Hands, n_samples: int, rng: np.random.Generator, folder: Path) -> F32:
    """(n_samples,) of *part* as played by *hands*."""
    begin, end, velocity = hands.play(part, tempo)
    if part.kit == "electric":
        return kit.play(part, begin, n_samples, rng)
    midi, out = folder / "part.mid", folder / "part.wav"
    _midi(part, begin, end, velocity, rng).save(midi)
    fonts = [f for f in FONTS if f.exists()]
    if not fonts:
        raise CorpusError(f"no sound font is there (neither {' nor '.join(str(f) for f in FONTS)}): install fluid-soundfont-gm")
    font = fonts[0] if rng.random() < FIRST_FONT else fonts[-1]
    run = subprocess.run(
        [*FLUIDSYNTH, "-F", str(out), str(font), str(midi)],
        capture_output=True, text=True, errors="replace", timeout=180, check=False,
    )  # fmt: skip
    if run.returncode or not out.exists():
        told = " ".join(run.stderr.split())[-120:]
        raise CorpusError(f"fluidsynth did not play a part on {font} ({told}): try that font by hand, or install it again")
    try:
        with wave.open(str(out)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, file.getnchannels())
    except (wave.Error, EOFError, ValueError):
        raise CorpusError(f"fluidsynth wrote a damaged file on {font}: free some space, or install the font again") from None
    out.unlink()
    midi.unlink()
    sound = np.zeros(n_samples, np.float32)
    n = min(n_samples, len(samples))
    sound[:n] = samples[:n].mean(axis=1) / 32768.0
    return sound


def _midi(part: Part, begin: F64, end: F64, velocity: F64, rng: np.random.Generator) -> mido.MidiFile:
    events: list[tuple[float, int, mido.Message]] = []
    for channel in np.unique(part.notes["channel"]):
        program = part.programs.get(int(channel), 0)
        if channel == DRUM_CHANNEL:
            program = int(rng.choice(GM_KITS)) if rng.random() < 0.6 else program
        elif rng.random() < 0.2:
            program = program // 8 * 8 + int(rng.integers(8))  # another instrument of the same family
        events.append((0.0, -1, mido.Message("program_change", channel=int(channel), program=min(program, 127))))
    for note, b, e, v in zip(part.notes, begin, end, velocity):
        name = {"channel": int(note["channel"]), "note": int(min(max(note["key"], 0), 127))}
        events.append((float(b), 1, mido.Message("note_on", velocity=int(v), **name)))
        events.append((float(e), 0, mido.Message("note_off", velocity=0, **name)))
    events.sort(key=lambda event: (event[0], event[1]))
    midi = mido.MidiFile(ticks_per_beat=TICKS_PER_S // 2)
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=500_000)])
    midi.tracks.append(track)
    last = 0
    for at_s, _, message in events:
        tick = round(at_s * TICKS_PER_S)
        track.append(message.copy(time=tick - last))
        last = tick
    return midi


def room(sound: F32, rng: np.random.Generator) -> F32:
    """*sound* as a room, an overdriven desk, a small loudspeaker or a pumping compressor would leave it."""
    y = sound
    if rng.random() < 0.75:
        n = round(rng.uniform(0.15, 1.4) * RATE_HZ)
        echo = rng.normal(0, 1, n) * np.exp(-6.9 * np.arange(n) / n)
        wet = signal.fftconvolve(y, signal.lfilter([0.5, 0.5], [1.0], echo))[: len(y)]
        y = y + wet * (y.std() / (wet.std() + 1e-9)) * 10.0 ** (rng.uniform(-14, 4) / 20.0)
    y = y / (np.abs(y).max() + 1e-9)
    if rng.random() < 0.5:
        y = np.tanh(y * rng.uniform(1.5, 8.0))
    if rng.random() < 0.35:
        band = [rng.uniform(20, 180), rng.uniform(3000, 15000)]
        y = signal.sosfilt(signal.butter(2, band, "band", fs=RATE_HZ, output="sos"), y)
    if rng.random() < 0.45:
        slow = float(np.exp(-1.0 / (rng.uniform(0.005, 0.04) * RATE_HZ)))
        loudness = np.sqrt(signal.lfilter([1.0 - slow], [1.0, -slow], y * y) + 1e-6)
        y = y / (loudness / loudness.mean() + 0.3) ** rng.uniform(0.3, 0.9)
    return (0.8 * y / (np.abs(y).max() + 1e-9)).astype(np.float32)
