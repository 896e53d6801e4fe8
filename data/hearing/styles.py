"""Which accompaniment styles the training music is made of, how fast each is played, and which are kept out.

Source   the style library of mma (Musical MIDI Accompaniment); tempi are those the dances and genres are played at.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LIBRARY = Path("/usr/share/mma/lib")

# Families kept for tests, with their near relatives: a score on them tells of music that was never heard.
KEPT_OUT = (
    "salsa", "chacha", "waltz", "swingwalk", "techno", "house", "hiphop", "60srock", "ska", "guitarballad", "funk", "bebop",
    "son", "vieneswaltz", "vienesewaltz", "viennesewaltz", "triphop", "trip", "pianoballad", "dance", "dance1", "mambomaina",
    "merengue", "bossanova", "popwaltz", "jazzguitarwalk", "trance1", "funk1", "funk2", "discosoul", "teamtechno",
)  # fmt: skip
RELATIVES = ("salsa", "metronome", "hiphop", "triphop", "techno", "house", "funk", "chacha")
NO_MUSIC = ("none", "metronome", "count", "intro", "ending")
# (part of a name, slowest, fastest BPM); the first that fits counts.
TEMPI: tuple[tuple[str, float, float], ...] = (
    ("fastwaltz", 150, 200), ("jazzwaltz", 110, 190), ("waltz", 84, 180), ("ballad", 58, 92), ("lullaby", 60, 92),
    ("hymn", 65, 100), ("spiritual", 65, 110), ("bolero", 80, 115), ("slow", 60, 96), ("fastblues", 130, 180),
    ("bigband", 110, 200), ("bop", 150, 220), ("fast", 150, 208), ("dnb", 160, 180), ("jungle", 155, 176), ("rap", 80, 108),
    ("funk", 88, 122), ("rb", 68, 110), ("r+b", 68, 110), ("serenade", 60, 95), ("soul", 80, 125), ("disco", 108, 132),
    ("dance", 112, 142),
    ("rave", 125, 155), ("trance", 125, 145), ("club", 118, 134), ("mambo", 150, 204), ("samba", 100, 180),
    ("rhumba", 95, 160), ("rumba", 95, 140), ("cuban", 110, 190), ("calypso", 100, 190), ("beguine", 100, 140),
    ("latin", 95, 180), ("bossa", 100, 160), ("swing", 100, 200), ("jazz", 90, 200), ("tango", 105, 135),
    ("metal", 110, 190), ("punk", 150, 204), ("16beat", 72, 120), ("8beat", 80, 150), ("shuffle", 90, 170), ("rock", 95, 180),
    ("polka", 100, 140), ("march", 100, 140), ("country", 85, 180), ("bluegrass", 100, 170), ("ambient", 70, 130),
    ("reggae", 68, 160), ("blues", 66, 160), ("quickstep", 170, 208), ("foxtrot", 104, 150), ("charleston", 160, 208),
    ("dixie", 140, 208), ("ragtime", 90, 170), ("zydeco", 120, 190), ("twist", 130, 180), ("jive", 150, 184),
    ("pop", 75, 140), ("folk", 75, 150),
)  # fmt: skip
OTHER_BPM = (75.0, 180.0)
UNUSUAL, UNUSUAL_BPM = 0.02, (60.0, 210.0)


@dataclass(frozen=True, slots=True)
class Style:
    """One file of the library: its grooves, and how many beats its bars have."""

    name: str
    meter: int
    grooves: tuple[str, ...]


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _kept_out(stem: str, grooves: list[str]) -> bool:
    names = {_bare(stem), *(_bare(g) for g in grooves)}
    return bool(names & set(KEPT_OUT)) or any(relative in _bare(stem) for relative in RELATIVES)


def styles(library: Path = LIBRARY) -> list[Style]:
    """Every usable style of *library*, in order of name: bars of 2, 3 or 4 beats, none of the families kept out."""
    found = []
    for path in sorted(library.glob("*/*.mma")):
        text = path.read_text(errors="ignore")
        grooves = re.findall(r"^\s*DefGroove\s+(\S+)", text, re.MULTILINE | re.IGNORECASE)
        meters = set(re.findall(r"^\s*Time\s+(\d+(?:/\d+)?)", text, re.MULTILINE | re.IGNORECASE)) or {"4"}
        eighths = re.search(r"^\s*TimeSig\s+\d+[ /]+8", text, re.MULTILINE | re.IGNORECASE)
        if not grooves or eighths or len(meters) != 1 or _bare(path.stem) in NO_MUSIC or _kept_out(path.stem, grooves):
            continue
        meter = meters.pop()
        if meter in ("2", "3", "4"):
            found.append(Style(f"{path.parent.name}/{path.stem}", int(meter), tuple(grooves)))
    return found


@dataclass(frozen=True, slots=True)
class Theme:
    """A kind of song to draw: from which styles, how fast, with which of our own drums.

    *parts* are parts of the styles' names (any where empty), *bpm* a range (the style's own where None), *drums* the kinds
    of our own patterns (what suits the tempo where empty), *own* how often they are added; without a *drummer* nobody
    drums, save who sits in from another song (examples.py); *offbeat* songs have bass between the beats, and mostly chords.
    """

    share: float
    parts: tuple[str, ...] = ()
    bpm: tuple[float, float] | None = None
    drums: tuple[str, ...] = ()
    own: float = 0.7
    drummer: bool = True
    offbeat: bool = False


# The library has few songs that people dance to in clubs, and the octave is hardest to tell where it is slow or very fast.
THEMES = (
    Theme(0.20),
    Theme(0.14, bpm=(70.0, 108.0), drums=("boom", "boom", "broken", "sparse"), own=1.0),
    Theme(0.12, bpm=(64.0, 104.0), drums=("sixteen",), own=1.0),
    Theme(0.12, bpm=(114.0, 150.0), drums=("floor",), own=1.0),
    Theme(0.06, bpm=(112.0, 165.0), drums=("floor",), own=1.0, offbeat=True),
    Theme(0.10, bpm=(88.0, 178.0), drums=("rock",), own=1.0),
    Theme(0.08, parts=("ballad", "lullaby", "hymn", "spiritual", "slow", "serenade", "rb", "r+b"), own=0.3),
    Theme(0.09, parts=("ballad", "lullaby", "slow", "serenade", "arpeggio", "folk"), bpm=(56.0, 86.0), own=0.0, drummer=False),
    Theme(0.09, parts=("swing", "jazz", "bigband", "bop", "dixie", "charleston", "quickstep"), bpm=(150.0, 210.0), own=0.0),
)


def theme(rng: np.random.Generator) -> Theme:
    """One of THEMES, by share."""
    shares = np.array([t.share for t in THEMES])
    return THEMES[int(rng.choice(len(THEMES), p=shares / shares.sum()))]


def tempo_of(style: Style, rng: np.random.Generator) -> float:
    """A tempo at which *style* is played, BPM; now and then an unusual one."""
    name = style.name.lower()
    slowest, fastest = next(((a, b) for part, a, b in TEMPI if part in name), OTHER_BPM)
    if rng.random() < UNUSUAL:
        slowest, fastest = UNUSUAL_BPM
    return float(math.exp(rng.uniform(math.log(slowest), math.log(fastest))))
