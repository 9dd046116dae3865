"""The weighted mean of two networks of which one was trained on from the other: often better than both.

    python -m experiments.average checkpoints/mini/stage2 runs/stage2 --share 0.35 --out runs/average

If two networks lie in one valley of the loss, so does the straight line between them, and what each learned
of its own errs in other places (Wortsman et al. 2022: *Model soups*; *WiSE-FT* for the line between a network
and the one that it was tuned from). Judge the result on clips that are not reported.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import torch
import typer
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from experiments.runner import network_folder
from sr_runtime.errors import ConfigError
from sr_runtime.model.checkpoint import load_config, load_weights
from sr_runtime.model.generator import Generator
from sr_runtime.train.generator_stage import start_from

WEIGHTS = "weights.safetensors"


def command(
    first: Annotated[Path, typer.Argument(help="Run or network folder.")],
    second: Annotated[Path, typer.Argument(help="Another of the same shape; the result has its settings.")],
    out: Annotated[Path, typer.Option(help="Folder of the new network.")],
    share: Annotated[float, typer.Option(help="Of the second network in the mean.", min=0.0, max=1.0)] = 0.5,
    half: Annotated[bool, typer.Option(help="Keep weights in half precision.")] = False,
) -> None:
    """Write the mean of two generators."""
    folders = network_folder(first), network_folder(second)
    try:
        one, other = (weights_as(folder, folders[1]) for folder in folders)
    except RuntimeError:
        raise ConfigError(
            f"{first} and {second} are networks of different shapes; give two generators of one preset, and "
            "one with tuned encoder blocks as the second"
        ) from None
    mean = {
        name: torch.lerp(one[name], other[name], share) if one[name].is_floating_point() else one[name]
        for name in one
    }
    with safe_open(folders[1] / WEIGHTS, "pt") as file:
        metadata = file.metadata()
    out.mkdir(parents=True, exist_ok=True)
    kept = {
        name: (t.half() if half and t.is_floating_point() else t).contiguous() for name, t in mean.items()
    }
    save_file(kept, out / WEIGHTS, metadata=metadata)
    (out / "config.json").write_text((folders[1] / "config.json").read_text())
    typer.echo(json.dumps({"first": str(first), "second": str(second), "share": share, "out": str(out)}))


def weights_as(network: Path, shape: Path) -> dict[str, Tensor]:
    """Return a network's weights in fp32, with the encoder blocks that another has tuned."""
    generator = Generator(load_config(shape))
    start_from(generator, load_weights(network))
    return generator.state_dict()


if __name__ == "__main__":
    typer.run(command)
