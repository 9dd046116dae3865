"""Hypothesis settings for a machine that is busy with something else: no deadlines, fewer examples."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

unhurried = settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
"""A decorator for ``@given`` tests; goes above ``@given``."""
