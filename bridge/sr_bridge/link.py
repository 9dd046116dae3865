"""One DEALER socket and its monitor: the client's transport, without any knowledge of sessions.

Used by :mod:`sr_bridge.client` on the caller's thread. libzmq's own thread keeps the TCP connection, answers
heartbeats and reconnects with back-off (0.1 s to 2 s).
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator

import zmq

from sr_bridge.connection import CurveKeys
from sr_bridge.media import MAX_TRANSPORT_BYTES

SEND_QUEUE_MESSAGES = 4
"""Frames that may wait for a slow connection; more would only be stale."""
_EVENT = struct.Struct("=HI")
"""Event and its value, as zmq_socket_monitor sends them. pyzmq's own reader imports all of asyncio."""
RECEIVE_QUEUE_MESSAGES = 256
"""Sound that may wait for a caller that does not poll: 8 s of hops."""
RECONNECT_MS, RECONNECT_MAX_MS = 100, 2000
HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS = 500, 1500
"""A hung runtime is noticed after 1.5 s, a killed one at once."""

_EVENTS = (
    zmq.EVENT_HANDSHAKE_SUCCEEDED
    | zmq.EVENT_DISCONNECTED
    | zmq.EVENT_CONNECT_RETRIED
    | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq.EVENT_CONNECTED
)


class Link:
    """A DEALER connected to one endpoint.

    Args:
        endpoint: ``tcp://host:port`` or ``ipc://path``.
        curve: keys of the encrypted endpoint, or None for NULL.
    """

    def __init__(self, endpoint: str, curve: CurveKeys | None = None) -> None:
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._set_options(curve)
        self._monitor = self._socket.get_monitor_socket(_EVENTS)
        self._socket.connect(endpoint)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._monitor, zmq.POLLIN)

    def _set_options(self, curve: CurveKeys | None) -> None:
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.SNDHWM, SEND_QUEUE_MESSAGES),
            (zmq.RCVHWM, RECEIVE_QUEUE_MESSAGES),
            (zmq.MAXMSGSIZE, MAX_TRANSPORT_BYTES),
            (zmq.IMMEDIATE, 1),
            (zmq.RECONNECT_IVL, RECONNECT_MS),
            (zmq.RECONNECT_IVL_MAX, RECONNECT_MAX_MS),
            (zmq.HANDSHAKE_IVL, 2000),
            (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
            (zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS),
        ):
            self._socket.setsockopt(option, value)
        if curve is not None:
            self._socket.curve_serverkey = curve.server_key.encode()
            self._socket.curve_publickey = curve.client_public.encode()
            self._socket.curve_secretkey = curve.client_secret.encode()

    def send(self, data: bytes | memoryview) -> bool:
        """Queue one message; return False if nobody is connected or the queue is full. Never blocks."""
        try:
            self._socket.send(data, zmq.NOBLOCK)
        except zmq.Again:
            return False
        return True

    def wait(self, timeout_s: float) -> None:
        """Sleep until a message or a connection event is there, or ``timeout_s`` has passed."""
        self._poller.poll(max(0, int(timeout_s * 1000)))

    def events(self) -> list[int]:
        """Return the connection events since the last call, oldest first."""
        seen: list[int] = []
        while self._monitor.poll(0):
            facts, _endpoint = self._monitor.recv_multipart()
            seen.append(_EVENT.unpack(facts)[0])
        return seen

    def messages(self) -> Iterator[bytes]:
        """Yield every one-part message that waits; longer ones break the protocol and are skipped."""
        with contextlib.suppress(zmq.Again):
            while True:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
                if len(parts) == 1:
                    yield parts[0]

    def close(self, flush_ms: int = 0) -> None:
        """Close the sockets; wait at most ``flush_ms`` for queued messages to leave."""
        if self._context.closed:
            return
        self._socket.disable_monitor()
        self._monitor.close(linger=0)
        self._socket.close(linger=flush_ms)
        self._context.term()
