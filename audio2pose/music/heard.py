"""What the ears heard in one hop: the only thing that the dancer knows of the sound.

`beat` is the beat clock b at the end of the hop: monotone, smooth, a whole number on each beat; it runs on between and
past beats. `rate_hz` is its present speed, so b(t + L) = beat + rate_hz * L. Beat n (a whole number) stands at place
(n - bar_origin) mod meter + 1 of the bar where meter > 0. At most one beat is committed in a hop.
"""

from __future__ import annotations

import numpy as np

IDLE, LISTENING, LOCKED, FLYWHEEL, SILENT = range(5)
STATE_NAMES: tuple[str, ...] = ("idle", "listening", "locked", "flywheel", "silent")

HEARD = np.dtype(
    [
        ("hop", np.int64),  # index of the hop; its end is at (hop + 1) * hop_s stream seconds
        ("beat", np.float64),  # b at the hop's end, beats
        ("rate_hz", np.float64),  # db/dt, beats per second, the clock's bend included
        ("committed_s", np.float64),  # stream time of the beat committed in this hop, else NaN
        ("bar_origin", np.int64),  # a beat number that is a downbeat; valid where meter > 0
        ("tempo_bpm", np.float32),  # the tracker's tempo without the clock's bend; 0 before the first lock
        ("confidence", np.float32),  # 0..1
        ("level_db", np.float32),  # loudness of the last 0.4 s, dBFS, gain included
        ("gain_db", np.float32),  # what was added to the sound as it came in
        ("peak", np.float32),  # highest sample of the hop as it came in; 1 is full scale
        ("energy", np.float32),  # 0..1: loudness against this song's own range so far, last two beats
        ("bass", np.float32),  # 0..1: share of the low band in the last two beats, against its own range
        ("density", np.float32),  # onsets in a beat, last four beats (0..4)
        ("brightness", np.float32),  # 0..1: spectral centroid against its own range
        ("drive", np.float32),  # 0..1: how hard the music asks a body to work: energy, more where kick and bass strike
        ("onset_low", np.float32),  # 0..1, this hop
        ("onset_mid", np.float32),
        ("onset_high", np.float32),
        ("jumps", np.uint32),  # how often b has jumped so far
        ("state", np.uint8),  # IDLE .. SILENT
        ("meter", np.uint8),  # beats in a bar, 0 unknown
        ("committed", np.uint8),  # 1 where a beat was committed in this hop
        ("position", np.uint8),  # place in the bar of that beat, 1 is the downbeat, 0 unknown
    ]
)
