"""Keep one core busy, as the game beside the runtime does.

Called by ``sr-runtime bench``. Thread: any.
"""

from __future__ import annotations

import subprocess
import sys

# Ends by itself when its parent is gone: the pipe from the parent is closed then. Float work in C would leave
# the caches alone; a game does not, so this one walks through 8 MB.
_SPIN = """
import select, sys
import numpy
memory = numpy.zeros(1 << 20)
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(20):
        memory += 1.0
"""

_SPIN_WINDOWS = """
import os, time
import numpy
memory = numpy.zeros(1 << 20)
parent = os.getppid()
while os.getppid() == parent:
    memory += 1.0
"""


class BusyCore:
    """One process that uses a whole core as long as the ``with`` block lasts.

    Example:
        >>> with BusyCore() as core:
        ...     core.is_running
        True
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> BusyCore:
        code = _SPIN_WINDOWS if sys.platform == "win32" else _SPIN
        self._process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE)
        return self

    def __exit__(self, *exc: object) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    @property
    def is_running(self) -> bool:
        """Tell whether the core is busy now."""
        return self._process is not None and self._process.poll() is None
