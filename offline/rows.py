"""An array that grows while a song is heard, its length unknown.

Shapes   rows: (n, ...), n the number of rows so far.
Threads  one, the caller's.
"""

from __future__ import annotations

from typing import Any

import numpy as np


class Rows:
    """An array that grows by doubling, in place."""

    def __init__(self, dtype: Any, shape: tuple[int, ...] = ()) -> None:
        self._rows: Any = np.zeros((8192, *shape), dtype)
        self._n = 0

    def append(self, row: Any) -> None:
        """Copy *row* behind the others."""
        if self._n == self._rows.shape[0]:
            self._rows.resize((2 * self._n, *self._rows.shape[1:]), refcheck=False)
        self._rows[self._n] = row
        self._n += 1

    def rows(self) -> Any:
        """A view of all rows so far; appending ends its validity."""
        return self._rows[: self._n]
