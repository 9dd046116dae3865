"""The GDScript unit tests, one by one, in a real Godot."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.godot.engine import REPOSITORY, godot


def test_all_gdscript_unit_tests_pass(project: Path) -> None:
    done = subprocess.run(
        [
            *godot(),
            *["--headless", "--path", str(project), "-s", "tests/run.gd"],
            *["--", f"--vectors={REPOSITORY / 'bridge' / 'vectors'}"],
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert " passed, 0 failed" in said, said
    assert "ERROR" not in said and "WARNING" not in said, said
