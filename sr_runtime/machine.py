"""Say on what machine and with what versions a figure was measured.

Used by ``bench``, ``demo`` and ``doctor``, since a time without its machine means nothing. Thread: any.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

_REPOSITORY = Path(__file__).resolve().parent.parent

_REPORTED_PACKAGES = ("sr-runtime", "sr-bridge", "numpy", "onnxruntime", "onnxruntime-gpu", "pyzmq", "soxr")


@lru_cache(maxsize=1)
def commit() -> str:
    """Return the source tree's short commit (``+`` = edited), or the package's version without one."""
    if not (_REPOSITORY / ".git").exists():
        return f"v{package_version('sr-runtime')}"
    revision = _git("rev-parse", "--short=10", "HEAD")
    if revision is None:
        return f"v{package_version('sr-runtime')}"
    edited = _git("status", "--porcelain", "--untracked-files=no", "--", "sr_runtime", "bridge")
    return f"{revision}+" if edited else revision


@lru_cache(maxsize=1)
def processor() -> str:
    """Return the processor's name as its maker prints it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo.read_text(), re.MULTILINE)
        if found:
            return found.group(1).strip()
    return platform.processor() or platform.machine()


def usable_cores() -> int:
    """Return how many cores this process may use (fewer than the machine has under a container's limit)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def package_version(name: str) -> str | None:
    """Return the installed version of a distribution, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def describe() -> dict[str, Any]:
    """Return processor, cores, system, Python and package versions as plain JSON types."""
    versions = {name: package_version(name) for name in _REPORTED_PACKAGES}
    return {
        "processor": processor(),
        "cores": usable_cores(),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "packages": {name: version for name, version in versions.items() if version},
    }


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(_REPOSITORY), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
