"""Training examples: what is marked is what is heard, through tempo, cuts, silence and roughness; and the calibration's fit."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from audio2pose.config import BeatConfig, HearConfig
from audio2pose.data.hearing import calibrate, examples, kit, rough, songs
from audio2pose.data.hearing.examples import Song, crop, joined
from audio2pose.data.hearing.rough import DELAY_HOPS, HOP_S, Example, noise, ring_on, roughened
from audio2pose.data.hearing.score import DRUM_CHANNEL, MAJOR, Part, Score, notes_of
from audio2pose.data.hearing.styles import THEMES, Style, Theme
from audio2pose.data.hearing.voices import uneven
from audio2pose.errors import CorpusError, OutputError, UsageError
from audio2pose.music.beat import BeatTracker
from audio2pose.music.network import LEVEL_FALLS_S, Network, shipped_weights
from audio2pose.music.spectrum import N_BANDS

N_HOPS = 1500
BPM = 120.0
SEEDS = range(40)


def impulses(n_hops: int = 4000, meter: int = 4, beat_hops: float = 50.0) -> Song:
    """A song whose every band is loud in the hop of each beat and faint elsewhere."""
    beats_s = np.arange(25.0, n_hops - 10, beat_hops) * HOP_S
    bands = np.full((n_hops, N_BANDS), 0.01)
    bands[np.round(beats_s / HOP_S).astype(int)] = 10.0
    positions = np.arange(len(beats_s)) % meter + 1
    whole = bands[None].astype(np.float16)
    return Song(whole, ["drums"], whole, beats_s, positions, "lib/rock", "steady")


def centres(example: Example) -> np.ndarray:
    return np.flatnonzero(example.beat >= 1.0)


def loud(example: Example) -> np.ndarray:
    """Middle of each loud run of hops, after a stretch perhaps between two hops."""
    level = example.bands.mean(axis=1)
    found = [h for h in range(1, len(level) - 1) if level[h] > 1.0 and level[h] >= level[h - 1] and level[h] > level[h + 1]]
    return np.array([np.average([h - 1, h, h + 1], weights=np.maximum(level[h - 1 : h + 2] - 0.05, 0.0)) for h in found])


def same(a: Example, b: Example) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b))


def test_every_beat_is_marked_its_delay_after_it_sounds_through_crops_and_stretches() -> None:
    song = impulses()
    marked = stretched = before = 0
    for seed in SEEDS:
        one = crop(song, N_HOPS, np.random.default_rng(seed))
        assert one.bands.shape == (N_HOPS, N_BANDS)
        assert one.bands.dtype == np.float32
        onsets, marks = loud(one), centres(one)
        # A hall's tail may move the middle of a loud run by a little; a stretch puts it between two hops.
        onsets = onsets[(onsets > 1) & (onsets + DELAY_HOPS < N_HOPS - 2)]
        inner = marks[(marks - DELAY_HOPS > 1) & (marks < N_HOPS - 2)]
        assert len(onsets) == pytest.approx(len(inner), abs=1)
        for mark in inner:
            # Half a hop is the mark's own rounding, one is a drummer's who is not quite on the beat.
            assert np.abs(onsets + DELAY_HOPS - mark).min() <= 1.6
        marked += len(inner)
        gap = np.median(np.diff(marks))
        stretched += abs(gap - 50.0) > 1.0
        before += (one.bands[:3] == 0.0).all()
    assert marked > 20 * len(SEEDS)
    assert stretched > 5
    assert before >= 1


def test_a_mark_has_softer_neighbours_and_says_whether_it_is_a_downbeat() -> None:
    beat, downbeat, tempo = examples._truth(impulses(), np.arange(400.0))
    marks = np.flatnonzero(beat == 1.0)
    assert marks.tolist() == [25 + DELAY_HOPS + 50 * k for k in range(8)]
    assert (beat[marks - 1] == np.float32(0.4)).all()
    assert (beat[marks + 1] == np.float32(0.4)).all()
    assert np.count_nonzero(beat) == 3 * len(marks)
    for near in (-1, 0, 1):
        assert downbeat[marks + near].tolist() == [1.0, 0.0, 0.0, 0.0] * 2
    assert (downbeat[beat == 0.0] == -1.0).all()
    assert (tempo[: marks[0]] == 0.0).all()
    assert tempo[marks[0] :] == pytest.approx(np.full(400 - marks[0], BPM))


def test_bars_of_three_have_a_downbeat_every_third_beat() -> None:
    beat, downbeat, _ = examples._truth(impulses(meter=3), np.arange(400.0))
    assert downbeat[beat == 1.0].tolist() == [1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("stretch", [0.88, 1.0, 1.13])
def test_a_song_played_faster_has_more_beats_a_minute(stretch: float) -> None:
    beat, _, tempo = examples._truth(impulses(), 300.0 + stretch * np.arange(N_HOPS))
    assert np.unique(tempo) == pytest.approx([BPM * stretch], rel=1e-5)
    gaps = np.diff(np.flatnonzero(beat == 1.0))
    assert gaps.mean() == pytest.approx(50.0 / stretch, abs=0.1)


def test_tempo_follows_a_change_and_is_unknown_before_the_first_and_after_the_last_beat() -> None:
    beats_s = np.concatenate([np.arange(4) * 0.5 + 1.0, 2.5 + np.arange(1, 5) * 0.4])
    song = impulses()._replace(beats_s=beats_s, positions=np.arange(8) % 4 + 1)
    _, _, tempo = examples._truth(song, np.arange(-20.0, 580.0))
    assert (tempo[: 120 + DELAY_HOPS] == 0.0).all()
    assert tempo[120 + DELAY_HOPS + 5] == pytest.approx(120.0)
    assert tempo[270 + DELAY_HOPS + 5] == pytest.approx(150.0)
    assert (tempo[430 + DELAY_HOPS :] == 0.0).all()


def test_a_band_whose_tempo_wanders_is_marked_where_its_beats_fall() -> None:
    song = impulses()
    for seed in SEEDS:
        at = 200.0 + uneven(N_HOPS, np.random.default_rng(seed))
        assert (np.diff(at) > 0.8).all()
        assert (np.diff(at) < 1.25).all()
        beat, _, tempo = examples._truth(song, at)
        heard = examples.at_hops(song.mixes[0].astype(np.float32), at)
        marks = np.flatnonzero(beat >= 1.0)
        onsets = loud(Example(heard, beat, beat, tempo))
        assert len(onsets) == pytest.approx(len(marks), abs=1)
        for mark in marks[(marks > 3) & (marks < N_HOPS - 3)]:
            assert np.abs(onsets + DELAY_HOPS - mark).min() <= 1.01
        assert np.abs(tempo[tempo > 0] / BPM - 1.0).max() < 0.25


def test_another_song_s_drummer_plays_on_the_beats_of_this_one() -> None:
    song, other = impulses(beat_hops=50.0), impulses(beat_hops=42.0)
    accent = other.stems.copy()
    accent[0, np.round(other.beats_s[other.positions == 1] / HOP_S).astype(int)] = 40.0
    other = other._replace(stems=accent, names=["own drums"])
    found = 0
    for seed in SEEDS:
        bands = examples._other_drums(song, 300, 1500, [other], np.random.default_rng(seed))
        assert bands is not None
        assert bands.shape == (1200, N_BANDS)
        beats = song.beats_s / HOP_S - 300
        inside = (beats > 2) & (beats < 1190)
        level = bands.mean(axis=1)
        for beat, place in zip(beats[inside], song.positions[inside]):
            near = level[round(beat) - 1 : round(beat) + 2].sum()
            assert near > (12.0 if place == 1 else 4.0)
            assert near < (60.0 if place == 1 else 15.0)
            found += 1
    assert found > 100


def test_a_drummer_who_sits_in_is_silent_before_the_first_beat_and_after_the_last() -> None:
    song = impulses()
    song = song._replace(beats_s=song.beats_s[4:-4] + 1.0, positions=song.positions[4:-4])
    bands = examples._other_drums(song, 0, 4000, [impulses()], np.random.default_rng(0))
    assert bands is not None
    first, last = (round(t / HOP_S) for t in song.beats_s[[0, -1]])
    assert (bands[: first - 1] == 0.0).all()
    assert (bands[last + 2 :] == 0.0).all()
    assert bands[first : first + 400].max() > 5.0


def test_crops_of_any_length_are_whole() -> None:
    for n_hops in (2, 5, 40, 119):
        for seed in range(60):
            one = crop(impulses(n_hops=400), n_hops, np.random.default_rng(seed))
            assert len(one.bands) == len(one.beat) == n_hops
            assert np.isfinite(one.bands).all()


@pytest.mark.parametrize("other", [impulses(meter=3), impulses(beat_hops=90.0), impulses()._replace(names=["chords"])])
def test_a_drummer_of_another_metre_or_tempo_or_none_does_not_sit_in(other: Song) -> None:
    assert examples._other_drums(impulses(), 0, 1000, [other], np.random.default_rng(0)) is None


def test_places_between_hops_are_mixed_and_beyond_the_song_is_silence() -> None:
    bands = np.arange(4.0)[:, None] * np.ones((4, N_BANDS))
    out = examples.at_hops(bands.astype(np.float16), np.array([-0.1, 0.0, 0.25, 2.5, 3.0, 3.1]))
    assert out.dtype == np.float32
    assert out[:, 0] == pytest.approx([0.0, 0.0, 0.25, 2.5, 3.0, 0.0])


def test_a_cut_takes_each_song_s_own_sound_and_truth() -> None:
    rng = np.random.default_rng(0)
    a, b = crop(impulses(), N_HOPS, rng), crop(impulses(beat_hops=37.0), N_HOPS, rng)
    both = joined(a, b, 600)
    for x, y, z in zip(a, b, both):
        assert np.array_equal(z[:600], x[:600])
        assert np.array_equal(z[600:], y[:900])


def test_noise_has_mean_1_and_no_beat_s_worth_of_nan() -> None:
    for seed in SEEDS:
        n = int(np.random.default_rng(seed).integers(1, 900))
        bands = noise(n, np.random.default_rng(seed))
        assert bands.shape == (n, N_BANDS)
        assert bands.dtype == np.float32
        assert np.isfinite(bands).all()
        assert bands.min() >= 0.0
        assert bands.mean() == pytest.approx(1.0, abs=1e-3)


def test_a_hall_s_tail_falls_and_never_outgrows_the_sound() -> None:
    bands = np.zeros((200, N_BANDS), np.float32)
    bands[10] = 2.0
    out = ring_on(bands, 0.05, 0.5)
    assert (out[:10] == 0.0).all()
    assert out[10] == pytest.approx(np.full(N_BANDS, 2.0))
    assert out[11] == pytest.approx(np.full(N_BANDS, 1.0))
    assert out[11:, 0] == pytest.approx(1.0 * 0.95 ** np.arange(189), rel=1e-4)
    wild = np.random.default_rng(0).exponential(1.0, (500, N_BANDS)).astype(np.float32)
    rung = ring_on(wild, 0.02, 0.6)
    assert np.isfinite(rung).all()
    assert (rung >= wild).all()
    assert rung.max() <= math.sqrt(1.0 + 0.36) * wild.max()


def test_a_swept_filter_only_takes_away_and_gives_back() -> None:
    touched = 0
    for seed in SEEDS:
        gains = rough._swept(N_HOPS, np.random.default_rng(seed))
        assert gains.shape == (N_HOPS, N_BANDS)
        assert np.isfinite(gains).all()
        assert gains.max() <= 1.0
        assert gains.min() >= math.exp(-6.0) * 0.999
        assert (gains[-1] > 0.5).all() or (gains[0] > 0.5).all()
        touched += gains.min() < 0.5
    assert touched > len(SEEDS) // 2


@pytest.mark.parametrize("n_hops", [150, N_HOPS])
def test_what_is_roughened_is_finite_and_sounds_wherever_a_beat_is_marked(n_hops: int) -> None:
    song = impulses()
    silenced = 0
    for seed in range(120):
        rng = np.random.default_rng(seed)
        one = crop(song, n_hops, rng)
        heard = roughened(one, rng)
        assert heard.bands.shape == one.bands.shape
        assert heard.bands.dtype == np.float32
        assert np.isfinite(heard.bands).all()
        assert heard.bands.min() >= 0.0
        for mark in centres(heard):
            # A mark in the crop's first hops tells of an onset before them.
            if mark >= DELAY_HOPS + 1:
                assert heard.bands[max(0, mark - DELAY_HOPS - 1) : mark + 1].max() > 0.0
        assert np.isin(centres(heard), centres(one)).all()
        assert ((heard.beat > 0.0) == (heard.downbeat >= 0.0)).all()
        lost = np.setdiff1d(centres(one), centres(heard))
        silenced += len(lost) > 0
        # A lost beat takes its neighbours with it, a kept one keeps both.
        for mark in lost:
            assert (heard.beat[max(0, mark - 1) : mark + 2] == 0.0).all()
        for mark in centres(heard)[(centres(heard) > 0) & (centres(heard) < n_hops - 1)]:
            assert (heard.beat[[mark - 1, mark + 1]] == np.float32(0.4)).all()
    assert silenced > 5


def test_silence_takes_out_the_beats_that_begin_in_it_whole_and_no_others() -> None:
    beat, downbeat, _ = examples._truth(impulses(), np.arange(400.0))
    for begin in range(70, 82):
        b, d = beat.copy(), downbeat.copy()
        rough._silenced(b, d, begin + DELAY_HOPS, 227)
        gone = [k for k in range(8) if begin <= 25 + 50 * k < 225]
        wanted = [27 + 50 * k for k in range(8) if k not in gone]
        assert np.flatnonzero(b == 1.0).tolist() == wanted
        assert np.count_nonzero(b) == 3 * len(wanted)
        assert ((b > 0.0) == (d >= 0.0)).all()


def test_silence_takes_out_the_neighbour_of_a_beat_beyond_the_end() -> None:
    beat, downbeat, _ = examples._truth(impulses(), np.arange(77.0))
    assert beat[76] == np.float32(0.4)
    rough._silenced(beat, downbeat, 40, 77)
    assert (beat[40:] == 0.0).all()


def test_examples_are_songs_cuts_or_no_music_and_the_same_for_the_same_seed() -> None:
    known = [impulses(), impulses(meter=3, beat_hops=37.0)]
    rng, again = np.random.default_rng(4), np.random.default_rng(4)
    without = 0
    for _ in range(60):
        one = examples.example(known, N_HOPS, rng)
        assert same(one, examples.example(known, N_HOPS, again))
        assert [len(a) for a in one] == [N_HOPS] * 4
        assert np.isfinite(one.bands).all()
        without += len(centres(one)) == 0
        inputs = examples.as_inputs(one.bands, rng)
        assert np.isfinite(inputs).all()
        assert np.array_equal(inputs, examples.as_inputs(one.bands, again))
    assert 0 < without < 15


class Wire(Network):
    """The live network, with its inputs in sight."""

    @property
    def inputs(self) -> np.ndarray:
        return self._inputs


def test_training_sees_to_the_bit_what_the_live_network_sees() -> None:
    rng = np.random.default_rng(6)
    bands = (rng.exponential(1.0, (700, N_BANDS)) * np.exp(np.sin(np.arange(700) / 60.0) * 4.0)[:, None]).astype(np.float32)
    bands[300:350] = 0.0
    live = Wire(shipped_weights(), HearConfig().hop_s)
    trained = examples.network_inputs(bands, examples.LEVEL_KEEPS, 0.0)
    for hop, seen in zip(bands, trained):
        live.process(hop)
        assert np.array_equal(live.inputs, seen)


def test_a_level_from_before_turns_the_beginning_down() -> None:
    bands = np.ones((5, N_BANDS), np.float32)
    cold = examples.network_inputs(bands, examples.LEVEL_KEEPS, 0.0)
    warm = examples.network_inputs(bands, examples.LEVEL_KEEPS, 10.0)
    assert (warm[0] < cold[0]).all()
    assert math.exp(-HOP_S / LEVEL_FALLS_S) == examples.LEVEL_KEEPS


def test_one_style_in_twelve_is_kept_for_validation_wherever_its_file_lies_and_always_the_same() -> None:
    song = impulses()
    kept = [k for k in range(1200) if song._replace(style=f"lib/style{k}").validates]
    assert len(kept) == pytest.approx(100, abs=30)
    assert kept == [k for k in range(1200) if song._replace(style=f"other/style{k}").validates]
    assert kept[:3] == [36, 57, 69]  # else old and new songs would validate each other's training


def test_a_song_is_read_as_it_was_written_and_only_numbered_files_are_songs(tmp_path: Path) -> None:
    song = impulses()
    arrays = {
        "stems": song.stems, "names": np.array(song.names), "mixes": song.mixes, "beats_s": song.beats_s,
        "positions": song.positions, "style": np.array(song.style), "tempo": np.array(song.tempo),
    }  # fmt: skip
    for name in ("10", "9"):
        songs.write(arrays, tmp_path / f"{name}.npz", tmp_path)
    for name in ("weights.npz", "3.part", ".7.npz", "11.txt"):
        (tmp_path / name).write_bytes(b"PK half a file")
    assert [p.name for p in examples.song_files(tmp_path)] == ["9.npz", "10.npz"]
    back = examples.read(tmp_path / "9.npz")
    assert np.array_equal(back.stems, song.stems)
    assert np.array_equal(back.beats_s, song.beats_s)
    assert np.array_equal(back.positions, song.positions)
    assert (back.names, back.style, back.tempo) == (song.names, song.style, song.tempo)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"no song at all", None])
def test_a_damaged_song_is_told_by_name(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "1.npz").write_bytes(content)
    with pytest.raises(CorpusError, match=r"1\.npz is missing, damaged or no song"):
        examples.read(tmp_path / "1.npz")


def test_a_song_that_cannot_be_written_is_not_there_under_its_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        songs.write({"stems": np.zeros(1000), "odd": np.array([object()])}, tmp_path / "4.npz", tmp_path)
    assert not (tmp_path / "4.npz").exists()
    assert examples.song_files(tmp_path) == []


def test_parts_play_together_with_one_drummer_and_one_bass() -> None:
    names = ["drums", "bass", "chords", "own drums", "own bass", "melody"]
    rng = np.random.default_rng(0)
    drawn = [songs.chosen_parts(names, rng) for _ in range(600)]
    for chosen in drawn:
        assert chosen
        assert chosen == sorted(set(chosen))
        assert sum(k in (0, 3) for k in chosen) <= 1 or len(chosen) == len(names)
        assert sum(k in (1, 4) for k in chosen) <= 1 or len(chosen) == len(names)
    assert {k for chosen in drawn for k in chosen} == set(range(6))
    assert any(chosen in ([0], [3]) for chosen in drawn)
    assert 0.1 < np.mean([not {0, 3} & set(chosen) for chosen in drawn]) < 0.25
    assert songs.chosen_parts(["bass"], rng) == [0]


def test_who_plays_between_the_beats_is_never_heard_without_drums() -> None:
    names = ["drums", "own drums", "offbeat bass", "offbeat chords", "melody"]
    rng = np.random.default_rng(0)
    for _ in range(400):
        chosen = songs.chosen_parts(names, rng)
        assert {0, 1} & set(chosen) or not {2, 3} & set(chosen)
    assert songs.chosen_parts(names[2:], rng)


def test_a_thinned_part_loses_whole_voices_and_never_all_notes() -> None:
    drummer = Part("drums", notes_of([(k, 0.1, 36 + k % 5, 90.0, DRUM_CHANNEL) for k in range(40)]), {}, "electric")
    band = Part("chords", notes_of([(k, 1.0, 60, 90.0, k % 3) for k in range(30)]), {0: 4})
    lost = 0
    for seed in SEEDS:
        for part, voice in ((drummer, "key"), (band, "channel")):
            thin = songs._thinned(part, np.random.default_rng(seed))
            assert len(thin.notes) > 0
            assert (thin.name, thin.programs, thin.kit) == (part.name, part.programs, part.kit)
            for v in np.unique(part.notes[voice]):
                assert (thin.notes[voice] == v).sum() in (0, (part.notes[voice] == v).sum())
            lost += len(thin.notes) < len(part.notes)
    assert lost > 10


@pytest.mark.parametrize("meter", [3, 4])
def test_a_breakdown_is_whole_bars_of_rest(meter: int) -> None:
    score = Score(Style("lib/a", meter, ()), meter, 16, 120.0, 0, MAJOR, [0] * 16, [])
    part = Part("drums", notes_of([(k, 0.1, 36, 90.0, DRUM_CHANNEL) for k in range(16 * meter)]))
    for seed in SEEDS:
        left = songs._broken_down(part, score, np.random.default_rng(seed)).notes["beat"]
        gone = np.setdiff1d(part.notes["beat"], left)
        assert gone[0] % meter == 0
        assert gone[0] >= 2 * meter
        assert len(gone) % meter == 0
        assert len(gone) // meter in (1, 2, 3, 4, 5, 6, 7, 8)
        assert (np.diff(gone) == 1.0).all()


def test_styles_are_drawn_as_their_theme_wants_them_and_some_in_three() -> None:
    known = [Style("lib/waltz1", 3, ()), Style("lib/ballad", 4, ()), Style("lib/swing", 4, ()), Style("lib/polka", 2, ())]
    rng = np.random.default_rng(0)
    anything = [songs._draw_style(known, THEMES[0], rng) for _ in range(800)]
    assert np.mean([s.meter == 3 for s in anything]) == pytest.approx(songs.THREE, abs=0.05)
    assert set(anything) == set(known)
    slow = Theme(1.0, parts=("ballad",))
    assert {songs._draw_style(known, slow, rng).name for _ in range(40)} == {"lib/ballad"}
    assert songs._draw_style(known, Theme(1.0, parts=("no such part",)), rng) in known


def test_bands_of_a_song_are_those_of_the_ears_hop_by_hop() -> None:
    t = np.arange(44_100) / 44_100
    bands = songs.bands_of(np.sin(2 * np.pi * 1000 * t).astype(np.float32))
    assert bands.shape == (100, N_BANDS)
    assert bands[50].max() > 100.0
    assert bands.max() < np.finfo(np.float16).max


def test_told_beats_of_a_clear_pulse_are_right_and_those_without_a_truth_are_wrong() -> None:
    n_samples, at_s = 20 * 44_100, np.arange(0.3, 19.9, 0.5)
    hits = Part("own drums", notes_of([(k, 0.1, 36 + 2 * (k % 2), 110.0, DRUM_CHANNEL) for k in range(len(at_s))]))
    stem = songs.bands_of(kit.play(hits, at_s, n_samples, np.random.default_rng(0)))[None]
    song = Song(stem, ["own drums"], stem, at_s, np.arange(len(at_s)) % 4 + 1, "lib/rock", "steady")
    one = crop(song, N_HOPS, np.random.default_rng(1))
    tracker = BeatTracker(HearConfig(), BeatConfig(), 44_100)
    terms, right = calibrate.told(tracker, one)
    assert terms.shape == (len(right), 4)
    assert len(right) > 15
    assert (terms[:, 0] == 1.0).all()
    assert right.mean() > 0.9
    again, wrong = calibrate.told(tracker, one._replace(beat=np.zeros(N_HOPS, np.float32)))
    assert np.array_equal(again, terms)
    assert not wrong.any()


def test_the_fit_recovers_known_weights() -> None:
    rng = np.random.default_rng(8)
    wanted = np.array([-0.8, 0.9, 0.5, 0.1])
    terms = np.column_stack([np.ones(20_000), rng.normal(0, 2, 20_000), rng.normal(1, 1, 20_000), rng.uniform(0, 10, 20_000)])
    right = (rng.random(20_000) < 1.0 / (1.0 + np.exp(-terms @ wanted))).astype(float)
    assert calibrate.fit(terms, right) == pytest.approx(wanted, abs=0.08)


def test_the_fit_stays_finite_where_every_beat_was_right() -> None:
    assert np.isfinite(calibrate.fit(np.column_stack([np.ones(50), np.linspace(-1, 1, 50)]), np.ones(50))).all()


def run(module: str, *words: str, path: str, before: str = "") -> subprocess.CompletedProcess[str]:
    program = f"import runpy, sys; {before}sys.argv[1:] = {list(words)!r}; runpy.run_module({module!r}, run_name='__main__')"
    environment = os.environ | {"PATH": path}
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=120)


def test_whoever_lacks_what_makes_songs_is_told_of_each_thing_on_one_line(tmp_path: Path) -> None:
    run_without = run(
        "audio2pose.data.hearing.songs", str(tmp_path / "songs"), path=str(tmp_path), before="sys.modules['mido'] = None; "
    )
    assert run_without.returncode == CorpusError.exit_code
    told = run_without.stderr
    assert "Traceback" not in told
    for name in ("mma", "fluidsynth"):
        assert f"audio2pose: the program {name} is not on the PATH, songs are made with it\n  install {name}\n" in told
    assert (
        "audio2pose: the Python package mido is not there, songs are made with it\n  pip install 'audio2pose[train]'\n" in told
    )
    assert not (tmp_path / "songs").exists()


@pytest.mark.parametrize(("first", "count"), [(0, 0), (0, -3), (-1, 5)])
def test_no_songs_or_seeds_below_zero_are_refused_at_once(tmp_path: Path, first: int, count: int) -> None:
    with pytest.raises(UsageError, match="asks for no song"):
        songs.make_all(tmp_path / "songs", first, count)
    assert not (tmp_path / "songs").exists()


def test_a_folder_that_cannot_be_written_into_is_told_before_work_begins(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "songs"):
        with pytest.raises(OutputError) as told:
            songs.made_folder(folder)
        assert told.value.parts[1]
    songs.made_folder(tmp_path / "a" / "b")
    songs.made_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_calibration_says_where_there_is_nothing_to_listen_to(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="holds no song of a style that is kept"):
        calibrate.calibrate(tmp_path, 5)
    with pytest.raises(UsageError, match="asks for no song"):
        calibrate.calibrate(tmp_path, 0)
