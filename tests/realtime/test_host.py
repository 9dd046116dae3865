"""What a measurement in real time does on a busy machine: try again for minutes, then fail and say why."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.realtime.host import BUDGET_S, REST_S, undisturbed

ATTEMPT_S = 12.0


class SlowHost:
    """Attempts that take 12 s of a virtual clock each."""

    def __init__(self, outcomes: Iterator[str]) -> None:
        self.now_s = 0.0
        self.attempts = 0
        self._outcomes = outcomes

    def attempt(self) -> str:
        self.attempts += 1
        self.now_s += ATTEMPT_S
        return next(self._outcomes)

    def rest(self, seconds: float) -> None:
        self.now_s += seconds

    def measure(self) -> None:
        undisturbed(self.attempt, lambda: self.now_s, self.rest)


def test_a_measurement_is_repeated_until_the_host_leaves_it_alone() -> None:
    host = SlowHost(iter([*["the producer was 52 ms late"] * 9, ""]))
    host.measure()
    assert host.attempts == 10
    assert host.now_s == 10 * ATTEMPT_S + 9 * REST_S


def test_a_host_that_is_never_quiet_fails_the_test_and_every_disturbance_is_named() -> None:
    host = SlowHost(f"the producer was {50 + n} ms late" for n in range(100))
    with pytest.raises(pytest.fail.Exception, match="NOT MEASURED: the host disturbed each of 13") as failed:
        host.measure()
    assert "attempt 1: the producer was 50 ms late" in str(failed.value)
    assert "attempt 13: the producer was 62 ms late" in str(failed.value)
    assert host.now_s <= BUDGET_S


def test_a_fault_of_ours_is_not_tried_again() -> None:
    def attempt() -> str:
        raise AssertionError("a kink")

    with pytest.raises(AssertionError, match="a kink"):
        undisturbed(attempt)
