"""The I/O thread: owns every socket, moves bytes, decides nothing.

    ROUTER (NULL) ─┐
    ROUTER (CURVE) ┼─► Reception ─► Inbox          Outbox ─► ROUTER
    ZAP (REP) ─────┘   (answers go straight back)

ROUTER takes turns between connections, and each may queue four messages (RCVHWM), so one that floods waits
for its turn like the others. After 64 messages or 8 MiB the loop rests for 2 ms: a flood must not take the
interpreter from the inference thread. Thread: I/O.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

import zmq
from sr_bridge.media import MAX_TRANSPORT_BYTES
from sr_bridge.messages import Bye, encode

from sr_runtime.errors import ConfigError
from sr_runtime.server.curve import CurveStore, ZapHandler
from sr_runtime.server.mailbox import Outbox, Outgoing
from sr_runtime.server.reception import Reception
from sr_runtime.server.sessions import Peer
from sr_runtime.server.settings import ServerSettings

log = logging.getLogger(__name__)

RECEIVE_QUEUE, SEND_QUEUE = 4, 64
"""Messages per connection: newer frames are better than old ones; 64 hops of sound are 2 s."""
HANDSHAKE_MS, HEARTBEAT_MS, HEARTBEAT_TIMEOUT_MS = 2000, 500, 1500
BATCH_MESSAGES, BATCH_BYTES, REST_S = 64, 8 << 20, 0.002
HOUSEKEEPING_MS = 250
MAX_SOCKETS = 64
"""Sockets of our own context; connections are bounded by the process's file descriptors."""
SAFE_LIBZMQ = (4, 3, 4)
"""Older ones have CVE-2021-20235 and CVE-2020-15166 (a peer without keys can stop a CURVE server)."""

NULL, CURVE = 0, 1


