"""How many sessions the measured computing time allows; one more is refused with server_busy.

A beat costs ``fixed + each · sessions``: they are computed together, so one more costs less than the first.
Both are measured before the port is announced, with caches warm; what beats really take scales them.
Thread: inference.
"""

from __future__ import annotations

from sr_bridge.errors import SERVER_BUSY
from sr_bridge.messages import LOCKSTEP, Error, Hello

from sr_runtime.server.relief import BEAT_MS
from sr_runtime.server.settings import ServerSettings
from sr_runtime.server.windows import Window

OVERHEAD_MS = 0.4
"""Per session and hop besides the engine: mixing, packing and sending (0.25 ms measured, rounded up)."""
SMALLEST_SHARE = 0.05
"""Of the first session's cost, that one more is taken to cost at least."""


class Admission:
    """Judges whether there is computing time for one more session.

    Args:
        settings: ``load_share``, ``max_live_sessions`` and ``max_lockstep_sessions``.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._fixed_ms = self._each_ms = 0.0
        self._scales = Window()

    def learn(self, one_ms: float, several_ms: float, several: int) -> None:
        """Take over what one session costs, and what several do together (at least two)."""
        each = max((several_ms - one_ms) / (several - 1), SMALLEST_SHARE * one_ms)
        self._each_ms, self._fixed_ms = each, max(0.0, one_ms - each)

    def note(self, sessions: int, busy_ms: float) -> None:
        """Note how long a beat with so many sessions took, as they asked for it (no relief)."""
        expected_ms = self._fixed_ms + (self._each_ms + OVERHEAD_MS) * sessions
        if sessions and self._fixed_ms + self._each_ms:
            self._scales.add(busy_ms / expected_ms)

    @property
    def _scale(self) -> float:
        """Return the median of the last 10 s: single late beats are what the output's ring is for."""
        return self._scales.percentile(50) if len(self._scales) else 1.0

    @property
    def lone_ms(self) -> float:
        """Return what a hop of one session alone is taken to cost; 0 if nothing was measured."""
        return self._scale * (self._fixed_ms + self._each_ms)

    @property
    def each_ms(self) -> float:
        """Return what one more session is taken to cost per hop."""
        return self._scale * (self._each_ms + OVERHEAD_MS)

    @property
    def capacity(self) -> int:
        """Return how many live sessions fit; at least one, even if it cannot be served in time."""
        if self._settings.max_live_sessions is not None:
            return self._settings.max_live_sessions
        budget_ms = BEAT_MS * self._settings.load_share - self._scale * self._fixed_ms
        return max(1, int(budget_ms / self.each_ms))

    def judge(self, hello: Hello, live: int, lockstep: int, is_late: bool = False) -> Error | None:
        """Return why a session is refused, or None.

        Args:
            hello: What it asks for.
            live: Live sessions that there are.
            lockstep: Lockstep sessions that there are.
            is_late: Whether the live ones cannot be served in time as it is.
        """
        if hello.mode == LOCKSTEP:
            most, kind = self._settings.max_lockstep_sessions, "lockstep sessions"
            is_full = lockstep >= most
        else:
            most, kind = self.capacity, f"live sessions at {self.each_ms:.1f} ms for one more"
            is_full = live >= most
            if is_late and live:
                is_full, most, kind = True, live, "live sessions, which are late already"
        if not is_full:
            return None
        return Error(
            SERVER_BUSY,
            f"at most {most} {kind}",
            "one more",
            "close a session, or use a smaller bundle",
            fatal=True,
        )
