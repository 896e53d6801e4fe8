"""Where a song changes, as the planner is told of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from audio2pose.match.plan import Song
from audio2pose.media.decode import SongReader
from audio2pose.media.demo_song import demo_song
from audio2pose.offline.choreograph import listen
from audio2pose.offline.structure import song_of
from audio2pose.presets import settings


def whole_demo(folder: Path) -> tuple[Song, np.ndarray]:
    """The built-in song as the planner has it, and when each of its beats is."""
    import soundfile

    made = demo_song()
    soundfile.write(folder / "demo.wav", made.samples, made.sample_rate_hz)
    with SongReader(folder / "demo.wav") as file:
        heard = listen(file, settings(environ={}), causal=False, told=lambda _: None)
    assert heard.sounds is not None
    song = song_of(heard.log, heard.sounds)
    hops_s = (np.arange(len(heard.log)) + 1) * 0.01
    return song, np.interp(song.first + np.arange(len(song.music)), heard.log["beat"], hops_s)


def test_the_built_in_song_changes_at_its_marks_and_hardly_elsewhere(tmp_path: Path) -> None:
    song, times_s = whole_demo(tmp_path)
    strong = times_s[np.flatnonzero(song.change >= 0.35)]
    near = [float(np.abs(strong - mark.start_s).min()) for mark in demo_song().marks[1:]]
    assert sorted(near)[-2] < 0.3
    assert len(strong) <= len(near) + 4
    assert (song.change[song.place != 0] == 0.0).all()
    drive = {m.name: song.music[(times_s >= m.start_s) & (times_s < m.end_s - 2), 0].mean() for m in demo_song().marks}
    assert drive["drop"] > drive["build"] + 0.2
    assert drive["breakdown"] < 0.25
