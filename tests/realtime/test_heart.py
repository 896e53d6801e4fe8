"""The heart of the house: the same sound gives the same dance to the last bit, live or not, in blocks of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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
