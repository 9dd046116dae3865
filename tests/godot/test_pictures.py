"""The README's pictures: taken of the real demo, and kept with ``UPDATE_PICTURES=1 make test-godot``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from sr_runtime.live.runtime import RuntimeProcess
from tests.godot.engine import PROJECT
from tests.godot.game import Game

SCENES = {
    "demo": "res://demo/demo.tscn",
    "ball_2d": "res://examples/ball_2d.tscn",
    "two_buses": "res://examples/two_buses.tscn",
}


@pytest.mark.parametrize("name", SCENES)
def test_the_demo_and_the_examples_show_their_world(
    play: Callable[..., Game], runtime: RuntimeProcess, tmp_path: Path, name: str
) -> None:
    game = play(
        scene=SCENES[name],
        connection_file=runtime.connection_file,
        options=["--audio-driver", "Dummy", "--resolution", "640x360"],
    )
    game.wait_for_state("RUNNING")
    if name != "ball_2d":
        game.order("put(scene.get_node('Arena'), 'bang_every_s', 0.0)")  # a flash would bleach the picture
    game.wait_for_hops(60)
    taken = tmp_path / f"{name}.png"
    game.order(f"save_picture('{taken}')")
    rgb = 255.0 * np.asarray(imread(taken))[..., :3]
    assert rgb.shape == (360, 640, 3)
    assert rgb.std() > 8, "the picture is empty"
    kept = PROJECT / "pictures" / f"{name}.png"
    if os.environ.get("UPDATE_PICTURES"):
        kept.parent.mkdir(exist_ok=True)
        shutil.copy(taken, kept)
    assert kept.exists(), "run: UPDATE_PICTURES=1 make test-godot"
