"""Hypothesis beside busy machines (no deadlines, fewer examples) and beside onnxruntime (no subnormals)."""

from __future__ import annotations

from functools import partial

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

unhurried = settings(
    deadline=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
"""A decorator for ``@given`` tests; goes above ``@given``."""

floats = partial(st.floats, allow_subnormal=False)
"""onnxruntime, once used in a process, makes its thread flush subnormal numbers to zero, which hypothesis
refuses to work with unless it is told not to make any."""
