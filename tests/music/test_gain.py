"""Input gain: the faint is lifted, the rest is left alone to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.config import HearConfig
from audio2pose.music.gain import MOST_DB, QUIET_DB, Gain

RATE_HZ, HOP = 44100, 441


def _tone(level_db: float, seconds: float) -> np.ndarray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return (np.sqrt(2.0) * 10 ** (level_db / 20.0) * np.sin(2 * np.pi * 220 * t)).astype(np.float32)


def _through(gain: Gain, sound: np.ndarray) -> np.ndarray:
    out = sound.copy()
    for k in range(0, len(out) - HOP + 1, HOP):
        gain.process(out[k : k + HOP])
    return out


def test_silence_stays_silence_and_teaches_nothing() -> None:
    gain = Gain(HearConfig())
    assert not _through(gain, np.zeros(10 * RATE_HZ, np.float32)).any()
    assert gain.db == 0.0


def test_music_at_its_usual_level_is_not_touched() -> None:
    gain = Gain(HearConfig())
    sound = np.concatenate([_tone(-18.0, 5.0), _tone(-70.0, 20.0), _tone(-30.0, 2.0)])
    assert _through(gain, sound).tobytes() == sound.tobytes()


def test_a_faint_input_is_brought_up_to_where_it_can_be_told_from_silence() -> None:
    gain = Gain(HearConfig())
    out = _through(gain, _tone(-66.0, 12.0))
    level_db = 20 * np.log10(np.sqrt(np.mean(out[-RATE_HZ:] ** 2)))
    assert level_db == pytest.approx(QUIET_DB, abs=0.5)
    assert gain.level_db == pytest.approx(-66.0, abs=0.1)


def test_gain_rises_slowly_and_falls_soon() -> None:
    gain = Gain(HearConfig())
    _through(gain, _tone(-60.0, 3.0))
    assert 0.0 < gain.db < 7.0
    _through(gain, _tone(-60.0, 10.0))
    assert gain.db == pytest.approx(24.0, abs=0.5)
    _through(gain, _tone(-10.0, 4.0))
    assert gain.db == 0.0


def test_a_pop_changes_little_and_is_not_made_louder() -> None:
    gain = Gain(HearConfig())
    _through(gain, _tone(-60.0, 12.0))
    pop = _tone(-60.0, 1.0)
    pop[1000:1200] = 0.9
    out = _through(gain, pop)
    assert np.abs(out).max() <= 1.0
    assert gain.db > 18.0


def test_the_pop_of_a_plug_at_the_very_start_is_not_taken_for_the_music() -> None:
    gain = Gain(HearConfig())
    sound = _tone(-60.0, 12.0)
    sound[2000:2400] = 0.8
    _through(gain, sound)
    assert gain.db > 20.0


def test_there_is_an_end_to_what_is_lifted() -> None:
    gain = Gain(HearConfig())
    _through(gain, _tone(-77.0, 20.0))
    assert gain.db == pytest.approx(MOST_DB)


def test_a_hand_on_the_gain_keeps_it_until_it_is_given_back() -> None:
    gain = Gain(HearConfig())
    gain.by_hand(6.0)
    out = _through(gain, _tone(-60.0, 5.0))
    assert gain.db == 6.0
    assert np.abs(out).max() == pytest.approx(np.sqrt(2.0) * 10 ** (-54.0 / 20.0), rel=1e-3)
    gain.by_itself()
    _through(gain, _tone(-60.0, 10.0))
    assert gain.db == pytest.approx(24.0, abs=0.5)


def test_a_gain_in_the_settings_is_one_by_hand() -> None:
    gain = Gain(HearConfig(gain_db=12.0))
    _through(gain, _tone(-60.0, 5.0))
    assert (gain.db, gain.auto) == (12.0, False)


@pytest.mark.parametrize("sound", [np.full(HOP, np.nan), np.full(HOP, np.inf), np.full(HOP, 1e30), np.zeros(0)])
def test_no_sound_breaks_it(sound: np.ndarray) -> None:
    gain = Gain(HearConfig())
    for _ in range(300):
        gain.process(sound.astype(np.float32))
    assert np.isfinite(gain.db)
    assert np.isfinite(gain.level_db)


def test_after_a_reset_the_same_sound_gives_the_same_bits() -> None:
    gain = Gain(HearConfig())
    sound = np.concatenate([_tone(-60.0, 4.0), _tone(-20.0, 2.0), _tone(-50.0, 4.0)])
    first = _through(gain, sound)
    gain.by_hand(3.0)
    gain.reset()
    assert _through(gain, sound).tobytes() == first.tobytes()
