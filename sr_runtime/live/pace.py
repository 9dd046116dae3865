"""Wait for the beats of a steady clock without drifting: 30.0 per second on average, whatever a beat costs.

Used by the live source and the paced benchmark. Thread: any.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sr_runtime.types import HOP_HZ

_NS_PER_S = 1_000_000_000


class Pace:
    """A metronome on the monotonic clock.

    Args:
        hz: Beats per second.
        clock_ns: The clock; a virtual one in tests.
        sleep: How to wait, in seconds.

    Example:
        >>> pace = Pace(clock_ns=lambda: 0, sleep=lambda seconds: None)
        >>> pace.until_ns(3)
        100000000
    """

    def __init__(
        self,
        hz: float = HOP_HZ,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._hz = hz
        self._clock_ns = clock_ns
        self._sleep = sleep
        self._start_ns = clock_ns()

    def until_ns(self, beat: int) -> int:
        """Return the nanoseconds until a beat; negative when it is over."""
        due_ns = self._start_ns + round(beat * _NS_PER_S / self._hz)
        return due_ns - self._clock_ns()

    def wait_for(self, beat: int) -> None:
        """Sleep until the beat; return at once if it is over."""
        remaining_ns = self.until_ns(beat)
        if remaining_ns > 0:
            self._sleep(remaining_ns / _NS_PER_S)
