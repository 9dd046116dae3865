"""What the Unity tests share: mono, and the engine-free assemblies compiled once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import missing, require_command
from tests.unity.building import ENGINE_FREE, NUNIT, TOOLS, compile_all


@pytest.fixture(scope="session")
def mono() -> None:
    """Require mono, its compiler and NUnit."""
    for command, package in TOOLS.items():
        require_command(command, f"apt-get install --no-install-recommends {package}")
    if not NUNIT.exists():
        missing("NUnit 2.6", "apt-get install --no-install-recommends libnunit-cil-dev")


@pytest.fixture(scope="session")
def engine_free(mono: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile protocol and audio; return their folder."""
    folder = tmp_path_factory.mktemp("engine_free")
    compile_all(ENGINE_FREE, folder)
    return folder


@pytest.fixture(scope="session")
def documentation(engine_free: Path) -> dict[str, Path]:
    """Return assembly → its XML documentation."""
    return {assembly.name: engine_free / f"{assembly.name}.xml" for assembly in ENGINE_FREE}
