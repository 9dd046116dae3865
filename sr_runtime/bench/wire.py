"""Measure the whole way: a source in this process, the real socket, a real runtime with its audio process.

Called by ``sr-runtime bench`` and by the soak test. Thread: any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice

from sr_runtime.bench.hops import moving_pictures
from sr_runtime.bench.sound import BenchSound
from sr_runtime.figures import JsonMap, quantiles
from sr_runtime.live.runtime import RuntimeProcess
from sr_runtime.live.take import LiveTake, hop_figures, latency_figures, play_live
from sr_runtime.types import HOP_HZ, Frame


def measure_wire(
    serve_arguments: Sequence[str],
    seconds: float,
    sound: BenchSound,
    on_frame: Callable[[int], None] = lambda index: None,
) -> JsonMap:
    """Play moving pictures to a runtime for so many seconds and return its figures and ours.

    Args:
        serve_arguments: Options of ``sr-runtime serve``: bundle, device, threads, latency.
        seconds: How long.
        sound: What is played on.
        on_frame: Called after each frame that was sent, with its index.
    """
    arguments = [*serve_arguments, *([] if sound.output is None else ["--output", sound.output])]
    with RuntimeProcess(arguments, sound.environment) as runtime:
        with runtime.client(play="both", name="sr-runtime bench") as client:
            welcome = client.connect()
            pictures = moving_pictures(welcome.picture_width, welcome.picture_height)
            take = play_live(client, _loop(pictures, seconds), on_frame=on_frame)
        runtime.stop()
        hops = runtime.figures()
    return {**hop_figures(take.statuses[-1]), **hops, **wire_figures(take, sound)}


def wire_figures(take: LiveTake, sound: BenchSound) -> JsonMap:
    """Return what the runtime and the source noticed beyond the cost of hops."""
    status = take.statuses[-1]
    return {
        "underruns": status.underruns,
        "gaps_ms": round(status.gaps_ms, 1),
        "frame_to_sample_ms": latency_figures(status),
        "frame_to_engine_ms": quantiles(take.round_trips_ms, 50, 95),
        "frames": take.frames,
        "frames_dropped": status.frames_dropped,
        "hops_repeated": status.hops_repeated,
        "hops_skipped": status.hops_skipped,
        "output": (status.output != "none" and sound.name) or status.output,
        "why_silent": sound.why_silent,
    }


def _loop(pictures: list[Frame], seconds: float) -> Iterator[Frame]:
    return islice(cycle(pictures), round(seconds * HOP_HZ))
