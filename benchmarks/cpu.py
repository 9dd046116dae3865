"""What a hop costs on a CPU: every preset, one and two threads, alone and beside a busy core, 30 a second.

With it what a hop costs by the length of the context and by the model's size, and the *floor*: the time that
one core needs to read the weights of a hop once from memory (those of the transformer twice, for two tokens).

    python -m benchmarks.cpu --out out --seconds 30
    python -m benchmarks.cpu --out out --model mini --threads 1 --page docs/performance.md

Presets have random weights here (the time does not depend on them), NFE 4 with guidance, a new picture at
every hop. Each row runs in a process of its own, whose largest memory is told, too.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from benchmarks.pages import PRESETS, bundle_of, caption, draw, memory_mb, save, summary, table, write_page
from sr_runtime.bench.busy import BusyCore
from sr_runtime.bench.hops import moving_pictures
from sr_runtime.engine.bundle import Bundle
from sr_runtime.engine.session import Engine
from sr_runtime.figures import HOP_MS
from sr_runtime.live.pace import Pace
from sr_runtime.types import HOP_HZ

TOKENS_PER_S = 2 * HOP_HZ
STAGES = ("vision_ms", "transformer_ms", "head_ms", "decoder_ms")
WINDOWS = (60, 240, 960, 3840)
"""Tokens that a mini model looks back on: 1 to 64 seconds."""


def read_gb_per_s(megabytes: int = 512) -> float:
    """Return how fast one core reads memory that no cache holds."""
    memory = np.ones(megabytes * 2**20 // 8)
    took = []
    for _ in range(5):
        start = time.perf_counter()
        memory.max()
        took.append(time.perf_counter() - start)
    return float(memory.nbytes / min(took) / 1e9)


def weights_mb(bundle: Bundle) -> float:
    """Return the size of the graphs that a hop reads: the transformer's twice, all others once."""
    sizes = {name: bundle.graph_path(name).stat().st_size / 1e6 for name in bundle.manifest.hop_graphs}
    return sum(sizes.values()) + sizes["transformer"]


