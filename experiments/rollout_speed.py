"""How many hops a second are rolled out, by batch: what decides how long a table takes.

python -m experiments.rollout_speed --generator RUN --out DIR
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from experiments.runner import network_folder, say
from sr_runtime.evaluate.provenance import git_commit
from sr_runtime.model.checkpoint import load_generator
from sr_runtime.model.edm import CONSISTENCY_TIMES
from sr_runtime.model.generator import Generator
from sr_runtime.train.rollout import Rollout, Sampling

BATCHES = (1, 16, 48)


def command(
    generator: Annotated[Path, typer.Option(help="Run or network folder.")],
    out: Annotated[Path, typer.Option(help="Folder of results.")],
    hops: Annotated[int, typer.Option(help="Hops that are timed, after the ring is full.")] = 20,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 2,
) -> None:
    """Time batches of 1, 16 and 48 rows at four evaluations, in fp32 and in bf16."""
    torch.set_num_threads(threads)
    network = load_generator(network_folder(generator))
    rows = []
    for batch in BATCHES:
        for autocast in (False, True):
            wall_ms, cpu_ms = timed(network, batch, autocast, hops)
            rows.append(
                {"batch": batch, "bf16": autocast, "wall_ms": wall_ms, "cpu_ms": cpu_ms, "threads": threads}
            )
            say(
                f"batch {batch}, bf16 {autocast}: {wall_ms:.1f} ms a hop, {1000 * batch / wall_ms:.0f} hops/s"
            )
    out.mkdir(parents=True, exist_ok=True)
    facts = {"rows": rows, "commit": git_commit()}
    (out / "rollout_speed.json").write_text(json.dumps(facts, indent=1) + "\n")


def timed(network: Generator, batch: int, autocast: bool, hops: int) -> tuple[float, float]:
    """Return the median wall and CPU time of a hop, ms, with a full ring."""
    sampling = Sampling(1.5, consistency_times=CONSISTENCY_TIMES[4], autocast=autocast)
    rollout = Rollout(network, range(batch), sampling)
    # What the ring holds changes nothing: declare it full.
    rollout.ring.mask.zero_()
    video = torch.randn(batch, hops + 5, network.config.transformer.width)
    walls, cpus = [time.perf_counter()], [time.process_time()]
    rollout.advance(video, lambda _: (walls.append(time.perf_counter()), cpus.append(time.process_time())))
    wall, cpu = (1000 * float(np.median(np.diff(times)[5:])) for times in (walls, cpus))
    return wall, cpu


if __name__ == "__main__":
    typer.run(command)
