"""What all sessions go without when the deadline cannot be held: fewer evaluations first, then guidance.

    in time                    late: 5 of 15 beats ──►
    as asked ── at most 2 evaluations ── 1 evaluation ── 1 and no guidance, and no new sessions
             ◄── time to spare for 10 s (longer, if going back was too early before)

Thread: inference.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from sr_runtime.engine.settings import Relief
from sr_runtime.types import HOP_HZ

BEAT_MS: Final = 1000.0 / HOP_HZ
LADDER: Final = (
    Relief(),
    Relief(most_nfe=2),
    Relief(most_nfe=1),
    Relief(most_nfe=1, is_guided=False),
)
WATCHED_BEATS: Final = 15
LATE_BEATS: Final = 5
"""So many late ones among those watched: a single stall is what the output's ring is for."""
SPARE_SHARE: Final = 0.6
"""Of a beat, that nine beats in ten stay below before anything is given back."""
FIRST_WAIT: Final = 10 * HOP_HZ
LONGEST_WAIT: Final = 300 * HOP_HZ
"""Beats before something is given back; twice as many each time that it had to be taken away again, until
all was well for as long as the longest wait."""


class ReliefLadder:
    """Watches how long beats take, and says what to go without."""

    def __init__(self) -> None:
        self._level = 0
        self._recent: deque[float] = deque(maxlen=WATCHED_BEATS)
        self._calm: deque[float] = deque(maxlen=FIRST_WAIT)
        self._wait = FIRST_WAIT
        self._since_change = 0
        self._went_back = False

    @property
    def relief(self) -> Relief:
        """Return what all sessions go without now."""
        return LADDER[self._level]

    @property
    def takes_nothing(self) -> bool:
        """Tell whether all sessions get what they asked for."""
        return self._level == 0

    @property
    def is_at_the_end(self) -> bool:
        """Tell whether nothing is left to go without."""
        return self._level == len(LADDER) - 1

    def note(self, busy_ms: float) -> bool:
        """Note how long a beat's computing took.

        Returns:
            Whether :attr:`relief` has changed.
        """
        self._recent.append(busy_ms)
        self._calm.append(busy_ms)
        self._since_change += 1
        if sum(ms > BEAT_MS for ms in self._recent) >= LATE_BEATS:
            return self._take_away()
        if self._level == 0 and self._since_change >= LONGEST_WAIT:
            self._wait = FIRST_WAIT
        return self._level > 0 and self._is_calm and self._give_back()

    @property
    def _is_calm(self) -> bool:
        if self._since_change < self._wait:
            return False
        return float(np.percentile(self._calm, 90)) < SPARE_SHARE * BEAT_MS

    def _take_away(self) -> bool:
        if self._went_back and self._since_change < 2 * self._wait:
            self._wait = min(2 * self._wait, LONGEST_WAIT)
        self._went_back = False
        return self._move(+1)

    def _give_back(self) -> bool:
        self._went_back = True
        return self._move(-1)

    def _move(self, by: int) -> bool:
        before, self._level = self._level, min(self._level + by, len(LADDER) - 1)
        self._since_change = 0
        self._recent.clear()
        self._calm.clear()
        return self._level != before
