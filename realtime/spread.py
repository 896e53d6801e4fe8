"""How a measured time spreads: p50, p99 and the largest, of any number of values, in fixed memory.

Shapes   counts: one per bin; bins are 2 % wide from a tenth of a microsecond to a hundred seconds.
Threads  one adds, any asks; asking while someone adds may miss the value being added.
Source   the log-linear histogram of HdrHistogram, with even steps of the logarithm.
"""

from __future__ import annotations

import math

LEAST_MS = 1e-4
STEP = math.log(1.02)
N_BINS = math.ceil(math.log(1e5 / LEAST_MS) / STEP)


class Spread:
    """Milliseconds in, percentiles out. Below LEAST_MS counts as LEAST_MS."""

    def __init__(self) -> None:
        self._counts = [0] * N_BINS
        self._n = 0
        self.max_ms = 0.0

    def add(self, ms: float) -> None:
        """One more value; what is no number is left out."""
        if not math.isfinite(ms):
            return
        k = int(math.log(ms / LEAST_MS) / STEP) if ms > LEAST_MS else 0
        self._counts[min(k, N_BINS - 1)] += 1
        self._n += 1
        self.max_ms = max(self.max_ms, ms)

    def at(self, share: float) -> float | None:
        """The value that *share* (0..1) of all values do not exceed, to 1 %; None before the first."""
        if self._n == 0:
            return None
        left = max(math.ceil(share * self._n), 1)
        for k, count in enumerate(self._counts):
            left -= count
            if left <= 0:
                return min(LEAST_MS * math.exp((k + 0.5) * STEP), self.max_ms)
        return self.max_ms

    def told(self) -> dict[str, float | None]:
        """p50, p99 and max for a JSON document, in milliseconds; null where nothing was measured."""
        p50, p99 = self.at(0.50), self.at(0.99)
        if p50 is None or p99 is None:
            return {"p50": None, "p99": None, "max": None}
        return {"p50": round(p50, 4), "p99": round(p99, 4), "max": round(self.max_ms, 4)}
