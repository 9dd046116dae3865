"""The last few hundred values of a measurement, for percentiles in status. Thread: inference."""

from __future__ import annotations

from collections import deque

import numpy as np

WINDOW = 300
"""10 s of hops."""


class Window:
    """Keeps the newest 300 values.

    Example:
        >>> window = Window()
        >>> [window.add(value) for value in (1.0, 2.0, 9.0)] and window.percentile(50)
        2.0
    """

    def __init__(self) -> None:
        self._values: deque[float] = deque(maxlen=WINDOW)

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: float) -> None:
        """Add a value; the oldest goes."""
        self._values.append(value)

    def percentile(self, percent: float) -> float:
        """Return a percentile; 0 before the first value."""
        return float(np.percentile(np.asarray(self._values), percent)) if self._values else 0.0
