"""Say which code and which model made a figure."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from sr_runtime.engine.bundle import MANIFEST, Bundle


def bundle_sha256(bundle: Bundle) -> str:
    """Return the sha256 of the bundle's manifest, which holds the sha256 of each of its files."""
    return hashlib.sha256((bundle.path / MANIFEST).read_bytes()).hexdigest()


def git_commit() -> str:
    """Return the short commit of the checkout that runs, with ``+`` if it was changed, or ``unknown``."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "--short=12", "HEAD")
        return commit + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()
