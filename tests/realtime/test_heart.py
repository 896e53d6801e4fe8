"""The heart of the house: the same sound gives the same dance to the last bit, live or not, in blocks of any size."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from audio2pose.music.hand import GRID
from audio2pose.music.hops import Hopper
from audio2pose.realtime.engine import Engine, Tap
from audio2pose.realtime.handoff import MAX_COMMANDS, HopRing
from audio2pose.realtime.moment import PLAYER
from audio2pose.realtime.sources import FileSource, StreamClock
from tests.realtime.shows import danced, danced_live, performer, song

SECONDS = 12.0


@pytest.fixture(scope="module")
def sound(testdata: Path) -> tuple[np.ndarray, int]:
    return song(testdata, SECONDS)


def test_the_engine_thread_dances_what_the_performer_dances_hop_by_hop(sound: tuple[np.ndarray, int]) -> None:
    samples, rate_hz = sound
    made = performer(rate_hz)
    plain = danced(made, samples, rate_hz, block_frames=samples.shape[0])
    poses, engine, ring = danced_live(made, samples, rate_hz, speed=6.0)
    assert plain.shape[0] == round(SECONDS * 100)
    assert ring.dropped_frames == 0
    assert poses.tobytes() == plain.tobytes()
    assert engine.hops == plain.shape[0]
    assert engine.segments > 1, "nothing was cut, so nothing was shown"


@pytest.mark.parametrize("block_frames", [1, 173, 441, 4096])
def test_blocks_of_any_size_give_the_same_dance(sound: tuple[np.ndarray, int], block_frames: int) -> None:
    samples, rate_hz = sound
    samples = samples[: 4 * rate_hz] if block_frames == 1 else samples
    made = performer(rate_hz)
    plain = danced(made, samples, rate_hz, block_frames=samples.shape[0])
    assert danced(made, samples, rate_hz, block_frames).tobytes() == plain.tobytes()


def test_a_source_with_odd_blocks_gives_the_same_dance_through_the_thread(sound: tuple[np.ndarray, int]) -> None:
    samples, rate_hz = sound
    made = performer(rate_hz)
    plain = danced(made, samples, rate_hz, block_frames=samples.shape[0])
    poses, _, _ = danced_live(made, samples, rate_hz, speed=8.0, block_frames=997)
    assert poses.tobytes() == plain.tobytes()


def test_the_engine_counts_what_it_heard_and_measures_what_it_cost(sound: tuple[np.ndarray, int]) -> None:
    samples, rate_hz = sound
    _, engine, _ = danced_live(performer(rate_hz), samples, rate_hz, speed=6.0)
    assert engine.first_lock_s is not None
    assert 0.0 < engine.first_lock_s < SECONDS
    assert engine.beats == len(engine.beat_times_s) > 8
    assert engine.tempo_bpm > 55.0
    assert engine.segments == sum(e["event"] == "segment" for e in engine.events)
    assert engine.hop_ms.told()["p50"] > 0.0  # type: ignore[operator]
    assert engine.lateness_ms.told()["max"] is not None


def test_a_command_acts_within_a_hop_and_the_same_commands_at_the_told_hops_give_the_same_dance(
    sound: tuple[np.ndarray, int],
) -> None:
    samples, rate_hz = sound[0][: 6 * sound[1]], sound[1]
    made = performer(rate_hz)
    source, ring, clock = FileSource(samples, rate_hz), HopRing(4 * rate_hz), StreamClock()
    tap = Tap(1000)
    engine = Engine(made, source, ring, clock, tap=tap)
    keys, socket = engine.hand(), engine.hand()
    source.start(ring, clock)
    stop = threading.Event()
    threads = [threading.Thread(target=body, args=(stop,)) for body in (engine.run, source.run)]
    for thread in threads:
        thread.start()
    late_hops = []
    for k, (queue, name, value) in enumerate(
        [(keys, "tap", 0.0), (keys, "tap", 0.0), (socket, "nudge", 15.0), (keys, "tap", 0.0), (socket, "lock", float(GRID))]
    ):
        while engine.hops < 100 * (k + 1):
            time.sleep(0.0005)
        before = engine.hops
        queue.put(name, value)
        while queue.waiting:
            time.sleep(0.0005)
        late_hops.append(engine.hops - before)
    for thread in threads:
        thread.join(30.0)
    source.stop()
    assert max(late_hops) <= 2, "drained at the next hop's beginning, and this loop looks late by one"
    told = [e for e in engine.events if e["event"] == "command"]
    assert [(e["command"], e["value"]) for e in told] == [
        ("tap", 0.0), ("tap", 0.0), ("nudge", 15.0), ("tap", 0.0), ("lock", 2.0),
    ]  # fmt: skip
    made.reset()
    again = []
    for hop in Hopper(rate_hz, made.hop_s).feed(samples):
        for event in told:
            if round(event["t"] / made.hop_s) - 1 == len(again):
                made.command(event["command"], event["value"])
        again.append(made.process(hop).copy())
    assert np.array(again).tobytes() == tap.poses.tobytes()


def test_what_is_put_at_once_is_drained_in_one_hop_and_what_was_too_much_is_counted() -> None:
    rate_hz = 44100
    made = performer(rate_hz)
    ring, clock = HopRing(rate_hz), StreamClock()
    engine = Engine(made, FileSource(np.zeros(rate_hz, np.float32), rate_hz), ring, clock)
    seen = engine.subscribe()
    first, second = engine.hand(), engine.hand()
    for _ in range(MAX_COMMANDS + 3):
        second.put("nudge", 1.0)
    first.put("lock", GRID)
    clock.mark(0.0, 0.0)
    ring.write(np.zeros(882, np.float32))
    engine.pull()
    told = [e for e in engine.events if e["event"] == "command"]
    assert [e["command"] for e in told] == ["lock"] + MAX_COMMANDS * ["nudge"]
    assert {e["t"] for e in told} == {made.hop_s}
    assert engine.dropped_commands == 3
    moment = seen.read()
    assert moment is not None
    assert dict(zip(PLAYER, moment["player"].tolist()))["lock"] == GRID
