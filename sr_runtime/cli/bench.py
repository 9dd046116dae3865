"""The verb ``bench``: what a hop costs at 30 hops a second on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Column, Table

if TYPE_CHECKING:
    from sr_runtime.figures import JsonMap

SHOWN_OPERATORS = 25
MOST_PROFILED_S = 10.0
"""A trace of ten seconds has some 200,000 nodes already."""


def register(app: typer.Typer) -> None:
    """Add ``bench`` to the command tree."""

    @app.command()
    def bench(
        seconds: Annotated[float, typer.Option(help="Length of each part.", min=1.0)] = 60.0,
        bundle: Annotated[str, typer.Option(help="Model bundle: a folder or a shipped name.")] = "default",
        device: Annotated[str, typer.Option(help="cpu, cuda, tensorrt or auto.")] = "cpu",
        threads: Annotated[int, typer.Option(help="Processor threads.", min=1)] = 1,
        backend: Annotated[
            str, typer.Option(help="onnx, or torch for a bundle exported with --torch (GPUs).")
        ] = "onnx",
        output: Annotated[
            str | None,
            typer.Option(
                help="Sound device of the wire part; 'none', or 'null-sink' for a private PulseAudio. "
                "[default: the default device, else the null sink]"
            ),
        ] = None,
        latency: Annotated[str, typer.Option(help="low, balanced, safe or milliseconds.")] = "balanced",
        busy: Annotated[bool, typer.Option(help="Measure beside one busy core, too.")] = True,
        wire: Annotated[bool, typer.Option(help="Measure through the real socket, too.")] = True,
        history: Annotated[
            Path | None,
            typer.Option(help="Append the run to this JSONL file."),
        ] = None,
        readme: Annotated[
            Path | None, typer.Option(help="Replace the table between the bench markers of this file.")
        ] = None,
        json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
        profile: Annotated[
            Path | None,
            typer.Option(help="Instead, find out where the time goes: a table, and a Perfetto trace here."),
        ] = None,
    ) -> None:
        """Measure hop times, paced at 30 hops a second."""
        if profile is not None:
            _profile(bundle, threads, min(seconds, MOST_PROFILED_S), profile)
            return
        from sr_runtime.bench.history import append_run
        from sr_runtime.bench.run import BenchSettings, run_bench
        from sr_runtime.bench.table import markdown
        from sr_runtime.figures import write_json
        from sr_runtime.marked import fill

        settings = BenchSettings(bundle, seconds, device, threads, output, latency, busy, wire, backend)
        with _progress_bar() as bar:
            tasks = {part: bar.add_task(part, total=round(seconds * 30)) for part in settings.parts}
            figures = run_bench(settings, lambda part, hops: bar.update(tasks[part], completed=hops))
        _tell(figures)
        if history is not None:
            append_run(history, figures)
        if readme is not None:
            fill(readme, "bench", markdown(figures))
        if json_path is not None:
            write_json(json_path, figures)


def _progress_bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} hops"))
    return Progress(*columns, console=Console(stderr=True), transient=True)


def _tell(figures: JsonMap) -> None:
    from sr_runtime.bench.table import COLUMNS, caption, rows, wire_line

    table = Table(Column(no_wrap=True), *COLUMNS[1:], caption=caption(figures), box=None)
    for row in rows(figures):
        table.add_row(*row)
    console = Console()
    console.print(table, highlight=False)
    if "wire" in figures:
        console.print(wire_line(figures["wire"]), highlight=False, soft_wrap=True)


def _profile(bundle: str, threads: int, seconds: float, trace: Path) -> None:
    from sr_runtime.bench.profile import profile

    console = Console()
    with Console(stderr=True).status(f"profiling for {seconds:g} s"):
        rows = profile(bundle, threads, seconds, trace)
    table = Table("graph", "operator", "calls a hop", "ms a hop", "share", box=None)
    for row in rows[:SHOWN_OPERATORS]:
        table.add_row(row.graph, row.operator, f"{row.calls:.0f}", f"{row.ms:.3f}", f"{row.share:.1%}")
    console.print(table, highlight=False)
    console.print(f"{trace}: open it at ui.perfetto.dev", highlight=False, soft_wrap=True)
