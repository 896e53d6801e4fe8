"""MFCC and chroma of the running window against librosa's, on recorded music."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest

from audio2pose.config import HearConfig
from audio2pose.music.hops import Hopper
from audio2pose.music.spectrum import Spectrum
from audio2pose.music.timbre import HIGH_HZ, LOW_HZ, N_MELS, Timbre
from tests.music.sounds import HOP_S, song

SONGS = [
    "beats/real_armygeddon.ogg",
    "beats/jazz_bebop.ogg",
    "music/librosa/Kevin_MacLeod_-_P_I_Tchaikovsky_Dance_of_the_Sugar_Plum_Fairy.ogg",
]


@pytest.fixture(scope="module", params=SONGS)
def described(request: pytest.FixtureRequest, testdata: Path) -> dict[str, np.ndarray]:
    """Ours and librosa's description of the same ten seconds, hop by hop: (H, 13) and (H, 12)."""
    sound, rate_hz = song(testdata / request.param, seconds=10.0, start_s=15.0)
    spectrum = Spectrum(HearConfig(), rate_hz)
    timbre = Timbre(spectrum.freq_hz)
    mfcc, chroma = [], []
    for hop in Hopper(rate_hz, HOP_S).feed(sound):
        spectrum.process(hop)
        timbre.process(spectrum.power, spectrum.mag)
        mfcc.append(timbre.mfcc.copy())
        chroma.append(timbre.chroma.copy())
    n_fft, hop_frames = 2 * (len(spectrum.freq_hz) - 1), round(rate_hz * HOP_S)
    padded = np.concatenate([np.zeros(n_fft - hop_frames, np.float32), sound])
    power = np.abs(librosa.stft(padded, n_fft=n_fft, hop_length=hop_frames, center=False)) ** 2
    mel = librosa.feature.melspectrogram(S=power, sr=rate_hz, n_mels=N_MELS, fmin=LOW_HZ, fmax=HIGH_HZ)
    theirs = librosa.feature.mfcc(S=librosa.power_to_db(mel, top_db=None), n_mfcc=13).T
    pitch = librosa.feature.chroma_stft(S=power, sr=rate_hz, tuning=0.0).T
    n = min(len(mfcc), len(theirs))
    settled = slice(10, n)
    return {
        "mfcc": np.array(mfcc)[settled],
        "librosa_mfcc": theirs[settled],
        "chroma": np.array(chroma)[settled],
        "librosa_chroma": pitch[settled],
    }


def test_mfcc_agree_with_librosa(described: dict[str, np.ndarray]) -> None:
    ours, theirs = described["mfcc"], described["librosa_mfcc"]
    for c in range(13):
        assert np.corrcoef(ours[:, c], theirs[:, c])[0, 1] > 0.98, c
    assert np.median(np.abs(ours - theirs)) < 1.0


def test_chroma_agree_with_librosa(described: dict[str, np.ndarray]) -> None:
    ours, theirs = described["chroma"], described["librosa_chroma"]
    cosine = (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)
    assert np.median(cosine) > 0.98
    assert np.percentile(cosine, 5) > 0.9


def test_an_a_is_heard_as_an_a() -> None:
    spectrum = Spectrum(HearConfig(), 44100)
    timbre = Timbre(spectrum.freq_hz)
    for hop in Hopper(44100, HOP_S).feed(np.sin(2 * np.pi * 440.0 * np.arange(8820) / 44100).astype(np.float32)):
        spectrum.process(hop)
    timbre.process(spectrum.power, spectrum.mag)
    assert timbre.chroma.argmax() == 9
    assert timbre.centroid_hz == pytest.approx(440.0, abs=60.0)


def test_silence_has_no_pitch_no_centroid_and_no_nan() -> None:
    timbre = Timbre(np.fft.rfftfreq(2048, 1 / 44100))
    timbre.process(np.zeros(1025, np.float32), np.zeros(1025, np.float32))
    assert not timbre.chroma.any()
    assert timbre.centroid_hz == 0.0
    assert np.isfinite(timbre.mfcc).all()
