"""Compare the distribution of a set of sounds with that of real sound, by a network's embeddings.

KAD is the one to trust at a few hundred embeddings; FAD stands beside it because readers know it. Both need
the name of the network and n beside every number (``docs/evaluation.md``).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sr_runtime.errors import DataError

FloatArray = npt.NDArray[np.float64]

KAD_SCALE: Final = 100.0
"""Customary factor: squared MMD values of real sounds lie in the thousandths."""

LEAST_FLOOR_CLIPS: Final = 4
"""Two in each half: KAD compares clips with other clips of the same half."""


@dataclass(frozen=True)
class EmbeddingSet:
    """Embeddings of several clips.

    Attributes:
        vectors: float64 (n, d).
        clips: int64 (n,): the clip that each vector's sound stems from. Neighbouring patches of one clip
            resemble each other, so that clips, not patches, are what is drawn at random.
    """

    vectors: FloatArray
    clips: npt.NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.vectors) != len(self.clips):
            raise DataError(
                f"embeddings must be (n, d) with n clip numbers: "
                f"got {self.vectors.shape} and {self.clips.shape}"
            )

    def of(self, clips: npt.NDArray[np.int64]) -> EmbeddingSet:
        """Return the embeddings of these clips; a clip named twice comes twice."""
        rows = np.concatenate([np.flatnonzero(self.clips == clip) for clip in clips])
        return EmbeddingSet(self.vectors[rows], self.clips[rows])


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval of 95 %.

    Attributes:
        low: Lower end.
        high: Upper end.
    """

    low: float
    high: float


def median_bandwidth(vectors: FloatArray) -> float:
    """Return the median distance between different vectors of a set, the kernel's bandwidth σ."""
    distances = np.sqrt(_squared_distances(vectors, vectors)[np.triu_indices(len(vectors), 1)])
    median = float(np.median(distances)) if len(distances) else 0.0
    # All alike (digital silence): any bandwidth serves, but not zero.
    return median if median > 0 else 1.0


class KernelSums:
    """The RBF kernel between two sets, summed per pair of clips: every bootstrap draw reads it again.

    Pairs that stem from the same clip are left out of all three means. That makes the estimate unbiased
    although patches of a clip resemble each other and although generated clips are made for real ones.
    """

    def __init__(self, real: EmbeddingSet, generated: EmbeddingSet) -> None:
        """Compute the kernel.

        Args:
            real: The reference; its median distance is the bandwidth.
            generated: The set to judge.
        """
        self.clips = np.union1d(real.clips, generated.clips)
        gamma = 0.5 / median_bandwidth(real.vectors) ** 2
        ours, theirs = _membership(generated, self.clips), _membership(real, self.clips)
        self._sums = {
            "rr": theirs.T @ np.exp(-gamma * _squared_distances(real.vectors, real.vectors)) @ theirs,
            "gg": ours.T @ np.exp(-gamma * _squared_distances(generated.vectors, generated.vectors)) @ ours,
            "rg": theirs.T @ np.exp(-gamma * _squared_distances(real.vectors, generated.vectors)) @ ours,
        }
        n, m = theirs.sum(axis=0), ours.sum(axis=0)
        self._pairs = {"rr": np.outer(n, n), "gg": np.outer(m, m), "rg": np.outer(n, m)}
        for table in (self._sums, self._pairs):
            for values in table.values():
                np.fill_diagonal(values, 0.0)

    def kad(self, weights: FloatArray | None = None) -> float:
        """Return KAD with each clip counted ``weights`` times (once by default); NaN with one clip only."""
        weights = np.ones(len(self.clips)) if weights is None else weights
        rr, gg, rg = (self._mean(name, weights) for name in ("rr", "gg", "rg"))
        return KAD_SCALE * (rr + gg - 2 * rg)

    def _mean(self, name: str, weights: FloatArray) -> float:
        pairs = float(weights @ self._pairs[name] @ weights)
        return float(weights @ self._sums[name] @ weights) / pairs if pairs else math.nan


def kad(real: EmbeddingSet, generated: EmbeddingSet) -> float:
    """Return the kernel audio distance: unbiased squared MMD with an RBF kernel, times 100.

    Args:
        real: The reference.
        generated: The set to judge; a clip number shared with ``real`` means that the sound was made for
            that clip.

    Returns:
        About 0 for the same distribution (slightly negative by chance), growing with the difference.

    Raises:
        DataError: A side has only one clip, so that no two independent sounds can be compared.
    """
    if min(len(np.unique(real.clips)), len(np.unique(generated.clips))) < 2:
        raise DataError("a kernel distance needs at least 2 clips on either side, got 1")
    return KernelSums(real, generated).kad()


def kad_interval(real: EmbeddingSet, generated: EmbeddingSet, draws: int = 500, seed: int = 0) -> Interval:
    """Return the percentile interval of KAD over clips drawn with replacement."""
    sums = KernelSums(real, generated)
    rng = np.random.default_rng(seed)
    count = len(sums.clips)
    weights = rng.multinomial(count, np.full(count, 1 / count), size=draws).astype(np.float64)
    # With very few clips a draw may hold one clip only, which has no pairs: such draws are left out.
    low, high = np.nanpercentile([sums.kad(row) for row in weights], [2.5, 97.5])
    return Interval(float(low), float(high))


