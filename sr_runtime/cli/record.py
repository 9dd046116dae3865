"""The verb ``record``: make training clips from a game played here, or from videos; check what was made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

app = typer.Typer(no_args_is_help=True, help="Record clips: pictures with their true sound.")

KindName = Literal["mix", "dense", "scenario", "sparse", "quiet"]
SplitName = Literal["train", "validation"]
TruthName = Literal["none", "clicks", "stems"]


def register(root: typer.Typer) -> None:
    """Add ``record`` to the command tree."""
    root.add_typer(app, name="record")


@app.command()
def vizdoom(
    out: Annotated[Path, typer.Option(help="Clip store to write to.")],
    hours: Annotated[float, typer.Option(help="Hours of play.")] = 2.0,
    minutes: Annotated[float | None, typer.Option(help="Minutes of play, instead of --hours.")] = None,
    split: Annotated[SplitName, typer.Option(help="Which maps to play.")] = "train",
    kind: Annotated[KindName, typer.Option(help="How to play; mix is dense with the others.")] = "mix",
    map_: Annotated[list[str] | None, typer.Option("--map", help="Play this map only (repeatable).")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same recording.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Games played at the same time.")] = 1,
    ground_truth: Annotated[TruthName, typer.Option(help="Replay each take for exact sounds.")] = "none",
) -> None:
    """Play Doom (ViZDoom with Freedoom) and record it."""
    from sr_runtime.data.recorder import plan_clips
    from sr_runtime.data.splits import Level
    from sr_runtime.data.vizdoom import load_vizdoom

    load_vizdoom()
    seconds = 60.0 * minutes if minutes is not None else 3600.0 * hours
    names = [name.upper() for name in map_ or []]
    levels = [Level("freedoom1" if n.startswith("E") else "freedoom2", n) for n in names]
    jobs = plan_clips(
        out, split, seed, seconds, None if kind == "mix" else kind, levels or None, ground_truth
    )
    _record_with_progress(jobs, workers)


def _record_with_progress(jobs: list, workers: int) -> None:  # type: ignore[type-arg]
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from sr_runtime.data.recorder import record_clips
    from sr_runtime.data.store import ClipStore
    from sr_runtime.errors import DataError

    console = Console(stderr=True)
    store = ClipStore(jobs[0].store)
    done = sum(job.clip_id in store for job in jobs)
    failed = []
    columns = (TextColumn("clips"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("clips", total=len(jobs), completed=done)
        for job, error in record_clips(jobs, workers):
            progress.advance(task)
            if error is not None:
                failed.append(job.clip_id)
                console.print(f"[red]{job.clip_id}[/] ({job.level.wad} {job.level.map}): {error}")
    console.print(f"{len(jobs) - len(failed)} clips in {jobs[0].store} ({done} were there already)")
    if failed:
        raise DataError(f"{len(failed)} of {len(jobs)} clips failed: {', '.join(failed[:5])}; run it again.")
