#!/usr/bin/env python3
"""Pack the Godot plugin as the Asset Library wants it: a zip with ``addons/`` and nothing else.

Usage: package.py [FOLDER]    writes FOLDER/sound_reactor-godot-VERSION.zip (default: dist/) and prints its path.
What stays out stands in ``.gitattributes`` (export-ignore). The same files give the same bytes.
"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
NEVER = {".godot", "export"}


def version() -> str:
    """Return the plugin's version, which plugin.cfg and the link must agree on."""
    config = (HERE / "addons/sound_reactor/plugin.cfg").read_text()
    script = (HERE / "addons/sound_reactor/link/link.gd").read_text()
    found = re.search(r'^version="(.+)"$', config, re.M), re.search(r'^const VERSION := "(.+)"$', script, re.M)
    if None in found or found[0][1] != found[1][1]:  # type: ignore[index]
        sys.exit("plugin.cfg and link.gd name different versions: make them the same")
    return found[0][1]  # type: ignore[index]


def ignored() -> set[str]:
    """Return the top-level names that are not delivered."""
    lines = (HERE / ".gitattributes").read_text().splitlines()
    return {line.split()[0].lstrip("/") for line in lines if line.endswith("export-ignore")} | NEVER


def files() -> list[Path]:
    """Return what is delivered, sorted."""
    left_out = ignored()
    return sorted(
        path
        for path in HERE.rglob("*")
        if path.is_file() and path.relative_to(HERE).parts[0] not in left_out and "__pycache__" not in path.parts
    )


def main() -> None:
    """Write the zip."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "dist")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"sound_reactor-godot-{version()}.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files():
            entry = zipfile.ZipInfo(path.relative_to(HERE).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    print(target)


if __name__ == "__main__":
    main()
