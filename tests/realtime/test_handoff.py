"""Hand-overs: nothing is lost unseen, nothing is torn, with two threads at it as hard as they can."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from audio2pose.errors import UsageError
from audio2pose.realtime.handoff import Commands, HopRing, Latest


@pytest.fixture(autouse=True)
def _threads_change_places_all_the_time() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_what_goes_in_comes_out_in_order_round_the_end_of_the_ring() -> None:
    ring, out, sound = HopRing(10), np.zeros(7, np.float32), np.arange(100, dtype=np.float32)
    got = []
    for at in range(0, 98, 7):
        assert ring.write(sound[at : at + 7]) == 7
        assert ring.read(out) == 7
        got.append(out.copy())
    assert np.array_equal(np.concatenate(got), sound[:98])


def test_an_empty_ring_gives_nothing_and_a_block_of_nothing_is_no_trouble() -> None:
    ring = HopRing(8)
    assert ring.read(np.zeros(4, np.float32)) == 0
    assert ring.write(np.zeros(0, np.float32)) == 0
    assert ring.dropped_frames == 0


def test_what_does_not_fit_is_dropped_and_counted_and_is_no_stream_time() -> None:
    ring, out = HopRing(8), np.zeros(20, np.float32)
    assert ring.write(np.arange(12, dtype=np.float32)) == 8
    assert (ring.dropped_frames, ring.accepted_frames, ring.waiting_frames) == (4, 8, 8)
    assert ring.read(out) == 8
    assert np.array_equal(out[:8], np.arange(8))
    assert ring.write(np.array([9.0], np.float32)) == 1
    assert ring.read(out) == 1
    assert out[0] == 9.0


def test_two_threads_hand_over_half_a_million_samples_in_order_and_account_for_each() -> None:
    ring, n = HopRing(4096), 500_000
    sound = np.arange(n, dtype=np.float32)
    kept: list[np.ndarray] = []
    heard: list[np.ndarray] = []
    done = threading.Event()

    def write() -> None:
        at, sizes = 0, np.random.default_rng(1).integers(1, 700, 5000)
        for size in sizes:
            block = sound[at : at + size]
            kept.append(block[: ring.write(block)])
            at += block.shape[0]
        done.set()

    def read() -> None:
        out, k = np.zeros(1024, np.float32), 0
        while True:
            last = done.is_set()
            got = ring.read(out[: 1 + 977 * k % 1024])
            k += 1
            if got:
                heard.append(out[:got].copy())
            elif last:
                return

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    accepted, got = np.concatenate(kept), np.concatenate(heard)
    assert np.array_equal(accepted, got)
    assert got.shape[0] == ring.accepted_frames
    assert ring.accepted_frames + ring.dropped_frames == n


def test_commands_come_out_in_the_order_in_which_they_went_in() -> None:
    queue, got = Commands(4), []
    for k in range(30):
        assert queue.put("style", float(k))
        if k % 3 == 2:
            assert queue.waiting == 3
            got += [queue.take() for _ in range(3)]
    assert got == [("style", float(k)) for k in range(30)]
    assert queue.take() is None
    assert queue.dropped == 0


def test_a_full_queue_of_commands_drops_the_newest_and_counts_it() -> None:
    queue = Commands(3)
    assert [queue.put("style", float(k)) for k in range(5)] == [True, True, True, False, False]
    assert (queue.waiting, queue.dropped) == (3, 2)
    assert [queue.take() for _ in range(4)] == [("style", 0.0), ("style", 1.0), ("style", 2.0), None]
    assert queue.put("tap")
    assert queue.take() == ("tap", 0.0)


@pytest.mark.parametrize(("name", "value"), [("jump", 0.0), ("nudge", float("nan")), ("lock", 7.0)])
def test_what_is_no_command_is_refused_at_the_door_of_the_queue(name: str, value: float) -> None:
    queue = Commands()
    with pytest.raises(UsageError):
        queue.put(name, value)
    assert (queue.waiting, queue.dropped) == (0, 0)


def test_two_threads_hand_over_commands_in_order_and_account_for_each() -> None:
    queue, n, done = Commands(16), 50_000, threading.Event()
    kept: list[float] = []
    got: list[float] = []

    def write() -> None:
        kept.extend(float(k) for k in range(n) if queue.put("style", float(k)))
        done.set()

    def read() -> None:
        while True:
            last = done.is_set()
            command = queue.take()
            if command is not None:
                got.append(command[1])
            elif last:
                return

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert kept == got
    assert len(kept) + queue.dropped == n
    assert queue.waiting == 0


RECORD = np.dtype([("number", np.int64), ("filled", np.float64, (2000,))])


def test_nothing_is_there_before_the_first_write_and_then_always_the_newest() -> None:
    latest, record = Latest(RECORD), np.zeros(1, RECORD)[0]
    assert latest.read() is None
    for number in range(5):
        record["number"] = number
        latest.write(record)
    for _ in range(2):
        seen = latest.read()
        assert seen is not None
        assert seen["number"] == 4


def test_a_record_stays_as_it_was_read_while_newer_ones_are_written() -> None:
    latest, record = Latest(RECORD), np.zeros(1, RECORD)[0]
    latest.write(record)
    held = latest.read()
    assert held is not None
    for number in range(1, 10):
        record["number"], record["filled"] = number, number
        latest.write(record)
    assert held["number"] == 0
    assert not held["filled"].any()


def test_a_reader_never_sees_half_a_record_and_never_goes_back() -> None:
    latest, done = Latest(RECORD), threading.Event()
    torn: list[tuple[int, int]] = []
    seen: list[int] = []

    def write() -> None:
        record, number, until_s = np.zeros(1, RECORD)[0], 0, time.monotonic() + 20.0
        while (number < 20_000 or len(seen) < 500) and time.monotonic() < until_s:
            record["number"], record["filled"] = number, number
            latest.write(record)
            number += 1
        done.set()

    def read() -> None:
        last = -1
        while not done.is_set():
            record = latest.read()
            if record is None:
                continue
            number, filled = int(record["number"]), record["filled"]
            if filled.min() != number or filled.max() != number or number < last:
                torn.append((number, last))
            if number != last:
                seen.append(number)
            last = number

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert not torn
    assert len(seen) >= 500, "the two threads were hardly at work together"
