"""Draw a table's rows with error bars, and an hour over its time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from experiments.results import Result, spread
from experiments.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from experiments.drift import Drift

PANELS = {
    "onset_f1": "onset F1 ↑",
    "kl_sparse": "KL sparse ↓",
    "kl_dense": "KL dense ↓",
    "kad": "KAD ↓",
    "loudness": "loudness correlation ↑",
    "side": "left/right agreement ↑",
}
_DPI = 90


def plot_table(table: Table, rows: Sequence[Result], path: Path) -> None:
    """Write one panel per metric: a point per row, bars of one standard deviation over seeds."""
    figure = Figure(figsize=(13, 1.6 + 0.55 * len(rows)), layout="constrained")
    axes = figure.subplots(2, 3, sharey=True).ravel()
    bounds = {row.label for row in table.rows if not row.is_deployable}
    for panel, (metric, title) in zip(axes, PANELS.items(), strict=True):
        for place, row in enumerate(rows):
            _point(panel, place, row.values(metric), "tab:grey" if row.label in bounds else "tab:blue")
        panel.set_title(title, fontsize=10)
        panel.grid(axis="x", linewidth=0.4)
    for place, row in enumerate(rows):
        if chances := row.values("onset_chance"):
            axes[0].plot(np.mean(chances), place, "|", color="black", markersize=9)
    axes[0].axvline(rows[0].ceiling["onset_f1"], color="tab:green", linewidth=0.9, linestyle="--")
    axes[0].set_yticks(range(len(rows)), [row.label for row in rows], fontsize=8)
    axes[0].invert_yaxis()
    figure.suptitle(f"{table.title} (black: chance, green: the real sound)", fontsize=11)
    figure.savefig(path, dpi=_DPI)


def plot_drift(drift: Drift, path: Path) -> None:
    """Write one panel per figure over the hour: the mean of the seeds, each seed, and the real take."""
    names = {
        "kad": "KAD against the real take",
        "loudness_db": "loudness, dBFS",
        "centroid_hz": "spectral centroid, Hz",
        "silence": "silent share",
        "loop": "largest autocorrelation",
    }
    figure = Figure(figsize=(13, 6), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    minutes = (np.arange(len(drift.takes)) + 0.5) * drift.minutes / len(drift.takes)
    for panel, (name, title) in zip(axes, names.items(), strict=False):
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("minutes")
        if name == "kad":
            panel.plot(minutes, drift.kad, "o-", color="tab:blue")
            continue
        values = np.array([[seed[name] for seed in take] for take in drift.takes])
        panel.plot(minutes, values, color="tab:blue", alpha=0.25)
        panel.errorbar(minutes, values.mean(1), values.std(1, ddof=min(1, values.shape[1] - 1)), fmt="o-")
        panel.axhline(drift.real[name], color="tab:green", linestyle="--")
    axes[-1].axis("off")
    axes[-1].text(0, 0.5, "green: the real take\nthin lines: single seeds")
    figure.savefig(path, dpi=_DPI)


def _point(axes: Axes, place: int, values: Sequence[float], colour: str) -> None:
    if not values:
        return
    mean, deviation = spread(list(values))
    axes.errorbar(mean, place, xerr=0 if np.isnan(deviation) else deviation, fmt="o", color=colour, capsize=3)
