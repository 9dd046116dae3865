"""The audio process as its parent sees it: started, watched, ended; its memory made and given back."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import msgspec

from sr_runtime.audio.board import BOARD_BYTES, Board
from sr_runtime.audio.orders import Orders
from sr_runtime.audio.ring import RING_BYTES, SharedRing, create_memory, view_of
from sr_runtime.audio.settings import AudioSettings

END_PATIENCE_S: Final = 2.0


class Child:
    """One audio process at a time, and the memory shared with it (which outlives restarts).

    Args:
        settings: what to play on.

    Thread: one at a time (the player holds a lock).
    """

    def __init__(self, settings: AudioSettings) -> None:
        self._settings = settings
        self._ring_memory = create_memory(RING_BYTES)
        self._board_memory = create_memory(BOARD_BYTES)
        self.ring = SharedRing(view_of(self._ring_memory))
        self.board = Board(view_of(self._board_memory))
        self.started_s = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id, or None before the start."""
        return self._process.pid if self._process else None

    def start(self, interrupted_ns: int = 0) -> None:
        """Start the process; returns before it plays."""
        self.board.clear()
        self.started_s = time.monotonic()
        process = self._process = _launch()
        orders = Orders(
            self._settings, self._ring_memory.name, self._board_memory.name, os.getpid(), interrupted_ns
        )
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it died at once: the supervisor will see it
            process.stdin.write(msgspec.json.encode(orders) + b"\n")
            process.stdin.flush()

    def exit_code(self) -> int | None:
        """Return its exit code, None while it runs."""
        return self._process.poll() if self._process else None

    def silent_s(self) -> float:
        """Return how long it has given no sign of life."""
        beat_ns = self.board.heartbeat_ns
        since_s = beat_ns / 1e9 if beat_ns else self.started_s
        return time.monotonic() - since_s

    def end(self, at_once: bool = False) -> None:
        """End the process and collect it.

        Args:
            at_once: kill it, instead of letting it fade out first.
        """
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        if at_once:
            process.kill()
        try:
            process.wait(END_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def release(self) -> None:
        """Give the shared memory back; the process must have ended."""
        self.ring.release()
        self.board.release()
        for memory in (self._ring_memory, self._board_memory):
            memory.close()
            memory.unlink()


def _launch() -> subprocess.Popen[bytes]:
    """Start a Python that finds the same packages as this one, out of reach of the terminal's Ctrl-C."""
    paths = [path or str(Path.cwd()) for path in sys.path]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-P", "-m", "sr_runtime.audio"]
    if sys.platform == "win32":
        group = subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=env, creationflags=group)
    return subprocess.Popen(command, stdin=subprocess.PIPE, env=env, process_group=0)
