"""Give a world model sound: torch tensors in, 1600 samples out per frame, in process, no sockets.

    python examples/world_model.py --seconds 4 --output world.mp4

The world model here is a stand-in of a few lines (a bouncing light in a dark room, drawn by torch). Replace
``TinyWorld`` by anything that makes frames; everything below ``for`` stays the same.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

import sr_runtime
from sr_runtime.video.write import MovieWriter

try:
    import torch
except ImportError:
    sys.exit("this example draws its frames with torch, which is not installed; run: pip install torch")

HOP_HZ = 30


class TinyWorld:
    """A light that bounces in a dark room, drawn as most models do: float32 (3, height, width), 0..1."""

    def __init__(self, height: int = 120, width: int = 160) -> None:
        self.place = torch.tensor([20.0, 30.0])
        self.speed = torch.tensor([2.7, 3.9])
        self.size = torch.tensor([float(height), float(width)])
        self.rows = torch.arange(height).view(-1, 1)
        self.columns = torch.arange(width).view(1, -1)

    def step(self) -> torch.Tensor:
        """Move the light and draw it; the room lights up where it hits a wall."""
        self.place += self.speed
        outside = (self.place < 8) | (self.place > self.size - 8)
        self.speed = torch.where(outside, -self.speed, self.speed)
        distance = (self.rows - self.place[0]) ** 2 + (self.columns - self.place[1]) ** 2
        light = torch.exp(-distance / 120.0) + 0.6 * outside.any()
        return light.clamp(0, 1) * torch.tensor([1.0, 0.8, 0.5]).view(3, 1, 1)


def to_frame(image: torch.Tensor) -> np.ndarray:
    """Turn float (3, height, width), 0..1, on any device into the runtime's uint8 (height, width, 3)."""
    return (image.detach().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def main() -> None:
    """Run the world for a while and write what it looked and sounded like."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", default="default", help="a folder or a shipped name")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--output", type=Path, default=Path("world.mp4"))
    options = parser.parse_args()

    engine = sr_runtime.Engine(options.bundle)
    engine.warm_up()
    session = engine.open_session(seed=0)
    world = TinyWorld()
    with MovieWriter(options.output) as movie, torch.inference_mode():
        for hop in range(round(options.seconds * HOP_HZ)):
            frame = to_frame(world.step())
            audio = session.step(frame)  # float32 (1600, 2), 48 kHz
            movie.add_picture(frame, (hop + 1) / HOP_HZ)
            movie.add_sound(audio)
    print(f"{options.output}: {options.seconds:g} s, {session.timings.hop_ms:.1f} ms for the last hop")


if __name__ == "__main__":
    main()
