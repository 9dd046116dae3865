"""Every message that comes in is judged here: who sent it, is it allowed, where does it go.

Pure logic without sockets, so that tests can throw anything at it. ``receive`` never raises: whatever a peer
sends ends as a command for the inference thread, an answer, or a counted refusal. Thread: I/O.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sr_bridge import errors
from sr_bridge.errors import ProtocolError
from sr_bridge.media import DISCONTINUITY, HEADER_BYTES, KIND_FRAME, Buffer, FrameMessage, parse_frame
from sr_bridge.messages import (
    LIVE,
    Bye,
    Control,
    ControlMessage,
    Error,
    Hello,
    Ping,
    Pong,
    Status,
    UnknownKind,
    decode,
    encode,
)

from sr_runtime.server.auth import Authenticator
from sr_runtime.server.greeting import judge_hello
from sr_runtime.server.limits import ErrorBudget, TokenBucket
from sr_runtime.server.mailbox import ApplyControl, AskStatus, CloseSession, Inbox, OpenSession, StepFrame
from sr_runtime.server.sessions import Peer, ReceivedFrame, SessionRecord, SessionTable, Slot
from sr_runtime.server.settings import ServerSettings

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ReceptionCounts:
    """What came in, for telemetry: refusals by code over all peers, and what was ignored."""

    messages: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    unknown_kinds: int = 0
    multipart: int = 0


class Reception:
    """Judges messages.

    Args:
        settings: Limits.
        authenticator: Knows the token.
        inbox: Where accepted messages go.
        clock_ns: The runtime's monotonic clock.
    """

    def __init__(
        self,
        settings: ServerSettings,
        authenticator: Authenticator,
        inbox: Inbox,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.sessions = SessionTable()
        self.counts = ReceptionCounts()
        self._settings = settings
        self._authenticator = authenticator
        self._inbox = inbox
        self._clock_ns = clock_ns
        self._errors = ErrorBudget()

    def receive(self, peer: Peer, data: Buffer) -> list[bytes]:
        """Take one message.

        Args:
            peer: The connection it came from.
            data: The whole message; kept if it is a frame.

        Returns:
            Answers to send to ``peer`` at once.
        """
        self.counts.messages += 1
        now_ns = self._clock_ns()
        try:
            if len(data) > 0 and data[0] == KIND_FRAME:
                self._take_frame(peer, data, now_ns)
                return []
            return self._take_control(peer, decode(data), now_ns)
        except UnknownKind:
            self.counts.unknown_kinds += 1
            return []
        except ProtocolError as error:
            return self._refuse(
                peer, Error(error.code, error.expected, error.got, error.fix, seq=_frame_seq(data))
            )
        except Exception:
            log.exception("a message of %d bytes could not be judged", len(data))
            return self._refuse(peer, Error(errors.INTERNAL, "no failure", "one", "see the runtime's log"))

    def end(self, session: int, reason: str) -> None:
        """Strike a session out, because its peer is gone or the runtime said so."""
        if self.sessions.remove(session) is not None:
            self._inbox.put(CloseSession(session, reason))

    def silent_sessions(self) -> list[SessionRecord]:
        """Return the sessions that have sent nothing for too long."""
        limit_s = self._clock_ns() / 1e9 - self._settings.end_after_s
        return [record for record in self.sessions if record.heard_s < limit_s]

    # -- frames --------------------------------------------------------------------------------------

    def _take_frame(self, peer: Peer, data: Buffer, now_ns: int) -> None:
        message = parse_frame(data)
        record = self._owner(message.header.session, peer)
        record.heard_s = now_ns / 1e9
        if record.hello.mode == LIVE:
            self._check_rate(record, len(data), now_ns)
            record.slot.append(ReceivedFrame(_with_cut_before(message, record.slot), now_ns))
        else:
            self._check_window(record)
            record.unanswered += 1
            self._inbox.put(StepFrame(record.id, ReceivedFrame(message, now_ns)))
        record.traffic.frames_received += 1

    def _owner(self, session: int, peer: Peer) -> SessionRecord:
        record = self.sessions.find(session, peer)
        if record is None:
            raise ProtocolError(
                errors.UNKNOWN_SESSION,
                "a session opened by this connection",
                str(session),
                "send hello and use the id in welcome",
            )
        return record

    def _check_rate(self, record: SessionRecord, size: int, now_ns: int) -> None:
        now_s = now_ns / 1e9
        if record.frames.take(1.0, now_s) and record.bytes.take(float(size), now_s):
            return
        settings = self._settings
        raise ProtocolError(
            errors.RATE_LIMITED,
            f"at most {settings.max_frame_hz:g} frames/s, {settings.max_bytes_per_s / 1e6:g} MB/s",
            "more",
            "send 30 frames/s, shrunk to the size in welcome",
        )

    def _check_window(self, record: SessionRecord) -> None:
        window = self._settings.lockstep_window
        if record.unanswered >= window:
            raise ProtocolError(
                errors.RATE_LIMITED,
                f"at most {window} unanswered steps",
                str(record.unanswered + 1),
                "wait for sound before the next step, and send this step again",
            )

    # -- control -------------------------------------------------------------------------------------

    def _take_control(self, peer: Peer, message: ControlMessage, now_ns: int) -> list[bytes]:
        if isinstance(message, Hello):
            return self._take_hello(peer, message, now_ns)
        record = self._owner(message.session, peer)
        record.heard_s = now_ns / 1e9
        if isinstance(message, Bye):
            self.end(record.id, message.reason or "the client said bye")
            return []
        self._check_control_rate(record, now_ns)
        if isinstance(message, Ping):
            return [encode(Pong(record.id, message.t0_ns, now_ns, self._clock_ns()))]
        if isinstance(message, Control):
            self._inbox.put(ApplyControl(message))
        elif isinstance(message, Status):
            self._inbox.put(AskStatus(record.id))
        return []

    def _check_control_rate(self, record: SessionRecord, now_ns: int) -> None:
        if record.controls.take(1.0, now_ns / 1e9):
            return
        raise ProtocolError(
            errors.RATE_LIMITED,
            f"at most {self._settings.max_controls_hz:g} control messages/s",
            "more",
            "send a control when a value changes, not every frame",
        )

    def _take_hello(self, peer: Peer, hello: Hello, now_ns: int) -> list[bytes]:
        refusal = judge_hello(hello, self._authenticator, len(self.sessions), self._settings.max_sessions)
        if refusal is not None:
            return self._refuse(peer, refusal)
        old = self.sessions.of_peer(peer)
        if old is not None:
            self.end(old.id, "the client said hello again")
        # The token was checked and is of no use to anybody from here on: it reaches neither log nor capture.
        record = self._new_record(peer, replace(hello, token=""), now_ns)
        self.sessions.add(record)
        self._inbox.put(OpenSession(record.id, record.hello, record.slot, record.traffic))
        return []

    def _new_record(self, peer: Peer, hello: Hello, now_ns: int) -> SessionRecord:
        settings = self._settings
        return SessionRecord(
            id=self.sessions.new_id(),
            peer=peer,
            hello=hello,
            frames=TokenBucket(settings.max_frame_hz, settings.max_frame_hz / 4),
            bytes=TokenBucket(settings.max_bytes_per_s, settings.max_bytes_per_s / 4),
            controls=TokenBucket(settings.max_controls_hz, settings.max_controls_hz),
            heard_s=now_ns / 1e9,
        )

    # -- refusals ------------------------------------------------------------------------------------

    def _refuse(self, peer: Peer, error: Error) -> list[bytes]:
        self.counts.refused[error.code] = self.counts.refused.get(error.code, 0) + 1
        record = self.sessions.of_peer(peer)
        if record is not None:
            record.traffic.reject(error.code)
        told = replace(error, session=record.id if record else 0, fatal=record is None)
        return [encode(told)] if self._errors.allows(peer, error.code, self._clock_ns() / 1e9) else []


def _with_cut_before(message: FrameMessage, slot: Slot) -> FrameMessage:
    """Hand a scene cut on from a frame that nobody used to the one that takes its place."""
    waiting = list(slot)
    if not waiting or not waiting[0].message.header.flags & DISCONTINUITY:
        return message
    header = replace(message.header, flags=message.header.flags | DISCONTINUITY)
    return replace(message, header=header)


def _frame_seq(data: Buffer) -> int:
    """Return the seq of a frame message that was refused, as far as it has one; 0 for other messages."""
    view = memoryview(data)
    is_frame = len(view) >= HEADER_BYTES and view[0] == KIND_FRAME
    return int.from_bytes(view[8:16], "little") if is_frame else 0
