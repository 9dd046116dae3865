"""Loudness correlation, left/right agreement and KL, and the one take that the demo judges."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from sr_runtime.errors import DataError
from sr_runtime.evaluate.paired import kl_posteriors, loudness_correlation, side_agreement, side_votes
from sr_runtime.evaluate.take import judge_take
from tests.unit.game_sounds import bursts, sparse_times


def panned(side: int) -> np.ndarray:
    """Return a second of noise, 12 dB louder on one side (0 left, 1 right)."""
    sound = np.random.default_rng(0).standard_normal((48_000, 2)).astype(np.float32) * 0.05
    sound[:, side] *= 4
    return sound


def test_loudness_of_a_sound_correlates_with_itself():
    sound = bursts(sparse_times(20), 20)
    assert loudness_correlation(sound, sound) == pytest.approx(1.0)


def test_loudness_does_not_care_about_gain():
    sound = bursts(sparse_times(20), 20)
    assert loudness_correlation(sound * 0.5, sound) > 0.95


def test_constant_loudness_correlates_with_nothing():
    sound = bursts(sparse_times(20), 20)
    assert loudness_correlation(np.zeros_like(sound), sound) == 0.0


def test_loud_where_the_truth_is_quiet_correlates_negatively():
    loud = np.repeat([1.0, 0.01] * 5, 48_000)[:, None].astype(np.float32).repeat(2, axis=1)
    quiet = np.repeat([0.01, 1.0] * 5, 48_000)[:, None].astype(np.float32).repeat(2, axis=1)
    assert loudness_correlation(loud, quiet) == pytest.approx(-1.0)


def test_sounds_of_different_length_are_refused():
    with pytest.raises(DataError, match="one length"):
        loudness_correlation(np.zeros((48_000, 2), np.float32), np.zeros((96_000, 2), np.float32))


def test_same_side_agrees_and_other_side_does_not():
    assert side_agreement(panned(0), panned(0)) == 1.0
    assert side_agreement(panned(1), panned(0)) == 0.0


def test_mono_sound_agrees_by_half():
    mono = panned(0).mean(axis=1, keepdims=True).repeat(2, axis=1)
    assert side_agreement(mono, panned(0)) == 0.5


def test_reference_in_the_middle_or_too_quiet_has_no_vote():
    mono = panned(0).mean(axis=1, keepdims=True).repeat(2, axis=1)
    assert len(side_votes(panned(0), mono)) == 0
    assert len(side_votes(panned(0), panned(0) * 1e-4)) == 0


def test_kl_of_a_posterior_with_itself_is_zero_and_grows_with_difference():
    true = np.array([[0.7, 0.2, 0.1]])
    near, far = np.array([[0.6, 0.3, 0.1]]), np.array([[0.1, 0.1, 0.8]])
    assert kl_posteriors(true, true) == pytest.approx(0.0)
    assert 0 < kl_posteriors(true, near) < kl_posteriors(true, far)


def test_kl_of_unequal_counts_is_refused():
    with pytest.raises(DataError, match="pairs"):
        kl_posteriors(np.ones((2, 3)) / 3, np.ones((3, 3)) / 3)


def test_perfect_take_has_f1_one_and_low_chance():
    sound = bursts(sparse_times(20), 20)
    metrics = judge_take(sound, sound)
    assert metrics.onset_f1 == 1.0
    assert metrics.chance < 0.3
    assert metrics.loudness_corr == pytest.approx(1.0)


def test_silent_take_scores_nothing():
    sound = bursts(sparse_times(20), 20)
    metrics = judge_take(np.zeros_like(sound), sound)
    assert (metrics.onset_f1, metrics.chance, metrics.loudness_corr) == (0.0, 0.0, 0.0)


def test_surplus_of_the_longer_take_is_ignored():
    sound = bursts(sparse_times(20), 20)
    assert judge_take(sound, sound[: 19 * 48_000]).onset_f1 == 1.0


def test_judging_a_take_loads_no_network_library():
    code = (
        "import sys, sr_runtime.evaluate.take; "
        "print(sorted({'onnx', 'onnxruntime', 'torch', 'matplotlib'} & set(sys.modules)))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
