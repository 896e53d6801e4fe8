"""Training songs: each is composed, played part by part, and heard through our own bands.

`python -m audio2pose.data.hearing.songs FOLDER --first 0 --count 900` writes FOLDER/NUMBER.npz; the number is the seed
(with --theme, of songs of that theme).

Shapes   a song: stems (S, H, B) float16 bands of each part alone, mixes (M, H, B) of the whole in rooms, beats_s (n,),
         positions (n,) from 1; power of stems adds up, so that new mixes can be drawn in training.
Source   our own.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from audio2pose.arrays import F32
from audio2pose.config import HearConfig
from audio2pose.errors import Audio2PoseError, CorpusError, OutputError, UsageError
from audio2pose.media.atomic import output_error
from audio2pose.media.synth import RATE_HZ
from audio2pose.music.hops import Hopper
from audio2pose.music.spectrum import N_BANDS, Spectrum
from audio2pose.terminal import say

from .comping import comping
from .drums import bass, drums
from .perform import FONTS, Hands, Tempo, room, sound_of
from .score import DRUM_CHANNEL, Part, Score, compose, melody
from .styles import LIBRARY, THEMES, Style, Theme, styles, tempo_of, theme

SECONDS = (34.0, 52.0)
THREE = 0.15  # share of songs in bars of three: the library has few
N_MIXES = 2
MELODY, COMPING = 0.45, 0.6
OFFBEAT = "offbeat "  # begins the names of parts between the beats


def bands_of(sound: F32) -> F32:
    """(H, B) bands of *sound* (N,) at RATE_HZ, hop by hop as the ears make them."""
    hear = HearConfig()
    spectrum, hopper = Spectrum(hear, RATE_HZ), Hopper(RATE_HZ, hear.hop_s)
    return np.array([spectrum.process(hop).copy() for hop in hopper.feed(sound)], np.float32).reshape(-1, N_BANDS)


def _thinned(part: Part, rng: np.random.Generator) -> Part:
    """*part* without some of its voices: some drums, some channels."""
    voices = part.notes["key"] if part.notes["channel"][0] == DRUM_CHANNEL else part.notes["channel"]
    gone = [v for v in np.unique(voices) if rng.random() < 0.22]
    left = part.notes[~np.isin(voices, gone)]
    return Part(part.name, left if len(left) else part.notes, part.programs, part.kit)


def _broken_down(part: Part, score: Score, rng: np.random.Generator) -> Part:
    """*part* silent for some bars."""
    begin = int(rng.integers(2, max(3, score.n_bars - 3))) * score.meter
    end = begin + int(rng.choice([1, 2, 4, 8])) * score.meter
    left = part.notes[(part.notes["beat"] < begin) | (part.notes["beat"] >= end)]
    return Part(part.name, left if len(left) else part.notes, part.programs, part.kit)


def _draw_style(known: list[Style], of: Theme, rng: np.random.Generator) -> Style:
    fitting = [s for s in known if not of.parts or any(p in s.name.lower() for p in of.parts)] or known
    meter = 3 if rng.random() < THREE else 4
    chosen = [s for s in fitting if (s.meter == 3) == (meter == 3)] or fitting
    return chosen[int(rng.integers(len(chosen)))]


def make(seed: int, known: list[Style], folder: Path, of: Theme | None = None) -> dict[str, np.ndarray]:
    """The song of *seed*, of the theme *of* or any. Files are made in *folder* and removed.

    Errors: CorpusError where it could not be made.
    """
    rng = np.random.default_rng(seed)
    of = of or theme(rng)
    style = _draw_style(known, of, rng)
    low, high = of.bpm or (0.0, 0.0)
    bpm = float(np.exp(rng.uniform(np.log(low), np.log(high)))) if of.bpm else tempo_of(style, rng)
    score = compose(style, bpm, rng.uniform(*SECONDS), rng, folder)
    parts = [_thinned(p, rng) if rng.random() < 0.4 else p for p in score.parts]
    if not of.drummer:
        parts = [p for p in parts if p.name != "drums"]
    if of.offbeat:
        parts = [p for p in parts if p.name not in ("bass", "chords")]
    if rng.random() < of.own:
        own, kick, per_beat = drums(score, of.drums, rng)
        parts.append(own)
        if of.offbeat:
            parts.append(replace(bass(score, kick, per_beat, rng, ("off", "off", "roll")), name=OFFBEAT + "bass"))
        elif rng.random() < 0.6:
            parts.append(bass(score, kick, per_beat, rng))
    if of.offbeat:
        if rng.random() < 0.7:
            parts.append(replace(comping(score, rng, offbeat=True), name=OFFBEAT + "chords"))
    elif rng.random() < COMPING or not parts:
        if rng.random() < 0.5:  # in place of the accompaniment, which is one of two hundred
            parts = [p for p in parts if p.name != "chords"]
        parts += [comping(score, rng) for _ in range(int(rng.integers(1, 3)))]
    if rng.random() < MELODY:
        parts.append(melody(score, rng))
    parts = [_broken_down(p, score, rng) if rng.random() < 0.12 else p for p in parts if len(p.notes)]
    tempo, hands = Tempo(score, rng), Hands(rng)
    n_samples = int((tempo.beat_s[score.n_beats] + 0.3) * RATE_HZ)
    sounds = [sound_of(p, tempo, hands, n_samples, rng, folder) for p in parts]
    kept = [k for k, s in enumerate(sounds) if np.abs(s).max() > 1e-3]
    if not kept:
        raise CorpusError("nothing sounds in this song: try another seed")
    parts, sounds = [parts[k] for k in kept], [sounds[k] for k in kept]
    mixes = []
    for _ in range(N_MIXES):
        chosen = chosen_parts([p.name for p in parts], rng)
        mixes.append(
            room(
                sum((sounds[k] * np.float32(10.0 ** (rng.uniform(-9, 3) / 20.0)) for k in chosen), np.zeros(1, np.float32)), rng
            )
        )
    return {
        "stems": np.stack([bands_of(s) for s in sounds]).astype(np.float16),
        "names": np.array([p.name for p in parts]),
        "mixes": np.stack([bands_of(m) for m in mixes]).astype(np.float16),
        "beats_s": tempo.beat_s[: score.n_beats],
        "positions": np.arange(score.n_beats) % score.meter + 1,
        "meter": np.array(score.meter),
        "bpm": np.array(score.bpm),
        "style": np.array(score.style.name),
        "theme": np.array(THEMES.index(of) if of in THEMES else -1),
        "tempo": np.array(tempo.kind),
    }


def chosen_parts(names: list[str], rng: np.random.Generator) -> list[int]:
    """Indices of the parts that play together: one set of drums or none, one bass, most of the rest; all where none is left.

    Who plays between the beats is never heard without drums: nothing would tell that they are no beats.
    """
    way = rng.random()
    drummers = [k for k, n in enumerate(names) if "drums" in n]
    basses = [k for k, n in enumerate(names) if "bass" in n]
    others = [k for k in range(len(names)) if k not in drummers and k not in basses]
    chosen: list[int] = []
    if drummers and way >= 0.17:
        chosen.append(drummers[int(rng.integers(len(drummers)))])
    if not (drummers and way > 0.9):  # drums alone
        if basses and rng.random() < 0.85:
            chosen.append(basses[int(rng.integers(len(basses)))])
        chosen += [k for k in others if rng.random() < 0.85]
    if drummers and not set(chosen) & set(drummers) and any(names[k].startswith(OFFBEAT) for k in chosen):
        chosen.append(drummers[int(rng.integers(len(drummers)))])
    return sorted(chosen) or list(range(len(names)))


def missing() -> list[CorpusError]:
    """What this machine lacks of what makes songs, each with what to do."""
    lacks = []
    for program in ("mma", "fluidsynth"):
        if not shutil.which(program):
            lacks.append(CorpusError(f"the program {program} is not on the PATH, songs are made with it: install {program}"))
    if not importlib.util.find_spec("mido"):
        lacks.append(
            CorpusError("the Python package mido is not there, songs are made with it: pip install 'audio2pose[train]'")
        )
    if not any(font.exists() for font in FONTS):
        lacks.append(CorpusError(f"no sound font is at {FONTS[0]} nor at {FONTS[1]}: install fluid-soundfont-gm"))
    if not LIBRARY.is_dir():
        lacks.append(CorpusError(f"there is no folder {LIBRARY} with the styles of mma: install mma"))
    return lacks


def write(song: dict[str, np.ndarray], out: Path, scratch: Path) -> None:
    """Write *song* to *out*, whole or not at all; *scratch* is a folder on the same disk."""
    unfinished = scratch / "song.part"
    with unfinished.open("wb") as file:
        np.savez(file, allow_pickle=False, **song)
    os.replace(unfinished, out)


def made_folder(folder: Path) -> None:
    """Make *folder* where there is none. Raises OutputError where it cannot be written into."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError:
        raise OutputError(f"{folder} is a file, a folder was wanted: give another name") from None
    except OSError as error:
        raise output_error(folder / "0.npz" if folder.is_dir() else folder, error) from error


