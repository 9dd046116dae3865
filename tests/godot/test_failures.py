"""Whatever happens to the runtime: the game runs on, says one clear thing, and recovers without a restart."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from sr_runtime.live.runtime import RuntimeProcess, free_port
from tests.godot.fake_peers import FakePeer, never_reads, refuses, says
from tests.godot.game import Game

PLAIN = b"\xff" + bytes(8) + b"\x7f\x03\x01" + b"PLAIN".ljust(20, b"\0") + bytes(32)
STRANGERS = {
    "a web server": (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak ZeroMQ's protocol"),
    "a shell server": (b"SSH-2.0-OpenSSH_9.2\r\n", "does not speak ZeroMQ's protocol"),
    "noise": (bytes(range(255, 0, -1)), "does not speak ZeroMQ's protocol"),
    "another mechanism": (PLAIN, "it wants the mechanism PLAIN"),
    "somebody silent": (b"", "does not answer"),
    "somebody who hangs up": (None, "hangs up at once"),
}


class Restartable:
    """A runtime that can be killed and started again at the same place."""

    def __init__(self, folder: Path) -> None:
        self.endpoint = f"tcp://127.0.0.1:{free_port()}"
        self.connection_file = folder / "connection.json"
        self._process: RuntimeProcess | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = RuntimeProcess(
            ["--bundle", "probe", "--audio-device", "none", "--endpoint", self.endpoint]
        ).__enter__()
        self.connection_file.unlink(missing_ok=True)
        self.connection_file.symlink_to(self._process.connection_file)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """End it as a crash does."""
        self.send(signal.SIGKILL)
        self.stop()

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is not None:
            self._process.__exit__()
            self._process = None


@pytest.fixture
def restartable(tmp_path: Path):
    """A runtime, not yet started."""
    one = Restartable(tmp_path)
    yield one
    one.stop()


def assert_running_well(game: Game) -> None:
    """The game draws, and sound comes."""
    assert game.count_frames(0.5) > 2, "the game hangs"
    game.wait_for_hops(10)


def test_game_first_then_runtime_killed_frozen_and_restarted(
    play: Callable[..., Game], restartable: Restartable
) -> None:
    game = play(connection_file=restartable.connection_file)
    seen = game.wait_for_state("NOBODY_LISTENS")
    restartable.start()
    seen = game.wait_for_state("RUNNING", seen)
    assert_running_well(game)

    restartable.kill()
    seen = game.wait_for_state("NOBODY_LISTENS", seen)
    assert game.count_frames(0.5) > 2, "the game hangs without its runtime"
    restartable.start()
    seen = game.wait_for_state("RUNNING", seen)
    assert_running_well(game)

    restartable.send(signal.SIGSTOP)
    seen = game.wait_for_state("SILENT", seen)
    assert game.count_frames(0.5) > 2, "the game hangs with its runtime"
    restartable.send(signal.SIGCONT)
    game.wait_for_state("RUNNING", seen)
    assert_running_well(game)

    assert game.figures["sessions"] >= 2
    said = [line for line in game.warnings if "nobody listens" in line]
    assert 1 <= len(said) <= 2, f"one message for each of two absences: {game.warnings}"
    assert "sr-runtime serve" in said[0]


def test_a_wrong_token_is_named_and_the_right_one_mends_it(
    play: Callable[..., Game], runtime: RuntimeProcess
) -> None:
    game = play(connection_file=runtime.connection_file)
    game.wait_for_state("RUNNING")
    seen = len(game.lines)
    game.order("put(link, 'token', 'wrong')")
    seen = game.wait_for_state("REFUSED", seen)
    assert "bad_token" in game.messages("REFUSED")[-1]
    assert game.count_frames(0.5) > 2, "the game hangs"
    game.order("put(link, 'token', '')")
    game.wait_for_state("RUNNING", seen)
    assert_running_well(game)
    assert len([line for line in game.warnings if "bad_token" in line]) == 1, game.warnings


def test_another_protocol_version_is_named_and_a_matching_runtime_mends_it(
    play: Callable[..., Game], restartable: Restartable, tmp_path: Path
) -> None:
    port = int(restartable.endpoint.rpartition(":")[2])
    old = refuses("version_refused", "protocol 9", "protocol 1", "update the plugin")
    with FakePeer(old, port):
        game = play(connection_file=restartable.connection_file)
        game.order(f"put(link, 'address', '{restartable.endpoint}')")
        seen = game.wait_for_state("REFUSED")
        words = game.messages("REFUSED")[-1]
        assert "version_refused" in words and "protocol 9" in words and "update the plugin" in words
        assert game.count_frames(0.5) > 2, "the game hangs"
    restartable.start()
    game.wait_for_state("RUNNING", seen)
    assert_running_well(game)


def test_a_peer_that_never_reads_does_not_slow_the_game(
    play: Callable[..., Game], restartable: Restartable
) -> None:
    port = int(restartable.endpoint.rpartition(":")[2])
    with FakePeer(never_reads, port):
        game = play(connection_file=restartable.connection_file)
        game.order(f"put(link, 'address', '{restartable.endpoint}')")
        game.wait_for_figures("frames", lambda figures: figures["frames_sent"] > 0)
        seen = game.wait_for_state("SILENT")
        assert game.count_frames(0.5) > 2, "the game hangs"
    restartable.start()
    game.wait_for_state("RUNNING", seen)
    assert_running_well(game)
    assert game.figures["main_thread_ms_p50"] < 5.0


def test_strangers_on_the_port_are_told_apart_and_left_alone(
    play: Callable[..., Game], restartable: Restartable
) -> None:
    game = play(connection_file=restartable.connection_file)
    for words, expected in STRANGERS.values():
        seen = len(game.lines)
        with FakePeer(says(words)) as peer:
            game.order(f"put(link, 'address', '{peer.endpoint}')")
            game.wait_for_state("SILENT", seen)
            assert expected in game.messages("SILENT")[-1]
            assert game.count_frames(0.3) > 1, "the game hangs"
    restartable.start()
    seen = len(game.lines)
    game.order("put(link, 'address', '')")
    game.wait_for_state("RUNNING", seen)
    assert_running_well(game)
    assert "ERROR" not in game.words, game.words
