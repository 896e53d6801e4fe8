"""The show into a file: pictures and the sound as it was heard, in step by stream time; or every hop's pose.

Shapes   picture: (H, W, 3) uint8; sound: (N,) mono. Picture n of the file shows stream moment n / fps, sound sample n is
         sample n of the stream: a picture that came late or never is stood in for by the one before it, sound that was
         lost by silence of its length.
Threads  `offer` belongs to the thread that draws and only copies; `run` is the body of the recorder thread, the only one
         that may wait for the encoder.
Source   our own.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from audio2pose.arrays import F32, U8
from audio2pose.errors import OutputError
from audio2pose.media import posefile
from audio2pose.media.encode import Mp4Writer
from audio2pose.motion.kinematics import positions
from audio2pose.motion.pose import POSE, pose_at

from .handoff import Echo

BUFFERS = 12
"""Pictures on their way to the encoder; those that wait for their sound, which lags by the latency, come on top."""
MAX_FPS = 30.0
"""Of a film made live: on two cores without a GPU, 60 a second lost every third picture of 1280x720, 30 lose none."""
SOUND_S = 20.0
"""How much sound the recorder may be behind before some is lost."""
REST_S = 0.005


class Recorder:
    """One mp4. Made before the show begins, so that what cannot be written is told at once (OutputError, UsageError)."""

    def __init__(
        self, path: str | Path, *, width: int, height: int, fps: float, sample_rate_hz: int, latency_s: float = 0.0
    ) -> None:
        self.path = Path(path)
        self.fps = self._fps = fps
        self._rate_hz = sample_rate_hz
        self._writer = Mp4Writer(path, width=width, height=height, fps=fps, sample_rate_hz=sample_rate_hz)
        buffers = BUFFERS + math.ceil(latency_s * fps)
        self._free: deque[U8] = deque(np.zeros((height, width, 3), np.uint8) for _ in range(buffers))
        self._waiting: deque[tuple[int, U8]] = deque()
        self._last: U8 | None = None
        self._block: F32 = np.zeros(sample_rate_hz // 4, np.float32)
        self._next = 0
        self._sound: Echo | None = None
        self.skipped = 0
        self.failure: OutputError | None = None

    def wants(self, stream_s: float) -> bool:
        """Whether a picture of *stream_s* would be a new one of the file. Threads: the one that draws."""
        return self._number(stream_s) >= self._next

    def offer(self, picture: U8, stream_s: float) -> None:
        """Take a copy of *picture*, drawn for *stream_s*; never waits. Threads: the one that draws."""
        number = self._number(stream_s)
        if number < self._next:
            return
        self._next = number + 1
        if not self._free or self.failure is not None:
            self.skipped += 1
            return
        buffer = self._free.popleft()
        buffer[:] = picture
        self._waiting.append((number, buffer))

    def _number(self, stream_s: float) -> int:
        return math.floor(stream_s * self._fps + 1e-6)

    def run(self, sound: Echo, stop: Event) -> None:
        """Write until *stop*, then what is left, and close the file. Threads: the recorder's own."""
        self._sound = sound
        try:
            while not stop.is_set():
                self._step(sound)
                stop.wait(REST_S)
            while self._step(sound):
                pass
            self._silence(sound.last_hole())
            self._show_heard()
            self._fill_up()
            self._writer.close()
        except OutputError as error:
            # Told at the end: the show goes on without its film.
            self.failure = error
            self._writer.abort()

    @property
    def sound_lost(self) -> int:
        """How often sound was lost, because the encoder was too far behind. Threads: any."""
        return self._sound.holes if self._sound is not None else 0

    def _step(self, sound: Echo) -> int:
        """Write the sound that came, and the pictures that it has reached; how many samples came."""
        missing = sound.hole()
        self._silence(missing)
        n = sound.read(self._block)
        if n:
            self._writer.write_sound(self._block[:n])
        self._show_heard()
        return missing + n

    def _silence(self, frames: int) -> None:
        """Stand in for *frames* of lost sound."""
        block = np.zeros(self._block.shape[0], np.float32)
        while frames > 0:
            n = min(frames, block.shape[0])
            self._writer.write_sound(block[:n])
            self._show_heard()
            frames -= n

    def _show_heard(self) -> None:
        """Write the pictures that the sound has reached the middle of: so many as a film of that length has."""
        heard_s = self._writer.sound_frames / self._rate_hz
        while self._waiting and self._waiting[0][0] + 0.5 <= heard_s * self._fps:
            number, picture = self._waiting.popleft()
            self._repeat(picture if self._last is None else self._last, number)
            self._writer.write_picture(picture)
            if self._last is not None:
                self._free.append(self._last)
            self._last = picture

    def _fill_up(self) -> None:
        """The last picture stands until the sound ends; of a show that was over before its first, that one is shown."""
        if self._last is None and self._waiting:
            self._last = self._waiting.popleft()[1]
        if self._last is not None:
            self._repeat(self._last, max(round(self._writer.sound_frames / self._rate_hz * self._fps), 1))

    def _repeat(self, picture: U8, until: int) -> None:
        while self._writer.pictures < until:
            self._writer.write_picture(picture)

    def abort(self) -> None:
        """Leave nothing, for a show that never began. Threads: main, while `run` does not run."""
        self._writer.abort()


def write_poses(
    path: str | Path, poses: np.ndarray[Any, Any], *, hop_s: float, seconds: float, beat_times_s: Sequence[float],
    beat_positions: Sequence[int], segments: Sequence[Mapping[str, Any]],
) -> None:  # fmt: skip
    """Write the dance of *seconds* that hop *poses* (T,) POSE make, pose k for stream moment k * hop_s.

    Where there are fewer poses than that, it ends with them. *segments* are the events of that name; each begins in the hop
    that tells it, and is seen the latency later.
    Raises OutputError.
    """
    if poses.shape[0] < 2:
        raise OutputError(f"no sound came, so there is no dance to write to {path}: check the input with 'audio2pose devices'")
    T = min(max(round(seconds / hop_s), 1), poses.shape[0])
    danced = np.zeros(T, POSE)
    run: Any = poses
    for k in range(T):
        pose_at(run, k * hop_s, danced[k])
    ahead_s = float(poses["time_s"][-1]) - poses.shape[0] * hop_s
    posefile.write(
        path,
        posefile.PoseFile(
            positions_m=positions(danced["root_m"], danced["rotations"]),
            fps=1.0 / hop_s,
            rotations=danced["rotations"],
            root_m=danced["root_m"],
            contacts=danced["contacts"],
            beat_times_s=np.array(beat_times_s, np.float64),
            beat_positions=np.array(beat_positions, np.int32),
            segment_starts_s=np.array([s["t"] + ahead_s for s in segments], np.float64),
            segment_ids=tuple(str(s["id"]) for s in segments),
        ),
    )
