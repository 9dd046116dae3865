"""Run ``sr-runtime serve`` as a child process on a free port with a token of its own.

Used by ``demo``, ``bench`` and the soak test, which must go the whole way that a game's frames go: another
process, the real socket, the real audio process. Thread: any.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from sr_bridge import Client
from sr_bridge.connection import FILE_VARIABLE

from sr_runtime.errors import SessionError
from sr_runtime.figures import JsonMap

# A cold start reads and warms up the graphs: 3 s on one busy core for the default bundle.
_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 10.0


class RuntimeProcess:
    """A runtime that lives as long as the ``with`` block.

    Args:
        arguments: Options for ``sr-runtime serve`` besides endpoint and connection file.
        environment: Variables that the runtime has besides this process's.

    Raises:
        SessionError: The runtime ended before it listened; the message has its last words.

    Example:
        >>> with RuntimeProcess(["--bundle", "probe"]) as runtime:  # doctest: +SKIP
        ...     client = runtime.client()
        ...     client.connect()
    """

    def __init__(self, arguments: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        self._environment = environment or {}
        self._folder = tempfile.TemporaryDirectory(prefix="sr-runtime-")
        folder = Path(self._folder.name)
        self.connection_file = folder / "connection.json"
        self.log = folder / "runtime.log"
        self._figures = folder / "figures.json"
        self._command = [
            sys.executable,
            "-m",
            "sr_runtime",
            "serve",
            "--endpoint",
            f"tcp://127.0.0.1:{free_port()}",
            "--json",
            str(self._figures),
            *arguments,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> RuntimeProcess:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self._environment, FILE_VARIABLE: str(self.connection_file)},
            )
        try:
            self._wait_until_listening()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """Return the runtime's process id."""
        return self._process.pid if self._process is not None else 0

    def client(self, **options: object) -> Client:
        """Return a client of this runtime, not yet connected."""
        return Client(connection_file=self.connection_file, **options)  # type: ignore[arg-type]

    def stop(self) -> None:
        """End the runtime as Ctrl-C does, by force if it does not listen; safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)

    def figures(self) -> JsonMap:
        """Return the hop times that the runtime wrote when it ended: ``hop_ms``, ``stage_ms`` and so on.

        Empty if it had to be ended by force, as on Windows, where a child process cannot be asked to stop.
        """
        if not self._figures.exists():
            return {}
        return json.loads(self._figures.read_text())  # type: ignore[no-any-return]

    def last_words(self) -> str:
        """Return the end of what the runtime printed."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.strip().splitlines()[-15:])

    def _wait_until_listening(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self.connection_file.exists():
            if self._process.poll() is not None:
                raise SessionError(
                    f"the runtime ended with code {self._process.returncode} before it listened; "
                    f"it said:\n{self.last_words()}"
                )
            if time.monotonic() > deadline:
                raise SessionError(
                    f"the runtime did not listen within {_START_TIMEOUT_S:.0f} s; "
                    f"it said:\n{self.last_words()}"
                )
            time.sleep(0.02)


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGINT)
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
