"""Compile the plugin and its tests with mcs: what each assembly is made of, as its asmdef says.

Used by the tests and by ``benchmarks/unity.py``. Everything lands in one folder, nothing beside the sources.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "unity_plugin"
HERE = Path(__file__).parent
STUBS = HERE / "stubs"
NUNIT = next(
    (
        path
        for root in ("cli", "mono/gac")
        for path in sorted(Path("/usr/lib", root).rglob("nunit.framework.dll"))
    ),
    Path("/usr/lib/cli/nunit.framework-2.6.3/nunit.framework.dll"),
)
"""NUnit's library, wherever Debian's package has put it."""
TOOLS = {"mcs": "mono-mcs", "mono": "mono-runtime", "nunit-console": "nunit-console"}
"""Command → Debian package."""

UNITY_2022 = ("UNITY_2022_3_OR_NEWER", "UNITY_EDITOR", "ENABLE_LEGACY_INPUT_MANAGER")
UNITY_6 = ("UNITY_2022_3_OR_NEWER", "UNITY_6000_0_OR_NEWER", "UNITY_EDITOR")
CORE_RP = "SOUNDREACTOR_CORE_RP"
FLAVOURS = {
    "2022.3-built-in": UNITY_2022,
    "2022.3-pipelines": (*UNITY_2022, CORE_RP),
    "6000.0-built-in": UNITY_6,
    "6000.0-pipelines": (*UNITY_6, CORE_RP),
}
"""Name → symbols; the editors that the package supports, with and without a scriptable render pipeline."""


class CompileError(Exception):
    """The compiler's words."""


@dataclass(frozen=True)
class Assembly:
    """One assembly: its name, source files, references (file names) and whether warnings are errors."""

    name: str
    sources: tuple[Path, ...]
    references: tuple[str, ...] = ()
    is_strict: bool = True


def files(*folders: Path) -> tuple[Path, ...]:
    """Return every C# file below the folders."""
    return tuple(sorted(path for folder in folders for path in folder.rglob("*.cs")))


def sources_of(asmdef: Path) -> tuple[Path, ...]:
    """Return the C# files that belong to an asmdef: those below it that no deeper asmdef takes."""
    deeper = [other.parent for other in asmdef.parent.rglob("*.asmdef") if other != asmdef]
    return tuple(path for path in files(asmdef.parent) if not any(d in path.parents for d in deeper))


PROTOCOL = Assembly(
    "SoundReactor.Protocol", sources_of(PACKAGE / "Runtime/Protocol/SoundReactor.Protocol.asmdef")
)
AUDIO = Assembly("SoundReactor.Audio", sources_of(PACKAGE / "Runtime/Audio/SoundReactor.Audio.asmdef"))
ENGINE_FREE = (PROTOCOL, AUDIO)

WITHOUT_ENGINE = (
    PACKAGE / "Runtime/Component/HopFanOut.cs",
    PACKAGE / "Runtime/Component/LinkAdvice.cs",
    PACKAGE / "Runtime/Capture/CapturePacer.cs",
    PACKAGE / "Runtime/Capture/ShrinkPlan.cs",
    PACKAGE / "Runtime/Capture/ProbeVerdict.cs",
)
PLAIN_TESTS = Assembly(
    "SoundReactor.Tests.Editor",
    files(*(PACKAGE / "Tests/Editor" / name for name in ("Protocol", "Audio", "Capture", "Component")))
    + WITHOUT_ENGINE,
    ("SoundReactor.Protocol.dll", "SoundReactor.Audio.dll", str(NUNIT)),
)
"""The package's EditMode tests that need no engine: the same files, run by NUnit 2.6 under mono."""
LIVE_TESTS = Assembly(
    "SoundReactor.Tests.Live",
    (*files(HERE / "live"), PACKAGE / "Editor/RuntimeProcess.cs"),
    (
        "SoundReactor.Protocol.dll",
        "SoundReactor.Audio.dll",
        "SoundReactor.Runtime.dll",
        "UnityEngine.dll",
        str(NUNIT),
    ),
)
"""Against the real runtime: the client, and the components' own logic with stubs for the engine's."""


