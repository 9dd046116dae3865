"""Shared test set-up: what a missing real component means."""

from __future__ import annotations

import os
import shutil
import signal
from typing import NoReturn

import pytest

# A shell starts background jobs with Ctrl-C ignored, and every child inherits that: a test that presses it
# would wait for ever where the suite itself runs in the background.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def missing(component: str, how_to_install: str) -> NoReturn:
    """Skip loudly on a developer's machine; fail where CI promises the component is there."""
    message = f"NOT TESTED: {component} is missing; install it with: {how_to_install}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def require_command(name: str, how_to_install: str) -> str:
    """Return the path of a command that a test needs, or end the test as :func:`missing` says."""
    path = shutil.which(name)
    if path is None:
        missing(f"the command '{name}'", how_to_install)
    return path
