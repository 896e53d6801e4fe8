"""A night danced again: the same poses to the last bit, as far as the log is whole, and whatever a stranger's file says."""

from __future__ import annotations

import json
import os
import struct
import threading
import time
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio2pose.errors import CorpusError, LibraryError, UsageError
from audio2pose.match.find import library
from audio2pose.motion.pose import POSE
from audio2pose.music.heard import HEARD
from audio2pose.music.hops import Hopper
from audio2pose.performer import Performer, checked
from audio2pose.presets import settings
from audio2pose.realtime.engine import Engine, Tap
from audio2pose.realtime.handoff import HopRing
from audio2pose.realtime.log import CHUNK, LATENCY, START, LogHeader, LogQueue, LogWriter, pack_chunk
from audio2pose.realtime.logreader import MAX_HOLE_HOPS, LogReader
from audio2pose.realtime.replay import ReplayEars, ReplaySource, Script
from audio2pose.realtime.sources import StreamClock
from tests.realtime.shows import performer, song

SECONDS = 14.0
COMMANDS = (
    (0, LATENCY, 0.117), (300, "tap", 0.0), (350, "tap", 0.0), (399, "tap", 0.0), (500, "nudge", 20.0), (500, "half", 0.0),
    (700, LATENCY, 0.2), (900, "lock", 2.0), (1200, "resync", 0.0),
)  # fmt: skip


def tell(made: Performer, name: str, value: float) -> None:
    """As the engine does it at a hop's beginning."""
    if name == LATENCY:
        made.set_latency(value)
    else:
        made.command(name, value)


class Night:
    """A night as it was danced and heard, and its log."""

    def __init__(self, path: Path, samples: np.ndarray, rate_hz: int) -> None:
        made = performer(rate_hz)
        moves = library()
        self.header = LogHeader(
            settings=settings(environ={}), library=moves.name, checksum=moves.checksum, sample_rate_hz=rate_hz, latency_s=0.117
        )
        queue, stop, writer = LogQueue(), threading.Event(), LogWriter(path, self.header)
        thread = threading.Thread(target=writer.run, args=(queue, stop))
        thread.start()
        rows, poses, events = [], [], []
        for k, hop in enumerate(Hopper(rate_hz, made.hop_s).feed(samples)):
            for at, name, value in COMMANDS:
                if at == k:
                    tell(made, name, value)
                    queue.put_command(k, name, value)
            poses.append(made.process(hop).copy())
            assert made.heard is not None
            queue.put_hop(made.heard)
            rows.append(made.heard.copy())
            events += made.events
        stop.set()
        thread.join(10.0)
        self.path, self.events = path, events
        self.poses, self.rows = np.array(poses, POSE), np.array(rows, HEARD)


@pytest.fixture(scope="module")
def night(testdata: Path, tmp_path_factory: pytest.TempPathFactory) -> Night:
    return Night(tmp_path_factory.mktemp("night") / "night.log", *song(testdata, SECONDS))


def again(reader: LogReader) -> tuple[np.ndarray, list[dict], ReplayEars, Script]:
    """Every pose and event of the log, danced without a clock."""
    ears, script = ReplayEars(reader), Script(reader)
    made = Performer(reader.settings, library(), reader.sample_rate_hz, ears)
    made.warm_up()
    silence, poses, events = np.zeros(1, np.float32), [], []
    for hop in range(reader.hops):
        for name, value in script.due(hop):
            tell(made, name, value)
        poses.append(made.process(silence).copy())
        events += made.events
    return np.array(poses, POSE), events, ears, script


def test_a_night_with_commands_is_danced_again_pose_for_pose_and_event_for_event(night: Night) -> None:
    reader = LogReader(night.path)
    reader.must_fit(library(), 0.010)
    poses, events, ears, script = again(reader)
    assert poses.tobytes() == night.poses.tobytes()
    assert events == night.events
    assert sum(e["event"] == "segment" for e in events) > 2, "nothing was cut, so nothing was shown"
    assert (ears.stood_in, script.refused, reader.notes) == (0, 0, ())