def measure(bundle: str, threads: int, seconds: float, nfe: int) -> dict[str, Any]:
    """Return hop and after-frame times, stages and memory of one paced run in this process."""
    engine = Engine(bundle, threads=threads)
    engine.warm_up()
    session = engine.open_session(nfe=nfe, guidance=3.0)
    pictures = moving_pictures(engine.bundle.image.width, engine.bundle.image.height)
    timings, pace = [], Pace()
    for hop in range(round(seconds * HOP_HZ)):
        session.prepare()
        pace.wait_for(hop + 1)
        session.step(pictures[hop % len(pictures)])
        timings.append(session.timings)
    return {
        "hop_ms": summary(t.hop_ms for t in timings),
        "after_frame_ms": summary(t.after_frame_ms for t in timings),
        "stages": {name: float(np.median([getattr(t, name) for t in timings])) for name in STAGES},
        "misses": sum(t.hop_ms > HOP_MS for t in timings),
        "sorted_hop_ms": sorted(round(t.hop_ms, 2) for t in timings)[:: max(1, len(timings) // 200)],
        "memory_mb": memory_mb(),
        "weights_mb": weights_mb(engine.bundle),
        "parameters": engine.bundle.manifest.parameters,
    }


def command(
    out: Annotated[
        Path, typer.Option(help="Folder for cpu.json; plots go into its performance/, or beside --page.")
    ],
    model: Annotated[
        list[str] | None, typer.Option(help="Presets or bundles; all presets by default.")
    ] = None,
    threads: Annotated[list[int] | None, typer.Option(help="1 and 2 by default.")] = None,
    seconds: Annotated[float, typer.Option(help="Of each row.")] = 30.0,
    nfe: Annotated[int, typer.Option(help="Evaluations of the head.")] = 4,
    page: Annotated[Path | None, typer.Option(help="Put the table between the cpu markers of it.")] = None,
    one: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Measure every row in a process of its own."""
    if one is not None:
        print(json.dumps(measure(one, (threads or [1])[0], seconds, nfe)))
        return
    plan = [(m, t, busy) for m in model or PRESETS for t in threads or (1, 2) for busy in (False, True)]
    plan += [(f"mini@{window}", 1, False) for window in ([] if model else WINDOWS)]
    rows = []
    for name, count, busy in track(plan, "rows"):
        arguments = ["--out", str(out), "--one", bundle_of(name), "--threads", str(count)]
        arguments += ["--seconds", str(seconds), "--nfe", str(nfe)]
        rows.append({"model": name, "threads": count, "busy": busy, **in_a_process(arguments, busy)})
    found = {"rows": rows, "nfe": nfe, "seconds": seconds, "read_gb_per_s": read_gb_per_s()}
    facts = save(out, "cpu", found)
    write_page(page, "cpu", markdown(facts))
    pictures = (page.parent if page else out) / "performance"
    draw_all(
        pictures, [row for row in rows if "@" not in row["model"]], [r for r in rows if "@" in r["model"]]
    )


def draw_all(pictures: Path, rows: list[dict[str, Any]], by_window: list[dict[str, Any]]) -> None:
    """Draw how long hops take, and what they cost by the model's size and by the context's length."""
    curves = {
        f"{row['model']}, {row['threads']} thread(s){', busy core' if row['busy'] else ''}": (
            row["sorted_hop_ms"],
            np.linspace(0, 100, len(row["sorted_hop_ms"])).tolist(),
        )
        for row in rows
    }
    draw(pictures / "cpu.png", curves, "hop, ms", "hops that took no longer, %")
    alone = [row for row in rows if row["threads"] == 1 and not row["busy"]]
    by_size = [(row["parameters"] / 1e6, row) for row in alone]
    draw_costs(pictures / "cpu_size.png", by_size, "weights, millions")
    lengths = [(int(row["model"].partition("@")[2]) / TOKENS_PER_S, row) for row in by_window]
    draw_costs(pictures / "cpu_context.png", lengths, "context of mini, s")


def draw_costs(path: Path, rows: list[tuple[float, dict[str, Any]]], x: str) -> None:
    """Draw p50 and p99 of a hop over a quantity, if there is more than one value of it."""
    if len(rows) > 1:
        across = [value for value, _ in rows]
        curves = {name: (across, [row["hop_ms"][name] for _, row in rows]) for name in ("p50", "p99")}
        draw(path, curves, x, "hop, ms")


def in_a_process(arguments: list[str], busy: bool) -> dict[str, Any]:
    """Run one row; beside a busy core if asked for."""
    line = [sys.executable, "-m", "benchmarks.cpu", *arguments]
    if busy:
        with BusyCore():
            done = subprocess.run(line, capture_output=True, text=True, check=True)
    else:
        done = subprocess.run(line, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def markdown(facts: dict[str, Any]) -> str:
    """Return the table of docs/performance.md."""
    columns = ["model", "threads", "busy core", "p50", "p90", "p99", "worst", "after frame p50"]
    columns += ["vision", "transformer", "head", "decoder", "floor", "misses", "MB"]
    rows = []
    for row in facts["rows"]:
        hop, name = row["hop_ms"], f"{row['model']} ({row['parameters'] / 1e6:.0f} M)"
        rows.append([name, row["threads"], "yes" if row["busy"] else "no"])
        rows[-1] += [hop["p50"], hop["p90"], hop["p99"], hop["worst"], row["after_frame_ms"]["p50"]]
        floor = row["weights_mb"] / facts["read_gb_per_s"]
        rows[-1] += [
            *row["stages"].values(),
            floor,
            f"{row['misses']} of {hop['n']}",
            round(row["memory_mb"]),
        ]
    text = (
        f"NFE {facts['nfe']} with guidance, int8, paced for {facts['seconds']:g} s; ms, stages as medians; "
        f"`mini@W` looks back on W tokens, 60 a second. One core reads {facts['read_gb_per_s']:.0f} GB/s."
    )
    plots = " ".join(f"![{name}](performance/{name}.png)" for name in ("cpu", "cpu_size", "cpu_context"))
    return f"{caption(facts, text)}\n\n{table(columns, rows)}\n\n{plots}"


if __name__ == "__main__":
    typer.run(command)
