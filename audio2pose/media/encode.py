"""Pictures and sound into an MP4 (H.264 and AAC), in step, while the caller draws the next picture.

Shapes   picture: (H, W, 3) uint8 RGB; sound: (N,) or (N, 2) float32, full scale 1. Picture n is shown from n / fps on,
         sound sample n is heard at n / sample_rate_hz; both count from the first one written.
Threads  the caller's, and ONE worker that belongs to the writer: colour conversion and H.264 release the GIL and cost
         more than drawing does, and nothing but this writer ever talks to it. That is why it is started here and not
         in the show; it lives from __init__ to close or abort, and holds at most POOL pictures and QUEUE_ITEMS parts.
"""

from __future__ import annotations

import queue
import struct
import threading
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream

from audio2pose.arrays import F32, U8
from audio2pose.errors import OutputError, UsageError
from audio2pose.media.atomic import BesideFile, output_error

POOL = 4
QUEUE_ITEMS = 16
AAC_RATES_HZ = (48000, 44100, 32000)
"""The song's own rate where it is one of these, else the first: others are legal, but not every player takes them."""


@dataclass(frozen=True, slots=True)
class _Picture:
    frame: av.VideoFrame
    number: int


@dataclass(frozen=True, slots=True)
class _Sound:
    samples: F32  # (2, N)
    at_frames: int


