"""A wider network begins with what a narrow one knows; accompaniments drawn by lot keep to the metre and the chords."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from audio2pose.config import HearConfig
from audio2pose.data.hearing import songs
from audio2pose.data.hearing.comping import comping, rhythm
from audio2pose.data.hearing.mean import mean
from audio2pose.data.hearing.perform import Tempo
from audio2pose.data.hearing.score import DRUM_CHANNEL, MAJOR, Part, Score, notes_of
from audio2pose.data.hearing.styles import THEMES, Style
from audio2pose.data.hearing.widen import widened
from audio2pose.errors import LibraryError, UsageError
from audio2pose.media.synth import RATE_HZ
from audio2pose.music.network import Network, Weights, read_weights, shipped_weights
from audio2pose.music.spectrum import N_BANDS

HOP_S = HearConfig().hop_s
STYLE = Style("lib/rock", 4, ("Rock",))


def narrow() -> Weights:
    rng = np.random.default_rng(2)
    whole = shipped_weights()
    n_in, n_out, layers, width = whole.w_in.shape[0], whole.b_out.shape[0], 4, 6

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(0.0, 0.3, shape).astype(np.float32)

    return Weights(
        drawn(n_in, width), drawn(width), drawn(layers, 3, width, 2 * width), drawn(layers, 2 * width),
        drawn(layers, width, width), drawn(layers, width), drawn(width, n_out), drawn(n_out),
    )  # fmt: skip


@pytest.mark.parametrize("channels", [6, 7, 16])
def test_a_wider_network_tells_what_the_narrow_one_told(channels: int) -> None:
    small = narrow()
    a, b = Network(small, HOP_S), Network(widened(small, channels, np.random.default_rng(0)), HOP_S)
    for bands in np.random.default_rng(1).exponential(1.0, (300, N_BANDS)).astype(np.float32):
        assert b.process(bands) == pytest.approx(a.process(bands), abs=1e-4)
    assert np.abs(a.logits).max() > 0.1


def test_channels_that_joined_hear_so_that_they_can_learn() -> None:
    wide = widened(narrow(), 10, np.random.default_rng(0))
    assert (wide.w_in[:, 6:] != 0.0).all()
    assert (wide.w_gate[:, :, :, 6:10] != 0.0).all()
    assert (wide.w_out[6:] == 0.0).all()


def test_a_network_never_becomes_narrower() -> None:
    with pytest.raises(UsageError, match="6 channels does not fit into 5"):
        widened(narrow(), 5, np.random.default_rng(0))


@pytest.mark.parametrize("meter", [3, 4])
@pytest.mark.parametrize("per_beat", [2, 3, 4])
def test_rhythms_sound_on_strong_steps_more_often_than_on_weak_ones(meter: int, per_beat: int) -> None:
    drawn = np.array([rhythm(meter, per_beat, 1, np.random.default_rng(k)) for k in range(300)])
    assert drawn.shape == (300, meter * per_beat)
    assert (drawn.max(axis=1) > 0.0).all()
    assert drawn.max() <= 1.0
    often = (drawn > 0.0).mean(axis=0)
    on = often[::per_beat]
    assert on.min() > np.delete(often, np.arange(0, meter * per_beat, per_beat)).max()
    assert often[0] == on.max()


def test_whoever_accompanies_plays_notes_of_the_chord_from_beginning_to_end() -> None:
    chords = [0, 3, 4, 0] * 4
    score = Score(Style("lib/a", 4, ()), 4, 16, 120.0, 2, MAJOR, chords, [])
    programs = set()
    for seed in range(60):
        part = comping(score, np.random.default_rng(seed))
        programs |= set(part.programs.values())
        notes = part.notes
        assert part.name == "own chords"
        assert len(notes) >= 8
        assert notes["beat"].min() >= 0.0
        assert notes["beat"].max() < score.n_beats
        assert notes["beat"].max() > score.n_beats - 17
        assert (notes["beats"] > 0.0).all()
        assert (notes["velocity"] > 0.0).all()
        assert notes["velocity"].max() <= 127.0
        scale = {(2 + tone) % 12 for tone in MAJOR}
        assert {int(k) % 12 for k in notes["key"]} <= scale
        assert notes["key"].min() >= 36
    assert len(programs) > 15


def test_the_mean_of_trainings_is_that_of_each_number() -> None:
    a, b = narrow(), narrow()
    b.b_out[:] += 2.0
    b.w_gate[:] *= 3.0
    made = mean([a, b])
    assert made.b_out == pytest.approx(a.b_out + 1.0)
    assert made.w_gate == pytest.approx(2.0 * a.w_gate)
    assert np.array_equal(made.w_in, a.w_in)


def test_networks_of_several_sizes_have_no_mean() -> None:
    with pytest.raises(UsageError, match="differ in size"):
        mean([narrow(), widened(narrow(), 9, np.random.default_rng(0))])


def test_the_mean_is_written_for_the_live_network_to_read(tmp_path: Path) -> None:
    paths = []
    for name, weights in (("a", narrow()), ("b", narrow())):
        paths.append(tmp_path / f"{name}.npz")
        np.savez(paths[-1], **{f.name: getattr(weights, f.name) for f in fields(Weights)})
    words = [sys.executable, "-m", "audio2pose.data.hearing.mean", *map(str, paths), "-o", str(tmp_path / "mean.npz")]
    subprocess.run(words, check=True, timeout=120)
    assert read_weights(tmp_path / "mean.npz").w_in == pytest.approx(narrow().w_in, abs=1e-3)
    nowhere = subprocess.run([*words[:3], str(tmp_path / "c.npz"), *words[-2:]], capture_output=True, text=True, timeout=120)
    assert nowhere.returncode == LibraryError.exit_code
    assert "c.npz cannot be read" in nowhere.stderr
    assert "Traceback" not in nowhere.stderr
    assert len(nowhere.stderr.splitlines()) == 2


def test_chords_between_the_beats_never_fall_on_one() -> None:
    score = Score(Style("lib/a", 4, ()), 4, 16, 120.0, 2, MAJOR, [0, 3, 4, 0] * 4, [])
    for seed in range(20):
        beats = comping(score, np.random.default_rng(seed), offbeat=True).notes["beat"]
        assert len(beats) > 40
        assert ((beats % 1.0 > 0.49) & (beats % 1.0 < 0.7)).all()


@pytest.fixture
def unplayed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Songs without mma and fluidsynth: four parts by the book, each of which sounds as a click a note."""

    def accompaniment(style: Style, bpm: float, seconds: float, rng: np.random.Generator, folder: Path) -> Score:
        parts = [
            Part(name, notes_of([(k, 0.5, 60, 90.0, channel) for k in range(64)]), {})
            for name, channel in (("drums", DRUM_CHANNEL), ("bass", 1), ("chords", 2))
        ]
        return Score(style, 4, 16, bpm, 0, MAJOR, [0] * 16, parts)

    def clicks(part: Part, tempo: Tempo, hands: object, n_samples: int, rng: np.random.Generator, folder: Path) -> np.ndarray:
        sound = np.zeros(n_samples, np.float32)
        sound[np.round(tempo.seconds(part.notes["beat"]) * RATE_HZ).astype(int)] = 0.5
        return sound

    monkeypatch.setattr(songs, "compose", accompaniment)
    monkeypatch.setattr(songs, "sound_of", clicks)


