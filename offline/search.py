"""What `search` does: for each beat of a song, or its subdivisions, the segments that would cost the dancer least, and why.

Each place is asked as a cut there would ask: with what is heard at that moment, of a dancer who has danced nothing yet and
stands anyhow, or who comes from the end of one segment.

Threads  one, the caller's.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from audio2pose.arrays import F32, Record
from audio2pose.asking import Asker, drive_of
from audio2pose.config import Settings, nearest
from audio2pose.errors import SongError, UsageError
from audio2pose.match.find import library as find_library
from audio2pose.match.index import Library
from audio2pose.match.matcher import Choice, Matcher, Query, length
from audio2pose.motion.body import N_JOINTS
from audio2pose.motion.kinematics import Skeleton
from audio2pose.motion.pose import rest_pose
from audio2pose.presets import settings
from audio2pose.segment import Posture, Segment
from audio2pose.terminal import emit_json, say

from .asked import VIDEO, must_be_writable, must_not_be, overrides, rate, seconds, stage_of
from .choreograph import Heard, listen
from .export import VIDEO_FPS
from .jobs import open_song, progress, tell_faults

SCHEMA = 1
PARTS = {"4th": 1, "8th": 2, "16th": 4}
"""Places a beat."""
MOST = 100
TILES = 9
HEARD = ("energy", "bass", "density", "brightness", "drive", "tempo_bpm")
TERMS_SHOWN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A moment of the song: its beat from 1 on, its place in the bar (1 is the downbeat, 0 is unknown), what is best there."""

    time_s: float
    beat: float
    position: float
    heard: Record
    best: tuple[Choice, ...]


class Finder:
    """The k cheapest segments for a row of what was heard.

    Threads: one.
    """

    def __init__(self, now: Settings, library: Library, after: int | None) -> None:
        match = replace(now.match, temperature=0.0)
        if after is None:
            match = replace(match, pose_weight=0.0, velocity_weight=0.0, contact_weight=0.0)
        self._library, self._after = library, after
        self._matcher = Matcher(match, library, min_rate=now.dance.min_rate, max_rate=now.dance.max_rate)
        self._segment_beats = match.segment_beats
        self._asker = Asker(now.hear.hop_s, now.dance.stage_radius_m)
        self._hop_s = now.hear.hop_s
        self._body = Posture()
        self._joints: F32 = np.zeros((2, N_JOINTS, 3), np.float32)

    def best(self, heard: Record, beat: float, k: int) -> tuple[Choice, ...]:
        """The *k* cheapest for a cut at clock *beat*, cheapest first, one of each clip and its mirror image."""
        kin = self._library.clip_kin
        found: dict[int, Choice] = {}
        for choice in self._matcher.best(self._query(heard, beat), 2 * k):
            found.setdefault(int(kin[choice.clip]), choice)
        return tuple(found.values())[:k]

    def _query(self, heard: Record, beat: float) -> Query:
        follows = (-1, -1)
        self._matcher.reset()
        if self._after is None:
            rest, skeleton = rest_pose(), Skeleton()
            self._body.root[:], self._body.rot[:], self._body.contacts[:] = rest["root_m"], rest["rotations"], 1.0
            self._joints[:] = skeleton.process(self._body.root, self._body.rot)
        else:
            follows = self._come_from(self._after, float(heard["rate_hz"]), beat)
        drive = drive_of(heard)
        return self._asker.query(
            heard, beat, idle=False, follows=follows, body=self._body, joints_m=self._joints, drive_then=drive
        )

    def _come_from(self, segment: int, rate_hz: float, beat: float) -> tuple[int, int]:
        """Stand as *segment* ends at *beat*; the clip and beat that would come if it just went on."""
        choice = danced_at(self._library, segment, 60.0 * rate_hz, self._segment_beats)
        before, skeleton = Segment(self._library), Skeleton()
        before.begin(choice, beat - choice.beats, choice.beats)
        before.sample(beat, self._body)
        before.offset[:2] = -self._body.root[[0, 2]]
        for row, at in ((1, beat - rate_hz * self._hop_s), (0, beat)):
            before.sample(at, self._body)
            self._joints[row] = skeleton.process(self._body.root, self._body.rot)
        self._matcher.danced(choice, beat - choice.beats)
        return before.follows(beat)


def danced_at(library: Library, segment: int, tempo_bpm: float, segment_beats: int) -> Choice:
    """*segment* as it is danced at its own pace to music of *tempo_bpm*."""
    clip, start = int(library.segment_clip[segment]), int(library.segment_beat[segment])
    return Choice(
        segment=segment, clip=clip, start_beat=start, clip_beats=length(library, clip, start, 1.0, segment_beats), level=1.0,
        rate=tempo_bpm / float(library.clip_bpm[clip]), cost=0.0, terms={},
    )  # fmt: skip


def search(args: Namespace) -> int:
    """The table or the document of a song, and its contact-sheet video where one was asked for."""
    now = settings(args.preset, overrides(args))
    parts = _parts(args.resolution)
    out, fps = _out(args), rate("--fps", args.fps) or VIDEO_FPS
    stage = stage_of(args)
    if out:
        must_not_be(out, [Path(args.song)])
        must_be_writable(out, stage, fps)
    library = find_library(args.library)
    finder = Finder(now, library, _segment(args.after, library))
    part = seconds("--start", args.start) or 0.0, seconds("--end", args.end)
    with open_song(args.song, *part) as song, progress("listening") as told:
        heard = listen(song, now, causal=False, told=told)
    tell_faults(args.song, heard)
    found = places(heard, now.hear.hop_s, parts, finder, args.top_k)
    if args.json:
        emit_json(_document(args, library, heard, found, part[0]))
    else:
        print("\n".join(_table(args.song, library, heard, found, part[0])))  # noqa: T201 - the answer itself
    if out:
        if not found:
            raise SongError(f"no beat was heard in {args.song}, nothing can be danced to it: give a song with a beat")
        from .search_video import write_tiles  # noqa: PLC0415 - only a video needs the stage

        with open_song(args.song, *part, stereo=True) as song, progress("drawing") as told:
            write_tiles(out, found[::parts], library, heard.seconds, stage, fps, song, told)
        say(f"{out}: {heard.seconds:.2f} s, {args.top_k} side by side")
    return 0


