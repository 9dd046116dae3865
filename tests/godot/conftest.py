"""A screen, a sound server, a runtime and an imported project for the games under test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sr_runtime.live.runtime import RuntimeProcess
from tests.godot.engine import PROJECT, godot, import_project, is_imported
from tests.godot.game import Game
from tests.godot.screen import Screen
from tests.realtime.bed import NullSinkBed


@pytest.fixture(scope="session")
def project() -> Path:
    """The plugin's project, imported."""
    if not is_imported(PROJECT):
        import_project(PROJECT)
        (PROJECT / ".godot" / "global_script_class_cache.cfg").touch()
    return PROJECT


@pytest.fixture
def project_copy(project: Path, tmp_path: Path) -> Path:
    """A copy of the project to change, imported like the original."""
    return Path(shutil.copytree(project, tmp_path / "project"))


@pytest.fixture(scope="session")
def screen() -> Iterator[dict[str, str]]:
    """The environment of a virtual screen."""
    with Screen() as virtual:
        yield virtual.environment


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
            *,
            connection_file: Path | None = None,
            environment: dict[str, str] | None = None,
            **options: object,
        ) -> Game:
            own = dict(screen)
            own["SR_CONNECTION_FILE"] = str(connection_file or Path(folder) / "no-connection.json")
            own.update(environment or {})
            command = options.pop("command", None) or project
            if isinstance(command, Path):
                command = [*godot(), "--path", str(command)]
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
