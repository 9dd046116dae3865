"""How many sessions the measured hop time allows; one more is refused with server_busy.

Thread: inference.
"""

from __future__ import annotations

from sr_bridge.errors import SERVER_BUSY
from sr_bridge.messages import LOCKSTEP, Error, Hello

from sr_runtime.server.settings import ServerSettings
from sr_runtime.server.telemetry import HopMeter
from sr_runtime.types import HOP_HZ

HOP_MS = 1000.0 / HOP_HZ
OVERHEAD_MS = 0.4
"""Per session and hop besides the engine: mixing, packing and sending (0.25 ms measured, rounded up)."""


class Admission:
    """Judges whether there is computing time for one more session.

    Args:
        settings: ``load_share`` and ``max_lockstep_sessions``.
        meter: Measured hop times.
    """

    def __init__(self, settings: ServerSettings, meter: HopMeter) -> None:
        self._settings = settings
        self._meter = meter

    @property
    def hop_ms(self) -> float:
        """Return what a hop is taken to cost: the median of the last 10 s, and the overhead.

        The median, since a sum over sessions is judged: single late hops are what the output's ring is for.
        """
        return self._meter.hop_ms.percentile(50) + OVERHEAD_MS

    @property
    def capacity(self) -> int:
        """Return how many live sessions fit; at least one, even if it cannot be served in time."""
        if self._settings.max_live_sessions is not None:
            return self._settings.max_live_sessions
        return max(1, int(HOP_MS * self._settings.load_share / self.hop_ms))

    def judge(self, hello: Hello, live: int, lockstep: int) -> Error | None:
        """Return why a session is refused, or None."""
        if hello.mode == LOCKSTEP:
            most, kind = self._settings.max_lockstep_sessions, "lockstep sessions"
            is_full = lockstep >= most
        else:
            most, kind = self.capacity, f"live sessions at {self.hop_ms:.1f} ms a hop"
            is_full = live >= most
        if not is_full:
            return None
        return Error(
            SERVER_BUSY,
            f"at most {most} {kind}",
            "one more",
            "close a session, or use a smaller bundle",
            fatal=True,
        )
