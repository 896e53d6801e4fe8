"""How training songs are drawn: styles, patterns, tempi, hands, drum machines and rooms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from audio2pose.data.hearing import kit, perform, score
from audio2pose.data.hearing.drums import CLAP, KICK, RIM, SNARE, SUITS, bass, drums, pattern
from audio2pose.data.hearing.perform import Hands, Tempo, room, swing
from audio2pose.data.hearing.score import DRUM_CHANNEL, Part, Score, melody, notes_of
from audio2pose.data.hearing.styles import OTHER_BPM, TEMPI, THEMES, UNUSUAL, UNUSUAL_BPM, Style, styles, tempo_of, theme
from audio2pose.media.synth import RATE_HZ

STYLE = Style("lib/rock", 4, ("Rock",))
KINDS = ("floor", "boom", "broken", "sixteen", "sparse", "perc", "rock", "shuffle")
SNARES = (SNARE, 40, CLAP, RIM)
SEEDS = range(40)


def score_of(meter: int = 4, bpm: float = 120.0, n_bars: int = 12) -> Score:
    return Score(STYLE, meter, n_bars, bpm, 0, score.MAJOR, [0] * n_bars, [])


def tempi(kind: str, meter: int = 4) -> list[Tempo]:
    drawn = [Tempo(score_of(meter), np.random.default_rng(seed)) for seed in range(120)]
    return [t for t in drawn if t.kind == kind]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "lib"
    folder.mkdir()

    def add(stem: str, *lines: str) -> None:
        (folder / f"{stem}.mma").write_text("\n".join(lines) + "\n")

    add("rock", "Time 4", "DefGroove Rock", "  DefGroove RockFill  a fill")
    add("polka", "Time 2", "DefGroove Polka")
    add("mazurka", "TimeSig 3 4", "Time 3", "DefGroove Mazurka")
    add("plain", "DefGroove Plain")
    add("salsa", "Time 4", "DefGroove Salsa")
    add("housemix", "Time 4", "DefGroove Mix")
    add("funk-slow", "Time 4", "DefGroove Slow")
    add("harmless", "Time 4", "DefGroove Bossa-Nova")
    add("afro", "TimeSig 6/8", "Time 4", "DefGroove Afro")
    add("slip", "timesig 12 8", "Time 4", "DefGroove Slip")
    add("five", "Time 5", "DefGroove Five")
    add("both", "Time 3", "DefGroove A", "Time 4", "DefGroove B")
    add("empty", "Time 4", "// DefGroove Commented")
    add("metronome", "Time 4", "DefGroove Click")
    (tmp_path / "lib" / "notes.txt").write_text("DefGroove No\n")
    return tmp_path


def test_only_styles_of_two_three_or_four_beats_outside_of_the_kept_out_families_are_used(library: Path) -> None:
    assert styles(library) == [
        Style("lib/mazurka", 3, ("Mazurka",)),
        Style("lib/plain", 4, ("Plain",)),
        Style("lib/polka", 2, ("Polka",)),
        Style("lib/rock", 4, ("Rock", "RockFill")),
    ]


def test_a_library_that_is_not_there_has_no_styles(tmp_path: Path) -> None:
    assert styles(tmp_path / "nowhere") == []


@pytest.mark.parametrize(
    ("name", "family"), [("slowrock", "slow"), ("FastWaltz", "fastwaltz"), ("bigbandfast", "bigband"), ("soulpop", "soul")]
)
def test_a_style_is_played_as_fast_as_its_family_with_few_exceptions(name: str, family: str) -> None:
    low, high = next((a, b) for part, a, b in TEMPI if part == family)
    rng = np.random.default_rng(0)
    bpm = np.array([tempo_of(Style(f"lib/{name}", 4, ()), rng) for _ in range(2000)])
    usual = (bpm >= low) & (bpm <= high)
    assert 1.0 - 2.0 * UNUSUAL < usual.mean() < 1.0
    assert bpm.min() >= UNUSUAL_BPM[0]
    assert bpm.max() <= UNUSUAL_BPM[1]
    assert bpm[usual].max() - bpm[usual].min() > 0.9 * (high - low)


def test_a_style_of_no_family_is_played_at_any_common_tempo() -> None:
    rng = np.random.default_rng(0)
    bpm = np.array([tempo_of(Style("lib/xyz", 4, ()), rng) for _ in range(1000)])
    assert ((bpm >= OTHER_BPM[0]) & (bpm <= OTHER_BPM[1])).mean() > 0.97


def test_themes_are_drawn_by_their_shares() -> None:
    assert sum(t.share for t in THEMES) == pytest.approx(1.0)
    rng = np.random.default_rng(1)
    drawn = [theme(rng) for _ in range(4000)]
    for t in THEMES:
        assert drawn.count(t) / 4000 == pytest.approx(t.share, abs=0.03)


@pytest.mark.parametrize("meter", [3, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_every_pattern_has_a_kick_on_one_and_strengths_within_0_to_1(kind: str, meter: int) -> None:
    for seed in SEEDS:
        grid = pattern(kind, meter, np.random.default_rng(seed))
        assert grid.steps == meter * (3 if kind == "shuffle" else 4)
        assert grid.kick[0] == 1.0
        for row in (grid.kick, grid.snare, grid.hat, grid.open):
            assert row.shape == (grid.steps,)
            assert row.min() >= 0.0
            assert row.max() <= 1.0


@pytest.mark.parametrize(("meter", "beats"), [(4, [1, 3]), (3, [1, 2])])
@pytest.mark.parametrize("kind", ["boom", "broken", "rock", "shuffle", "floor", "sparse"])
def test_a_full_snare_stands_on_the_backbeat_only(kind: str, meter: int, beats: list[int]) -> None:
    by_lot = kind in ("floor", "sparse")
    with_backbeat = 0
    for seed in SEEDS:
        grid = pattern(kind, meter, np.random.default_rng(seed))
        full = np.flatnonzero(grid.snare == 1.0)
        assert list(full) in ([[b * grid.per_beat for b in beats], []] if by_lot else [[b * grid.per_beat for b in beats]])
        with_backbeat += len(full) > 0
        if kind != "broken":
            assert np.count_nonzero(grid.snare) == len(full)
    assert 0 < with_backbeat < len(SEEDS) if by_lot else with_backbeat == len(SEEDS)


def test_four_on_the_floor_kicks_on_every_beat_and_a_shuffle_leaves_the_middle_triplet_of_its_hat_out() -> None:
    for seed in SEEDS:
        assert (pattern("floor", 4, np.random.default_rng(seed)).kick[::4] == 1.0).all()
        assert (pattern("shuffle", 4, np.random.default_rng(seed)).hat[1::3] == 0.0).all()


def test_no_kick_of_a_shuffle_falls_on_the_middle_triplet() -> None:
    kicks = sum(pattern("shuffle", 4, np.random.default_rng(seed)).kick for seed in SEEDS)
    assert (kicks[1::3] == 0.0).all()
    assert (kicks[2::3] > 0.0).all()


def test_mma_is_asked_for_every_bar_once_in_grooves_of_its_style_and_with_a_seed() -> None:
    style = Style("lib/rock", 4, ("Rock", "RockFill", "RockEnd"))
    lines = [f"C{k}" for k in range(20)]
    seeds = set()
    for seed in SEEDS:
        text = score._mma_text(style, 120, lines, np.random.default_rng(seed))
        assert text == score._mma_text(style, 120, lines, np.random.default_rng(seed))
        told = text.splitlines()
        assert told[0].startswith("RndSeed ")
        assert told[1] == "Tempo 120"
        assert [t for t in told if t[0].isdigit()] == [f"{k + 1} C{k}" for k in range(20)]
        assert {t for t in told if t.startswith("Groove")} <= {"Groove lib/rock:Rock", "Groove lib/rock:RockFill"}
        seeds.add(told[0])
    assert len(seeds) > len(SEEDS) // 2


@pytest.mark.parametrize(("mma_meter", "per_bar"), [(4, 1), (3, 1), (2, 2)])
def test_chords_fill_every_bar_of_mma_and_stay_in_the_scale(mma_meter: int, per_bar: int) -> None:
    for seed in SEEDS:
        chords, lines = score._chords(12, 5, score.MINOR, mma_meter, per_bar, np.random.default_rng(seed))
        assert len(chords) == 12
        assert len(lines) == 12 * per_bar
        assert chords[0] == 0
        assert set(chords) <= set(range(7))
        assert all(1 <= len(line.split()) <= mma_meter for line in lines)
        assert all(line.split()[0].startswith(score.ROOTS) for line in lines)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("meter", [3, 4])
def test_own_drums_are_sorted_and_lie_inside_the_song(kind: str, meter: int) -> None:
    for seed in range(15):
        song = score_of(meter)
        part, kick, per_beat = drums(song, (kind,), np.random.default_rng(seed))
        beats = part.notes["beat"]
        assert len(beats) > 0
        assert (np.diff(beats) >= 0.0).all()
        assert beats[0] > -0.05  # a drummer may drag the other way
        assert beats[-1] < song.n_beats
        assert (part.notes["channel"] == DRUM_CHANNEL).all()
        assert (part.notes["velocity"] > 0).all()
        assert kick.shape == (meter * per_beat,)


def test_the_backbeat_of_a_rock_part_is_heard_on_two_and_four_of_every_bar_without_a_fill() -> None:
    part, _, _ = drums(score_of(), ("rock",), np.random.default_rng(3))
    hits = part.notes["beat"][np.isin(part.notes["key"], SNARES)]
    near = np.abs(hits - np.round(hits)) < 0.05
    backbeats = np.round(hits[near]) % 4
    # Fills put snares anywhere in the last beat of a phrase; all else is backbeat.
    assert np.isin(backbeats, [1, 3]).mean() > 0.9
    kicks = part.notes["beat"][part.notes["key"] == KICK]
    bars = np.arange(np.ceil(kicks[0] / 4), 12) * 4.0
    assert np.isin(bars, kicks).all()


@pytest.mark.parametrize("bpm", [60.0, 100.0, 120.0, 208.0])
def test_a_tempo_is_suited_by_patterns_that_exist(bpm: float) -> None:
    assert set(next(kinds for until, kinds in SUITS if bpm <= until)) <= set(KINDS)
    for seed in range(5):
        assert len(drums(score_of(bpm=bpm), (), np.random.default_rng(seed))[0].notes)


def test_bass_and_melody_are_sorted_inside_the_song_and_within_the_keys_of_midi() -> None:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        song = score_of(int(rng.choice([3, 4])))
        _, kick, per_beat = drums(song, (), rng)
        for part in (bass(song, kick, per_beat, rng), melody(song, rng)):
            beats = part.notes["beat"]
            assert (np.diff(beats) >= 0.0).all()
            assert beats.min() >= 0.0
            assert beats.max() < song.n_beats
            assert part.notes["key"].min() >= 24
            assert part.notes["key"].max() <= 100


def test_notes_are_sorted_by_time_and_none_is_an_empty_array() -> None:
    assert notes_of([(2.0, 1.0, 60, 90.0, 0), (1.0, 1.0, 62, 90.0, 0)])["key"].tolist() == [62, 60]
    assert notes_of([]).shape == (0,)


def test_swing_at_one_half_changes_nothing() -> None:
    beats = np.linspace(-2.0, 9.0, 111)
    assert swing(beats, 0.5, 0.5) == pytest.approx(beats, abs=1e-12)


@pytest.mark.parametrize("unit", [0.5, 0.25])
def test_swing_moves_off_beats_only_and_keeps_the_order(unit: float) -> None:
    pairs = np.arange(12) * 2.0 * unit
    assert swing(pairs, 0.62, unit) == pytest.approx(pairs, abs=1e-12)
    assert swing(pairs + unit, 0.62, unit) == pytest.approx(pairs + 0.62 * 2.0 * unit, abs=1e-12)
    assert (np.diff(swing(np.linspace(0.0, 8.0, 900), 0.66, unit)) > 0.0).all()


def test_all_kinds_of_tempo_are_drawn_and_beats_always_rise_within_dance_tempi() -> None:
    for kind in ("steady", "drift", "ramp", "jump"):
        drawn = tempi(kind)
        assert drawn
        for t in drawn:
            assert t.beat_s[0] > 0.0
            assert len(t.beat_s) > 48
            lengths = np.diff(t.beat_s)
            assert lengths.min() > 0.5 / 1.6
            assert lengths.max() < 0.5 * 1.6


def test_seconds_agree_with_the_beats_between_and_beyond_them() -> None:
    for kind in ("steady", "drift", "ramp", "jump"):
        t = tempi(kind)[0]
        n = len(t.beat_s) - 1
        assert t.seconds(np.arange(n, dtype=float)) == pytest.approx(t.beat_s[:n])
        assert t.seconds(np.array([3.5]))[0] == pytest.approx(0.5 * (t.beat_s[3] + t.beat_s[4]))
        assert t.seconds(np.array([-1.0]))[0] == pytest.approx(2 * t.beat_s[0] - t.beat_s[1])
        assert t.seconds(np.array([n + 2.0]))[0] == pytest.approx(t.beat_s[n] + 2 * t.lengths_s[-1])
        assert (np.diff(t.seconds(np.linspace(-2.0, n + 2.0, 999))) > 0.0).all()


@pytest.mark.parametrize("meter", [3, 4])
def test_a_jump_falls_on_a_downbeat_and_a_steady_tempo_stays(meter: int) -> None:
    for t in tempi("jump", meter):
        change = np.abs(np.diff(np.log(t.lengths_s)))
        at = int(change.argmax()) + 1
        assert change[at - 1] > 0.04
        assert at % meter == 0
    for t in tempi("steady", meter):
        assert t.lengths_s == pytest.approx(np.full(len(t.lengths_s), 0.5), rel=0.04)


def test_hands_play_near_the_beat_and_no_note_ends_before_it_begins() -> None:
    part = Part("p", notes_of([(0.25 * k, 0.2, 60, 90.0, 0) for k in range(150)]))
    t = tempi("steady")[0]
    swung = 0
    for seed in SEEDS:
        begin, end, velocity = Hands(np.random.default_rng(seed)).play(part, t)
        assert begin.min() >= 0.0
        assert (end > begin).all()
        assert velocity.min() >= 8.0
        assert velocity.max() <= 127.0
        on_beat = slice(0, None, 4)
        assert np.abs(begin[on_beat] - t.seconds(part.notes["beat"][on_beat])).max() < 0.075
        off = begin[2::4] - t.seconds(part.notes["beat"][2::4])
        swung += float(np.median(off)) > 0.015
    assert 0 < swung < len(SEEDS) // 2


def test_a_hit_of_the_drum_machine_lies_at_its_sample() -> None:
    part = Part("d", notes_of([(k, 0.1, KICK, 110.0, DRUM_CHANNEL) for k in range(3)]), {}, "electric")
    at = [1000, 30_000, 50_007]
    times_s = np.array(at) / RATE_HZ
    sound = kit.play(part, times_s, 60_000, np.random.default_rng(5))
    assert sound.shape == (60_000,)
    voice = kit.voices(np.random.default_rng(5))[KICK]
    level = sound[1000 + int(np.abs(voice).argmax())] / voice[np.abs(voice).argmax()]
    wanted = np.zeros(60_000)
    for begin in at:
        wanted[begin : begin + len(voice)] += level * voice[: 60_000 - begin]
    assert sound == pytest.approx(wanted, abs=1e-5)
    assert 0.3 < level < 0.6


def test_hits_outside_of_the_song_are_left_out_and_every_voice_is_whole() -> None:
    part = Part("d", notes_of([(0, 0.1, 42, 100.0, DRUM_CHANNEL), (1, 0.1, 42, 100.0, DRUM_CHANNEL)]))
    assert (kit.play(part, np.array([-0.5, 9.0]), 4410, np.random.default_rng(0)) == 0.0).all()
    for seed in range(5):
        for sound in kit.voices(np.random.default_rng(seed)).values():
            assert sound.dtype == np.float32
            assert np.abs(sound).max() == pytest.approx(1.0, abs=1e-4)


def test_a_room_keeps_length_and_stays_within_its_peak() -> None:
    rng = np.random.default_rng(7)
    t = np.arange(RATE_HZ) / RATE_HZ
    loud = (np.sin(2 * np.pi * 220 * t) * (t % 0.5 < 0.1) * 3.0).astype(np.float32)
    for seed in range(16):
        out = room(loud, np.random.default_rng(seed))
        assert out.dtype == np.float32
        assert out.shape == loud.shape
        assert np.isfinite(out).all()
        assert 0.79 < np.abs(out).max() <= np.float32(0.8)
    assert room(rng.normal(0, 1, 501).astype(np.float32), rng).shape == (501,)


def test_a_room_without_sound_stays_silent() -> None:
    for seed in range(8):
        assert (room(np.zeros(5000, np.float32), np.random.default_rng(seed)) == 0.0).all()


def test_midi_holds_every_note_to_a_millisecond() -> None:
    rng = np.random.default_rng(2)
    rows = [(0.37 * k, 0.3, 40 + k, 64.0, 9 if k % 3 == 0 else 2) for k in range(30)]
    part = Part("p", notes_of(rows), {2: 33})
    begin = np.sort(rng.uniform(0.0, 20.0, 30))
    end, velocity = begin + rng.uniform(0.03, 2.0, 30), rng.uniform(8.0, 127.0, 30)
    file = perform._midi(part, begin, end, velocity, rng)
    on: dict[int, float] = {}
    off: dict[int, float] = {}
    clock_s = 0.0
    programs = {}
    for message in file:  # mido's own clock, in seconds
        clock_s += message.time
        if message.type == "note_on":
            on[message.note] = clock_s
            assert message.velocity == int(velocity[message.note - 40])
        elif message.type == "note_off":
            off[message.note] = clock_s
        elif message.type == "program_change":
            programs[message.channel] = message.program
            assert clock_s == 0.0
    assert [on[40 + k] for k in range(30)] == pytest.approx(begin, abs=0.00051)
    assert [off[40 + k] for k in range(30)] == pytest.approx(end, abs=0.00051)
    assert set(programs) == {2, 9}
    assert programs[2] // 8 == 33 // 8


@pytest.mark.parametrize("meter", [3, 4])
def test_sixteenths_have_a_hat_on_nearly_every_step(meter: int) -> None:
    hats = [np.count_nonzero(pattern("sixteen", meter, np.random.default_rng(k)).hat) for k in range(60)]
    assert np.mean(hats) > 0.9 * 4 * meter


def test_a_bass_plays_only_in_the_ways_it_may() -> None:
    for seed in range(20):
        part = bass(score_of(), np.zeros(16), 4, np.random.default_rng(seed), ("off",))
        assert (part.notes["beat"] % 1.0 == 0.5).all()
