"""The examples run as a reader would run them: as scripts, against a real runtime where they need one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sr_runtime.live.runtime import RuntimeProcess
from sr_runtime.video.read import VideoReader
from tests.conftest import require_command
from tests.integration.movies import make_movie

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="module")
def runtime() -> Iterator[RuntimeProcess]:
    with RuntimeProcess(["--bundle", "probe", "--output", "none"]) as running:
        yield running


def run_example(name: str, *arguments: object, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_world_model_writes_a_movie_with_its_sound(tmp_path):
    output = tmp_path / "world.mp4"
    run_example("world_model.py", "--bundle", "probe", "--seconds", "2", "--output", output)
    with VideoReader(output) as reader:
        assert reader.info.has_sound
        assert len(list(reader.pictures())) == 60


def test_any_window_sends_a_video_file(tmp_path, runtime):
    video = make_movie(tmp_path / "in.mp4", seconds=2)
    connection = {"SR_CONNECTION_FILE": str(runtime.connection_file)}
    said = run_example("any_window.py", "--video", video, **connection)
    sent = int(said.split()[0])
    assert sent == 60, said


def test_any_window_grabs_a_real_screen(tmp_path, runtime):
    """Xvfb is a real X server without a monitor; its root window is all there is to see."""
    require_command("Xvfb", "apt-get install xvfb")
    number, display = start_display(tmp_path)
    try:
        said = run_example(
            "any_window.py",
            *("--screen", f":{number}", "--size", "320x240", "--seconds", "2"),
            SR_CONNECTION_FILE=str(runtime.connection_file),
        )
    finally:
        display.terminate()
        display.wait()
    sent, heard = int(said.split()[0]), int(said.split("sent, ")[1].split()[0])
    assert sent > 30, said
    assert heard > 20, said


def start_display(folder: Path) -> tuple[int, subprocess.Popen[bytes]]:
    """Start Xvfb on a free display number and wait until it says which."""
    xvfb = shutil.which("Xvfb")
    assert xvfb is not None
    said = folder / "display"
    with said.open("wb") as file:
        command = [xvfb, "-displayfd", str(file.fileno()), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
        display = subprocess.Popen(command, pass_fds=[file.fileno()], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not said.read_text().endswith("\n"):
        assert display.poll() is None and time.monotonic() < deadline, "Xvfb did not start"
        time.sleep(0.05)
    return int(said.read_text()), display
