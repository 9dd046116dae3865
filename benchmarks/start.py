"""How long it takes to be there: importing the packages, and from ``sr-runtime serve`` to the first sound.

    python benchmarks/start.py --out out
    python benchmarks/start.py --runs 20 --bundle path/to/bundle --out out

Every import is that of a fresh interpreter whose files are in memory already; the interpreter's own start
is not counted. *First sound* is from the start of the server's process to the first hop with sound in it,
received by a client that sends noise for pictures at 30 a second as soon as the server listens. Milliseconds
of the wall clock; run it on an idle machine.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from sr_runtime.live.runtime import RuntimeProcess
from sr_runtime.machine import commit, describe
from sr_runtime.types import HOP_HZ

GOALS = {"import sr_bridge": 150.0, "import sr_runtime": 300.0, "first sound": 3000.0}
"""Milliseconds that the median should stay below."""

IMPORTS = ("sr_bridge", "sr_runtime", "sr_runtime.cli", "sr_runtime.engine.session")
HEAVY = ("torch", "onnxruntime", "scipy", "matplotlib", "asyncio")

_SCRIPT = """
import sys, time
start = time.perf_counter()
import {module}
print(1000 * (time.perf_counter() - start), *(name for name in {heavy} if name in sys.modules))
"""


def imported(module: str) -> tuple[float, list[str]]:
    """Import a module in a fresh interpreter: how many ms it took, and which heavy ones came with it."""
    script = _SCRIPT.format(module=module, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    took, *heavy = done.stdout.split()
    return float(took), heavy


def import_ms(module: str) -> float:
    """Return how long a fresh interpreter takes to import a module."""
    return imported(module)[0]


def first_sound_ms(bundle: str) -> float:
    """Start a server, send pictures, and return when the first hop with sound in it has come."""
    rng = np.random.default_rng(0)
    started = time.perf_counter()
    with (
        RuntimeProcess(["--bundle", bundle, "--audio-device", "none"]) as runtime,
        runtime.client() as client,
    ):
        client.connect()
        while time.perf_counter() - started < 60.0:
            client.send_frame(rng.integers(0, 256, (128, 128, 3), dtype=np.uint8))
            if any(np.any(hop.audio) for hop in client.poll_audio(timeout_s=1 / HOP_HZ)):
                return 1000 * (time.perf_counter() - started)
    raise TimeoutError("no sound within 60 s; try sr-runtime doctor")


def summary(times: list[float]) -> dict[str, float]:
    """Return p50, p90, p99 and worst."""
    p50, p90, p99 = (float(value) for value in np.percentile(times, [50, 90, 99]))
    return {"p50": p50, "p90": p90, "p99": p99, "worst": max(times), "runs": len(times)}


def command(
    out: Annotated[Path, typer.Option(help="Folder for start.json.")],
    runs: Annotated[int, typer.Option(min=1, help="Of every import; a quarter as many servers.")] = 20,
    bundle: Annotated[str, typer.Option(help="Bundle that the server loads.")] = "default",
) -> None:
    """Measure imports and the way to the first sound."""
    figures: dict[str, dict[str, float]] = {}
    heavy: dict[str, list[str]] = {}
    for module in IMPORTS:
        name = f"import {module}"
        _, heavy[name] = imported(module)  # reads the files into memory
        figures[name] = repeated(name, runs, partial(import_ms, module))
    figures["first sound"] = repeated("first sound", max(1, runs // 4), partial(first_sound_ms, bundle))
    facts = {"ms": figures, "heavy": heavy, "bundle": bundle, "machine": describe(), "commit": commit()}
    out.mkdir(parents=True, exist_ok=True)
    (out / "start.json").write_text(json.dumps(facts, indent=1) + "\n")
    Console().print(as_table(figures, heavy))


def repeated(title: str, runs: int, measure: Callable[[], float]) -> dict[str, float]:
    """Measure again and again, with a progress bar."""
    return summary([measure() for _ in track(range(runs), title)])


def as_table(figures: dict[str, dict[str, float]], heavy: dict[str, list[str]]) -> Table:
    """Return what was measured as a table."""
    table = Table("", "p50", "p90", "p99", "worst", "goal", "brings along")
    for name, row in figures.items():
        times = [f"{row[key]:.0f}" for key in ("p50", "p90", "p99", "worst")]
        goal = f"{GOALS[name]:.0f}" if name in GOALS else ""
        table.add_row(name, *times, goal, " ".join(heavy.get(name, [])))
    return table


if __name__ == "__main__":
    typer.run(command)
