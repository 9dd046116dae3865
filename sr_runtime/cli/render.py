"""The verb ``render``: a video in, the same video with generated sound (or the sound alone) out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from sr_runtime.render import RenderResult


def register(app: typer.Typer) -> None:
    """Add ``render`` to the command tree."""

    @app.command()
    def render(
        video: Annotated[Path, typer.Argument(help="Any video file: every codec, size and frame rate.")],
        output: Annotated[
            Path | None,
            typer.Option(
                "-o", "--output", help="Movie (.mp4, .mkv …) or sound (.wav, .flac). Default: NAME.sound.mp4"
            ),
        ] = None,
        bundle: Annotated[str, typer.Option(help="Model bundle: a folder or a shipped name.")] = "default",
        device: Annotated[str, typer.Option(help="cpu, cuda, tensorrt or auto.")] = "cpu",
        threads: Annotated[int, typer.Option(help="Processor threads.", min=1)] = 1,
        backend: Annotated[
            str, typer.Option(help="onnx, or torch for a bundle exported with --torch (GPUs).")
        ] = "onnx",
        nfe: Annotated[int | None, typer.Option(help="Network evaluations per hop, 1-4.")] = None,
        guidance: Annotated[float | None, typer.Option(help="Guidance scale; 1 is none.")] = None,
        sampler: Annotated[str | None, typer.Option(help="consistency or heun.")] = None,
        seed: Annotated[int, typer.Option(help="The same seed gives the same sound.")] = 0,
        keep_original_audio: Annotated[
            bool, typer.Option("--keep-original-audio", help="Keep the video's own sound as a second track.")
        ] = False,
        json_path: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
    ) -> None:
        """Give a video generated sound."""
        from sr_runtime.engine.bundle import load_bundle
        from sr_runtime.engine.session import Engine
        from sr_runtime.figures import write_json
        from sr_runtime.machine import commit
        from sr_runtime.render import render_video

        target = output or video.with_name(f"{video.stem}.sound.mp4")
        engine = Engine(load_bundle(bundle), device, threads, backend)
        engine.warm_up()
        session = engine.open_session(seed=seed, guidance=guidance, nfe=nfe, sampler=sampler)
        with _progress_bar() as bar:
            task = bar.add_task(video.name, total=None)
            result = render_video(
                video,
                target,
                session,
                keep_original_sound=keep_original_audio,
                progress=lambda done_s, total_s: bar.update(task, completed=done_s, total=total_s),
            )
        _tell(result)
        if json_path is not None:
            run = {
                "device": engine.device,
                "threads": threads,
                "model": engine.bundle.name,
                "commit": commit(),
            }
            write_json(json_path, {**result.figures, **run, "seconds": round(result.seconds, 3)})


def _progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} s of video"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _tell(result: RenderResult) -> None:
    console = Console()
    picture = {"copied": ", picture copied bit for bit", "encoded": ", picture encoded as H.264"}
    console.print(
        f"[bold green]{result.output}[/]: {result.hops / 30:.1f} s of sound in {result.seconds:.1f} s "
        f"({result.times_real_time:.1f} × real time){picture.get(result.picture, '')}",
        highlight=False,
        soft_wrap=True,
    )
