"""Measure in a moment in which the host leaves the sound alone, and fail if there is none.

The machine may be busy: a disturbance (the producer, the audio process or the sound server was kept away, or
ran short) is recognised by the clock and the measurement taken again; a fault of ours is not.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from sr_runtime.audio import PlayerStats
from tests.realtime.bed import Recording
from tests.realtime.counting_sound import Producer

BUDGET_S = 180.0
"""A dozen attempts of some 12 s, within the 300 s that a test may take: a disturbance that lasts longer than
this is how the machine is, and a claim that could not be tested must not look as if it had been."""

REST_S = 1.0
HOST_STALL_S = 0.040


def host_disturbance(producer: Producer, stats: PlayerStats, recording: Recording) -> str:
    """Say how the host disturbed a measurement, empty if it did not.

    A sound server that was stopped for 30 ms leaves 48 ms between two pieces of the recording, for 60 ms 80,
    and never more than 33 beside four busy processes; what it loses then it reports to nobody.
    """
    if producer.latest_s > HOST_STALL_S:
        return f"the producer was {producer.latest_s * 1000:.0f} ms late"
    if stats.longest_tick_ms > HOST_STALL_S * 1000:
        return f"the audio process was away for {stats.longest_tick_ms:.0f} ms"
    if recording.longest_wait_s > HOST_STALL_S:
        return f"the sound server gave nothing for {recording.longest_wait_s * 1000:.0f} ms"
    return f"the sound server ran short {stats.device_underflows} times" if stats.device_underflows else ""


def undisturbed(
    attempt: Callable[[], str],
    clock_s: Callable[[], float] = time.monotonic,
    rest: Callable[[float], None] = time.sleep,
) -> None:
    """Repeat a measurement until the host leaves it alone; fail if it does not within :data:`BUDGET_S`.

    Args:
        attempt: measures and returns how the host disturbed it, empty if it did not.
        clock_s: the time; a virtual clock in tests.
        rest: waits so many seconds.
    """
    begun_s = clock_s()
    disturbances: list[str] = []
    while disturbance := attempt():
        disturbances.append(disturbance)
        spent_s = clock_s() - begun_s
        # Another attempt takes as long as these did on average.
        if spent_s * (1 + 1 / len(disturbances)) > BUDGET_S:
            pytest.fail(_never_measured(disturbances, spent_s), pytrace=False)
        rest(REST_S)


def _never_measured(disturbances: list[str], spent_s: float) -> str:
    attempts = "".join(f"\n  attempt {n}: {text}" for n, text in enumerate(disturbances, start=1))
    return (
        f"NOT MEASURED: the host disturbed each of {len(disturbances)} attempts in {spent_s:.0f} s by more "
        f"than {HOST_STALL_S * 1000:.0f} ms, so whether the sound is whole is not known. End what keeps the "
        f"cores busy and run this test again.{attempts}"
    )
