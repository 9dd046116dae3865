"""The verb ``serve``: run a runtime until Ctrl-C."""

from __future__ import annotations

import gc
import math
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from types import FrameType

    from sr_runtime.audio import AudioSettings, Sink
    from sr_runtime.cli.companion import Companion
    from sr_runtime.engine import Engine
    from sr_runtime.figures import HopLog
    from sr_runtime.server import Server, ServerSettings

SWITCH_INTERVAL_S = 0.0005
"""How long another Python thread may keep the inference thread waiting; 5 ms is Python's own default, and
two busy threads then cost 71 gaps in 10 s at 20 ms of latency, with 0.5 ms none (measured)."""


def register(app: typer.Typer) -> None:
    """Add ``serve`` to the command tree."""

    @app.command()
    def serve(
        bundle: Annotated[str, typer.Option(help="Model bundle: a folder or a shipped name.")] = "default",
        endpoint: Annotated[
            str, typer.Option(help="Where engines connect; port 0 takes a free one.")
        ] = "tcp://127.0.0.1:5599",
        device: Annotated[str, typer.Option(help="cpu, cuda, tensorrt or auto.")] = "cpu",
        threads: Annotated[int, typer.Option(help="Processor threads.", min=1)] = 1,
        backend: Annotated[
            str, typer.Option(help="onnx, or torch for a bundle exported with --torch (GPUs).")
        ] = "onnx",
        latency: Annotated[str, typer.Option(help="low, balanced, safe or milliseconds.")] = "balanced",
        audio_device: Annotated[
            str | None,
            typer.Option("--audio-device", "--output", help="Sound device; 'none' for no sound here."),
        ] = None,
        wav: Annotated[
            Path | None, typer.Option(help="Also write what is played to this .wav or .flac.")
        ] = None,
        curve: Annotated[bool, typer.Option("--curve", help="Open the encrypted endpoint, too.")] = False,
        curve_endpoint: Annotated[
            str, typer.Option(help="Where encrypted clients connect.")
        ] = "tcp://127.0.0.1:5600",
        allow_insecure_remote: Annotated[
            bool, typer.Option("--allow-insecure-remote", help="Bind beyond this machine without encryption.")
        ] = False,
        token_file: Annotated[Path | None, typer.Option(help="Keep the token in this file.")] = None,
        capture: Annotated[
            Path | None, typer.Option(help="Keep every session's frames, messages and sound here.")
        ] = None,
        json_path: Annotated[
            Path | None, typer.Option("--json", help="Write figures here at the end.")
        ] = None,
        exit_with_pid: Annotated[
            int | None,
            typer.Option(help="End when this process ends: the game that starts the runtime.", min=1),
        ] = None,
    ) -> None:
        """Serve engines: frames in, sound out, until Ctrl-C."""
        from sr_runtime.audio import AudioSettings
        from sr_runtime.cli.companion import Companion
        from sr_runtime.engine import Engine
        from sr_runtime.server import ServerSettings

        companion = None if exit_with_pid is None else Companion(exit_with_pid)
        settings = ServerSettings(
            endpoint=endpoint,
            curve=curve,
            curve_endpoint=curve_endpoint,
            allow_insecure_remote=allow_insecure_remote,
            token_file=token_file,
            capture=capture,
        )
        audio = AudioSettings(audio_device, latency, file=None if wav is None else str(wav))
        _serve(settings, audio, lambda: Engine(bundle, device, threads, backend), json_path, companion)


def _serve(
    settings: ServerSettings,
    audio: AudioSettings,
    open_engine: Callable[[], Engine],
    json_path: Path | None,
    companion: Companion | None,
) -> None:
    from sr_runtime.audio import open_sink
    from sr_runtime.cli.serve_view import ServeView
    from sr_runtime.figures import HopLog
    from sr_runtime.server import Server

    console = Console(stderr=True, highlight=False)
    log = HopLog() if json_path is not None else None
    engine = open_engine()
    sink = open_sink(audio)
    try:
        server = Server(settings, engine, sink, log.add if log is not None else lambda timings: None)
        _stop_on_signals(server)
        if companion is not None:
            companion.when_ended(server.stop)
        with server:
            sys.setswitchinterval(SWITCH_INTERVAL_S)
            gc.freeze()  # what lives until the end need not be looked at by every collection
            with ServeView(console, server, engine, settings):
                server.run()
            if json_path is not None and log is not None:
                _write_figures(json_path, log, server, engine, sink)
    finally:
        sink.close()
    console.print("stopped")


def _stop_on_signals(server: Server) -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a second Ctrl-C does not ask nicely
        server.stop()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)


def _write_figures(path: Path, log: HopLog, server: Server, engine: Engine, sink: Sink) -> None:
    from sr_runtime.figures import write_json
    from sr_runtime.machine import commit

    stats = sink.stats()
    latency = stats.frame_to_sample_ms
    figures = log.figures() | {
        "hops_skipped": server.snapshot.hops_skipped,
        "underruns": stats.underruns,
        "frame_to_sample_ms": {"p50": _finite(latency.p50), "p95": _finite(latency.p95)},
        "sound": stats.device or stats.reason,
        "device": engine.device,
        "threads": engine.threads,
        "model": engine.bundle.name,
        "commit": commit(),
    }
    write_json(path, figures)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
