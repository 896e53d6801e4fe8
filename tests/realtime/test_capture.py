"""A sound card as the source of the show: real PortAudio, a real (private) sound server, real clicks."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from audio2pose.arrays import F32
from audio2pose.errors import DeviceError, UsageError
from audio2pose.media.demo_song import demo_song
from audio2pose.realtime import capture, devices
from audio2pose.realtime.capture import LOST, OPEN, WAITING, DeviceSource, channel_numbers
from audio2pose.realtime.handoff import HopRing
from audio2pose.realtime.lookout import Lookout
from audio2pose.realtime.sources import StreamClock

RATE_HZ = 48_000
CLICK = np.hanning(49).astype(np.float32)  # 1 ms, its peak on one sample


class Listener:
    """A source that runs as in the show, and what came through its ring."""

    def __init__(self, source: DeviceSource) -> None:
        self.source, self.clock = source, StreamClock()
        self._ring = HopRing(4 * source.sample_rate_hz)
        self._out: F32 = np.zeros(4 * source.sample_rate_hz, np.float32)
        self._heard: list[F32] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=source.run, args=(self._stop,))

    def __enter__(self) -> Listener:
        self.source.start(self._ring, self.clock)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._stop.set()
        self._thread.join(5.0)
        assert not self._thread.is_alive()
        self.source.stop()

    def hear(self, seconds: float) -> F32:
        """All sound from the start until *seconds* from now."""
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            time.sleep(0.05)
            n = self._ring.read(self._out)
            self._heard.append(self._out[:n].copy())
        return np.concatenate(self._heard)

    def wait_for_sound(self) -> None:
        """The device is open and sends: a sound server that was idle takes a second or two."""
        assert self.source.state == OPEN
        began_s = time.monotonic()
        while not self.clock.running:
            assert time.monotonic() - began_s < 3.0, "no sound came"
            self.hear(0.05)
        self.hear(0.2)

    def wait_for(self, state: str, limit_s: float = 6.0) -> float:
        """Seconds until the source is in *state*; the sound is read on meanwhile."""
        began_s = time.monotonic()
        while self.source.state != state:
            assert time.monotonic() - began_s < limit_s, f"still {self.source.state}: {self.source.trouble}"
            self.hear(0.05)
        return time.monotonic() - began_s


def clicks(every_s: float, count: int, *, left: float = 0.5, right: float = 0.5) -> F32:
    """(N, 2): a click every *every_s*, a quarter of a second of silence around them."""
    out = np.zeros((round((0.5 + every_s * count) * RATE_HZ), 2), np.float32)
    for k in range(count):
        at = round((0.25 + k * every_s) * RATE_HZ)
        out[at : at + CLICK.size] = CLICK[:, None] * np.array([left, right], np.float32)
    return out


def peaks_s(sound: F32, rate_hz: int) -> list[float]:
    """Where the clicks peak, to a fraction of a sample (a parabola through the three highest)."""
    loud = np.flatnonzero(np.abs(sound) > 0.3 * np.abs(sound).max())
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > rate_hz // 20) + 1)
    found = []
    for group in groups:
        k = int(group[np.argmax(sound[group])])
        before, top, after = (float(v) for v in sound[k - 1 : k + 2])
        found.append((k + 0.5 * (before - after) / (before - 2.0 * top + after)) / rate_hz)
    return found


@contextmanager
def listening(*args: Any, **named: Any) -> Iterator[Listener]:
    with Listener(DeviceSource(*args, **named)) as listener:
        listener.wait_for_sound()
        yield listener


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


def test_a_hung_sound_server_is_told_and_silence_stands_in_until_it_goes_on(room: Any) -> None:
    with listening("stage_mic", sample_rate_hz=RATE_HZ) as listener:
        source = listener.source
        room.freeze()
        try:
            assert listener.wait_for(LOST) < 2.0
            assert "stage_mic" in source.trouble
            assert "has sent nothing" in source.trouble
            before = listener.hear(0.05).size
            during = listener.hear(0.5).size - before
        finally:
            room.thaw()
        assert during == pytest.approx(0.5 * RATE_HZ, rel=0.2)
        listener.wait_for(OPEN)
        n = listener.hear(0.3).size
        room.play(clicks(0.2, 3))
        found = peaks_s(listener.hear(1.1)[n:], RATE_HZ)
    assert np.diff(found) == pytest.approx([0.2] * 2, abs=0.005)  # the server itself stumbles a little after its sleep
    assert source.trouble == ""
    assert source.counters["device_losses"] == 1


def test_stopping_while_the_sound_server_hangs_does_not_hang(room: Any) -> None:
    listener = Listener(DeviceSource("stage_mic"))
    try:
        with listener:
            listener.wait_for_sound()
            room.freeze()
            listener.wait_for(LOST)
            began_s = time.monotonic()
        assert time.monotonic() - began_s < 1.0
    finally:
        room.thaw()
        # A process ends after that; this one goes on, and while such a stream is open no source looks for another.
        while capture._ABANDONED:
            capture._ABANDONED.pop().close(ignore_errors=True)


def test_a_sound_server_that_dies_is_told_and_the_sound_goes_on_as_silence(room: Any) -> None:
    with listening("stage_mic", sample_rate_hz=RATE_HZ) as listener:
        room.close()
        try:
            listener.wait_for(LOST)
            assert "closed by the system" in listener.source.trouble
            before = listener.hear(0.05).size
            assert listener.hear(0.5).size - before > 0.3 * RATE_HZ
            assert not listener.source.finished
        finally:
            room.open()


def test_an_input_that_appears_after_the_start_is_opened_and_heard(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio2pose.realtime.lookout.LOOK_S", 0.3)
    room.close()
    try:
        devices.rescan()
        with Listener(DeviceSource()) as listener:
            source = listener.source
            assert source.state == WAITING
            assert "no sound input" in source.trouble
            assert not listener.hear(1.5).any()
            assert source.state == WAITING
            room.open()
            listener.wait_for(OPEN, 15.0)
            assert source.trouble == ""
            assert source.counters["no_device"] == 0
            n = listener.hear(0.3).size
            room.play(clicks(0.2, 3))
            found = peaks_s(listener.hear(1.3)[n:], source.sample_rate_hz)
        assert np.diff(found) == pytest.approx([0.2] * 2, abs=0.005)
    finally:
        room.close()
        room.open()
        devices.rescan()


def test_an_input_whose_server_died_is_opened_again_when_it_is_back(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio2pose.realtime.lookout.LOOK_S", 0.3)
    with listening("stage_mic", sample_rate_hz=RATE_HZ) as listener:
        source = listener.source
        room.close()
        try:
            listener.wait_for(LOST)
            listener.hear(1.0)
            assert source.state == LOST
        finally:
            room.open()
        listener.wait_for(OPEN, 15.0)
        n = listener.hear(0.3).size
        room.play(clicks(0.2, 3))
        found = peaks_s(listener.hear(1.3)[n:], RATE_HZ)
    assert np.diff(found) == pytest.approx([0.2] * 2, abs=0.005)
    assert source.info is not None
    assert source.info.name == "stage_mic"
    assert source.counters["device_losses"] == 1


def test_a_look_that_hangs_is_given_up_and_holds_nobody_up(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound server that hangs holds whoever asks it; here the one who asks is a child."""
    monkeypatch.setattr("audio2pose.realtime.lookout.LOOK_S", 0.1)
    monkeypatch.setattr("audio2pose.realtime.lookout.PATIENCE_S", 0.7)
    room.freeze()
    try:
        lookout, longest_s, began_s = Lookout(""), 0.0, time.monotonic()
        while time.monotonic() - began_s < 2.0:
            asked_s = time.monotonic()
            assert not lookout.found()
            longest_s = max(longest_s, time.monotonic() - asked_s)
            time.sleep(0.01)
        lookout.close()
        assert longest_s < 0.3
    finally:
        room.thaw()


