"""Run a table: train what is not trained, sound what is not sounded, and write each row's results.

Called by every table's ``python -m experiments.NAME``. Interrupt it: the same command goes on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import onnxruntime
import torch
import typer

from experiments.listening import Panel, takes_of
from experiments.results import Result, read, write
from experiments.table import Row, Table
from experiments.training import FINISHED, train
from experiments.workplace import Workplace
from sr_runtime.errors import ConfigError, SoundReactorError
from sr_runtime.evaluate.provenance import git_commit
from sr_runtime.evaluate.yamnet import Yamnet
from sr_runtime.model.checkpoint import load_facts, load_generator, load_vae
from sr_runtime.model.edm import CONSISTENCY_TIMES, HEUN_STEPS, karras_times
from sr_runtime.train.features import FeatureCache, run_backbone
from sr_runtime.train.latents import network_key
from sr_runtime.train.rollout import Sampling


def main(table: Table) -> None:
    """Run a table from the command line."""

    def command(
        data: Annotated[Path, typer.Option(help="Clip store: an hour of it is used.")],
        vae: Annotated[Path, typer.Option(help="Network folder of the autoencoder.")],
        out: Annotated[Path, typer.Option(help="Folder of runs and results.")],
        minutes: Annotated[float, typer.Option(help="Training time of a row.")] = 8.0,
        steps: Annotated[int | None, typer.Option(help="Training steps of a row, instead.")] = None,
        only: Annotated[list[str] | None, typer.Option(help="Rows to run; all by default.")] = None,
        hours: Annotated[float, typer.Option(help="Hours of training play.")] = 1.0,
        clips: Annotated[int, typer.Option(min=2, help="Validation clips.")] = 16,
        seeds: Annotated[int, typer.Option(min=1, help="Takes per clip.")] = 3,
        other: Annotated[Path | None, typer.Option(help="Clip store of a second game.")] = None,
        generator: Annotated[Path | None, typer.Option(help="Judge this run's network instead.")] = None,
        stage1: Annotated[Path | None, typer.Option(help="The stage 1 that belongs to it.")] = None,
        pca: Annotated[Path | None, typer.Option(help="Use this network's projection of features.")] = None,
        accelerator: Annotated[str, typer.Option(help="Of training: cpu or cuda.")] = "cpu",
        nfe: Annotated[int, typer.Option(min=1, max=4, help="Evaluations, where a row does not say.")] = 4,
        bf16: Annotated[bool, typer.Option("--bf16", help="Listen in bf16: half the time.")] = False,
        threads: Annotated[int | None, typer.Option(help="CPU threads; all by default.")] = None,
    ) -> None:
        if threads:
            torch.set_num_threads(threads)
        place = Workplace(
            data=data,
            vae=network_folder(vae),
            out=out,
            minutes=minutes,
            steps=steps,
            hours=hours,
            clips=clips,
            seeds=seeds,
            other=other,
            generator=network_folder(generator) if generator else None,
            stage1=network_folder(stage1) if stage1 else None,
            pca=network_folder(pca) if pca else None,
            accelerator=accelerator,
            nfe=nfe,
            bf16=bf16,
        )
        try:
            run_table(table, place, only)
        except SoundReactorError as error:
            say(f"error: {error}")
            raise typer.Exit(1) from None

    command.__doc__ = table.question
    typer.run(command)


def network_folder(path: Path) -> Path:
    """Return the network folder of a run folder, or the folder itself."""
    return path / "network" if (path / "network").is_dir() else path


def run_table(table: Table, place: Workplace, only: Sequence[str] | None = None) -> None:
    """Run the rows of a table that have no results yet.

    Raises:
        ConfigError: ``only`` names a row that there is not, or ``--generator`` does not fit the table.
    """
    names = [row.name for row in table.rows]
    if unknown := set(only or ()) - set(names):
        raise ConfigError(f"{table.name} has no rows {sorted(unknown)}; it has {', '.join(names)}")
    if place.generator and not table.takes_generator:
        raise ConfigError(f"{table.name} compares trainings: leave --generator out")
    judge = Judge(table, place)
    for row in table.rows:
        if row.name in (only or names):
            judge.run(row)


class Judge:
    """Runs rows; the classifier and the clips' real sound are heard once for all."""

    def __init__(self, table: Table, place: Workplace) -> None:
        self.table, self.place = table, place
        self._panels: dict[tuple[str, str], Panel] = {}
        self._yamnet: Yamnet | None = None

    def run(self, row: Row) -> None:
        """Write a row's results, unless they are there."""
        path = self.place.out / self.table.name / f"{row.name}.json"
        network = self._network(row)
        if network is None:
            say(f"{row.name}: left out, it wants the other stage's network (--generator, --stage1)")
            return
        if path.exists() and read(path).network == network_key(network):
            say(f"{row.name}: done before")
            return
        started = time.monotonic()
        write(self._judged(row, network), path)
        say(f"{row.name}: judged in {time.monotonic() - started:.0f} s, see {path}")

    def _network(self, row: Row) -> Path | None:
        """Return the row's network folder, trained now if need be."""
        place = self.place
        if place.generator is None:
            return train(row.training, place, progress_line(row.name)) / "network"
        wanted = _stage_wanted(row.sampling)
        known = [path for path in (place.generator, place.stage1) if path is not None]
        return next((path for path in known if wanted in (None, stage_of(path))), None)

    def _judged(self, row: Row, network: Path) -> Result:
        generator, vae = load_generator(network), load_vae(self.place.vae)
        panel = self._panel(row)
        sampling = with_times(row.sampling, stage_of(network), self.place.nfe)
        sampling = replace(sampling, autocast=self.place.bf16)
        lookahead = int(row.training.settings.get("lookahead_hops", 0)) if not self.place.generator else 0
        seeds = list(range(self.place.seeds))
        takes = takes_of(generator, vae, panel, sampling, seeds, lookahead, rollout_line(row.name))
        return Result(
            row=row.name,
            label=row.label,
            figures=[panel.judge(each) for each in takes],
            ceiling=panel.ceiling(),
            seeds=seeds,
            clips=len(panel.clips),
            sampling=msgspec.to_builtins(sampling),
            training=self._training_facts(network),
            network=network_key(network),
            command=self._command(),
            commit=git_commit(),
            extra=self._encoder_time(network) if self.table.times_encoder else {},
        )

    def _panel(self, row: Row) -> Panel:
        key = row.test, row.clips
        if key not in self._panels:
            self._yamnet = self._yamnet or Yamnet(torch.get_num_threads())
            store = self.place.store(row.test)
            self._panels[key] = Panel.of(store, self.place.clips, row.clips == "tuning", self._yamnet)
        return self._panels[key]

    def _training_facts(self, network: Path) -> dict[str, Any]:
        facts, finished = load_facts(network), network.parent / FINISHED
        return {**facts, **msgspec.json.decode(finished.read_bytes())} if finished.exists() else facts

    def _encoder_time(self, network: Path) -> dict[str, float]:
        """Return the median time of the picture encoder for one picture on one thread."""
        config = load_generator(network).config.vision
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        path = FeatureCache(self.place.main, config).folder / "backbone.onnx"
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        picture = np.zeros((1, config.height, config.width, 3), np.uint8)
        times = []
        for _ in range(40):
            start = time.perf_counter()
            run_backbone(session, picture)
            times.append(1000 * (time.perf_counter() - start))
        return {"encoder_ms": float(np.median(times[10:]))}

    def _command(self) -> str:
        place = self.place
        length = f"--steps {place.steps}" if place.steps else f"--minutes {place.minutes:g}"
        projection = (" --pca NETWORK" if place.pca else "") + (" --other STORE2" if place.other else "")
        budget = "--generator RUN" if place.generator else f"{length} --hours {place.hours:g}{projection}"
        return (
            f"python -m experiments.{self.table.name} --data STORE --vae VAE --out DIR {budget} "
            f"--clips {place.clips} --seeds {place.seeds}"
            + (f" --nfe {place.nfe}" if place.nfe != Workplace.nfe else "")
            + (" --bf16" if place.bf16 else "")
        )


