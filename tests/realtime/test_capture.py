"""A sound card as the source of the show: real PortAudio, a real (private) sound server, real clicks."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from audio2pose.__main__ import main
from audio2pose.arrays import F32
from audio2pose.errors import DeviceError, UsageError
from audio2pose.media.demo_song import demo_song
from audio2pose.realtime import capture, devices
from audio2pose.realtime.capture import LOST, OPEN, WAITING, DeviceSource, channel_numbers
from audio2pose.realtime.handoff import HopRing
from audio2pose.realtime.lookout import Lookout, rest_s
from audio2pose.realtime.sources import StreamClock

RATE_HZ = 48_000
BACK_S = 3.0
"""What is there again is heard again within this."""
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


def test_a_hung_sound_server_is_told_and_silence_stands_in_until_it_goes_on(room: Any) -> None:
    with listening("stage_mic", sample_rate_hz=RATE_HZ) as listener:
        source = listener.source
        room.freeze()
        try:
            assert listener.wait_for(LOST) < 1.0
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


@pytest.mark.parametrize(("wanted", "name"), [(None, "default"), ("stage", "stage_mic")])
def test_an_input_that_appears_after_the_start_is_opened_and_heard(room: Any, wanted: str | None, name: str) -> None:
    room.close()
    try:
        devices.rescan()
        with Listener(DeviceSource(wanted)) as listener:
            source = listener.source
            assert source.state == WAITING
            assert source.name == ""
            assert "no sound input" in source.trouble
            assert not listener.hear(1.5).any()
            assert source.state == WAITING
            room.open()
            assert listener.wait_for(OPEN) < BACK_S
            assert (source.name, source.trouble) == (name, "")
            assert source.counters["no_device"] == 0
            n = listener.hear(0.3).size
            room.play(clicks(0.2, 3))
            found = peaks_s(listener.hear(1.3)[n:], source.sample_rate_hz)
        assert np.diff(found) == pytest.approx([0.2] * 2, abs=0.005)
    finally:
        room.close()
        room.open()
        devices.rescan()


def test_an_input_whose_server_died_is_opened_again_when_it_is_back(room: Any) -> None:
    with listening("stage_mic", sample_rate_hz=RATE_HZ) as listener:
        source = listener.source
        room.kill()
        try:
            assert listener.wait_for(LOST) < 1.0
            assert source.name == ""
            listener.hear(1.0)
            assert source.state == LOST
        finally:
            room.open()
        assert listener.wait_for(OPEN) < BACK_S
        n = listener.hear(0.3).size
        room.play(clicks(0.2, 3))
        found = peaks_s(listener.hear(1.3)[n:], RATE_HZ)
    assert np.diff(found) == pytest.approx([0.2] * 2, abs=0.005)
    assert source.info is not None
    assert source.info.name == "stage_mic"
    assert source.counters["device_losses"] == 1


def test_an_open_stream_that_sends_nothing_is_opened_anew_where_the_server_answers(room: Any) -> None:
    """The stream is moved to a source that is suspended: no callback, no error, and it would stay so for ever."""

    def pactl(*what: str) -> str:
        return subprocess.run(["pactl", *what], capture_output=True, text=True, check=True).stdout

    with listening("stage_mic", sample_rate_hz=RATE_HZ) as listener:
        module = pactl("load-module", "module-null-sink", "sink_name=dead").strip()
        try:
            pactl("suspend-sink", "dead", "1")
            pactl("move-source-output", pactl("list", "short", "source-outputs").split()[0], "dead.monitor")
            assert listener.wait_for(LOST) < 1.0
            assert listener.wait_for(OPEN, 10.0) > capture.STALL_S
            n = listener.hear(0.3).size
            room.play(clicks(0.2, 3))
            found = peaks_s(listener.hear(1.3)[n:], RATE_HZ)
            assert "dead" not in pactl("list", "source-outputs")
        finally:
            pactl("unload-module", module)
    assert np.diff(found) == pytest.approx([0.2] * 2, abs=0.005)
    assert listener.source.counters["device_losses"] == 1


def test_looks_come_quickly_at_first_and_never_cost_more_than_a_seventh_of_a_core_for_long() -> None:
    assert rest_s(0.0, 0.07) < 0.5
    assert rest_s(30.0, 0.07) == 1.0
    assert rest_s(3600.0, 0.07) == 2.0
    assert all(look_s / (rest_s(3600.0, look_s) + look_s) < 0.15 for look_s in (0.05, 0.1, 0.2, 0.3))
    assert all(rest_s(waited_s, 10.0) <= 2.0 for waited_s in (0.0, 30.0, 3600.0)), "BACK_S holds after hours, too"


def test_a_wait_of_seconds_costs_little_and_starts_no_two_children_at_once(no_sound: None) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    lookout, began_s = Lookout(()), time.monotonic()
    while time.monotonic() - began_s < 4.0:
        assert not lookout.found()
        time.sleep(0.01)
    lookout.close()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert 0.05 < cost_s < 0.35 * 4.0, "quick looks of the first seconds"


def test_a_look_that_hangs_is_given_up_and_holds_nobody_up(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sound server that hangs holds whoever asks it; here the one who asks is a child."""
    monkeypatch.setattr("audio2pose.realtime.lookout.PACES_S", ((60.0, 0.1),))
    monkeypatch.setattr("audio2pose.realtime.lookout.PATIENCE_S", 0.7)
    room.freeze()
    try:
        lookout, longest_s, began_s = Lookout(()), 0.0, time.monotonic()
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


