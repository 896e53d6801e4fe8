"""The commands render, draw, beats, score and search: their flags. What they do is imported when they run."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from audio2pose.command import Command


def _render_arguments(p: ArgumentParser) -> None:
    p.add_argument("songs", nargs="+", metavar="SONG", help="a sound file (wav, flac, ogg, mp3, m4a, opus, ...)")
    p.add_argument(
        "-o", "--out", action="append", default=[], metavar="OUT",
        help="what to write: .mp4, .npz, .npy, .json or .bvh; again for more. With -d a suffix alone: -o .npz",
    )  # fmt: skip
    p.add_argument("-d", "--dir", metavar="DIR", help="write into this folder, named after each song (.mp4 unless -o says)")
    p.add_argument("--strip", metavar="OUT.png", help="a contact sheet of the dance on 16 beats about the song's middle")
    p.add_argument("--causal", action="store_true", help="dance exactly what live would have danced, nothing heard ahead")
    p.add_argument("--latency", type=float, metavar="MS", help="with --causal: dance as far ahead as live told that it did")
    p.add_argument("--start", metavar="TIME", help="begin at this time of the song (seconds or M:SS)")
    p.add_argument("--end", metavar="TIME", help="end at this time of the song")
    p.add_argument("--fps", type=float, metavar="N", help="poses or pictures a second (default 60 for poses, 30 for mp4)")
    p.add_argument("--joints", default="coco17", metavar="SET", help="coco17 or body24, for .npy (default coco17)")
    p.add_argument("--library", metavar="NAME|PATH", help="dance from this library (default: the built-in one)")
    p.add_argument("--style", metavar="NAME", help="dance this style only")
    p.add_argument("--seed", type=int, metavar="N", help="another seed, another choice between equals")
    p.add_argument("--segment-beats", type=int, metavar="N", help="beats of each segment (default: its phrase)")
    p.add_argument("--bpm-threshold", type=float, metavar="BPM", help="bend a segment's tempo by no more than this")
    p.add_argument("--bpm-range", metavar="MIN:MAX", help="tempi that the beats may have (default 55:215)")
    p.add_argument("--blend-frames", type=float, metavar="N", help="length of a join, in frames at 30 fps")
    p.add_argument("--no-blend", action="store_true", help="cut hard from segment to segment")
    _shape(p)
    _look(p)
    p.add_argument("--preset", metavar="NAME|FILE", help="settings from a TOML file")
    p.add_argument("--json", action="store_true", help="a summary as JSON on stdout")


def _draw_arguments(p: ArgumentParser) -> None:
    p.add_argument("poses", metavar="POSES", help="a pose file: .npz, .json, or .npy of shape (T, 17, 3) or (T, 24, 3)")
    p.add_argument("-o", "--out", metavar="OUT.mp4", help="the video to write")
    p.add_argument("--strip", metavar="OUT.png", help="a contact sheet of 16 beats, the song's or the file's own")
    p.add_argument("--audio", metavar="SONG", help="the sound to it, from its start")
    p.add_argument("--pose-fps", type=float, metavar="N", help="poses a second of the file (a .npy does not say: 60)")
    p.add_argument("--fps", type=float, metavar="N", help="pictures a second (default 30)")
    _shape(p)
    _look(p)


def _beats_arguments(p: ArgumentParser) -> None:
    p.add_argument("song", metavar="SONG", help="a sound file")
    p.add_argument("--online", action="store_true", help="track hop by hop as live does, nothing heard ahead")
    p.add_argument("--bpm-range", metavar="MIN:MAX", help="tempi that the beats may have (default 55:215)")
    p.add_argument("--plot", metavar="OUT.png", help="a picture of onset strength, tempo belief, beats and confidence")
    p.add_argument("--preset", metavar="NAME|FILE", help="settings from a TOML file")
    p.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _score_arguments(p: ArgumentParser) -> None:
    p.add_argument(
        "poses", nargs="?", metavar="POSES", help="a pose file: .npz, .json, or .npy of shape (T, 17, 3) or (T, 24, 3)"
    )
    p.add_argument("--folder", metavar="DIR", help="every pose file of this folder instead: means with 95 %% intervals")
    p.add_argument("--audio", metavar="SONG", help="the song, from its start; its beats are heard")
    p.add_argument("--audio-dir", metavar="DIR", help="with --folder: where songs (or NAME.beats.json) of the same names lie")
    p.add_argument("--beats", metavar="FILE", help="known beats: seconds, one a line, or JSON as 'beats --json' writes it")
    p.add_argument("--against", metavar="NAME|PATH", help="hold the motion against this library (builtin is ours)")
    p.add_argument("--pose-fps", type=float, metavar="N", help="poses a second of the file (a .npy does not say: 60)")
    p.add_argument("--plot", metavar="OUT.png", help="a page of plots: speed and beats, offsets, features, feet, joins")
    p.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _search_arguments(p: ArgumentParser) -> None:
    p.add_argument("song", metavar="SONG", help="a sound file")
    p.add_argument("--top-k", type=int, default=5, metavar="K", help="how many segments at each place (default 5)")
    p.add_argument("--resolution", default="4th", metavar="STEP", help="4th, 8th or 16th: places a beat (default 4th)")
    p.add_argument("--after", metavar="SEGMENT", help="join from the end of this segment, CLIP@BEAT (default: a fresh dancer)")
    p.add_argument("-o", "--out", metavar="OUT.mp4", help="a video of the K best side by side, K up to 9, with the song")
    p.add_argument("--start", metavar="TIME", help="begin at this time of the song (seconds or M:SS)")
    p.add_argument("--end", metavar="TIME", help="end at this time of the song")
    p.add_argument("--library", metavar="NAME|PATH", help="search this library (default: the built-in one)")
    p.add_argument("--style", metavar="NAME", help="this style only")
    p.add_argument("--bpm-range", metavar="MIN:MAX", help="tempi that the beats may have (default 55:215)")
    p.add_argument("--fps", type=float, metavar="N", help="pictures a second of the video (default 30)")
    _look(p)
    p.add_argument("--preset", metavar="NAME|FILE", help="settings from a TOML file")
    p.add_argument("--json", action="store_true", help="one JSON document on stdout")


def _shape(p: ArgumentParser) -> None:
    p.add_argument("--motion-amplification", type=float, metavar="X", help="dance X times as large, 0.3 to 2")
    p.add_argument("--smoothing-window", type=int, metavar="N", help="average the dance over N poses at 30 a second, up to 31")


def _look(p: ArgumentParser) -> None:
    p.add_argument("--size", metavar="WxH", help="size of the picture (default 1280x720)")
    p.add_argument("--background", metavar="NAME", help="stage, plain, chroma or black")
    p.add_argument("--palette", metavar="NAME", help="colours of the stage")
    p.add_argument("--scene", metavar="NAME", help="what stands around the dancer")


def _render(args: Namespace) -> int:
    from .jobs import render  # noqa: PLC0415 - a command's module must not load its room for --help

    return render(args)


def _draw(args: Namespace) -> int:
    from .draw import draw  # noqa: PLC0415

    return draw(args)


def _beats(args: Namespace) -> int:
    from .jobs import beats  # noqa: PLC0415

    return beats(args)


def _score(args: Namespace) -> int:
    from .score_jobs import run  # noqa: PLC0415

    return run(args)


def _search(args: Namespace) -> int:
    from .search import search  # noqa: PLC0415

    return search(args)


RENDER = Command("render", "dance a song into video or pose files", _render_arguments, _render)
DRAW = Command("draw", "poses of a .npz, .json or .npy as a video", _draw_arguments, _draw)
BEATS = Command("beats", "beats, downbeats and tempo of a song", _beats_arguments, _beats)
SCORE = Command("score", "how a dance keeps to its music, its feet and itself, each beside chance", _score_arguments, _score)
SEARCH = Command("search", "the best segments of a library for each beat of a song", _search_arguments, _search)
