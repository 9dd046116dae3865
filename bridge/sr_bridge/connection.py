"""The connection file: where a local runtime listens, and the token it wants.

The runtime writes it (readable by its user only) when it starts and removes it when it ends; clients on the
same machine read it, so that nobody has to copy a token. Its place and its keys stand in PROTOCOL.md.
"""

from __future__ import annotations

import ipaddress
import json
import os
import stat
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sr_bridge.errors import ConnectionFileError

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5599"
DEFAULT_CURVE_ENDPOINT = "tcp://127.0.0.1:5600"
FILE_VARIABLE = "SR_CONNECTION_FILE"
"""Environment variable that names another connection file."""
MAX_FILE_BYTES = 16_384


@dataclass(frozen=True)
class CurveKeys:
    """What a client needs for the encrypted endpoint; keys are 40-character Z85 texts."""

    endpoint: str
    server_key: str
    client_public: str
    client_secret: str


@dataclass(frozen=True)
class ConnectionInfo:
    """The content of a connection file."""

    endpoint: str
    token: str
    pid: int = 0
    protocol: int = 1
    server_version: str = ""
    curve: CurveKeys | None = None


def default_path() -> Path:
    """Return where this machine's runtime keeps its connection file.

    ``$SR_CONNECTION_FILE``; else ``sr-runtime/connection.json`` under ``$XDG_RUNTIME_DIR``, or under the
    user's cache folder. Never in a folder that other users can write to.
    """
    named = os.environ.get(FILE_VARIABLE)
    if named:
        return Path(named)
    return _private_folder() / "sr-runtime" / "connection.json"


def _private_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir():
        return Path(runtime)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def write(info: ConnectionInfo, path: Path) -> None:
    """Write the file atomically, readable by its owner only (mode 0600 in a folder made with 0700)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(info), file, indent=2)
    draft.replace(path)


def read(path: Path | None = None) -> ConnectionInfo:
    """Return the content of the connection file.

    Raises:
        ConnectionFileError: it is missing, others could read or replace it, or it is damaged.
    """
    place = path or default_path()
    try:
        check_private(place)
        text = place.read_text(encoding="utf-8")[:MAX_FILE_BYTES]
        return _parse(json.loads(text))
    except FileNotFoundError:
        raise ConnectionFileError(
            f"no connection file at {place}: start the runtime with 'sr-runtime serve', "
            "or give endpoint and token"
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ConnectionFileError(
            f"cannot use {place}: {error}; restart the runtime, which writes it anew"
        ) from None


def check_private(path: Path) -> None:
    """Raise :class:`ConnectionFileError` if others could read or have written ``path`` (not on Windows)."""
    facts = path.stat()
    if sys.platform == "win32":
        return
    if facts.st_uid not in (os.geteuid(), 0):
        raise ConnectionFileError(f"{path} belongs to user {facts.st_uid}, not to you: remove it")
    if stat.S_IMODE(facts.st_mode) & 0o077:
        raise ConnectionFileError(
            f"{path} has mode {stat.S_IMODE(facts.st_mode):04o}: others can read the token; "
            f"run: chmod 600 '{path}'"
        )


def check_recipient(info: ConnectionInfo, endpoint: str | None, curve: CurveKeys | None) -> None:
    """Raise :class:`ConnectionFileError` if a local runtime's token would be sent to another machine.

    Args:
        info: where the token comes from.
        endpoint: where the client wants to go; None goes where the file says.
        curve: keys that the client was given; theirs is the endpoint then.
    """
    wanted = curve.endpoint if curve is not None else endpoint
    known = (None, info.endpoint, info.curve.endpoint if info.curve else None)
    if wanted not in known and not _is_here(wanted):
        raise ConnectionFileError(
            f"a token is needed for {wanted}: that of this machine's runtime is not sent to another machine; "
            "copy the other runtime's token (sr-runtime serve --token-file)"
        )


def _is_here(endpoint: str) -> bool:
    host = (urlsplit(endpoint).hostname or "").lower()
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parse(value: Any) -> ConnectionInfo:
    curve = value.get("curve")
    return ConnectionInfo(
        endpoint=str(value["endpoint"]),
        token=str(value["token"]),
        pid=int(value.get("pid", 0)),
        protocol=int(value.get("protocol", 1)),
        server_version=str(value.get("server_version", "")),
        curve=None if curve is None else CurveKeys(**{key: str(item) for key, item in curve.items()}),
    )


def remove(path: Path, pid: int) -> None:
    """Remove the file if the process ``pid`` wrote it; a newer runtime's file stays."""
    try:
        if read(path).pid == pid:
            path.unlink()
    except (ConnectionFileError, OSError):
        return
