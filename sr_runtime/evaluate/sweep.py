"""Compare settings of the sampler on validation clips, to choose a bundle's defaults.

Called by ``sr-runtime evaluate --sweep``. Every combination sounds the same clips from the same seed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import numpy as np

from sr_runtime.engine.session import Engine
from sr_runtime.engine.settings import SamplingSettings
from sr_runtime.errors import ConfigError
from sr_runtime.evaluate.clips import EvaluationClip
from sr_runtime.evaluate.distribution import kad
from sr_runtime.evaluate.generate import Progress, Sampling, generate
from sr_runtime.evaluate.provenance import bundle_sha256, git_commit
from sr_runtime.evaluate.scores import (
    Ears,
    Take,
    embedding_set,
    listen,
    mean_kl,
    mean_loudness_corr,
    onset_pairs,
    pooled_side_agreement,
)
from sr_runtime.evaluate.sync import chance_f1, offset_spread, pooled_f1
from sr_runtime.evaluate.yamnet import NETWORK, Yamnet

_AXES: Final[dict[str, Callable[[str], Any]]] = {"guidance": float, "nfe": int, "sampler": str}


class SweepRow(msgspec.Struct, frozen=True, kw_only=True):
    """One combination of settings and its figures, as in the report but without baselines."""

    guidance: float
    nfe: int
    sampler: str
    onset_f1: float
    chance: float
    offset_ms: float | None
    kl_yamnet: float
    kad_yamnet: float
    loudness_corr: float
    side_agreement: float
    hop_ms: float


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """What ``sr-runtime evaluate --sweep … --json`` writes."""

    rows: list[SweepRow]
    n_clips: int
    network: str
    model: str
    bundle_sha256: str
    commit: str


def parse_axes(axes: Sequence[str], base: Sampling) -> list[Sampling]:
    """Return every combination of the axes' values.

    Args:
        axes: Such as ``["guidance=1,2,3", "nfe=1,4"]``.
        base: Settings of the axes that are not swept.

    Returns:
        Settings, the last axis varying fastest.

    Raises:
        ConfigError: An axis is unknown, named twice, or has a value of the wrong type.

    Example:
        >>> [s.nfe for s in parse_axes(["nfe=1,2"], Sampling())]
        [1, 2]
    """
    values = [_parse_axis(axis) for axis in axes]
    names = [name for name, _ in values]
    if len(set(names)) < len(names):
        raise ConfigError(f"sweep: every axis may be named once, got {', '.join(names)}")
    return [
        Sampling(**{**_as_dict(base), **dict(zip(names, combination, strict=True))})
        for combination in itertools.product(*(choices for _, choices in values))
    ]


def run_sweep(
    engine: Engine,
    clips: Sequence[EvaluationClip],
    yamnet: Yamnet,
    samplings: Sequence[Sampling],
    on_progress: Progress,
) -> Sweep:
    """Sound all clips with every combination.

    Args:
        engine: A warm engine.
        clips: The clips.
        yamnet: The classifier.
        samplings: From :func:`parse_axes`.
        on_progress: Told of every hop made.

    Returns:
        One row per combination.
    """
    for sampling in samplings:
        sampling.resolved(engine)  # Refuses a wrong value now, not after an hour of the others.
    ears = Ears(yamnet)
    real = [listen(clip.true_audio, clip, ears) for clip in clips]
    rows = []
    for sampling in samplings:
        sounds = [generate(engine, clip.clip, sampling, on_progress=on_progress) for clip in clips]
        takes = [listen(sound.audio, clip, ears) for sound, clip in zip(sounds, clips, strict=True)]
        hop_ms = float(np.median(np.concatenate([sound.hop_ms for sound in sounds])))
        rows.append(_row(sampling.resolved(engine), takes, real, hop_ms))
    return Sweep(
        rows=rows,
        n_clips=len(clips),
        network=NETWORK,
        model=engine.bundle.name,
        bundle_sha256=bundle_sha256(engine.bundle),
        commit=git_commit(),
    )


def sweep_markdown(sweep: Sweep) -> str:
    """Return the sweep as a Markdown table."""
    network = sweep.network
    lines = [
        f"# Sweep of `{sweep.model}` over {sweep.n_clips} validation clips, commit `{sweep.commit}`",
        "",
        f"| guidance | NFE | sampler | onset F1 ↑ | chance | offset ms | KL-{network} ↓ | KAD-{network} ↓ | "
        "loudness ↑ | left/right ↑ | hop ms |",
        "|" + " --- |" * 11,
    ]
    return "\n".join([*lines, *(_markdown_row(row) for row in sweep.rows), ""])


def _markdown_row(row: SweepRow) -> str:
    settings = [f"{row.guidance:g}", str(row.nfe), row.sampler]
    offset = "–" if row.offset_ms is None else f"{row.offset_ms:+.0f}"
    figures = [f"{row.onset_f1:.3f}", f"{row.chance:.3f}", offset, f"{row.kl_yamnet:.3f}"]
    figures += [f"{value:.3f}" for value in (row.kad_yamnet, row.loudness_corr, row.side_agreement)]
    return f"| {' | '.join([*settings, *figures, f'{row.hop_ms:.1f}'])} |"


def _row(sampling: SamplingSettings, takes: Sequence[Take], real: Sequence[Take], hop_ms: float) -> SweepRow:
    pairs = onset_pairs(takes)
    return SweepRow(
        guidance=sampling.guidance,
        nfe=sampling.nfe,
        sampler=sampling.sampler,
        onset_f1=pooled_f1(pairs),
        chance=chance_f1(pairs),
        offset_ms=offset_spread(pairs).median,
        kl_yamnet=mean_kl(takes, real),
        kad_yamnet=kad(embedding_set(real), embedding_set(takes)),
        loudness_corr=mean_loudness_corr(takes),
        side_agreement=pooled_side_agreement(takes),
        hop_ms=hop_ms,
    )


def _parse_axis(axis: str) -> tuple[str, list[Any]]:
    name, _, values = axis.partition("=")
    if name not in _AXES or not values:
        raise ConfigError(f"sweep: expected one of {', '.join(_AXES)} as NAME=VALUE,VALUE,…, got {axis!r}")
    try:
        return name, [_AXES[name](value) for value in values.split(",")]
    except ValueError as error:
        raise ConfigError(f"sweep.{name}: expected numbers separated by commas, got {values!r}") from error


def _as_dict(sampling: Sampling) -> dict[str, Any]:
    return {name: getattr(sampling, name) for name in _AXES}
