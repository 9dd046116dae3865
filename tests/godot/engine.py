"""Which Godot the tests run, and how: ``GODOT``, else the cached root that ``make test-godot`` builds."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.conftest import missing

REPOSITORY = Path(__file__).resolve().parents[2]
PROJECT = REPOSITORY / "godot_plugin"
IN_ROOT = Path(__file__).with_name("in_root")
HINT = "make test-godot, or set GODOT=/path/to/godot (4.6)"
DEBIAN_TEMPLATE = "/usr/bin/godot-template-release"


def _root() -> Path | None:
    where = subprocess.run([IN_ROOT, "where"], capture_output=True, text=True, check=False)
    return Path(where.stdout.strip()) if where.returncode == 0 else None


def godot() -> list[str]:
    """Return the command that runs Godot, or end the test as :func:`missing` says."""
    if own := os.environ.get("GODOT"):
        if shutil.which(own) is None:
            missing(f"GODOT={own}", HINT)
        return [own]
    if _root() is None:
        missing("Godot 4.6", HINT)
    return [str(IN_ROOT), "run", "godot"]


def beside_us(program: Path) -> list[str]:
    """Return the command that runs an exported game where Godot itself runs."""
    return [str(program)] if os.environ.get("GODOT") else [str(IN_ROOT), "run", str(program)]


def godot_outside() -> list[str]:
    """Return a Godot that can start this machine's own programs: not chrooted, so without a picture."""
    if os.environ.get("GODOT"):
        return godot()
    root = _root()
    if root is None:
        missing("Godot 4.6", HINT)
    libraries = ":".join(
        f"{root}{folder}"
        for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu/pulseaudio", "/usr/lib")
    )
    return [f"{root}/lib64/ld-linux-x86-64.so.2", "--library-path", libraries, f"{root}/usr/bin/godot"]


def export_template() -> str:
    """Return the release export template as Godot sees it; empty for Godot's own templates."""
    return os.environ.get("GODOT_TEMPLATE", "") if os.environ.get("GODOT") else DEBIAN_TEMPLATE


def is_imported(project: Path) -> bool:
    """Tell whether the editor has seen ``project`` since its newest file was written."""
    seen = project / ".godot" / "global_script_class_cache.cfg"
    if not seen.exists():
        return False
    files = [path for path in project.rglob("*") if ".godot" not in path.parts and path.is_file()]
    return all(path.stat().st_mtime <= seen.stat().st_mtime for path in files)


def import_project(project: Path) -> str:
    """Import ``project`` and return what Godot printed."""
    done = subprocess.run(
        [*godot(), "--headless", "--path", str(project), "--import"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said
