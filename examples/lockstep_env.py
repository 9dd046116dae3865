"""A simulator with sound: a gymnasium environment whose every step returns exactly its sound.

    sr-runtime serve                     # in one terminal
    python examples/lockstep_env.py      # in another; writes lockstep_env.wav

A ball bounces in a box at 20 steps a second: 2400 samples a step, however long the step takes to compute.
The same seed gives the same sound, sample by sample.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import soundfile
from sr_bridge.gymnasium import SoundWrapper

SIZE, BALL = 96, 8


class BouncingBall(gymnasium.Env[np.ndarray, int]):
    """A ball in a box: 0 lets it fly, 1 kicks it. Rewards bounces."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 - gymnasium's own convention

    def __init__(self) -> None:
        self.render_mode = "rgb_array"
        self.action_space = gymnasium.spaces.Discrete(2)
        self.observation_space = gymnasium.spaces.Box(-SIZE, SIZE, (4,), np.float32)
        self._state = np.zeros(4, np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Throw the ball from the middle."""
        super().reset(seed=seed)
        self._state = np.array([SIZE / 2, SIZE / 2, *self.np_random.uniform(-7, 7, 2)], np.float32)
        return self._state.copy(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Move the ball by one step."""
        position, speed = self._state[:2], self._state[2:]
        speed += self.np_random.uniform(-5, 5, 2) * action
        position += speed
        hits = (position < BALL) | (position > SIZE - BALL)
        speed[hits] *= -1
        np.clip(position, BALL, SIZE - BALL, out=position)
        return self._state.copy(), float(hits.sum()), False, False, {}

    def render(self) -> np.ndarray:
        """Draw the box and the ball."""
        picture = np.full((SIZE, SIZE, 3), 40, np.uint8)
        x, y = self._state[:2].astype(int)
        picture[y - BALL : y + BALL, x - BALL : x + BALL] = (255, 200, 80)
        return picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("lockstep_env.wav"))
    options = parser.parse_args()

    env = SoundWrapper(BouncingBall(), seed=options.seed)
    env.reset(seed=options.seed)
    sounds, bounces = [], 0.0
    for step in range(options.steps):
        _, reward, _, _, info = env.step(int(step % 10 == 0))
        sounds.append(info["audio"])
        bounces += float(reward)
    env.close()
    sound = np.concatenate(sounds)
    soundfile.write(options.out, sound, 48_000)
    print(f"{options.steps} steps, {bounces:.0f} bounces, {len(sound)} samples -> {options.out}")


if __name__ == "__main__":
    main()
