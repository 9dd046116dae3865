"""The server: puts sockets, sessions, engine and output together, and runs them until told to stop.

Two threads: the one that calls :meth:`Server.run` computes (and owns the engine); one owns the sockets.
Used by ``serve`` and by tests. Thread: inference, unless stated.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType

import numpy as np
from sr_bridge import connection
from sr_bridge.connection import ConnectionInfo

from sr_runtime.audio import PlayerStats, Sink
from sr_runtime.engine.session import Engine, Session, Step, step_together
from sr_runtime.engine.timings import HopTimings
from sr_runtime.errors import SoundReactorError
from sr_runtime.server.auth import Authenticator, load_token
from sr_runtime.server.capture import CaptureFolder
from sr_runtime.server.curve import CurveStore
from sr_runtime.server.greeting import version
from sr_runtime.server.hop_clock import NS_PER_S, HopClock
from sr_runtime.server.mailbox import Inbox, Outbox, Wake
from sr_runtime.server.mixing import Output
from sr_runtime.server.reception import Reception
from sr_runtime.server.scheduler import Scheduler
from sr_runtime.server.settings import ServerSettings
from sr_runtime.server.socket_loop import SocketLoop
from sr_runtime.server.telemetry import RuntimeSnapshot
from sr_runtime.types import Frame

log = logging.getLogger(__name__)

MEASURED_HOPS = 9
SEVERAL = 4
"""So many hops of one and of several sessions are computed before the port is announced: how many fit?"""


class Server:
    """A runtime that serves engines.

    Args:
        settings: Of the wire.
        engine: Loaded; it is warmed up here.
        sink: The runtime's own output, started; None if it plays nothing. The caller closes it.
        on_hop: Told the times of every live hop (for figures).

    Example:
        >>> server = Server(ServerSettings(), Engine("probe"), sink=None)  # doctest: +SKIP
        >>> with server:                                                   # doctest: +SKIP
        ...     server.run()
    """

    def __init__(
        self,
        settings: ServerSettings,
        engine: Engine,
        sink: Sink | None = None,
        on_hop: Callable[[HopTimings], None] = lambda timings: None,
    ) -> None:
        self.settings = settings
        self.token = load_token(settings.token_file)
        self.snapshot = RuntimeSnapshot()
        self._engine = engine
        self._inbox = Inbox()
        self._outbox = Outbox()
        self._output = Output(sink)
        self._reception = Reception(settings, Authenticator(self.token), self._inbox)
        self._capture = None if settings.capture is None else CaptureFolder(settings.capture, engine.bundle)
        open_tape = (lambda command: None) if self._capture is None else self._capture.open_tape
        self._scheduler = Scheduler(settings, engine, self._output, self._outbox, open_tape, on_hop)
        self._curve = CurveStore(settings.curve_folder) if settings.curve else None
        self._loop: SocketLoop | None = None
        self._stop = threading.Event()
        self._started_s = 0.0
        self._next_status_s = 0.0

    # -- life ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Warm up, bind, and only then announce the port in the connection file.

        Raises:
            ConfigError: An endpoint cannot be bound.
        """
        self._measure()
        self._loop = SocketLoop(self.settings, self._reception, self._outbox, self._curve)
        self._loop.start()
        self._started_s = time.monotonic()
        connection.write(self.connection_info, self.settings.connection_path)

    def _measure(self) -> None:
        """Learn what a hop costs, of one session and of several together."""
        self._engine.warm_up()
        sessions = [self._engine.open_session(seed=0, shared=True)]
        size = self._engine.bundle.image
        picture = np.zeros((size.height, size.width, 3), np.uint8)
        one_ms = self._cost_ms(sessions, picture)
        sessions += [self._engine.open_session(seed=seed, shared=True) for seed in range(1, SEVERAL)]
        several_ms = self._cost_ms(sessions, picture)
        self._scheduler.admission.learn(one_ms, several_ms, SEVERAL)
        for session in sessions:
            session.close()

    def _cost_ms(self, sessions: list[Session], picture: Frame) -> float:
        """Return the median time of a hop of all sessions together."""
        times = []
        for _ in range(MEASURED_HOPS):
            step_together([Step(session, picture) for session in sessions])
            times.append(sessions[0].timings.hop_ms)
            if len(sessions) == 1:
                self._scheduler.meter.add(sessions[0].timings)
        return float(np.median(times))

    @property
    def endpoint(self) -> str:
        """Return where NULL clients connect, with the real port."""
        return self._loop.endpoint if self._loop else self.settings.endpoint

    @property
    def capacity(self) -> int:
        """Return how many live sessions the measured hop time allows."""
        return self._scheduler.admission.capacity

    @property
    def sound(self) -> PlayerStats | None:
        """Return what the runtime's own output says; None if there is none. Thread: any."""
        return self._output.stats()

    @property
    def connection_info(self) -> ConnectionInfo:
        """Return the content of the connection file."""
        curve = None
        if self._curve is not None and self._loop is not None:
            curve = self._curve.client_keys(self._loop.curve_endpoint)
        return ConnectionInfo(
            endpoint=self.endpoint, token=self.token, pid=os.getpid(), server_version=version(), curve=curve
        )

    def stop(self) -> None:
        """Make :meth:`run` return soon. Thread: any (and signal handlers)."""
        self._stop.set()
        self._inbox.put(Wake())

    def close(self) -> None:
        """Say bye, close sockets and captures, remove the connection file. Safe to call twice."""
        connection.remove(self.settings.connection_path, os.getpid())
        if self._loop is not None:
            self._loop.close()
            self._loop = None
        self._scheduler.close()

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- the inference loop --------------------------------------------------------------------------

    def run(self) -> None:
        """Compute until :meth:`stop`.

        Raises:
            SoundReactorError: The I/O thread failed.
        """
        clock = HopClock(time.monotonic_ns())
        while not self._stop.is_set():
            self._drain_inbox()
            now_ns = time.monotonic_ns()
            beat = clock.take(now_ns)
            if beat is not None:
                self._scheduler.tick(beat, now_ns)
                self._report(clock.skipped)
                continue
            spare_ms = (clock.next_ns - now_ns) / 1e6
            if not self._scheduler.spend_spare_time(spare_ms):
                self._wait(clock.next_ns)

    def _drain_inbox(self) -> None:
        while (command := self._inbox.get(0)) is not None:
            self._scheduler.handle(command)

    def _wait(self, until_ns: int) -> None:
        command = self._inbox.get((until_ns - time.monotonic_ns()) / NS_PER_S)
        if command is not None:
            self._scheduler.handle(command)

    def _report(self, skipped: int) -> None:
        now_s = time.monotonic()
        if now_s < self._next_status_s:
            return
        self._next_status_s = now_s + self.settings.status_every_s
        self._check_loop()
        self._scheduler.send_all_status()
        self.snapshot = RuntimeSnapshot(
            uptime_s=now_s - self._started_s,
            capacity=self.capacity,
            sessions=self._scheduler.statuses(),
            hop_ms_p50=self._scheduler.meter.hop_ms.percentile(50),
            hop_ms_p99=self._scheduler.meter.hop_ms.percentile(99),
            hops_skipped=skipped,
            refused=dict(self._reception.counts.refused),
            sink=self._output.stats(),
        )

    def _check_loop(self) -> None:
        if self._loop is not None and self._loop.failure is not None:
            raise SoundReactorError(
                f"the wire stopped: {self._loop.failure!r}; restart the runtime, and report it"
            )
