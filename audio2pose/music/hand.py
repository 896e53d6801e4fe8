"""What the performer knows better, applied to the tracker's state: taps, 'this is the downbeat', half and double, locks.

Shapes   pointer rows (G, NS), mass (G, n), head, lengths, first (n,) as in pointer.py; allowed: (n,) 1 or nearly 0.
Threads  engine thread only, between two hops; nothing is made in the kernels.
Source   our own.

Help stays until it is taken back (`lock(FREE)`) or all is reset: music that says otherwise does not undo it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F64, I64
from audio2pose.music.pointer import LENGTH, METERS, Pointer, rescale

FREE, TEMPO, GRID = range(3)
# A tap is a beat to within this much (standard deviation); what is further off keeps this share.
TAP_S, TAP_KEEPS = 0.035, 1e-3
# Taps belong together while the next comes within this; so many make a tempo.
TAPS_CLOSE_S, TAPS_APART_S, TAPS_FOR_TEMPO, MOST_TAPS = 0.2, 2.0, 3, 8
# How far, as a ratio, the music may move the tempo that was given by hand.
TAPPED, LOCKED, OCTAVE = 1.12, 1.035, 1.19
NEVER = 1e-12
# A grid runs at the mean pace of so many beats told last, one missing or moved ends the row; so many at least.
MOST_BEATS, LEAST_BEATS, SAME_PACE = 16, 5, 0.08
# After so many beats untold the pointer may have begun anew.
FORGOTTEN_BEATS = 2
MOST_NUDGE_S = 0.5


@njit(cache=True, nogil=True)
def pull_phase(
    beat_hops: float, width_hops: float, keeps: float, lengths: I64, first: I64, head: I64, rows: F64, mass: F64
) -> float:
    """Make likely what has a beat *beat_hops* from now (may be past); return the new total mass."""
    total = 0.0
    for g in range(mass.shape[0]):
        for i in range(lengths.shape[0]):
            n = lengths[i]
            together = 0.0
            for p in range(n):
                off = (n - p) - beat_hops
                off -= n * math.floor(off / n + 0.5)
                k = first[i] + (p + head[i]) % n
                rows[g, k] *= keeps + (1.0 - keeps) * math.exp(-0.5 * (off / width_hops) ** 2)
                together += rows[g, k]
            mass[g, i] = together
            total += together
    return total


@njit(cache=True, nogil=True)
def begin_bar(meters: I64, lengths: I64, first: I64, head: I64, rows: F64, mass: F64) -> None:
    """Make the nearest beat of every state the first of its bar, and the likelier of *meters* the only one.

    Left alone, the other would come up by slips: nothing that is heard speaks against it any more.
    """
    begin = 0
    likeliest = 0
    most = -1.0
    for m in range(meters.shape[0]):
        together = 0.0
        for g in range(begin, begin + meters[m]):
            for i in range(lengths.shape[0]):
                together += mass[g, i]
        if together > most:
            most = together
            likeliest = m
        begin += meters[m]
    begin = 0
    for m in range(meters.shape[0]):
        end = begin + meters[m]
        for i in range(lengths.shape[0]):
            for p in range(lengths[i]):
                k = first[i] + (p + head[i]) % lengths[i]
                to = begin if 2 * p < lengths[i] else end - 1
                together = 0.0
                for g in range(begin, end):
                    together += rows[g, k]
                    rows[g, k] = 1e-30
                if m == likeliest:
                    rows[to, k] = together
        begin = end
    for g in range(mass.shape[0]):
        for i in range(lengths.shape[0]):
            together = 0.0
            for k in range(first[i], first[i] + lengths[i]):
                together += rows[g, k]
            mass[g, i] = together


class Hand:
    """The performer's hand on one pointer. The tracker asks it what is `allowed`, `nudge_s`, `trusted` and the grid.

    `next_s` is when the tracker expects the next beat, before any nudge, `length_s` that beat's length: it may be another
    octave than the pointer's.
    """

    def __init__(self, pointer: Pointer, hop_s: float) -> None:
        self._pointer = pointer
        self._hop_s = hop_s
        self.allowed: F64 = np.ones(len(pointer.lengths))
        self._taps: F64 = np.zeros(MOST_TAPS)
        self._beats: F64 = np.zeros(MOST_BEATS)
        self.reset()

    def reset(self) -> None:
        """Take everything back."""
        self.grid_s, self.place, self.meter = 0.0, 1, 4
        self._beats.fill(0)
        self._told = 1, 4
        self.next_s = self.length_s = 0.0
        self.lock(FREE)
        self.nudge_s = self.shift_beats = 0.0
        self._n_taps = self._off_beat = 0

    def lock(self, mode: int) -> None:
        """FREE takes back all help with tempo and bar; TEMPO keeps the tempo; GRID keeps tempo, beats and bars as they are."""
        self.mode = mode
        # Bars that were set by hand are not counted anew by ear.
        self.trusted = mode == GRID
        if mode == FREE:
            self._given_s = 0.0
        self.allowed.fill(1.0)
        self._holds = False
        self._held_s = 0.0
        line_s, beat_s = self._line()
        # A tempo that drifts is locked as it is now; the even pace of a grid is worth more than its last beats.
        pace_s = (line_s or self._pace_s()) if mode == GRID else (self._pace_s() or line_s)
        if mode != FREE:
            self._allow(pace_s, LOCKED)
        self.period_s = pace_s or self.heard_period_s
        if mode == GRID:
            self.grid_s = self.next_s
            self.place, self.meter = self._told
            if self._beats[-1] > 0.0:
                # Counted on from what was told, which may be another octave than the pointer's, and outlasts its memory.
                last_s, step_s = (beat_s, line_s) if line_s else (float(self._beats[-1]), self.length_s)
                since = round((self.next_s - last_s) / step_s)
                self.place = (self._told[0] - 1 + since) % self.meter + 1
                if line_s:
                    self.grid_s = beat_s + since * line_s

    @property
    def heard_period_s(self) -> float:
        """Seconds of a beat as the pointer tells it, 0 before any sound."""
        return float(self._pointer.reading[LENGTH]) * self._hop_s

    def tap(self, now_s: float, delay_s: float) -> None:
        """A beat is now, at *now_s*; the pointer hears it *delay_s* later.

        From the third tap on they give the tempo, and say on which side of the beat it lies.
        """
        if self._n_taps and 0.0 <= now_s - self._taps[(self._n_taps - 1) % MOST_TAPS] < TAPS_CLOSE_S:
            return  # a finger that bounces
        if self._n_taps and not 0.0 < now_s - self._taps[(self._n_taps - 1) % MOST_TAPS] <= TAPS_APART_S:
            self._n_taps, self._off_beat = 0, 0
        self._taps[self._n_taps % MOST_TAPS] = now_s
        self._n_taps += 1
        apart = (now_s - self.next_s) / self.heard_period_s if self.heard_period_s > 0.0 else 0.0
        self._off_beat += 1 if abs(apart - round(apart)) > 0.25 else -1
        if self._n_taps >= TAPS_FOR_TEMPO:
            n = min(self._n_taps, MOST_TAPS)
            oldest_s = self._taps[(self._n_taps - n) % MOST_TAPS]
            shortest_s, longest_s = (float(self._pointer.lengths[k]) * self._hop_s for k in (0, -1))
            self._given_s = min(max(float(now_s - oldest_s) / (n - 1), shortest_s), longest_s)
            self._allow(self._given_s, TAPPED)
            # A grid runs more evenly than taps: only those that mean another tempo give theirs.
            if abs(math.log(self._given_s / self.period_s)) > math.log(TAPPED):
                self.period_s = self._given_s
            if self._off_beat >= TAPS_FOR_TEMPO:
                # The music says so too, louder than any tap: it is believed, half a beat later.
                self.shift_beats = 0.5 - self.shift_beats
                self._off_beat = 0
        self._pull(delay_s + self.shift_beats * self.heard_period_s)
        self._move_grid(now_s)

    @property
    def sure(self) -> bool:
        """Whether beats are told whatever is heard."""
        return self.mode == GRID

    @property
    def holds(self) -> bool:
        """Whether the tempo was given by hand: then sound is enough to tell beats."""
        return self._holds

    def resync(self, now_s: float, delay_s: float) -> None:
        """This is the downbeat: the beat is now, and it is the first of its bar."""
        self._pull(delay_s + self.shift_beats * self.heard_period_s)
        p = self._pointer
        begin_bar(METERS, p.lengths, p.first, p.head, p.rows, p.mass)
        self.trusted = True
        if self.mode == GRID:
            self.place = (-self._move_grid(now_s)) % self.meter + 1

    def nudge(self, ms: float) -> None:
        """Tell every beat from now on *ms* later (earlier where negative) than it is heard."""
        if math.isfinite(ms):
            self.nudge_s = min(max(self.nudge_s + ms / 1e3, -MOST_NUDGE_S), MOST_NUDGE_S)

    def half(self) -> None:
        """Half the tempo, and stay there; a grid keeps the first and the third beat of its bars."""
        before_s = self.period_s
        self._octave(2.0)
        if self.mode == GRID and self.period_s > 1.5 * before_s > 0.0:
            kept_s = self._beats[-1] + 1.5 * before_s if self._beats[-1] > 0.0 else self.grid_s
            while self.grid_s < kept_s or self.place % 2 == 0:
                self.grid_s += before_s
                self.place = self.place % self.meter + 1
            self.place = (self.place - 1) // 2 + 1

    def double(self) -> None:
        """Twice the tempo, and stay there; a grid's first beat stays the first of a bar."""
        before_s = self.period_s
        self._octave(0.5)
        if self.mode == GRID and 0.0 < self.period_s < before_s / 1.5:
            self.place = 2 * (self.place - 1) % self.meter + 1

    def tempo(self, bpm: float) -> None:
        """The tempo is *bpm*; the phase is heard, but on a grid. Outside of the range nothing changes."""
        p = self._pointer
        if math.isfinite(bpm) and bpm > 0.0 and p.lengths[0] <= 60.0 / bpm / self._hop_s <= p.lengths[-1]:
            self.period_s = self._given_s = 60.0 / bpm
            self._allow(self.period_s, LOCKED)

    def _octave(self, ratio: float) -> None:
        p = self._pointer
        wanted = self._pace_s() * ratio / self._hop_s
        if not p.lengths[0] <= wanted <= p.lengths[-1]:
            return
        self.period_s = self._given_s = wanted * self._hop_s
        self._allow(self.period_s, OCTAVE)

    def remember(self, beat_s: float, position: int, meter: int) -> None:
        """A beat was told for *beat_s*, before any nudge, at *position* of *meter*."""
        self._told = position, meter
        self._beats[:-1] = self._beats[1:]
        self._beats[-1] = beat_s

    def _pace_s(self) -> float:
        """Seconds of a beat now: as heard while beats are told, else as given by hand; 0 where nothing is known."""
        given_s, heard_s = self._given_s, self.length_s
        told = self._beats[-1] > 0.0 and self.next_s - self._beats[-1] <= (FORGOTTEN_BEATS + 0.5) * heard_s
        if given_s > 0.0 and not (told and abs(math.log(heard_s / given_s)) < math.log(OCTAVE)):
            return given_s
        return heard_s if told else 0.0

    def _line(self) -> tuple[float, float]:
        """Seconds of a beat, and the newest beat, on a straight line through the beats told last; 0 where there is none.

        It is as good ten seconds into a breakdown: the pointer has forgotten by then.
        """
        pace_s = float(self._beats[-1] - self._beats[-2])
        n = 2
        while n < MOST_BEATS and abs(self._beats[-n] - self._beats[-n - 1] - pace_s) < SAME_PACE * pace_s:
            n += 1
        if n < LEAST_BEATS or (self._given_s > 0.0 and abs(math.log(pace_s / self._given_s)) > math.log(OCTAVE)):
            return 0.0, 0.0
        k = np.arange(n) - 0.5 * (n - 1)
        period_s = float((k * self._beats[-n:]).sum() / (k * k).sum())
        return period_s, float(self._beats[-n:].mean()) + float(k[-1]) * period_s

    def fold(self, length_s: float) -> float:
        """The power of 2 that brings a beat of *length_s* to the octave that was given by hand; 0 where none was."""
        return self._octaves_of(length_s) if self._held_s > 0.0 else 0.0

    def _octaves_of(self, length_s: float) -> float:
        return 2.0 ** round(math.log2(self._held_s / length_s))

    def pass_beat(self) -> None:
        """The grid's next beat was told: on to the one after it."""
        self.grid_s += self.period_s
        self.place = self.place % self.meter + 1

    def _move_grid(self, now_s: float) -> int:
        """Let a beat of the grid fall on *now_s*; return how many beats before its next one (negative) or after that is."""
        if self.mode != GRID:
            return 0
        beats = round((now_s - self.grid_s) / self.period_s)
        self.grid_s = now_s - beats * self.period_s
        return beats

    def _allow(self, period_s: float, ratio: float) -> None:
        """Only tempi within *ratio* of *period_s* from now on."""
        p, self._held_s = self._pointer, period_s
        if period_s > 0.0 and self._beats[-1] > 0.0:
            # Heard in another octave, it is left there and told in this one: at half its tempo even music has two phases.
            other_s = period_s / self._octaves_of(self.heard_period_s)
            if abs(math.log(other_s / self.heard_period_s)) <= math.log(ratio):
                period_s = other_s
        off = np.abs(np.log(p.lengths * self._hop_s / period_s)) if period_s > 0.0 else np.zeros(len(p.lengths))
        self.allowed[:] = np.where(off <= max(math.log(ratio), float(off.min()) + 1e-9), 1.0, NEVER)
        for i, keep in enumerate(self.allowed):
            p.rows[:, p.first[i] : p.first[i] + p.lengths[i]] *= keep
        # A tempo that was quite unlikely must come up again: the rows are brought back to a sum of 1.
        rescale(float(p.rows.sum()), p.lengths, p.first, p.rows, p.mass)
        p.told(period_s / self._hop_s)
        self._holds = True

    def _pull(self, delay_s: float) -> None:
        p = self._pointer
        total = pull_phase(delay_s / self._hop_s, TAP_S / self._hop_s, TAP_KEEPS, p.lengths, p.first, p.head, p.rows, p.mass)
        rescale(total, p.lengths, p.first, p.rows, p.mass)
