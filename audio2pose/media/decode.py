"""A song from any common sound or video file, as blocks of sound at the song's own rate.

Shapes   block: (N,) float32, mean of the channels, or (N, 2) where both sides were asked for; full scale is 1. The whole
         song is never held.
Time     sample n of the stream is at n / sample_rate_hz: encoder delay and padding are cut as the container declares
         them. Where damage lost a stretch and time stamps show it (all but mp3 and aac), silence stands in for it.
Threads  one at a time; the decoder starts none.
Source   PyAV's bundled FFmpeg libraries; no program or library of the system is used.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream

from audio2pose.arrays import F32
from audio2pose.errors import SongError, UsageError

MAX_CHANNELS = 64
MIN_RATE_HZ, MAX_RATE_HZ = 4_000, 192_000
MAX_HELD_FRAMES = 1 << 29  # read_song's limit: 2 GiB of float32, 3 h 22 min at 44.1 kHz
GAP_S = 0.050  # time stamps of some containers are whole milliseconds: only a wider hole is a hole
MAX_GAP_S = 60.0
LOUDEST = 1e6  # beyond it a float sample is garbage, and its square would not stay finite for long

# Only containers that hold their own sound: a play list must not make us open other files or the network.
_CONTAINERS = "wav,w64,aiff,au,caf,flac,ogg,mp3,aac,mov,mp4,m4a,matroska,webm,avi,mpegts,mpeg,flv,asf,wv,ape,tta,ac3,eac3,amr"
_SUFFIXES = "wav, flac, ogg, mp3, m4a or opus"
_DTYPES = {"u8": np.uint8, "s16": np.int16, "s32": np.int32, "s64": np.int64, "flt": np.float32, "dbl": np.float64}


class SongReader:
    """Reads the sound of *path* between *start_s* and *end_s* once, from front to back.

    Mono, for the ears; with *stereo* in two channels, for people (more than two are mixed into both).
    duration_s is what the container claims (None: it does not tell), clipped to start and end: good for a progress bar,
    never for the size of an array. bad_samples counts values replaced by 0; faults counts damaged packets and holes.
    Raises SongError for a file without readable sound in that range, UsageError for a range that is none.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, start_s: float = 0.0, end_s: float | None = None, stereo: bool = False
    ) -> None:
        self.path = Path(path)
        self._sides = (2,) if stereo else ()
        if not (math.isfinite(start_s) and start_s >= 0.0):
            raise UsageError(f"the start is {start_s:g} s, must be 0 or more: give a time within the song")
        if end_s is not None and not end_s > start_s:
            raise UsageError(f"the end ({end_s:g} s) must lie after the start ({start_s:g} s): swap or move them")
        self.bad_samples = 0
        self.faults = 0
        _must_be_readable(self.path)
        try:
            self._container = av.open(
                f"file:{self.path}", metadata_errors="ignore", container_options={"format_whitelist": _CONTAINERS}
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SongError(f"{self.path} is no sound file that we know: give a {_SUFFIXES} file") from error
        try:
            self._open(start_s, end_s)
        except BaseException:
            self.close()
            raise

    def _open(self, start_s: float, end_s: float | None) -> None:
        stream = self._container.streams.best("audio")
        if stream is None:
            raise SongError(f"{self.path} holds no sound, only other streams: give a file with sound")
        if stream.codec_context is None:
            raise SongError(f"{self.path} holds sound that we cannot decode: convert it to {_SUFFIXES}")
        self._stream = cast(AudioStream, stream)
        self.channels = int(self._stream.codec_context.channels)
        self.sample_rate_hz = int(self._stream.codec_context.sample_rate)
        # Before the first frame is decoded: a header may claim channels and rates that cost memory.
        self._check_shape()
        self._stream.codec_context.thread_count = 1
        self._frames = self._decoded()
        first = next(self._frames, None)
        if first is None:
            raise SongError(f"{self.path} holds no sound that decodes (empty or damaged): give another file")
        self.channels, self.sample_rate_hz = first.layout.nb_channels, first.sample_rate
        self._check_shape()

        claimed_s = self._claimed_s()
        # Only MP4's own length tells where its encoder's padding begins; other containers cut that by themselves.
        exact = self._container.format.name.startswith("mov") and self._stream.duration
        stops = [round(s * self.sample_rate_hz) for s in (end_s, claimed_s if exact else None) if s is not None]
        self._stop_frames = min(stops) if stops else None
        self.duration_s = claimed_s
        if claimed_s is not None:
            self.duration_s = max(min(claimed_s, math.inf if end_s is None else end_s) - start_s, 0.0)

        self._sound = self._chunks(first)
        self._rest = np.zeros((0, *self._sides), np.float32)
        start_frames, passed = round(start_s * self.sample_rate_hz), 0
        # Skipped by decoding, not by seeking: a seek in VBR mp3 lands a few hops beside the wanted sample.
        for chunk in self._sound:
            passed += chunk.shape[0]
            if passed > start_frames:
                self._rest = chunk[chunk.shape[0] - (passed - start_frames) :]
                return
        self.bad_samples = 0
        raise SongError(
            f"{self.path} ends at {passed / self.sample_rate_hz:.2f} s, it was to start at {start_s:g} s: start earlier"
        )

    def __enter__(self) -> SongReader:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file; `blocks` ends."""
        self._sound = iter(())
        self._rest = np.zeros((0, *self._sides), np.float32)
        self._container.close()

    def blocks(self, block_frames: int = 4096) -> Iterator[F32]:
        """What is left of the song, in fresh arrays of *block_frames*; the last one is shorter.

        Never raises: what is damaged is counted and left out.
        """
        block, filled = np.empty((block_frames, *self._sides), np.float32), 0
        while True:
            if self._rest.shape[0] == 0:
                chunk = next(self._sound, None)
                if chunk is None:
                    break
                self._rest = chunk
            n = min(block_frames - filled, self._rest.shape[0])
            block[filled : filled + n] = self._rest[:n]
            self._rest = self._rest[n:]
            filled += n
            if filled == block_frames:
                yield block
                block, filled = np.empty((block_frames, *self._sides), np.float32), 0
        if filled:
            yield block[:filled]

    def _check_shape(self) -> None:
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise SongError(f"{self.path} has {self.channels} channels, 1 to {MAX_CHANNELS} can be read: mix it down")
        if not MIN_RATE_HZ <= self.sample_rate_hz <= MAX_RATE_HZ:
            raise SongError(
                f"{self.path} has {self.sample_rate_hz} samples a second, {MIN_RATE_HZ} to {MAX_RATE_HZ} can be read: "
                "convert it to 44100"
            )

    def _claimed_s(self) -> float | None:
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return self._container.duration / av.time_base if self._container.duration else None

    def _decoded(self) -> Iterator[AudioFrame]:
        """Every frame that decodes; damage is counted."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, OSError):
                self.faults += 1
                return
            if packet is None:
                return
            try:
                frames = packet.decode()
            except (av.FFmpegError, OSError):
                self.faults += 1
                continue
            for frame in frames:
                if isinstance(frame, AudioFrame) and frame.samples > 0:
                    yield frame

    def _chunks(self, first: AudioFrame) -> Iterator[F32]:
        """The song from its first sample on, in chunks as they come, holes filled with silence."""
        origin_s = first.time or 0.0
        done, rate = 0, self.sample_rate_hz
        frame: AudioFrame | None = first
        while frame is not None:
            if frame.sample_rate != rate or frame.layout.nb_channels > MAX_CHANNELS:
                self.faults += 1  # a stream that changes its rate: what is in another rate is a hole
                frame = next(self._frames, None)
                continue
            hole_s = 0.0 if frame.time is None else frame.time - origin_s - done / rate
            if hole_s > GAP_S:
                self.faults += 1
                left = round(min(hole_s, MAX_GAP_S) * rate)
                origin_s += max(hole_s - MAX_GAP_S, 0.0)
            else:
                left = 0
            chunks = [np.zeros((min(rate, left - at), *self._sides), np.float32) for at in range(0, left, rate)]
            for chunk in [*chunks, self._samples(frame)]:
                room = chunk.shape[0] if self._stop_frames is None else self._stop_frames - done
                if room <= 0:
                    return
                done += min(room, chunk.shape[0])
                yield chunk[:room]
                if done == self._stop_frames:
                    return
            frame = next(self._frames, None)

    def _samples(self, frame: AudioFrame) -> F32:
        """*frame* as (N,) float32, the mean of its channels, or (N, 2); what is no number is replaced by 0 and counted."""
        channels, kind = frame.layout.nb_channels, frame.format.packed.name
        dtype = np.dtype(_DTYPES[kind])
        if frame.format.is_planar:
            raw = np.stack([np.frombuffer(memoryview(p), dtype, frame.samples) for p in frame.planes], axis=1)
        else:
            raw = np.frombuffer(memoryview(frame.planes[0]), dtype, frame.samples * channels).reshape(-1, channels)
        if dtype.kind == "f":
            bad = ~(np.abs(raw) <= LOUDEST)
            if bad.any():
                self.bad_samples += int(bad.sum())
                raw = np.where(bad, 0.0, raw)
        if self._sides:
            sound = (raw if channels == 2 else np.repeat(raw.mean(axis=1, dtype=np.float64)[:, None], 2, 1)).astype(np.float64)
        else:
            sound = raw[:, 0].astype(np.float64) if channels == 1 else raw.mean(axis=1, dtype=np.float64)
        if dtype.kind != "f":
            half = 2.0 ** (8 * dtype.itemsize - 1)
            sound = (sound - half if kind == "u8" else sound) / half
        return sound.astype(np.float32)


def read_song(path: str | os.PathLike[str], *, start_s: float = 0.0, end_s: float | None = None) -> tuple[F32, int]:
    """The whole sound of *path* as (N,) mono float32, and its rate in Hz.

    Raises SongError as SongReader does, and where the song is too long to be held.
    """
    with SongReader(path, start_s=start_s, end_s=end_s) as reader:
        blocks, held = [], 0
        for block in reader.blocks(1 << 16):
            held += block.shape[0]
            if held > MAX_HELD_FRAMES:
                raise SongError(
                    f"{path} lasts over {MAX_HELD_FRAMES / reader.sample_rate_hz / 3600:.1f} hours, more than fits: "
                    "take a part of it with a start and an end"
                )
            blocks.append(block)
        return np.concatenate(blocks), reader.sample_rate_hz


def _must_be_readable(path: Path) -> None:
    try:
        if path.is_dir():
            raise SongError(f"{path} is a folder, a song was wanted: give a file in it")
        if not path.exists():
            raise SongError(f"there is no file {path}: check the name")
        if not path.is_file():
            raise SongError(f"{path} is a device or a pipe, a song file was wanted: record it to a file first")
        if path.stat().st_size == 0:
            raise SongError(f"{path} is empty (0 bytes), a song was wanted: copy or download it again")
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        if isinstance(error, SongError):
            raise
        raise SongError(f"{path} may not be read ({error}): check its rights") from error
