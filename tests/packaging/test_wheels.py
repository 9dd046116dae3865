"""What a user installs: both wheels are built from the tracked files and looked into."""

from __future__ import annotations

import ast
import email
import shutil
import subprocess
import sys
import zipfile
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tracked_copy(folder: Path) -> Path:
    """Copy what git knows: a build must not depend on files that only this machine has."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if name.startswith(("sr_runtime/", "bridge/")) or "/" not in name:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_file():
                shutil.copy(ROOT / name, target)
    return folder


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[str, zipfile.ZipFile]:
    source = tracked_copy(tmp_path_factory.mktemp("source"))
    out = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(out), str(source / "bridge"), str(source)], check=True)
    return {path.name.split("-")[0]: zipfile.ZipFile(path) for path in out.glob("*.whl")}


def metadata(wheel: zipfile.ZipFile) -> Message:
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def requirements(wheel: zipfile.ZipFile) -> set[str]:
    """Return the names that are installed without any extra."""
    listed = metadata(wheel).get_all("Requires-Dist") or []
    return {text.split(">")[0].split("=")[0].strip() for text in listed if "extra ==" not in text}


def test_the_runtime_ships_its_types_licences_and_bundles(wheels):
    names = wheels["sr_runtime"].namelist()
    for wanted in ("sr_runtime/py.typed", "sr_runtime/models/probe/model.json"):
        assert wanted in names
    for licence in ("LICENSE", "NOTICE"):
        assert any(name.endswith(f"dist-info/licenses/{licence}") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "examples/", "bridge/"))]


def test_every_shipped_bundle_is_complete_in_the_wheel(wheels):
    shipped = {name for name in wheels["sr_runtime"].namelist() if name.startswith("sr_runtime/models/")}
    on_disk = {
        str(path.relative_to(ROOT)) for path in (ROOT / "sr_runtime/models").rglob("*") if path.is_file()
    }
    assert shipped == {name for name in on_disk if "__pycache__" not in name}


def test_the_base_install_has_neither_torch_nor_onnxruntime(wheels):
    assert requirements(wheels["sr_runtime"]) >= {"sr-bridge", "numpy", "sounddevice", "typer"}
    assert not requirements(wheels["sr_runtime"]) & {
        "torch",
        "onnxruntime",
        "onnxruntime-gpu",
        "av",
        "vizdoom",
    }


def test_the_bridge_needs_three_packages_only(wheels):
    assert requirements(wheels["sr_bridge"]) == {"numpy", "pyzmq", "msgpack"}
    assert "sr_bridge/py.typed" in wheels["sr_bridge"].namelist()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "bridge/sr_bridge").rglob("*.py")), ids=lambda path: path.stem
)
def test_the_bridge_is_python_3_9(path):
    ast.parse(path.read_text(), feature_version=(3, 9))


def test_both_versions_agree(wheels):
    assert metadata(wheels["sr_runtime"])["Version"] == metadata(wheels["sr_bridge"])["Version"]


def test_the_shipped_bundles_stay_small():
    size = sum(path.stat().st_size for path in (ROOT / "sr_runtime/models").rglob("*") if path.is_file())
    assert size < 35e6


def test_a_session_runs_where_torch_av_and_vizdoom_are_not_installed():
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name in {'torch', 'av', 'vizdoom', 'matplotlib', 'gymnasium'}: raise ImportError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "import numpy, sr_runtime\n"
        "session = sr_runtime.Engine('probe').open_session()\n"
        "print(session.step(numpy.zeros((32, 32, 3), numpy.uint8)).shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(1600, 2)", done.stderr
