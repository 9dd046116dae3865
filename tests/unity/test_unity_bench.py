"""What ``make bench-unity`` demands: every goal is missed by figures that miss it, and by no others."""

from __future__ import annotations

import math

import pytest

from benchmarks import unity

GOOD = {
    "seconds": 60.0,
    "frames_per_second": 29.5,
    "frames_lost": 0.0,
    "round_trip_ms_p95": 10.0 + 2 * unity.HOP_MS,
    "hop_ms_p50": 10.0,
    "dispose_ms_worst": 99.9,
}


def test_figures_at_their_limits_are_good() -> None:
    assert unity.missed(GOOD) == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("seconds", 59.0, "at least 60 wanted"),
        ("frames_per_second", 29.49, "frames/s"),
        ("frames_lost", 1.0, "did not arrive"),
        ("round_trip_ms_p95", 10.1 + 2 * unity.HOP_MS, "round trip"),
        ("round_trip_ms_p95", math.nan, "round trip"),
        ("dispose_ms_worst", 100.0, "dispose"),
        ("hop_ms_p50", math.nan, "round trip"),
    ],
)
def test_a_missed_goal_is_named(name: str, value: float, words: str) -> None:
    (missed,) = unity.missed({**GOOD, name: value})
    assert words in missed
