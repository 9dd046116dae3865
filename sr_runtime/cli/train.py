"""The verb ``train``: make a network from recordings, one stage after the other.

sr-runtime train vae      recordings → autoencoder
sr-runtime train stage1   recordings + autoencoder → generator (diffusion)
sr-runtime train stage2   the same, from stage 1 → few-step generator (consistency tuning)
sr-runtime train steering   recordings + generator → map from picture to left and right
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from sr_runtime.train.loop import Reporter

console = Console()

Data = Annotated[Path, typer.Option("--data", help="Clip store that `sr-runtime record` made.")]
Out = Annotated[Path, typer.Option("--out", help="Run folder; an unfinished run in it goes on.")]
Preset = Annotated[str, typer.Option(help="Size of the model: mini, compact or paper.")]
Steps = Annotated[int | None, typer.Option(help="Length of the run in optimiser steps.")]
Minutes = Annotated[float | None, typer.Option(help="Length of the run in minutes of training.")]
Batch = Annotated[int, typer.Option(help="Crops per step.")]
Rate = Annotated[float, typer.Option("--learning-rate", help="Peak learning rate.")]
Seed = Annotated[int, typer.Option(help="Seed of every random number of the run.")]
Init = Annotated[Path | None, typer.Option(help="Run or network folder whose weights to start from.")]
Vae = Annotated[Path, typer.Option("--vae", help="Run or network folder of the autoencoder.")]
VisionWeights = Annotated[
    Path | None, typer.Option(help="Checkpoint of the picture encoder; DINOv2 (preset paper) needs one.")
]
Accelerator = Annotated[str, typer.Option(help="cpu, cuda or auto.")]
PrecisionName = Annotated[str, typer.Option(help="32-true, bf16-mixed or 16-mixed.")]
Threads = Annotated[int | None, typer.Option(help="CPU threads; all by default.")]
Set = Annotated[list[str] | None, typer.Option("--set", help="Any other setting as key=value.")]

train_app = typer.Typer(
    help="Train a model on recordings: vae, then stage1, stage2 and steering.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Add ``train`` to the command tree."""
    app.add_typer(train_app, name="train")


@train_app.command("vae")
def vae_command(
    data: Data,
    out: Out,
    preset: Preset = "mini",
    steps: Steps = None,
    minutes: Minutes = None,
    batch: Batch = 8,
    learning_rate: Rate = 1e-3,
    seed: Seed = 0,
    init: Init = None,
    accelerator: Accelerator = "cpu",
    precision: PrecisionName = "bf16-mixed",
    threads: Threads = None,
    set_: Set = None,
) -> None:
    """Train the autoencoder: sound to one latent per hop, and back.

    Presets mini and compact are fitted in closed form, a minute per hour of sound; settings of the descent
    (minutes, steps, batch, learning rate) are for preset paper.
    """
    from sr_runtime.train.loop import use_threads
    from sr_runtime.train.settings import VaeSettings, with_overrides
    from sr_runtime.train.vae import train_vae

    use_threads(threads)
    settings = with_overrides(
        VaeSettings(
            preset=preset,
            steps=steps,
            minutes=minutes,
            batch=batch,
            learning_rate=learning_rate,
            seed=seed,
            accelerator=accelerator,
            precision=precision,  # type: ignore[arg-type]  # checked by with_overrides
        ),
        set_ or [],
    )
    with progress_bar("vae") as report:
        announce(train_vae(data, out, settings, network_folder(init), report), out)


@train_app.command("stage1")
def stage1_command(
    data: Data,
    out: Out,
    vae: Vae,
    preset: Preset = "mini",
    steps: Steps = None,
    minutes: Minutes = None,
    batch: Batch = 8,
    learning_rate: Rate = 1e-3,
    seed: Seed = 0,
    init: Init = None,
    vision_weights: VisionWeights = None,
    accelerator: Accelerator = "cpu",
    precision: PrecisionName = "bf16-mixed",
    threads: Threads = None,
    set_: Set = None,
) -> None:
    """Train the generator by diffusion (Algorithm 1)."""
    from sr_runtime.train.diffusion import train_stage1
    from sr_runtime.train.loop import use_threads
    from sr_runtime.train.settings import DiffusionSettings, with_overrides

    use_threads(threads)
    settings = with_overrides(
        DiffusionSettings(
            preset=preset,
            steps=steps,
            minutes=minutes,
            batch=batch,
            learning_rate=learning_rate,
            seed=seed,
            accelerator=accelerator,
            precision=precision,  # type: ignore[arg-type]  # checked by with_overrides
        ),
        set_ or [],
    )
    start, folder = network_folder(init), network_folder(vae) or vae
    with progress_bar("stage 1") as report:
        done = train_stage1(
            data, out, folder, settings, start, vision_weights, report=report, fill_report=print_filling
        )
    announce(done, out)


