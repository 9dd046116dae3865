"""Play the demo: start a runtime, play a game to it live, write the movie, judge the sound.

Called by ``sr-runtime demo``. Thread: any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from sr_runtime.data.agent import Kind
from sr_runtime.demo.game import PlayedGame
from sr_runtime.evaluate.take import TakeMetrics, judge_take
from sr_runtime.figures import JsonMap
from sr_runtime.live.runtime import RuntimeProcess
from sr_runtime.live.take import LiveTake, hop_figures, latency_figures, play_live
from sr_runtime.machine import commit
from sr_runtime.types import HOP_HZ, HOP_SAMPLES, Audio, Frame
from sr_runtime.video.write import MovieWriter


@dataclass(frozen=True)
class DemoSettings:
    """What is played and how.

    Attributes:
        movie: Where the movie with the generated sound goes.
        reference: Where the movie with the game's true sound goes, or None.
        seconds: How long to play.
        map_name: A validation map.
        kind: ``dense`` or ``sparse`` play.
        seed: Of the game and of the model's noise.
        bundle: Model bundle: a folder or a shipped name.
        device: ``cpu``, ``cuda``, ``tensorrt`` or ``auto``.
        threads: Processor threads of the model.
        output: Sound device by name, ``none``, or None for the default one.
        latency: ``low``, ``balanced``, ``safe`` or milliseconds.
    """

    movie: Path = Path("demo.mp4")
    reference: Path | None = None
    seconds: float = 20.0
    map_name: str = "MAP25"
    kind: Kind = "dense"
    seed: int = 2
    bundle: str = "default"
    device: str = "cpu"
    threads: int = 1
    output: str | None = None
    latency: str = "balanced"


def run_demo(settings: DemoSettings, on_frame: Callable[[int], None] = lambda index: None) -> JsonMap:
    """Play, write the movie (and the reference) and return the figures of ``--json``.

    Raises:
        MissingDependency: ViZDoom or PyAV is not installed.
        SessionError: The runtime did not start.
    """
    game = PlayedGame(settings.map_name, settings.seed, settings.seconds, settings.kind)
    with RuntimeProcess(serve_arguments(settings)) as runtime:
        with runtime.client(play="both", seed=settings.seed, name="sr-runtime demo") as client:
            take = play_live(client, game.frames(), on_frame=on_frame)
        runtime.stop()
        hops = runtime.figures()
    generated, true = take.sound(), game.true_sound()
    write_movie(settings.movie, game.pictures(), generated)
    if settings.reference is not None:
        write_movie(settings.reference, game.pictures(), true)
    return _figures(settings, take, judge_take(generated, true), hops)


def serve_arguments(settings: DemoSettings) -> list[str]:
    """Return the options of ``sr-runtime serve`` for these settings."""
    arguments = ["--bundle", settings.bundle, "--device", settings.device, "--threads", str(settings.threads)]
    arguments += ["--latency", settings.latency]
    return arguments + ([] if settings.output is None else ["--output", settings.output])


def write_movie(path: Path, pictures: Iterable[Frame], sound: Audio) -> None:
    """Write picture k at (k+1)/30 s, with the sound of hop k from k/30 s to (k+1)/30 s."""
    with MovieWriter(path) as movie:
        for index, picture in enumerate(pictures):
            movie.add_picture(_enlarged(picture), (index + 1) / HOP_HZ)
            movie.add_sound(sound[index * HOP_SAMPLES : (index + 1) * HOP_SAMPLES])


def _enlarged(picture: Frame) -> Frame:
    """Double each pixel: players blur 320x240 on today's screens."""
    return picture.repeat(2, axis=0).repeat(2, axis=1)


def _figures(settings: DemoSettings, take: LiveTake, metrics: TakeMetrics, hops: JsonMap) -> JsonMap:
    status = take.statuses[-1]
    return {
        **hop_figures(status),
        **hops,
        "underruns": status.underruns,
        "frame_to_sample_ms": latency_figures(status),
        "device": settings.device,
        "threads": settings.threads,
        "model": settings.bundle,
        "commit": commit(),
        "output": status.output,
        "frames": take.frames,
        "frames_dropped": status.frames_dropped,
        "hops_repeated": status.hops_repeated,
        "hops_skipped": status.hops_skipped,
        "onset_f1": round(metrics.onset_f1, 4),
        "onset_f1_chance": round(metrics.chance, 4),
        "loudness_corr": round(metrics.loudness_corr, 4),
        "map": settings.map_name,
        "seed": settings.seed,
        "seconds": settings.seconds,
    }
