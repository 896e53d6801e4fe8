"""Sound from a microphone or line-in, as mono blocks in the ring, each with the moment at which it was heard.

Shapes   indata: (n, C) as PortAudio gives it; the ring receives (n,) mono, the mean of the chosen channels.
Threads  PortAudio's own calls `_callback`, which copies and counts; the source's runs `run`, which watches it.
Source   our own. A stream that dies raises nothing, so callbacks are counted; times are inputBufferAdcTime, told against
         PortAudio's clock of the same callback, because that clock is another one on each system.
"""

from __future__ import annotations

import atexit
import time
from collections.abc import Mapping, Sequence
from threading import Event
from typing import Any

import numpy as np

from audio2pose.arrays import F32
from audio2pose.errors import Audio2PoseError, DeviceError, UsageError

from .devices import InputInfo, find_again, find_input, portaudio, quiet_drivers, rescan
from .formats import RATES_HZ, chosen_channels, no_open, open_format
from .formats import channel_numbers as channel_numbers
from .handoff import HopRing
from .lookout import Lookout
from .sources import StreamClock
from .spread import Spread

BLOCK_S = 0.006  # at most; 256 frames at 44.1 and 48 kHz
FIRST_CALL_S = 3.0  # an idle sound server was seen to take 1.6 s
STALL_S = 0.5  # callbacks of a busy machine were seen 14 ms apart
POLL_S = 0.05
RETURN_S = 0.2
LIKELY_LATENCY_S = 0.020  # of an input that is still to come: the dance runs ahead for it from the start
MAX_AGE_S = 2.0  # a time stamp that tells more is no time stamp

WAITING, OPEN, LOST = "waiting", "open", "lost"

_ABANDONED: list[Any] = []
"""Streams whose driver hangs: closing them would hang us too, and their callbacks must stay in memory."""