def places(heard: Heard, hop_s: float, parts: int, finder: Finder, k: int) -> list[Place]:
    """Every beat of *heard* and its *parts*, each with the *k* best segments there."""
    out = []
    for n, (beat, after) in enumerate(zip(heard.beats, [*heard.beats[1:], None])):
        for part in range(parts if after else 1):
            share = part / parts
            time_s = beat.time_s + share * ((after or beat).time_s - beat.time_s)
            row = heard.log[min(max(int(time_s / hop_s + 1e-6) - 1, 0), heard.log.shape[0] - 1)]
            clock = round(float(row["beat"]) * parts) / parts
            out.append(
                Place(
                    time_s=time_s, beat=n + 1 + share, position=beat.position + share if beat.position else 0.0, heard=row,
                    best=finder.best(row, clock, k),
                )
            )  # fmt: skip
    return out


def _parts(resolution: str) -> int:
    if resolution not in PARTS:
        raise UsageError(f"--resolution is '{resolution}', which is unknown{nearest(resolution, PARTS)}")
    return PARTS[resolution]


def _out(args: Namespace) -> Path | None:
    """The video that was asked for; how many are asked for is looked at first."""
    if not 1 <= args.top_k <= MOST:
        raise UsageError(f"--top-k is {args.top_k}, must lie within 1 to {MOST}: take 5")
    if args.out is None:
        return None
    if Path(args.out).suffix.lower() != VIDEO:
        raise UsageError(f"'{args.out}' is no video that we write: end its name in {VIDEO}")
    if args.top_k > TILES:
        raise UsageError(f"--top-k is {args.top_k}, {TILES} at most fit into one picture: take {TILES}, or leave -o out")
    return Path(args.out)


def _segment(name: str | None, library: Library) -> int | None:
    """The segment of that name, CLIP@BEAT; None stays None."""
    if name is None:
        return None
    names = {library.segment_name(s): s for s in range(library.segments)}
    if name not in names:
        clips = dict.fromkeys(library.clip_names)
        clip = name.partition("@")[0]
        known = [n for n in names if n.partition("@")[0] == clip] if clip in clips else clips
        raise UsageError(f"library {library.name} has no segment '{name}'{_near(name, known)}")
    return names[name]


def _near(name: str, known: Iterable[str]) -> str:
    """The end of a message: the nearest name, or the shape that one has."""
    close = get_close_matches(name, list(known), 1, 0.5)
    return f": did you mean '{close[0]}'?" if close else ": give CLIP@BEAT, see 'audio2pose library list'"


def _document(args: Namespace, library: Library, heard: Heard, found: list[Place], start_s: float) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "song": args.song,
        "library": library.name,
        "resolution": args.resolution,
        "top_k": args.top_k,
        "after": args.after,
        "duration_s": heard.seconds,
        "tempo_bpm": heard.tempo_bpm,
        "places": [
            {
                "time_s": round(start_s + p.time_s, 4),
                "beat": p.beat,
                "position": p.position,
                "heard": {name: _number(p.heard[name]) for name in HEARD},
                "best": [told(c, library) for c in p.best],
            }
            for p in found
        ],
    }


def told(choice: Choice, library: Library) -> dict[str, Any]:
    """A choice as JSON has it, every cost term named."""
    return {
        "id": library.segment_name(choice.segment),
        "clip": library.clip_names[choice.clip],
        "style": library.styles[int(library.clip_style[choice.clip])],
        "start_beat": choice.start_beat,
        "beats": round(choice.beats, 3),
        "level": choice.level,
        "rate": round(choice.rate, 4),
        "cost": round(choice.cost, 4),
        "terms": choice.terms,
    }


def _number(x: Any) -> float | None:
    return round(float(x), 4) if np.isfinite(x) else None


def _table(song: str, library: Library, heard: Heard, found: list[Place], start_s: float) -> Iterator[str]:
    """A place a block: what was heard, then a line a segment with its dearest terms."""
    tempo = f"{heard.tempo_bpm:.2f} BPM" if heard.tempo_bpm else "no tempo"
    yield f"{song}: {heard.seconds:.1f} s, {tempo}, {len(heard.beats)} beats, {library.segments} segments in {library.name}"
    for p in found:
        place = f"beat {p.beat:7.2f}" + (f" ({p.position:g})" if p.position else "")
        yield f"{start_s + p.time_s:9.3f}  {place}  energy {p.heard['energy']:.2f}, density {p.heard['density']:.1f}"
        for c in p.best:
            dear = sorted(c.terms.items(), key=lambda term: -term[1])[:TERMS_SHOWN]
            why = ", ".join(f"{name} {value:.2f}" for name, value in dear if value > 0.0)
            style = library.styles[int(library.clip_style[c.clip])]
            yield f"           {c.cost:7.3f}  {library.segment_name(c.segment):28s} {style:10s} rate {c.rate:.2f}  {why}"
