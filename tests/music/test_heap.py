"""Memory: the tracker leaves nothing behind, and no kernel makes an array."""

from __future__ import annotations

import os
import subprocess
import sys
import tracemalloc

import pytest

from audio2pose.config import BeatConfig, HearConfig
from audio2pose.music.beat import BeatTracker
from audio2pose.music.front import LEARNED, PLAIN
from audio2pose.music.hops import Hopper
from tests.music.sounds import (
    HOP_S,
    clicks,
)

BOTH = pytest.mark.parametrize("front", [LEARNED, PLAIN])


@BOTH
def test_five_seconds_of_hops_leave_nothing_behind_in_memory(front: str) -> None:
    tracker = BeatTracker(HearConfig(), BeatConfig(front=front), 44100)
    hops = [hop.copy() for hop in Hopper(44100, HOP_S).feed(clicks(128, 12.0)[0])]
    for hop in hops[:600]:
        tracker.process(hop)
    tracemalloc.start()
    for hop in hops[600:650]:
        tracker.process(hop)
    before = tracemalloc.get_traced_memory()[0]
    for hop in hops[650:1150]:
        tracker.process(hop)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 500


COUNT_KERNELS = """
import importlib, sys
import numpy as np
from numba.core.dispatcher import Dispatcher
from numba.core.runtime import rtsys
from audio2pose.config import BeatConfig, ClockConfig, HearConfig
from audio2pose.music.ears import Ears

seen = {}

def counted(kernel, name):
    def call(*args):
        before = rtsys.get_allocation_stats()
        out = kernel(*args)
        after = rtsys.get_allocation_stats()
        made = after.mi_alloc - before.mi_alloc
        kept = made - (after.mi_free - before.mi_free)
        boxed = sum(isinstance(a, np.ndarray) for a in args)
        seen[name] = max(seen.get(name, (0, 0)), (made - boxed, kept))
        return out
    return call

ears = [Ears(HearConfig(), BeatConfig(front=front), ClockConfig(), 44100) for front in ("learned", "plain")]
for one in ears:
    one.warm_up()
for module in "spectrum onset network front bar pointer beat features timbre".split():
    room = importlib.import_module("audio2pose.music." + module)
    for name, kernel in list(vars(room).items()):
        if isinstance(kernel, Dispatcher):
            setattr(room, name, counted(kernel, name))
rng = np.random.default_rng(0)
for one in ears:
    for k in range(600):
        hop = (rng.normal(0.0, 0.3, 441) * (k % 50 < 3)).astype(np.float32)
        one.process(hop)
for name, (made, kept) in sorted(seen.items()):
    print(name, made, kept)
"""


def test_no_kernel_makes_an_array() -> None:
    """Counted by numba itself: one box for each array that is passed in, and none is left."""
    counting = {**os.environ, "NUMBA_NRT_STATS": "1"}
    done = subprocess.run([sys.executable, "-c", COUNT_KERNELS], env=counting, capture_output=True, text=True, check=True)
    rows = {name: (int(made), int(kept)) for name, made, kept in (line.split() for line in done.stdout.splitlines())}
    assert {"turn", "weigh", "read", "step", "inputs_of", "combine", "favour_tempi", "rise", "take", "novelty"} <= set(rows)
    assert {name: row for name, row in rows.items() if row != (0, 0)} == {}
