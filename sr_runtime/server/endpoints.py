"""Which addresses may be bound: loopback always, others only with CURVE or on the user's explicit word.

Called by the settings, before any socket exists. Thread: any.
"""

from __future__ import annotations

import ipaddress
import re
import sys

from sr_runtime.errors import ConfigError

_TCP = re.compile(r"^tcp://(?P<host>\[[^\]]+\]|[^:\[\]]+):(?P<port>\d{1,5}|\*)$")


def check_endpoint(key: str, endpoint: str) -> str:
    """Return ``endpoint`` as libzmq wants it (port 0 becomes ``*``: any free port).

    Raises:
        ConfigError: It is not ``tcp://HOST:PORT`` or ``ipc://PATH``.
    """
    if endpoint.startswith("ipc://") and len(endpoint) > len("ipc://") and sys.platform != "win32":
        return endpoint
    match = _TCP.match(endpoint)
    if match is None or (match["port"] != "*" and int(match["port"]) > 65_535):
        raise ConfigError(
            f"{key}: expected tcp://HOST:PORT or ipc://PATH, got {endpoint!r}; the default is tcp://127.0.0.1:5599"
        )
    port = "*" if match["port"] == "0" else match["port"]
    return f"tcp://{match['host']}:{port}"


def is_local(endpoint: str) -> bool:
    """Tell whether only this machine can reach ``endpoint``.

    Example:
        >>> is_local("tcp://127.0.0.1:5599"), is_local("tcp://0.0.0.0:5599"), is_local("tcp://eth0:5599")
        (True, False, False)
    """
    match = _TCP.match(endpoint)
    if match is None:
        return endpoint.startswith("ipc://")
    host = match["host"].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False  # a name, an interface or *: may be anything


def refuse_unsafe_bind(key: str, endpoint: str, allow_insecure_remote: bool) -> None:
    """Stop a runtime without encryption from being reachable by other machines.

    Raises:
        ConfigError: The endpoint is not local, and the user did not insist.
    """
    if is_local(endpoint) or allow_insecure_remote:
        return
    raise ConfigError(
        f"{key}: {endpoint} can be reached from other machines, and without CURVE the token, all frames and "
        "all sound travel in the clear. Use --curve (with --curve-endpoint), or an SSH tunnel to 127.0.0.1; "
        "--allow-insecure-remote does it anyway"
    )
