"""Sound in, beats out: each is committed before it happens, with its place in the bar, and never taken back.

Shapes   hop: (n,) mono; state: one BEAT_STATE, overwritten by the next call.
Threads  engine thread only; nothing is made in process.
Source   our own; the order is spectrum, onset strength, front, bar pointer, gate.
"""

from __future__ import annotations

import math
from operator import mul

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64, Record
from audio2pose.config import BeatConfig, HearConfig
from audio2pose.music.bar import DOWNBEAT_PRIOR
from audio2pose.music.front import LEAST, MOST, PLAIN, Front
from audio2pose.music.hand import FREE, GRID, TEMPO, Hand
from audio2pose.music.network import Weights, tempo_classes_bpm
from audio2pose.music.onset import Onset
from audio2pose.music.pointer import (
    GROUP,
    LENGTH,
    METER,
    PLACE,
    PROBABILITY,
    REST,
    Pointer,
    PointerModel,
    tempo_grid,
)
from audio2pose.music.spectrum import N_BANDS, Spectrum

BEAT_STATE = np.dtype(
    [
        ("committed", np.bool_),  # a beat was committed in this hop
        ("beat_s", np.float64),  # its stream time
        ("position", np.int64),  # its place in the bar, 1 is the downbeat, 0 unknown
        ("meter", np.int64),  # beats in that bar
        ("locked", np.bool_),  # evidence stands above the gate
        ("tempo_bpm", np.float64),
        ("next_beat_s", np.float64),  # stream time at which the next beat is expected now
        ("phase", np.float64),  # 0..1 since the last beat
        ("confidence", np.float64),  # 0..1
        ("evidence", np.float64),  # nats a second above 'no pulse at all'
        ("probability", np.float64),  # of the states around the told beat
    ]
)

# A beat is told no later than this before it happens; one that turns up later by less than the slack is told late by
# as much, one still later is left out.
LEAST_AHEAD_S, SLACK_S = 0.060, 0.030
# Confidence of a told beat: logit = the sum of these times confidence_terms; fitted by data.hearing.calibrate.
CONFIDENCE = (-0.375, 0.242, 0.196, -0.045)
SUREST = 0.999
OLD_S = 10.0
# Every tempo that is listened for, whatever range is told; a tempo just outside of the range is still told as it is.
WIDE_BPM = (55.0, 215.0)
FOLD_SLACK, FOLD_STAYS = 1.03, 1.08
# So long after the first onset little evidence will do, and after so much more it takes all of it.
EAGER_S, SETTLE_S = 1.2, 1.8
# The plain front's evidence of the same music is about half the network's.
PLAIN_SHARE = 0.5
# An octave that was told for so long is changed only for a much likelier one.
SETTLED_S = 8.0
# Hops without anything like a beat, for so long, and all is forgotten.
HARDLY_A_BEAT = 0.08
# Mean square of a hop in which there is no sound at all: -70 dBFS, or 42 dB below the loudest of the last seconds, in which
# a pop counts for little.
SOUNDLESS, FAINT, LOUD_S, LOUDEST_FALLS_S = 1e-7, 6e-5, 0.3, 2.0


def confidence_terms(probability: float, evidence: float, age_s: float) -> tuple[float, float, float, float]:
    """What tells how sure a beat is: a constant, the logit of its probability, the evidence, how long sound was heard."""
    p = min(max(probability, 1.0 - SUREST), SUREST)
    return 1.0, math.log(p / (1.0 - p)), evidence, min(age_s, OLD_S)


@njit(cache=True, nogil=True)
def favour_tempi(classes: F64, at: F64, power: F64, mass: F64, allowed: F64, out: F64) -> None:
    """Write into *out* (n,) how likely the network thinks each tempo, to the *power* (n,) of its beat's length.

    *classes* (C,) are its probabilities, *at* (n,) the place of each tempo among them. They are told against their mean over
    *mass* (n,), before the power: a slow tempo is favoured half as often as its double, and must not pay for that.
    """
    total = 0.0
    mean = 0.0
    for i in range(out.shape[0]):
        low = min(int(at[i]), classes.shape[0] - 2)
        share = at[i] - low
        out[i] = math.log((1.0 - share) * classes[low] + share * classes[low + 1] + 1e-4)
        total += mass[i]
        mean += mass[i] * out[i]
    if total > 0.0:
        mean /= total
    for i in range(out.shape[0]):
        out[i] = math.exp(power[i] * (out[i] - mean)) * allowed[i]


