"""What a client does to have and keep a session: hello, reconnects, errors, and what has come so far.

:class:`~sr_bridge.client.Client` is the face of it. One thread; nothing happens outside
:meth:`Conversation.pump` except in libzmq, which keeps the TCP connection.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zmq

from sr_bridge import connection, media
from sr_bridge.connection import CurveKeys
from sr_bridge.errors import (
    BAD_TOKEN,
    SERVER_BUSY,
    UNKNOWN_SESSION,
    ConnectionFileError,
    NotConnected,
    ProtocolError,
)
from sr_bridge.link import Link
from sr_bridge.media import AudioHeader, AudioMessage
from sr_bridge.messages import (
    Bye,
    ControlMessage,
    Error,
    Hello,
    Pong,
    Status,
    UnknownKind,
    Welcome,
    decode,
    encode,
)

KEPT_HOPS = 256
"""Sound kept for a caller that does not poll; the oldest goes first and is counted."""
SILENT_AFTER_S = 2.0
"""Without any message from the runtime for this long (it sends status twice a second) it counts as silent."""
REJECTED_FOR_S = 1.0
RETRY_S = 2.0
"""A refused hello is repeated after this long if the cause can pass: no room, or a runtime that restarts."""


class ConnectionState(Enum):
    """What the connection is doing; the four failures have four names, since their cures differ."""

    CONNECTING = "connecting"
    RUNNING = "running"
    NOBODY_LISTENS = "nobody listens"
    SILENT = "silent"
    REFUSED = "refused"
    FRAMES_REJECTED = "frames rejected"
    CLOSED = "closed"


@dataclass(frozen=True)
class AudioHop:
    """Sound as it came: ``audio`` is float32 (samples, 2), 48 kHz, −1..1; live hops have 1600 samples."""

    audio: npt.NDArray[np.float32]
    hop: int
    flags: int
    capture_ns: int
    age_us: int
    seq: int

    @classmethod
    def of(cls, message: AudioMessage) -> AudioHop:
        """Return the hop of a parsed message."""
        head: AudioHeader = message.header
        return cls(message.audio, head.hop, head.flags, head.capture_ns, head.age_us, head.seq)


@dataclass(frozen=True)
class ClockReading:
    """One ping: runtime clock − this clock, and the time spent on the way, both in ns."""

    offset_ns: int
    delay_ns: int


class Conversation:
    """The state of one connection to a runtime.

    Args:
        endpoint: Where it listens.
        hello: What to ask for, at every new connection.
        curve: Keys of the encrypted endpoint, or None.
        token_file: A connection file to read the token from, anew at every hello; None keeps hello's.

    Attributes:
        welcome: Of the open session, or None.
        refusal: Why there is no session, if the runtime said so.
        hops: Sound that has come.
        status: The newest status.
        pongs: The newest clock readings.
        errors: Refusals so far, by code.
        last_error: The newest of them.
        hops_lost: Hops thrown away because nobody took them.
        sessions: Sessions opened so far.
    """

    def __init__(self, endpoint: str, hello: Hello, curve: CurveKeys | None, token_file: Path | None) -> None:
        self._hello = hello
        self._token_file = token_file
        self._link = Link(endpoint, curve)
        self._is_linked = False
        self._is_greeted = False
        self._heard_s = time.monotonic()
        self._retry_s = 0.0
        self._rejected_s = -1e9
        self.welcome: Welcome | None = None
        self.refusal: Error | None = None
        self.hops: deque[AudioHop] = deque()
        self.status: Status | None = None
        self.pongs: deque[ClockReading] = deque(maxlen=16)
        self.errors: dict[str, int] = {}
        self.last_error: Error | None = None
        self.hops_lost = 0
        self.sessions = 0

    @property
    def is_linked(self) -> bool:
        """Tell whether the transport is connected."""
        return self._is_linked

    @property
    def state(self) -> ConnectionState:
        """What the connection is doing now."""
        now = time.monotonic()
        if self.refusal is not None:
            return ConnectionState.REFUSED
        if not self._is_linked:
            return ConnectionState.NOBODY_LISTENS
        if now - self._heard_s > SILENT_AFTER_S:
            return ConnectionState.SILENT
        if self.welcome is None:
            return ConnectionState.CONNECTING
        is_rejected = now - self._rejected_s < REJECTED_FOR_S
        return ConnectionState.FRAMES_REJECTED if is_rejected else ConnectionState.RUNNING

    def open_session(self) -> Welcome:
        """Return the open session's welcome.

        Raises:
            NotConnected: There is none now.
        """
        if self.welcome is None:
            raise NotConnected(f"no session ({self.state.value}): call connect() first")
        return self.welcome

    def send(self, message: ControlMessage) -> bool:
        """Send a control message; False if the connection cannot take it."""
        return self._link.send(encode(message))

    def send_bytes(self, data: bytes) -> bool:
        """Send a frame message; False if the connection is too slow for it."""
        return self._link.send(data)

    def pump(self, timeout_s: float = 0.0) -> None:
        """Take in what has come, waiting at most ``timeout_s`` for something, and keep the session."""
        if timeout_s > 0:
            self._link.wait(timeout_s)
        for event in self._link.events():
            self._follow(event)
        for data in self._link.messages():
            self._receive(data)
        self._retry_hello()

    def close(self) -> None:
        """Say bye and close the sockets."""
        if self.welcome is not None:
            self.send(Bye(self.welcome.session, "closed by the client"))
            self.welcome = None
        self._link.close(flush_ms=200)

    # -- the transport -------------------------------------------------------------------------------

    def _follow(self, event: int) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._is_linked = True
            self._heard_s = time.monotonic()
            self._greet()
        elif event in (zmq.EVENT_DISCONNECTED, zmq.EVENT_CONNECT_RETRIED):
            self._is_linked = False
            self.welcome = None
            self.refusal = None

    def _greet(self) -> None:
        self.welcome = None
        self.refusal = None
        self._refresh_token()
        self._is_greeted = self.send(self._hello)

    def _refresh_token(self) -> None:
        """Read the connection file again: a restarted runtime has a new token."""
        if self._token_file is None:
            return
        try:
            info = connection.read(self._token_file)
        except ConnectionFileError:
            return
        self._hello = replace(self._hello, token=info.token)

    def _retry_hello(self) -> None:
        if self._is_linked and not self._is_greeted:
            self._greet()
        if self.refusal is None or not self._is_linked or time.monotonic() < self._retry_s:
            return
        is_stale_token = self.refusal.code == BAD_TOKEN and self._token_file is not None
        if self.refusal.code == SERVER_BUSY or is_stale_token:
            self._greet()

    # -- messages ------------------------------------------------------------------------------------

    def _receive(self, data: bytes) -> None:
        self._heard_s = time.monotonic()
        try:
            if data[:1] == bytes([media.KIND_AUDIO]):
                self._keep(media.parse_audio(data))
            else:
                self._handle(decode(data))
        except UnknownKind:
            self._count("unknown_kind")
        except ProtocolError as error:
            self._count(error.code)

    def _keep(self, message: AudioMessage) -> None:
        if self.welcome is None or message.header.session != self.welcome.session:
            return
        if len(self.hops) >= KEPT_HOPS:
            self.hops.popleft()
            self.hops_lost += 1
        self.hops.append(AudioHop.of(message))

    def _handle(self, message: ControlMessage) -> None:
        if isinstance(message, Welcome):
            self.welcome = message
            self.hops.clear()
            self.sessions += 1
        elif isinstance(message, Status):
            self.status = message
        elif isinstance(message, Pong):
            now_ns = time.monotonic_ns()
            self.pongs.append(ClockReading(message.offset_ns(now_ns), message.delay_ns(now_ns)))
        elif isinstance(message, Error):
            self._hear_error(message)
        elif isinstance(message, Bye):
            self.welcome = None
            self.refusal = Error(
                UNKNOWN_SESSION, "an open session", message.reason, "connect again", fatal=True
            )

    def _hear_error(self, error: Error) -> None:
        self._count(error.code)
        self.last_error = error
        if error.fatal and error.code == UNKNOWN_SESSION and self.welcome is not None:
            self._greet()
        elif error.fatal:
            self.welcome = None
            self.refusal = error
            self._retry_s = time.monotonic() + RETRY_S
        elif error.seq:
            self._rejected_s = time.monotonic()

    def _count(self, code: str) -> None:
        self.errors[code] = self.errors.get(code, 0) + 1
