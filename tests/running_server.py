"""A real server with the probe bundle: real sockets, its inference loop in a thread of the test's process."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from sr_bridge import Client

from sr_runtime.audio import Sink
from sr_runtime.engine import Engine
from sr_runtime.server import Server, ServerSettings


class RunningServer:
    """Serves for as long as the ``with`` block lasts.

    Args:
        folder: For the connection file.
        sink: The runtime's output.
        **settings: Of :class:`ServerSettings`; a free port is taken unless ``endpoint`` is given.
    """

    def __init__(self, folder: Path, sink: Sink | None = None, **settings: Any) -> None:
        self.connection_file = folder / "connection.json"
        defaults = {
            "endpoint": "tcp://127.0.0.1:0",
            "connection_file": self.connection_file,
            "curve_folder": folder / "curve",
            "curve_endpoint": "tcp://127.0.0.1:0",
            "max_live_sessions": 8,
        }
        self.server = Server(ServerSettings(**(defaults | settings)), Engine("probe"), sink)
        self._thread = threading.Thread(target=self._run)
        self.failure: BaseException | None = None

    def _run(self) -> None:
        try:
            self.server.run()
        except BaseException as error:
            self.failure = error

    def __enter__(self) -> RunningServer:
        self.server.start()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.stop()
        self._thread.join()
        self.server.close()
        if self.failure is not None:
            raise self.failure

    @property
    def endpoint(self) -> str:
        return self.server.endpoint

    @property
    def token(self) -> str:
        return self.server.token

    def client(self, **options: Any) -> Client:
        """Return a client of this server, not yet connected."""
        return Client(connection_file=self.connection_file, **options)
