"""Another process's end is noticed, whichever way the system offers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from sr_runtime.cli import companion
from sr_runtime.cli.companion import Companion
from sr_runtime.errors import ConfigError

PATIENCE_S = 30.0


@pytest.fixture(params=["held", "looked for"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways of Unix: holding the process, and looking for it where that is refused."""
    monkeypatch.setattr(companion, "POLL_S", 0.01)
    if request.param == "looked for":

        def refuse(pid: int) -> int:
            raise OSError("not here")

        monkeypatch.setattr(os, "pidfd_open", refuse, raising=False)
    elif not hasattr(os, "pidfd_open"):
        pytest.skip("this system cannot hold another process")
    return str(request.param)


def test_the_end_of_a_process_is_noticed_and_not_before(way: str) -> None:
    noticed = threading.Event()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        Companion(other.pid).when_ended(noticed.set)
        assert not noticed.wait(0.2), "it still runs"
        other.kill()
    assert noticed.wait(PATIENCE_S)


def test_a_process_that_ended_before_it_is_watched_is_noticed_at_once(way: str) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        held = Companion(other.pid)
        other.kill()
    noticed = threading.Event()
    held.when_ended(noticed.set)
    assert noticed.wait(PATIENCE_S)


def test_a_process_that_is_not_there_is_refused(way: str) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as other:
        pass
    with pytest.raises(ConfigError, match=f"running process, got {other.pid}"):
        Companion(other.pid)
