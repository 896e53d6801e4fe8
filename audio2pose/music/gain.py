"""Input gain: what comes in too faint to be told from silence is lifted, by itself or by hand.

Shapes   sound: (n,) samples of one hop, changed in place.
Threads  engine thread only; the same sound gives the same gain.
Source   our own. Beats are heard alike at any level; only silence has a level of its own (hear.silence_db).

Music whose loudest moments reach QUIET_DB is never touched, to the last bit: there is nothing to win, and fades stay fades.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from audio2pose.arrays import F32, F64
from audio2pose.config import HearConfig

QUIET_DB = -36.0
"""The loudest 0.4 s of what is fainter are brought up to this."""
FAINTEST_DB = -78.0
"""Below this is the noise of a converter, from which no gain is learnt."""
MOST_DB = 36.0
RISE_DB_S, FALL_DB_S = 6.0, 60.0
FORGET_DB_S = 0.5
"""How fast the loudest moment is forgotten, so that gain follows a fader that was pulled down."""
WINDOW_S = 0.4
LOUDEST = 16.0
"""A sample beyond this is no sound but a fault."""
LEARN_DB_S = 12.0
"""How fast the loudest moment rises: a pop is over before it is taken for music."""
PATIENCE_S = 2.0
"""So much sound is heard before anything is lifted: a song's first moments are softer than the song."""


@njit(cache=True, nogil=True)
def measure(sound: F32, out: F64) -> None:
    """Write into *out* (2,) the mean square and the highest magnitude of the samples (n,) that are numbers."""
    total, peak = 0.0, 0.0
    for i in range(sound.shape[0]):
        x = float(sound[i])
        if -LOUDEST < x < LOUDEST:
            total += x * x
            peak = max(peak, abs(x))
    out[0], out[1] = total / max(sound.shape[0], 1), peak


@njit(cache=True, nogil=True)
def amplify(sound: F32, gain: float) -> None:
    """Multiply *sound* (n,) in place."""
    for i in range(sound.shape[0]):
        sound[i] *= np.float32(gain)


class Gain:
    """`db` is added now; `level_db` is how loud the last WINDOW_S came in, `peak` the highest sample of the hop."""

    def __init__(self, config: HearConfig) -> None:
        self._config = config
        self._squares: F64 = np.zeros(max(1, round(WINDOW_S / config.hop_s)))
        self._measured: F64 = np.zeros(2)
        self._first_db: F64 = np.zeros(max(1, round(PATIENCE_S / config.hop_s)))
        self.reset()

    def reset(self) -> None:
        """As in the settings; nothing was heard yet."""
        self._squares.fill(0.0)
        self._hops = self._heard_hops = 0
        self._loudest_db = -math.inf
        self.level_db = -120.0
        self.peak = 0.0
        self.auto, self.db = self._config.auto_gain, self._config.gain_db
        if self._config.gain_db != 0.0:
            self.auto = False

    def by_hand(self, db: float) -> None:
        """*db* from now on, whatever comes in. Threads: engine."""
        self.auto, self.db = False, min(max(db, -60.0), 60.0)

    def by_itself(self) -> None:
        """Find the gain from what comes in. Threads: engine."""
        self.auto, self._loudest_db, self._heard_hops = True, -math.inf, 0

    def process(self, sound: F32) -> None:
        """Listen to *sound* (n,), then amplify it in place. Threads: engine."""
        n = self._squares.shape[0]
        measure(sound, self._measured)
        self._squares[self._hops % n], self.peak = float(self._measured[0]), float(self._measured[1])
        self._hops += 1
        mean = float(self._squares.sum()) / n
        self.level_db = max(-120.0, 10.0 * math.log10(mean)) if mean > 1e-12 else -120.0
        if self.auto and self.level_db > FAINTEST_DB:
            self._learn()
        if self.db != 0.0:
            gain = 10.0 ** (self.db / 20.0)
            # What comes in loud before the gain has fallen is not made louder than loud.
            amplify(sound, min(gain, max(1.0 / self.peak, 1.0)) if self.auto and self.peak > 0.0 else gain)

    def _learn(self) -> None:
        hop_s = self._config.hop_s
        if self._heard_hops < self._first_db.shape[0]:
            self._first_db[self._heard_hops] = self.level_db
            self._heard_hops += 1
            # Most of the way up: what was louder for a moment may be a plug's pop.
            self._loudest_db = float(np.percentile(self._first_db[: self._heard_hops], 75.0))
            return
        change_db = self.level_db - self._loudest_db
        self._loudest_db += min(max(change_db, -FORGET_DB_S * hop_s), LEARN_DB_S * hop_s)
        wanted = min(max(QUIET_DB - self._loudest_db, 0.0), MOST_DB)
        self.db += min(max(wanted - self.db, -FALL_DB_S * hop_s), RISE_DB_S * hop_s)
