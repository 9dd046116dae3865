"""Give every file and folder of the package its ``.meta``: Unity ignores assets of a package that lack one.

``python -m tests.unity.metas`` writes those that are missing and never changes one there is: scenes refer
to components by these identifiers.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "unity_plugin"

_HEAD = "fileFormatVersion: 2\nguid: {guid}\n"
_TAIL = "  externalObjects: {}\n  userData: \n  assetBundleName: \n  assetBundleVariant: \n"
_FOLDER = "folderAsset: yes\nDefaultImporter:\n" + _TAIL
_SCRIPT = (
    "MonoImporter:\n  externalObjects: {}\n  serializedVersion: 2\n  defaultReferences: []\n"
    "  executionOrder: 0\n"
    "  icon: {instanceID: 0}\n  userData: \n  assetBundleName: \n  assetBundleVariant: \n"
)
_IMPORTERS = {
    ".asmdef": "AssemblyDefinitionImporter",
    ".md": "TextScriptImporter",
    ".json": "TextScriptImporter",
}


def assets() -> list[Path]:
    """Return every path that Unity imports: none in ``…~`` folders, which it skips, but the samples'."""
    found = []
    for path in sorted(PACKAGE.rglob("*")):
        parts = path.relative_to(PACKAGE).parts
        is_sample = parts[0] == "Samples~" and len(parts) > 1
        is_hidden = any(part.endswith("~") or part.startswith(".") for part in parts)
        if path.suffix != ".meta" and (is_sample or not is_hidden):
            found.append(path)
    return found


def meta_of(path: Path) -> Path:
    """Return where the meta file of an asset lies."""
    return path.with_name(path.name + ".meta")


def content(path: Path) -> str:
    """Return the meta file of a new asset; its identifier comes from the path at which it was first made."""
    name = f"com.soundreactor.runtime/{path.relative_to(PACKAGE).as_posix()}"
    head = _HEAD.format(guid=hashlib.md5(name.encode(), usedforsecurity=False).hexdigest())
    if path.is_dir():
        return head + _FOLDER
    if path.suffix == ".cs":
        return head + _SCRIPT
    if path.name == "package.json":
        return head + "PackageManifestImporter:\n" + _TAIL
    return head + _IMPORTERS.get(path.suffix, "DefaultImporter") + ":\n" + _TAIL


def main() -> None:
    """Write the missing ones."""
    for path in assets():
        if not meta_of(path).exists():
            meta_of(path).write_text(content(path), encoding="utf-8")


if __name__ == "__main__":
    main()
