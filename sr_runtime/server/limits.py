"""How much a peer may send, and how often it is told off.

Called by the reception. Thread: I/O.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

MAX_PEERS_REMEMBERED = 1024
ERRORS_PER_SECOND = 2.0


class TokenBucket:
    """Allows ``rate`` units per second on average, and a burst of ``burst`` at once.

    Example:
        >>> bucket = TokenBucket(rate=10.0, burst=2.0)
        >>> [bucket.take(1.0, now_s=0.0) for _ in range(3)], bucket.take(1.0, now_s=0.1)
        ([True, True, False], True)
    """

    __slots__ = ("_burst", "_level", "_rate", "_then_s")

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._then_s: float | None = None

    def take(self, amount: float, now_s: float) -> bool:
        """Take ``amount`` if it is there; tell whether it was."""
        if self._then_s is not None:
            self._level = min(self._burst, self._level + (now_s - self._then_s) * self._rate)
        self._then_s = now_s
        if amount > self._level:
            return False
        self._level -= amount
        return True


class ErrorBudget:
    """Lets two errors of one code per second through to one peer, so that errors cannot be used to amplify.

    Remembers the last 1024 (peer, code) pairs; a flood of new peers pushes old ones out, not memory up.
    """

    def __init__(self) -> None:
        self._buckets: OrderedDict[tuple[Hashable, str], TokenBucket] = OrderedDict()

    def allows(self, peer: Hashable, code: str, now_s: float) -> bool:
        """Tell whether one more error of ``code`` may go to ``peer`` now."""
        key = (peer, code)
        bucket = self._buckets.pop(key, None) or TokenBucket(ERRORS_PER_SECOND, ERRORS_PER_SECOND)
        self._buckets[key] = bucket
        if len(self._buckets) > MAX_PEERS_REMEMBERED:
            self._buckets.popitem(last=False)
        return bucket.take(1.0, now_s)
