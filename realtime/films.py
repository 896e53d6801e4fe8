"""The show into films, begun and ended at any moment of it: pictures and the sound as it was heard, in step by stream time.

Shapes   picture: (H, W, 3) uint8; sound: (N,) mono. Picture n of a film shows stream moment start + n / fps, sound sample n is
         sample n after the start: a picture that came late or never is stood in for by the one before it, sound that was
         lost by silence of its length.
Threads  `begin` and `end` belong to main, `offer` to the thread that draws and only copies; `run` is the body of the recorder
         thread, the only one that opens and closes files and may wait for the encoder.
Source   our own.
"""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path
from threading import Event

import numpy as np

from audio2pose.arrays import F32, U8
from audio2pose.errors import Audio2PoseError, OutputError, UsageError
from audio2pose.media.encode import Mp4Writer

from .handoff import Echo

BUFFERS = 12
"""Pictures on their way to the encoder; those that wait for their sound, which lags by the latency, come on top."""
MAX_FPS = 30.0
"""Of a film made live: on two cores without a GPU, 60 a second lost every third picture of 1280x720, 30 lose none."""
SOUND_S = 20.0
"""How much sound the recorder may be behind before some is lost."""
REST_S = 0.005
IDLE_REST_S = 0.05
"""Between films, when all there is to do is to let the sound pass."""
SHORT_S = 0.5
"""A film that was ended this soon, before any picture, was a key hit twice and no failure."""


class Film:
    """One mp4 on its way; each field has one thread that writes it."""

    def __init__(self, path: Path, *, before: bool) -> None:
        self.path = path
        self.before = before  # made before the show: it begins with it
        self.start_s = 0.0  # recorder, before the film is seen by the thread that draws
        self.next = 0  # the thread that draws
        self.writer: Mp4Writer | None = None  # from here on: recorder
        self.last: U8 | None = None
        self.over = False


