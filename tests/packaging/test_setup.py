"""The set-up by one command: what the scripts do without root, and what continuous integration runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def fake_command(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def system_packages(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the script as an ordinary user of a Debian machine that has only `present`."""
    fake_command(folder, "id", "echo 1000")
    fake_command(folder, "dpkg-query", '[ "$4" = present ] && echo installed')
    fake_command(folder, "apt-get", 'echo "apt-get must not be called" >&2; exit 99')
    return subprocess.run(
        ["bash", str(ROOT / ".ci/system_packages"), *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
    )


def test_without_root_the_missing_packages_are_named_and_required_ones_stop(tmp_path):
    done = system_packages(tmp_path, "required", "present", "libabsent1", "libabsent2")
    assert done.returncode == 1
    assert "libabsent1 libabsent2" in done.stderr
    assert "present" not in done.stderr.replace("libabsent", "")


def test_without_root_optional_packages_are_named_and_work_goes_on(tmp_path):
    done = system_packages(tmp_path, "optional", "libabsent1")
    assert done.returncode == 0
    assert "libabsent1" in done.stderr


def test_what_is_there_is_not_mentioned(tmp_path):
    done = system_packages(tmp_path, "required", "present")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_command_from_elsewhere_counts_as_installed(tmp_path):
    fake_command(tmp_path, "node-of-another-origin", "true")
    done = system_packages(tmp_path, "required", "node-of-another-origin:nodejs")
    assert done.returncode == 0


def test_continuous_integration_runs_make_test_and_counts_missing_components():
    script = (ROOT / ".ci/run").read_text()
    assert "make test" in script
    assert "CI=true" in script


def test_make_names_an_interpreter_that_is_too_old(tmp_path):
    fake_command(tmp_path, "python-old", "exit 1")
    done = subprocess.run(
        ["make", "-C", str(ROOT), "demo", f"PYTHON={tmp_path / 'python-old'}", f"VENV={tmp_path / 'venv'}"],
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "older than Python 3.11" in done.stderr


def test_make_without_a_target_explains_itself():
    done = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True)
    for target in ("make demo", "make test", "make bench", "make soak"):
        assert target in done.stdout


def test_make_test_runs_every_folder_of_tests():
    makefile = (ROOT / "Makefile").read_text()
    folders = {path.parent.relative_to(ROOT).parts[1] for path in (ROOT / "tests").glob("*/**/test_*.py")}
    assert folders
    for folder in folders:
        assert f"tests/{folder}" in makefile
