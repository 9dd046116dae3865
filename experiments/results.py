"""What a row leaves behind: one JSON file with everything that its line and its plot need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from sr_runtime.errors import DataError


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One row's figures.

    Attributes:
        row: Its name.
        label: As the table calls it.
        figures: Of each seed.
        ceiling: What the real sound reaches.
        seeds: Of the takes.
        clips: How many clips were sounded.
        sampling: How latents were drawn.
        training: Steps, minutes, weights and validation errors of its network; what is known of a given one.
        network: First characters of the weights' sha256.
        command: What makes it again.
        commit: Of the code; with ``+`` where it was changed.
        extra: Figures that only this table has.
    """

    row: str
    label: str
    figures: list[dict[str, float]]
    ceiling: dict[str, float]
    seeds: list[int]
    clips: int
    sampling: dict[str, Any]
    training: dict[str, Any]
    network: str
    command: str
    commit: str
    extra: dict[str, float] = {}

    def values(self, metric: str) -> list[float]:
        """Return a metric's value of each seed that has it."""
        return [figures[metric] for figures in self.figures if metric in figures]


def spread(values: list[float]) -> tuple[float, float]:
    """Return mean and standard deviation over seeds (n − 1); NaN for a single seed's deviation.

    Example:
        >>> spread([1.0, 3.0])
        (2.0, 1.4142135623730951)
    """
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
    return float(np.mean(values)), deviation


def write(result: Result, path: Path) -> None:
    """Write a row's file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    partial.replace(path)


def read(path: Path) -> Result:
    """Return a row's file.

    Raises:
        DataError: It is damaged, or of another version.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except (msgspec.MsgspecError, OSError) as error:
        raise DataError(f"{path}: not a row's results ({error}); delete it and run its table again") from None
