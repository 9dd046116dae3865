"""How long it takes to be there: importing the packages, and from ``sr-runtime serve`` to the first sound.

    python -m benchmarks.start --out out
    python -m benchmarks.start --runs 20 --bundle path/to/bundle --out out --page docs/performance.md

Every import is that of a fresh interpreter whose files are in memory already; the interpreter's own start
is not counted. *First sound* is from the start of the server's process to the first hop with sound in it,
received by a client that sends noise for pictures at 30 a second as soon as the server listens. Milliseconds
of the wall clock; run it on an idle machine.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from benchmarks.pages import caption, save, summary, table, write_page
from sr_runtime.live.runtime import RuntimeProcess
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


def command(
    out: Annotated[Path, typer.Option(help="Folder for start.json.")],
    runs: Annotated[int, typer.Option(min=1, help="Of every import; a quarter as many servers.")] = 20,
    bundle: Annotated[str, typer.Option(help="Bundle that the server loads.")] = "default",
    page: Annotated[Path | None, typer.Option(help="Put the table between its markers of this page.")] = None,
) -> None:
    """Measure imports and the way to the first sound."""
    figures: dict[str, dict[str, float]] = {}
    heavy: dict[str, list[str]] = {}
    for module in IMPORTS:
        name = f"import {module}"
        _, heavy[name] = imported(module)  # reads the files into memory
        figures[name] = repeated(name, runs, partial(import_ms, module))
    figures["first sound"] = repeated("first sound", max(1, runs // 4), partial(first_sound_ms, bundle))
    facts = save(out, "start", {"ms": figures, "heavy": heavy, "bundle": bundle})
    write_page(page, "start", markdown(facts))


def repeated(title: str, runs: int, measure: Callable[[], float]) -> dict[str, float]:
    """Measure again and again, with a progress bar."""
    return summary([measure() for _ in track(range(runs), title)])


def markdown(facts: dict[str, Any]) -> str:
    """Return the table of docs/performance.md."""
    rows = []
    for name, row in facts["ms"].items():
        times = [f"{row[key]:.0f}" for key in ("p50", "p90", "p99", "worst")]
        goal = f"{GOALS[name]:.0f}" if name in GOALS else ""
        rows.append([name, *times, row["n"], goal, " ".join(facts["heavy"].get(name, []))])
    columns = ["", "p50", "p90", "p99", "worst", "n", "goal", "brings along"]
    return f"{caption(facts, 'ms, one after the other.')}\n\n{table(columns, rows)}"


if __name__ == "__main__":
    typer.run(command)