def test_live_dances_to_what_a_microphone_hears(room: Any) -> None:
    command = [sys.executable, "-m", "audio2pose", "live", "--device", "stage", "--no-window", "--duration", "4", "--json"]
    song = demo_song()
    groove = song.samples[8 * song.sample_rate_hz : 18 * song.sample_rate_hz]
    room.play(np.stack([groove, groove], axis=1), song.sample_rate_hz)
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    summary = json.loads(done.stdout)
    assert summary["device_losses"] == summary["overflows"] == summary["dropped_hops"] == 0
    assert summary["callback_ms"]["p50"] > 0.0
    assert 5.0 < summary["latency_ms"]["input"] < 100.0
    assert summary["beats"] >= 2
    assert summary["tempo_bpm"] == pytest.approx(122.0, abs=4.0)


def test_a_channel_that_the_input_lacks_is_wrong_use(room: Any) -> None:
    with pytest.raises(UsageError, match="no channel 40, its channels are 1 to 32"):
        DeviceSource("stage_mic", channels=(1, 40))


def test_a_name_that_no_input_has_names_the_nearest(room: Any) -> None:
    with pytest.raises(DeviceError, match="'stage_mike', the nearest is 'stage_mic'"):
        DeviceSource("stage_mike")


def test_without_any_input_the_source_waits_and_plays_silence(no_sound: None) -> None:
    with Listener(DeviceSource()) as listener:
        assert listener.source.state == WAITING
        assert "no sound input" in listener.source.trouble
        assert listener.source.counters["no_device"] == 1
        sound = listener.hear(0.5)
        assert listener.clock.at(time.perf_counter()) == pytest.approx(0.5, abs=0.2)
    assert sound.size == pytest.approx(0.5 * listener.source.sample_rate_hz, rel=0.3)
    assert not sound.any()


def test_a_required_or_named_device_that_is_not_there_is_an_error(no_sound: None) -> None:
    with pytest.raises(DeviceError, match="no sound input") as told:
        DeviceSource(required=True)
    assert told.value.exit_code == 3
    with pytest.raises(DeviceError, match="no sound input"):
        DeviceSource("stage_mic")


def test_a_sound_server_that_is_gone_when_the_show_starts_is_told(room: Any) -> None:
    named, default = DeviceSource("stage_mic"), DeviceSource()
    room.close()
    try:
        with pytest.raises(DeviceError, match="'stage_mic' does not open"):
            named.start(HopRing(4096), StreamClock())
        with Listener(default) as listener:
            assert default.state == WAITING
            assert "does not open" in default.trouble
            assert listener.hear(0.3).size > 0
    finally:
        room.open()


@pytest.mark.parametrize(("text", "numbers"), [("1", (1,)), ("1,2", (1, 2)), (" 3 , 1,3", (3, 1))])
def test_channels_are_read_from_a_list(text: str, numbers: tuple[int, ...]) -> None:
    assert channel_numbers(text) == numbers


@pytest.mark.parametrize("text", ["", "0", "1,,2", "left", "-1", "1.5"])
def test_what_is_no_list_of_channels_is_wrong_use(text: str) -> None:
    with pytest.raises(UsageError, match="--channels"):
        channel_numbers(text)