class Films:
    """Any number of films of one show, one at a time.

    One of *path* is made before the show and begins with it, so that what cannot be written is told at once (OutputError,
    UsageError). What goes wrong with films that are begun later stands in `failures`, and the show goes on.
    """

    def __init__(
        self, path: str | Path | None = None, *, width: int, height: int, fps: float, sample_rate_hz: int,
        latency_s: float = 0.0,
    ) -> None:  # fmt: skip
        self.fps = self._fps = fps
        self._width, self._height, self._rate_hz = width, height, sample_rate_hz
        self._n_buffers = BUFFERS + math.ceil(latency_s * fps)
        self._free: deque[U8] = deque()
        self._waiting: deque[tuple[Film, int, U8]] = deque()
        self._block: F32 = np.zeros(sample_rate_hz // 4, np.float32)
        self._orders: deque[Film | None] = deque()  # a film to begin; None: end it
        self._asked: Film | None = None
        self._film: Film | None = None
        self._passed_frames = 0  # of the stream: read, and lost
        self.skipped = self.sound_lost = 0
        self.failures: list[Audio2PoseError] = []
        self.written: list[Path] = []
        if path is not None:
            film = Film(Path(path), before=True)
            film.writer = self._new_writer(film)
            self._make_room()
            self._asked = self._film = film

    @property
    def recording(self) -> bool:
        """Whether a film runs, or will in a moment. Threads: main."""
        return self._asked is not None and not self._asked.over

    @property
    def failure(self) -> Audio2PoseError | None:
        """The first film that could not be written. Threads: any."""
        return self.failures[0] if self.failures else None

    def begin(self, path: str | Path) -> bool:
        """Begin a film with what is heard now; False where one runs already. Never waits. Threads: main."""
        if self.recording:
            return False
        self._asked = Film(Path(path), before=False)
        self._orders.append(self._asked)
        return True

    def end(self) -> bool:
        """End the film with what is heard now; False where none runs. Never waits. Threads: main."""
        if not self.recording:
            return False
        self._asked = None
        self._orders.append(None)
        return True

    def wants(self, stream_s: float) -> bool:
        """Whether a picture of *stream_s* would be a new one of a film. Threads: the one that draws."""
        film = self._film
        return film is not None and self._number(film, stream_s) >= film.next

    def offer(self, picture: U8, stream_s: float) -> None:
        """Take a copy of *picture*, drawn for *stream_s*, where a film wants it; never waits. Threads: the one that draws."""
        film = self._film
        if film is None:
            return
        number = self._number(film, stream_s)
        if number < film.next:
            return
        film.next = number + 1
        if not self._free:
            self.skipped += 1
            return
        buffer = self._free.popleft()
        buffer[:] = picture
        self._waiting.append((film, number, buffer))

    def _number(self, film: Film, stream_s: float) -> int:
        return math.floor((stream_s - film.start_s) * self._fps + 1e-6)

    def run(self, sound: Echo, stop: Event) -> None:
        """Write until *stop*, then what is left, and close the film. Threads: the recorder's own."""
        while not stop.is_set():
            while self._step(sound) and self._film is None:
                pass
            while self._orders and not stop.is_set():
                film = self._orders.popleft()
                if film is None:
                    self._end(sound)
                else:
                    self._begin(film, sound)
            stop.wait(IDLE_REST_S if self._film is None else REST_S)
        while self._step(sound):
            pass
        self._pass(sound.last_hole(), 0)
        self._close()

    def abort(self) -> None:
        """Leave nothing of a film that is not closed, for a show that never began. Threads: main, while `run` does not run."""
        if self._film is not None and self._film.writer is not None:
            self._film.writer.abort()

    def _begin(self, film: Film, sound: Echo) -> None:
        try:
            film.writer = self._new_writer(film)
        except (OutputError, UsageError) as error:
            self._fail(film, error)
            return
        self._make_room()
        # Opening took a while: what was heard meanwhile is let pass.
        while self._step(sound):
            pass
        film.start_s = self._passed_frames / self._rate_hz
        self._film = film

    def _end(self, sound: Echo) -> None:
        """With all the sound that waits now; an encoder that is behind must not be run after for ever."""
        until_frames = self._passed_frames + sound.waiting_frames
        while self._passed_frames < until_frames and self._step(sound):
            pass
        self._close()

    def _new_writer(self, film: Film) -> Mp4Writer:
        return Mp4Writer(film.path, width=self._width, height=self._height, fps=self._fps, sample_rate_hz=self._rate_hz)

    def _make_room(self) -> None:
        """Memory for pictures, once: the first film brings it, and it is touched here and not while drawing."""
        for _ in range(self._n_buffers):
            self._free.append(np.full((self._height, self._width, 3), 0, np.uint8))
        self._n_buffers = 0

    def _step(self, sound: Echo) -> int:
        """Write the sound that came, and the pictures that it has reached; how many samples came."""
        missing = sound.hole()
        n = sound.read(self._block)
        self._pass(missing, n)
        return missing + n

    def _pass(self, missing: int, n: int) -> None:
        """*missing* samples were lost, then *n* came in the block."""
        film = self._film
        self._passed_frames += missing + n
        if film is None:
            self._drop(None)
            return
        assert film.writer is not None
        self.sound_lost += missing > 0
        try:
            self._silence(film, film.writer, missing)
            if n:
                film.writer.write_sound(self._block[:n])
            self._show_heard(film, film.writer)
        except OutputError as error:
            self._fail(film, error)

    def _silence(self, film: Film, writer: Mp4Writer, frames: int) -> None:
        """Stand in for *frames* of lost sound."""
        block = np.zeros(self._block.shape[0] if frames else 0, np.float32)
        while frames > 0:
            n = min(frames, block.shape[0])
            writer.write_sound(block[:n])
            self._show_heard(film, writer)
            frames -= n

    def _show_heard(self, film: Film, writer: Mp4Writer) -> None:
        """Write the pictures that the sound has reached the middle of: so many as a film of that length has."""
        self._drop(film)
        heard_s = writer.sound_frames / self._rate_hz
        while self._waiting and self._waiting[0][1] + 0.5 <= heard_s * self._fps:
            _, number, picture = self._waiting.popleft()
            self._repeat(writer, picture if film.last is None else film.last, number)
            writer.write_picture(picture)
            if film.last is not None:
                self._free.append(film.last)
            film.last = picture

    def _drop(self, kept: Film | None) -> None:
        """Take back pictures at the queue's head that are for another film than *kept*: it was over when they came."""
        while self._waiting and self._waiting[0][0] is not kept:
            self._free.append(self._waiting.popleft()[2])

    def _close(self) -> None:
        """The last picture stands until the sound ends; of a film that was over before its first, that one is shown."""
        film = self._film
        if film is None:
            return
        writer = film.writer
        assert writer is not None
        heard_s = writer.sound_frames / self._rate_hz
        try:
            self._drop(film)
            if film.last is None and self._waiting:
                film.last = self._waiting.popleft()[2]
            if film.last is None and not film.before and heard_s < SHORT_S:
                writer.abort()
            else:
                if film.last is not None:
                    self._repeat(writer, film.last, max(round(heard_s * self._fps), 1))
                writer.close()
                self.written.append(film.path)
        except OutputError as error:
            self._fail(film, error)
        else:
            self._let_go(film)

    def _repeat(self, writer: Mp4Writer, picture: U8, until: int) -> None:
        while writer.pictures < until:
            writer.write_picture(picture)

    def _fail(self, film: Film, error: Audio2PoseError) -> None:
        """Told by main: the show goes on without this film."""
        self.failures.append(error)
        if film.writer is not None:
            film.writer.abort()
        self._let_go(film)

    def _let_go(self, film: Film) -> None:
        self._film = None
        film.over = True
        if film.last is not None:
            self._free.append(film.last)
            film.last = None
        self._drop(None)
