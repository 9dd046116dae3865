"""The latency of the paper's table 6, by its definition, in this runtime: the ``paper`` preset on a GPU.

    python benchmarks/gpu/paper_latency.py --out out                                        on a GPU
    python benchmarks/gpu/paper_latency.py --out out --preset mini --device cpu --clips 1 --sessions 4

A clip is 8 s at 30 Hz, ω = 3, one clip at a time. *Waveform level* is from the picture on the host to 1600
samples on the host, picture encoder included; *token level* leaves the decoder out, so it is the former less
the decoder's own time, measured apart. Weights are random: they cost the same. Nothing waits between hops
(``hot``), and once more paced at 30 hops/s, as a session is. The audio-token pass is timed with the hop that
it prepares. Launches are counted as operations that compute (views are free). Last, a beat of many sessions
computed together, at one evaluation.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch.utils._python_dispatch import TorchDispatchMode

from sr_runtime.engine.backends.torch_cuda.backend import TorchBackend, TorchHops
from sr_runtime.engine.backends.torch_cuda.weights import on_device
from sr_runtime.engine.bundle import Bundle, FileSpec, Manifest
from sr_runtime.engine.session import Session, Step, prepare_together, step_together
from sr_runtime.engine.settings import SamplingSettings
from sr_runtime.export.facts import ExportOptions, manifest_facts
from sr_runtime.export.source import Networks, random_networks
from sr_runtime.machine import commit, describe
from sr_runtime.model.graphs import session_constants
from sr_runtime.types import HOP_HZ

GUIDANCE = 3.0
CLIP_HOPS = 8 * HOP_HZ
WARM_HOPS = 10
CROWD_BEATS = 60


def command(
    out: Annotated[Path, typer.Option(help="Folder for paper_latency.json.")],
    preset: Annotated[str, typer.Option(help="mini, compact or paper.")] = "paper",
    device: Annotated[str, typer.Option(help="cuda or cpu.")] = "cuda",
    precision: Annotated[str, typer.Option(help="bf16 or fp32.")] = "bf16",
    clips: Annotated[int, typer.Option(help="Clips of 8 s per setting.")] = 50,
    paced_seconds: Annotated[float, typer.Option(help="Of the paced run.")] = 20.0,
    size: Annotated[str, typer.Option(help="Pictures on the host, WIDTHxHEIGHT.")] = "1280x720",
    sessions: Annotated[list[int] | None, typer.Option(help="Together; 1 to 128 by default.")] = None,
    count_only: Annotated[bool, typer.Option(help="Only count a hop's launches; any machine.")] = False,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Fuse the transformer's operations by torch.compile first.")
    ] = False,
) -> None:
    """Measure NFE 1, 2 and 4, hot and paced."""
    width, height = (int(part) for part in size.split("x"))
    pictures = np.random.default_rng(0).integers(0, 256, (8, height, width, 3), np.uint8)
    networks = random_networks(preset)
    bundle = in_memory(networks, preset)
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    parts = networks.backbone, networks.generator, networks.vae
    backend = TorchBackend(on_device(*parts, torch.device(device), dtype))
    if compiled:
        transformer = networks.generator.transformer
        transformer.append = torch.compile(transformer.append)  # type: ignore[method-assign]
    if count_only:
        return report_launches(backend, bundle, pictures[0])
    rows = [measure(backend, bundle, pictures, nfe, clips, paced_seconds) for nfe in (1, 2, 4)]
    facts = {
        "preset": preset,
        "parameters": bundle.manifest.parameters,
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "precision": precision,
        "compiled": compiled,
        "picture": size,
        "torch": torch.__version__,
        "commit": commit(),
        "machine": describe(),
        "rows": rows,
    }
    facts["sessions"] = [
        crowd(backend, bundle, pictures, count) for count in sessions or (1, 8, 32, 64, 100, 128)
    ]
    out.mkdir(parents=True, exist_ok=True)
    (out / "paper_latency.json").write_text(json.dumps(facts, indent=1) + "\n")
    for row in (*rows, *facts["sessions"]):
        typer.echo(json.dumps(row))


def report_launches(backend: TorchBackend, bundle: Bundle, picture: np.ndarray) -> None:
    """Print how many launches a hop is, by evaluations."""
    hops = backend.hops(bundle)
    Session(bundle, settings_for(bundle, 1), hops).step(picture)
    for nfe in (1, 2, 4):
        launches = count_launches(hops, settings_for(bundle, nfe))
        typer.echo(json.dumps({"nfe": nfe, "launches": launches, "preset": bundle.manifest.name}))


def settings_for(bundle: Bundle, nfe: int, seed: int = 0) -> SamplingSettings:
    """Return the consistency sampler's settings."""
    return SamplingSettings.from_spec(bundle.manifest.sampling, seed=seed, nfe=nfe, sampler="consistency")


