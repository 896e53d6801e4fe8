"""The log of a night: every bit of what was heard, in a file that survives whatever ends the process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from audio2pose.errors import OutputError
from audio2pose.media.demo_song import demo_song
from audio2pose.music.ears import Ears
from audio2pose.music.heard import HEARD
from audio2pose.music.hops import Hopper
from audio2pose.presets import settings
from audio2pose.realtime.log import (
    CHUNK_S,
    MAX_CHUNK_COMMANDS,
    MAX_CHUNK_HOPS,
    LogHeader,
    LogQueue,
    LogWriter,
    pack_chunk,
    pack_rows,
    unpack_rows,
)
from audio2pose.realtime.logreader import LogReader

HEADER = LogHeader(settings=settings(environ={}), library="moves", checksum="0123", sample_rate_hz=44100, latency_s=0.09)


@pytest.fixture(scope="module")
def night() -> np.ndarray:
    """What the ears hear of the built-in song, (H,) HEARD."""
    song, chosen = demo_song(), HEADER.settings
    ears = Ears(chosen.hear, chosen.beat, chosen.clock, song.sample_rate_hz)
    hops = Hopper(song.sample_rate_hz, chosen.hear.hop_s).feed(song.samples)
    return np.array([ears.process(hop).copy() for hop in hops], HEARD)


def write(
    path: Path, rows: np.ndarray, commands: tuple[tuple[int, str, float], ...] = (), capacity: int = 100_000
) -> LogWriter:
    """A log of *rows*, each command put before the row of its hop, all of it there before the writer runs."""
    queue, stop, writer = LogQueue(capacity), threading.Event(), LogWriter(path, HEADER)
    waiting = list(commands)
    for row in rows:
        while waiting and waiting[0][0] <= row["hop"]:
            queue.put_command(*waiting.pop(0))
        queue.put_hop(row)
    stop.set()
    writer.run(queue, stop)
    return writer


def all_rows(reader: LogReader) -> np.ndarray:
    return np.concatenate(list(reader.rows()))


def test_a_row_takes_less_than_64_bytes_and_8_hours_less_than_200_megabytes(night: np.ndarray) -> None:
    """At a chunk a second, as a show writes them."""
    whole = sum(len(pack_chunk(night[at : at + 100], [], 0)) for at in range(0, night.shape[0], 100))
    assert whole / night.shape[0] < 64.0
    assert whole / night.shape[0] * 8 * 3600 * 100 < 200e6


def test_every_bit_of_every_row_comes_back(tmp_path: Path, night: np.ndarray) -> None:
    writer = write(tmp_path / "a.log", night)
    reader = LogReader(tmp_path / "a.log")
    assert all_rows(reader).tobytes() == night.tobytes()
    assert writer.failure is None
    assert writer.hops == reader.hops == night.shape[0]
    assert writer.bytes == (tmp_path / "a.log").stat().st_size
    assert (reader.lost_hops, reader.lost_commands, reader.notes) == (0, 0, ())


@pytest.mark.parametrize("n", [1, 2, 100, MAX_CHUNK_HOPS])
def test_rows_of_any_bits_are_packed_exactly(n: int) -> None:
    bits = np.random.default_rng(n).integers(0, 256, n * HEARD.itemsize, np.uint8).tobytes()
    rows = np.frombuffer(bits, HEARD).copy()
    rows["hop"] = 7 + np.arange(n)
    assert unpack_rows(pack_rows(rows), 7, n).tobytes() == rows.tobytes()


def test_packed_rows_of_another_number_are_refused_before_they_take_memory() -> None:
    packed = pack_rows(np.zeros(1000, HEARD))
    assert len(packed) < 1000
    for wrong in (packed[:-3], b"", b"no zlib at all", packed[:10]):
        with pytest.raises(ValueError, match="rows"):
            unpack_rows(wrong, 0, 1000)
    for n in (1, 999, 1001):
        with pytest.raises(ValueError, match="another length"):
            unpack_rows(packed, 0, n)


def test_what_the_header_says_is_what_was_danced_with(tmp_path: Path, night: np.ndarray) -> None:
    chosen = settings(None, {"match": {"seed": 5, "temperature": 0.1}, "beat": {"min_bpm": 70.5}, "stage": {"hud": False}}, {})
    header = LogHeader(settings=chosen, library="mine", checksum="ab", sample_rate_hz=48000, latency_s=0.1234567890123)
    queue, stop, writer = LogQueue(), threading.Event(), LogWriter(tmp_path / "a.log", header)
    queue.put_hop(night[0])
    stop.set()
    writer.run(queue, stop)
    reader = LogReader(tmp_path / "a.log")
    assert reader.settings == chosen
    assert (reader.library, reader.checksum, reader.sample_rate_hz) == ("mine", "ab", 48000)
    assert reader.latency_s == 0.1234567890123
    assert set(reader.versions) == {"audio2pose", "numpy", "numba"}


def test_commands_keep_their_order_and_the_hop_before_which_they_came(tmp_path: Path, night: np.ndarray) -> None:
    told = ((0, "latency_s", 0.093), (5, "tap", 0.0), (5, "style", 3.0), (120, "énergie", -0.5), (1999, "panic", 1.0))
    write(tmp_path / "a.log", night[:2000], told)
    assert tuple(LogReader(tmp_path / "a.log").commands()) == told


def test_a_queue_that_is_full_loses_and_counts_and_the_file_says_where(tmp_path: Path, night: np.ndarray) -> None:
    """Room for 150 rows: hops 150 to 299 are lost while nobody writes, then it goes on."""
    queue, stop, writer = LogQueue(150), threading.Event(), LogWriter(tmp_path / "a.log", HEADER)
    thread = threading.Thread(target=writer.run, args=(queue, stop))
    for row in night[:300]:
        queue.put_hop(row)
    for k in range(MAX_CHUNK_COMMANDS + 3):
        queue.put_command(0, "nudge", float(k))
    queue.put_command(0, "a name that is much too long to be one", 0.0)
    assert (queue.dropped_hops, queue.dropped_commands) == (150, 4)
    thread.start()
    deadline_s = time.monotonic() + 10.0
    while queue.waiting_hops:
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    for row in night[300:400]:
        queue.put_hop(row)
    stop.set()
    thread.join(10.0)
    reader = LogReader(tmp_path / "a.log")
    assert (reader.hops, reader.lost_hops, reader.lost_commands) == (400, 150, 4)
    assert all_rows(reader).tobytes() == np.concatenate([night[:150], night[300:400]]).tobytes()
    assert any("0:00:01.50" in note for note in reader.notes)
    assert any("4 commands" in note for note in reader.notes)


def test_two_threads_at_it_lose_nothing(tmp_path: Path, night: np.ndarray) -> None:
    queue, stop, writer = LogQueue(), threading.Event(), LogWriter(tmp_path / "a.log", HEADER)
    thread = threading.Thread(target=writer.run, args=(queue, stop))
    thread.start()
    for k, row in enumerate(night):
        if k % 50 == 0:
            queue.put_command(k, "tap", float(k))
        queue.put_hop(row)
        if k % 3 == 0:
            time.sleep(0.001)
    stop.set()
    thread.join(10.0)
    reader = LogReader(tmp_path / "a.log")
    assert all_rows(reader).tobytes() == night.tobytes()
    assert [hop for hop, _, _ in reader.commands()] == list(range(0, night.shape[0], 50))


def test_an_older_log_stays_until_the_show_begins(tmp_path: Path, night: np.ndarray) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"older")
    writer = LogWriter(path, HEADER)
    assert path.read_bytes() == b"older"
    writer.abort()
    assert [p.name for p in tmp_path.iterdir()] == ["a.log"]
    assert path.read_bytes() == b"older"
    write(path, night[:10])
    assert LogReader(path).hops == 10
    assert [p.name for p in tmp_path.iterdir()] == ["a.log"]


def test_what_cannot_be_written_is_told_before_the_show_begins(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere" / "a.log", tmp_path, Path("/dev/null")):
        with pytest.raises(OutputError, match=": "):
            LogWriter(path, HEADER)


def test_a_full_disk_ends_the_log_at_its_last_whole_chunk_and_not_the_show(
    tmp_path: Path, night: np.ndarray, need: Callable[[bool, str], None]
) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True)
    need(mounted.returncode == 0, "mounting a small disk needs root")
    try:
        queue, stop, writer = LogQueue(10_000), threading.Event(), LogWriter(disk / "a.log", HEADER)
        for row in night:
            queue.put_hop(row)
        thread = threading.Thread(target=writer.run, args=(queue, stop))
        thread.start()
        deadline_s = time.monotonic() + 10.0
        while writer.failure is None:
            assert time.monotonic() < deadline_s
            time.sleep(0.01)
        stop.set()
        thread.join(10.0)
        assert "no room left" in str(writer.failure)
        reader = LogReader(disk / "a.log")
        assert reader.hops == writer.hops >= MAX_CHUNK_HOPS
        assert reader.notes == ()
        assert all_rows(reader).tobytes() == night[: reader.hops].tobytes()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_process_that_is_killed_leaves_all_but_the_last_moments(tmp_path: Path, night: np.ndarray) -> None:
    np.save(tmp_path / "night.npy", night[:600])
    program = f"""if True:
        import sys, threading, time
        import numpy as np
        from tests.realtime.test_log import HEADER
        from audio2pose.realtime.log import LogQueue, LogWriter
        queue, stop, writer = LogQueue(), threading.Event(), LogWriter({str(tmp_path / "a.log")!r}, HEADER)
        threading.Thread(target=writer.run, args=(queue, stop), daemon=True).start()
        for row in np.load({str(tmp_path / "night.npy")!r}):
            queue.put_hop(row)
            time.sleep(0.0005)
        time.sleep({2.5 * CHUNK_S})
        print("put", flush=True)
        time.sleep(60.0)
    """
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "put\n"
        os.kill(process.pid, signal.SIGKILL)
    assert all_rows(LogReader(tmp_path / "a.log")).tobytes() == night[:600].tobytes()
