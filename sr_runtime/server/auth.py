"""Who may open a session: one token per runtime, compared in constant time.

The token goes into the connection file (mode 0600); ``--token-file`` keeps one token over restarts.
Called by the server at start, and by the reception for every hello. Thread: any.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
import sys
from pathlib import Path

from sr_runtime.errors import ConfigError

TOKEN_BYTES = 32
MIN_TOKEN_CHARACTERS, MAX_TOKEN_CHARACTERS = 16, 128


class Authenticator:
    """Knows the token and tells whether another text is the same.

    Args:
        token: 16 to 128 characters.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self._expected = token.encode()

    def accepts(self, token: str) -> bool:
        """Tell whether ``token`` is right; the time taken says nothing about how much of it is."""
        return hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._expected)


def make_token() -> str:
    """Return a new random token of 256 bits."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def load_token(path: Path | None) -> str:
    """Return the token of a file (made with mode 0600 if it is missing), or a new one without a file.

    Raises:
        ConfigError: Others can read the file, or it holds no usable token.
    """
    if path is None:
        return make_token()
    if not path.exists():
        write_private(path, make_token() + "\n")
    check_private("token_file", path)
    token = path.read_text(encoding="utf-8").strip()
    is_usable = MIN_TOKEN_CHARACTERS <= len(token) <= MAX_TOKEN_CHARACTERS and token.isascii()
    if not is_usable:
        raise ConfigError(
            f"token_file: {path}: expected {MIN_TOKEN_CHARACTERS}–{MAX_TOKEN_CHARACTERS} ASCII characters, "
            f"got {len(token)}; remove it and a new one is made"
        )
    return token


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can read; fails if it exists (no link is followed)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def check_private(key: str, path: Path) -> None:
    """Refuse a secret that others can read (not on Windows, where the profile folder is private).

    Raises:
        ConfigError: The file's mode lets others in.
    """
    mode = stat.S_IMODE(path.stat().st_mode)
    if sys.platform != "win32" and mode & 0o077:
        raise ConfigError(
            f"{key}: {path} has mode {mode:04o}, so others can read it; run: chmod 600 '{path}'"
        )
