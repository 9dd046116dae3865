"""Games as players get them: an exported release build, and an empty project with the packed plugin."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sr_runtime.live.runtime import RuntimeProcess
from tests.conftest import missing
from tests.godot.engine import PROJECT, beside_us, export_template, godot, import_project
from tests.godot.game import Game
from tests.godot.hearing import Heard
from tests.realtime.bed import NullSinkBed

PRESET = """[preset.0]

name="Linux"
platform="Linux"
runnable=true
export_filter="all_resources"
include_filter=""
exclude_filter=""
export_path="game"

[preset.0.options]

custom_template/release="{template}"
binary_format/embed_pck=true
binary_format/architecture="x86_64"
"""
SCENE = """[gd_scene load_steps=4 format=3]

[ext_resource type="Script" path="res://addons/sound_reactor/link/link.gd" id="1"]
[ext_resource type="Script" path="res://addons/sound_reactor/capture/capture.gd" id="2"]
[ext_resource type="Script" path="res://addons/sound_reactor/audio/player.gd" id="3"]

[node name="Main" type="Node"]

[node name="Link" type="Node" parent="."]
script = ExtResource("1")

[node name="Capture" type="Node" parent="."]
script = ExtResource("2")

[node name="Player" type="AudioStreamPlayer" parent="."]
script = ExtResource("3")
"""
EMPTY_PROJECT = """config_version=5

[application]

config/name="Empty"

[editor_plugins]

enabled=PackedStringArray("res://addons/sound_reactor/plugin.cfg")
"""


def export(project: Path, target: Path) -> None:
    """Export a release build of ``project``."""
    (project / "export_presets.cfg").write_text(PRESET.format(template=export_template()))
    done = subprocess.run(
        [*godot(), "--headless", "--path", str(project), "--export-release", "Linux", str(target)],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = done.stdout + done.stderr
    if "No export template found" in said:
        missing("Godot's export template", "GODOT_TEMPLATE=/path/to/template")
    assert done.returncode == 0 and target.exists(), said
    assert "SCRIPT ERROR" not in said, said


def test_an_exported_release_build_is_heard(
    play: Callable[..., Game],
    project_copy: Path,
    tmp_path: Path,
    runtime: RuntimeProcess,
    sound_server: NullSinkBed,
) -> None:
    config = project_copy / "project.godot"
    config.write_text(config.read_text().replace("res://demo/demo.tscn", "res://tests/scenes/host.tscn"))
    export(project_copy, tmp_path / "game")
    game = play(
        command=beside_us(tmp_path / "game"),
        main_scene=[],
        connection_file=runtime.connection_file,
        environment=sound_server.environment,
        options=["--audio-driver", "PulseAudio"],
    )
    game.wait_for_state("RUNNING")
    game.wait_for_hops(30)
    with sound_server.record() as recording:
        game.wait_for_hops(120)
    heard = Heard.of(recording.sound)
    assert len(heard.numbers) > 15 and heard.is_in_order, heard
    assert game.figures["frames_sent"] > 10
    assert game.quit() == 0
    assert "ERROR" not in game.words, game.words

    never = tmp_path / "runtime"
    never.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    never.chmod(0o755)
    game = play(
        command=beside_us(tmp_path / "game"),
        main_scene=[],
        words=["--start=yes"],
        environment={"SR_RUNTIME": str(never)},
    )
    game.wait_for_state("NOBODY_LISTENS")
    time.sleep(0.5)
    assert not (tmp_path / "started").exists(), "an exported game must not start a runtime unasked"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The packed plugin."""
    done = subprocess.run(
        [sys.executable, str(PROJECT / "package.py"), str(tmp_path / "dist")],
        capture_output=True,
        text=True,
        check=True,
    )
    return Path(done.stdout.strip())


