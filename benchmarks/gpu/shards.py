"""Cut a network folder's weights into files of a bounded size, in half precision, and join them again.

Weights trained on a borrowed machine often have to travel through something that limits file sizes.

    python benchmarks/gpu/shards.py split runs/vae/network out/vae --mib 15
    python benchmarks/gpu/shards.py join out/vae runs/vae/network
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import torch
import typer
from safetensors.torch import load_file, save_file

app = typer.Typer(help=__doc__, no_args_is_help=True)


@app.command()
def split(
    network: Path, out: Path, mib: Annotated[float, typer.Option(help="Size of a file.")] = 15.0
) -> None:
    """Write NETWORK (config.json, weights.safetensors) as float16 shards into OUT."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(network / "config.json", out / "config.json")
    shard: dict[str, torch.Tensor] = {}
    size, count = 0, 0
    for name, tensor in load_file(network / "weights.safetensors").items():
        half = tensor.half() if tensor.dtype == torch.float32 else tensor
        if shard and size + half.nbytes > mib * 2**20:
            save_file(shard, out / f"shard{count}.safetensors")
            shard, size, count = {}, 0, count + 1
        shard[name] = half.contiguous()
        size += half.nbytes
    save_file(shard, out / f"shard{count}.safetensors")


@app.command()
def join(shards: Path, network: Path) -> None:
    """Write the shards of SHARDS as one network folder, in float32."""
    network.mkdir(parents=True, exist_ok=True)
    shutil.copy(shards / "config.json", network / "config.json")
    whole: dict[str, torch.Tensor] = {}
    for path in sorted(shards.glob("shard*.safetensors")):
        whole |= {
            name: tensor.float() if tensor.dtype == torch.float16 else tensor
            for name, tensor in load_file(path).items()
        }
    save_file(whole, network / "weights.safetensors")


if __name__ == "__main__":
    app()
