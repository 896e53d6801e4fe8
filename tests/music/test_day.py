"""A day at the decks: music, silence, noise and speech without end; the ears stay as they were in the first hour.

`make soak` hears AUDIO2POSE_SOAK_HOURS of it (24), in about a hundredth of the time; the plain tests hear a minute.
The programme repeats to the sample, so that the same songs can be compared: those of the first hour and those of the last.
"""

from __future__ import annotations

import gc
import math
import os
import resource
from array import array
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from audio2pose.arrays import F32, F64
from audio2pose.music.ears import Ears
from tests.music.sounds import HOP_S, babble, ears, f_measure, hits, noise, song, true_beats

RATE_HZ, HOP = 44100, 441
SONGS = (
    "edm_techno", "rock_ridethattrain", "gr_rock", "latin_salsa", "jump_dance", "waltz_waltz", "edm_house", "rock_courtenay",
    "jazz_swingwalk", "metal_dm05", "latin_son", "gr_hiphop", "drift_mosey", "waltz_viennese",
)  # fmt: skip
GAINS_DB = (0.0, -12.0, 4.0, -24.0, -6.0)
# The first moments of a song are heard while the tracker still looks for it.
SKIP_S = 5.0
MOST_GROWTH_BYTES = 5_000_000


class Programme:
    """Songs with gaps between, *lasts_s* long, over and over; only one song is in memory at a time."""

    def __init__(self, folder: Path, songs: tuple[str, ...], song_s: float, gap_s: float, lasts_s: float) -> None:
        self._folder = folder
        self._songs, self._song_s, self._gap_s = songs, song_s, gap_s
        self.lasts_s, self.n_hops = lasts_s, round(lasts_s / HOP_S)
        self.pieces: list[tuple[float, float, F64]] = []  # begin and end in the programme, beats

    def _gap(self, k: int) -> F32:
        n = round(self._gap_s * RATE_HZ)
        kinds = (np.zeros(n, np.float32), noise(self._gap_s, 0.02, k), 0.5 * babble(self._gap_s, k), np.zeros(0, np.float32))
        return kinds[k % len(kinds)][:n]

    def hops(self) -> Iterator[F32]:
        """One time through; the first time it writes down what is played when."""
        done = 0
        first = not self.pieces
        for k, name in enumerate(self._songs):
            path = self._folder / "beats" / f"{name}.ogg"
            sound, rate_hz = song(path, self._song_s)
            assert rate_hz == RATE_HZ
            sound *= np.float32(10.0 ** (GAINS_DB[k % len(GAINS_DB)] / 20.0))
            begin_s, end_s = done * HOP_S, done * HOP_S + len(sound) / RATE_HZ
            if first:
                beats_s = true_beats(path)
                self.pieces.append((begin_s, end_s, begin_s + beats_s[beats_s < len(sound) / RATE_HZ]))
            for part in (sound, self._gap(k)):
                for at in range(0, len(part) - HOP + 1, HOP):
                    done += 1
                    yield part[at : at + HOP]
        assert done <= self.n_hops, f"the programme is {done * HOP_S:.1f} s long"
        silence = np.zeros(HOP, np.float32)
        for _ in range(self.n_hops - done):
            yield silence


