"""What crosses between the I/O thread and the inference thread: plain values through two queues.

    I/O ──► Inbox: OpenSession, CloseSession, ApplyControl, StepFrame, AskStatus ──► inference
    I/O ◄── Outbox: Outgoing ◄────────────────────────────────────────────────── inference

A live session's frames do not queue: its slot holds the newest only. Thread: both, as drawn.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sr_bridge.messages import Control, Hello

from sr_runtime.server.sessions import ReceivedFrame, Slot, Traffic


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A hello that passed every check but computing time."""

    session: int
    hello: Hello
    slot: Slot
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class CloseSession:
    """The session's peer is gone."""

    session: int
    reason: str


@dataclass(frozen=True, slots=True)
class ApplyControl:
    """A checked control message."""

    control: Control


@dataclass(frozen=True, slots=True)
class StepFrame:
    """A lockstep session's next frame."""

    session: int
    frame: ReceivedFrame


@dataclass(frozen=True, slots=True)
class AskStatus:
    """The peer wants its status now."""

    session: int


@dataclass(frozen=True, slots=True)
class Wake:
    """Nothing to do but to look whether the server shall stop."""


Command = OpenSession | CloseSession | ApplyControl | StepFrame | AskStatus | Wake


class Inbox:
    """Commands for the inference thread, in the order in which they came."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Command] = queue.SimpleQueue()

    def put(self, command: Command) -> None:
        """Add a command. Thread: I/O (``Wake``: any)."""
        self._queue.put(command)

    def get(self, timeout_s: float) -> Command | None:
        """Return the next command, or None after ``timeout_s`` without one. Thread: inference."""
        try:
            return self._queue.get(block=timeout_s > 0, timeout=timeout_s if timeout_s > 0 else None)
        except queue.Empty:
            return None


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message for a session's peer; ``ends`` strikes the session out after it is sent."""

    session: int
    data: bytes
    is_answer: bool = False
    ends: bool = False


class Outbox:
    """Messages for the I/O thread to send.

    Args:
        wake: Called after each :meth:`put`, so that the I/O thread looks.
    """

    def __init__(self, wake: Callable[[], None] = lambda: None) -> None:
        self._items: deque[Outgoing] = deque()
        self.wake = wake

    def put(self, item: Outgoing) -> None:
        """Add a message. Thread: inference."""
        self._items.append(item)
        self.wake()

    def take(self) -> Outgoing | None:
        """Return the oldest message, or None. Thread: I/O."""
        return self._items.popleft() if self._items else None
