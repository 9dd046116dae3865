"""The runtime's own output: live sessions mixed into one sink. A failing sink never stops a session.

Thread: inference.
"""

from __future__ import annotations

import logging

from sr_runtime.audio import Mixer, PlayerStats, Sink
from sr_runtime.server.live import LiveHop, LiveSession

log = logging.getLogger(__name__)


class Output:
    """Mixer and sink.

    Args:
        sink: Where the mix goes, started; None if the runtime plays nothing.
    """

    def __init__(self, sink: Sink | None) -> None:
        self._sink = sink
        self._mixer = Mixer()
        self._is_playing = False
        self._failures = 0

    @property
    def exists(self) -> bool:
        """Tell whether there is a sink."""
        return self._sink is not None

    def stats(self) -> PlayerStats | None:
        """Return the sink's snapshot."""
        return None if self._sink is None else self._sink.stats()

    def add(self, session: int) -> None:
        """Give a session a strip."""
        self._mixer.add(session)

    def remove(self, session: int) -> None:
        """Fade a session out and forget it."""
        self._mixer.remove(session)

    def follow(self, session: LiveSession) -> None:
        """Take over a session's gain and mute."""
        self._mixer.set_gain(session.id, session.gain)
        self._mixer.set_mute(session.id, session.is_muted)

    def play(self, hops: dict[int, LiveHop], beat: int) -> None:
        """Mix and write one hop; pause the sink after the last session fell silent.

        Args:
            hops: Session → its hop, of those that the runtime plays.
            beat: Number of the hop clock's beat.
        """
        if self._sink is None or not (hops or self._is_playing):
            return
        mix = self._mixer.mix({session: hop.audio for session, hop in hops.items()})
        capture_ns = max((hop.capture_ns for hop in hops.values()), default=0)
        try:
            self._sink.write(mix, capture_ns, beat)
            if not hops:
                self._sink.pause()
        except Exception:
            self._failures += 1
            if self._failures == 1:
                log.exception("the sound output failed; sessions go on without it")
        self._is_playing = bool(hops)
