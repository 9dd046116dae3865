"""Sessions never end: the ring wraps, and angles stay right after simulated years."""

from __future__ import annotations

import numpy as np
import pytest

from sr_runtime.engine.backends.onnx import OnnxBackend
from sr_runtime.engine.member import Member
from sr_runtime.engine.rotation import Rotation
from sr_runtime.engine.transformer import NextToken, TransformerStage
from tests.small_model import WINDOW, small_bundle

A_DAY = 60 * 60 * 24 * 60
"""Tokens: two per hop, thirty hops a second."""


class Sequence:
    """A session's transformer alone, at any position."""

    def __init__(self, position: int) -> None:
        bundle = small_bundle("fp32")
        self.member = Member(bundle.initial_state())
        self.member.state["position"][0] = position
        self.stage = TransformerStage(OnnxBackend(bundle).graph("transformer"), bundle.manifest.transformer)
        self.stage.join(self.member, 0)

    def append(self, conditional: np.ndarray, null: np.ndarray) -> np.ndarray:
        (hidden,) = self.stage.append([NextToken(self.member, conditional[0], null[0])])
        return hidden.copy()


@pytest.mark.parametrize("position", [0, 12345, A_DAY, 10**9, 10**9 + 7])
def test_angles_are_right_at_any_position(position: int) -> None:
    cos, sin = np.zeros(32, np.float32), np.zeros(32, np.float32)
    Rotation(64, 10_000.0).write(position, cos, sin)
    exact = np.longdouble(position) * np.longdouble(10_000.0) ** (-np.arange(0, 64, 2) / np.longdouble(64))
    error = max(np.abs(cos - np.cos(exact)).max(), np.abs(sin - np.sin(exact)).max())
    assert error < 1e-6, f"at position {position} angles err by {error}"


def test_float32_angles_would_be_wrong_after_a_day() -> None:
    angle = np.float32(A_DAY) * np.float32(10_000.0) ** np.float32(-2 / 64)
    exact = np.longdouble(A_DAY) * np.longdouble(10_000.0) ** (np.longdouble(-2) / 64)
    assert abs(float(angle - exact)) > 0.01


@pytest.mark.parametrize("start", [10 * A_DAY, 10**9 + 1])
def test_what_a_token_sees_does_not_depend_on_how_long_the_session_has_run(start: int) -> None:
    rng = np.random.default_rng(0)
    width, layers = 48, 2
    young, old = Sequence(0), Sequence(start)
    # Each layer sees one window back: after layers + 1 windows nothing of the start is left.
    for _ in range((layers + 1) * WINDOW + 5):
        token = rng.standard_normal((1, 1, width)).astype(np.float32)
        first, second = young.append(token, -token).copy(), old.append(token, -token).copy()
    assert old.member.position == start + (layers + 1) * WINDOW + 5
    np.testing.assert_allclose(first, second, rtol=0, atol=1e-4 * np.abs(first).max())


def test_a_token_older_than_the_window_is_forgotten() -> None:
    rng = np.random.default_rng(1)
    tokens = rng.standard_normal((WINDOW * 3, 1, 1, 48)).astype(np.float32)
    one, other = Sequence(0), Sequence(0)
    one.append(tokens[0], tokens[0])
    other.append(-tokens[0], tokens[0])
    differs = []
    for token in tokens[1:]:
        a, b = one.append(token, token).copy(), other.append(token, token).copy()
        differs.append(not np.allclose(a, b, atol=1e-6))
    # Two layers reach two windows back, minus the token itself in each.
    assert differs[WINDOW - 2]
    assert not any(differs[2 * (WINDOW - 1) :])
