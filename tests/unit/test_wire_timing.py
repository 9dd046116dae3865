"""The hop clock, lockstep counting, clock offsets and admission: all on numbers, no time passes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sr_bridge.messages import Hello

from sr_runtime.server.admission import OVERHEAD_MS, Admission
from sr_runtime.server.capture_clock import CaptureClock
from sr_runtime.server.hop_clock import HopClock
from sr_runtime.server.lockstep import StepBuffer, total_samples
from sr_runtime.server.settings import ServerSettings
from sr_runtime.types import HOP_SAMPLES
from tests.unhurried import unhurried

FOREIGN_OFFSETS = st.integers(-(10**18), -5 * 10**9) | st.integers(5 * 10**9, 10**18)
"""Between clocks in ns; smaller ones are taken for the same clock."""
FPS = [1.0, 7.0, 20.0, 24.0, 29.97, 30.0, 35.0, 59.94, 60.0, 120.0, 144.0, 240.0]


def test_thirty_beats_take_one_second_without_drift() -> None:
    clock = HopClock(start_ns=7)
    times = []
    for _ in range(30 * 60):
        times.append(clock.next_ns)
        assert clock.take(clock.next_ns) is not None
    assert clock.next_ns == 7 + 60 * 10**9
    assert {later - earlier for earlier, later in pairwise(times)} == {33_333_333, 33_333_334}


@unhurried
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60))
def test_stalls_skip_beats_and_never_catch_up(waits: list[int]) -> None:
    clock, now, last = HopClock(0), 0, -1
    for wait in waits:
        now += wait
        beat = clock.take(now)
        if beat is None:
            continue
        assert beat.index == last + 1 + beat.skipped
        assert beat.late_ns < 33_333_334  # the newest beat, not an old one
        assert clock.take(now) is None  # one beat at a time
        last = beat.index
    assert clock.skipped <= now * 30 // 10**9


@pytest.mark.parametrize("fps", FPS)
def test_lockstep_delivers_exactly_the_rounded_total_after_every_step(fps: float) -> None:
    buffer, delivered = StepBuffer(fps), 0
    hop_of_step = []
    steps = min(400, int(20 * fps))
    for step in range(1, steps + 1):
        while buffer.needs_hop:
            hop_of_step.append(step)
            buffer.add(np.full((HOP_SAMPLES, 2), len(hop_of_step) - 1, np.float32))
        sound = buffer.take()
        expected = np.arange(delivered, delivered + len(sound)) // HOP_SAMPLES
        np.testing.assert_array_equal(sound[:, 0], expected)
        delivered += len(sound)
        assert delivered == total_samples(step, fps) == int(48_000 * step / fps + 0.5)
    for hop, step in enumerate(hop_of_step):
        first = next(i for i in range(1, steps + 1) if total_samples(i, fps) > HOP_SAMPLES * hop)
        assert step == first


def test_lockstep_counts_do_not_drift_over_a_day() -> None:
    assert total_samples(30 * 86_400, 30.0) == 48_000 * 86_400
    assert total_samples(2_589_408 * 2, 29.97) == pytest.approx(48_000 * 2_589_408 * 2 / 29.97, abs=0.5)


@unhurried
@given(FOREIGN_OFFSETS, st.lists(st.integers(300_000, 40_000_000), min_size=5, max_size=50))
def test_frame_ages_survive_any_offset_of_the_senders_clock(offset: int, delays: list[int]) -> None:
    clock, errors = CaptureClock(), []
    for index, delay in enumerate(delays):
        captured = index * 33_333_333
        estimate = clock.to_ours(captured + offset, captured + delay)
        assert estimate <= captured + delay
        errors.append(estimate - captured)
    # Right to the quickest way so far (and the clocks' allowed drift).
    assert abs(errors[-1] - min(delays)) <= 100e-6 * (len(delays) * 34e6 + max(delays)) + 2


def test_a_frame_of_our_own_clock_needs_no_estimate() -> None:
    assert CaptureClock().to_ours(5 * 10**9, 5 * 10**9 + 7_000_000) == 5 * 10**9


def test_a_restarted_sender_clock_is_followed() -> None:
    clock = CaptureClock()
    for captured in (10**15, 0, 10**12):
        now = 10**9 + captured // 1000
        assert now - clock.to_ours(captured, now) < 10**6


def admission_of(one_ms: float, four_ms: float, **settings: int) -> Admission:
    admission = Admission(ServerSettings(**settings))
    admission.learn(one_ms, four_ms, 4)
    return admission


@pytest.mark.parametrize(
    ("one_ms", "four_ms", "each", "sessions"),
    [(1.0, 4.0, "1.4", 20), (7.0, 19.0, "4.4", 5), (15.0, 60.0, "15.4", 1), (100.0, 110.0, "5.4", 1)],
)
def test_as_many_sessions_are_admitted_as_the_measured_times_allow(
    one_ms: float, four_ms: float, each: str, sessions: int
) -> None:
    admission = admission_of(one_ms, four_ms)
    assert admission.capacity == sessions
    hello = Hello("x")
    assert admission.judge(hello, live=sessions - 1, lockstep=0) is None
    busy = admission.judge(hello, live=sessions, lockstep=0)
    assert busy is not None
    assert (busy.code, busy.fatal) == ("server_busy", True)
    assert f"at {each} ms for one more" in busy.expected


def test_beats_that_take_twice_as_long_as_learnt_leave_room_for_fewer() -> None:
    admission = admission_of(3.0, 12.0)
    before = admission.capacity
    for _ in range(40):
        admission.note(2, 12.0)
    assert admission.capacity == 4 < before
    for _ in range(400):
        admission.note(2, 2 * (3.0 + OVERHEAD_MS))
    assert admission.capacity == before


def test_nobody_is_admitted_while_all_are_late_already() -> None:
    admission = admission_of(1.0, 4.0)
    busy = admission.judge(Hello("x"), live=2, lockstep=0, is_late=True)
    assert busy is not None and "late already" in busy.expected
    assert admission.judge(Hello("x"), live=0, lockstep=0, is_late=True) is None


def test_lockstep_sessions_do_not_take_the_place_of_live_ones() -> None:
    admission = admission_of(20.0, 80.0, max_lockstep_sessions=2)
    lockstep = Hello("x", mode="lockstep", fps=20.0)
    assert admission.judge(lockstep, live=1, lockstep=1) is None
    assert admission.judge(lockstep, live=0, lockstep=2) is not None