def test_themes_say_who_plays(unplayed: None, tmp_path: Path) -> None:
    known = [STYLE]
    for seed in range(1):
        for number, of in enumerate(THEMES):
            song = songs.make(seed, known, tmp_path, of)
            names = [str(n) for n in song["names"]]
            assert song["theme"] == number
            assert of.drummer or not any("drums" in n for n in names)
            assert of.own < 1.0 or "own drums" in names
            if of.offbeat:
                assert "offbeat bass" in names
                assert not {"bass", "chords"} & set(names)
            if of.bpm:
                assert of.bpm[0] <= song["bpm"] <= of.bpm[1]


def test_songs_of_one_theme_can_be_asked_for(unplayed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(songs, "missing", list)
    monkeypatch.setattr(songs, "styles", lambda: [STYLE])
    offbeat = next(k for k, t in enumerate(THEMES) if t.offbeat)
    songs.make_all(tmp_path / "songs", 3, 2, offbeat)
    for seed in (3, 4):
        with np.load(tmp_path / "songs" / f"{seed}.npz") as song:
            assert song["theme"] == offbeat
    with pytest.raises(UsageError, match=f"no theme {len(THEMES)}: give one from 0"):
        songs.make_all(tmp_path / "more", 0, 1, len(THEMES))
    assert not (tmp_path / "more").exists()
