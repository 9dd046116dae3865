"""The wire's server side: sessions of game engines, their frames in, their sound out.

    SocketLoop (I/O thread) ─► Reception ─► Inbox ─► Scheduler (inference thread) ─► engine, Output
                            ◄──────────── Outbox ◄──┘

Imports neither torch nor the command line.
"""

from sr_runtime.server.runtime import Server
from sr_runtime.server.settings import ServerSettings
from sr_runtime.server.telemetry import RuntimeSnapshot

__all__ = ["RuntimeSnapshot", "Server", "ServerSettings"]
