"""Flags that live and file commands share, understood in one place: text in, settings out.

Threads  none; nothing heavy is imported, so that --help answers at once.
"""

from __future__ import annotations

import math
from argparse import Namespace
from typing import Any

from audio2pose.errors import UsageError


def overrides(args: Namespace) -> dict[str, dict[str, Any]]:
    """The table that the flags of *args* lay over preset and environment; a flag that *args* lacks is unset."""
    flags = vars(args)
    beat = dict.fromkeys(("min_bpm", "max_bpm"))
    if flags.get("bpm_range") is not None:
        beat["min_bpm"], beat["max_bpm"] = _pair(flags["bpm_range"], ":", float, "--bpm-range", "55:215")
    stage = dict.fromkeys(("width", "height"))
    if flags.get("size") is not None:
        stage["width"], stage["height"] = _pair(flags["size"].lower(), "x", int, "--size", "1280x720")
    latency_ms = flags.get("latency_ms")
    if latency_ms is not None and not 0.0 <= latency_ms <= 400.0:
        raise UsageError(f"--latency-ms is {latency_ms:g}, must be 0 to 400: measure what your screen costs with --calibrate")
    return {
        "hear": {"gain_db": flags.get("gain")},
        "beat": beat,
        "match": {"style": flags.get("style"), "seed": flags.get("seed")},
        "group": {"dancers": flags.get("dancers"), "formation": flags.get("formation")},
        "stage": {
            **stage,
            **{key: flags.get(key) for key in ("palette", "scene", "background")},
            "hud": False if flags.get("no_hud") else None,
            "latency_s": None if latency_ms is None else latency_ms / 1e3,
        },
    }


def _pair(text: str, between: str, kind: Any, flag: str, example: str) -> tuple[Any, Any]:
    try:
        a, b = (kind(part) for part in text.split(between))
        if not (math.isfinite(a) and math.isfinite(b)):
            raise ValueError(text)
    except ValueError:
        raise UsageError(f"{flag} is '{text}', two numbers were wanted: write it as {example}") from None
    return a, b
