"""A virtual screen, drawn on by software: the tests' and the benchmark's."""

from __future__ import annotations

import os
import subprocess
from types import TracebackType

from tests.conftest import require_command

# One rasteriser thread each: these machines are small and busy.
SOFTWARE_GL = {
    "LP_NUM_THREADS": "1",
    "VK_ICD_FILENAMES": "/usr/share/vulkan/icd.d/lvp_icd.json",
    "LIBGL_ALWAYS_SOFTWARE": "1",
}


class Screen:
    """An Xvfb as long as the ``with`` block lasts; ``environment`` leads programs to it."""

    def __init__(self) -> None:
        require_command("Xvfb", "apt-get install xvfb")
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Screen:
        reader, writer = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x720x24", "-nolisten", "tcp"],
            pass_fds=[writer],
            stderr=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as answer:
            number = answer.readline().strip()
        self.environment = {**SOFTWARE_GL, "DISPLAY": f":{number}"}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.terminate()
        self._server.wait()
