"""Keys of the encrypted endpoint, and the small ZAP handler that lets only known client keys in.

    FOLDER/server.json         public and secret key of this runtime (0600), made at the first --curve
    FOLDER/client.json         a key pair for clients (0600), made with it; also in the connection file
    FOLDER/authorized_clients  one public key per line that may connect; '#' begins a comment

To let another machine in: copy ``client.json`` to it, or add its own public key to ``authorized_clients``.
zmq.auth's certificate files are not used: they are written readable by everybody (measured: 0644).
Thread: the keys any; the handler in the I/O thread.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import platformdirs
import zmq
from sr_bridge.connection import CurveKeys
from zmq.utils import z85

from sr_runtime.errors import ConfigError
from sr_runtime.server.auth import check_private, write_private

ZAP_ENDPOINT = "inproc://zeromq.zap.01"
ZAP_DOMAIN = b"soundreactor"
# A socket's domain and the handler's must be the same text: "*" matches nothing and refuses everybody.
_Z85 = re.compile(r"^[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}$")


class CurveStore:
    """The keys of one runtime.

    Args:
        folder: Where they are kept; None for the user's configuration folder.

    Raises:
        ConfigError: This libzmq has no CURVE, or a key file is unsafe or damaged.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if not zmq.has("curve"):
            raise ConfigError(
                "--curve: this pyzmq was built without libsodium; run: pip install --upgrade pyzmq"
            )
        self.folder = folder or Path(platformdirs.user_config_dir("sr-runtime", appauthor=False)) / "curve"
        self.public, self.secret = self._pair("server.json")
        self.client_public, self.client_secret = self._pair("client.json")
        self._authorized = self.folder / "authorized_clients"
        if not self._authorized.exists():
            write_private(self._authorized, f"# public keys that may connect\n{self.client_public}\n")

    def _pair(self, name: str) -> tuple[str, str]:
        path = self.folder / name
        if not path.exists():
            public, secret = zmq.curve_keypair()
            write_private(path, json.dumps({"public": public.decode(), "secret": secret.decode()}, indent=2))
        check_private("curve", path)
        try:
            keys = json.loads(path.read_text(encoding="utf-8"))
            pair = str(keys["public"]), str(keys["secret"])
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"curve: {path} is damaged ({error}); remove it and new keys are made"
            ) from None
        if not all(_Z85.match(key) for key in pair):
            raise ConfigError(
                f"curve: {path} holds no Z85 keys of 40 characters; remove it and new ones are made"
            )
        return pair

    def allowed(self) -> frozenset[bytes]:
        """Return the raw public keys that may connect, read anew at each call.

        Raises:
            ConfigError: A line is not a key.
        """
        keys = set()
        for number, line in enumerate(self._authorized.read_text(encoding="utf-8").splitlines(), 1):
            text = line.split("#", 1)[0].strip() if line.startswith("#") else line.strip()
            if not text:
                continue
            if not _Z85.match(text):
                raise ConfigError(f"{self._authorized}, line {number}: expected a 40-character Z85 key")
            keys.add(z85.decode(text.encode()))
        return frozenset(keys)

    def client_keys(self, endpoint: str) -> CurveKeys:
        """Return what the connection file tells a client of this machine."""
        return CurveKeys(endpoint, self.public, self.client_public, self.client_secret)

    def secure(self, socket: zmq.Socket[bytes]) -> None:
        """Make ``socket`` a CURVE server whose clients the ZAP handler checks."""
        socket.setsockopt(zmq.CURVE_SERVER, 1)
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.secret.encode())
        socket.setsockopt(zmq.ZAP_DOMAIN, ZAP_DOMAIN)


class ZapHandler:
    """Answers libzmq's question "may this key in?" (RFC 27), one reply per request.

    Args:
        context: The context of the sockets that are guarded.
        allowed: Raw 32-byte public keys.
    """

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]], allowed: frozenset[bytes]) -> None:
        self.socket = context.socket(zmq.REP)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.bind(ZAP_ENDPOINT)
        self._allowed = allowed
        self.refused = 0

    def answer(self) -> None:
        """Answer the request that waits."""
        request = self.socket.recv_multipart()
        version, request_id = request[0], request[1]
        is_known = (
            len(request) == 7
            and request[2] == ZAP_DOMAIN
            and request[5] == b"CURVE"
            and request[6] in self._allowed
        )
        self.refused += not is_known
        verdict = [b"200", b"OK"] if is_known else [b"400", b"this key is not in authorized_clients"]
        self.socket.send_multipart([version, request_id, *verdict, b"", b""])