def fold(period_s: float, config: BeatConfig) -> float:
    """1, or the power of 2 that brings a beat of *period_s* into the range: 2 where each second beat is told."""
    bpm, ratio = 60.0 / period_s, 1.0
    # A range under an octave cannot hold every tempo: then the nearest stays.
    while bpm / ratio > config.max_bpm * FOLD_SLACK and bpm / ratio / 2.0 > config.min_bpm / FOLD_SLACK**4:
        ratio *= 2.0
    while bpm / ratio < config.min_bpm / FOLD_SLACK and bpm / ratio * 2.0 < config.max_bpm * FOLD_SLACK**4:
        ratio /= 2.0
    return ratio


# What `help` understands.
HELP = ("tap", "resync", "nudge", "tempo", "half", "double", "lock")


class BeatTracker:
    """Hops in, committed beats out. A beat is told at least 60 ms ahead and never taken back.

    `spectrum`, `onset` and `front` are those of the last hop. Raises LibraryError where the network's weights are damaged.
    """

    def __init__(self, hear: HearConfig, beat: BeatConfig, sample_rate_hz: int, weights: Weights | None = None) -> None:
        self._config = beat
        self._hop_s = hear.hop_s
        self.spectrum = Spectrum(hear, sample_rate_hz)
        self.onset = Onset(hear.hop_s, N_BANDS)
        self.front = Front(beat, hear.hop_s, weights)
        model = PointerModel(
            tempo_lambda=beat.tempo_lambda,
            beat_hops=beat.beat_hops,
            octave_share=beat.octave_share,
            slip=beat.bar_slip,
            afresh=beat.afresh,
        )
        # A narrow range is folded into, not heard in: half the true tempo has all its beats, and as many between them.
        lengths = tempo_grid(min(beat.min_bpm, WIDE_BPM[0]), max(beat.max_bpm, WIDE_BPM[1]), hear.hop_s)
        self.pointer = Pointer(model, lengths)
        self.hand = Hand(self.pointer, hear.hop_s)
        self._favour: F64 = np.ones(len(lengths))
        bpm = 60.0 / (lengths * hear.hop_s)
        # Which two tempo classes of the network each tempo lies between.
        classes = np.log(tempo_classes_bpm())
        self._class: F64 = np.array(np.interp(np.log(bpm), classes, np.arange(len(classes))), np.float64)
        self._tempo_power: F64 = np.asarray(beat.tempo_weight * hear.hop_s * lengths, np.float64)
        self._loud_share = hear.hop_s / LOUD_S
        self._keep_loudest = math.exp(-hear.hop_s / LOUDEST_FALLS_S)
        self._keep_evidence = 0.5 ** (hear.hop_s / beat.evidence_half_life_s)
        self._states = np.zeros(1, BEAT_STATE)
        self.state: Record = self._states[0]
        self.reset()

    def reset(self) -> None:
        """Forget all sound and count hops from 0 again."""
        for part in (self.spectrum, self.onset, self.front):
            part.reset()
        self._hop = 0
        self._last_beat_s = -math.inf
        self._told = 0
        self._ratio = 1.0
        self._soundless = False
        self._loud = self._loudest = 0.0
        # Nothing was heard yet: the pointer waits for the first onset.
        self._quiet_hops = round(self._config.forget_s / self._hop_s)
        self._locked = False
        self._forget()
        self.hand.reset()
        self._states[:] = 0

    def _forget(self) -> None:
        self.pointer.reset()
        self._evidence = self._config.evidence_none
        self._alive_hops = 0

    def process(self, hop: F32, sounding: bool = True) -> Record:
        """State after one more *hop* (n,). *sounding* is False where nothing may be committed. Threads: engine."""
        self.listen(hop)
        return self.follow(sounding)

    def listen(self, hop: F32) -> float:
        """First half of process: hear *hop* (n,), return its mean square. Threads: engine."""
        bands = self.spectrum.process(hop)
        self.front.process(bands, self.onset.process(bands))
        self._loud += self._loud_share * (self.spectrum.mean_square - self._loud)
        self._loudest = max(self._loud, self._loudest * self._keep_loudest)
        self._soundless = self.spectrum.mean_square < max(SOUNDLESS, FAINT * self._loudest)
        return self.spectrum.mean_square

    def follow(self, sounding: bool = True) -> Record:
        """Second half of process: move on by the hop that was heard. Threads: engine."""
        config, state, front = self._config, self.state, self.front
        self._hop += 1
        # The network remembers the beat and goes on with it in silence.
        quiet = front.heard_beat < HARDLY_A_BEAT or self._soundless
        self._quiet_hops = self._quiet_hops + 1 if quiet else 0
        alive = self._quiet_hops * self._hop_s < config.forget_s
        if alive or self.hand.mode != FREE:
            self._turn()
        elif self._alive_hops > 0:
            self._forget()
        if not (alive or self.hand.sure):
            self._locked = False
        self._tell(self._hop * self._hop_s, alive and sounding)
        state["evidence"] = self._evidence
        return state

    def _turn(self) -> None:
        """Move the pointer on by the hop that was heard."""
        config, front, pointer = self._config, self.front, self.pointer
        beat = min(max(front.beat, LEAST), MOST)
        ratio = beat / (1.0 - beat) * config.beat_odds
        weight = 0.0 if self.hand.trusted else config.downbeat_weight * beat
        downbeat = min(max(front.downbeat, 0.02), 0.95)
        favour_tempi(front.tempo, self._class, self._tempo_power, pointer.tempo, self.hand.allowed, self._favour)
        gained = pointer.process(
            ratio,
            (downbeat / DOWNBEAT_PRIOR) ** weight,
            ((1.0 - downbeat) / (1.0 - DOWNBEAT_PRIOR)) ** weight,
            self._favour,
            1.0 + (config.octave_stay - 1.0) * min(self.age_s / SETTLED_S, 1.0),
            self.hand.trusted,
        )
        # A mean at first, so that little is needed to lock; then an old beat counts ever less.
        self._alive_hops += 1
        share = max(1.0 - self._keep_evidence, 1.0 / (self._alive_hops + config.evidence_first_s / self._hop_s))
        self._evidence += share * (gained / self._hop_s - self._evidence)

    @property
    def age_s(self) -> float:
        """Seconds since the first onset after silence."""
        return self._alive_hops * self._hop_s

    @property
    def _gate(self) -> float:
        """Evidence that it takes to tell a beat: little in the first moments of sound, then more, and less once locked."""
        config = self._config
        grown = min(max((self.age_s - EAGER_S) / SETTLE_S, 0.0), 1.0)
        wanted = config.evidence_off if self._locked else config.evidence_on
        wanted *= PLAIN_SHARE if config.front == PLAIN else 1.0
        return config.evidence_early + grown * (wanted - config.evidence_early)

    def help(self, name: str, value: float) -> None:
        """What the performer knows better: one of HELP, *value* where it takes one. Others change nothing. Threads: engine."""
        now_s = self._hop * self._hop_s
        hand, delay_s = self.hand, self.front.delay_s
        if name == "tap":
            hand.tap(now_s, delay_s)
        elif name == "resync":
            hand.resync(now_s, delay_s)
        elif name == "nudge":
            hand.nudge(value)
        elif name == "tempo":
            hand.tempo(value)
        elif name == "half":
            hand.half()
        elif name == "double":
            hand.double()
        elif name == "lock" and value in (FREE, TEMPO, GRID):
            hand.lock(int(value))

    def _tell(self, now_s: float, may: bool) -> None:
        """Write where the next beat is, and commit to it when it is near."""
        config, state, hand = self._config, self.state, self.hand
        reading = self.pointer.reading
        length_s, rest_s = float(reading[LENGTH]) * self._hop_s, float(reading[REST]) * self._hop_s
        next_s = now_s + rest_s - self.front.delay_s + hand.shift_beats * length_s + hand.nudge_s
        group = int(reading[GROUP])
        # The pointer is still in the beat before the one that comes.
        meter, position = int(METER[group]), int(PLACE[group]) % int(METER[group]) + 1
        told_bpm = 60.0 / length_s / self._ratio
        # A tempo that wavers about the range's end must not be folded to and fro.
        if not config.min_bpm / FOLD_STAYS <= told_bpm <= config.max_bpm * FOLD_STAYS:
            self._ratio = fold(length_s, config)
        ratio = hand.fold(length_s) or self._ratio
        if ratio > 1.0:
            length_s, next_s, position = self._slower(int(ratio), length_s, next_s, position, meter)
        elif ratio < 1.0:
            length_s, next_s, position = self._faster(round(1.0 / ratio), now_s, length_s, next_s, position, meter)
        # Moved by hand, one before it may still be to come, or it is too late for this one.
        moved = -max(math.ceil((next_s - now_s) / length_s) - 1, 0)
        if hand.nudge_s < 0.0:
            moved = max(moved, math.ceil((LEAST_AHEAD_S - SLACK_S - next_s + now_s) / length_s))
        next_s += moved * length_s
        position = (position - 1 + moved) % meter + 1
        if hand.mode == GRID:
            length_s, meter, position = hand.period_s, hand.meter, hand.place
            next_s = hand.grid_s + hand.nudge_s
        hand.next_s, hand.length_s = next_s - hand.nudge_s, length_s
        state["committed"] = False
        if next_s - now_s <= config.commit_ahead_s:
            if next_s - self._last_beat_s > config.least_gap_beats * length_s:
                self._commit(now_s, next_s, meter, position, may)
            if hand.mode == GRID:
                hand.pass_beat()
        state["locked"] = self._locked
        state["tempo_bpm"] = 60.0 / length_s
        state["next_beat_s"] = next_s
        state["phase"] = min(max(1.0 - (next_s - now_s) / length_s, 0.0), 1.0)
        state["probability"] = reading[PROBABILITY]
        terms = confidence_terms(float(reading[PROBABILITY]), self._evidence, self.age_s)
        state["confidence"] = 1.0 / (1.0 + math.exp(-min(max(sum(map(mul, CONFIDENCE, terms)), -20.0), 20.0)))

    def _slower(self, n: int, length_s: float, next_s: float, position: int, meter: int) -> tuple[float, float, int]:
        """Length, time and place of the next beat where each *n*-th is told, from the downbeat on where bars allow it."""
        told = self._told
        if meter % n == 0:
            skip = -(position - 1) % n
            place = (position - 1 + skip) // n
            while told % (meter // n) != place % (meter // n):
                told += 1
        else:
            since = round((next_s - self._last_beat_s) / length_s) if math.isfinite(self._last_beat_s) else n
            skip = max(n - since, 0)
        return length_s * n, next_s + skip * length_s, told % meter + 1

    def _faster(
        self, n: int, now_s: float, length_s: float, next_s: float, position: int, meter: int
    ) -> tuple[float, float, int]:
        """Length, time and place of the next beat where *n* are told for each."""
        length_s /= n
        early = max(math.floor((next_s - now_s) / length_s), 0)
        return length_s, next_s - early * length_s, ((position - 1) * n - early) % meter + 1

    def _commit(self, now_s: float, next_s: float, meter: int, position: int, may: bool) -> None:
        """The beat at *next_s* is near: tell it, if there is a beat at all and it is not too late to move in time."""
        state = self.state
        in_time = next_s - now_s >= LEAST_AHEAD_S - SLACK_S
        beat_s = max(next_s, now_s + LEAST_AHEAD_S)
        self._last_beat_s = beat_s
        self._locked = self.hand.sure or (may and (self.hand.holds or self._evidence >= self._gate))
        if self._locked and in_time:
            self.hand.remember(next_s - self.hand.nudge_s, position, meter)
            state["committed"] = True
            state["beat_s"] = beat_s
            state["meter"], state["position"] = meter, position
            self._told = position
