"""Gather the time of every hop and say it in the project's fixed words: the keys of every ``--json``.

Used by ``bench``, ``demo`` and ``render``. Thread: any; one log belongs to one thread.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from sr_runtime.errors import DataError
from sr_runtime.types import HOP_HZ

HOP_MS: Final = 1000.0 / HOP_HZ
"""The time that there is for one hop: a longer one is a miss."""

STAGES: Final = ("vision", "transformer", "head", "decoder")

JsonMap = dict[str, Any]


class Timings(Protocol):
    """What a session says about its last hop, in milliseconds."""

    @property
    def hop_ms(self) -> float:
        """All computing of one hop."""

    @property
    def after_frame_ms(self) -> float:
        """The part that cannot start before the frame is there."""

    @property
    def vision_ms(self) -> float:
        """The picture's grid and token."""

    @property
    def transformer_ms(self) -> float:
        """Both transformer passes."""

    @property
    def head_ms(self) -> float:
        """The sampler, and steering."""

    @property
    def decoder_ms(self) -> float:
        """Latent to sound."""


class HopLog:
    """The times of many hops.

    Example:
        >>> from types import SimpleNamespace
        >>> log = HopLog()
        >>> log.add(SimpleNamespace(hop_ms=8.0, after_frame_ms=6.0, vision_ms=3.0, transformer_ms=2.0,
        ...                         head_ms=1.0, decoder_ms=2.0))
        >>> log.figures()["hop_ms"]
        {'p50': 8.0, 'p99': 8.0, 'worst': 8.0}
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[float]] = {
            name: [] for name in ("hop_ms", "after_frame_ms", *(f"{stage}_ms" for stage in STAGES))
        }

    def __len__(self) -> int:
        return len(self._columns["hop_ms"])

    def add(self, timings: Timings) -> None:
        """Note one hop."""
        for name, column in self._columns.items():
            column.append(float(getattr(timings, name)))

    def figures(self) -> JsonMap:
        """Return ``hop_ms``, ``after_frame_ms``, ``stage_ms``, ``misses`` and ``hops``."""
        columns = self._columns
        return {
            "hop_ms": quantiles(columns["hop_ms"], 50, 99, worst=True),
            "after_frame_ms": quantiles(columns["after_frame_ms"], 50, 99),
            "stage_ms": {stage: quantiles(columns[f"{stage}_ms"], 50, 99) for stage in STAGES},
            "misses": sum(value > HOP_MS for value in columns["hop_ms"]),
            "hops": len(self),
        }


def quantiles(values: Iterable[float], *percents: int, worst: bool = False) -> JsonMap:
    """Return ``{"p50": …, …}`` rounded to microseconds; None for each when there is no value.

    Example:
        >>> quantiles([1.0, 2.0, 3.0], 50, worst=True)
        {'p50': 2.0, 'worst': 3.0}
    """
    sample = np.asarray(list(values), dtype=np.float64)
    empty = sample.size == 0
    found: JsonMap = {
        f"p{percent}": None if empty else round(float(np.percentile(sample, percent)), 3)
        for percent in percents
    }
    if worst:
        found["worst"] = None if empty else round(float(sample.max()), 3)
    return found


def write_json(path: Path, figures: JsonMap) -> None:
    """Write the figures for a program to read.

    Raises:
        DataError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}; choose another path for --json") from error
