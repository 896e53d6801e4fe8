"""The front: what a hop tells of the beat, with the network and without, and how late it tells it."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.arrays import F32, F64
from audio2pose.config import BeatConfig, HearConfig
from audio2pose.errors import LibraryError
from audio2pose.music import front as front_module
from audio2pose.music.bar import DOWNBEAT_PRIOR
from audio2pose.music.front import BEAT_HERE, DOWNBEAT_HERE, HEARD_BEAT, LEARNED, PLAIN, Front, combine
from audio2pose.music.hops import Hopper
from audio2pose.music.network import BEAT, DOWNBEAT, N_TEMPI, TEMPO
from audio2pose.music.onset import Onset
from audio2pose.music.spectrum import N_BANDS, Spectrum
from tests.music.sounds import HOP_S, babble, clicks, noise

BOTH = pytest.mark.parametrize("kind", [LEARNED, PLAIN])


def front_of(kind: str) -> Front:
    return Front(BeatConfig(front=kind), HOP_S)


def told(sound: F32, kind: str, rate_hz: int = 44100, listener: Front | None = None) -> tuple[F64, F64]:
    """(H, 2) beat and downbeat and (H, C) tempo of *sound*."""
    spectrum, onset, front = Spectrum(HearConfig(), rate_hz), Onset(HOP_S, N_BANDS), listener or front_of(kind)
    rows, tempi = [], []
    for hop in Hopper(rate_hz, HOP_S).feed(sound):
        bands = spectrum.process(hop)
        front.process(bands, onset.process(bands))
        rows.append((front.beat, front.downbeat))
        tempi.append(front.tempo.copy())
    return np.array(rows), np.array(tempi)


@BOTH
def test_silence_tells_no_beat_after_the_first_moment(kind: str) -> None:
    rows, _ = told(np.zeros(5 * 44100, np.float32), kind)
    assert rows[100:, 0].max() < 0.08


@BOTH
@pytest.mark.parametrize(
    "sound",
    [
        noise(3.0, 0.1), babble(3.0), clicks(120, 3.0)[0], 50.0 * clicks(120, 3.0)[0], np.zeros(44100, np.float32),
        np.full(44100, np.nan, np.float32), np.sign(noise(1.0, 1.0)),
    ],
    ids=["noise", "babble", "clicks", "clipped clicks", "silence", "nan", "clipped noise"],
)  # fmt: skip
def test_whatever_sounds_all_are_probabilities(kind: str, sound: F32) -> None:
    rows, tempi = told(sound, kind)
    assert np.isfinite(rows).all()
    assert rows.min() >= 0.0
    assert rows.max() <= 1.0
    assert tempi.min() >= 0.0
    assert np.abs(tempi.sum(axis=1) - 1.0).max() < 1e-9


@BOTH
@pytest.mark.parametrize("bpm", [97.3, 143.1])
def test_a_beat_is_told_delay_s_after_it_fell_to_within_8_ms(kind: str, bpm: float) -> None:
    """Tempi that are no whole number of hops, so that beats fall anywhere within one."""
    sound, beats_s = clicks(bpm, 14.0)
    rows, _ = told(sound, kind)
    front, beat = front_of(kind), rows[:, 0]
    late_s = []
    for beat_s in beats_s[(beats_s > 3.0) & (beats_s < 13.5)]:
        near = np.arange(round(beat_s / HOP_S) - 4, round(beat_s / HOP_S) + 12)
        peak = near[beat[near].argmax()] + np.arange(-1, 2)
        late_s.append(((peak + 1) * HOP_S * beat[peak]).sum() / beat[peak].sum() - beat_s)
    assert abs(float(np.mean(late_s)) - front.delay_s) < 0.008
    assert np.abs(np.array(late_s) - front.delay_s).max() < 0.016


@BOTH
def test_on_a_click_the_beats_stand_out(kind: str) -> None:
    sound, beats_s = clicks(120, 10.0)
    beat = told(sound, kind)[0][:, 0]
    at = np.round((beats_s[4:-1] + front_of(kind).delay_s) / HOP_S).astype(int) - 1
    on = np.max([beat[at + k] for k in (-1, 0, 1)], axis=0)
    between = beat[at + 25]
    assert on.min() > 0.4
    assert between.max() < 0.1


@BOTH
def test_in_one_go_and_after_reset_it_tells_the_same_bits(kind: str) -> None:
    sound, _ = clicks(133, 4.0)
    front = front_of(kind)
    first = told(sound, kind, listener=front)
    front.reset()
    again = told(sound, kind, listener=front)
    assert all(np.array_equal(a, b) for a, b in zip(first, again))


@BOTH
def test_before_any_sound_it_tells_what_is_so_of_all_music(kind: str) -> None:
    front = front_of(kind)
    for _ in range(2):
        assert (front.beat, front.heard_beat, front.downbeat) == (0.0, 0.0, DOWNBEAT_PRIOR)
        assert np.allclose(front.tempo, 1.0 / N_TEMPI)
        front.process(np.ones(N_BANDS, np.float32), 1.0)
        front.reset()


def test_the_plain_front_reads_no_weights_and_the_learned_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def damaged() -> None:
        raise LibraryError("the weights of the hearing are damaged: install audio2pose again")

    monkeypatch.setattr(front_module, "shipped_weights", damaged)
    rows, tempi = told(clicks(120, 3.0)[0], PLAIN)
    assert rows[:, 0].max() > 0.5
    assert (tempi == 1.0 / N_TEMPI).all()
    with pytest.raises(LibraryError):
        front_of(LEARNED)


def combined(beat: float, onset: float, share: float, downbeat: float = 0.0) -> F64:
    logits = np.zeros(TEMPO + N_TEMPI, np.float32)
    logits[BEAT], logits[DOWNBEAT] = beat, downbeat
    out = np.zeros(3)
    combine(logits, onset, share, out, np.zeros(N_TEMPI))
    return out


def test_network_and_onset_are_weighed_by_the_share() -> None:
    assert combined(0.0, 0.5, 0.3)[BEAT_HERE] == pytest.approx(0.5)
    assert combined(2.0, 0.9, 0.0)[BEAT_HERE] == pytest.approx(1.0 / (1.0 + np.exp(-2.0)))
    assert combined(2.0, 0.9, 1.0)[BEAT_HERE] == pytest.approx(0.9)
    assert combined(2.0, 0.1, 0.5)[HEARD_BEAT] == combined(2.0, 0.9, 0.5)[HEARD_BEAT]
    # A beat that no onset marks is still heard, and an onset alone is no beat.
    assert combined(8.0, 0.0, 0.45)[BEAT_HERE] > 0.15
    assert combined(-8.0, 1.0, 0.45)[BEAT_HERE] < 0.02


@pytest.mark.parametrize("logit", [-1e30, -700.0, 0.0, 700.0, 1e30])
def test_no_logit_is_too_large(logit: float) -> None:
    out = combined(logit, 0.5, 0.45, logit)
    assert np.isfinite(out).all()
    assert 0.0 <= out.min() <= out.max() <= 1.0
    assert out[DOWNBEAT_HERE] == pytest.approx(1.0 / (1.0 + np.exp(-np.clip(logit, -20.0, 20.0))))
    logits, tempo = np.full(TEMPO + N_TEMPI, logit, np.float32), np.zeros(N_TEMPI)
    combine(logits, 0.5, 0.45, np.zeros(3), tempo)
    assert np.allclose(tempo, 1.0 / N_TEMPI)
