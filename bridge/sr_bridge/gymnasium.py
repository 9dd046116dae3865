"""Sound for every step of a gymnasium environment: ``info["audio"]``, exact to the sample.

Wraps any environment whose ``render()`` returns pictures (``render_mode="rgb_array"``). Needs the extra
``pip install 'sr-bridge[gymnasium]'`` and a running ``sr-runtime serve``.
"""

from __future__ import annotations

import math
from typing import Any, SupportsFloat, TypeVar

import gymnasium
import numpy as np
import numpy.typing as npt

from sr_bridge.client import Client
from sr_bridge.media import MAX_HEIGHT, MAX_WIDTH, MIN_SIDE
from sr_bridge.messages import LOCKSTEP

ObsType = TypeVar("ObsType")
ActType = TypeVar("ActType")

DEFAULT_FPS = 30.0
CONNECT_S = 10.0

Sound = npt.NDArray[np.float32]


class SoundWrapper(gymnasium.Wrapper[ObsType, ActType, ObsType, ActType]):
    """Adds the sound of each step to ``info["audio"]``: float32 (samples, 2), 48 kHz, −1..1.

    ``reset`` forgets the sound so far and gives an empty array: a picture's sound is heard from the step
    that showed it on. After step i of an episode floor(48000·i/fps + 0.5) samples were given in total.
    The same seed, actions and bundle give the same sound.

    Args:
        env: an environment made with ``render_mode="rgb_array"``.
        client: a client in lockstep mode; None connects to this machine's runtime.
        fps: steps per second of sound; None takes ``env.metadata["render_fps"]``, else 30.
        seed: of the model's noise, used if ``client`` is None.

    Example:
        >>> env = SoundWrapper(gymnasium.make("CartPole-v1", render_mode="rgb_array"))  # doctest: +SKIP
        >>> observation, info = env.reset(seed=1)                                        # doctest: +SKIP
        >>> *_, info = env.step(env.action_space.sample())                               # doctest: +SKIP
        >>> info["audio"].shape                                                          # doctest: +SKIP
        (960, 2)
    """

    def __init__(
        self,
        env: gymnasium.Env[ObsType, ActType],
        client: Client | None = None,
        fps: float | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(env)
        if env.render_mode != "rgb_array":
            raise ValueError(
                f"SoundWrapper: expected render_mode='rgb_array', got {env.render_mode!r}; "
                "make it with gymnasium.make(..., render_mode='rgb_array')"
            )
        self.fps = float(fps or env.metadata.get("render_fps") or DEFAULT_FPS)
        self._client = client or Client(mode=LOCKSTEP, fps=self.fps, seed=seed, name="gymnasium")
        self._client.connect(CONNECT_S)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObsType, dict[str, Any]]:
        """Start an episode; its sound starts anew."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._client.control(reset=True)
        return observation, {**info, "audio": np.zeros((0, 2), np.float32)}

    def step(self, action: ActType) -> tuple[ObsType, SupportsFloat, bool, bool, dict[str, Any]]:
        """Run one step and add its sound to ``info``."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        sound: Sound = self._client.step(fit_to_wire(self.env.render()))
        return observation, reward, terminated, truncated, {**info, "audio": sound}

    def close(self) -> None:
        """Close the environment and the session."""
        self._client.close()
        super().close()


def fit_to_wire(picture: Any) -> npt.NDArray[np.uint8]:
    """Return a rendered picture in a size that the wire takes: rows or columns left out if it is too large.

    Args:
        picture: uint8 (height, width, 3).

    Raises:
        ValueError: It is no such picture, or smaller than 16x16.
    """
    rgb = np.asarray(picture)
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] != 3 or min(rgb.shape[:2]) < MIN_SIDE:
        raise ValueError(
            f"render(): expected uint8 (height, width, 3) of at least 16x16, got {rgb.dtype} {rgb.shape}"
        )
    # Each side on its own: the runtime stretches the picture to its own shape anyway.
    return rgb[:: math.ceil(rgb.shape[0] / MAX_HEIGHT), :: math.ceil(rgb.shape[1] / MAX_WIDTH)]