def kad_margin(
    real: EmbeddingSet, near: EmbeddingSet, far: EmbeddingSet, draws: int = 500, seed: int = 0
) -> Interval:
    """Return the percentile interval of how much farther one set is from the real one than another, in KAD.

    Clips are drawn with replacement as in :func:`kad_interval`, the same for both distances: what an unusual
    real clip does to the one it does to the other.

    Args:
        real: The reference.
        near: The set that is taken to be nearer.
        far: The other.
        draws: How often clips are drawn.
        seed: Of the draws.
    """
    nearer, farther = KernelSums(real, near), KernelSums(real, far)
    clips = np.union1d(nearer.clips, farther.clips)
    places = [np.searchsorted(clips, sums.clips) for sums in (nearer, farther)]
    weights = np.random.default_rng(seed).multinomial(len(clips), np.full(len(clips), 1 / len(clips)), draws)
    margins = [farther.kad(row[places[1]]) - nearer.kad(row[places[0]]) for row in weights.astype(np.float64)]
    low, high = np.nanpercentile(margins, [2.5, 97.5])
    return Interval(float(low), float(high))


def fad(real: EmbeddingSet, generated: EmbeddingSet) -> float:
    """Return the Fréchet distance of two Gaussians fitted to the embeddings.

    ``|μ1 − μ2|² + tr(C1 + C2 − 2 (C1 C2)^½)``; the last trace is the sum of the singular values of
    ``A1ᵀ A2``, where ``A`` are the centred vectors over ``√(n−1)``: no matrix square root, and exact where
    there are fewer vectors than dimensions. It is biased upwards for small n: read it beside the floor.

    Args:
        real: The reference, n ≥ 2.
        generated: The set to judge, n ≥ 2.

    Returns:
        ≥ 0.
    """
    mean_r, spread_r = _gaussian(real.vectors)
    mean_g, spread_g = _gaussian(generated.vectors)
    cross = np.linalg.svd(spread_r @ spread_g.T, compute_uv=False).sum()
    apart = float(((mean_r - mean_g) ** 2).sum())
    return max(0.0, apart + float((spread_r**2).sum() + (spread_g**2).sum() - 2 * cross))


def fad_interval(real: EmbeddingSet, generated: EmbeddingSet, draws: int = 40, seed: int = 0) -> Interval:
    """Return the basic bootstrap interval of FAD over clips.

    Drawing with replacement lowers the number of different clips and so raises FAD; reflecting the
    percentiles about the estimate (``2θ − q``) takes that bias out.
    """
    estimate = fad(real, generated)
    rng = np.random.default_rng(seed)
    clips = np.union1d(real.clips, generated.clips)
    values = []
    for _ in range(draws):
        drawn = rng.choice(clips, len(clips))
        values.append(fad(real.of(drawn), generated.of(drawn)))
    low, high = np.percentile(values, [2.5, 97.5])
    return Interval(max(0.0, 2 * estimate - float(high)), max(0.0, 2 * estimate - float(low)))


def split_half_floor(
    real: EmbeddingSet,
    distance: Callable[[EmbeddingSet, EmbeddingSet], float],
    splits: int = 10,
    seed: int = 0,
) -> float:
    """Return the distance that real sound has from itself.

    Args:
        real: The real sound's embeddings, of at least four clips.
        distance: :func:`kad` or :func:`fad`.
        splits: Random halvings of the clips.
        seed: Of the halvings.

    Returns:
        Mean over the splits. Each half has n/2 embeddings, so for FAD the floor at n lies lower.

    Raises:
        DataError: There are fewer than four clips.
    """
    clips = np.unique(real.clips)
    if len(clips) < LEAST_FLOOR_CLIPS:
        raise DataError(f"a split-half floor needs at least {LEAST_FLOOR_CLIPS} clips, got {len(clips)}")
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(splits):
        order = rng.permutation(clips)
        values.append(distance(real.of(order[: len(order) // 2]), real.of(order[len(order) // 2 :])))
    return float(np.mean(values))


def _gaussian(vectors: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean (d,) and a root of the covariance, (n, d) or (d, d)."""
    if len(vectors) < 2:
        raise DataError(f"a Fréchet distance needs at least 2 embeddings, got {len(vectors)}")
    mean = vectors.mean(axis=0)
    spread = (vectors - mean) / np.sqrt(len(vectors) - 1)
    # With many vectors their triangular factor has the same covariance and is only (d, d).
    return mean, np.asarray(np.linalg.qr(spread, mode="r")) if len(spread) > spread.shape[1] else spread


def _membership(embeddings: EmbeddingSet, clips: npt.NDArray[np.int64]) -> FloatArray:
    """Return which vector belongs to which clip, float64 (n, clips) of 0 and 1."""
    return np.asarray(embeddings.clips[:, None] == clips[None, :], np.float64)


def _squared_distances(left: FloatArray, right: FloatArray) -> FloatArray:
    """Return squared Euclidean distances (n, m), never negative."""
    squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :]
    return np.asarray(np.maximum(squares - 2 * left @ right.T, 0.0))
