"""A trained network to be measured, and the command line of what measures one.

Used by the experiments that judge one network rather than the rows of a table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import torch
import typer

from experiments.listening import Panel, takes_of
from experiments.runner import network_folder, rollout_line, say, stage_of, with_times
from sr_runtime.data.store import ClipStore
from sr_runtime.errors import SoundReactorError
from sr_runtime.evaluate.scores import Take
from sr_runtime.model.generator import Generator
from sr_runtime.model.vae import VAE
from sr_runtime.train.rollout import Change, Sampling


@dataclass(frozen=True)
class Subject:
    """What is measured.

    Attributes:
        store: Clips to fit to and to judge on.
        vae: Network folder of the autoencoder.
        network: Network folder of the generator.
        sampling: How latents are drawn.
        hours: Of training play to fit to.
        clips: Validation clips.
        seeds: Takes per clip.
        command: What makes the result again.
    """

    store: ClipStore
    vae: Path
    network: Path
    sampling: Sampling
    hours: float
    clips: int
    seeds: int
    command: str

    def takes(
        self, generator: Generator, vae: VAE, panel: Panel, label: str, change: Change | None = None
    ) -> list[list[Take]]:
        """Sound a panel's clips with all seeds, and say under a label how far it is; see :func:`takes_of`."""
        report, seeds = rollout_line(label), list(range(self.seeds))
        return takes_of(generator, vae, panel, self.sampling, seeds, report=report, change=change)


def main(name: str, measure: Callable[[Subject], msgspec.Struct], default_seeds: int) -> None:
    """Measure a network from the command line, and write DIR/``name``.json."""

    def command(
        data: Annotated[Path, typer.Option(help="Clip store.")],
        vae: Annotated[Path, typer.Option(help="Network folder of the autoencoder.")],
        out: Annotated[Path, typer.Option(help="Folder of results.")],
        generator: Annotated[Path, typer.Option(help="Run or network folder to judge.")],
        hours: Annotated[float, typer.Option(help="Of training play, to fit the side to.")] = 1.0,
        clips: Annotated[int, typer.Option(min=4, help="Validation clips.")] = 16,
        seeds: Annotated[int, typer.Option(min=2, help="Takes per clip.")] = default_seeds,
        guidance: Annotated[float, typer.Option(help="Guidance scale.")] = 1.5,
        nfe: Annotated[int, typer.Option(min=1, max=4, help="Evaluations, of a network of stage 2.")] = 1,
        bf16: Annotated[bool, typer.Option("--bf16", help="Listen in bf16: half the time.")] = False,
        threads: Annotated[int | None, typer.Option(help="CPU threads; all by default.")] = None,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        text = (
            f"python -m experiments.{name} --data STORE --vae VAE --out DIR --generator RUN "
            f"--hours {hours:g} --clips {clips} --seeds {seeds} --guidance {guidance:g} --nfe {nfe}"
            + (" --bf16" if bf16 else "")
        )
        try:
            network = network_folder(generator)
            sampling = with_times(Sampling(guidance, autocast=bf16), stage_of(network), nfe)
            found = measure(
                Subject(ClipStore(data), network_folder(vae), network, sampling, hours, clips, seeds, text)
            )
        except SoundReactorError as error:
            say(f"error: {error}")
            raise typer.Exit(1) from None
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json").write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
        say(f"see {out / f'{name}.json'}")

    command.__doc__ = measure.__doc__
    typer.run(command)