def make_all(folder: Path, first: int, count: int, only: int | None = None) -> None:
    """Songs of seeds *first* and on in *folder*; one that cannot be made is told and left out, one that is there is kept.

    All are of one theme where *only* names it by its place in THEMES.
    """
    if only is not None and not 0 <= only < len(THEMES):
        raise UsageError(f"there is no theme {only}: give one from 0 to {len(THEMES) - 1}")
    if count < 1 or first < 0:
        raise UsageError(f"--first {first} --count {count} asks for no song: give a seed from 0 on and a count from 1 on")
    lacks = missing()
    for error in lacks[:-1]:
        say(_line(error))
    if lacks:
        raise lacks[-1]
    made_folder(folder)
    known = styles()
    if not known:
        raise CorpusError(f"{LIBRARY} holds no style of mma that can be used: install mma again")
    begun, made, there = time.monotonic(), 0, 0
    for seed in range(first, first + count):
        out = folder / f"{seed}.npz"
        if out.exists():
            there += 1
            continue
        try:
            # Beside the songs, so that the last step is a rename; nobody looks for songs inside of folders.
            with tempfile.TemporaryDirectory(prefix=".making-", dir=folder) as scratch:
                song = make(seed, known, Path(scratch), None if only is None else THEMES[only])
                write(song, out, Path(scratch))
        except (CorpusError, subprocess.TimeoutExpired) as error:
            say(f"{seed} is left out: {error}")
            continue
        except OSError as error:
            raise output_error(out, error) from error
        made += 1
        if made % 20 == 0:
            say(f"{made} songs, {(time.monotonic() - begun) / made:.1f} s each")
    if not made + there:
        raise CorpusError(f"none of {count} songs could be made: see the lines above, or try other seeds")
    say(f"{made} songs made in {folder}, {there} were there")


def _line(error: Audio2PoseError) -> str:
    what, then = error.parts
    return f"audio2pose: {what}" + (f"\n  {then}" if then else "")


def main() -> int:
    """Make songs until done; Ctrl-C leaves whole songs only, and the same words go on from there."""
    parser = argparse.ArgumentParser(description="Make training songs with known beats.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--first", type=int, default=0, help="seed of the first song")
    parser.add_argument("--count", type=int, default=900)
    parser.add_argument("--theme", type=int, help="songs of this one of the themes only (data/hearing/styles.py)")
    args = parser.parse_args()
    try:
        make_all(args.folder, args.first, args.count, args.theme)
    except Audio2PoseError as error:
        say(_line(error))
        return error.exit_code
    except KeyboardInterrupt:
        say("audio2pose: interrupted\n  the same command goes on where this one stopped")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
