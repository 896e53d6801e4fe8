"""The README's pictures: `python docs/make_pictures.py` dances into strip.png, dance.gif, scenes.png and styles.png."""

from __future__ import annotations

import sys
import tempfile
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from audio2pose.__main__ import main
from audio2pose.data.preview import moments, shown_as
from audio2pose.match.find import library
from audio2pose.media.demo_song import demo_song
from audio2pose.motion.kinematics import Skeleton, face
from audio2pose.music.hops import Hopper
from audio2pose.performer import Performer
from audio2pose.presets import settings
from audio2pose.stage.offscreen import Offscreen
from audio2pose.stage.sheet import draw_sheet

HERE = Path(__file__).resolve().parent
GIF_FPS, GIF_SIZE, GIF_BEATS = 15, "288x320", 8
SHEET = (
    ("rings", "ember", 3),
    ("sun", "neon", 1),
    ("bars", "lagoon", 2),
    ("spot", "mono", 1),
    ("road", "neon", 5),
    ("echo", "ember", 1),
)
SHEET_COLUMNS, SHEET_SIZE = 3, (320, 180)
STYLES = ("indian_step", "floor_stomp", "lindy_kicks", "muscle_man", "sweeping_lunge", "hands_to_the_sky")
STYLE_CELLS, STYLE_SHARE = 8, 0.6
SHEET_S = 23.4
"""A moment of the built-in song after its drop."""


def write_song(path: Path) -> None:
    """The built-in song as a 16-bit wav."""
    song = demo_song()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(song.sample_rate_hz)
        file.writeframes((song.samples * 32767).astype("<i2").tobytes())


def gif(film: Path, out: Path, start_s: float, seconds: float) -> None:
    """A stretch of *film* with a colour table of its own."""
    with av.open(str(film)) as source, av.open(str(out), "w", format="gif") as target:
        video = source.streams.video[0]
        stream = target.add_stream("gif", rate=GIF_FPS)
        stream.width, stream.height, stream.pix_fmt = video.width, video.height, "pal8"
        graph = av.filter.Graph()
        buffer = graph.add_buffer(template=video)
        split, table, use, sink = (
            graph.add("split"),
            graph.add("palettegen", "max_colors=64"),
            graph.add("paletteuse", "dither=bayer:bayer_scale=5:diff_mode=rectangle"),
            graph.add("buffersink"),
        )
        buffer.link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(table, 1, 0)
        table.link_to(use, 0, 1)
        use.link_to(sink)
        graph.configure()
        for frame in source.decode(video):
            if frame.time is not None and start_s <= frame.time < start_s + seconds:
                graph.push(frame)
        graph.push(None)
        count = 0
        while True:
            try:
                shown = graph.pull()
            except (av.BlockingIOError, av.EOFError):
                break
            shown.pts, shown.time_base = count, Fraction(1, GIF_FPS)
            target.mux(stream.encode(shown))
            count += 1
        target.mux(stream.encode(None))


def scenes(out: Path) -> None:
    """Every scene once, each as it looks in the middle of the dance."""
    song, (width, height) = demo_song(), SHEET_SIZE
    rows = -(-len(SHEET) // SHEET_COLUMNS)
    sheet = np.zeros((rows * height, SHEET_COLUMNS * width, 3), np.uint8)
    for k, (scene, palette, dancers) in enumerate(SHEET):
        group = {"dancers": dancers, "formation": "own" if dancers > 2 else "mirror"}
        stage = {"width": width, "height": height, "scene": scene, "palette": palette}
        chosen = settings(overrides={"group": group, "stage": stage}, environ={})
        performer = Performer(chosen, library(), song.sample_rate_hz)
        screen, skeleton = Offscreen(chosen.stage), Skeleton()
        picture = np.zeros(0)
        for hop, sound in enumerate(Hopper(song.sample_rate_hz, performer.hop_s).feed(song.samples)):
            performer.process(sound)
            t_s = (hop + 1) * performer.hop_s
            if t_s > SHEET_S:
                break
            if t_s > SHEET_S - 2.0 and performer.heard is not None:
                poses, heard = performer.poses, performer.heard
                joints = np.array([skeleton.process(p["root_m"], p["rotations"]).copy() for p in poses])
                onsets = np.array([heard["onset_low"], heard["onset_mid"], heard["onset_high"]])
                picture = screen.picture(
                    joints, t_s=t_s, beat=float(poses["beat"][0]), energy=float(heard["energy"]), onset=float(onsets.max()),
                    bands=onsets, faces=np.array([face(p["rotations"]) for p in poses]),
                )  # fmt: skip
        y, x = k // SHEET_COLUMNS * height, k % SHEET_COLUMNS * width
        sheet[y : y + height, x : x + width] = picture
        screen.close()
    Image.fromarray(sheet).save(out, optimize=True)


def styles(out: Path) -> None:
    """Six phrases of six styles, a row each, on their beats."""
    cells = []
    for name in STYLES:
        shown = shown_as(name)
        style = shown.library.styles[0]
        beats = np.arange(STYLE_CELLS, dtype=np.float64)
        cells += moments(shown, beats, [style if k == 0 else str(k + 1) for k in range(STYLE_CELLS)])
    sheet = Image.fromarray(draw_sheet(cells, settings(environ={}).stage, STYLE_CELLS))
    small = sheet.resize((round(sheet.width * STYLE_SHARE), round(sheet.height * STYLE_SHARE)), Image.Resampling.LANCZOS)
    small.quantize(200, dither=Image.Dither.FLOYDSTEINBERG).save(out, optimize=True)


def pictures() -> int:
    """All pictures; exit code of the command that danced."""
    beats = demo_song().beat_times_s
    drop = float(beats[np.searchsorted(beats, next(m for m in demo_song().marks if m.name == "drop").start_s)])
    with tempfile.TemporaryDirectory() as folder:
        wav, film = Path(folder) / "song.wav", Path(folder) / "film.mp4"
        write_song(wav)
        words = ["render", str(wav), "--start", f"{drop - 8:.2f}", "--end", f"{drop + 16:.2f}"]
        code = main([*words, "-o", str(film), "--size", GIF_SIZE, "--fps", str(GIF_FPS), "--strip", str(HERE / "strip.png")])
        if code == 0:
            scenes(HERE / "scenes.png")
            styles(HERE / "styles.png")
            gif(film, HERE / "dance.gif", 8.0, GIF_BEATS * 60.0 / 122.0)
    return code


if __name__ == "__main__":
    sys.exit(pictures())
