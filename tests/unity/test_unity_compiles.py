"""The Unity-facing code against reference stubs, in every flavour; and stubs that nothing uses."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unity.building import (
    CORE_RP,
    ENGINE_FREE,
    FLAVOURS,
    HERE,
    NUNIT,
    PACKAGE,
    PROTOCOL,
    STUBS,
    Assembly,
    CompileError,
    compile_all,
    compile_assembly,
    files,
    unity_assemblies,
)


def compiled(folder: Path, engine_free: Path, symbols: tuple[str, ...]) -> None:
    for assembly in ENGINE_FREE:
        shutil.copy(engine_free / f"{assembly.name}.dll", folder)
    compile_all(unity_assemblies(symbols), folder, symbols)


@pytest.fixture(scope="module")
def flavours(engine_free: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Compile every flavour; return name → folder."""
    folders = {}
    for name, symbols in FLAVOURS.items():
        folders[name] = tmp_path_factory.mktemp(name)
        compiled(folders[name], engine_free, symbols)
    return folders


@pytest.mark.timeout(600)
def test_everything_compiles_for_every_editor_and_pipeline(flavours: dict[str, Path]) -> None:
    for name, folder in flavours.items():
        made = {path.stem for path in folder.glob("SoundReactor.*.dll")}
        assert made >= {
            "SoundReactor.Runtime",
            "SoundReactor.Editor",
            "SoundReactor.Tests.Editor",
            "SoundReactor.Tests.Runtime",
            "SoundReactor.Samples.FirstPersonRoom",
            "SoundReactor.Samples.FirstPersonRoom.Editor",
            "SoundReactor.Samples.RecordTake",
        }, name


def unused(folder: Path, symbols: tuple[str, ...]) -> set[str]:
    """Return the stub members that the metadata of one flavour does not use."""
    names = [assembly.name for assembly in unity_assemblies(symbols)]
    stubs = [name for name in names if name.startswith("Unity")]
    users = [name for name in names if name.startswith("SoundReactor")]
    shutil.copy(NUNIT, folder)
    tool = folder / "stub_use.exe"
    subprocess.run(["mcs", f"-out:{tool}", str(HERE / "stub_use.cs")], check=True, timeout=120)
    command = ["mono", str(tool), str(folder), ",".join(stubs), ",".join(users)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines())


def test_no_stub_is_there_for_nothing(flavours: dict[str, Path]) -> None:
    of_each = [unused(folder, FLAVOURS[name]) for name, folder in flavours.items()]
    # A member of one editor's flavour is not in the others at all.
    idle = {line for line in set.union(*of_each) if sum(line in lines for lines in of_each) == len(of_each)}
    code = "".join(path.read_text() for path in files(PACKAGE))
    constants = {line for line in idle if line.startswith("enum ")}
    assert sorted(idle - constants) == []
    assert sorted(line for line in constants if not re.search(rf"\b{line[5:]}\b", code)) == []


def test_a_stub_that_nothing_uses_would_be_found(flavours: dict[str, Path], tmp_path: Path) -> None:
    name = next(iter(FLAVOURS))
    folder = shutil.copytree(flavours[name], tmp_path / "copy")
    extra = tmp_path / "Extra.cs"
    extra.write_text("namespace UnityEngine { public class Idle { public void Never() { } } }")
    sources = tuple(
        path for path in files(STUBS) if path.name.startswith(("UnityEngine.", "Unity.Collections"))
    )
    compile_assembly(Assembly("UnityEngine", (*sources, extra), (str(NUNIT),)), folder, FLAVOURS[name])
    assert "unused UnityEngine.Idle.Never/0" in unused(folder, FLAVOURS[name])


def test_a_member_that_unity_lacks_would_be_found(engine_free: Path, tmp_path: Path) -> None:
    symbols = next(iter(FLAVOURS.values()))
    compile_assembly(unity_assemblies(symbols)[0], tmp_path, symbols)
    wrong = tmp_path / "Wrong.cs"
    wrong.write_text("class Wrong { void F() { UnityEngine.Debug.NoSuchThing(); } }")
    with pytest.raises(CompileError, match="NoSuchThing"):
        compile_assembly(Assembly("Wrong", (wrong,), ("UnityEngine.dll",)), tmp_path)


def test_every_flavour_is_compiled_with_and_without_pipelines() -> None:
    assert {CORE_RP in symbols for symbols in FLAVOURS.values()} == {True, False}
    assert {"UNITY_6000_0_OR_NEWER" in symbols for symbols in FLAVOURS.values()} == {True, False}


@pytest.mark.parametrize("platform", ["UNITY_STANDALONE", "UNITY_EDITOR", "UNITY_ANDROID", "UNITY_IOS"])
def test_what_asks_the_system_compiles_where_it_may_and_where_it_may_not(
    mono: None, platform: str, tmp_path: Path
) -> None:
    made = compile_assembly(PROTOCOL, tmp_path, ("UNITY_5_3_OR_NEWER", platform))
    has_calls = b"LinuxStat" in made.read_bytes()
    assert has_calls == (platform in ("UNITY_STANDALONE", "UNITY_EDITOR"))


def test_a_public_member_without_documentation_would_be_found(mono: None, tmp_path: Path) -> None:
    silent = tmp_path / "Silent.cs"
    silent.write_text(
        "/// <summary>Said.</summary>\npublic class Silent { public int Unsaid() { return 1; } }"
    )
    with pytest.raises(CompileError, match=r"Silent\.Unsaid"):
        compile_assembly(Assembly("SoundReactor.Silent", (silent,)), tmp_path)
