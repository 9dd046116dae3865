"""The one place that imports PyAV, and turns its errors into the project's own.

Used by the reader and the writer of this package. PyAV is an extra: its absence is one plain message.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sr_runtime.errors import DataError, MissingDependency

_ADVICE = {
    "read": "it is no video, or it is damaged or cut off: try it in a player, or copy it again",
    "write": "check the free space and the rights of the folder, or choose another file with -o",
}


def load_pyav() -> Any:
    """Return the module ``av``.

    Raises:
        MissingDependency: PyAV is not installed.
    """
    try:
        return importlib.import_module("av")
    except ImportError as error:
        raise MissingDependency(
            "video files need PyAV, which is not installed; run: pip install 'sr-runtime[video]'"
        ) from error


@contextmanager
def media_errors(path: Path, doing: str) -> Iterator[None]:
    """Turn FFmpeg's errors into :class:`DataError` with the file's name, and silence nothing else.

    Args:
        path: The file being worked on.
        doing: What was attempted, for the message: ``"read"`` or ``"write"``.
    """
    av = load_pyav()
    try:
        yield
    except av.error.FFmpegError as error:
        raise DataError(f"cannot {doing} {path}: {error.strerror or error}; {_ADVICE[doing]}") from error
