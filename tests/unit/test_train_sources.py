from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_runtime.train.sources import frame_times, seen_pictures, simulated_source, steady_source


def test_source_at_thirty_frames_shows_every_picture_once():
    times = np.arange(1, 121) / 30
    assert (seen_pictures(120, times) == steady_source(120)).all()


def test_source_at_fifteen_frames_shows_every_picture_twice():
    times = np.arange(0, 121, 2) / 30
    seen = seen_pictures(120, times)
    assert (np.diff(seen)[2:] > 0).sum() == pytest.approx(59, abs=1)
    assert set(np.diff(seen)[2:]) == {0, 2}


def test_stalled_source_keeps_showing_its_last_picture():
    seen = seen_pictures(60, np.array([0.0, 1 / 30, 2 / 30, 10 / 30]))
    assert (seen[2:9] == 1).all()
    assert (seen[10:] == 9).all()


def test_fast_source_lags_by_less_than_a_hop():
    rng = np.random.default_rng(0)
    seen = seen_pictures(240, frame_times(8.0, 144.0, rng))
    assert (np.arange(240) - seen).max() <= 1


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([24, 120, 240]))
def test_no_simulated_source_shows_the_future_or_goes_back(seed, hops):
    seen = simulated_source(hops, np.random.default_rng(seed))
    assert seen.shape == (hops,)
    assert (seen <= np.arange(hops)).all()
    assert (np.diff(seen) >= 0).all()
    assert (seen >= 0).all()


def test_sources_of_all_rates_hold_and_drop_pictures():
    rng = np.random.default_rng(1)
    steps = np.concatenate([np.diff(simulated_source(240, rng)) for _ in range(40)])
    assert (steps == 0).mean() > 0.1
    assert (steps > 1).mean() > 0.1
    assert (steps == 1).mean() > 0.3
