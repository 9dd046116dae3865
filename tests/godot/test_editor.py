"""The editor's side: the panel adds nodes and starts a runtime; nodes warn about what is set wrongly."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.godot.engine import godot

FAKE_RUNTIME = """#!/bin/sh
echo $$ > "{folder}/pid"
trap 'rm "{folder}/pid"; exit 0' INT TERM
while true; do sleep 0.05; done
"""

# A second plugin plays the user. It says what it sees as JSON and quits the editor.
USER = """@tool
extends EditorPlugin


func _enter_tree() -> void:
	_use.call_deferred()
	get_tree().create_timer(200.0).timeout.connect(get_tree().quit)


func _wait_for(fact: Callable) -> void:
	while not fact.call():
		await get_tree().process_frame


func _is_mine_open() -> bool:
	var root := EditorInterface.get_edited_scene_root()
	return root != null and root.name == &"User"


func _use() -> void:
	await _wait_for(func() -> bool: return not EditorInterface.get_resource_filesystem().is_scanning())
	EditorInterface.open_scene_from_path("res://user.tscn")
	await _wait_for(_is_mine_open)
	var panel := EditorInterface.get_base_control().find_child("SoundReactor", true, false)
	panel.call("add_nodes")
	panel.call("add_nodes")
	var root := EditorInterface.get_edited_scene_root()
	var names := []
	for child in root.get_children():
		names.append("%s:%s" % [child.name, child.owner == root])
	var said := {"names": names, "warnings": {}}
	root.get_node("SoundReactorLink").set("address", "nonsense")
	root.get_node("SoundReactorLink").set("play", 1)
	for child in root.get_children():
		said["warnings"][child.name] = Array(child._get_configuration_warnings())
		said["processes"] = said.get("processes", false) or child.is_processing()
	root.get_node("SoundReactorLink").set("address", "tcp://192.0.2.1:5599")
	root.get_node("SoundReactorLink").set("start_runtime", true)
	said["remote"] = Array(root.get_node("SoundReactorLink")._get_configuration_warnings())
	said["shown"] = []
	for property in root.get_node("SoundReactorPlayer").get_property_list():
		if property["usage"] & PROPERTY_USAGE_EDITOR:
			said["shown"].append(property["name"])
	root.get_node("SoundReactorLink").free()
	said["lonely"] = Array(root.get_node("SoundReactorCapture")._get_configuration_warnings())
	panel.get("_command").text = OS.get_environment("FAKE_RUNTIME")
	panel.call("_on_start")
	var pid := OS.get_environment("FAKE_RUNTIME").get_base_dir().path_join("pid")
	await _wait_for(func() -> bool: return FileAccess.file_exists(pid))
	said["started"] = true
	print("SAID ", JSON.stringify(said))
	get_tree().quit()
"""
CONFIG = """[plugin]

name="User"
description=""
author=""
version="1"
script="plugin.gd"
"""


@pytest.fixture(scope="module")
def editor(project: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the user saw in a real editor, and what it printed."""
    folder = tmp_path_factory.mktemp("editor")
    copy = folder / "project"
    subprocess.run(["cp", "-r", str(project), str(copy)], check=True)
    user = copy / "addons" / "user"
    user.mkdir()
    (user / "plugin.gd").write_text(USER)
    (user / "plugin.cfg").write_text(CONFIG)
    (copy / "user.tscn").write_text('[gd_scene format=3]\n\n[node name="User" type="Node"]\n')
    config = copy / "project.godot"
    ours = '"res://addons/sound_reactor/plugin.cfg"'
    config.write_text(config.read_text().replace(ours, f'{ours}, "res://addons/user/plugin.cfg"'))
    fake = folder / "fake-runtime"
    fake.write_text(FAKE_RUNTIME.format(folder=folder))
    fake.chmod(0o755)
    done = subprocess.run(
        [*godot(), "--headless", "--editor", "--path", str(copy)],
        env={**os.environ, "FAKE_RUNTIME": str(fake), "SR_CONNECTION_FILE": str(folder / "none")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    words = done.stdout + done.stderr
    assert "SAID " in words, words
    said = json.loads(words.split("SAID ", 1)[1].splitlines()[0])
    return {**said, "words": words, "pid": folder / "pid"}


def test_the_panel_adds_each_node_once_and_owned_by_the_scene(editor: dict[str, Any]) -> None:
    assert editor["names"] == ["SoundReactorLink:true", "SoundReactorCapture:true", "SoundReactorPlayer:true"]


def test_nodes_warn_about_what_is_set_wrongly_and_do_nothing_in_the_editor(editor: dict[str, Any]) -> None:
    warnings = editor["warnings"]
    assert any("tcp://127.0.0.1:5599" in text for text in warnings["SoundReactorLink"]), warnings
    assert any("the runtime play" in text for text in warnings["SoundReactorPlayer"]), warnings
    assert warnings["SoundReactorCapture"] == []
    assert any("no SoundReactorLink" in text for text in editor["lonely"])
    assert editor["processes"] is False


def test_a_link_to_another_machine_warns_about_token_and_start(editor: dict[str, Any]) -> None:
    assert any("token" in text for text in editor["remote"]), editor["remote"]
    assert any("started on this machine only" in text for text in editor["remote"]), editor["remote"]


def test_a_player_shows_what_can_be_chosen_and_hides_what_belongs_to_the_plugin(
    editor: dict[str, Any],
) -> None:
    shown = set(editor["shown"])
    assert {"link", "target_latency_ms", "gain", "mute", "bus", "volume_db"} <= shown
    assert not {"stream", "autoplay", "pitch_scale"} & shown


def test_the_panel_starts_a_runtime_and_the_editor_ends_it(editor: dict[str, Any]) -> None:
    assert editor["started"]
    deadline = time.monotonic() + 10
    while editor["pid"].exists():
        assert time.monotonic() < deadline, "the runtime outlives the editor that started it"
        time.sleep(0.02)


def test_the_editor_says_no_error_about_the_plugin(editor: dict[str, Any]) -> None:
    assert "SCRIPT ERROR" not in editor["words"] and "sound_reactor" not in editor["words"], editor["words"]
