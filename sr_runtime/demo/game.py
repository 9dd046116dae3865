"""The game side of the demo: Doom played by an agent, its pictures and true sound kept for the movie.

Called by :mod:`sr_runtime.demo.show`. Thread: any; the game runs while the frames are drawn from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import simplejpeg

from sr_runtime.data.agent import Kind
from sr_runtime.data.vizdoom import play
from sr_runtime.types import CHANNELS, HOP_SAMPLES, Audio, Frame

# 320x240 in memory for a minute: 14 kB a picture instead of 230 kB.
_JPEG_QUALITY = 92


@dataclass
class PlayedGame:
    """A validation map, played once.

    Attributes:
        map_name: Such as ``MAP25``.
        seed: Of the game and of the agent.
        seconds: How long.
        kind: How it is played: ``dense`` fights, ``sparse`` has about one event a second.
    """

    map_name: str
    seed: int
    seconds: float
    kind: Kind = "dense"
    _jpegs: list[bytes] = field(default_factory=list)
    _true: list[Audio] = field(default_factory=list)

    def frames(self) -> Iterator[Frame]:
        """Play the game once and yield uint8 (240, 320, 3), 30 for a second of play."""
        for frame, sound, _ in play(self.map_name, self.seed, self.seconds, kind=self.kind):
            picture = np.ascontiguousarray(frame)
            self._jpegs.append(simplejpeg.encode_jpeg(picture, quality=_JPEG_QUALITY))
            self._true.append(sound.astype(np.float32) / 32768.0)
            yield picture

    def pictures(self) -> Iterator[Frame]:
        """Yield the pictures played so far again."""
        for jpeg in self._jpegs:
            yield simplejpeg.decode_jpeg(jpeg)

    def true_sound(self) -> Audio:
        """Return what the game itself sounded like: float32 (1600 · frames, 2)."""
        if not self._true:
            return np.zeros((0, CHANNELS), np.float32)
        assert all(len(hop) == HOP_SAMPLES for hop in self._true)
        return np.concatenate(self._true)