@train_app.command("stage2")
def stage2_command(
    data: Data,
    out: Out,
    vae: Vae,
    init: Annotated[Path, typer.Option(help="Run or network folder of stage 1.")],
    preset: Preset = "mini",
    steps: Steps = None,
    minutes: Minutes = None,
    batch: Batch = 8,
    learning_rate: Rate = 2e-4,
    seed: Seed = 0,
    vision_weights: VisionWeights = None,
    accelerator: Accelerator = "cpu",
    precision: PrecisionName = "bf16-mixed",
    threads: Threads = None,
    set_: Set = None,
) -> None:
    """Tune a stage-1 generator to need 1–4 evaluations per hop (Algorithm 2)."""
    from sr_runtime.train.consistency import train_stage2
    from sr_runtime.train.loop import use_threads
    from sr_runtime.train.settings import ConsistencySettings, with_overrides

    use_threads(threads)
    settings = with_overrides(
        ConsistencySettings(
            preset=preset,
            steps=steps,
            minutes=minutes,
            batch=batch,
            learning_rate=learning_rate,
            seed=seed,
            accelerator=accelerator,
            precision=precision,  # type: ignore[arg-type]  # checked by with_overrides
        ),
        set_ or [],
    )
    start, folder = network_folder(init) or init, network_folder(vae) or vae
    with progress_bar("stage 2") as report:
        done = train_stage2(
            data, out, folder, settings, start, vision_weights, report=report, fill_report=print_filling
        )
    announce(done, out)


@train_app.command("steering")
def steering_command(
    data: Data,
    out: Out,
    generator: Annotated[Path, typer.Option(help="Run or network folder of stage 1 or 2.")],
    threads: Annotated[int, typer.Option(help="CPU threads of the picture encoder.")] = 1,
) -> None:
    """Fit the side that a picture tells, in closed form, for `sr-runtime export --steering`."""
    from sr_runtime.train.steering import train_steering

    facts = train_steering(
        data,
        out,
        network_folder(generator) or generator,
        threads,
        lambda done, of: print_filling("features", done, of),
    )
    if "validation_agreement" in facts:
        console.print(
            f"tells the side of {facts['validation_agreement']:.0%} of {facts['validation_windows']:.0f} "
            "clearly panned windows of the validation clips; chance is 50%",
            highlight=False,
            soft_wrap=True,
        )
    console.print(
        f"done: fitted to {facts['windows']:.0f} windows, network in {out / 'network'}", highlight=False
    )


@train_app.command("features")
def features_command(
    data: Data,
    preset: Preset = "mini",
    vision_weights: VisionWeights = None,
    threads: Annotated[int, typer.Option(help="CPU threads of the picture encoder.")] = 1,
    init: Init = None,
    tuned_blocks: Annotated[
        int, typer.Option(help="As of the run that will use them: --set tuned_blocks=… there.")
    ] = 0,
) -> None:
    """Compute the picture features of new clips ahead of stage 1 (which does it too, if need be)."""
    from dataclasses import replace

    from sr_runtime.data.store import ClipStore
    from sr_runtime.model.checkpoint import load_generator
    from sr_runtime.model.presets import preset as preset_by_name
    from sr_runtime.train.features import FeatureCache

    store, start = ClipStore(data), network_folder(init)
    network = load_generator(start) if start else None
    vision = network.config.vision if network else preset_by_name(preset).vision
    vision = replace(vision, tuned_blocks=tuned_blocks or vision.tuned_blocks)
    cache = FeatureCache(store, vision, vision_weights, threads, network.pca.fit() if network else None)
    cache.fill(store.clips(), lambda done, of: print_filling("features", done, of))


def print_filling(what: str, done: int, of: int) -> None:
    """Say how far features or latents are."""
    if done == of or done % 10 == 0:
        console.print(f"{what}: {done} of {of} clips", highlight=False)


def network_folder(path: Path | None) -> Path | None:
    """Return the network folder of a run folder, or the folder itself when it is one."""
    if path is not None and (path / "network").is_dir():
        return path / "network"
    return path


def announce(is_complete: bool, out: Path) -> None:
    """Say how the run ended."""
    if is_complete:
        console.print(f"done: network in {out / 'network'}, sound in {out / 'samples'}", highlight=False)
    else:
        console.print(f"stopped: run the same command again to go on from {out}", highlight=False)


@contextmanager
def progress_bar(title: str) -> Iterator[Reporter]:
    """Draw progress on a terminal, or print a line per hundred steps where there is none."""
    if not console.is_terminal:
        yield print_line
        return
    columns = (TextColumn(title), BarColumn(), TextColumn("{task.fields[text]}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=1.0, text="")

        def report(step: int, progress: float, metrics: dict[str, float]) -> None:
            bar.update(task, completed=progress, text=f"step {step} loss {metrics.get('loss', 0):.4f}")

        yield report


def print_line(step: int, progress: float, metrics: dict[str, float]) -> None:
    """Print one logged step as a line of text."""
    numbers = " ".join(f"{name}={value:.4g}" for name, value in metrics.items())
    console.print(f"{progress:6.1%} step {step} {numbers}", highlight=False, soft_wrap=True)