def test_without_its_commands_it_would_be_another_dance(night: Night) -> None:
    reader = LogReader(night.path)
    made = Performer(reader.settings, library(), reader.sample_rate_hz, ReplayEars(reader))
    poses = np.array([made.process(np.zeros(1, np.float32)).copy() for _ in range(reader.hops)], POSE)
    assert poses.tobytes() != night.poses.tobytes(), "the leads of the log change the poses"


def test_the_engine_dances_it_from_the_source_at_any_pace(night: Night) -> None:
    """Commands beside, through the thread: only the leads and what the ears had already heard with the commands count."""
    reader = LogReader(night.path)
    made = Performer(reader.settings, library(), reader.sample_rate_hz, ReplayEars(reader))
    made.warm_up()
    made.set_latency(0.117)
    source, ring, clock = ReplaySource(reader, speed=8.0), HopRing(4 * reader.sample_rate_hz), StreamClock()
    tap = Tap(reader.hops + 10)
    engine = Engine(made, source, ring, clock, tap=tap)
    source.start(ring, clock)
    stop = threading.Event()
    began_s = time.monotonic()
    threads = [threading.Thread(target=body, args=(stop,)) for body in (engine.run, source.run)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
    source.stop()
    assert time.monotonic() - began_s > 0.9 * SECONDS / 8.0
    assert source.finished
    assert engine.hops == reader.hops == night.poses.shape[0]
    same = tap.poses[:700].tobytes() == night.poses[:700].tobytes()
    assert same, "up to the second lead, which nobody tells here"


def test_a_reset_begins_the_night_anew(night: Night) -> None:
    reader = LogReader(night.path)
    ears, script = ReplayEars(reader), Script(reader)
    for _ in range(2):
        heard = np.array([ears.process(np.zeros(1, np.float32)).copy() for _ in range(250)], HEARD)
        assert heard.tobytes() == night.rows[:250].tobytes()
        assert script.due(400) == [(name, value) for at, name, value in COMMANDS if at <= 400]
        ears.reset()
        script.reset()


def cut(night: Night, to: int, into: Path) -> Path:
    into.write_bytes(night.path.read_bytes()[:to])
    return into


def starts(path: Path) -> list[int]:
    """Where each chunk begins, and the file's end."""
    content = path.read_bytes()
    at = START.size + START.unpack_from(content)[2]
    found = [at]
    while at < len(content):
        fields = CHUNK.unpack_from(content, at)
        at += CHUNK.size + fields[5] + fields[6]
        found.append(at)
    return found


@pytest.mark.parametrize(
    "where", ["in the head of a chunk", "before its body", "in its rows", "a byte before its end", "between"]
)
def test_a_log_that_is_cut_off_is_danced_to_its_last_whole_chunk_and_says_so(night: Night, tmp_path: Path, where: str) -> None:
    found = starts(night.path)
    assert len(found) > 2
    begin, end = found[-2], found[-1]
    at = {
        "in the head of a chunk": begin + 9, "before its body": begin + CHUNK.size, "in its rows": (begin + end) // 2,
        "a byte before its end": end - 1, "between": begin,
    }[where]  # fmt: skip
    reader = LogReader(cut(night, at, tmp_path / "cut.log"))
    assert 0 < reader.hops < night.rows.shape[0]
    assert ("cut off" in " ".join(reader.notes)) == (where != "between")
    poses, _, ears, _ = again(reader)
    assert ears.stood_in == 0
    assert poses.tobytes() == night.poses[: reader.hops].tobytes()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_log_without_a_whole_head_is_refused(night: Night, tmp_path: Path, share: float) -> None:
    with pytest.raises(CorpusError, match=": "):
        LogReader(cut(night, int(share * starts(night.path)[0]), tmp_path / "cut.log"))


def test_a_log_without_any_hop_is_refused(night: Night, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="nothing to dance"):
        LogReader(cut(night, starts(night.path)[0], tmp_path / "cut.log"))


def test_a_flipped_bit_anywhere_is_met_by_a_word_or_by_a_shorter_dance(night: Night, tmp_path: Path) -> None:
    content = night.path.read_bytes()
    first = starts(night.path)[0]
    rng = np.random.default_rng(2)
    for at in [*rng.integers(0, first, 40), *rng.integers(first, len(content), 40)]:
        bad = bytearray(content)
        bad[at] ^= 1 << int(rng.integers(8))
        (tmp_path / "bad.log").write_bytes(bad)
        if at < first:
            with pytest.raises(CorpusError, match=": "):
                LogReader(tmp_path / "bad.log")
            continue
        if at < starts(night.path)[1]:
            with pytest.raises(CorpusError, match="nothing to dance"):
                LogReader(tmp_path / "bad.log")
            continue
        reader = LogReader(tmp_path / "bad.log")
        assert 0 < reader.hops < night.rows.shape[0]
        assert reader.notes


def made_log(path: Path, night: Night, chunks: bytes, change: Callable[[dict], None] = lambda table: None) -> Path:
    """A log with a whole head, changed by *change*, and *chunks*."""
    text = night.header.to_bytes()[START.size :]
    table = json.loads(text)
    change(table)
    text = json.dumps(table).encode()
    path.write_bytes(START.pack(b"A2PLOG", 1, len(text), zlib.crc32(text)) + text + chunks)
    return path


def rows(n: int, first: int = 0, **fields: object) -> np.ndarray:
    made = np.zeros(n, HEARD)
    made["hop"] = first + np.arange(n)
    made["rate_hz"], made["tempo_bpm"], made["committed_s"] = 2.0, 120.0, np.nan
    made["beat"] = 0.02 * (first + np.arange(n) + 1)
    made["state"], made["meter"] = 2, 4
    for name, value in fields.items():
        made[name] = value
    return made


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.clear(),
        lambda t: t.update(library=["a"]),
        lambda t: t.update(library="a" * 100_000),
        lambda t: t.update(sample_rate_hz=1),
        lambda t: t.update(sample_rate_hz=10**400),
        lambda t: t.update(sample_rate_hz=float("inf")),
        lambda t: t.update(latency_s=float("nan")),
        lambda t: t.update(latency_s="soon"),
        lambda t: t.update(versions=7),
        lambda t: t.update(settings=[1, 2]),
        lambda t: t.update(settings={"hear": 3}),
        lambda t: t.update(settings={"hear": {"hop_s": 0.0}}),
        lambda t: t.update(settings={"hear": {"hop_s": 10**400}}),
        lambda t: t.update(settings={"heer": {}}),
        lambda t: t.update(settings={"match": {"seed": None, "temperature": [1]}}),
        lambda t: t.update(rows=[["beat", "<f4"]]),
    ],
)
def test_a_head_that_says_nonsense_is_refused_in_one_line(night: Night, tmp_path: Path, change: Callable[[dict], None]) -> None:
    path = made_log(tmp_path / "bad.log", night, pack_chunk(rows(10), [], 0), change)
    with pytest.raises(CorpusError) as told:
        LogReader(path)
    assert "\n" not in str(told.value)
    assert told.value.parts[1]
    assert len(str(told.value)) < 400


