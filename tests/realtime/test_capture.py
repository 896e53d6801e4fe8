"""A sound card as the source of the show: real PortAudio, a real (private) sound server, real clicks."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

from audio2pose.errors import DeviceError, UsageError
from audio2pose.media.demo_song import demo_song
from audio2pose.realtime import capture
from audio2pose.realtime.capture import DeviceSource, channel_numbers
from audio2pose.realtime.handoff import HopRing
from audio2pose.realtime.sources import StreamClock
from tests.realtime.listener import RATE_HZ, clicks, listening, peaks_s


def test_clicks_arrive_with_the_intervals_they_were_played_at(room: Any) -> None:
    with listening("stage_mic") as listener:
        room.play(clicks(0.2, 6))
        sound = listener.hear(1.8)
    rate_hz = listener.source.sample_rate_hz
    found = peaks_s(sound, rate_hz)
    assert np.diff(found) == pytest.approx([0.2] * 5, abs=1.0 / rate_hz)
    assert sound.max() == pytest.approx(0.5, rel=0.02)
    assert listener.source.counters == {
        "no_device": 0, "overflows": 0, "device_losses": 0, "silent_blocks": 0,
    }  # fmt: skip


def test_a_click_is_heard_at_the_wall_moment_that_its_stream_time_says(room: Any) -> None:
    with listening("stage_mic", sample_rate_hz=RATE_HZ) as listener:
        before_s = time.perf_counter()
        room.play(clicks(0.25, 1))
        sound = listener.hear(0.9)
        after_s = time.perf_counter()
        ages_s = []
        for _ in range(20):
            now_s = time.perf_counter()
            ages_s.append(listener.clock.at(now_s) - listener._ring.accepted_frames / RATE_HZ)
            time.sleep(0.01)
    (click_s,) = peaks_s(sound, RATE_HZ)
    assert listener.clock.at(before_s) + 0.25 < click_s < listener.clock.at(after_s)
    # What is in the ring was heard a little ago, to half a block (the server sends some blocks in pairs).
    assert -0.5 * listener.source.block_frames / RATE_HZ < np.median(ages_s) < 0.1


@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 44_100, 96_000, 192_000])
def test_any_rate_that_the_device_offers_gives_the_same_seconds(room: Any, rate_hz: int) -> None:
    with listening("stage_mic", sample_rate_hz=rate_hz) as listener:
        assert listener.source.sample_rate_hz == rate_hz
        assert listener.source.block_frames / rate_hz <= capture.BLOCK_S
        room.play(clicks(0.2, 3))
        found = peaks_s(listener.hear(1.2), rate_hz)
    assert np.diff(found) == pytest.approx([0.2] * 2, abs=1e-4)


@pytest.mark.parametrize(("channels", "level"), [((1,), 0.6), ((2,), 0.2), (None, 0.4)])
def test_the_chosen_channels_are_mixed_to_their_mean(room: Any, channels: tuple[int, ...] | None, level: float) -> None:
    with listening("stage_mic", channels=channels, sample_rate_hz=RATE_HZ) as listener:
        room.play(clicks(0.25, 2, left=0.6, right=0.2))
        sound = listener.hear(0.9)
    assert sound.max() == pytest.approx(level, rel=0.02)


def test_a_callback_takes_a_small_part_of_its_block_and_silence_is_silent(room: Any) -> None:
    with listening(sample_rate_hz=96_000) as listener:
        assert np.abs(listener.hear(0.3)).max() == 0.0
        source = listener.source
    assert source.sample_rate_hz == 96_000
    assert source.block_frames / source.sample_rate_hz <= 0.006
    took_ms = source.callback_ms.at(0.5)
    assert took_ms is not None
    assert took_ms < 0.25 * 1000.0 * source.block_frames / source.sample_rate_hz
    assert 0.0 < source.latency_s < 0.1


class Stamps:
    """The time information of a callback, as PortAudio fills it."""

    currentTime, inputBufferAdcTime = 10.010, 10.0  # noqa: N815


class Flags:
    input_overflow = False


@pytest.mark.parametrize("channels", [None, (1,), (2, 1)])
def test_a_callback_copies_into_memory_that_is_there_and_makes_no_array(room: Any, channels: tuple[int, ...] | None) -> None:
    """Views cost some hundred bytes each and are gone at its end; the samples of one block would be 16 KiB."""
    source = DeviceSource("stage_mic", channels=channels, sample_rate_hz=RATE_HZ)
    n = source.block_frames = 4096
    source._mono, source._part = np.zeros(n, np.float32), np.zeros(n, np.float32)
    source._ring, source._clock = HopRing(3 * n + 100), StreamClock()
    out, block = np.zeros(n, np.float32), np.full((n, 2), 0.25, np.float32)

    def call(times: int) -> None:
        for _ in range(times):
            source._callback(block, n, Stamps, Flags)
            source._ring.read(out)

    call(10)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call(1000)
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (out == 0.25).all()
    assert source._ring.dropped_frames == 0
    assert peak - before < 4096, "bytes at any moment: a quarter of a block's"
    assert after - before < 2048, "bytes kept after a thousand blocks"


def test_live_dances_to_what_a_microphone_hears(room: Any) -> None:
    command = [sys.executable, "-m", "audio2pose", "live", "--device", "stage", "--no-window", "--duration", "4", "--json"]
    song = demo_song()
    # Long enough for a show that compiles its kernels first.
    groove = np.tile(song.samples[8 * song.sample_rate_hz : 24 * song.sample_rate_hz], 6)
    room.play(np.stack([groove, groove], axis=1), song.sample_rate_hz)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    summary = json.loads(done.stdout)
    assert summary["device_losses"] == summary["overflows"] == summary["dropped_hops"] == 0
    assert summary["callback_ms"]["p50"] > 0.0
    assert 5.0 < summary["latency_ms"]["input"] < 100.0
    assert summary["beats"] >= 2
    assert summary["tempo_bpm"] == pytest.approx(122.0, abs=4.0)


def test_a_rate_that_the_input_does_not_take_is_told(room: Any) -> None:
    with pytest.raises(DeviceError, match="'stage_mic' does not take 1000000 Hz, the rate of this show: start it anew"):
        DeviceSource("stage_mic", sample_rate_hz=1_000_000, required=True)


def test_a_channel_that_the_input_lacks_is_wrong_use(room: Any) -> None:
    with pytest.raises(UsageError, match="no channel 40, its channels are 1 to 32"):
        DeviceSource("stage_mic", channels=(1, 40))


@pytest.mark.parametrize(("text", "numbers"), [("1", (1,)), ("1,2", (1, 2)), (" 3 , 1,3", (3, 1))])
def test_channels_are_read_from_a_list(text: str, numbers: tuple[int, ...]) -> None:
    assert channel_numbers(text) == numbers


@pytest.mark.parametrize("text", ["", "0", "1,,2", "left", "-1", "1.5"])
def test_what_is_no_list_of_channels_is_wrong_use(text: str) -> None:
    with pytest.raises(UsageError, match="--channels"):
        channel_numbers(text)
