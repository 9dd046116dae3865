"""The verb ``record``: make training clips from a game played here, or from videos; check what was made."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

if TYPE_CHECKING:
    from sr_runtime.data.recorder import ClipJob
    from sr_runtime.data.validate import ClipReport, StoreReport

app = typer.Typer(no_args_is_help=True, help="Record clips: pictures with their true sound.")
console = Console(stderr=True)

KindName = Literal["mix", "dense", "scenario", "sparse", "quiet"]
SplitName = Literal["train", "validation"]
TruthName = Literal["none", "clicks", "stems"]
Out = Annotated[Path, typer.Option(help="Clip store to write to.")]


def register(root: typer.Typer) -> None:
    """Add ``record`` to the command tree."""
    root.add_typer(app, name="record")


@app.command()
def vizdoom(
    out: Out,
    hours: Annotated[float, typer.Option(help="Hours of play.")] = 2.0,
    minutes: Annotated[float | None, typer.Option(help="Minutes of play, instead of --hours.")] = None,
    split: Annotated[SplitName, typer.Option(help="Which maps to play.")] = "train",
    kind: Annotated[KindName, typer.Option(help="How to play; mix is dense with the others.")] = "mix",
    map_: Annotated[list[str] | None, typer.Option("--map", help="Play this map only (repeatable).")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same recording.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Games played at the same time.")] = 1,
    ground_truth: Annotated[TruthName, typer.Option(help="Replay each take for exact sounds.")] = "none",
    doors: Annotated[
        bool, typer.Option(help="Log doors and lifts too; without, it is 1.7 times faster.")
    ] = True,
) -> None:
    """Play Doom (ViZDoom with Freedoom) and record it. Finished clips are skipped, so it can be resumed."""
    from sr_runtime.data.doom_game import load_vizdoom
    from sr_runtime.data.recorder import plan_clips
    from sr_runtime.data.splits import level_named

    load_vizdoom()
    seconds = 60.0 * minutes if minutes is not None else 3600.0 * hours
    levels = [level_named(name) for name in map_ or []]
    chosen = None if kind == "mix" else kind
    _record(plan_clips(out, split, seed, seconds, chosen, levels or None, ground_truth, doors), workers)


@app.command()
def openarena(
    out: Out,
    minutes: Annotated[float, typer.Option(help="Minutes of play.")] = 30.0,
    split: Annotated[SplitName, typer.Option(help="Which maps to play.")] = "train",
    map_: Annotated[list[str] | None, typer.Option("--map", help="Play this map only (repeatable).")] = None,
    seed: Annotated[int, typer.Option(help="Names the recording and chooses the bots.")] = 1,
    workers: Annotated[int, typer.Option(min=1, help="Games that run at the same time.")] = 1,
    demos: Annotated[Path | None, typer.Option(help="Make the clips of these demo files; play none.")] = None,
) -> None:
    """Let bots play OpenArena and record it. Finished clips are skipped, so it can be resumed."""
    from sr_runtime.data.openarena import find_programs
    from sr_runtime.data.openarena_recorder import record_takes
    from sr_runtime.data.openarena_take import DEMOS_FOLDER, plan_takes, takes_of_demos
    from sr_runtime.data.store import ClipStore
    from sr_runtime.errors import DataError
    from sr_runtime.video.pyav import load_pyav

    takes = takes_of_demos(demos, split) if demos else plan_takes(split, seed, 60.0 * minutes, map_)
    find_programs()
    load_pyav()
    store, failed = ClipStore(out), []
    to_do = {take.name: len(take.missing(store)) for take in takes}
    total, done = sum(take.clips for take in takes), sum(take.clips for take in takes) - sum(to_do.values())
    with _progress("clips") as progress:
        task = progress.add_task("clips", total=total, completed=done)
        for take, error in record_takes(takes, store, demos or out / DEMOS_FOLDER, workers):
            progress.advance(task, to_do[take.name])
            if error is not None:
                failed.append(take.name)
                console.print(f"[red]{take.name}: {error}[/]", highlight=False)
    missing = sum(len(take.missing(store)) for take in takes)
    console.print(f"{total - missing} clips in {out} ({done} were there already)")
    if failed:
        raise DataError(f"{len(failed)} of {len(takes)} takes failed: {', '.join(failed[:5])}; run it again.")


@app.command()
def video(
    files: Annotated[list[Path], typer.Argument(help="Videos with sound, of any kind PyAV can read.")],
    out: Out,
    split: Annotated[SplitName, typer.Option(help="What the clips may be used for.")] = "train",
) -> None:
    """Import videos with sound into the same kind of store. A file that cannot be used leaves nothing."""
    from sr_runtime.data.store import ClipStore
    from sr_runtime.data.video import import_video
    from sr_runtime.errors import DataError

    store, failed = ClipStore(out), []
    with _progress("videos") as progress:
        for path in progress.track(files):
            try:
                clips = import_video(path, store, split)
                console.print(f"{path}: {len(clips)} clips, {sum(c.hops for c in clips) / 30:.1f} s")
            except DataError as error:
                failed.append(path)
                console.print(f"[red]{error}[/]", highlight=False)
    if failed:
        raise DataError(f"{len(failed)} of {len(files)} videos were not imported; the reasons stand above.")


@app.command()
def validate(
    store: Annotated[Path, typer.Argument(help="Clip store to check.")],
    json: Annotated[Path | None, typer.Option(help="Write the report here.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Delete the rejected clips.")] = False,
) -> None:
    """Check a store: lag of sound to picture, levels, clips of no use. Exit code 1 if some are rejected."""
    import shutil

    import msgspec

    from sr_runtime.data.store import ClipStore
    from sr_runtime.data.validate import pool, validate_clips
    from sr_runtime.errors import DataError

    clips = ClipStore(store).clips()
    if not clips:
        raise DataError(f"{store} has no clips; record some with: sr-runtime record vizdoom --out {store}")
    with _progress("clips") as progress:
        report = pool(list(progress.track(validate_clips(clips), total=len(clips))))
    Console().print(_table(report))
    for clip in report.rejected:
        console.print(f"[red]rejected[/] {clip.clip_id}: {'; '.join(clip.reasons)}", highlight=False)
        if remove:
            shutil.rmtree(ClipStore(store).folder / clip.clip_id)
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    if report.rejected and not remove:
        raise typer.Exit(1)


@app.command()
def report(
    store: Annotated[Path, typer.Argument(help="Clip store to describe.")],
    out: Annotated[Path, typer.Option(help="Folder for report.md, report.json and report.png.")] = Path(
        "data-report"
    ),
) -> None:
    """Describe a store with plots: hours, events, weapons, monsters, levels, stereo, silence, lags."""
    from sr_runtime.data.report import DatasetReport, contents, write_report
    from sr_runtime.data.store import ClipStore
    from sr_runtime.data.validate import pool, validate_clips
    from sr_runtime.errors import DataError

    clips = ClipStore(store).clips()
    if not clips:
        raise DataError(f"{store} has no clips; record some with: sr-runtime record vizdoom --out {store}")
    with _progress("clips") as progress:
        measured = pool(list(progress.track(validate_clips(clips), total=len(clips))))
    write_report(DatasetReport(splits=contents(clips), store=measured), out)
    console.print(f"{out}/report.md: {len(clips)} clips, {len(measured.rejected)} rejected")


def _record(jobs: list[ClipJob], workers: int) -> None:
    from sr_runtime.data.recorder import is_recorded, record_clips
    from sr_runtime.errors import DataError

    failed: list[str] = []
    done = sum(is_recorded(job) for job in jobs)
    with _progress("clips") as progress:
        task = progress.add_task("clips", total=len(jobs), completed=done)
        for job, error in record_clips(jobs, workers):
            progress.advance(task)
            if error is not None:
                failed.append(job.clip_id)
                where = f"{job.clip_id} ({job.level.wad} {job.level.map})"
                console.print(f"[red]{where}: {error}[/]", highlight=False)
    console.print(f"{len(jobs) - len(failed)} clips in {jobs[0].store} ({done} were there already)")
    if failed:
        raise DataError(f"{len(failed)} of {len(jobs)} clips failed: {', '.join(failed[:5])}; run it again.")


def _progress(label: str) -> Progress:
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console)


def _table(report: StoreReport) -> Table:
    table = Table(
        title=f"sound after picture: {report.lag_hops:+d} hops (r {report.lag_r:.2f}), levels in dB"
    )
    for name in ("split", "kind"):
        table.add_column(name)
    for name in ("clips", "minutes", "peak", "RMS", "silent", "onsets/s", "rejected"):
        table.add_column(name, justify="right")
    for split, kind in sorted({(clip.split, clip.kind) for clip in report.clips}):
        table.add_row(split, kind, *_row([c for c in report.clips if (c.split, c.kind) == (split, kind)]))
    return table


def _row(clips: list[ClipReport]) -> list[str]:
    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    return [
        str(len(clips)),
        f"{sum(c.seconds for c in clips) / 60:.1f}",
        f"{max(c.peak_dbfs for c in clips):.1f}",
        f"{mean([c.rms_dbfs for c in clips]):.1f}",
        f"{100 * mean([c.silent_share for c in clips]):.0f} %",
        f"{mean([c.onsets_per_s for c in clips]):.2f}",
        str(sum(bool(c.reasons) for c in clips)),
    ]