class SocketLoop:
    """The sockets and the thread that serves them.

    Args:
        settings: Endpoints.
        reception: Judges what comes in.
        outbox: What shall go out.
        curve: Keys, if the encrypted endpoint is wanted.

    Raises:
        ConfigError: An endpoint cannot be bound.
    """

    def __init__(
        self, settings: ServerSettings, reception: Reception, outbox: Outbox, curve: CurveStore | None = None
    ) -> None:
        if zmq.zmq_version_info() < SAFE_LIBZMQ:
            raise ConfigError(
                f"libzmq {zmq.zmq_version()} has known holes; 4.3.4 is needed: pip install --upgrade pyzmq"
            )
        self._reception = reception
        self._outbox = outbox
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._context.set(zmq.MAX_SOCKETS, MAX_SOCKETS)
        self._routers: dict[int, zmq.Socket[bytes]] = {}
        self._zap: ZapHandler | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None
        try:
            self._open(settings, curve)
        except BaseException:
            self._context.destroy(linger=0)
            raise

    def _open(self, settings: ServerSettings, curve: CurveStore | None) -> None:
        self._wake_in = self._context.socket(zmq.PAIR)
        self._wake_in.bind("inproc://wake")
        self._wake_out = self._context.socket(zmq.PAIR)
        self._wake_out.setsockopt(zmq.SNDHWM, 1)
        self._wake_out.connect("inproc://wake")
        self._outbox.wake = self._wake
        if curve is not None:
            self._zap = ZapHandler(self._context, curve.allowed())
        self.endpoint = self._bind(NULL, "endpoint", settings.bind_endpoint)
        self.curve_endpoint = ""
        if curve is not None:
            self.curve_endpoint = self._bind(
                CURVE, "curve_endpoint", settings.bind_curve_endpoint, curve.secure
            )

    def _bind(
        self, number: int, key: str, endpoint: str, secure: Callable[[zmq.Socket[bytes]], None] | None = None
    ) -> str:
        router = self._context.socket(zmq.ROUTER)
        for option, value in (
            (zmq.LINGER, 0),
            (zmq.RCVHWM, RECEIVE_QUEUE),
            (zmq.SNDHWM, SEND_QUEUE),
            (zmq.MAXMSGSIZE, MAX_TRANSPORT_BYTES),
            (zmq.HANDSHAKE_IVL, HANDSHAKE_MS),
            (zmq.HEARTBEAT_IVL, HEARTBEAT_MS),
            (zmq.HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS),
            (zmq.ROUTER_MANDATORY, 1),
            (zmq.ROUTER_HANDOVER, 0),
        ):
            router.setsockopt(option, value)
        if "[" in endpoint:
            router.setsockopt(zmq.IPV6, 1)
        if secure is not None:
            secure(router)
        self._bind_privately(router, key, endpoint)
        self._routers[number] = router
        return router.getsockopt_string(zmq.LAST_ENDPOINT)

    def _bind_privately(self, router: zmq.Socket[bytes], key: str, endpoint: str) -> None:
        old_mask = os.umask(0o077)  # an ipc socket takes its mode from it
        try:
            router.bind(endpoint)
        except zmq.ZMQError as error:
            raise ConfigError(
                f"{key}: cannot bind {endpoint}: {error}; is another runtime running? "
                "--endpoint tcp://127.0.0.1:0 takes a free port"
            ) from None
        finally:
            os.umask(old_mask)

    # -- life ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to serve. Thread: inference."""
        self._thread = threading.Thread(target=self._run, name="sr-wire", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Say bye to every session, stop the thread and close the sockets. Thread: inference."""
        self._stop.set()
        if self._thread is not None:
            self._wake()
            self._thread.join()
            self._thread = None
        self._context.destroy(linger=100)

    @property
    def failure(self) -> BaseException | None:
        """Return what ended the thread before its time, if anything did."""
        return self._failure

    def _wake(self) -> None:
        """Make the I/O thread look at the outbox; one unread wake is enough. Thread: inference."""
        try:
            self._wake_out.send(b"", zmq.NOBLOCK)
        except zmq.Again:
            return

    def _run(self) -> None:
        try:
            self._serve()
        except BaseException as error:
            log.exception("the wire stopped")
            self._failure = error

    def _serve(self) -> None:
        poller = zmq.Poller()
        for socket in (self._wake_in, *self._routers.values(), *([self._zap.socket] if self._zap else [])):
            poller.register(socket, zmq.POLLIN)
        next_check_s = 0.0
        while not self._stop.is_set():
            ready = dict(poller.poll(HOUSEKEEPING_MS))
            self._empty_wake(ready)
            if self._zap is not None and self._zap.socket in ready:
                self._zap.answer()
            for number, router in self._routers.items():
                if router in ready:
                    self._drain(number, router)
            self._send_all()
            if time.monotonic() > next_check_s:
                self._end_silent()
                next_check_s = time.monotonic() + HOUSEKEEPING_MS / 1e3
        self._send_all()
        self._say_bye("the runtime is closing")

    # -- in ------------------------------------------------------------------------------------------

    def _empty_wake(self, ready: dict[zmq.Socket[bytes], int]) -> None:
        while self._wake_in in ready and self._wake_in.poll(0):
            self._wake_in.recv()

    def _drain(self, number: int, router: zmq.Socket[bytes]) -> None:
        taken_bytes = 0
        for _ in range(BATCH_MESSAGES):
            try:
                routing_id = router.recv(zmq.NOBLOCK)
            except zmq.Again:
                return
            taken_bytes += self._take((number, routing_id), router)
            if taken_bytes > BATCH_BYTES:
                break
        time.sleep(REST_S)

    def _take(self, peer: Peer, router: zmq.Socket[bytes]) -> int:
        frame = router.recv(copy=False)
        if frame.more:
            self._reception.counts.multipart += 1
            while frame.more:
                frame = router.recv(copy=False)
            return len(frame)
        for answer in self._reception.receive(peer, frame.buffer):
            self._send(peer, answer)
        return len(frame)

    # -- out -----------------------------------------------------------------------------------------

    def _send_all(self) -> None:
        while (item := self._outbox.take()) is not None:
            self._deliver(item)

    def _deliver(self, item: Outgoing) -> None:
        record = self._reception.sessions.by_id(item.session)
        if record is None:
            return
        record.unanswered -= item.is_answer
        if not self._send(record.peer, item.data):
            record.traffic.hops_unsent += 1
        if item.ends:
            self._reception.sessions.remove(item.session)

    def _send(self, peer: Peer, data: bytes) -> bool:
        """Send without waiting; a peer that is gone takes its session with it. False: it is slow."""
        router = self._routers[peer[0]]
        try:
            router.send_multipart([peer[1], data], zmq.NOBLOCK)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            record = self._reception.sessions.of_peer(peer)
            if record is not None:
                self._reception.end(record.id, "the connection is gone")
        return True

    def _end_silent(self) -> None:
        for record in self._reception.silent_sessions():
            self._send(record.peer, encode(Bye(record.id, "nothing was heard for too long")))
            self._reception.end(record.id, "nothing was heard for too long")

    def _say_bye(self, reason: str) -> None:
        for record in self._reception.sessions:
            self._send(record.peer, encode(Bye(record.id, reason)))
