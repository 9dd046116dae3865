"""Sound comes back and is played: every hop, in order, at the right level, heard at a real sound server."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sr_runtime.live.runtime import RuntimeProcess
from tests.godot.game import Game, Line
from tests.godot.hearing import Heard, Witness, disturbance, sent_level
from tests.realtime.bed import NullSinkBed
from tests.realtime.host import undisturbed

PULSE = ["--audio-driver", "PulseAudio"]


@pytest.fixture
def listen(
    play: Callable[..., Game], sound_server: NullSinkBed, runtime: RuntimeProcess
) -> Callable[..., Game]:
    """Start a game with the probe's runtime and a sound card."""

    def start(**options: object) -> Game:
        options.setdefault("options", PULSE)
        game = play(connection_file=runtime.connection_file, environment=sound_server.environment, **options)
        game.wait_for_state("RUNNING")
        game.wait_for_hops(30)
        return game

    return start


@pytest.mark.parametrize("renderer", ["compatibility", "forward"])
def test_every_hop_is_heard_once_in_order_at_the_right_level(
    listen: Callable[..., Game], sound_server: NullSinkBed, renderer: str
) -> None:
    # Much sound in stock survives a busy machine; what less of it costs is the benchmark's matter.
    game = listen(renderer=renderer, options=[*PULSE, "--audio-output-latency", "80"])
    game.order("put(scene.get_node('SoundReactorPlayer'), 'target_latency_ms', 220.0)")
    time.sleep(3.0)
    assert game.figures["frames_sent"] > 0

    def attempt() -> str:
        before = game.figures
        with Witness() as witness, sound_server.record() as recording:
            time.sleep(4.0)
        game.wait_for_hops(1)
        heard = Heard.of(recording.sound)
        assert len(heard.numbers) > 20, f"hardly a hop was heard: {heard}"
        assert heard.is_in_order, f"hops in another order: {heard.numbers}"
        assert abs(heard.level / sent_level() - 1) < 0.05, f"level {heard.level:.4f}, not {sent_level():.4f}"
        if heard.missing == 0:
            return "" if len(heard.numbers) >= 110 else f"only {len(heard.numbers)} of 120 hops"
        found = disturbance(witness, game, before)
        assert found, f"{heard.missing} hops are missing in a calm moment: {heard.numbers}; {game.figures}"
        return found

    undisturbed(attempt)


def test_a_project_at_44100_hz_plays_at_the_right_pitch(
    play: Callable[..., Game], listen: Callable[..., Game], sound_server: NullSinkBed, project_copy: Path
) -> None:
    (project_copy / "override.cfg").write_text("[audio]\n\ndriver/mix_rate=44100\n")
    game = listen(command=project_copy)
    assert game.order("mix_rate()") == "44100.0"
    with sound_server.record() as recording:
        time.sleep(3.0)
    # The hops' numbers are told by frequencies 2 to 20 % apart: 8.8 % off would be other numbers.
    heard = Heard.of(recording.sound)
    assert len(heard.numbers) > 15 and heard.is_in_order
    last = game.figures["runtime_status"]["hop"]
    assert last - 120 < heard.numbers[-1] < last + 60


def test_sound_goes_on_while_the_game_hitches(listen: Callable[..., Game], sound_server: NullSinkBed) -> None:
    game = listen()
    with sound_server.record() as recording:
        time.sleep(0.5)
        game.order("hitch(600)")
        time.sleep(0.5)
    heard = Heard.of(recording.sound)
    # Without the thread, 0.6 s of hops would be missing in one piece.
    assert max(np.diff(heard.numbers)) < 9, f"a gap: {heard.numbers}"


def plays_itself(figures: Line) -> bool:
    """Whether the runtime says that it holds sound for its own device: so the device is open."""
    status = figures["runtime_status"]
    return status.get("play") == "runtime" and status.get("level_ms", 0.0) > 0.0


def test_the_runtime_can_play_instead(play: Callable[..., Game], sound_server: NullSinkBed) -> None:
    with RuntimeProcess(["--bundle", "probe"], environment=sound_server.environment) as own:
        game = play(connection_file=own.connection_file)
        game.order("put(link, 'play', 1)")
        game.wait_for_state("RUNNING")
        game.wait_for_figures("sound of the runtime's own", plays_itself)
        with sound_server.record() as recording:
            time.sleep(3.0)
        heard = Heard.of(recording.sound)
        assert len(heard.numbers) > 15 and heard.is_in_order, f"{heard}; the runtime says: {own.last_words()}"
        heard_here = game.figures["hops_received"]
        game.order("put(link, 'play', 0)")
        game.wait_for_figures("hops", lambda figures: figures["hops_received"] > heard_here + 10)


def test_gain_mute_and_pause(listen: Callable[..., Game], sound_server: NullSinkBed) -> None:
    game = listen()
    game.order("put(scene.get_node('SoundReactorPlayer'), 'gain', 0.5)")
    time.sleep(0.7)
    with sound_server.record() as recording:
        time.sleep(2.0)
    assert abs(Heard.of(recording.sound).level / sent_level() - 0.5) < 0.03
    game.order("put(scene.get_node('SoundReactorPlayer'), 'mute', true)")
    time.sleep(1.0)
    with sound_server.record() as recording:
        time.sleep(0.5)
    assert np.abs(recording.sound).max() < 1e-4, "muted is silent"
    game.order("put(scene.get_node('SoundReactorPlayer'), 'mute', false)")
    game.order("tree.set_pause(true)")
    game.wait_for_figures("pause", lambda figures: figures["runtime_status"].get("state") == "paused")
    underruns = game.figures["underruns"]
    time.sleep(0.5)
    with sound_server.record() as recording:
        time.sleep(0.5)
    assert np.abs(recording.sound).max() < 1e-4, "a paused game is silent"
    game.order("tree.set_pause(false)")
    game.wait_for_figures("running", lambda figures: figures["runtime_status"].get("state") == "running")
    with sound_server.record() as recording:
        game.wait_for_hops(40)
    assert len(Heard.of(recording.sound).numbers) > 5
    assert game.figures["underruns"] <= underruns + 2


@pytest.mark.parametrize("scene", ["ball_2d", "two_buses"])
def test_the_examples_are_heard(listen: Callable[..., Game], sound_server: NullSinkBed, scene: str) -> None:
    game = listen(scene=f"res://examples/{scene}.tscn")
    with sound_server.record() as recording:
        time.sleep(2.0)
    assert np.sqrt(np.mean(recording.sound**2)) > 0.003
    assert game.figures["hops_missing"] < game.figures["hops_received"]


def test_the_default_bundle_is_heard(play: Callable[..., Game], sound_server: NullSinkBed) -> None:
    with RuntimeProcess(["--audio-device", "none"]) as own:
        game = play(connection_file=own.connection_file, environment=sound_server.environment, options=PULSE)
        game.wait_for_state("RUNNING")
        game.wait_for_hops(60)
        with sound_server.record() as recording:
            game.wait_for_hops(60)
        welcome = next(line["welcome"] for line in game.lines if line["event"] == "welcome")
        assert welcome["bundle"] == "mini" or welcome["bundle"] == "default"
        assert np.abs(recording.sound).max() > 1e-3, "the model's sound is not heard"