def in_memory(networks: Networks, name: str) -> Bundle:
    """Return a bundle without files: what a session wants to know of networks."""
    facts = manifest_facts(networks, ExportOptions(name, "fp32", guidance=GUIDANCE), {})
    manifest = Manifest(graphs={}, constants=FileSpec("", ""), **facts)
    constants = {key: tensor.numpy() for key, tensor in session_constants(networks.generator).items()}
    return Bundle(Path(), manifest, constants)


def measure(
    backend: TorchBackend, bundle: Bundle, pictures: np.ndarray, nfe: int, clips: int, paced_seconds: float
) -> dict[str, Any]:
    """Return one row: milliseconds at waveform and token level, hot and paced, and launches per hop."""
    settings = settings_for(bundle, nfe)
    session = Session(bundle, settings, backend.hops(bundle))
    for hop in range(WARM_HOPS):
        session.step(pictures[hop % len(pictures)])
    hop = session._hops
    assert isinstance(hop, TorchHops)
    decoder_ms = timed_decoder(hop)
    hot = []
    for _ in range(clips):
        session.reset()
        hot += [step_ms(session, pictures[index % len(pictures)]) for index in range(CLIP_HOPS)][WARM_HOPS:]
    paced = run_paced(session, pictures, paced_seconds)
    return {
        "nfe": nfe,
        "waveform_ms": percentiles(hot),
        "token_ms": percentiles([value - decoder_ms for value in hot]),
        "decoder_ms": decoder_ms,
        "paced_ms": percentiles(paced),
        "launches": count_launches(hop, settings),
        "hops": len(hot),
    }


def crowd(backend: TorchBackend, bundle: Bundle, pictures: np.ndarray, count: int) -> dict[str, Any]:
    """Return how long a beat of so many sessions takes, pictures of 160 × 90 on the host, back to back."""
    hops = backend.hops(bundle, count)
    sessions = [Session(bundle, settings_for(bundle, 1, seed), hops) for seed in range(count)]
    small, times = np.ascontiguousarray(pictures[:, ::8, ::8]), []
    for beat in range(WARM_HOPS + CROWD_BEATS):
        start = time.perf_counter()
        step_together([Step(s, small[(beat + i) % len(small)]) for i, s in enumerate(sessions)])
        prepare_together(sessions)
        times.append(1e3 * (time.perf_counter() - start))
    return {"sessions": count, "beat_ms": percentiles(times[WARM_HOPS:])}


def step_ms(session: Session, picture: np.ndarray) -> float:
    """Return the time of a hop and of the audio-token pass before it, to the end of both."""
    start = time.perf_counter()
    session.prepare()
    session.step(picture)
    return 1e3 * (time.perf_counter() - start)


def run_paced(session: Session, pictures: np.ndarray, seconds: float) -> list[float]:
    """Return hop times with the pauses that a live session has."""
    times, due = [], time.perf_counter()
    for index in range(round(seconds * HOP_HZ)):
        due += 1 / HOP_HZ
        time.sleep(max(0.0, due - time.perf_counter()))
        times.append(step_ms(session, pictures[index % len(pictures)]))
    return times


def timed_decoder(hop: TorchHops) -> float:
    """Return the median time of the decoder alone, launched as the hop is."""

    def decode() -> None:
        hop.program(1).decode(hop.memory.latent)

    run = hop.recorded(decode)
    return float(np.median([synchronised_ms(run, hop) for _ in range(50)]))


def synchronised_ms(run: Callable[[], None], hop: TorchHops) -> float:
    """Return how long a launch takes to its end."""
    start = time.perf_counter()
    run()
    if hop.memory.device.type == "cuda":
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - start)


class Launches(TorchDispatchMode):
    """Counts operations that compute something: those whose results are no views of what they were given."""

    count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count, and go on."""
        result = function(*args, **(kwargs or {}))
        given = {address(tensor) for tensor in tensors(args)}
        made = tensors((result,))
        self.count += function._schema.is_mutable or any(address(tensor) not in given for tensor in made)
        return result


def tensors(values: Any) -> list[torch.Tensor]:
    """Return the tensors of nested sequences."""
    if isinstance(values, torch.Tensor):
        return [values]
    return [found for value in values for found in tensors(value)] if isinstance(values, list | tuple) else []


def address(tensor: torch.Tensor) -> int:
    """Return where a tensor's memory begins."""
    return int(tensor.untyped_storage().data_ptr())


def count_launches(hop: TorchHops, settings: SamplingSettings) -> int:
    """Return how many operations a whole hop launches when nothing is fused."""
    hop.memory.is_due.zero_()  # What is counted leaves no trace.
    with torch.inference_mode(), Launches() as launches:
        hop.program(1).prepare()
        hop.program(1).finish("consistency", settings.sigmas)
    return launches.count


def percentiles(times: list[float]) -> dict[str, float]:
    """Return p50, p90, p99 and the worst, milliseconds."""
    p50, p90, p99, worst = (float(value) for value in np.percentile(times, [50, 90, 99, 100]))
    return {"p50": p50, "p90": p90, "p99": p99, "worst": worst}


if __name__ == "__main__":
    typer.run(command)
