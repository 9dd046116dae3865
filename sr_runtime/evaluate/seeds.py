"""Say how much a figure of the model moves from seed to seed: the error bars of a report.

Called by the report. The clips stay the same; how much clips differ is what the bootstrap intervals say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sr_runtime.evaluate.distribution import fad, kad
from sr_runtime.evaluate.report import SeedSpreads, Spread
from sr_runtime.evaluate.scores import (
    Take,
    embedding_set,
    mean_kl,
    mean_loudness_corr,
    onset_pairs,
    pooled_side_agreement,
)
from sr_runtime.evaluate.sync import offset_spread, pooled_f1


def seed_spreads(takes: Sequence[Take], real: Sequence[Take], seeds: int) -> SeedSpreads | None:
    """Compute the model's figures for each seed alone.

    Args:
        takes: The model's, clip by clip, the seeds of a clip one after the other.
        real: The real sound's.
        seeds: Takes per clip.

    Returns:
        Mean and standard deviation of each figure; None for a single seed, which has no spread.
    """
    if seeds < 2:
        return None
    by_seed = [list(takes[seed::seeds]) for seed in range(seeds)]
    heard = embedding_set(real)

    def over(metric: Callable[[Sequence[Take]], float]) -> Spread:
        return _spread([metric(takes) for takes in by_seed])

    return SeedSpreads(
        seeds=seeds,
        onset_f1=over(lambda takes: pooled_f1(onset_pairs(takes))),
        offset_ms=_offsets(by_seed),
        kl_yamnet=over(lambda takes: mean_kl(takes, real)),
        kad_yamnet=over(lambda takes: kad(heard, embedding_set(takes))),
        fad_yamnet=over(lambda takes: fad(heard, embedding_set(takes))),
        loudness_corr=over(mean_loudness_corr),
        side_agreement=over(pooled_side_agreement),
    )


def _offsets(by_seed: Sequence[Sequence[Take]]) -> Spread | None:
    medians = [offset_spread(onset_pairs(takes)).median for takes in by_seed]
    known = [median for median in medians if median is not None]
    return _spread(known) if len(known) == len(medians) else None


def _spread(values: Sequence[float]) -> Spread:
    # ddof 1: a handful of seeds is a sample, and dividing by n would flatter it (by 18 % for three).
    return Spread(float(np.mean(values)), float(np.std(values, ddof=1)), [float(value) for value in values])
