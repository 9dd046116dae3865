"""The wire of SoundReactor Runtime: messages, a Python client and a gymnasium wrapper.

See ``PROTOCOL.md`` beside this package for the protocol itself.
"""

from sr_bridge.client import AudioHop, Client, ConnectionState
from sr_bridge.connection import ConnectionInfo, CurveKeys
from sr_bridge.errors import BridgeError, ProtocolError, RefusedError
from sr_bridge.messages import Status, Welcome

__all__ = [
    "AudioHop",
    "BridgeError",
    "Client",
    "ConnectionInfo",
    "ConnectionState",
    "CurveKeys",
    "ProtocolError",
    "RefusedError",
    "Status",
    "Welcome",
]
