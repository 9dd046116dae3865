"""What ``serve`` shows: a table that is kept up to date on a terminal, a line now and then anywhere else.

Its thread reads the server's snapshots, which never change after they are made.
"""

from __future__ import annotations

import math
import threading
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from sr_bridge import Status

    from sr_runtime.audio import PlayerStats
    from sr_runtime.engine import Engine
    from sr_runtime.server import RuntimeSnapshot, Server, ServerSettings

REDRAW_S, LINE_S = 1.0, 10.0
COLUMNS = ("session", "state", "play", "hops", "frames", "dropped", "rejected", "repeated", "age ms")


class ServeView:
    """Shows a running server for as long as the ``with`` block lasts.

    Args:
        console: Where to.
        server: Started.
        engine: For its device.
        settings: For the warnings.
    """

    def __init__(self, console: Console, server: Server, engine: Engine, settings: ServerSettings) -> None:
        self._console = console
        self._server = server
        self._engine = engine
        self._settings = settings
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._show, name="sr-view", daemon=True)

    def __enter__(self) -> ServeView:
        self._announce()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _announce(self) -> None:
        server, engine = self._server, self._engine
        self._say(
            f"sr-runtime serves {engine.bundle.name} at {server.endpoint} on {engine.device}, "
            f"{engine.threads} thread(s); room for {server.capacity} live session(s)"
        )
        if server.sound is not None:
            self._say(_sound(server.sound))
        info = server.connection_info
        if info.curve is not None:
            self._say(f"encrypted endpoint: {info.curve.endpoint}, server key {info.curve.server_key}")
        self._say(f"connection file: {self._settings.connection_path}")
        if self._settings.allow_insecure_remote:
            self._say(
                "warning: --allow-insecure-remote: token, frames and sound travel in the clear", "yellow"
            )
        if self._settings.capture is not None:
            self._say(f"capturing frames and sound of every session in {self._settings.capture}", "yellow")

    def _say(self, text: str, style: str = "") -> None:
        self._console.print(text, style=style, soft_wrap=True, markup=False)

    def _show(self) -> None:
        if self._console.is_terminal:
            self._redraw()
        else:
            while not self._ended.wait(LINE_S):
                self._say(summary(self._server.snapshot))

    def _redraw(self) -> None:
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            while not self._ended.wait(REDRAW_S):
                snapshot = self._server.snapshot
                live.update(Group(sessions_table(snapshot), Text(summary(snapshot))), refresh=True)


def summary(snapshot: RuntimeSnapshot) -> str:
    """Return one line about the whole runtime."""
    parts = [
        f"{snapshot.uptime_s:.0f} s",
        f"{len(snapshot.sessions)} of {snapshot.capacity} sessions",
        f"hop {snapshot.hop_ms_p50:.1f} / {snapshot.hop_ms_p99:.1f} ms (p50 / p99)",
        f"{snapshot.hops_skipped} skipped",
    ]
    if snapshot.refused:
        parts.append("refused " + ", ".join(f"{code} {count}" for code, count in snapshot.refused.items()))
    if snapshot.sink is not None:
        parts.append(_sound(snapshot.sink))
    return " | ".join(parts)


def _sound(sink: PlayerStats) -> str:
    if sink.reason:
        return f"sound: {sink.state} ({sink.reason})"
    latency_ms = sink.frame_to_sample_ms.p50
    words = f"sound: {sink.device} {sink.state}, {sink.underruns} underruns"
    return words if math.isnan(latency_ms) else f"{words}, frame to sample {latency_ms:.0f} ms"


def sessions_table(snapshot: RuntimeSnapshot) -> Table:
    """Return a table with one row per session."""
    table = Table(box=None, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:3] else "right")
    for status in snapshot.sessions:
        table.add_row(*_row(status))
    return table


def _row(status: Status) -> tuple[str, ...]:
    return (
        f"{status.session:08x}",
        status.state,
        status.play,
        str(status.hop),
        str(status.frames_received),
        str(status.frames_dropped),
        str(sum(status.frames_rejected.values())),
        str(status.hops_repeated),
        f"{status.frame_age_ms_p50:.0f}",
    )
