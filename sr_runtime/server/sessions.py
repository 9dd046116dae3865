"""Open sessions as the I/O thread sees them: who owns which id, and what came from there.

Ids are random and issued here; a message counts only if it comes from the connection that opened the
session, so that another local program cannot speak for it by guessing. Thread: I/O (counters are read by the
inference thread; a status that is one message old does no harm).
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from sr_bridge.media import FrameMessage
from sr_bridge.messages import Hello

from sr_runtime.server.limits import TokenBucket

Peer = tuple[int, bytes]
"""Socket number (0 NULL, 1 CURVE) and the connection's routing id."""


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """A checked frame and when it came, on the runtime's monotonic clock."""

    message: FrameMessage
    received_ns: int


@dataclass(slots=True)
class Traffic:
    """What has come from a session, and what it was too slow to take."""

    frames_received: int = 0
    hops_unsent: int = 0
    rejected: dict[str, int] = field(default_factory=dict)

    def reject(self, code: str) -> None:
        """Count one refused message."""
        self.rejected[code] = self.rejected.get(code, 0) + 1


Slot = deque[ReceivedFrame]
"""Holds at most the newest frame: ``deque(maxlen=1)``, whose append and pop are atomic."""


@dataclass(slots=True)
class SessionRecord:
    """One session.

    Attributes:
        id: Issued here, 1 to 2**32−1.
        peer: The connection that owns it.
        hello: What it asked for.
        slot: Where its newest frame waits (live).
        heard_s: When it last sent anything.
        unanswered: Lockstep steps that wait for their sound.
    """

    id: int
    peer: Peer
    hello: Hello
    frames: TokenBucket
    bytes: TokenBucket
    controls: TokenBucket
    heard_s: float
    slot: Slot = field(default_factory=lambda: deque(maxlen=1))
    traffic: Traffic = field(default_factory=Traffic)
    unanswered: int = 0


class SessionTable:
    """All open sessions, by id; one connection has one session."""

    def __init__(self) -> None:
        self._by_id: dict[int, SessionRecord] = {}
        self._by_peer: dict[Peer, SessionRecord] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[SessionRecord]:
        return iter(list(self._by_id.values()))

    def new_id(self) -> int:
        """Return an unused random id."""
        while True:
            candidate = secrets.randbelow(2**32 - 1) + 1
            if candidate not in self._by_id:
                return candidate

    def add(self, record: SessionRecord) -> None:
        """Enter a session."""
        self._by_id[record.id] = record
        self._by_peer[record.peer] = record

    def find(self, session: int, peer: Peer) -> SessionRecord | None:
        """Return the session if this connection owns it."""
        record = self._by_id.get(session)
        return record if record is not None and record.peer == peer else None

    def by_id(self, session: int) -> SessionRecord | None:
        """Return the session, whoever owns it."""
        return self._by_id.get(session)

    def of_peer(self, peer: Peer) -> SessionRecord | None:
        """Return the connection's session."""
        return self._by_peer.get(peer)

    def remove(self, session: int) -> SessionRecord | None:
        """Strike a session out; return it if it was there."""
        record = self._by_id.pop(session, None)
        if record is not None:
            self._by_peer.pop(record.peer, None)
        return record
