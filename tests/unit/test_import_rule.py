"""Who may import whom: read from the source text, so that an import inside a function counts too."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from benchmarks.start import imported

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {"sr_runtime": ROOT / "sr_runtime", "sr_bridge": ROOT / "bridge" / "sr_bridge"}

# A heavy package may be imported by these modules (and what lies under them) only.
ALLOWED_IMPORTERS = {
    "torch": (
        "sr_runtime.model",
        "sr_runtime.train",
        "sr_runtime.export",
        "sr_runtime.engine.backends.torch_cuda",
        "sr_runtime.engine.backends.onnx_gpu",
    ),
    "lightning_fabric": ("sr_runtime.train",),
    "sounddevice": ("sr_runtime.audio.output",),
    "onnxruntime": (
        "sr_runtime.engine.backends",
        "sr_runtime.train.features",
        "sr_runtime.export",
        "sr_runtime.evaluate",
    ),
}

# A package must not know of these packages of ours.
FORBIDDEN_KNOWLEDGE = {
    "sr_bridge": ("sr_runtime",),
    "sr_runtime.engine": tuple(
        f"sr_runtime.{name}" for name in ("server", "train", "model", "export", "evaluate", "audio", "cli")
    ),
    "sr_runtime.audio": tuple(
        f"sr_runtime.{name}" for name in ("server", "train", "model", "export", "evaluate", "engine", "cli")
    ),
    "sr_runtime.server": tuple(
        f"sr_runtime.{name}" for name in ("train", "model", "export", "evaluate", "cli")
    ),
    "sr_runtime.data": tuple(
        f"sr_runtime.{name}" for name in ("server", "engine", "audio", "train", "model", "export", "cli")
    ),
    "sr_runtime.model": tuple(
        f"sr_runtime.{name}" for name in ("server", "engine", "audio", "train", "export", "evaluate", "cli")
    ),
}

# The networks themselves run there; everything else of the engine knows graphs.
EXCEPTIONS = {"sr_runtime.engine.backends.torch_cuda": ("sr_runtime.model",)}

# Loaded only when used: the base install does not have them, or they take seconds to import.
NEVER_AT_THE_TOP = {"av": "sr_runtime", "vizdoom": "sr_runtime"}


class Import(NamedTuple):
    """One import statement: where it stands and what it names."""

    importer: str
    target: str
    line: int
    is_lazy: bool


def under(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def module_name(package: str, folder: Path, path: Path) -> str:
    parts = path.relative_to(folder).with_suffix("").parts
    return ".".join((package, *parts)).removesuffix(".__init__")


def imports_of(importer: str, source: str) -> Iterator[Import]:
    tree = ast.parse(source)
    lazy = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(function, ast.If) and "TYPE_CHECKING" in ast.unparse(function.test))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(importer, alias.name, node.lineno, id(node) in lazy)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{importer}:{node.lineno}: relative imports hide who imports whom"
            for alias in node.names:
                yield Import(importer, f"{node.module}.{alias.name}", node.lineno, id(node) in lazy)


@lru_cache(maxsize=1)
def all_imports() -> list[Import]:
    return [
        found
        for package, folder in SOURCES.items()
        for path in sorted(folder.rglob("*.py"))
        for found in imports_of(module_name(package, folder, path), path.read_text())
    ]


def report(broken: list[Import]) -> str:
    return "\n".join(f"{i.importer}:{i.line} imports {i.target}" for i in broken)


def is_excepted(found: Import) -> bool:
    return any(
        under(found.importer, place) and any(under(found.target, name) for name in known)
        for place, known in EXCEPTIONS.items()
    )


def test_the_rule_sees_an_import_inside_a_function():
    found = list(imports_of("sr_runtime.audio.gain", "def f():\n    import torch.nn\n"))
    assert found == [Import("sr_runtime.audio.gain", "torch.nn", 2, True)]


def test_heavy_packages_are_imported_only_where_allowed():
    broken = [
        found
        for found in all_imports()
        for heavy, allowed in ALLOWED_IMPORTERS.items()
        if under(found.target, heavy) and not any(under(found.importer, place) for place in allowed)
    ]
    assert not broken, report(broken)


def test_packages_do_not_know_what_stands_above_them():
    broken = [
        found
        for found in all_imports()
        for package, hidden in FORBIDDEN_KNOWLEDGE.items()
        if under(found.importer, package) and any(under(found.target, name) for name in hidden)
        if not is_excepted(found)
    ]
    assert not broken, report(broken)


def test_nobody_imports_the_command_line():
    broken = [
        found
        for found in all_imports()
        if under(found.target, "sr_runtime.cli")
        and not under(found.importer, "sr_runtime.cli")
        and found.importer != "sr_runtime.__main__"
    ]
    assert not broken, report(broken)


def test_data_uses_neither_torch_nor_onnxruntime():
    broken = [
        found
        for found in all_imports()
        if under(found.importer, "sr_runtime.data")
        and (under(found.target, "torch") or under(found.target, "onnxruntime"))
    ]
    assert not broken, report(broken)


def test_optional_packages_are_never_imported_at_the_top_of_a_module():
    broken = [
        found
        for found in all_imports()
        for optional, where in NEVER_AT_THE_TOP.items()
        if under(found.target, optional) and under(found.importer, where) and not found.is_lazy
    ]
    assert not broken, report(broken)


def test_the_help_text_loads_nothing_heavy():
    heavy = ("torch", "onnxruntime", "av", "vizdoom", "scipy", "matplotlib", "sounddevice")
    code = (
        "import sys; from sr_runtime.cli.main import build_app; build_app()\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_bridge_and_engine_load_nothing_that_they_do_not_need():
    assert imported("sr_bridge")[1] == []
    assert imported("sr_runtime")[1] == []
    assert imported("sr_runtime.engine.session")[1] == []
