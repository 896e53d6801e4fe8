"""Hops: counted in samples, the same from blocks of any size."""

from __future__ import annotations

import numpy as np
import pytest

from audio2pose.music.hops import Hopper, hop_end_frame


@pytest.mark.parametrize("rate_hz", [4000, 11025, 22050, 44100, 48000, 192000])
def test_the_hop_that_ends_at_an_hour_ends_at_its_sample(rate_hz: int) -> None:
    assert hop_end_frame(360_000 - 1, rate_hz, 0.010) == 3600 * rate_hz


def test_hops_at_a_rate_that_is_no_multiple_of_a_hundred_differ_by_one_sample() -> None:
    ends = [hop_end_frame(k, 22050, 0.010) for k in range(-1, 100)]
    assert set(np.diff(ends)) == {220, 221}


@pytest.mark.parametrize("block", [1, 7, 441, 512, 1000, 50_000])
def test_hops_are_the_same_from_blocks_of_any_size(block: int) -> None:
    sound = np.arange(30_000, dtype=np.float32)
    hopper = Hopper(22050, 0.010)
    hops = [hop.copy() for k in range(0, len(sound), block) for hop in hopper.feed(sound[k : k + block])]
    assert np.array_equal(np.concatenate(hops), sound[: sum(len(h) for h in hops)])
    assert len(hops) == max(k for k in range(200) if hop_end_frame(k - 1, 22050, 0.010) <= len(sound))


def test_an_empty_block_makes_no_hop() -> None:
    assert list(Hopper(44100, 0.010).feed(np.zeros(0, np.float32))) == []


def test_after_reset_the_first_hop_is_the_first_hop_again() -> None:
    hopper = Hopper(22050, 0.010)
    list(hopper.feed(np.ones(777, np.float32)))
    hopper.reset()
    (first, *_) = (hop.copy() for hop in hopper.feed(np.zeros(777, np.float32)))
    assert len(first) == hop_end_frame(0, 22050, 0.010)
    assert not first.any()
