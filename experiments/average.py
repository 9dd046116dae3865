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

import typer
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from experiments.runner import network_folder
from sr_runtime.errors import ConfigError

WEIGHTS = "weights.safetensors"


def command(
    first: Annotated[Path, typer.Argument(help="Run or network folder.")],
    second: Annotated[Path, typer.Argument(help="Another of the same shape; the result has its settings.")],
    out: Annotated[Path, typer.Option(help="Folder of the new network.")],
    share: Annotated[float, typer.Option(help="Of the second network in the mean.", min=0.0, max=1.0)] = 0.5,
    half: Annotated[bool, typer.Option(help="Keep weights in half precision.")] = False,
) -> None:
    """Write the mean of two networks."""
    folders = network_folder(first), network_folder(second)
    one, other = (load_file(folder / WEIGHTS) for folder in folders)
    if {name: t.shape for name, t in one.items()} != {name: t.shape for name, t in other.items()}:
        raise ConfigError(f"{first} and {second} are networks of different shapes; give two of one preset")
    mean = {name: (1 - share) * one[name].float() + share * other[name].float() for name in one}
    with safe_open(folders[1] / WEIGHTS, "pt") as file:
        metadata = file.metadata()
    out.mkdir(parents=True, exist_ok=True)
    kept = {name: (t.half() if half else t).contiguous() for name, t in mean.items()}
    save_file(kept, out / WEIGHTS, metadata=metadata)
    (out / "config.json").write_text((folders[1] / "config.json").read_text())
    typer.echo(json.dumps({"first": str(first), "second": str(second), "share": share, "out": str(out)}))


if __name__ == "__main__":
    typer.run(command)
