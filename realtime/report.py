"""What a show tells at its end: one JSON document, and a few lines for people.

Shapes   none; times in seconds, spreads in milliseconds.
Threads  main.
Source   the beat F-measure of mir_eval (one to one, +-70 ms), by two sorted lists walked together.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TOLERANCE_S = 0.070
SETTLING_S = 5.0
"""Beats before this are left out of F, as is the custom: the tracker is still listening."""


def f_measure(found_s: Sequence[float], true_s: Sequence[float], *, from_s: float = SETTLING_S) -> float | None:
    """Share of beats that were found and right, of those from *from_s* on; None where there is none to find."""
    found = sorted(t for t in found_s if t >= from_s)
    true = sorted(t for t in true_s if t >= from_s)
    if not true:
        return None
    hits = f = t = 0
    while f < len(found) and t < len(true):
        gap_s = found[f] - true[t]
        if abs(gap_s) <= TOLERANCE_S:
            hits, f, t = hits + 1, f + 1, t + 1
        elif gap_s > 0.0:
            t += 1
        else:
            f += 1
    return 2.0 * hits / (len(found) + len(true))


def rss_mib() -> float | None:
    """Memory that this process holds now; its peak where the system tells only that."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return round(pages * _page_bytes() / 2**20, 1)
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource  # noqa: PLC0415  # not on Windows
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def _page_bytes() -> int:
    import resource  # noqa: PLC0415  # not on Windows

    return resource.getpagesize()


def for_people(summary: Mapping[str, Any], *, f: float | None, files: Sequence[str]) -> list[str]:
    """The summary in lines."""
    lock, tempo = summary["first_lock_s"], summary["tempo_bpm"]
    beats = f"{summary['beats']} beats" + (f" at {tempo:g} BPM" if tempo else "")
    locked = f"locked after {lock:g} s" if lock is not None else "never locked"
    if f is not None:
        locked += f", F {f:.2f} against the song's known beats"
    lines = [
        f"danced {summary['seconds']:.1f} s: {beats}, {locked}; {summary['segments']} segments",
        f"hop {_spread(summary['hop_ms'])} of processor; behind the sound {_spread(summary['lateness_ms'])}",
        f"{summary['frames']} frames drawn ({summary['fps']:.1f} a second, {_spread(summary['frame_ms'])} each)",
    ]
    ahead_ms = summary["latency_ms"]["ahead"]
    lines.append(f"danced {ahead_ms:g} ms ahead of the sound; 'render --causal --latency {ahead_ms:g}' dances a file so")
    lines += [f"{count} packets to {name}" for name, count in summary["packets"].items()]
    lines += [f"wrote {name}" for name in files]
    return lines


def _spread(spread: Mapping[str, float | None]) -> str:
    if spread["p50"] is None:
        return "not measured"
    return f"p50 {spread['p50']:.2f} / p99 {spread['p99']:.2f} ms"
