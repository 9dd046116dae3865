"""Wait for another process's end: so a runtime ends with the game that started it, however that ends.

Used by ``serve --exit-with-pid``. The process is held where the system can: its id alone may be given to
another one after its end, and a killed game stays in the process table until its own parent looks.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time
from collections.abc import Callable

from sr_runtime.errors import ConfigError

POLL_S = 0.5
"""How often a process is looked for that cannot be held: a started runtime may live on so much longer."""

Wait = Callable[[], object]


class Companion:
    """Another process of this machine, running now; usually our parent, but it need not be.

    Args:
        pid: Its process id.

    Raises:
        ConfigError: There is no such process.
    """

    def __init__(self, pid: int) -> None:
        try:
            self._wait = _hold(pid)
        except ProcessLookupError:
            raise ConfigError(
                f"--exit-with-pid: expected the id of a running process, got {pid}; "
                "pass the id of the program that starts the runtime, or leave the option out"
            ) from None

    def when_ended(self, then: Callable[[], None]) -> None:
        """Call ``then`` once, in a thread of its own, when the process has ended (at once if it has)."""

        def watch() -> None:
            self._wait()
            then()

        threading.Thread(target=watch, name="sr-companion", daemon=True).start()


if sys.platform == "win32":
    import ctypes

    SYNCHRONIZE, INFINITE = 0x00100000, 0xFFFFFFFF

    def _hold(pid: int) -> Wait:
        kernel = ctypes.WinDLL("kernel32")
        kernel.OpenProcess.restype = ctypes.c_void_p  # a handle is as wide as a pointer, not an int
        kernel.WaitForSingleObject.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
        handle = kernel.OpenProcess(SYNCHRONIZE, False, pid)
        if not handle:
            raise ProcessLookupError(pid)
        return lambda: kernel.WaitForSingleObject(handle, INFINITE)

else:

    def _hold(pid: int) -> Wait:
        if hasattr(os, "pidfd_open"):
            try:
                held = os.pidfd_open(pid)
            except ProcessLookupError:
                raise
            except OSError:
                pass  # Linux before 5.3, or a sandbox that forbids the call
            else:
                ended = select.poll()
                ended.register(held, select.POLLIN)
                return ended.poll
        if not _is_listed(pid):
            raise ProcessLookupError(pid)
        return lambda: _poll_until_unlisted(pid)

    def _poll_until_unlisted(pid: int) -> None:
        while _is_listed(pid):
            time.sleep(POLL_S)

    def _is_listed(pid: int) -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass  # another user's process
        return True
