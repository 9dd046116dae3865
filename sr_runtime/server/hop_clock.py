"""The hop clock: 30 beats a second on the runtime's monotonic clock, that never catch up.

Owned by the server's inference loop. Thread: inference.
"""

from __future__ import annotations

from dataclasses import dataclass

from sr_runtime.types import HOP_HZ

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Beat:
    """One beat that is due.

    Attributes:
        index: Its number; skipped beats leave numbers out.
        skipped: Beats that were left out just before it.
        late_ns: How long it has been due.
    """

    index: int
    skipped: int
    late_ns: int


class HopClock:
    """Says when the next hop is due; after a stall it goes on with the present, and counts what was skipped.

    Args:
        start_ns: Time of beat 0.

    Example:
        >>> clock = HopClock(start_ns=0)
        >>> clock.take(0), clock.take(33_000_000), clock.take(150_000_000)
        (Beat(index=0, skipped=0, late_ns=0), None, Beat(index=4, skipped=3, late_ns=16666667))
    """

    def __init__(self, start_ns: int) -> None:
        self._start_ns = start_ns
        self._index = 0
        self.skipped = 0

    def _due_ns(self, index: int) -> int:
        return self._start_ns + index * NS_PER_S // HOP_HZ

    @property
    def next_ns(self) -> int:
        """Return when the next beat is due."""
        return self._due_ns(self._index)

    def take(self, now_ns: int) -> Beat | None:
        """Return the beat that is due, or None if it is too early."""
        if now_ns < self.next_ns:
            return None
        newest = (now_ns - self._start_ns) * HOP_HZ // NS_PER_S
        index = max(self._index, newest)
        skipped = index - self._index
        self._index = index + 1
        self.skipped += skipped
        return Beat(index, skipped, now_ns - self._due_ns(index))
