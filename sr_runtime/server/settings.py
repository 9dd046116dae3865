"""The server's settings: checked when made, never changed.

Made by ``serve``, ``demo`` and tests. Thread: any.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from sr_bridge.connection import DEFAULT_CURVE_ENDPOINT, DEFAULT_ENDPOINT, default_path

from sr_runtime.errors import ConfigError
from sr_runtime.server.endpoints import check_endpoint, refuse_unsafe_bind


class ServerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set about the wire.

    Attributes:
        endpoint: Where NULL clients connect; port 0 takes a free one.
        curve: Whether to open the encrypted endpoint too.
        curve_endpoint: Where CURVE clients connect.
        curve_folder: Server keys and allowed client keys; None for the user's configuration folder.
        allow_insecure_remote: Bind ``endpoint`` beyond loopback without encryption.
        token_file: A file with the token (made if it is missing); None makes a new token at every start.
        connection_file: Where local clients look; None for the default place.
        capture: Keep every session in this folder, for ``sr-runtime replay``.
        max_sessions: Sessions at most, whatever the computing time allows.
        max_live_sessions: Live sessions at most; None for what the measured hop time allows.
        max_lockstep_sessions: Lockstep sessions at most; they share what live ones leave.
        lockstep_window: Steps that a lockstep client may have unanswered.
        max_frame_hz: Frames per second and session.
        max_bytes_per_s: Bytes per second and session: 1280×720 rgba8 at 75 frames/s.
        max_controls_hz: Control messages per second and session.
        idle_after_s: Without a frame for this long, a live session costs no computing.
        end_after_s: Without any message for this long, a session ends.
        load_share: Part of the hop time that live sessions may fill before one more is refused.
        status_every_s: How often status is sent unasked; also how soon a dead peer is noticed.
    """

    endpoint: str = DEFAULT_ENDPOINT
    curve: bool = False
    curve_endpoint: str = DEFAULT_CURVE_ENDPOINT
    curve_folder: Path | None = None
    allow_insecure_remote: bool = False
    token_file: Path | None = None
    connection_file: Path | None = None
    capture: Path | None = None
    max_sessions: int = 64
    max_live_sessions: int | None = None
    max_lockstep_sessions: int = 8
    lockstep_window: int = 8
    max_frame_hz: float = 150.0
    max_bytes_per_s: float = 300e6
    max_controls_hz: float = 50.0
    idle_after_s: float = 10.0
    end_after_s: float = 60.0
    load_share: float = 0.85
    status_every_s: float = 0.5

    def __post_init__(self) -> None:
        refuse_unsafe_bind("endpoint", self.bind_endpoint, self.allow_insecure_remote)
        check_endpoint("curve_endpoint", self.curve_endpoint)
        for key in ("max_sessions", "max_lockstep_sessions", "lockstep_window"):
            _check_range(key, getattr(self, key), 1, 1024)
        for key in ("max_frame_hz", "max_bytes_per_s", "max_controls_hz"):
            _check_range(key, getattr(self, key), 1.0, 1e12)
        for key in ("idle_after_s", "end_after_s", "status_every_s"):
            _check_range(key, getattr(self, key), 0.05, 1e9)
        _check_range("load_share", self.load_share, 0.05, 1.0)

    @property
    def bind_endpoint(self) -> str:
        """Return ``endpoint`` as libzmq wants it."""
        return check_endpoint("endpoint", self.endpoint)

    @property
    def bind_curve_endpoint(self) -> str:
        """Return ``curve_endpoint`` as libzmq wants it."""
        return check_endpoint("curve_endpoint", self.curve_endpoint)

    @property
    def connection_path(self) -> Path:
        """Return where the connection file goes."""
        return self.connection_file or default_path()


def _check_range(key: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"server.{key}: expected {low:g}–{high:g}, got {value:g}")
