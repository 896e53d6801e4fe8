"""Who watches a show from outside, in a process of its own: what arrived over OSC and when, and what the room sounded like.

Packets carry the kernel's time stamp of their arrival. The room is heard through `parec`, PulseAudio's own recorder, so that
nothing of PortAudio, ALSA or ours takes part: a null sink hands over each chunk at the moment at which the chunk's first
sample is played (module-null-sink renders [t, t + chunk) at t), so that the moment of a sample is known to a millisecond or
two. The sink's clock is its own: it was seen to run 230 parts in a million fast, so that a line is laid through the chunks.
Where the song lies in the recording is found to a sample, at its begin and at its end, so that a hole shows.

Time     wall seconds are time.perf_counter(), which is the same clock in every process of a Linux machine.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pythonosc.osc_bundle import OscBundle
from scipy.signal import fftconvolve, resample_poly

from audio2pose.motion.body import JOINT_NAMES
from tests.measures import FPS, TOLERANCE_S, Landing, f_measure, landing, levels, matched, motion_beats

RATE_HZ = 48_000
SO_TIMESTAMPNS = 35
HEAD = struct.Struct("<dHH")  # stamp, which socket, how many bytes


def watch(folder: Path, sockets: list[int], source: str) -> None:
    """Body of the process: write down what arrives, with its moment, until stdin ends."""
    looked = selectors.DefaultSelector()
    ours = [socket.socket(fileno=number) for number in sockets]
    for k, one in enumerate(ours):
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        looked.register(one, selectors.EVENT_READ, k)
    looked.register(sys.stdin, selectors.EVENT_READ, "end")
    form = [f"--rate={RATE_HZ}", "--channels=1", "--format=float32le", "--raw", "--latency-msec=20"]
    recorder = subprocess.Popen(["parec", f"--device={source}", *form], stdout=subprocess.PIPE) if source else None
    if recorder is not None:
        assert recorder.stdout is not None
        looked.register(recorder.stdout, selectors.EVENT_READ, "sound")
    marks, n_bytes = [], 0
    # Unbuffered: a test reads while we write.
    with (folder / "packets").open("wb", buffering=0) as packets, (folder / "sound").open("wb") as sound:
        print("ready", flush=True)
        while True:
            for key, _ in looked.select():
                if key.data == "end":
                    if recorder is not None:
                        recorder.terminate()
                        recorder.wait()
                    np.save(folder / "marks.npy", np.array(marks, np.float64).reshape(-1, 2))
                    return
                if key.data == "sound":
                    chunk = os.read(key.fd, 1 << 16)
                    marks.append((time.perf_counter(), n_bytes / 4))
                    n_bytes += len(chunk)
                    sound.write(chunk)
                    if not chunk:
                        looked.unregister(key.fileobj)
                    continue
                with contextlib.suppress(BlockingIOError):
                    while True:
                        datagram, extra, _, _ = ours[key.data].recvmsg(2048, 64)
                        stamp_s = time.perf_counter()
                        for level, kind, raw in extra:
                            if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                                s, ns = struct.unpack("@qq", raw[:16])
                                stamp_s -= time.time() - (s + 1e-9 * ns)
                        packets.write(HEAD.pack(stamp_s, key.data, len(datagram)) + datagram)


@dataclass
class Seen:
    """What one socket got: body packets (T) and music packets (M), each with its arrival."""

    body_s: np.ndarray = field(default_factory=lambda: np.zeros(0))
    joints_m: np.ndarray = field(default_factory=lambda: np.zeros((0, 24, 3)))
    music_s: np.ndarray = field(default_factory=lambda: np.zeros(0))
    beats: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))  # count, position, ms since
    lock: np.ndarray = field(default_factory=lambda: np.zeros(0))
    energy: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def longest_gap_s(self) -> float:
        """Between two body packets."""
        return float(np.diff(self.body_s).max())

    def longest_stillness_s(self) -> float:
        """For how long the body did not move at all, not by a rounding: nobody dances so, and nobody stands so."""
        moved = np.flatnonzero(np.abs(np.diff(self.joints_m, axis=0)).max(axis=(1, 2)) > 0.0)
        return float(np.diff(self.body_s[moved]).max())

    def told_beats_s(self) -> np.ndarray:
        """When each beat was, as `/dance/beat` says of it nearest to its moment, by the arrival of the message."""
        at = self.music_s - 1e-3 * self.beats[:, 2]
        last = np.array([np.flatnonzero(self.beats[:, 0] == n)[np.argmin(np.abs(self.beats[self.beats[:, 0] == n, 2]))]
                         for n in np.unique(self.beats[:, 0])])  # fmt: skip
        nearest = last[np.abs(self.beats[last, 2]) < 50.0]  # others were jumped over
        return np.sort(at[nearest])

    def motion_beats_s(self) -> np.ndarray:
        """When the received body all but stopped: joints put on an even grid by their arrival."""
        grid = np.arange(self.body_s[0], self.body_s[-1], 1.0 / FPS)
        flat = self.joints_m.reshape(self.joints_m.shape[0], -1)
        even = np.stack([np.interp(grid, self.body_s, column) for column in flat.T], axis=1)
        return motion_beats(even.reshape(-1, 24, 3)) + grid[0]


class Witness:
    """The process: *targets* sockets, and the room's sound where *source* names one of PulseAudio's."""

    def __init__(self, folder: Path, targets: int = 1, source: str = "") -> None:
        self._folder, self._source = folder, source
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(targets)]
        for one in self._sockets:
            one.bind(("127.0.0.1", 0))
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.ports = [int(one.getsockname()[1]) for one in self._sockets]

    def __enter__(self) -> Witness:
        numbers = [one.fileno() for one in self._sockets]
        words = [sys.executable, "-m", "tests.realtime.witness", str(self._folder), self._source, *map(str, numbers)]
        self._process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, pass_fds=numbers, cwd=Path(__file__).parents[2]
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._sockets:
            one.close()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20.0)

    def packets(self) -> Iterator[tuple[float, int, bytes]]:
        """(arrival, which socket, datagram), as far as they are written. While it runs, the newest may be missing."""
        raw = (self._folder / "packets").read_bytes()
        at = 0
        while at + HEAD.size <= len(raw):
            stamp_s, which, n = HEAD.unpack_from(raw, at)
            at += HEAD.size
            if at + n > len(raw):
                return
            yield stamp_s, which, raw[at : at + n]
            at += n

    def wait(self, limit_s: float) -> None:
        """Until the first packet: the kernels are compiled, the show runs."""
        until_s = time.monotonic() + limit_s
        while not (self._folder / "packets").stat().st_size:
            assert time.monotonic() < until_s, "no packet came"
            time.sleep(0.1)

    def seen(self, which: int = 0, newest: int | None = None) -> Seen:
        """Of one socket; of the *newest* packets alone, while it runs."""
        body_s, joints, music_s, beats, lock, energy = [], [], [], [], [], []
        packets = list(self.packets())
        for stamp_s, number, datagram in packets if newest is None else packets[-newest:]:
            if number != which:
                continue
            said = {m.address: m.params for m in OscBundle(datagram)}
            if "/dance/beat" in said:
                music_s.append(stamp_s)
                beats.append(said["/dance/beat"])
                lock.append(said["/dance/lock"][0])
                energy.append(said["/dance/energy"][0])
            else:
                body_s.append(stamp_s)
                joints.append([said[f"/dance/1/{name}"] for name in JOINT_NAMES])
        return Seen(
            np.array(body_s), np.array(joints, np.float64), np.array(music_s), np.array(beats, np.float64), np.array(lock),
            np.array(energy),
        )  # fmt: skip

    def heard(self) -> Heard:
        """The room's sound, and when it sounded."""
        marks = np.load(self._folder / "marks.npy")
        marks = marks[len(marks) // 4 :]  # the first chunks come in a rush
        rate, first = np.polyfit(marks[:, 1], marks[:, 0], 1)
        quarter, middle, three = np.percentile(marks[:, 0] - (first + rate * marks[:, 1]), [25, 50, 75])
        return Heard(np.fromfile(self._folder / "sound", "<f4"), float(first + middle), float(rate), float(three - quarter) / 2)


@dataclass(frozen=True)
class Heard:
    """Sound (N,) whose sample n was played at first_s + n * sample_s; chunks lie about that line by *spread_s*, one in two."""

    sound: np.ndarray
    first_s: float
    sample_s: float
    spread_s: float

    def song_moments(
        self, song: np.ndarray, rate_hz: int, times_s: np.ndarray, near_s: float, within_s: float = 2.0
    ) -> tuple[np.ndarray, float]:
        """The wall moments of *times_s* of *song*, which began within *within_s* after *near_s* (songs repeat themselves), and
        how far its end tells others than its begin (s): what was lost.
        """
        part_s, end_s, found = 4.0, song.shape[0] / rate_hz, []
        divisor = int(np.gcd(RATE_HZ, rate_hz))
        begun = round((near_s - self.first_s) / self.sample_s)
        for from_s in (0.5, end_s - part_s - 0.5):
            part = song[round(from_s * rate_hz) : round((from_s + part_s) * rate_hz)]
            wanted = resample_poly(part, RATE_HZ // divisor, rate_hz // divisor).astype(np.float32)
            at = begun + round(from_s * RATE_HZ)
            among = self.sound[at : at + wanted.size + round(within_s * RATE_HZ)]
            found.append(begun + int(np.argmax(fftconvolve(among, wanted[::-1], mode="valid"))))
        moments = self.first_s + (found[0] + np.asarray(times_s) * RATE_HZ) * self.sample_s
        return moments, (found[1] - found[0]) / RATE_HZ


@dataclass(frozen=True)
class Proof:
    """How what was received over OSC lies to the true beats. Offsets in ms, positive: after the beat."""

    body: Landing
    median_ms: float
    p95_ms: float
    told_f: float
    told_median_ms: float
    told_p95_ms: float
    n_beats: int

    def line(self, name: str) -> str:
        b = self.body
        return (
            f"{name:16s} body: median {self.median_ms:+5.1f} ms, p95 {self.p95_ms:5.1f} ms, F {b.f:.2f} against {b.f_null:.2f} "
            f"({b.level}); /dance/beat: F {self.told_f:.2f}, median {self.told_median_ms:+5.1f} ms, p95 "
            f"{self.told_p95_ms:5.1f} ms; {self.n_beats} beats"
        )


def proof(seen: Seen, beats_s: np.ndarray) -> Proof:
    """Motion beats and told beats against *beats_s*, the true ones, wall seconds."""
    lo, hi = beats_s[0], beats_s[-1]
    body = landing(seen.motion_beats_s(), beats_s)
    moved = offsets_ms(seen.motion_beats_s(), levels(beats_s)[body.level])
    told = seen.told_beats_s()
    told = told[(told >= lo - TOLERANCE_S) & (told <= hi + TOLERANCE_S)]
    scores = {level: f_measure(told, reference) for level, reference in levels(beats_s).items()}
    best = max(scores, key=lambda level: scores[level])
    said = offsets_ms(told, levels(beats_s)[best])
    return Proof(
        body, float(np.median(moved)), float(np.percentile(np.abs(moved), 95)), scores[best], float(np.median(said)),
        float(np.percentile(np.abs(said), 95)), len(beats_s),
    )  # fmt: skip


def offsets_ms(found_s: np.ndarray, true_s: np.ndarray) -> np.ndarray:
    """Of the matched pairs, positive: after the beat; inf where there is none."""
    pairs = matched(found_s, true_s)
    return 1e3 * np.array([found_s[i] - true_s[j] for i, j in pairs]) if pairs else np.array([np.inf])


if __name__ == "__main__":
    watch(Path(sys.argv[1]), [int(number) for number in sys.argv[3:]], sys.argv[2])
