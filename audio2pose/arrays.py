"""Names of array types, one line each, so that a signature says what it takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
FX = NDArray[np.floating[Any]]
"""float32 or float64."""
Record = np.void
"""One element of a structured array (HEARD, POSE)."""
