"""One benchmark run: alone, beside a busy core, through the socket; one map of figures.

Called by ``sr-runtime bench``. Thread: any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sr_runtime.bench.busy import BusyCore
from sr_runtime.bench.hops import measure_hops
from sr_runtime.bench.sound import bench_sound
from sr_runtime.bench.wire import measure_wire
from sr_runtime.engine.session import Engine
from sr_runtime.figures import JsonMap
from sr_runtime.machine import commit, describe

PartProgress = Callable[[str, int], None]
"""Called with the part's name (``alone``, ``busy``, ``wire``) and the hops done in it."""


@dataclass(frozen=True)
class BenchSettings:
    """What is measured.

    Attributes:
        bundle: Model bundle: a folder or a shipped name.
        seconds: Length of each part.
        device: ``cpu``, ``cuda``, ``tensorrt`` or ``auto``.
        threads: Processor threads of the model.
        output: Sound device of the wire part by name, ``none``, ``null-sink``, or None for the best there is.
        latency: ``low``, ``balanced``, ``safe`` or milliseconds.
        with_busy: Measure beside a busy core, too.
        with_wire: Measure through the socket, too.
        backend: ``onnx`` or ``torch``.
    """

    bundle: str = "default"
    seconds: float = 60.0
    device: str = "cpu"
    threads: int = 1
    output: str | None = None
    latency: str = "balanced"
    with_busy: bool = True
    with_wire: bool = True
    backend: str = "onnx"

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the names of what is measured, in order."""
        return ("alone", *(["busy"] if self.with_busy else []), *(["wire"] if self.with_wire else []))

    def serve_arguments(self) -> list[str]:
        """Return the options of ``sr-runtime serve`` for the wire part."""
        arguments = ["--bundle", self.bundle, "--device", self.device, "--threads", str(self.threads)]
        return [*arguments, "--backend", self.backend, "--latency", self.latency]


def run_bench(settings: BenchSettings, progress: PartProgress = lambda part, hop: None) -> JsonMap:
    """Measure and return the figures: alone at the top level, ``busy`` and ``wire`` below it."""
    engine = Engine(settings.bundle, settings.device, settings.threads, settings.backend)
    figures: JsonMap = {
        **measure_hops(engine, settings.seconds, lambda hop: progress("alone", hop + 1)).figures(),
        "device": engine.device,
        "threads": engine.threads,
        "backend": settings.backend,
        "model": engine.bundle.name,
        "commit": commit(),
        "machine": describe(),
    }
    if settings.with_busy:
        with BusyCore():
            log = measure_hops(engine, settings.seconds, lambda hop: progress("busy", hop + 1))
        figures["busy"] = log.figures()
    if settings.with_wire:
        with bench_sound(settings.output) as sound:
            figures["wire"] = measure_wire(
                settings.serve_arguments(), settings.seconds, sound, lambda index: progress("wire", index + 1)
            )
    return figures