def resident_bytes() -> int:
    """Memory that this process holds now; the most that it ever held, where a system tells no more."""
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def numbers(thing: object, seen: set[int]) -> Iterator[tuple[str, float | np.ndarray]]:
    """Every number and array that *thing* of ours holds, by name."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    for name in [*getattr(thing, "__dict__", {}), *getattr(thing, "__slots__", ())]:
        value = getattr(thing, name)
        if isinstance(value, float | np.ndarray):
            yield f"{type(thing).__name__}.{name}", value
        elif type(value).__module__.startswith("audio2pose."):
            yield from numbers(value, seen)


def measured(told_s: F64, programme: Programme, begin_s: float, passes: int) -> tuple[float, float, int]:
    """F over all songs, median offset in seconds of right beats, and beats told, in *passes* from *begin_s* on."""
    scores, away_s, n = [], [], 0
    for turn in range(passes):
        for piece_begin_s, piece_end_s, beats_s in programme.pieces:
            start_s = begin_s + turn * programme.lasts_s
            told = told_s[(told_s >= start_s + piece_begin_s + SKIP_S) & (told_s < start_s + piece_end_s)] - start_s
            truth = beats_s[beats_s >= piece_begin_s + SKIP_S]
            scores.append(f_measure(truth, told, skip_s=0.0))
            right = told[hits(truth, told)]
            away_s.append(right - truth[np.abs(right[:, None] - truth).argmin(axis=1)])
            n += len(told)
    return float(np.mean(scores)), float(np.median(np.concatenate(away_s))), n


def listen(listener: Ears, programme: Programme, turns: int, span_turns: int) -> tuple[F64, F64, int]:
    """Hear *turns* programmes: beats of the first and of the last *span_turns*, and how much memory grew after the first."""
    first, last = array("d"), array("d")
    held = 0
    for turn in range(turns):
        if turn == span_turns:
            gc.collect()
            held = resident_bytes()
        heard = None
        for hop in programme.hops():
            heard = listener.process(hop)
            if heard["committed"]:
                if turn < span_turns:
                    first.append(float(heard["committed_s"]))
                if turn >= turns - span_turns:
                    last.append(float(heard["committed_s"]))
        assert heard is not None
        assert heard["hop"] == (turn + 1) * programme.n_hops - 1
        assert all(np.isfinite(heard[n]) for n in ("beat", "rate_hz", "tempo_bpm", "confidence", "energy", "level_db"))
    gc.collect()
    return np.array(first), np.array(last), resident_bytes() - held


def hear_days(programme: Programme, turns: int, span_turns: int) -> None:
    """The specification itself."""
    listener = ears()
    listener.warm_up()
    first, last, grown = listen(listener, programme, turns, span_turns)
    f_first, late_first_s, n_first = measured(first, programme, 0.0, span_turns)
    f_last, late_last_s, n_last = measured(last, programme, (turns - span_turns) * programme.lasts_s, span_turns)
    print(
        f"\n{turns * programme.lasts_s / 3600.0:.2f} h: F {f_first:.4f} at first, {f_last:.4f} at last; "
        f"beats told {1e3 * late_first_s:+.2f} ms and {1e3 * late_last_s:+.2f} ms away, {n_first} and {n_last} of them; "
        f"memory {grown / 1e6:+.2f} MB"
    )
    assert f_first > 0.8
    assert abs(f_last - f_first) < 0.02
    assert abs(late_last_s - late_first_s) < 0.002
    assert abs(late_first_s) < 0.015
    assert grown < MOST_GROWTH_BYTES
    # Until the first beat and the first tap there is a time of -inf; after a day of music every number is one.
    wild = [n for n, x in numbers(listener, set()) if np.issubdtype(np.asarray(x).dtype, np.floating) and np.isnan(x).any()]
    assert not wild
    endless = [
        n for n, x in numbers(listener, set()) if isinstance(x, np.ndarray) and x.dtype.kind == "f" and np.isinf(x).any()
    ]
    assert not endless
    assert listener.bad_samples == 0
    assert listener.process(np.zeros(HOP, np.float32))["hop"] == turns * programme.n_hops


def test_the_second_half_of_a_minute_is_heard_as_the_first(testdata: Path) -> None:
    hear_days(Programme(testdata, ("edm_techno", "latin_salsa"), 12.5, 2.0, 30.0), 2, 1)


@pytest.mark.soak
def test_the_last_hour_of_a_day_is_heard_as_the_first(testdata: Path) -> None:
    programme = Programme(testdata, SONGS, 60.0, 8.0, 900.0)
    hours = float(os.environ.get("AUDIO2POSE_SOAK_HOURS", "24"))
    turns = max(2, math.ceil(3600.0 * hours / programme.lasts_s))
    hear_days(programme, turns, min(4, turns // 2))
