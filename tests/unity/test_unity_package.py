"""The shape of the Unity package: manifest, metas, assemblies, samples, stubs, and what must not be in it."""

from __future__ import annotations

import json
import re
import tarfile
import tomllib
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from tests.unity import golden, metas, packing, review
from tests.unity.building import PACKAGE, ROOT, STUBS, files

MANIFEST = json.loads((PACKAGE / "package.json").read_text())
ASMDEFS = sorted(PACKAGE.rglob("*.asmdef"))
UNITYS_OWN = {"Unity.RenderPipelines.Core.Runtime", "UnityEngine.TestRunner", "UnityEditor.TestRunner"}
EDITOR_GUARD = re.compile(r"\bUnityEditor\b")


def asmdef(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def test_the_manifest_says_what_the_package_manager_asks() -> None:
    assert re.fullmatch(r"com\.[a-z]+\.[a-z]+", MANIFEST["name"])
    assert MANIFEST["unity"] == "2022.3"
    assert MANIFEST["displayName"] and MANIFEST["description"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", MANIFEST["version"])
    assert all(name.startswith("com.unity.modules.") for name in MANIFEST["dependencies"])


def test_versions_agree() -> None:
    version = MANIFEST["version"]
    runtime = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## \[(.+?)\]", (PACKAGE / "CHANGELOG.md").read_text(), re.M)
    client = re.search(r'Version = "(.+?)"', (PACKAGE / "Runtime/Protocol/RuntimeClient.cs").read_text())
    assert newest is not None and client is not None
    assert (newest[1], client[1], runtime) == (version, version, version)


@pytest.mark.parametrize(
    "name", ["README.md", "CHANGELOG.md", "LICENSE.md", "Documentation~/SoundReactor.md"]
)
def test_the_package_has_its_papers(name: str) -> None:
    assert len((PACKAGE / name).read_text()) > 200


def test_every_file_and_folder_has_a_meta_with_its_own_guid() -> None:
    missing = [str(path) for path in metas.assets() if not metas.meta_of(path).exists()]
    assert missing == [], "run: python -m tests.unity.metas"
    guids: dict[str, Path] = {}
    for path in metas.assets():
        found = re.search(r"^guid: ([0-9a-f]{32})$", metas.meta_of(path).read_text(), re.M)
        assert found is not None, path
        assert found[1] not in guids, f"{path} and {guids.get(found[1])}"
        guids[found[1]] = path


def test_no_meta_is_left_of_a_file_that_has_gone() -> None:
    orphans = [str(path) for path in PACKAGE.rglob("*.meta") if not path.with_suffix("").exists()]
    assert orphans == []


def test_committed_guids_never_change() -> None:
    # The identifier of a component is in every scene that uses it. Written down once, here.
    kept = {
        "SoundReactorLink": "Runtime/Component/SoundReactorLink.cs",
        "SoundReactorCamera": "Runtime/Component/SoundReactorCamera.cs",
        "SoundReactorSource": "Runtime/Component/SoundReactorSource.cs",
        "SoundReactorRecorder": "Runtime/Component/SoundReactorRecorder.cs",
    }
    for path in kept.values():
        assert metas.meta_of(PACKAGE / path).read_text() == metas.content(PACKAGE / path)


@pytest.mark.parametrize("path", ASMDEFS, ids=lambda path: path.stem)
def test_an_assembly_refers_only_to_assemblies_that_exist(path: Path) -> None:
    definition = asmdef(path)
    assert definition["name"] == path.stem
    assert set(definition["references"]) <= {other.stem for other in ASMDEFS} | UNITYS_OWN
    assert definition["allowUnsafeCode"] is False


def test_protocol_and_audio_know_nothing_of_the_engine() -> None:
    for name in ("Protocol", "Audio"):
        definition = asmdef(PACKAGE / f"Runtime/{name}/SoundReactor.{name}.asmdef")
        assert definition["noEngineReferences"] is True and definition["references"] == []
        for path in files(PACKAGE / "Runtime" / name):
            assert not re.search(r"\bUnity(Engine|Editor)\b", path.read_text()), path


def test_the_editor_stays_out_of_builds() -> None:
    for path in ASMDEFS:
        definition = asmdef(path)
        is_editor = "Editor" in path.parent.parts[len(PACKAGE.parts) :]
        assert (definition["includePlatforms"] == ["Editor"]) == is_editor, path
    for path in (
        *files(PACKAGE / "Runtime"),
        *(path for path in files(PACKAGE / "Samples~") if path.parent.name != "Editor"),
        *files(PACKAGE / "Tests/Runtime"),
    ):
        assert not EDITOR_GUARD.search(path.read_text()), path


def test_test_assemblies_are_compiled_for_tests_only() -> None:
    for path in PACKAGE.glob("Tests/*/*.asmdef"):
        definition = asmdef(path)
        assert definition["defineConstraints"] == ["UNITY_INCLUDE_TESTS"]
        assert definition["autoReferenced"] is False
        assert definition["precompiledReferences"] == ["nunit.framework.dll"]


def test_samples_are_where_the_manifest_says() -> None:
    listed = {sample["path"] for sample in MANIFEST["samples"]}
    assert listed == {f"Samples~/{path.name}" for path in (PACKAGE / "Samples~").iterdir() if path.is_dir()}
    for sample in MANIFEST["samples"]:
        assert sample["displayName"] and sample["description"]
        assert len(list((PACKAGE / sample["path"]).glob("*.asmdef"))) == 1
        assert (PACKAGE / sample["path"] / "README.md").exists()


def test_a_scene_of_another_project_cannot_clash_with_our_types() -> None:
    for path in files(PACKAGE):
        assert (
            re.search(r"^namespace SoundReactor(\.|$)", path.read_text(), re.M)
            or path.name == "AssemblyInfo.cs"
        )


def test_a_public_type_has_a_file_of_its_name() -> None:
    for path in files(PACKAGE / "Runtime", PACKAGE / "Editor"):
        public = re.findall(
            r"^    public (?:\w+ )*(?:class|struct|enum|interface) (\w+)", path.read_text(), re.M
        )
        assert public in ([], [path.stem]), path


FORBIDDEN = {
    r"\bSystem\.Reflection\b|\.GetMethod\(|Activator\.": "reflection, which IL2CPP strips",
    r"\bdynamic\b\s+\w|Emit\b": "code made at run time, which IL2CPP has not",
    r"DllImport": "a native library",
    r"\bunsafe\b": "unsafe code",
    r"Thread\.Abort|\.Abort\(\)": "killing threads",
    r"Thread\.Sleep": "sleeping, where a wait that can be woken belongs",
    r"\basync\b|\bawait\b|Task\.Run|ThreadPool": "a thread that nobody ends",
    r"Console\.Write|print\(": "printing",
}


@pytest.mark.parametrize("pattern", FORBIDDEN, ids=FORBIDDEN.values())
def test_the_runtime_does_without(pattern: str) -> None:
    for path in files(PACKAGE / "Runtime"):
        if path.name == "AssemblyInfo.cs" or (path.name == "FilePrivacy.cs" and pattern == "DllImport"):
            continue  # the second asks the system's own C library
        code = re.sub(r"//.*", "", path.read_text())
        assert not re.search(pattern, code), f"{path}: {FORBIDDEN[pattern]}"


def test_no_static_state_survives_a_domain_that_is_not_reloaded() -> None:
    static = re.compile(
        r"^\s*(?:public|private|internal|protected)\s+static\s+(?!readonly\b|class\b|event\b)[^(={\n]*[;=]",
        re.M,
    )
    for path in files(PACKAGE / "Runtime", PACKAGE / "Editor"):
        found = static.findall(path.read_text())
        assert found == [], f"{path}: {found}"


def test_the_golden_messages_are_up_to_date() -> None:
    assert golden.TARGET.read_text() == golden.source(), "run: python -m tests.unity.golden"


def test_every_stub_names_its_page() -> None:
    declared = re.compile(r"^    public (?:\w+ )*(?:class|struct|enum|delegate)\b.*$", re.M)
    for path in files(STUBS):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if declared.match(line):
                assert re.match(
                    r"    // (ScriptReference|PackageReference|CsReference)/\S+$", lines[number - 1]
                ), f"{path.name}:{number + 1}: name the page above the type"


def test_the_tarball_is_what_the_package_manager_takes(tmp_path: Path) -> None:
    tarball = packing.pack(tmp_path)
    assert tarball.name == f"{MANIFEST['name']}-{MANIFEST['version']}.tgz"
    with tarfile.open(tarball) as archive:
        names = archive.getnames()
        assert len(names) == len(set(names))
        assert all(name.startswith("package/") for name in names)
        member = archive.extractfile("package/package.json")
        assert member is not None and json.load(member) == MANIFEST
    assert "package/Runtime/Component/SoundReactorLink.cs.meta" in names
    assert "package/Samples~/FirstPersonRoom/Room.cs" in names
    assert not any(name.endswith((".dll", ".so", ".exe", ".pyc")) for name in names)
    again = packing.pack(tmp_path / "again")
    assert again.read_bytes() == tarball.read_bytes(), "the same files make the same tarball"


def test_every_public_member_has_documentation() -> None:
    public = re.compile(r"^\s+(public|protected) (?!override)(?!.*\boperator\b)")
    for path in files(PACKAGE / "Runtime", PACKAGE / "Editor"):
        lines = path.read_text().splitlines()
        is_internal = False
        for number, line in enumerate(lines):
            if re.match(r"^    (internal|public) .*(class|struct|enum|interface)\b", line):
                is_internal = "internal" in line
            if not public.match(line) or is_internal or is_explained_elsewhere(lines, number):
                continue
            assert is_documented(lines, number), f"{path.relative_to(ROOT)}:{number + 1}: {line.strip()}"


def is_documented(lines: list[str], number: int) -> bool:
    above = number - 1
    while above >= 0 and lines[above].strip().startswith("["):
        above -= 1
    return lines[above].strip().startswith("///")


def is_explained_elsewhere(lines: list[str], number: int) -> bool:
    """Members of private nested types, and Dispose of IDisposable: their interface says it."""
    indent = len(lines[number]) - len(lines[number].lstrip())
    return indent > 8 or "void Dispose()" in lines[number]


def test_make_test_runs_every_file_of_these() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for path in (ROOT / "tests/unity").glob("test_*.py"):
        assert str(path.relative_to(ROOT)) in makefile, f"{path.name} is not in 'make test'"


def test_nothing_of_the_package_names_a_registry_or_a_machine() -> None:
    forbidden = re.compile(r"pypi\.|npmjs|nuget\.org|/work/|openupm", re.I)
    for path in PACKAGE.rglob("*"):
        if path.is_file():
            assert not forbidden.search(path.read_text(encoding="utf-8")), path


def test_xml_documentation_is_well_formed(documentation: dict[str, Path]) -> None:
    for path in documentation.values():
        members = ElementTree.parse(path).findall("members/member")
        assert members, path


def test_every_line_of_the_review_says_what_it_is_said_to_say() -> None:
    text = review.REVIEW.read_text()
    rows = [line for line in text.splitlines() if line.startswith("| ") and "`" in line]
    assert len(review.PLACE.findall(text)) == len(rows) > 30
    assert ":0`" not in review.corrected(text), "a row names words that are not there"
    assert review.corrected(text) == text, "run: python -m tests.unity.review"


def test_the_readme_says_what_has_not_been_verified() -> None:
    readme = (PACKAGE / "README.md").read_text()
    assert "**not run**" in readme and "**not verified**" in readme
    assert "bench:start" in readme


GUIDE = (ROOT / "docs/unity.md").read_text().split("## Troubleshooting by message")[1].split("\n## ")[0]
LITERAL = r'"((?:[^"\\]|\\.)*)"'
SAID_IN = {
    "Runtime/Protocol/Transport.cs": r"return .*?;\n",
    "Runtime/Protocol/Zmtp.cs": r"new WireException\(.*?;\n",
    "Runtime/Protocol/Endpoint.cs": r"new WireException\(.*?;\n",
    "Runtime/Protocol/Handshake.cs": r"new WireException\(.*?;\n",
    "Runtime/Protocol/ConnectionFile.cs": r"new WireException\(.*?;\n",
    "Runtime/Protocol/FilePrivacy.cs": r"new WireException\(.*?;\n",
    "Runtime/Component/LinkAdvice.cs": r"return .*?;\n",
    "Runtime/Capture/PictureReader.cs": r"LogWarning\(.*?;\n",
    "Runtime/Component/SoundReactorRecorder.cs": r"Log(?:Warning|Error)\(.*?;\n",
    "Editor/RuntimeProcess.cs": r"new InvalidOperationException\(.*?;\n",
    "Editor/RuntimeLauncher.cs": r"return .*?;\n",
    "Editor/LiveFigures.cs": r"HelpBox\((?:[^;]|;(?!\n))*?Warning\);",
    "Editor/SoundReactorCameraEditor.cs": r"HelpBox\((?:[^;]|;(?!\n))*?Warning\);",
}
"""File → the statements whose texts a user reads in the inspector or the Console, and looks up."""
SELF_EXPLAINING = {"closed", "The runtime refuses: ", "The runtime refuses frames: ", ". The take ends here."}
"""Never shown, or no more than a lead to a message that is looked up itself."""


def literals(code: str) -> list[str]:
    """Return the texts in C# code, comments left out and sums of texts joined."""
    plain = re.sub(r"^\s*//.*$", "", code, flags=re.M)
    return [str(text).replace("\\'", "'") for text in re.findall(LITERAL, re.sub(r'"\s*\+\s*"', "", plain))]


def test_the_messages_that_the_guide_explains_are_those_that_the_code_says() -> None:
    said = "\n".join(
        text for path in files(PACKAGE / "Runtime", PACKAGE / "Editor") for text in literals(path.read_text())
    )
    rows = re.findall(r"^\| (`.*?) \|", GUIDE, re.M)
    spans = [span for row in rows for span in re.findall(r"`([^`]+)`", row)]
    assert len(spans) > 30
    for span in spans:
        for part in re.split(r"[:.] |…", span.removesuffix(": …")):
            if part.strip() and part not in ("sr-runtime", "not found"):
                assert part.strip() in said, f"docs/unity.md explains '{part}', which nothing says"


def test_the_guide_explains_what_the_code_says() -> None:
    explained = searchable(GUIDE)
    for name, statement in SAID_IN.items():
        messages = [
            texts
            for words in re.findall(statement, (PACKAGE / name).read_text(), re.S)
            if (texts := said(words))
        ]
        assert messages, f"{name} says nothing any more"
        for texts in messages:
            assert any(key_of(text) in explained for text in texts), f"docs/unity.md lacks {texts} ({name})"


def said(statement: str) -> list[str]:
    """Return the texts of a statement by which a user could look it up."""
    return [text for text in literals(statement) if key_of(text) and text not in SELF_EXPLAINING]


def key_of(text: str) -> str:
    """Return the words by which a text is found in the guide: its first three; nothing if it has only one."""
    words = searchable(text.removeprefix("SoundReactor: ")).strip(" :.;,").split()
    return " ".join(words[:3]).rstrip(":;,.") if len(words) > 1 else ""


def searchable(text: str) -> str:
    return re.sub(r"[`'…]", "", text)
