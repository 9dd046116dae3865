"""A screen, a sound server, a runtime and an imported project for the games under test."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sr_runtime.live.runtime import RuntimeProcess
from tests.conftest import require_command
from tests.godot.engine import PROJECT, godot, import_project, is_imported
from tests.godot.game import Game
from tests.realtime.bed import NullSinkBed

# One rasteriser thread each, and never an impatient engine: these machines are small and busy.
SOFTWARE_GL = {
    "LP_NUM_THREADS": "1",
    "VK_ICD_FILENAMES": "/usr/share/vulkan/icd.d/lvp_icd.json",
    "LIBGL_ALWAYS_SOFTWARE": "1",
}


@pytest.fixture(scope="session")
def project() -> Path:
    """The plugin's project, imported."""
    if not is_imported(PROJECT):
        import_project(PROJECT)
        (PROJECT / ".godot" / "global_script_class_cache.cfg").touch()
    return PROJECT


@pytest.fixture(scope="session")
def screen() -> Iterator[dict[str, str]]:
    """The environment of a virtual screen."""
    require_command("Xvfb", "apt-get install xvfb")
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "640x360x24", "-nolisten", "tcp"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as answer:
        number = answer.readline().strip()
    yield {**SOFTWARE_GL, "DISPLAY": f":{number}"}
    server.terminate()
    server.wait()


@pytest.fixture(scope="session")
def sound_server() -> Iterator[NullSinkBed]:
    """A private PulseAudio with a null sink."""
    bed = NullSinkBed()
    with bed:
        yield bed


@pytest.fixture(scope="module")
def runtime() -> Iterator[RuntimeProcess]:
    """A real runtime with the probe bundle, for tests that do not end it."""
    with RuntimeProcess(["--bundle", "probe", "--audio-device", "none"]) as process:
        yield process


@pytest.fixture
def play(project: Path, screen: dict[str, str]) -> Iterator[Callable[..., Game]]:
    """Start games that end with the test."""
    games: list[Game] = []
    with tempfile.TemporaryDirectory(prefix="sr-game-") as folder:

        def start(
            *, connection_file: Path | None = None, environment: dict[str, str] | None = None, **options: object
        ) -> Game:
            own = dict(screen)
            own["SR_CONNECTION_FILE"] = str(connection_file or Path(folder) / "no-connection.json")
            own.update(environment or {})
            command = options.pop("command", None) or [*godot(), "--path", str(project)]
            game = Game(
                command,  # type: ignore[arg-type]
                Path(folder) / str(len(games)),
                environment=own,
                **options,  # type: ignore[arg-type]
            )
            games.append(game)
            return game

        yield start
        for game in games:
            game.quit()
