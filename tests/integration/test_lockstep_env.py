"""The gymnasium wrapper and the example that shows it, against a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import soundfile
from sr_bridge.gymnasium import SoundWrapper, fit_to_wire

from tests.running_server import RunningServer

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "lockstep_env.py"


class Blinking(gymnasium.Env[np.ndarray, int]):
    """Shows white every tenth step."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 24}  # noqa: RUF012
    observation_space = gymnasium.spaces.Box(0, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    render_mode = "rgb_array"

    def __init__(self) -> None:
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(1, np.float32), {"game": "blinking"}

    def step(self, action: int) -> Any:
        self.steps += 1
        return np.zeros(1, np.float32), 0.0, False, False, {}

    def render(self) -> np.ndarray:
        return np.full((20, 2000, 3), 255 * (self.steps % 10 == 0), np.uint8)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path) as server:
        yield server


def wrapped(server: RunningServer) -> SoundWrapper[Any, Any]:
    return SoundWrapper(Blinking(), server.client(mode="lockstep", fps=24.0), fps=24.0)


def episode(env: SoundWrapper[Any, Any], steps: int) -> np.ndarray:
    _, info = env.reset(seed=1)
    assert info["game"] == "blinking" and info["audio"].shape == (0, 2)
    return np.concatenate([env.step(0)[-1]["audio"] for _ in range(steps)])


def test_each_step_of_an_environment_has_its_sound(server: RunningServer) -> None:
    env = wrapped(server)
    try:
        first, second = episode(env, 24), episode(env, 24)
    finally:
        env.close()
    assert first.shape == (48_000, 2) and first.dtype == np.float32
    assert np.abs(first).max() > 0.01
    np.testing.assert_array_equal(first, second)  # every episode starts anew


def test_an_environment_that_renders_no_pictures_is_refused() -> None:
    env = Blinking()
    env.render_mode = "human"
    with pytest.raises(ValueError, match="render_mode='rgb_array'"):
        SoundWrapper(env)


def test_large_pictures_are_thinned_and_others_refused() -> None:
    assert fit_to_wire(np.zeros((1080, 1920, 3), np.uint8)).shape == (540, 960, 3)
    assert fit_to_wire(np.zeros((720, 1280, 3), np.uint8)).shape == (720, 1280, 3)
    with pytest.raises(ValueError, match="uint8"):
        fit_to_wire(np.zeros((64, 64, 3)))
    with pytest.raises(ValueError, match="16x16"):
        fit_to_wire(np.zeros((8, 64, 3), np.uint8))


def test_the_example_writes_the_same_sound_twice(server: RunningServer, tmp_path: Path) -> None:
    sounds = []
    for name in ("a.wav", "b.wav"):
        done = subprocess.run(
            [sys.executable, str(EXAMPLE), "--steps", "40", "--out", str(tmp_path / name)],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "SR_CONNECTION_FILE": str(server.connection_file)},
        )
        assert done.returncode == 0, done.stderr
        sounds.append(soundfile.read(tmp_path / name)[0])
    assert sounds[0].shape == (40 * 2400, 2)
    np.testing.assert_array_equal(sounds[0], sounds[1])
