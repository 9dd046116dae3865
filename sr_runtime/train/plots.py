"""Curves of a run as pictures: loss over steps, validation beside training.

Called when a run ends; the PNG files are what docs and reviews look at.
"""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt

from sr_runtime.train.run_folder import RunFolder

SKIPPED = {"step", "elapsed_s", "progress", "step_s", "rate", "gradient"}
SMOOTHING = 9
"""Logged steps averaged into one point of a training curve, fewer in short runs."""

WITHOUT_VIDEO = "_without_video"
"""Ending of a validation quantity measured with the video dropped: drawn beside the one with it."""


def _smooth(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    width = min(SMOOTHING, max(1, len(values) // 8))
    return np.convolve(values, np.ones(width) / width, mode="valid")


def plot_run(run: RunFolder) -> None:
    """Write one PNG per logged quantity to ``plots/``, training and validation in one picture."""
    kinds = {kind: list(run.lines(kind)) for kind in ("train", "validation")}
    names = {name for lines in kinds.values() for line in lines for name in line} - SKIPPED
    for name in sorted(name for name in names if not name.endswith(WITHOUT_VIDEO)):
        _plot_quantity(run, name, kinds)


def _plot_quantity(run: RunFolder, name: str, kinds: dict[str, list[dict[str, float]]]) -> None:
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    steps, values = _curve(kinds["train"], name)
    if len(values):
        smooth = _smooth(values)
        first = (len(values) - len(smooth)) // 2
        axes.plot(steps[first : first + len(smooth)], smooth, label="train")
    for ending, label in (("", "validation"), (WITHOUT_VIDEO, "validation, video dropped")):
        steps, values = _curve(kinds["validation"], name + ending)
        if len(values):
            axes.plot(steps, values, label=label, marker="o")
    axes.set_xlabel("step")
    axes.set_title(name.replace("_", " "))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(run.path / "plots" / f"{name}.png", dpi=110)
    plt.close(figure)


def _curve(
    lines: list[dict[str, float]], name: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    points = np.array([(line["step"], line[name]) for line in lines if name in line]).reshape(-1, 2)
    return points[:, 0], points[:, 1]
