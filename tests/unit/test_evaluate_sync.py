"""Sync metrics: F1, chance and offset, on exact times and through the detector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from sr_runtime.evaluate.onsets import detect_onsets
from sr_runtime.evaluate.sync import (
    OnsetPair,
    chance_f1,
    count_matches,
    offset_spread,
    onset_f1,
    pooled_f1,
    sync_offset_ms,
)
from tests.unit.game_sounds import bursts, sparse_times

times_lists = st.lists(st.floats(0, 2, allow_nan=False, allow_subnormal=False), max_size=12).map(
    lambda times: np.array(times, np.float64)
)


def test_identical_onsets_score_one():
    times = sparse_times(30)
    assert onset_f1(times, times) == 1.0


def test_no_onsets_on_either_side_scores_one():
    assert onset_f1(np.zeros(0), np.zeros(0)) == 1.0


def test_silence_against_sounds_scores_zero():
    assert onset_f1(np.zeros(0), np.array([1.0])) == 0.0


def test_fifty_milliseconds_count_and_fifty_one_do_not():
    assert onset_f1(np.array([1.05]), np.array([1.0])) == 1.0
    assert onset_f1(np.array([1.051]), np.array([1.0])) == 0.0


def test_one_true_onset_is_matched_by_one_generated_onset_only():
    counts = count_matches(np.array([0.98, 1.0, 1.02]), np.array([1.0]))
    assert (counts.matched, counts.estimated, counts.reference) == (1, 3, 1)


@given(times_lists, times_lists)
def test_matching_is_as_large_as_any(estimated, reference):
    possible = np.abs(estimated[:, None] - reference[None, :]) <= 0.05 + 1e-9
    rows, columns = linear_sum_assignment(possible, maximize=True)
    assert count_matches(estimated, reference).matched == possible[rows, columns].sum()


def test_clips_are_pooled_by_their_onsets():
    good = OnsetPair(np.arange(1.0, 10.0), np.arange(1.0, 10.0), 20.0)
    bad = OnsetPair(np.array([5.0]), np.array([1.0]), 20.0)
    assert pooled_f1([good, bad]) == pytest.approx(0.9)


def test_chance_is_low_on_sparse_clips():
    pairs = [OnsetPair(times, times, 30.0) for times in (sparse_times(30, seed) for seed in range(5))]
    assert chance_f1(pairs) < 0.15  # measured 0.10


def test_chance_is_high_in_dense_play():
    times = np.sort(np.random.default_rng(0).uniform(0, 30, 180))
    assert chance_f1([OnsetPair(times, times, 30.0)]) > 0.3  # measured 0.37


def test_chance_repeats_with_the_same_seed():
    pair = OnsetPair(sparse_times(30, 1), sparse_times(30, 2), 30.0)
    assert chance_f1([pair]) == chance_f1([pair])


@pytest.mark.parametrize("offset_ms", [-200, -150, -100, -50, 0, 50, 100, 150, 200])
def test_injected_offset_is_recovered_from_sound(offset_ms):
    truth = sparse_times(15)
    found = detect_onsets(bursts(truth + offset_ms / 1000, 15))
    assert sync_offset_ms(found, truth) == pytest.approx(offset_ms, abs=10)


@pytest.mark.parametrize("offset_ms", [-200, 50, 200])
def test_injected_offset_is_recovered_although_a_third_of_the_onsets_is_wrong(offset_ms):
    truth = sparse_times(30)
    rng = np.random.default_rng(3)
    late = truth + offset_ms / 1000 + rng.normal(0, 0.01, len(truth))
    late[::3] = rng.uniform(0, 30, len(late[::3]))
    assert sync_offset_ms(np.sort(late), truth) == pytest.approx(offset_ms, abs=12)


def test_offset_of_two_onsets_is_unknown():
    assert sync_offset_ms(np.array([1.0, 2.0]), np.array([1.0, 2.0, 3.0])) is None


def test_offset_farther_than_a_second_is_unknown():
    assert sync_offset_ms(np.array([10.0, 11.0, 12.0]), np.array([1.0, 2.0, 3.0])) is None


def test_spread_over_clips_names_how_many_were_usable():
    times = sparse_times(30)
    pairs = [OnsetPair(times + shift, times, 30.0) for shift in (0.0, 0.02, 0.04)]
    spread = offset_spread([*pairs, OnsetPair(times[:1], times, 30.0)])
    assert spread.clips == 3
    assert spread.median == pytest.approx(20, abs=1)
    assert spread.p10 == pytest.approx(4, abs=2)


def test_spread_without_usable_clips_is_unknown():
    assert offset_spread([OnsetPair(np.zeros(0), np.zeros(0), 1.0)]).median is None
