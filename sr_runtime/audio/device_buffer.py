"""How large a buffer to ask the device for: the preset's, more when its driver runs short again and again.

Thread: the audio process's pump.
"""

from __future__ import annotations

from collections import deque
from typing import Final

REPEATS: Final = 3
WITHIN_S: Final = 10.0
SETTLING_S: Final = 2.0
"""Some drivers report an underflow or two while they start."""

LARGEST_S: Final = 0.08


class DeviceBuffer:
    """Doubles the buffer, up to 80 ms, at the third underflow within 10 s.

    It is not made smaller again: that would need another opening, which is heard, and the next underflows.

    Args:
        seconds: the preset's buffer.

    Attributes:
        seconds: what to ask the device for.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._seen = 0
        self._times_s: deque[float] = deque(maxlen=REPEATS)
        self._settled_s = 0.0

    def opened(self, now_s: float) -> None:
        """Note that the device was opened; what it reports in the next 2 s does not count."""
        self._settled_s = now_s + SETTLING_S
        self._times_s.clear()

    def must_grow(self, underflows: int, now_s: float) -> bool:
        """Look at the underflows so far; True if the device is to be opened again with the larger buffer.

        Args:
            underflows: all that were ever reported.
            now_s: the time.
        """
        is_new, self._seen = underflows > self._seen, underflows
        if not is_new or now_s < self._settled_s or self.seconds >= LARGEST_S:
            return False
        self._times_s.append(now_s)
        if len(self._times_s) < REPEATS or now_s - self._times_s[0] > WITHIN_S:
            return False
        self.seconds = min(2 * self.seconds, LARGEST_S)
        return True