class DeviceSource:
    """One input of the sound card; a `Source` of the show.

    *device* is a part of a name, an index, or None for the system's own; *channels* counts from 1, None takes the first two.
    Where there is no such input the source waits (`state`, `trouble`) and the ring gets silence at real-time pace, so that
    the show goes on; with *required*, or by its index, it is a DeviceError: an index means a list that was just looked at.
    The same silence stands in for a device whose callbacks stop, until they come again. While no stream is open, because
    there was no device or the system closed it, and while the open one sends nothing, the source looks for the device about
    once a second and opens it.
    """

    def __init__(
        self,
        device: str | int | None = None,
        *,
        channels: Sequence[int] | None = None,
        sample_rate_hz: int | None = None,
        required: bool = False,
    ) -> None:
        self.state, self.trouble = WAITING, ""
        self._device, self._asked_channels = device, channels
        self._by_index = str(device).strip().isdigit()
        self._must = required or self._by_index
        self.info: InputInfo | None = None
        self.sample_rate_hz = sample_rate_hz or RATES_HZ[0]
        self.callback_ms = Spread()
        self._stream: Any = None
        self._channels: tuple[int, ...] = (0,)
        try:
            self.info = find_input(device)
            self._channels = chosen_channels(channels, self.info)
            self.sample_rate_hz, self._open_channels = open_format(self.info, max(self._channels) + 1, sample_rate_hz)
        except DeviceError as error:
            if self._must:
                raise
            self.info, self.trouble = None, self._waiting(error)
        self.block_frames = 1 << int(self.sample_rate_hz * BLOCK_S).bit_length() - 1
        self.latency_s = max(self.block_frames / self.sample_rate_hz, self.info.latency_s if self.info else LIKELY_LATENCY_S)
        self._mono: F32 = np.zeros(self.block_frames, np.float32)
        self._part: F32 = np.zeros(self.block_frames, np.float32)
        self._share = np.float32(1.0 / len(self._channels))
        self._lookout: Lookout | None = None
        self._calls = self._overflows = self._losses = self._silent_blocks = 0
        self._silenced = self._writing = self._ended = False

    def start(self, ring: HopRing, clock: StreamClock) -> None:
        """Open the device; sound flows from here on. Threads: main. Raises DeviceError where it does not open."""
        self._ring, self._clock = ring, clock
        self._silenced = self.info is None
        if self.info is None:
            return
        try:
            self._open(self.info)
        except DeviceError as error:
            if self._must:
                raise
            self._silenced, self.trouble = True, self._waiting(error)
            return
        self.state = OPEN

    @property
    def name(self) -> str:
        """Of the input that is heard, as the system tells it; "" while none is. Threads: any."""
        info = self.info
        return info.name if self.state == OPEN and info is not None else ""

    def _waiting(self, error: Audio2PoseError) -> str:
        what, then = error.parts
        for_whom = f"the sound input '{self._device}'" if self._device not in (None, "") else "a sound input"
        return f"waiting for {for_whom}, {what}: {then}"

    def _open(self, info: InputInfo) -> None:
        """Sound flows from here on. Raises DeviceError."""
        sounddevice = portaudio()
        self._ended = False
        try:
            with quiet_drivers():
                self._stream = sounddevice.InputStream(
                    device=info.index,
                    channels=self._open_channels,
                    samplerate=self.sample_rate_hz,
                    blocksize=self.block_frames,
                    dtype="float32",
                    latency="low",
                    callback=self._callback,
                    finished_callback=self._end,
                )
                self._stream.start()
        except sounddevice.PortAudioError as error:
            self._stream = None
            raise no_open(info, error) from error
        self.latency_s = float(self._stream.latency)

    def _open_anew(self) -> None:
        """Let go of a stream that sends nothing any more, and open what is there now. Threads: the source's."""
        stream, self._stream = self._stream, None
        try:
            with quiet_drivers():
                if stream is not None:
                    stream.close(ignore_errors=True)
            rescan()
            info = find_again(self._wanted())
            channels = chosen_channels(self._asked_channels, info)
            _, self._open_channels = open_format(info, max(channels) + 1, self.sample_rate_hz)
            self._channels, self._share = channels, np.float32(1.0 / len(channels))
            self._open(info)
            self.info = info
        except (DeviceError, UsageError) as error:
            self.trouble = self._waiting(error)

    def _wanted(self) -> list[str]:
        """What to look for: any, or the one that was heard, else one like it, by their names: numbers change."""
        if self._device in (None, ""):
            return []
        heard = [self.info.full_name] if self.info is not None else []
        return heard if self._by_index else [*heard, str(self._device)]

    def _callback(self, indata: F32, frames: int, times: Any, status: Any) -> None:
        began_s = time.perf_counter()
        self._calls += 1
        if status.input_overflow:
            self._overflows += 1
        self._writing = True
        if not self._silenced:
            mono, part = self._mono[:frames], self._part[:frames]
            np.multiply(indata[:, self._channels[0]], self._share, out=mono)
            for channel in self._channels[1:]:
                np.multiply(indata[:, channel], self._share, out=part)
                np.add(mono, part, out=mono)
            self._ring.write(mono)
            block_s = frames / self.sample_rate_hz
            age_s = times.currentTime - times.inputBufferAdcTime
            if not 0.0 <= age_s <= MAX_AGE_S:
                age_s = self.latency_s
            heard_s = began_s - max(age_s - block_s, 0.0)  # its last sample, which cannot lie ahead of us
            self._clock.mark(heard_s, self._ring.accepted_frames / self.sample_rate_hz)
        self._writing = False
        self.callback_ms.add(1e3 * (time.perf_counter() - began_s))

    def _end(self) -> None:
        self._ended = True

    def run(self, stop: Event) -> None:
        """Watch the callbacks; while none come, play silence. Threads: the source's own."""
        seen, seen_s, limit_s = -1, time.perf_counter(), FIRST_CALL_S
        while not stop.wait(POLL_S):
            if self.state == OPEN:
                now_s = time.perf_counter()
                if self._calls != seen:
                    limit_s = STALL_S if self._calls > 0 else FIRST_CALL_S
                    seen, seen_s = self._calls, now_s
                if not self._ended and now_s - seen_s < limit_s:
                    continue
                self._lose(now_s - seen_s)
            self._play_silence(stop)
            seen_s = time.perf_counter()

    def _lose(self, silent_for_s: float) -> None:
        name = self.info.name if self.info else ""
        how = "was closed by the system" if self._ended else f"has sent nothing for {silent_for_s:.1f} s"
        self.trouble = f"the sound input '{name}' {how}, silence stands in: look at its cable and at the sound server"
        self._losses += 1
        self.state = LOST
        self._silenced = True
        while self._writing and not self._ended:  # the callback is within its copy; the ring has one writer at a time
            time.sleep(0.001)

    def _play_silence(self, stop: Event) -> None:
        """Silence at real-time pace, until *stop* or until the device sends at real-time pace again (not its backlog)."""
        n, rate = self.block_frames, self.sample_rate_hz
        block = np.zeros(n, np.float32)
        began_s = judged_s = time.perf_counter()
        self._lookout = lookout = Lookout(self._wanted())
        calls, played, sent_last_s = self._calls, 0, began_s
        while True:
            played += n
            due_s = began_s + played / rate
            left_s = due_s - time.perf_counter()
            if stop.wait(max(left_s, 0.0)):
                return
            if left_s < -1.0:  # the computer slept: what is past needs no silence
                began_s, played, due_s = began_s - left_s, n, due_s - left_s
            self._ring.write(block)
            self._clock.mark(due_s, self._ring.accepted_frames / rate)
            self._silent_blocks += 1
            # An open stream gets as long as a first call may take. A hung server would hold us while we close it, but it
            # would hold the child of the lookout before. Not while it holds another of ours: PortAudio could not start anew.
            mute = self._stream is None or self._ended or time.perf_counter() - sent_last_s > FIRST_CALL_S
            if mute and not _ABANDONED and lookout.found() and self._calls == calls:
                self._open_anew()
                sent_last_s = time.perf_counter()
            passed_s = time.perf_counter() - judged_s
            if passed_s < RETURN_S:
                continue
            sent_s = (self._calls - calls) * n / rate
            judged_s, calls = time.perf_counter(), self._calls
            if sent_s:
                sent_last_s = judged_s
            if 0.5 * passed_s < sent_s < 1.5 * passed_s and not self._ended:
                lookout.close()
                self.state, self.trouble = OPEN, ""
                self._silenced = False
                return

    def stop(self) -> None:
        """Close the device. Threads: main, after `run` returned."""
        if self._lookout is not None:
            self._lookout.close()
        stream, self._stream = self._stream, None
        if stream is None:
            return
        if self.state != OPEN and not self._ended:
            # A stopped sound server was seen to hold `abort` for as long as it stood still, at exit too.
            _ABANDONED.append(stream)
            atexit.unregister(portaudio()._exit_handler)
            return
        with quiet_drivers():
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)

    @property
    def finished(self) -> bool:
        """Never: a lost device may come back. Threads: any."""
        return False

    @property
    def counters(self) -> Mapping[str, int]:
        """no_device: none there at the start; silent_blocks: played in place of sound. Threads: any."""
        return {
            "no_device": int(self.state == WAITING and bool(self.trouble)),
            "overflows": self._overflows,
            "device_losses": self._losses,
            "silent_blocks": self._silent_blocks,
        }
