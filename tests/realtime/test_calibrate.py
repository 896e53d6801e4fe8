"""Calibration: clicks that are heard when they say, and taps that find how late a screen is."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

from audio2pose.errors import UsageError
from audio2pose.realtime.calibrate import HEAR, MATCH, SEE, TAPS, Calibration, lateness_ms, verdict
from audio2pose.realtime.capture import DeviceSource
from audio2pose.realtime.handoff import HopRing
from audio2pose.realtime.metronome import PERIOD_S, Metronome
from audio2pose.realtime.sources import StreamClock
from tests.realtime.shows import live

RNG = np.random.default_rng(3)


def _taps(late_s: float, jitter_s: float = 0.0, first: int = 4) -> list[float]:
    return [first + k + (late_s + jitter_s * RNG.normal()) / PERIOD_S for k in range(TAPS)]


@pytest.mark.parametrize("late_s", [0.0, 0.180, -0.060, 0.370, -0.370])
def test_lateness_is_the_median_of_the_taps_wherever_in_the_period_they_fall(late_s: float) -> None:
    late_ms, scatter_ms = lateness_ms(_taps(late_s, 0.004))
    assert late_ms == pytest.approx(1e3 * late_s, abs=5.0)
    assert scatter_ms < 10.0


def test_the_hand_cancels_out_and_one_wild_tap_means_nothing() -> None:
    heard, seen = _taps(0.120, 0.004), _taps(0.120 + 0.065, 0.004)
    seen[7] += 0.3
    assert verdict(heard, seen).latency_ms == pytest.approx(65.0, abs=10.0)


def test_too_few_taps_say_what_to_do() -> None:
    with pytest.raises(UsageError, match="tap through each round"):
        lateness_ms([1.0, 2.0, math.nan])


class Even:
    """Clicks on every PERIOD_S of the wall clock."""

    audible = False

    def beat_at(self, wall_s: float) -> float:
        return wall_s / PERIOD_S


def test_the_rounds_lead_from_clicks_to_flashes_to_both() -> None:
    clicks: Any = Even()
    calibration = Calibration(clicks)
    assert (calibration.round, clicks.audible) == (HEAR, True)
    assert not any(calibration.flashes(0.01 * k) for k in range(100))
    for beat in _taps(0.150):
        calibration.press("SPACE", beat * PERIOD_S)
    assert (calibration.round, clicks.audible) == (SEE, False)
    assert calibration.flashes(30 * PERIOD_S + 0.01)
    assert not calibration.flashes(30.5 * PERIOD_S)
    for beat in _taps(0.190):
        calibration.press("SPACE", beat * PERIOD_S)
    assert (calibration.round, clicks.audible) == (MATCH, True)
    assert calibration.latency_s == pytest.approx(0.040, abs=1e-6)
    # It flashes so much before the click that both meet.
    assert calibration.flashes(50 * PERIOD_S - 0.039)
    assert not calibration.flashes(50 * PERIOD_S - 0.045)
    calibration.press("LEFT", 0.0)
    calibration.press("LEFT", 0.0)
    calibration.press("RIGHT", 0.0)
    assert calibration.latency_s == pytest.approx(0.045, abs=1e-6)
    calibration.press("ENTER", 0.0)
    assert calibration.round == ""


def test_a_click_is_heard_at_the_wall_moment_that_the_metronome_says(room: Any) -> None:
    """The sink's monitor hears what is played: both ends tell the wall moment of the same click."""
    source = DeviceSource("stage_mic")
    ring, clock = HopRing(8 * source.sample_rate_hz), StreamClock()
    source.start(ring, clock)
    stop = threading.Event()
    watch = threading.Thread(target=source.run, args=(stop,))
    watch.start()
    metronome = Metronome()
    try:
        metronome.audible = True
        time.sleep(5.0)
        now_s = time.perf_counter()
        stream_s, beat = clock.at(now_s), metronome.beat_at(now_s)
    finally:
        metronome.close()
        stop.set()
        watch.join()
        source.stop()
    sound = np.zeros(ring.waiting_frames, np.float32)
    ring.read(sound)
    rate = source.sample_rate_hz
    loud = np.flatnonzero(np.abs(sound) > 0.2)
    starts = loud[np.r_[True, np.diff(loud) > rate // 10]] / rate
    assert len(starts) >= 3
    assert np.diff(starts) == pytest.approx([PERIOD_S] * (len(starts) - 1), abs=0.002)
    off_s = [math.remainder(beat + (s - stream_s) / PERIOD_S, 1.0) * PERIOD_S for s in starts]
    # The null sink tells its latency in steps; a machine under load adds its own.
    assert abs(float(np.median(off_s))) < 0.040


def test_live_calibrates_a_screen_by_keys(room: Any, display: str, xdotool: Any) -> None:
    """The window, its keys and the metronome; what taps mean is told above."""
    show = live("--calibrate", "--title", "calibrate", "--size", "320x240", display=display)
    window = xdotool.wait_for_window("calibrate", show)
    for _ in range(2):
        for _ in range(TAPS):
            xdotool("key", "--window", window, "space")
            time.sleep(0.1)
    time.sleep(0.3)
    xdotool("key", "--window", window, "Left")
    xdotool("key", "--window", window, "Return")
    out, err = show.communicate(timeout=15)
    assert show.returncode == 0, err
    assert re.fullmatch(r"--latency-ms \d+\n", out), out


def test_without_a_sound_output_it_says_what_to_do(no_sound: None, display: str) -> None:
    show = live("--calibrate", display=display)
    _, err = show.communicate(timeout=30)
    assert show.returncode == 3
    assert "no sound output opens for the clicks" in err


def test_help_names_every_key() -> None:
    done = subprocess.run([sys.executable, "-m", "audio2pose", "live", "--help"], capture_output=True, text=True, check=True)
    assert "backspace: panic" in " ".join(done.stdout.split())
