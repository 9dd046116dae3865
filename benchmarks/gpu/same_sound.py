"""Does a bundle sound the same on every device? Hops of the ONNX graphs on the CPU against each other way.

    python benchmarks/gpu/same_sound.py --bundle BUNDLE --devices "cuda tensorrt"

Tells the first difference and the largest over 60 hops, in parts of the loudest sample. A sampler amplifies
rounding from hop to hop, so the first hop says whether the graphs agree, and the last how sessions part.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from sr_runtime.bench.hops import moving_pictures
from sr_runtime.engine.session import Engine
from sr_runtime.errors import SoundReactorError
from sr_runtime.types import Audio

HOPS = 60


def sound(engine: Engine) -> Audio:
    """Return the sound of a moving picture, float32 (hops, 1600, 2)."""
    session = engine.open_session(seed=1)
    pictures = moving_pictures(engine.bundle.image.width, engine.bundle.image.height)
    return np.stack([session.step(pictures[hop % len(pictures)]) for hop in range(HOPS)])


def command(
    bundle: Annotated[Path, typer.Option(help="An fp32 bundle, exported with --torch.")],
    devices: Annotated[str, typer.Option(help="Of onnxruntime, with blanks between.")] = "cuda tensorrt",
) -> None:
    """Compare; exit status 1 if a device does not start."""
    wanted = sound(Engine(bundle))
    loudest = float(np.abs(wanted).max())
    ways = [("onnx", device) for device in devices.split()]
    ways += [("torch", "cuda" if "cuda" in devices else "cpu")]
    is_complete = True
    for backend, device in ways:
        try:
            difference = (
                np.abs(sound(Engine(bundle, device, backend=backend)) - wanted).max(axis=(1, 2)) / loudest
            )
        except SoundReactorError as error:
            is_complete = False
            typer.echo(json.dumps({"backend": backend, "device": device, "error": str(error)}))
            continue
        first, most = float(difference[0]), float(difference.max())
        typer.echo(json.dumps({"backend": backend, "device": device, "first_hop": first, "most": most}))
    raise typer.Exit(not is_complete)


if __name__ == "__main__":
    typer.run(command)