class Mp4Writer:
    """Writes beside *path* and renames at `close`; an exception in the `with` block, or `abort`, leaves nothing.

    Raises UsageError for a size or rate that H.264 cannot hold, OutputError where the file cannot be written: at once,
    or at the next write or close after the worker met it.
    Threads: one at a time calls; the worker is inside.
    """

    def __init__(self, path: str | Path, *, width: int, height: int, fps: float, sample_rate_hz: int | None = None) -> None:
        if width % 2 or height % 2 or not (16 <= width <= 8192 and 16 <= height <= 8192):
            raise UsageError(
                f"the picture is {width}x{height}, H.264 in this form wants even sizes within 16 to 8192: "
                f"take {_even(width)}x{_even(height)}"
            )
        if not 1.0 <= fps <= 240.0:
            raise UsageError(f"{fps:g} pictures a second, 1 to 240 were wanted: take 30 or 60")
        if sample_rate_hz is not None and not 4_000 <= sample_rate_hz <= 192_000:
            raise UsageError(f"the sound has {sample_rate_hz} samples a second, 4000 to 192000 were wanted: resample it")
        self.path = Path(path)
        self.pictures = 0
        self.sound_frames = 0
        self._shape = (height, width, 3)
        self._fps = Fraction(fps).limit_denominator(1001)
        self._rate_hz = sample_rate_hz
        self._failed: OutputError | None = None
        self._aborted = self._closed = False

        self._reformatter = VideoReformatter()
        self._pool: queue.SimpleQueue[av.VideoFrame] = queue.SimpleQueue()
        for _ in range(POOL):
            self._pool.put(av.VideoFrame(width, height, "rgb24"))
        self._work: queue.Queue[_Picture | _Sound | None] = queue.Queue(QUEUE_ITEMS)
        self._beside = BesideFile(path)
        # Whoever interrupts from here on, the file must not stay: pictures take their memory before it is opened.
        try:
            self._container = av.open(f"file:{self._beside.temporary}", "w", format="mp4", options={"movflags": "faststart"})
            self._video = self._video_stream(width, height)
            self._audio = self._audio_stream() if sample_rate_hz is not None else None
            self._container.start_encoding()
            # A daemon: a writer that someone forgot to close must not keep the process from ending.
            self._worker = threading.Thread(target=self._run, name="mp4 encoder", daemon=True)
            self._worker.start()
        except BaseException as error:
            self._beside.discard()
            if isinstance(error, av.FFmpegError | OSError):
                raise self._told(error) from error
            raise

    def _video_stream(self, width: int, height: int) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=self._fps)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        # Measured on our pictures: 7 ms of processor each where veryfast takes 12, for a sixth more bytes.
        stream.options = {"preset": "superfast", "crf": "20", "x264-params": "mbtree=1:rc-lookahead=10"}
        context = stream.codec_context
        context.time_base = 1 / self._fps
        # Players take untagged HD pictures for BT.709; swscale's default is BT.601: both are said aloud.
        context.colorspace, context.color_range = Colorspace.ITU709, ColorRange.MPEG
        context.color_primaries, context.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    def _audio_stream(self) -> AudioStream:
        rate_hz = self._rate_hz if self._rate_hz in AAC_RATES_HZ else AAC_RATES_HZ[0]
        stream = self._container.add_stream("aac", rate=rate_hz)
        stream.layout, stream.bit_rate = "stereo", 192_000
        return stream

    def __enter__(self) -> Mp4Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def write_picture(self, rgb: U8) -> None:
        """The next picture, (H, W, 3) uint8; copied, so that the caller may draw over it at once.

        Waits while POOL pictures are on their way. Raises OutputError for what the worker met since the last call.
        """
        if rgb.shape != self._shape or rgb.dtype != np.uint8:
            raise UsageError(f"a picture of {rgb.shape} {rgb.dtype}, must be {self._shape} uint8: draw it in that size")
        self._must_be_open()
        self._raise_failure()
        frame = self._pool.get()
        plane = frame.planes[0]
        pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(self._shape[0], plane.line_size)
        pixels[:, : 3 * self._shape[1]].reshape(self._shape)[...] = rgb
        self._work.put(_Picture(frame, self.pictures))
        self.pictures += 1

    def write_sound(self, samples: F32) -> None:
        """The next samples, (N,) mono or (N, 2); copied. What is no number is written as silence.

        Raises OutputError for what the worker met since the last call.
        """
        if self._rate_hz is None:
            raise UsageError("this file was opened without sound: give sample_rate_hz to write some")
        if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] != 2):
            raise UsageError(f"sound of shape {samples.shape}, must be (N,) or (N, 2): mix it down")
        self._must_be_open()
        for at in range(0, samples.shape[0], self._rate_hz):
            self._raise_failure()
            part = samples[at : at + self._rate_hz]
            both = np.empty((2, part.shape[0]), np.float32)
            both[:] = part.T
            np.nan_to_num(both, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
            self._work.put(_Sound(both, self.sound_frames))
            self.sound_frames += part.shape[0]

    def close(self) -> None:
        """Writes what is on its way, then the file appears under its name. A second call does nothing."""
        if self._closed:
            return
        try:
            self._end()
            self._raise_failure()
            if self.pictures == 0:
                raise OutputError(f"no picture was written to {self.path}, one at least was wanted: draw one first")
            must_be_whole(self._beside.temporary, self.path)
        except BaseException:  # Ctrl-C while the last pictures are flushed among them
            self._aborted = True
            self._beside.discard()
            raise
        self._beside.commit()

    def abort(self) -> None:
        """Ends at once and leaves nothing; an older file at *path* stays as it was. After `close` it does nothing."""
        if self._closed:
            return
        self._aborted = True
        try:
            self._end()
        finally:
            self._beside.discard()

    def _end(self) -> None:
        self._closed = True
        self._work.put(None)
        self._worker.join()

    def _must_be_open(self) -> None:
        if self._closed:
            raise UsageError(f"{self.path} is closed, nothing more can be written to it: open a new writer")

    def _raise_failure(self) -> None:
        if self._failed is not None:
            raise self._failed

    def _told(self, error: Exception) -> OutputError:
        if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
            return output_error(self.path, error)
        return OutputError(f"{self.path} could not be encoded ({error}): try another size or folder")

    def _run(self) -> None:
        """The worker: until None comes. After a failure it only hands buffers back, so that nobody waits for ever."""
        while (item := self._work.get()) is not None:
            if self._failed is None and not self._aborted:
                try:
                    self._encode(item)
                except Exception as error:  # told by the caller's next write or close
                    self._failed = self._told(error)
            if isinstance(item, _Picture):
                self._pool.put(item.frame)
        try:
            if self._failed is None and not self._aborted:
                self._flush()
            self._container.close()
        except Exception as error:
            self._failed = self._failed or self._told(error)

    def _encode(self, item: _Picture | _Sound) -> None:
        if isinstance(item, _Picture):
            picture = self._reformatter.reformat(
                item.frame,
                format="yuv420p",
                dst_colorspace=Colorspace.ITU709,
                dst_color_range=ColorRange.MPEG,
                threads=1,
            )
            picture.pts, picture.time_base = item.number, 1 / self._fps
            self._container.mux(self._video.encode(picture))
        elif self._audio is not None and self._rate_hz is not None:
            sound = av.AudioFrame.from_ndarray(item.samples, format="fltp", layout="stereo")
            sound.sample_rate, sound.time_base = self._rate_hz, Fraction(1, self._rate_hz)
            sound.pts = item.at_frames
            self._container.mux(self._audio.encode(sound))

    def _flush(self) -> None:
        self._container.mux(self._video.encode(None))
        if self._audio is not None:
            self._container.mux(self._audio.encode(None))


def _even(size: int) -> int:
    return min(max(size + size % 2, 16), 8192)


def must_be_whole(temporary: Path, path: Path) -> None:
    """The boxes of an MP4 fill its file exactly: a disk that fills up while the last buffer is flushed is not told."""
    size, at, seen = temporary.stat().st_size, 0, set()
    with temporary.open("rb") as file:
        while at + 8 <= size:
            file.seek(at)
            length, kind = struct.unpack(">I4s", file.read(8))
            if length == 1:
                (length,) = struct.unpack(">Q", file.read(8))
            seen.add(kind)
            at += max(length, 8)
    if at != size or not {b"ftyp", b"moov", b"mdat"} <= seen:
        raise OutputError(f"{path} came out damaged, the disk is probably full: free some space, or use another disk")