@pytest.mark.parametrize(
    "content",
    [
        b"", b"A2PLOG", b"RIFF" * 100, START.pack(b"A2PLOG", 9, 0, 0), START.pack(b"A2PLOG", 1, 2**32 - 1, 0) + bytes(100),
        START.pack(b"A2PLOG", 1, 5, zlib.crc32(b"[" * 5)) + b"[" * 5,
        START.pack(b"A2PLOG", 1, 100_000, zlib.crc32(b"[" * 100_000)) + b"[" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_log_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.log").write_bytes(content)
    with pytest.raises(CorpusError) as told:
        LogReader(tmp_path / "bad.log")
    assert told.value.parts[1]


def test_a_missing_log_a_folder_and_a_pipe_are_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "none.log", tmp_path, tmp_path / "pipe"):
        with pytest.raises(CorpusError, match="give one"):
            LogReader(path)


def forged(first: int, hops: int, commands: int, packed: bytes, told: bytes, rows_bytes: int | None = None) -> bytes:
    """A chunk that says anything, with a sum that is right."""
    head = CHUNK.pack(b"HOPS", 0, first, hops, commands, len(packed) if rows_bytes is None else rows_bytes, len(told), 0)
    whole = head[8:] + packed + told
    return head[:4] + struct.pack("<I", zlib.crc32(whole)) + whole


@pytest.mark.parametrize(
    "chunk",
    [
        forged(10, 65535, 0, b"x" * 100, b""),
        forged(10, 0, 0, b"", b""),
        forged(9, 10, 0, b"x" * 100, b""),
        forged(10 + MAX_HOLE_HOPS + 1, 10, 0, b"x" * 100, b""),
        forged(2**64 - 1, 10, 0, b"x" * 100, b""),
        forged(10, 10, 0, b"x" * 100, b"", rows_bytes=2**32 - 1),
        forged(10, 10, 0, b"x" * 100_000, b""),
        forged(10, 10, 1, b"x" * 100, b"y" * 10_000),
        forged(10, 10, 65535, b"x" * 100, b""),
    ],
)
def test_a_chunk_that_says_what_no_chunk_holds_ends_the_night(night: Night, tmp_path: Path, chunk: bytes) -> None:
    reader = LogReader(made_log(tmp_path / "bad.log", night, pack_chunk(rows(10), [], 0) + chunk))
    assert reader.hops == 10
    assert "damaged" in reader.notes[0]


@pytest.mark.parametrize(
    "chunk",
    [
        forged(10, 50, 0, b"no zlib at all", b""),
        forged(10, 50, 0, zlib.compress(bytes(10_000_000), 9)[:4000], b""),
        forged(10, 50, 3, b"", b"\xff" * 60),
        pack_chunk(rows(50, 10, state=9), [], 0),
        pack_chunk(rows(50, 10, beat=np.nan), [], 0),
        pack_chunk(rows(50, 10, beat=1e300), [], 0),
        pack_chunk(rows(50, 10, rate_hz=-1e9), [], 0),
        pack_chunk(rows(50, 10, meter=255), [], 0),
        pack_chunk(rows(50, 10, bar_origin=-(2**63)), [], 0),
        pack_chunk(rows(50, 10, committed=1), [], 0),
        pack_chunk(rows(50, 10, energy=np.inf), [], 0),
    ],
)
def test_rows_that_no_ears_hear_are_stood_in_for_and_the_dance_goes_on(night: Night, tmp_path: Path, chunk: bytes) -> None:
    whole = pack_chunk(rows(10), [], 0) + chunk + pack_chunk(rows(40, 60), [], 0)
    reader = LogReader(made_log(tmp_path / "bad.log", night, whole))
    poses, _, ears, _ = again(reader)
    assert (reader.hops, ears.stood_in) == (100, 50)
    assert np.isfinite(poses["rotations"]).all()
    assert poses["time_s"][-1] == pytest.approx(1.0 + reader.settings.dance.latency_s)


@pytest.mark.parametrize("seed", range(6))
def test_the_wildest_rows_that_are_believed_are_danced(night: Night, tmp_path: Path, seed: int) -> None:
    rng, n = np.random.default_rng(seed), 400
    reach = 10.0 ** rng.uniform(0.0, 7.9)
    wild = rows(
        n, beat=rng.uniform(-reach, reach, n), rate_hz=rng.uniform(0.0, 99.0, n), tempo_bpm=rng.uniform(0.0, 9e3, n),
        jumps=rng.integers(0, 2**32, n), state=rng.integers(0, 5, n), meter=rng.integers(0, 33, n),
        bar_origin=rng.integers(1 - 10**8, 10**8, n), committed=rng.integers(0, 256, n), position=rng.integers(0, 256, n),
        committed_s=rng.uniform(-9e5, 9e5, n), energy=rng.uniform(-9e3, 9e3, n), level_db=rng.uniform(-9e3, 9e3, n),
    )  # fmt: skip
    poses, _, ears, _ = again(LogReader(made_log(tmp_path / "wild.log", night, pack_chunk(wild, [], 0))))
    assert ears.stood_in == 0
    assert np.isfinite(poses["rotations"]).all()
    assert np.isfinite(poses["root_m"]).all()


def test_a_hole_is_danced_through_on_the_counted_beat_and_what_follows_is_in_time(night: Night, tmp_path: Path) -> None:
    whole = pack_chunk(night.rows[:600], [], 0) + pack_chunk(night.rows[650:1000], [], 0)
    reader = LogReader(made_log(tmp_path / "hole.log", night, whole))
    assert (reader.hops, reader.lost_hops) == (1000, 50)
    assert "0:00:00.50" in " ".join(reader.notes)
    ears = ReplayEars(reader)
    heard = np.array([ears.process(np.zeros(1, np.float32)).copy() for _ in range(1000)], HEARD)
    assert heard["hop"].tolist() == list(range(1000))
    assert heard[:600].tobytes() == night.rows[:600].tobytes()
    assert heard[650:].tobytes() == night.rows[650:1000].tobytes()
    steps = np.diff(heard["beat"][599:650])
    assert steps == pytest.approx(float(night.rows["rate_hz"][599]) * 0.01)
    assert not heard["committed"][600:650].any()
    assert np.isfinite(again(reader)[0]["root_m"]).all()


def test_commands_that_are_none_are_left_out_and_counted(night: Night, tmp_path: Path) -> None:
    told = [(0, "explode", 1.0), (1, LATENCY, 1e9), (2, LATENCY, -1.0), (3, "tap", 0.0), (4, "lock", 77.0), (5, "tap", np.inf)]
    reader = LogReader(made_log(tmp_path / "bad.log", night, pack_chunk(rows(10), told, 0)))
    script = Script(reader, checked)
    assert [script.due(hop) for hop in range(10)] == [[], [], [], [("tap", 0.0)], [], [], [], [], [], []]
    assert script.refused == 4


def test_what_a_command_is_may_be_said_by_the_caller(night: Night, tmp_path: Path) -> None:
    def accepts(name: str, value: float) -> None:
        if name != "scene":
            raise UsageError("none: give another")

    reader = LogReader(made_log(tmp_path / "a.log", night, pack_chunk(rows(10), [(3, "scene", 2.0), (3, "tap", 0.0)], 0)))
    script = Script(reader, accepts)
    assert script.due(9) == [("scene", 2.0)]
    assert script.refused == 1


def test_another_library_or_hop_is_an_error_that_says_what_to_do(night: Night) -> None:
    reader = LogReader(night.path)
    with pytest.raises(LibraryError, match="give the same one with --library"):
        reader.must_fit(replace(library(), checksum="feed"), 0.010)
    with pytest.raises(ValueError, match="leave it as it was logged"):
        reader.must_fit(library(), 0.020)


def test_other_versions_are_told(night: Night, tmp_path: Path) -> None:
    path = made_log(tmp_path / "a.log", night, pack_chunk(rows(10), [], 0), lambda t: t["versions"].update(numpy="1.0"))
    assert "danced with numpy 1.0" in LogReader(path).notes[0]


def test_a_night_of_hours_takes_no_memory_to_play(night: Night, tmp_path: Path) -> None:
    chunks = b"".join(pack_chunk(rows(1000, first), [], 0) for first in range(0, 2_900_000, 350_000))
    path = made_log(tmp_path / "long.log", night, chunks)
    tracemalloc.start()
    reader = LogReader(path)
    source, ears = ReplaySource(reader), ReplayEars(reader)
    ears.process(np.zeros(1, np.float32))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert source.duration_s == pytest.approx(28_010.0)
    assert peak < 4e6
