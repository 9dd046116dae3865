"""KAD and FAD: zero for the same distribution, growing with the difference."""

from __future__ import annotations

import numpy as np
import pytest

from sr_runtime.errors import DataError
from sr_runtime.evaluate.distribution import (
    EmbeddingSet,
    fad,
    fad_interval,
    kad,
    kad_interval,
    kad_margin,
    median_bandwidth,
    split_half_floor,
)


def clips_of(vectors: np.ndarray, first: int = 0) -> EmbeddingSet:
    """Return the vectors as clips of 10 each, numbered from ``first``."""
    return EmbeddingSet(vectors, np.arange(len(vectors)) // 10 + first)


def draw(seed: int, n: int = 300, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 16)) + shift


def test_kad_of_the_same_distribution_is_about_zero():
    values = [kad(clips_of(draw(0)), clips_of(draw(seed), first=1000)) for seed in range(1, 9)]
    assert abs(np.mean(values)) < 0.1  # measured −0.02


def test_kad_of_a_set_with_itself_is_zero():
    assert kad(clips_of(draw(0)), clips_of(draw(0))) == pytest.approx(0.0)


def test_kad_and_fad_grow_with_a_shift():
    real = clips_of(draw(0))
    for distance in (kad, fad):
        values = [distance(real, clips_of(draw(1, shift=shift))) for shift in (0.0, 0.2, 0.5, 1.0)]
        assert values == sorted(values)


def test_kad_agrees_with_the_textbook_estimator():
    real, other = draw(0, 40), draw(1, 50, shift=0.3)
    gamma = 0.5 / median_bandwidth(real) ** 2

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.exp(-gamma * ((a[:, None] - b[None]) ** 2).sum(axis=2))

    rr, gg = kernel(real, real), kernel(other, other)
    expected = (
        (rr.sum() - 40) / (40 * 39) + (gg.sum() - 50) / (50 * 49) - 2 * kernel(real, other).mean()
    ) * 100
    each_its_clip = EmbeddingSet(real, np.arange(40)), EmbeddingSet(other, np.arange(100, 150))
    assert kad(*each_its_clip) == pytest.approx(expected)


def test_fad_of_known_gaussians_is_exact():
    rng = np.random.default_rng(0)
    base = rng.standard_normal((400, 4))
    base = (base - base.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(base.T))).T
    # Covariance I and 4·I, means 3 apart in one axis: 9 + 4·(1 + 4 − 2·2) = 13.
    assert fad(clips_of(base), clips_of(2 * base + [3, 0, 0, 0])) == pytest.approx(13.0, rel=1e-6)


def test_fad_works_with_fewer_vectors_than_dimensions():
    rng = np.random.default_rng(0)
    few = clips_of(rng.standard_normal((20, 64)))
    assert fad(few, few) == pytest.approx(0.0, abs=1e-9)


def test_interval_holds_the_estimate_of_a_shifted_set():
    real, shifted = clips_of(draw(0)), clips_of(draw(1, shift=0.5))
    for distance, interval in ((kad, kad_interval), (fad, fad_interval)):
        span = interval(real, shifted)
        assert span.low < distance(real, shifted) < span.high


def test_a_margin_says_which_set_is_farther_even_where_their_clips_differ():
    real, near = clips_of(draw(0)), clips_of(draw(1, shift=0.3))
    elsewhere = clips_of(draw(2, shift=1.0))
    far = EmbeddingSet(elsewhere.vectors, elsewhere.clips + 100)
    margin = kad_margin(real, near, far)
    assert 0 < margin.low < kad(real, far) - kad(real, near) < margin.high
    same = kad_margin(real, near, near)
    assert same.low == same.high == 0


def test_split_half_floor_is_near_zero_for_kad_and_above_it_for_fad():
    real = clips_of(draw(0))
    assert abs(split_half_floor(real, kad)) < 0.3  # measured −0.02
    assert split_half_floor(real, fad) > 0.1  # measured 1.13: FAD is biased upwards at small n


def test_split_half_floor_needs_four_clips():
    with pytest.raises(DataError, match="4 clips, got 3"):
        split_half_floor(clips_of(draw(0, 30)), kad)


def test_kad_needs_two_clips():
    with pytest.raises(DataError, match="2 clips"):
        kad(clips_of(draw(0, 10)), clips_of(draw(1, 10)))


def test_interval_of_two_clips_is_finite():
    span = kad_interval(clips_of(draw(0, 20)), clips_of(draw(1, 20, shift=1.0)))
    assert np.isfinite([span.low, span.high]).all()


def test_equal_embeddings_such_as_silence_have_a_finite_distance():
    silence = clips_of(np.zeros((30, 16)))
    assert kad(silence, silence) == pytest.approx(0.0)
    assert np.isfinite(kad(silence, clips_of(draw(0))))


def test_clip_numbers_must_match_the_vectors():
    with pytest.raises(DataError, match="clip numbers"):
        EmbeddingSet(np.zeros((3, 2)), np.zeros(2, np.int64))
