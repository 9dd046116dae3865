"""What the benchmarks share: percentiles, bundles of any preset, JSON, tables and plots of a page."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from sr_runtime.engine.bundle import MANIFEST
from sr_runtime.figures import write_json
from sr_runtime.machine import commit, describe
from sr_runtime.marked import fill

PRESETS: Final = ("mini", "compact", "paper")
PERCENTS: Final = (50, 90, 99)
BUNDLES: Final = Path(tempfile.gettempdir()) / "sr-benchmark-bundles"


def summary(times: Iterable[float]) -> dict[str, float]:
    """Return p50, p90, p99 and worst."""
    values = np.asarray(list(times))
    found = {f"p{percent}": float(np.percentile(values, percent)) for percent in PERCENTS}
    return {**found, "worst": float(values.max()), "n": len(values)}


def bundle_of(name: str) -> str:
    """Return a bundle to load: a shipped name or a folder as it is; of a preset, one with random weights.

    ``mini@960`` is the preset ``mini`` with a window of 960 tokens.
    """
    model, _, window = name.partition("@")
    if model not in PRESETS:
        return name
    folder = BUNDLES / f"{name}-{commit()}"
    if not (folder / MANIFEST).exists():
        export_preset(model, folder, window=int(window) if window else None)
    return str(folder)


def export_preset(
    model: str,
    folder: str | Path,
    window: int | None = None,
    precision: Literal["fp32", "int8"] = "int8",
    with_torch: bool = False,
) -> None:
    """Write a bundle of a preset with random weights, guidance 3 and four evaluations."""
    from sr_runtime.export.facts import ExportOptions  # torch, which no measured process shall hold
    from sr_runtime.export.source import networks_from_config
    from sr_runtime.export.trained import export_bundle
    from sr_runtime.model.presets import preset

    config = preset(model)
    if window is not None:
        config = replace(config, transformer=replace(config.transformer, window=window))
    options = ExportOptions(model, precision, with_encoder=False, with_torch=with_torch, guidance=3.0, nfe=4)
    export_bundle(networks_from_config(config, seed=0), Path(folder), options)


def memory_mb() -> float:
    """Return the most memory that this process has had, where the system tells (Linux), else 0."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def save(out: Path, name: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Write ``out/name.json`` with machine and commit, and return all of it."""
    whole = {**facts, "machine": describe(), "commit": commit()}
    write_json(out / f"{name}.json", whole)
    return whole


def caption(facts: dict[str, Any], text: str) -> str:
    """Return a line that says what was measured on what."""
    machine = facts["machine"]
    return f"{text} {machine['processor']}, {machine['cores']} cores, commit `{facts['commit']}`."


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; numbers get one decimal."""
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def write_page(page: Path | None, name: str, text: str) -> None:
    """Print a table, and put it between its markers in a page."""
    print(text)
    if page is not None:
        fill(page, name, text)


def draw(path: Path, curves: dict[str, tuple[Sequence[float], Sequence[float]]], x: str, y: str) -> None:
    """Draw curves, name → (x, y)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.0, 3.6), layout="constrained")
    axes = figure.subplots()
    for label, (across, up) in curves.items():
        axes.plot(across, up, marker="." if len(across) < 40 else "", label=label)
    axes.set(xlabel=x, ylabel=y)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
