"""What all sessions go without when the deadline cannot be held: fewer evaluations first, then guidance.

    in time                    late: 5 of 15 beats ──►
    as asked ── at most 2 evaluations ── 1 evaluation ── 1 and no guidance, and no new sessions
             ◄── it would fit, for 10 s (longer, if going back was too early before)

A step that no session feels (one evaluation is all that is asked for, say) is none: the next one is taken.

Whether more would fit is judged by what it cost before it was taken away, compared with what the rest costs.
Thread: inference.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from statistics import median
from typing import Final

from sr_runtime.engine.settings import Relief, SamplingSettings
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
IN_TIME_SHARE: Final = 0.9
"""Of the last beats, that would be in time with more before it is given back."""
MOST_DEARER: Final = 2.0
"""A step of the ladder halves the computing at most: what looks like more was a stall."""
FIRST_WAIT: Final = 10 * HOP_HZ
LONGEST_WAIT: Final = 300 * HOP_HZ
"""Beats before something is given back; twice as many each time that it had to be taken away again, until
all was well for as long as the longest wait. After that long it is tried even if it seems not to fit: the
machine may be another by then."""


class ReliefLadder:
    """Watches how long beats take, and says what to go without."""

    def __init__(self) -> None:
        self._level = 0
        self._recent: deque[float] = deque(maxlen=WATCHED_BEATS)
        self._calm: deque[float] = deque(maxlen=FIRST_WAIT)
        self._wait = FIRST_WAIT
        self._since_change = 0
        self._went_back = False
        self._above_ms: dict[int, float] = {}
        self._dearer = dict.fromkeys(range(len(LADDER)), 1.0)

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

    def note(self, busy_ms: float, asked: Sequence[SamplingSettings] = ()) -> bool:
        """Note how long a beat's computing took.

        Args:
            busy_ms: All of it.
            asked: What the sessions asked for; without any, every step counts as felt.

        Returns:
            Whether :attr:`relief` has changed.
        """
        self._recent.append(busy_ms)
        self._calm.append(busy_ms)
        self._since_change += 1
        if sum(ms > BEAT_MS for ms in self._recent) >= LATE_BEATS:
            return self._take_away(asked)
        if self._level == 0 and self._since_change >= LONGEST_WAIT:
            self._wait = FIRST_WAIT
        if self._since_change == FIRST_WAIT:
            self._compare()
        return self._level > 0 and self._since_change >= self._wait and self._fits and self._give_back(asked)

    def _compare(self) -> None:
        """Learn how many times as dear the next better level is, now that this one's cost is known."""
        above_ms = self._above_ms.pop(self._level, None)
        if above_ms is not None:
            dearer = above_ms / max(median(self._calm), above_ms / MOST_DEARER)
            self._dearer[self._level] = max(1.0, dearer)

    @property
    def _fits(self) -> bool:
        """Tell whether nine beats in ten would be in time with the next better level."""
        dearer = 1.0 if self._since_change >= LONGEST_WAIT else self._dearer[self._level]
        return sum(ms * dearer < BEAT_MS for ms in self._calm) >= IN_TIME_SHARE * len(self._calm)

    def _note_cost(self, below: int) -> None:
        """Keep what the level that is left for one below cost.

        One that was hardly there before it went the same way saw little but the stall; but it cost no more
        than the better one did before.
        """
        known_ms = math.inf if self._went_back else self._above_ms.get(self._level, math.inf)
        self._above_ms[below] = min(known_ms, median(self._calm))

    def _take_away(self, asked: Sequence[SamplingSettings]) -> bool:
        below = self._next(+1, asked)
        self._note_cost(below)
        if self._went_back and self._since_change < 2 * self._wait:
            self._wait = min(2 * self._wait, LONGEST_WAIT)
        self._went_back = False
        return self._move(below)

    def _give_back(self, asked: Sequence[SamplingSettings]) -> bool:
        self._went_back = True
        return self._move(self._next(-1, asked))

    def _next(self, by: int, asked: Sequence[SamplingSettings]) -> int:
        """Return the next level up or down that some session feels; going back, the best of those alike."""
        left = [[step.applied(settings) for settings in asked] for step in LADDER]
        end = len(LADDER) - 1 if by > 0 else 0
        level = self._level
        while level != end:
            level += by
            if not asked or left[level] != left[self._level]:
                break
        while by < 0 < level and asked and left[level] == left[level - 1]:
            level -= 1
        return level

    def _move(self, level: int) -> bool:
        before, self._level = self._level, level
        self._since_change = 0
        self._recent.clear()
        self._calm.clear()
        return self._level != before
