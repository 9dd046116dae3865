"""Scenes come and go, the runtime is started and ended, a game quits: nothing hangs, nothing stays behind."""

from __future__ import annotations

import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sr_runtime.live.runtime import RuntimeProcess
from tests.godot.engine import PROJECT, godot_outside
from tests.godot.game import Game

FAKE_RUNTIME = """#!/bin/sh
# Leaves its words and its process id, then lives until it is told to end.
echo "$@" > "{folder}/words"
echo $$ > "{folder}/pid"
trap 'rm "{folder}/pid"; exit 0' INT TERM
while true; do sleep 0.05; done
"""


def test_a_scene_change_ends_one_session_and_opens_another(
    play: Callable[..., Game], runtime: RuntimeProcess
) -> None:
    game = play(connection_file=runtime.connection_file)
    seen = game.wait_for_state("RUNNING")
    threads = int(game.order("threads()"))
    for scene in ("res://examples/ball_2d.tscn", "res://demo/demo.tscn"):
        game.order(f"tree.change_scene_to_file('{scene}')")
        seen = game.wait_for_state("RUNNING", seen)
        game.wait_for_hops(10)
    game.wait_for_figures("one session", lambda figures: figures["runtime_status"].get("sessions") == 1)
    assert int(game.order("threads()")) <= threads + 2, "threads stay behind"
    assert "ERROR" not in game.words, game.words


def test_a_link_outside_the_scenes_keeps_its_session(
    play: Callable[..., Game], runtime: RuntimeProcess
) -> None:
    game = play(connection_file=runtime.connection_file)
    game.wait_for_state("RUNNING")
    game.order("keep_link()")
    game.wait_for_hops(10)
    sessions = sum(line["event"] == "welcome" for line in game.lines)
    game.order("tree.change_scene_to_file('res://tests/scenes/silent.tscn')")
    game.wait_for_hops(10)
    assert sum(line["event"] == "welcome" for line in game.lines) == sessions, "a new session was opened"


def test_quitting_is_quick_and_leaves_nothing_of_ours(play: Callable[..., Game]) -> None:
    game = play(options=["--audio-driver", "Dummy", "--verbose"])
    game.wait_for_state("NOBODY_LISTENS")
    begun_s = time.monotonic()
    assert game.quit() == 0
    assert time.monotonic() - begun_s < 5.0
    assert "SCRIPT ERROR" not in game.words, game.words
    leaked = re.findall(r"Leaked instance: (\w+)", game.words)
    # The engine frees a stopped playback in its next mix; a game that quits before that leaks it.
    assert set(leaked) <= {"AudioStreamGeneratorPlayback"}, leaked


@pytest.fixture
def fake_runtime(tmp_path: Path) -> Iterator[Path]:
    """A program that only says how it was started."""
    program = tmp_path / "fake-runtime"
    program.write_text(FAKE_RUNTIME.format(folder=tmp_path))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    yield program


def outside(play: Callable[..., Game], scene: str, **environment: str) -> Game:
    return play(
        command=[*godot_outside(), "--path", str(PROJECT)],
        renderer="headless",
        scene=scene,
        environment=environment,
        words=["--start=yes"],
    )


def test_the_runtime_is_started_when_nobody_listens_and_ended_with_the_game(
    play: Callable[..., Game], fake_runtime: Path, tmp_path: Path
) -> None:
    game = outside(play, "res://demo/demo.tscn", SR_RUNTIME=str(fake_runtime))
    game.wait_for("a started runtime", lambda: (tmp_path / "pid").exists() and (tmp_path / "words").exists())
    words = (tmp_path / "words").read_text().split()
    assert words == ["serve", "--exit-with-pid", str(game.process.pid)]
    assert game.quit() == 0
    deadline = time.monotonic() + 10
    while (tmp_path / "pid").exists():
        assert time.monotonic() < deadline, "the runtime that was started lives on"
        time.sleep(0.02)


def test_a_runtime_that_cannot_be_started_is_one_clear_message(play: Callable[..., Game]) -> None:
    game = outside(play, "res://demo/demo.tscn", SR_RUNTIME="/no/such/runtime")
    game.wait_for("a warning", lambda: game.warnings)
    time.sleep(1.0)
    warnings = [line for line in game.warnings if "headless" not in line]
    assert len(warnings) == 1 and "cannot start the runtime" in warnings[0], warnings
    assert game.count_frames(0.3) > 2


def test_a_started_runtime_that_dies_is_one_clear_message(play: Callable[..., Game], tmp_path: Path) -> None:
    program = tmp_path / "dies"
    program.write_text("#!/bin/sh\nexit 7\n")
    program.chmod(0o755)
    game = outside(play, "res://demo/demo.tscn", SR_RUNTIME=str(program))
    game.wait_for("a warning", lambda: any("ended with code 7" in line for line in game.warnings))
    assert game.count_frames(0.3) > 2


@pytest.mark.parametrize("end", ["quit", "killed"])
def test_a_real_runtime_is_started_serves_and_ends_with_the_game(
    play: Callable[..., Game], tmp_path: Path, end: str
) -> None:
    program = tmp_path / "start-probe"
    program.write_text(
        f"#!/bin/sh\nshift\nexec {sys.executable} -m sr_runtime serve --bundle probe --audio-device none "
        '--endpoint tcp://127.0.0.1:0 "$@"\n'
    )
    program.chmod(0o755)
    file = tmp_path / "connection.json"
    game = outside(
        play,
        "res://demo/demo.tscn",
        SR_RUNTIME=str(program),
        SR_CONNECTION_FILE=str(file),
    )
    game.wait_for_state("RUNNING")
    assert game.warnings == [] or all("headless" in line for line in game.warnings), game.warnings
    if end == "quit":
        assert game.quit() == 0
    else:
        game.process.kill()
    deadline = time.monotonic() + 20
    while file.exists():
        assert time.monotonic() < deadline, "the runtime that was started lives on"
        time.sleep(0.05)
