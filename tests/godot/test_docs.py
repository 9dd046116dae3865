"""What the Godot pages claim is true of the code: versions, messages, properties, signals, documentation."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from sr_bridge import messages

from tests.godot.engine import PROJECT, REPOSITORY

ADDON = PROJECT / "addons" / "sound_reactor"
README = (ADDON / "README.md").read_text()
GUIDE = (REPOSITORY / "docs" / "godot.md").read_text()
SCRIPTS = sorted(ADDON.rglob("*.gd"))
PUBLIC = [path for path in SCRIPTS if re.search(r"^class_name ", path.read_text(), re.M)]


def minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def test_the_compatibility_table_names_this_plugin_protocol_and_runtime() -> None:
    plugin = re.search(r'^version="(.+)"$', (ADDON / "plugin.cfg").read_text(), re.M)
    link = re.search(r'^const VERSION := "(.+)"$', (ADDON / "link" / "link.gd").read_text(), re.M)
    protocol = re.search(r"^const PROTOCOL := (\d+)$", (ADDON / "wire" / "messages.gd").read_text(), re.M)
    assert plugin is not None and link is not None and protocol is not None
    assert plugin[1] == link[1]
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in re.findall(r"^\| \d.*$", README, re.M)]
    row = next(row for row in rows if row[0] == f"{minor(plugin[1])}.x")
    assert row[1] == protocol[1] == str(messages.Hello("").protocol)
    assert row[2] == minor(metadata.version("sr-runtime"))


def test_every_message_in_the_troubleshooting_table_is_said_by_the_plugin_or_the_protocol() -> None:
    said = "".join(path.read_text() for path in SCRIPTS)
    said += (REPOSITORY / "bridge" / "PROTOCOL.md").read_text()
    table = README[README.index("## Troubleshooting") :]
    quoted = re.findall(r"^\| `(.+?)` \|", table, re.M)
    assert len(quoted) >= 8
    for words in quoted:
        core = words.strip("… ").replace("…", "")
        assert core in said, f"nobody says: {words}"


@pytest.mark.parametrize("path", PUBLIC, ids=lambda path: path.name)
def test_every_class_export_signal_and_public_method_is_documented(path: Path) -> None:
    lines = path.read_text().splitlines()
    for number, line in enumerate(lines):
        is_public = re.match(r"(@export(?!_group)|signal |class_name |(static )?func [a-z])", line)
        if is_public is None:
            continue
        before = number - 1
        while before > 0 and lines[before].startswith("@"):
            before -= 1
        assert lines[before].startswith("##"), f"{path.name}:{number + 1} has no documentation: {line}"


def test_every_class_name_has_the_prefix_and_only_the_editor_part_knows_the_editor() -> None:
    names = [re.search(r"^class_name (\w+)", path.read_text(), re.M)[1] for path in PUBLIC]  # type: ignore[index]
    assert len(names) >= 6 and all(name.startswith("SoundReactor") for name in names), names
    for path in SCRIPTS:
        if path.parent.name != "editor" and path.name != "plugin.gd":
            found = re.search(r"\b(Editor(?!Hint)\w+|editor/)", path.read_text())
            assert found is None, f"{path.name} knows {found and found[0]}: an export would break"


@pytest.mark.parametrize(
    "name", sorted(set(re.findall(r"`(\w+_ms\w*|reset\(\)|mark_scene_cut\(\))`", GUIDE)))
)
def test_what_the_guide_calls_exists(name: str) -> None:
    everything = "".join(path.read_text() for path in SCRIPTS)
    assert name.strip("()") in everything


def test_the_guide_names_every_state() -> None:
    states = re.findall(r"^\t([A-Z_]+),$", (ADDON / "link" / "connection_state.gd").read_text(), re.M)
    for state in set(states) - {"OFF", "CONNECTING"}:
        assert f"`{state}`" in GUIDE
