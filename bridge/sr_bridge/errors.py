"""Every error that the bridge raises on purpose, and the codes that travel on the wire.

    BridgeError
    ├── ProtocolError        a message breaks the protocol: code, expected, got, fix
    │   └── RefusedError     the runtime said no to hello, or ended the session; same fields
    ├── ConnectionFileError  the connection file is missing, unsafe or damaged
    ├── NobodyListens        no process accepts connections at the endpoint
    ├── SilentPeer           something accepts connections and never answers in this protocol
    └── NotConnected         a call needs a session and there is none

A message says what happened, the value seen and what to do next.
"""

from __future__ import annotations

BAD_TOKEN = "bad_token"
VERSION_REFUSED = "version_refused"
BAD_HEADER = "bad_header"
FRAME_TOO_LARGE = "frame_too_large"
BAD_SIZE = "bad_size"
UNSUPPORTED_FORMAT = "unsupported_format"
RATE_LIMITED = "rate_limited"
SERVER_BUSY = "server_busy"
UNKNOWN_SESSION = "unknown_session"
INTERNAL = "internal"

ERROR_CODES = (
    BAD_TOKEN,
    VERSION_REFUSED,
    BAD_HEADER,
    FRAME_TOO_LARGE,
    BAD_SIZE,
    UNSUPPORTED_FORMAT,
    RATE_LIMITED,
    SERVER_BUSY,
    UNKNOWN_SESSION,
    INTERNAL,
)
"""All codes of protocol version 1; a receiver treats any other code as ``internal``."""


class BridgeError(Exception):
    """Base class: catching it catches everything that the bridge raises on purpose."""


class ProtocolError(BridgeError):
    """A message breaks the protocol.

    Args:
        code: one of :data:`ERROR_CODES`.
        expected: what the protocol asks for.
        got: the value seen.
        fix: what the sender should do.
    """

    def __init__(self, code: str, expected: str, got: str, fix: str) -> None:
        super().__init__(f"{code}: expected {expected}, got {got}; {fix}")
        self.code = code
        self.expected = expected
        self.got = got
        self.fix = fix


class RefusedError(ProtocolError):
    """The runtime refused this client or ended its session; the fields say why."""


class ConnectionFileError(BridgeError):
    """The connection file is missing, readable by others, or damaged."""


class NobodyListens(BridgeError):  # noqa: N818 - reads as the fact it states
    """No process accepts connections at the endpoint."""


class SilentPeer(BridgeError):  # noqa: N818 - reads as the fact it states
    """Something accepts connections at the endpoint and never answers in this protocol."""


class NotConnected(BridgeError):  # noqa: N818 - reads as the fact it states
    """A call needs a session and there is none."""
