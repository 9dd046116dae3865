"""The player where no sound can be made: it starts, says why, takes hops, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from sr_runtime.audio import AudioPlayer, AudioSettings
from sr_runtime.errors import SessionError

SILENCE = np.zeros((1600, 2), np.float32)
WITHOUT_PORTAUDIO = "raise OSError('PortAudio library not found')\n"
WITHOUT_DEVICES = """
class PortAudioError(Exception): pass
class default: device = (-1, -1)
def query_hostapis(): return [{"name": "Fake"}]
def query_devices(): return []
def _terminate(): pass
def _initialize(): pass
"""
QUIET = "import logging; logging.disable()\n"
"""Keeps the warning that there is no device from stderr, so that anything there is a fault."""

ABANDON = """
import os, signal, sys
from sr_runtime.audio import AudioPlayer
player = AudioPlayer()
player.start()
print(player.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def fake_sounddevice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Give the audio process another ``sounddevice``."""

    def install(source: str) -> None:
        (tmp_path / "sounddevice.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))

    return install


def is_alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(holds, timeout_s: float = 15.0) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_without_portaudio_the_player_starts_and_says_what_to_install(fake_sounddevice) -> None:
    fake_sounddevice(WITHOUT_PORTAUDIO)
    player = AudioPlayer()
    stats = player.start()
    assert stats.state == "no device"
    assert "libportaudio2" in stats.reason
    assert wait_until(lambda: player.pid is None or not is_alive(player.pid))
    time.sleep(0.3)
    for k in range(5):
        player.write(SILENCE, time.monotonic_ns(), k)
    player.pause()
    assert player.stats().restarts == 0
    assert "libportaudio2" in player.stats().reason
    player.close()
    assert player.stats().state == "closed"


def test_without_a_device_the_player_goes_on_looking_for_one(fake_sounddevice) -> None:
    fake_sounddevice(WITHOUT_DEVICES)
    player = AudioPlayer()
    stats = player.start()
    assert (stats.state, stats.restarts) == ("no device", 0)
    assert "no sound device" in stats.reason
    for k in range(100):
        player.write(SILENCE, 0, k)
        time.sleep(0.005)
    assert player.stats().dropped == 0, "hops must not pile up where nobody plays them"
    pid = player.pid
    player.close()
    assert pid is not None
    assert not is_alive(pid)


def test_a_killed_audio_process_is_started_again(fake_sounddevice) -> None:
    fake_sounddevice(WITHOUT_DEVICES)
    player = AudioPlayer()
    player.start()
    first = player.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: player.stats().restarts == 1 and player.stats().state == "no device")
    assert player.pid not in (None, first)
    player.close()
    assert not psutil.pid_exists(first), "a zombie was left"


def test_a_stopped_audio_process_is_replaced(fake_sounddevice) -> None:
    fake_sounddevice(WITHOUT_DEVICES)
    player = AudioPlayer()
    player.start()
    first = player.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    assert wait_until(lambda: player.stats().restarts == 1 and player.pid not in (None, first))
    player.close()


def test_the_audio_process_dies_with_its_parent_and_its_memory_is_given_back() -> None:
    before = {path.name for path in Path("/dev/shm").glob("psm_*")}
    parent = subprocess.run(
        [sys.executable, "-c", ABANDON], capture_output=True, text=True, timeout=60, check=False
    )
    pid = int(parent.stdout)
    assert wait_until(lambda: not is_alive(pid))
    assert wait_until(lambda: {path.name for path in Path("/dev/shm").glob("psm_*")} <= before)


def test_a_script_that_forgets_to_close_ends_cleanly() -> None:
    code = QUIET + "from sr_runtime.audio import AudioPlayer; p = AudioPlayer(); p.start(); print(p.pid)"
    script = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=60
    )
    assert (script.returncode, script.stderr) == (0, "")
    assert not is_alive(int(script.stdout))


def test_a_script_without_a_main_guard_is_not_run_twice(tmp_path: Path) -> None:
    script = tmp_path / "game.py"
    script.write_text(
        QUIET
        + "from sr_runtime.audio import AudioPlayer\nprint('once')\np = AudioPlayer()\np.start()\np.close()\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("once\n", "")


def test_closing_twice_or_before_the_start_does_nothing() -> None:
    player = AudioPlayer()
    player.close()
    player.close()
    assert player.stats().state == "closed"
    with pytest.raises(SessionError, match="was closed"):
        player.start()


def test_a_hop_of_another_shape_or_type_is_refused() -> None:
    player = AudioPlayer(AudioSettings(device="none"))
    player.start()
    for wrong in (np.zeros((1600, 2)), np.zeros((2, 1600), np.float32), np.zeros((1601, 2), np.float32)):
        with pytest.raises(ValueError, match=r"hop: expected float32 \(n <= 1600, 2\), got"):
            player.write(wrong)  # type: ignore[arg-type]
    player.close()


def test_ctrl_c_in_the_terminal_ends_the_script_without_a_second_traceback() -> None:
    code = (
        QUIET + "import time\nfrom sr_runtime.audio import AudioPlayer\np = AudioPlayer()\np.start()\n"
        "try:\n    print(p.pid, flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    p.close()\n"
    )
    script = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert script.stdout is not None
    pid = int(script.stdout.readline())
    os.killpg(script.pid, signal.SIGINT)
    _, errors = script.communicate(timeout=30)
    assert (script.returncode, errors) == (0, "")
    assert not is_alive(pid)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_does_not_end_its_parents_sound(fake_sounddevice) -> None:
    fake_sounddevice(WITHOUT_DEVICES)
    player = AudioPlayer()
    player.start()
    fork = os.fork()
    if fork == 0:
        player.close()
        os._exit(0)
    os.waitpid(fork, 0)
    assert player.pid is not None
    assert is_alive(player.pid)
    player.close()
