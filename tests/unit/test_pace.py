"""The metronome: it neither drifts nor catches up by itself. The clock is virtual."""

from __future__ import annotations

from sr_runtime.live.pace import Pace


class VirtualClock:
    def __init__(self) -> None:
        self.now_ns = 5_000_000_000

    def __call__(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)


def test_beats_stay_on_time_however_long_each_takes():
    clock = VirtualClock()
    pace = Pace(30, clock, clock.sleep)
    for beat in range(1, 901):
        pace.wait_for(beat)
        clock.sleep(0.011)
    pace.wait_for(901)
    assert abs(clock.now_ns - 5_000_000_000 - 901 / 30 * 1e9) < 1_000


def test_a_beat_that_is_over_does_not_wait():
    clock = VirtualClock()
    pace = Pace(30, clock, clock.sleep)
    clock.sleep(10)
    before = clock.now_ns
    pace.wait_for(1)
    assert clock.now_ns == before
    assert pace.until_ns(1) < 0
