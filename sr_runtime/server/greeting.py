"""The first exchange: may a hello become a session (token, version, lockstep rate, places left), and welcome.

Computing time is judged later, by the scheduler, which alone knows it.
Thread: I/O (:func:`judge_hello`), inference (:func:`welcome`).
"""

from __future__ import annotations

import math

from sr_bridge import errors
from sr_bridge.messages import LOCKSTEP, PLAY_ENGINE, PROTOCOL_MAJOR, PROTOCOL_MINOR, Error, Hello, Welcome

from sr_runtime.audio import PlayerStats
from sr_runtime.engine import Bundle
from sr_runtime.machine import package_version
from sr_runtime.server.auth import Authenticator
from sr_runtime.server.mailbox import OpenSession
from sr_runtime.server.settings import ServerSettings

MIN_LOCKSTEP_FPS = 1.0
CAPABILITIES = ("rgb8", "rgba8", "jpeg", "float32", "int16", "live", "lockstep")


def judge_hello(hello: Hello, authenticator: Authenticator, sessions: int, max_sessions: int) -> Error | None:
    """Return why this hello is refused, or None.

    The token is judged first, so that a stranger learns nothing else about the runtime.
    """
    if not authenticator.accepts(hello.token):
        return Error(
            errors.BAD_TOKEN, "the token in the runtime's connection file", "another", "read the file again"
        )
    if hello.protocol != PROTOCOL_MAJOR:
        return Error(
            errors.VERSION_REFUSED,
            f"protocol {PROTOCOL_MAJOR}.{PROTOCOL_MINOR}",
            f"{hello.protocol}.{hello.protocol_minor}",
            "upgrade the older side",
        )
    if hello.mode == LOCKSTEP and hello.fps < MIN_LOCKSTEP_FPS:
        return Error(
            errors.BAD_HEADER, "fps: 1 to 240 in lockstep", f"{hello.fps:g}", "say the simulator's step rate"
        )
    if sessions >= max_sessions:
        return Error(
            errors.SERVER_BUSY,
            f"at most {max_sessions} sessions",
            "one more",
            "close one, or try again later",
        )
    return None


def welcome(
    command: OpenSession, bundle: Bundle, settings: ServerSettings, sink: PlayerStats | None
) -> Welcome:
    """Return what the runtime tells a new session about itself.

    Args:
        command: The accepted hello.
        bundle: The model.
        settings: Limits.
        sink: What the runtime's output says; None without one.
    """
    has_output = sink is not None
    latency_ms = sink.target_ms if sink is not None and math.isfinite(sink.target_ms) else 0.0
    return Welcome(
        session=command.session,
        server_version=version(),
        capabilities=[*CAPABILITIES, *(["runtime_audio"] if has_output else [])],
        picture_width=bundle.image.width,
        picture_height=bundle.image.height,
        bundle=bundle.name[:128],
        latency_ms=latency_ms,
        max_frame_hz=settings.max_frame_hz,
        window=settings.lockstep_window,
        notice=_notice(command.hello, sink)[:512],
    )


def _notice(hello: Hello, sink: PlayerStats | None) -> str:
    if hello.play == PLAY_ENGINE:
        return ""
    if hello.mode == LOCKSTEP:
        return "lockstep sound is not played by the runtime: it comes back with each step"
    if sink is None:
        return "this runtime plays no sound (--audio-device none): use play=engine"
    return sink.reason


def version() -> str:
    """Return the runtime's version."""
    return package_version("sr-runtime") or "unknown"
