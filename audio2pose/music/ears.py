"""Ears: a hop of sound in, what was heard of it out. Everything that the dancer knows of the music comes from here.

Shapes   hop: (n,) mono, about sample_rate_hz * hop_s samples; heard: one HEARD, overwritten by the next call.
Threads  engine thread only. Hops are counted, never timed: the same sound gives the same bits.
Source   our own; the order is gain, spectrum, onset, beat, clock, features.
"""

from __future__ import annotations

import math

import numpy as np

from audio2pose.arrays import F32, F64, I64, Record
from audio2pose.config import BeatConfig, ClockConfig, HearConfig
from audio2pose.music.beat import BeatTracker
from audio2pose.music.clock import BeatClock
from audio2pose.music.drive import Drive
from audio2pose.music.features import FeatureWindow
from audio2pose.music.gain import Gain
from audio2pose.music.heard import FLYWHEEL, HEARD, IDLE, LISTENING, LOCKED, SILENT
from audio2pose.music.network import N_TEMPI

LEVEL_WINDOW_S = 0.4
# How long beats are counted on without any being heard.
FLYWHEEL_S = 20.0
QUIETEST_DB = -120.0
ACTIVATION, DOWNBEAT, SOUNDING, TEMPO = range(4)
N_ACTIVATIONS = TEMPO + N_TEMPI


