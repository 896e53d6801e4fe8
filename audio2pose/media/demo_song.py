"""The built-in song: ours, synthesised on the spot, its beats, bars and sections known to the sample.

Shapes   samples: (N,) mono float32, 44.1 kHz, peak 0.89; beat_times_s, positions: (B,).
Form     four chords in A minor; house at 122 BPM (intro, groove, build, drop, breakdown), then hip-hop at 104 (drop2,
         outro). A beat's time is the sample on which its kick would start, also where no kick plays.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from audio2pose.arrays import F32, F64, I64
from audio2pose.media import synth
from audio2pose.media.synth import RATE_HZ

PEAK = 0.89
LEAD_IN_S = 0.25
TAIL_S = 2.0
HOUSE_BPM, HOP_BPM = 122.0, 104.0
HOUSE_BARS, BARS = 28, 34
SWING = {HOUSE_BPM: 0.10, HOP_BPM: 0.26}  # how late an odd sixteenth is, in sixteenths

SECTIONS = (("intro", 0), ("groove", 4), ("build", 12), ("drop", 16), ("breakdown", 24), ("drop2", 28), ("outro", 32))

# Am7, Fmaj7, C over E, G6: semitones from A (220 Hz) for the chord, from A1 (55 Hz) for the bass
CHORDS = ((0, 3, 7, 10), (-4, 0, 3, 7), (-5, -2, 3, 7), (-2, 2, 5, 7))
ROOTS = (0, -4, 3, -2)
# The hook, two bars: (sixteenth, semitones from A4, sixteenths held)
HOOK = (
    (0, 7, 3), (3, 10, 3), (6, 12, 2), (8, 7, 2), (10, 10, 2), (12, 5, 4),
    (16, 7, 3), (19, 3, 3), (22, 5, 2), (24, 0, 4), (28, 3, 2), (30, 5, 2),
)  # fmt: skip

# One bar of sixteenths per line: X loud, x softer, . silent
GROOVES = {
    "intro": {"kick": "X...X...X...X...", "open": "..x...x...x...x.", "closed": "x.x.x.x.x.x.x.x."},
    "groove": {
        "kick": "X...X...X...X...", "clap": "....X.......X...", "open": "..x...x...x...x.", "closed": "Xx.xXx.xXx.xXx.x",
        "bass": "..X..x...xX..x..", "stab": "...X..x.X..X....",
    },
    "build": {"kick": "X...X...X...X...", "closed": "x.x.x.x.x.x.x.x.", "stab": "X..x..X..x..X.x."},
    "drop": {
        "kick": "X...X...X...X...", "clap": "....X.......X...", "open": "..x...x...x...x.", "closed": "XxxxXxxxXxxxXxxx",
        "bass": "X.Xx..X.X.Xx..Xx", "stab": "X..X..x.X..X..x.",
    },
    "breakdown": {"stab": "x...x.x.x...x.x."},
    "drop2": {
        "kick": "X......xX.X.....", "snare": "....X..x....X...", "closed": "X.x.X.xxX.x.X.x.", "bass": "X......xX.X...x.",
        "stab": "..X......x....X.",
    },
    "outro": {
        "kick": "X.......X.......", "snare": "....X.......X...", "closed": "x.x.x.x.x.x.x.x.", "bass": "X.......X.......",
    },
}  # fmt: skip
PAD_LEVEL = {"intro": 0.9, "groove": 0.5, "build": 0.7, "drop": 0.45, "breakdown": 1.25, "drop2": 0.6, "outro": 1.0}
LEAD_LEVEL = {"drop": 1.0, "drop2": 0.9, "breakdown": 0.55}
VELOCITY = {"X": 1.0, "x": 0.55}
# Peak of each track's loudest note before the mix is normalised; the kick leads at -8 dBFS
LEVEL = {"kick": 0.40, "clap": 0.30, "snare": 0.30, "closed": 0.13, "open": 0.20, "bass": 0.19, "stab": 0.25}
PAD, LEAD, RISER, CRASH = 0.19, 0.16, 0.16, 0.20
DRIVE = 1.7  # into the soft clip
DUCK, DUCK_S = 0.8, 0.26  # how far and how long a kick pushes bass and chords down


@dataclass(frozen=True, slots=True)
class Mark:
    """A section of the song."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class DemoSong:
    """The song and all that is known of it; position 1 is the downbeat."""

    samples: F32
    sample_rate_hz: int
    beat_times_s: F64
    positions: I64
    marks: tuple[Mark, ...]


