"""What a frame to one target costs, and against it what python-osc takes to build the same bundle.

Run it: python tests/benchmarks/bench_osc.py. The bar is 20 microseconds for the bytes of a frame and a target.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import numpy as np
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from audio2pose.motion.body import JOINT_NAMES
from audio2pose.motion.pose import rest_pose
from audio2pose.realtime.handoff import Latest
from audio2pose.realtime.moment import RUN_POSES, Follower, moment_dtype
from audio2pose.realtime.osc import Native
from audio2pose.realtime.sources import StreamClock

ROUNDS = 3000


def microseconds(what: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float, float]:
    """p50, p99 and max of *rounds* calls."""
    taken = np.zeros(rounds)
    for k in range(rounds):
        began_ns = time.perf_counter_ns()
        what()
        taken[k] = (time.perf_counter_ns() - began_ns) / 1e3
    return float(np.median(taken)), float(np.percentile(taken, 99)), float(taken.max())


def main() -> None:
    """Print a table."""
    moment = np.zeros(1, moment_dtype(RUN_POSES))[0]
    moment["run"] = rest_pose()
    moment["run"]["time_s"] = 0.01 * np.arange(RUN_POSES)
    latest = Latest(moment.dtype)
    latest.write(moment)
    follower = Follower(latest, StreamClock(), 0.0)
    follower.look(0.035)
    native = Native("unity", np.zeros(4, np.int32))
    receiver, sender = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    receiver.bind(("127.0.0.1", 0))
    sender.setblocking(False)

    def reference() -> bytes:
        builder = OscBundleBuilder(IMMEDIATELY)
        for j, name in enumerate(JOINT_NAMES):
            message = OscMessageBuilder(address=f"/dance/1/{name}")
            for value in follower.positions_m[0, j].tolist():
                message.add_arg(value, "f")
            builder.add_content(message.build())
        return builder.build().dgram

    body, _ = native.datagrams(follower, 0.035)
    rows = {
        "look: newest moment, pose_at, joints": lambda: follower.look(0.035),
        "bytes: body and music": lambda: native.datagrams(follower, 0.035),
        "sendto": lambda: sender.sendto(body, receiver.getsockname()),
        "python-osc, the joints alone": reference,
    }
    told = {name: microseconds(what, ROUNDS if "python" not in name else 300) for name, what in rows.items()}
    base = told["python-osc, the joints alone"][0]
    print(f"{'':40s} {'p50':>8s} {'p99':>8s} {'max':>9s}  us, and p50 as a share of python-osc's")
    for name, (p50, p99, most) in told.items():
        print(f"{name:40s} {p50:8.1f} {p99:8.1f} {most:9.1f}  {p50 / base:.3f}")


if __name__ == "__main__":
    main()