def test_a_channel_that_the_input_lacks_is_wrong_use(room: Any) -> None:
    with pytest.raises(UsageError, match="no channel 40, its channels are 1 to 32"):
        DeviceSource("stage_mic", channels=(1, 40))


def test_a_name_that_no_input_has_is_waited_for_and_the_nearest_is_told(room: Any) -> None:
    with Listener(DeviceSource("stage_mike")) as listener:
        assert listener.source.state == WAITING
        assert listener.source.trouble.startswith("waiting for the sound input 'stage_mike', ")
        assert "the nearest is 'stage_mic': use --device" in listener.source.trouble
        assert listener.source.counters["no_device"] == 1
        assert listener.hear(1.5).size > RATE_HZ
        assert listener.source.state == WAITING
    with pytest.raises(DeviceError, match="'stage_mike', the nearest is 'stage_mic'") as told:
        DeviceSource("stage_mike", required=True)
    assert told.value.exit_code == 3


@pytest.mark.parametrize("index", ["99", 99])
def test_an_index_that_is_not_in_the_list_is_an_error(room: Any, index: str | int) -> None:
    with pytest.raises(DeviceError, match="no sound input has the index 99"):
        DeviceSource(index)


def test_without_any_input_the_source_waits_and_plays_silence(no_sound: None) -> None:
    with Listener(DeviceSource()) as listener:
        assert listener.source.state == WAITING
        assert "no sound input" in listener.source.trouble
        assert listener.source.counters["no_device"] == 1
        sound = listener.hear(0.5)
        assert listener.clock.at(time.perf_counter()) == pytest.approx(0.5, abs=0.2)
    assert sound.size == pytest.approx(0.5 * listener.source.sample_rate_hz, rel=0.3)
    assert not sound.any()


@pytest.mark.parametrize(("device", "required"), [(None, True), ("stage_mic", True), ("0", False)])
def test_a_required_device_that_is_not_there_is_an_error(no_sound: None, device: str | None, required: bool) -> None:
    with pytest.raises(DeviceError, match="no sound input") as told:
        DeviceSource(device, required=required)
    assert told.value.exit_code == 3


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--require-device"], "no sound input on this machine"),
        (["--require-device", "--device", "stage"], "no sound input on this machine"),
        (["--device", "3"], "no sound input on this machine"),
    ],
)
def test_live_with_a_required_input_that_is_not_there_exits_3(
    no_sound: None, capsys: pytest.CaptureFixture[str], flags: list[str], told: str
) -> None:
    assert main(["live", "--no-window", "--duration", "1", *flags]) == 3
    err = capsys.readouterr().err
    assert told in err
    assert len(err.splitlines()) == 2


def test_a_sound_server_that_is_gone_when_the_show_starts_is_told(room: Any) -> None:
    required, named, default = DeviceSource("stage_mic", required=True), DeviceSource("stage_mic"), DeviceSource()
    room.close()
    try:
        with pytest.raises(DeviceError, match="'stage_mic' does not open"):
            required.start(HopRing(4096), StreamClock())
        for source in (named, default):
            with Listener(source) as listener:
                assert source.state == WAITING
                assert "does not open" in source.trouble
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
