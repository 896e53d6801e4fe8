"""The spectrum: bands in Hz that mean the same at every rate, and never a NaN."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.config import HearConfig
from audio2pose.music.hops import Hopper
from audio2pose.music.spectrum import N_BANDS, Spectrum, band_edges_hz
from tests.music.sounds import HOP_S, noise

RATES = [4000, 8000, 22050, 44100, 48000, 96000, 192000]


def _bands(sound: np.ndarray, rate_hz: int) -> np.ndarray:
    spectrum = Spectrum(HearConfig(), rate_hz)
    return np.array([spectrum.process(hop).copy() for hop in Hopper(rate_hz, HOP_S).feed(sound.astype(np.float32))])


def test_silence_has_no_bands() -> None:
    assert not _bands(np.zeros(44100), 44100).any()


@pytest.mark.parametrize("rate_hz", RATES)
def test_a_sine_lies_in_the_same_band_as_strong_at_every_rate(rate_hz: int) -> None:
    t = np.arange(rate_hz) / rate_hz
    bands = _bands(0.5 * np.sin(2 * np.pi * 1000.0 * t), rate_hz)[50:].mean(axis=0)
    centres_hz = band_edges_hz(N_BANDS)[1:-1]
    assert abs(centres_hz[bands.argmax()] - 1000.0) < 60.0
    assert bands.max() == pytest.approx(96.0, rel=0.1)


@pytest.mark.parametrize("rate_hz", RATES)
def test_bands_above_half_the_rate_are_empty_and_none_is_nan(rate_hz: int) -> None:
    bands = _bands(np.random.default_rng(1).normal(0.0, 0.3, rate_hz), rate_hz)
    beyond = band_edges_hz(N_BANDS)[1:-1] > rate_hz / 2
    assert np.isfinite(bands).all()
    assert not bands[:, beyond].any()
    assert (bands[50:, ~beyond].mean(axis=0) > 0.0).all()


def test_samples_that_are_no_number_count_as_silence_and_are_counted() -> None:
    spectrum = Spectrum(HearConfig(), 44100)
    hop = np.zeros(441, np.float32)
    hop[[3, 7, 9]] = np.nan, np.inf, -np.inf
    assert not spectrum.process(hop).any()
    assert spectrum.bad_samples == 3


def test_a_steady_offset_is_no_sound() -> None:
    bands = _bands(np.full(3 * 44100, 0.9), 44100)
    assert bands[-1].max() < 1e-3


def test_the_largest_float_overflows_nothing() -> None:
    bands = _bands(np.tile([3e38, -3e38], 22050), 44100)
    assert np.isfinite(bands).all()


def test_after_reset_the_same_sound_gives_the_same_bits() -> None:
    spectrum = Spectrum(HearConfig(), 44100)
    sound = noise(0.3, 0.1)
    first = [spectrum.process(h).copy() for h in Hopper(44100, HOP_S).feed(sound)]
    spectrum.reset()
    again = [spectrum.process(h).copy() for h in Hopper(44100, HOP_S).feed(sound)]
    assert np.array_equal(first, again)
