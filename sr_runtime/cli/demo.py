"""The verb ``demo``: a real game, played live, with generated sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

if TYPE_CHECKING:
    from sr_runtime.demo.show import DemoSettings
    from sr_runtime.figures import JsonMap


def register(app: typer.Typer) -> None:
    """Add ``demo`` to the command tree."""

    @app.command()
    def demo(
        output: Annotated[Path, typer.Option("-o", "--output", help="The movie.")] = Path("demo.mp4"),
        reference: Annotated[
            Path | None, typer.Option(help="Write a second movie here, with the game's true sound.")
        ] = None,
        seconds: Annotated[float, typer.Option(help="How long to play.", min=1.0)] = 20.0,
        map_name: Annotated[str, typer.Option("--map", help="MAP25-27, E3M8 or E3M9.")] = "MAP25",
        sparse: Annotated[bool, typer.Option(help="About one event a second, no fighting.")] = False,
        seed: Annotated[int, typer.Option(help="Of the game and of the sound.")] = 2,
        bundle: Annotated[str, typer.Option(help="Model bundle: a folder or a shipped name.")] = "default",
        device: Annotated[str, typer.Option(help="cpu, cuda, tensorrt or auto.")] = "cpu",
        threads: Annotated[int, typer.Option(help="Processor threads.", min=1)] = 1,
        sound_device: Annotated[
            str | None, typer.Option(help="Play on this sound device; 'none' for no device.")
        ] = None,
        latency: Annotated[str, typer.Option(help="low, balanced, safe or milliseconds.")] = "balanced",
        json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
    ) -> None:
        """Play Doom live with generated sound, and write it as a movie."""
        from sr_runtime.demo.show import DemoSettings, run_demo
        from sr_runtime.figures import write_json

        settings = DemoSettings(
            movie=output,
            reference=reference,
            seconds=seconds,
            map_name=map_name,
            kind="sparse" if sparse else "dense",
            seed=seed,
            bundle=bundle,
            device=device,
            threads=threads,
            output=sound_device,
            latency=latency,
        )
        with _progress_bar() as bar:
            task = bar.add_task(f"playing {map_name}", total=round(seconds * 30))
            figures = run_demo(settings, lambda index: bar.update(task, completed=index + 1))
        _tell(settings, figures)
        if json_path is not None:
            write_json(json_path, figures)


def _progress_bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} hops"))
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _heard(figures: JsonMap) -> list[str]:
    """Say how the sound device did; without one there is nothing that could run dry."""
    latency = figures["frame_to_sample_ms"]
    if latency["p50"] is None:
        return ["sound device          none: not played; underruns and frame to sample were not measured"]
    return [
        f"underruns             {figures['underruns']} (sound output: {figures['output']})",
        f"frame to sample       {latency['p50']} ms p50, {latency['p95']} p95",
    ]


def _tell(settings: DemoSettings, figures: JsonMap) -> None:
    hop = figures["hop_ms"]
    lines = [
        f"hop                   {hop['p50']} ms p50, {hop['p99']} p99, {hop['worst']} worst (there are 33.3)",
        *_heard(figures),
        f"onset F1 at 50 ms     {figures['onset_f1']:.2f} against the game's true sound "
        f"(chance: {figures['onset_f1_chance']:.2f})",
        f"loudness correlation  {figures['loudness_corr']:.2f}",
        f"[bold green]{settings.movie}[/]: the picture with generated sound",
    ]
    if settings.reference is not None:
        lines.append(f"[bold green]{settings.reference}[/]: the game's own sound")
    if figures["hops_repeated"] > figures["frames"] // 10:
        lines.append("note: this machine was too slow for the game; the sound follows it at its own pace")
    Console().print("\n".join(lines), highlight=False, soft_wrap=True)