def test_the_package_holds_the_addon_and_its_licence_and_nothing_else(package: Path) -> None:
    names = zipfile.ZipFile(package).namelist()
    assert all(name.startswith("addons/sound_reactor/") for name in names)
    base = "addons/sound_reactor/"
    for wanted in ("plugin.cfg", "plugin.gd", "LICENSE", "README.md", "link/link.gd", "icons/link.svg"):
        assert base + wanted in names
    for script in (name for name in names if name.endswith(".gd")):
        assert script + ".uid" in names, f"{script} has no .uid beside it: open the project in Godot once"


def test_the_package_works_in_an_empty_project(
    play: Callable[..., Game], package: Path, tmp_path: Path, runtime: RuntimeProcess
) -> None:
    project = tmp_path / "empty"
    project.mkdir()
    zipfile.ZipFile(package).extractall(project)
    (project / "project.godot").write_text(EMPTY_PROJECT)
    (project / "main.tscn").write_text(SCENE)
    said = import_project(project)
    assert "SCRIPT ERROR" not in said and "Parse Error" not in said, said
    script = project / "say.gd"
    script.write_text(
        "extends Node\n"
        "func _process(_delta: float) -> void:\n"
        "\tvar link := SoundReactorLink.find_in(self)\n"
        "\tif link != null and link.get_statistics().hops_received > 5:\n"
        '\t\tprint("HEARD")\n'
        "\t\tget_tree().quit()\n"
    )
    main = (project / "main.tscn").read_text().replace("load_steps=4", "load_steps=5")
    main = main.replace('id="3"]\n', 'id="3"]\n[ext_resource type="Script" path="res://say.gd" id="4"]\n')
    main = main.replace(
        '[node name="Main" type="Node"]', '[node name="Main" type="Node"]\nscript = ExtResource("4")'
    )
    (project / "main.tscn").write_text(main)
    game = play(command=project, main_scene=["res://main.tscn"], connection_file=runtime.connection_file)
    assert game.process.wait(60) == 0, game.words
    assert "HEARD" in game.words, game.words


def test_no_script_has_a_warning(project_copy: Path) -> None:
    # Godot prints a script's warnings only inside its editor; as errors they are printed everywhere.
    config = project_copy / "project.godot"
    names = re.findall(r"^(\w+)$", WARNINGS, re.M)
    settings = "".join(f"gdscript/warnings/{name}=2\n" for name in names)
    text = re.sub(r"^gdscript/warnings/(?!directory_rules).*\n", "", config.read_text(), flags=re.M)
    config.write_text(text.replace("[debug]\n", "[debug]\n\n" + settings))
    check = project_copy / "check.gd"
    check.write_text(CHECK)
    done = subprocess.run(
        [*godot(), "--headless", "--path", str(project_copy), "-s", "check.gd"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "checked " in said and "Warning treated as error" not in said and "Parse Error" not in said, said


WARNINGS = """
assert_always_false
assert_always_true
confusable_identifier
confusable_local_declaration
confusable_local_usage
constant_used_as_function
deprecated_keyword
empty_file
enum_variable_without_default
function_used_as_property
get_node_default_without_onready
incompatible_ternary
inference_on_variant
int_as_enum_without_cast
int_as_enum_without_match
integer_division
narrowing_conversion
native_method_override
onready_with_export
property_used_as_function
redundant_await
redundant_static_unload
return_value_discarded_not_checked
shadowed_global_identifier
shadowed_variable
shadowed_variable_base_class
standalone_expression
standalone_ternary
static_called_on_instance
unassigned_variable
unassigned_variable_op_assign
unreachable_code
unreachable_pattern
unsafe_void_return
untyped_declaration
unused_local_constant
unused_parameter
unused_private_class_variable
unused_signal
unused_variable
"""
CHECK = """extends SceneTree


func _init() -> void:
	var count := 0
	for folder: String in ["res://addons/sound_reactor", "res://demo", "res://examples"]:
		count += _check(folder)
	print("checked ", count)
	quit()


func _check(folder: String) -> int:
	var count := 0
	for inner in DirAccess.get_directories_at(folder):
		count += _check(folder.path_join(inner))
	for file in DirAccess.get_files_at(folder):
		if file.ends_with(".gd"):
			load(folder.path_join(file))
			count += 1
	return count
"""