def unity_assemblies(symbols: tuple[str, ...]) -> list[Assembly]:
    """Return stubs, the Unity-facing assemblies, the samples and the Test Runner's tests, in order."""
    plain = ("SoundReactor.Protocol.dll", "SoundReactor.Audio.dll")
    has_core = CORE_RP in symbols
    engine = [path for path in files(STUBS) if path.name.startswith(("UnityEngine.", "Unity.Collections"))]
    core = ("Unity.RenderPipelines.Core.dll",) if has_core else ()
    runtime = ("UnityEngine.dll", *core, *plain)
    editor = ("UnityEditor.dll", "SoundReactor.Runtime.dll", *runtime)
    tests = (*editor, "SoundReactor.Editor.dll", str(NUNIT))
    assemblies = [Assembly("UnityEngine", tuple(engine), (str(NUNIT),))]
    if has_core:
        assemblies.append(
            Assembly(
                "Unity.RenderPipelines.Core", (STUBS / "Unity.RenderPipelines.Core.cs",), ("UnityEngine.dll",)
            )
        )
    assemblies += [
        Assembly("UnityEditor", (STUBS / "UnityEditor.cs",), ("UnityEngine.dll",)),
        Assembly(
            "SoundReactor.Runtime", sources_of(PACKAGE / "Runtime/SoundReactor.Runtime.asmdef"), runtime
        ),
        Assembly("SoundReactor.Editor", sources_of(PACKAGE / "Editor/SoundReactor.Editor.asmdef"), editor),
        Assembly("SoundReactor.Tests.Editor", files(PACKAGE / "Tests/Editor"), tests),
        Assembly("SoundReactor.Tests.Runtime", files(PACKAGE / "Tests/Runtime"), tests),
    ]
    return assemblies + sample_assemblies(runtime, editor)


def sample_assemblies(runtime: tuple[str, ...], editor: tuple[str, ...]) -> list[Assembly]:
    """Return the samples, each after those that it refers to; only those for the editor see its stubs."""
    assemblies = []
    for asmdef in sorted((PACKAGE / "Samples~").rglob("*.asmdef"), key=lambda path: len(path.parts)):
        is_editor = asmdef.parent.name == "Editor"
        own = (f"{asmdef.stem.removesuffix('.Editor')}.dll",) if is_editor else ()
        references = (*own, *editor) if is_editor else ("SoundReactor.Runtime.dll", *runtime)
        assemblies.append(Assembly(asmdef.stem, sources_of(asmdef), references))
    return assemblies


def compile_assembly(
    assembly: Assembly, folder: Path, symbols: tuple[str, ...] = (), target: str = "library"
) -> Path:
    """Compile into ``folder`` and return the library (or the ``exe``), its XML documentation beside it.

    Raises:
        CompileError: mcs refuses; its words are the message.
    """
    made = folder / f"{assembly.name}.{'exe' if target == 'exe' else 'dll'}"
    command = ["mcs", "-langversion:7", f"-target:{target}", "-debug", f"-out:{made}", f"-lib:{folder}"]
    # Fields that only Unity's serializer writes are "never assigned" to the compiler: 649.
    command += ["-warn:4", "-nowarn:649"]
    if not assembly.name.startswith(("Unity", "SoundReactor.Tests", "Bench")):
        command.append(f"-doc:{made.with_suffix('.xml')}")
    if assembly.is_strict:
        command.append("-warnaserror")
    command += [f"-d:{symbol}" for symbol in symbols]
    command += [f"-r:{reference}" for reference in assembly.references]
    command += [str(path) for path in assembly.sources]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise CompileError(f"{assembly.name}:\n{done.stdout}{done.stderr}")
    return made


def compile_all(
    assemblies: list[Assembly] | tuple[Assembly, ...], folder: Path, symbols: tuple[str, ...] = ()
) -> None:
    """Compile one after another into ``folder``."""
    for assembly in assemblies:
        compile_assembly(assembly, folder, symbols)
