"""Pack ``unity_plugin/`` as the tarball that Package Manager installs: ``python -m tests.unity.packing``."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "unity_plugin"


def pack(folder: Path) -> Path:
    """Write ``NAME-VERSION.tgz`` into ``folder`` and return it; the same files give the same bytes."""
    manifest = json.loads((PACKAGE / "package.json").read_text())
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{manifest['name']}-{manifest['version']}.tgz"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(PACKAGE.rglob("*")):
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(PACKAGE).parts):
                data = path.read_bytes()
                entry = tarfile.TarInfo(f"package/{path.relative_to(PACKAGE).as_posix()}")
                entry.size, entry.mode = len(data), 0o644
                archive.addfile(entry, io.BytesIO(data))
    with target.open("wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write(buffer.getvalue())
    return target


if __name__ == "__main__":
    sys.stdout.write(f"{pack(Path('dist'))}\n")