def stage_of(network: Path) -> str:
    """Return ``stage1`` or ``stage2``: how a network was trained last."""
    return str(load_facts(network).get("stage", "stage1")).replace("_", "").lower()


def _stage_wanted(sampling: Sampling) -> str | None:
    if sampling.consistency_times is not None:
        return "stage2"
    return "stage1" if sampling.heun_times is not None else None


def with_times(sampling: Sampling, stage: str, nfe: int = 4) -> Sampling:
    """Return the sampling with noise levels that fit the stage, if it has none; ``nfe`` is of stage 2."""
    if _stage_wanted(sampling) is not None:
        return sampling
    if stage == "stage1":
        return replace(sampling, heun_times=tuple(karras_times(HEUN_STEPS)))
    return replace(sampling, consistency_times=CONSISTENCY_TIMES[nfe])


def progress_line(name: str) -> Any:
    """Return a reporter of training that says something twice a minute."""
    last = [0.0]

    def report(step: int, progress: float, metrics: dict[str, float]) -> None:
        if time.monotonic() - last[0] > 30:
            last[0] = time.monotonic()
            say(f"{name}: {progress:.0%} step {step} loss {metrics.get('loss', float('nan')):.4f}")

    return report


def rollout_line(name: str) -> Any:
    """Return a reporter of rolling out that says something twice a minute."""
    last = [time.monotonic()]

    def report(done: int, of: int) -> None:
        if time.monotonic() - last[0] > 30:
            last[0] = time.monotonic()
            say(f"{name}: hop {done} of {of}")

    return report


def say(text: str) -> None:
    """Print a line now."""
    typer.echo(text)
