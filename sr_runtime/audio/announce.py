"""Tell the log of the runtime what became of its sound: lost, back again, latency widened.

The audio process itself writes no log; whoever reads its stats ten times a second (the supervisor) does.
"""

from __future__ import annotations

import logging
import math
from typing import Final

from sr_runtime.audio.stats import PlayerStats, SinkState

logger = logging.getLogger(__name__)

BROKEN: Final[tuple[SinkState, ...]] = ("lost", "no device")


class Announcer:
    """Logs changes, each once.

    Thread: supervisor.
    """

    def __init__(self) -> None:
        self._broken = ""
        self._target_ms = math.inf

    def look(self, stats: PlayerStats) -> None:
        """Compare with the last snapshot and log what changed."""
        broken = (stats.reason or stats.state) if stats.state in BROKEN else ""
        if broken and not self._broken:
            logger.warning("no sound: %s", broken)
        elif self._broken and not broken and stats.state != "starting":
            logger.warning("sound is back on %s", stats.device)
        if stats.state != "starting":
            self._broken = broken
        if stats.target_ms > self._target_ms + 1:
            logger.warning(
                "sound ran out again (%d underruns): latency widened to %.0f ms; a larger one avoids it",
                stats.underruns,
                stats.target_ms,
            )
        if not math.isnan(stats.target_ms):
            self._target_ms = stats.target_ms