class Ears:
    """Hears hop by hop. `features` is the window of the last beats, `activation` (A,) what whole.decode needs of a hop.

    Its columns: ACTIVATION, DOWNBEAT (if it is a beat), SOUNDING, and from TEMPO on each tempo class's probability.
    """

    def __init__(self, hear: HearConfig, beat: BeatConfig, clock: ClockConfig, sample_rate_hz: int) -> None:
        self._config = hear
        self._hop_s = hear.hop_s
        self.gain = Gain(hear)
        self._tracker = BeatTracker(hear, beat, sample_rate_hz)
        self._clock = BeatClock(clock, hear.hop_s)
        self.features = FeatureWindow(hear.hop_s, self._tracker.spectrum)
        self.drive = Drive(hear.hop_s)
        self.activation: F32 = np.zeros(N_ACTIVATIONS, np.float32)
        # Sound is copied here first: kernels are compiled for this one kind of array, whatever the caller holds.
        self._hop: F32 = np.zeros(4 * math.ceil(sample_rate_hz * hear.hop_s) + 4, np.float32)
        self._levels: F64 = np.zeros(max(1, round(LEVEL_WINDOW_S / hear.hop_s)))
        self._heards = np.zeros(1, HEARD)
        self._heard: Record = self._heards[0]
        self.reset()

    @property
    def bad_samples(self) -> int:
        """Samples so far that were no number and were taken as 0."""
        return self._tracker.spectrum.bad_samples

    @property
    def gain_by_hand_db(self) -> float | None:
        """The input's gain; None while it is found from the sound."""
        return None if self.gain.auto else self.gain.db

    @property
    def tempo_lengths(self) -> I64:
        """(n,) beat length in hops of each tempo that the tracker knows, short to long."""
        return self._tracker.pointer.lengths

    @property
    def tempo_belief(self) -> F64:
        """(n,) how much the tracker believes in each tempo now, of any sum; overwritten by the next call."""
        return self._tracker.pointer.tempo

    def reset(self) -> None:
        """Forget all sound and count hops from 0 again."""
        for part in (self.gain, self._tracker, self._clock, self.features, self.drive):
            part.reset()
        for state in (self.activation, self._hop, self._levels, self._heards):
            state[:] = 0
        self._n_hops = 0
        self._quiet_hops = 0
        self._heard_sound = False
        self._was_locked = False
        self._unlocked_hops = 0

    def warm_up(self) -> None:
        """Compile every kernel, then reset. A second of clicks reaches all of them."""
        self.reset()
        self.gain.by_hand(1.0)
        for k in range(round(1.0 / self._hop_s)):
            self._hop[:] = 0.5 if k % 20 == 0 else 0.0
            self.process(self._hop[: self._hop.shape[0] // 4])
        self.reset()

    def ahead(self, lead_s: float) -> tuple[float, float]:
        """The beat clock *lead_s* after the last hop, and its standard deviation in seconds. Threads: engine."""
        return self._clock.ahead(lead_s)

    def help(self, name: str, value: float = 0.0) -> None:
        """What the performer knows better: `gain` in dB, `autogain` 1 or 0, or as BeatTracker.help takes it.

        Threads: engine, between two hops.
        """
        if name == "gain":
            self.gain.by_hand(value)
        elif name == "autogain":
            if value:
                self.gain.by_itself()
            else:
                self.gain.by_hand(self.gain.db)
        else:
            self._tracker.help(name, value)

    def process(self, hop: F32) -> Record:
        """What was heard in *hop* (n,); valid until the next call. Never raises on sound. Threads: engine."""
        n = min(hop.shape[0], self._hop.shape[0])
        sound = self._hop[:n]
        sound[:] = hop[:n]
        self.gain.process(sound)
        tracker = self._tracker
        level_db = self._level_db(tracker.listen(sound))
        sounding = level_db > self._config.silence_db
        self._quiet_hops = 0 if sounding else self._quiet_hops + 1
        silent = self._quiet_hops * self._hop_s >= self._config.silence_grace_s
        self._heard_sound = self._heard_sound or sounding

        beat = tracker.follow(self._heard_sound and not silent)
        self._n_hops += 1
        clock = self._clock
        b = clock.process(self._n_hops * self._hop_s, beat)
        features = self.features
        features.process(tracker.spectrum, tracker.onset.activation, b, clock.rate_hz, sounding)
        self.activation[ACTIVATION] = tracker.front.beat
        self.activation[DOWNBEAT] = tracker.front.downbeat
        self.activation[SOUNDING] = sounding
        self.activation[TEMPO:] = tracker.front.tempo

        heard, strength = self._heard, tracker.onset.strength
        heard["hop"] = self._n_hops - 1
        heard["beat"] = b
        heard["rate_hz"] = clock.rate_hz
        heard["committed"] = beat["committed"]
        heard["committed_s"] = beat["beat_s"] if beat["committed"] else math.nan
        heard["position"] = clock.position if beat["committed"] else 0
        heard["bar_origin"] = clock.bar_origin
        heard["meter"] = clock.meter
        heard["tempo_bpm"] = clock.tempo_bpm
        heard["confidence"] = beat["confidence"] if beat["locked"] else 0.0
        heard["level_db"] = level_db
        heard["gain_db"], heard["peak"] = self.gain.db, self.gain.peak
        heard["energy"] = features.energy
        heard["bass"] = features.bass
        heard["density"] = features.density
        heard["brightness"] = features.brightness
        heard["drive"] = self.drive.process(features.energy, float(strength[0]), clock.rate_hz)
        heard["onset_low"] = strength[0]
        heard["onset_mid"] = 0.5 * (strength[1] + strength[2])
        heard["onset_high"] = strength[3]
        heard["jumps"] = clock.jumps
        heard["state"] = self._state(silent and not tracker.hand.sure, bool(beat["locked"]))
        return heard

    def _level_db(self, mean_square: float) -> float:
        self._levels[self._n_hops % self._levels.shape[0]] = mean_square
        mean = float(self._levels.sum()) / self._levels.shape[0]
        return max(QUIETEST_DB, 10.0 * math.log10(mean)) if mean > 1e-12 else QUIETEST_DB

    def _state(self, silent: bool, locked: bool) -> int:
        if not self._heard_sound:
            return IDLE
        if silent:
            self._was_locked = False
            return SILENT
        self._unlocked_hops = 0 if locked else self._unlocked_hops + 1
        # A breakdown comes to an end; what goes on for longer is no music any more.
        self._was_locked = locked or (self._was_locked and self._unlocked_hops * self._hop_s < FLYWHEEL_S)
        if locked:
            return LOCKED
        return FLYWHEEL if self._was_locked else LISTENING
