"""One phrase to be looked at: as a film with clicks on its beats, or as a strip; and the list of all phrases.

Shapes   moments at even steps of beats; picture: (H, W, 3) uint8; sound: (N,) float32.
Threads  one, the caller's; the film's encoder has its own.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from vispy.io import write_png

from audio2pose.arrays import F32, F64
from audio2pose.config import StageConfig, nearest
from audio2pose.errors import LibraryError, UsageError
from audio2pose.flags import overrides
from audio2pose.match import index
from audio2pose.match.find import BUILT_IN, library
from audio2pose.match.index import IDLE, LOOPED, SLIDE, Library
from audio2pose.match.matcher import Choice
from audio2pose.media.atomic import BesideFile, atomic_write
from audio2pose.media.encode import Mp4Writer
from audio2pose.media.synth import seconds as times_s
from audio2pose.motion.kinematics import Skeleton, face
from audio2pose.presets import settings
from audio2pose.segment import Posture, Segment
from audio2pose.stage.offscreen import Offscreen
from audio2pose.stage.palettes import flat_colour, palette
from audio2pose.stage.scenes import scene
from audio2pose.stage.sheet import RUN_UP_POSES, RUN_UP_S, Moment, draw_sheet
from audio2pose.terminal import Progress, emit_json, say

from . import moves
from .moves.rig import perform

SCHEMA = 1
VIDEO, PICTURE = ".mp4", ".png"
TIMES = 2
"""A phrase is danced so often: once to see it, once to see it again."""
LOWEST, HIGHEST = 0.6, 1.6
"""Of its own tempo, what may be asked for."""
CELLS = 16
RATE_HZ, CLICK_S, TAIL_S = 44_100, 0.03, 0.2
BEAT_HZ, BAR_HZ = 1000.0, 1600.0
SOFT, LOUD = 0.25, 0.8
TRAVELS_M = 0.4
ENERGY, ONSET_BEATS = 0.5, 0.25


@dataclass(frozen=True, slots=True)
class Shown:
    """A clip of a library and how it is danced: at *bpm*, for *beats* of it."""

    library: Library
    clip: int
    bpm: float
    beats: int

    @property
    def seconds(self) -> float:
        """How long it is danced."""
        return self.beats * 60.0 / self.bpm


def preview(args: Namespace) -> int:
    """The phrase of *args* into a film or a strip. Raises LibraryError for a phrase that is not there, UsageError."""
    out = Path(args.out)
    if out.suffix.lower() not in (VIDEO, PICTURE):
        raise UsageError(f"'{out}' does not say what to write: end its name in {VIDEO} for a film, {PICTURE} for a strip")
    if not 1.0 <= args.fps <= 240.0:
        raise UsageError(f"--fps is {args.fps:g}, must lie within 1 to 240: take 30 or 60")
    stage = settings(None, overrides(args)).stage
    flat_colour(stage.background, palette(stage.palette))
    scene(stage.scene)
    BesideFile(out).discard()
    shown = shown_as(args.phrase, args.library, mirror=args.mirror, bpm=args.bpm)
    if out.suffix.lower() == PICTURE:
        _strip(out, shown, stage)
    else:
        _film(out, shown, stage, args.fps)
    own = float(shown.library.clip_bpm[shown.clip])
    say(f"{out}: {shown.library.clip_names[shown.clip]}, {shown.beats} beats at {shown.bpm:g} BPM (its own: {own:g})")
    return 0


def list_phrases(args: Namespace) -> int:
    """Every phrase of the library of *args*, as JSON or as a table."""
    lib = library(args.library)
    if args.style is not None and args.style not in lib.styles:
        raise LibraryError(f"library {lib.name} has no style '{args.style}'{nearest(args.style, lib.styles)}")
    rows = [_row(lib, c) for c in range(len(lib.clip_names)) if int(lib.clip_kin[c]) == c]
    rows = [row for row in rows if args.style in (None, row["style"])]
    rows.sort(key=lambda row: (row["style"], row["energy"]))
    if args.json:
        emit_json({"schema": SCHEMA, "library": lib.name, "phrases": rows})
    else:
        print("\n".join(_table(rows)))  # noqa: T201 - the answer itself
    return 0


def shown_as(phrase: str, named_library: str | None = None, *, mirror: bool = False, bpm: float | None = None) -> Shown:
    """*phrase*, twice. Raises LibraryError where there is none of that name, UsageError for a tempo that it cannot have."""
    lib, clip = _clip(phrase, named_library, mirror=mirror)
    own = float(lib.clip_bpm[clip])
    bpm = own if bpm is None else bpm
    slow, fast = (float(t) for t in lib.clip_tempo[clip])
    slow, fast = (slow, fast) if fast > 0.0 else (LOWEST * own, HIGHEST * own)
    if not slow - 0.5 <= bpm <= fast + 0.5:
        raise UsageError(f"--bpm is {bpm:g}, {phrase} is danced at {slow:.0f} to {fast:.0f}: choose within")
    beats, own_beats = int(lib.clip_phrase[clip]), int(lib.clip_beats(clip).shape[0]) - 1
    looped = bool(lib.clip_flags[clip] & LOOPED)
    return Shown(lib, clip, bpm, TIMES * beats if looped else min(TIMES * beats, own_beats))


def _clip(name: str, named_library: str | None, *, mirror: bool) -> tuple[Library, int]:
    """The library that holds phrase *name*, and which of its clips that is."""
    wanted = f"{name}~" if mirror else name
    if named_library in (None, BUILT_IN):
        # The phrase alone is made anew: whoever writes one sees it at once.
        phrases = {phrase.name: phrase for phrase in moves.phrases()}
        if name not in phrases:
            raise LibraryError(f"there is no phrase '{name}'{_close(name, phrases)}")
        clip = replace(perform(phrases[name]), idle=False)
        return index.build([clip.mirror() if mirror else clip], name=name), 0
    lib = library(named_library)
    if wanted not in lib.clip_names:
        raise LibraryError(f"library {lib.name} holds no '{wanted}'{_close(wanted, lib.clip_names)}")
    return lib, lib.clip_names.index(wanted)


def _close(name: str, known: Any) -> str:
    """As `nearest`, but a hundred names are no help."""
    told = nearest(name, known)
    return told if told.startswith(": did") else ": 'audio2pose library list' tells all, choose one of them"


def _joints(shown: Shown, beats: F64) -> Iterator[tuple[F32, F32]]:
    """Joints (1, 24, 3) and looks (1, 3) at *beats*."""
    segment, posture, skeleton = Segment(shown.library), Posture(), Skeleton()
    own = float(shown.library.clip_bpm[shown.clip])
    choice = Choice(
        segment=0, clip=shown.clip, start_beat=0, clip_beats=shown.beats, level=1.0, rate=shown.bpm / own, cost=0.0, terms={}
    )
    segment.begin(choice, 0.0, float(shown.beats))
    for beat in beats:
        segment.sample(float(beat), posture)
        yield skeleton.process(posture.root, posture.rot)[None], face(posture.rot)[None]


def _film(out: Path, shown: Shown, stage: StageConfig, fps: float) -> None:
    pictures = max(round(shown.seconds * fps), 1)
    t_s = np.arange(pictures) / fps
    beats = t_s * shown.bpm / 60.0
    screen, bar = Offscreen(stage), Progress(f"dancing {shown.library.clip_names[shown.clip]}", float(pictures))
    try:
        with Mp4Writer(out, width=stage.width, height=stage.height, fps=fps, sample_rate_hz=RATE_HZ) as mp4:
            sound = clicks(shown)[: round(pictures / fps * RATE_HZ)]
            for k, (joints, looks) in enumerate(_joints(shown, beats)):
                upto = round((k + 1) / fps * RATE_HZ)
                mp4.write_sound(sound[mp4.sound_frames : upto])
                onset = max(1.0 - (beats[k] % 1.0) / ONSET_BEATS, 0.0)
                picture = screen.picture(
                    joints, t_s=float(t_s[k]), beat=float(beats[k]), energy=ENERGY, onset=onset, faces=looks
                )
                mp4.write_picture(picture)
                bar.update(k + 1.0)
    finally:
        bar.close()
        screen.close()


def moments(shown: Shown, beats: F64, labels: Sequence[str]) -> list[Moment]:
    """The phrase on *beats* as the cells of a sheet, each with its run-up, under its label; downbeats shine."""
    meter = max(int(shown.library.clip_meter[shown.clip]), 1)
    out = []
    for beat, label in zip(beats, labels):
        before = beat - np.linspace(RUN_UP_S, 0.0, RUN_UP_POSES) * shown.bpm / 60.0
        seen = [(joints.copy(), looks.copy()) for joints, looks in _joints(shown, before)]
        out.append(
            Moment(
                joints_m=np.array([joints for joints, _ in seen]), faces=np.array([looks for _, looks in seen]), beats=before,
                energy=ENERGY, onset=0.0, label=label, strong=float(beat) % meter == 0.0,
            )
        )  # fmt: skip
    return out


def _strip(out: Path, shown: Shown, stage: StageConfig) -> None:
    """Sixteen moments of the phrase, half a beat apart where it lasts eight."""
    beats: F64 = np.arange(CELLS, dtype=np.float64) * (shown.beats / TIMES / CELLS)
    sheet = draw_sheet(moments(shown, beats, [f"{beat + 1:.3g}" for beat in beats]), stage)
    with atomic_write(out) as temporary:
        write_png(str(temporary), sheet)


def clicks(shown: Shown) -> F32:
    """A click on every beat, higher on downbeats, louder on the phrase's accents."""
    lib, clip = shown.library, shown.clip
    sound = np.zeros(round((shown.seconds + TAIL_S) * RATE_HZ), np.float32)
    meter, own = max(int(lib.clip_meter[clip]), 1), lib.clip_beats(clip).shape[0] - 1
    accents = lib.accents[int(lib.clip_accent[clip]) : int(lib.clip_accent[clip + 1])]
    loud = {round(float(beat) % own, 3): float(strength) for beat, strength in accents}
    moments = {float(k): SOFT for k in range(shown.beats)}
    for k in range(-(-shown.beats // own)):
        moments |= {b + k * own: max(LOUD * s, SOFT) for b, s in loud.items() if b + k * own < shown.beats}
    t = times_s(CLICK_S)
    for beat, volume in moments.items():
        hz = BAR_HZ if beat % meter == 0.0 else BEAT_HZ
        at = round(beat * 60.0 / shown.bpm * RATE_HZ)
        click = volume * np.sin(2.0 * np.pi * hz * t) * np.exp(-t / 0.006)
        sound[at : at + click.size] += click[: sound.size - at].astype(np.float32)
    return np.clip(sound, -1.0, 1.0)


def _row(lib: Library, clip: int) -> dict[str, Any]:
    poses = lib.clip_poses(clip)
    first = int(np.flatnonzero(lib.segment_clip == clip)[0])
    flags = int(lib.clip_flags[clip])
    spread_m = float(np.ptp(lib.root_m[poses][:, [0, 2]], axis=0).max())
    slow, fast = (float(t) for t in lib.clip_tempo[clip])
    tags = (("idle", flags & IDLE), ("slide", flags & SLIDE), ("travelling", spread_m > TRAVELS_M),
            ("mirrored", (lib.clip_kin == clip).sum() > 1))  # fmt: skip
    return {
        "name": lib.clip_names[clip], "style": lib.styles[int(lib.clip_style[clip])], "beats": int(lib.clip_phrase[clip]),
        "meter": int(lib.clip_meter[clip]), "bpm": round(float(lib.clip_bpm[clip]), 1),
        "tempo_bpm": [slow, fast] if fast > 0.0 else None, "energy": round(float(lib.segment_descriptor[first, 0]), 2),
        "accents": int(lib.clip_accent[clip + 1] - lib.clip_accent[clip]), "tags": [name for name, there in tags if there],
    }  # fmt: skip


def _table(rows: list[dict[str, Any]]) -> list[str]:
    out = [f"{'phrase':22s} {'style':9s} beats metre    BPM  energy  tags"]
    for r in rows:
        out.append(
            f"{r['name']:22s} {r['style']:9s} {r['beats']:5d} {r['meter']:5d} {r['bpm']:6.1f} {r['energy']:7.2f}  "
            + " ".join(r["tags"])
        )
    return out