@functools.cache
def demo_song() -> DemoSong:
    """Made at the first call (about a second), the same object ever after; its arrays are read-only."""
    samples = _Band().play()
    beats = np.array([_at(i // 4, 4 * (i % 4)) for i in range(4 * BARS + 1)])
    starts_s = [0.0, *(_at(bar, 0) / RATE_HZ for _, bar in SECTIONS[1:]), samples.shape[0] / RATE_HZ]
    marks = tuple(Mark(name, starts_s[i], starts_s[i + 1]) for i, (name, _) in enumerate(SECTIONS))
    song = DemoSong(samples, RATE_HZ, beats / RATE_HZ, np.arange(beats.shape[0]) % 4 + 1, marks)
    for array in (song.samples, song.beat_times_s, song.positions):
        array.flags.writeable = False
    return song


def _bpm(bar: int) -> float:
    return HOUSE_BPM if bar < HOUSE_BARS else HOP_BPM


def _at(bar: int, step: float, *, swing: float = 0.0) -> int:
    """Sample of a sixteenth; odd ones come *swing* late."""
    if step % 2 == 1:
        step += swing
    house_beats = 4 * min(bar, HOUSE_BARS) + (step / 4 if bar < HOUSE_BARS else 0.0)
    hop_beats = 4 * max(bar - HOUSE_BARS, 0) + (step / 4 if bar >= HOUSE_BARS else 0.0)
    return round(RATE_HZ * (LEAD_IN_S + 60.0 * house_beats / HOUSE_BPM + 60.0 * hop_beats / HOP_BPM))


def _hz(semitones: float, from_hz: float) -> float:
    return from_hz * 2.0 ** (semitones / 12.0)


def _voicing(chord: int) -> tuple[float, ...]:
    """The notes of a chord, in Hz, its lowest doubled an octave below."""
    return (_hz(CHORDS[chord][0] - 12, 220.0), *(_hz(n, 220.0) for n in CHORDS[chord]))


def _section(bar: int) -> str:
    return [name for name, first in SECTIONS if first <= bar][-1]


class _Band:
    """The tracks while the song is made: one array each, mixed at the end."""

    def __init__(self) -> None:
        self._n = _at(BARS, 0) + round(TAIL_S * RATE_HZ)
        self._drums, self._bass, self._chords, self._lead, self._air = (np.zeros(self._n, np.float32) for _ in range(5))
        self._kicks: list[int] = []
        self._drum = {
            "kick": synth.kick(), "clap": synth.clap(), "snare": synth.snare(), "closed": synth.hat(0.022, 14),
            "open": synth.hat(0.095, 16),
        }  # fmt: skip
        self._crash = synth.crash()
        self._stab = [synth.stab(_voicing(chord)[1:], 0.14) for chord in range(len(CHORDS))]
        self._note = functools.cache(lambda n, held_s: synth.lead(_hz(n, 440.0), held_s))
        self._pad = functools.cache(lambda chord, held_s: synth.pad(_voicing(chord), held_s, 20 + chord))
        self._low = functools.cache(lambda n, held_s: synth.bass(_hz(n, 55.0), held_s, 900.0))

    def play(self) -> F32:
        for bar in range(BARS):
            self._rhythm(bar)
            self._harmony(bar)
        self._build_up()
        self._ending()
        return self._mix()

    def _rhythm(self, bar: int) -> None:
        """The drums of a bar, with a crash where a loud section begins."""
        section, swing = _section(bar), SWING[_bpm(bar)]
        if (section, bar) in SECTIONS and section in ("groove", "drop", "drop2"):
            self._put(self._air, self._crash, _at(bar, 0), CRASH)
        for name, sound in self._drum.items():
            pattern = GROOVES[section].get(name, "")
            if section == "intro" and bar < 2 and name != "kick":
                pattern = ""
            if section == "build" and name == "kick" and bar == 14:
                pattern = "X.x.X.x.X.x.X.x."
            if section == "build" and bar == 15:
                pattern = ""  # the breath before the drop: the roll and the riser stand alone
            for step, letter in enumerate(pattern):
                if letter == ".":
                    continue
                at = _at(bar, step, swing=swing)
                self._put(self._drums, sound, at, LEVEL[name] * VELOCITY[letter])
                if name == "kick":
                    self._kicks.append(at)

    def _harmony(self, bar: int) -> None:
        """Bass, chords and hook of a bar."""
        section, swing, step_s = _section(bar), SWING[_bpm(bar)], 15.0 / _bpm(bar)
        chord = bar % 4
        for step, letter in enumerate(GROOVES[section].get("bass", "")):
            if letter != ".":
                octave = 12 if letter == "x" and section in ("groove", "drop") else 0
                held_s = step_s * (1.8 if _bpm(bar) == HOUSE_BPM else 3.0)
                gain = LEVEL["bass"] * (0.8 if octave else 1.0)
                self._put(self._bass, self._low(ROOTS[chord] + octave, held_s), _at(bar, step, swing=swing), gain)
        for step, letter in enumerate(GROOVES[section].get("stab", "")):
            if letter != ".":
                gain = LEVEL["stab"] * VELOCITY[letter]
                for echo, share in ((0, 1.0), (3, 0.35), (6, 0.13)):
                    self._put(self._chords, self._stab[chord], _at(bar, step + echo, swing=swing), gain * share)
        self._put(self._chords, self._pad(chord, 16 * step_s + 0.25), _at(bar, 0), PAD * PAD_LEVEL[section])
        if section in LEAD_LEVEL and not (section == "breakdown" and bar < 26):
            half = 16 * (bar % 2)
            for step, n, steps_held in HOOK:
                if half <= step < half + 16:
                    sound = self._note(n, steps_held * step_s + 0.1)
                    for echo, share in ((0, 1.0), (3, 0.38), (6, 0.16)):
                        at = _at(bar, step - half + echo, swing=swing)
                        self._put(self._lead, sound, at, LEAD * LEAD_LEVEL[section] * share)

    def _build_up(self) -> None:
        """A snare roll that doubles twice while its filter opens, and noise that rises, into each drop."""
        first, last = 12, 16
        start, end = _at(first, 0), _at(last, 0)
        roll = np.zeros(end - start, np.float32)
        hit = synth.snare(0.055)
        for bar, every in ((12, 4.0), (13, 2.0), (14, 1.0), (15, 0.5)):
            for step in np.arange(0.0, 16.0 if bar < 15 else 14.0, every):
                at = _at(bar, float(step)) - start
                gain = LEVEL["snare"] * (0.35 + 0.65 * at / roll.shape[0])
                n = min(hit.shape[0], roll.shape[0] - at)
                roll[at : at + n] += np.float32(gain) * hit[:n]
        self._put(self._drums, synth.swept(roll, np.geomspace(500.0, 14000.0, 64), 0.0), start, 1.0)
        for bar, bars in ((12, 4), (26, 2)):
            start, end = _at(bar, 0), _at(bar + bars, 0)
            rise = np.linspace(0.0, 1.0, end - start, dtype=np.float32)
            hiss = synth.filtered(synth.noise(end - start, 30 + bar), 400.0, 15000.0)
            hiss = synth.swept(hiss, np.geomspace(400.0, 9000.0, 64), 1.2)
            falls = np.minimum(1.0, (1.0 - rise) * bars * 16.0)  # gone by the end of the last sixteenth
            self._put(self._air, hiss * rise**2 * falls.astype(np.float32), start, RISER * (1.0 if bars == 4 else 0.6))

    def _ending(self) -> None:
        """One last downbeat that rings."""
        at = _at(BARS, 0)
        self._put(self._drums, self._drum["kick"], at, LEVEL["kick"])
        self._put(self._air, self._crash, at, CRASH)
        self._put(self._bass, self._low(0, 1.5), at, LEVEL["bass"])
        self._put(self._chords, self._pad(0, TAIL_S - 0.1), at, PAD)
        self._kicks.append(at)

    def _mix(self) -> F32:
        duck = np.ones(self._n, np.float32)
        t = np.linspace(0.0, 1.0, round(DUCK_S * RATE_HZ), dtype=np.float32)
        dip = 1.0 - np.float32(DUCK) * (1.0 - t) ** 2 * np.minimum(t * 60.0, 1.0).astype(np.float32)
        for at in self._kicks:
            part = duck[at : at + dip.shape[0]]
            np.minimum(part, dip[: part.shape[0]], out=part)
        # The chords' filter opens through the intro, closes before the build and opens through it, closes at the end.
        self._sweep(0, 4, 250.0, 4000.0)
        self._sweep(12, 16, 350.0, 9000.0)
        self._sweep(24, 28, 1200.0, 6000.0)
        self._sweep(32, BARS, 5000.0, 500.0)
        mix = (self._bass + self._chords) * duck
        mix += self._lead * (0.5 + 0.5 * duck) + self._air
        mix += self._drums
        mix = synth.centred(np.tanh(np.float32(DRIVE) * mix))  # ducking in step with a bass note makes some DC
        fade = round(0.4 * RATE_HZ)
        mix[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32) ** 2
        return mix * np.float32(PEAK / np.abs(mix).max())

    def _sweep(self, bar: int, end_bar: int, from_hz: float, to_hz: float) -> None:
        part = self._chords[_at(bar, 0) : _at(end_bar, 0)]
        part[:] = synth.swept(part, np.geomspace(from_hz, to_hz, 64), 0.5)

    def _put(self, track: F32, sound: F32, at: int, gain: float) -> None:
        n = min(sound.shape[0], self._n - at)
        if n > 0:
            track[at : at + n] += np.float32(gain) * sound[:n]
