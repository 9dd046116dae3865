"""Things that are not a runtime, on its port: strangers, refusers, and one that never reads."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable

import msgpack

GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + b"\x01" + bytes(31)
READY = bytes([4, 28]) + b"\x05READY\x0bSocket-Type\x00\x00\x00\x06ROUTER"
HELLO, WELCOME, ERROR = 3, 4, 9


def message(kind: int, **content: object) -> bytes:
    """Return a control message as one ZMTP frame."""
    body = bytes([kind]) + msgpack.packb(content)
    return struct.pack(">BQ", 2, len(body)) + body


class FakePeer:
    """Listens on a port and treats every connection with ``serve``, each in a thread, as long as it lasts.

    Args:
        serve: What it does with a connection; may end by any socket error.
        port: 0 takes a free one.
    """

    def __init__(self, serve: Callable[[socket.socket], None], port: int = 0) -> None:
        self._serve = serve
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # What a peer that never reads lets others write: little, and fixed.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen()
        self._connections: list[socket.socket] = []
        self.accepted = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    @property
    def endpoint(self) -> str:
        """Where it listens, as an address."""
        return f"tcp://127.0.0.1:{self.port}"

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.accepted += 1
                self._connections.append(connection)
                threading.Thread(target=self._treat, args=[connection], daemon=True).start()

    def _treat(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            self._serve(connection)

    def __enter__(self) -> FakePeer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        for each in [self._listener, *self._connections]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._thread.join(5)


def says(words: bytes | None) -> Callable[[socket.socket], None]:
    """Return a peer that says ``words`` and then only listens; one without words (None) hangs up."""

    def serve(connection: socket.socket) -> None:
        if words is None:
            connection.close()
            return
        connection.sendall(words)
        while connection.recv(4096):
            pass

    return serve


def _shake_hands(connection: socket.socket) -> None:
    connection.sendall(GREETING + READY)
    heard = b""
    while b"godot-plugin" not in heard:
        chunk = connection.recv(4096)
        if not chunk:
            raise ConnectionError("the client left")
        heard += chunk


def refuses(code: str, expected: str, got: str, fix: str) -> Callable[[socket.socket], None]:
    """Return a runtime that answers every hello with a fatal error."""

    def serve(connection: socket.socket) -> None:
        _shake_hands(connection)
        connection.sendall(
            message(ERROR, code=code, expected=expected, got=got, fix=fix, session=0, seq=0, fatal=True)
        )
        while connection.recv(4096):
            pass

    return serve


def never_reads(connection: socket.socket) -> None:
    """Welcome the client, then never read nor say anything again."""
    _shake_hands(connection)
    connection.sendall(
        message(WELCOME, session=7, protocol=1, picture_width=224, picture_height=224, bundle="fake")
    )
    time.sleep(600)
