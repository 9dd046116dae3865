"""The watchdog on a clock of its own: vanishing, hanging and absent devices."""

from __future__ import annotations

from sr_runtime.audio.device_buffer import DeviceBuffer
from sr_runtime.audio.watchdog import Watchdog
from sr_runtime.errors import AudioDeviceError

MS = 1_000_000


class FakeStream:
    """A device whose callbacks the test makes."""

    device = "card"
    underflows = 0

    def __init__(self, now_ns: int) -> None:
        self.callback_ns = now_ns
        self.finished = False
        self.is_closed = False

    def offset_ns(self) -> int:
        return 0

    def close(self) -> None:
        self.is_closed = True


class Bench:
    """A watchdog, its clock, and a device that may be there or not."""

    def __init__(self) -> None:
        self.now_ns = 10**12
        self.is_there = True
        self.tries_ns: list[int] = []
        self.refreshes = 0
        self.stream: FakeStream | None = None
        self.watchdog = Watchdog(self._open, self._refresh)

    def _open(self) -> FakeStream:
        self.tries_ns.append(self.now_ns)
        if not self.is_there:
            raise AudioDeviceError("no such device")
        self.stream = FakeStream(self.now_ns)
        return self.stream

    def _refresh(self) -> None:
        self.refreshes += 1

    def run(self, ms: int, calls_back: bool = True) -> bool:
        works = False
        for _ in range(ms):
            self.now_ns += MS
            if calls_back and self.stream is not None:
                self.stream.callback_ns = self.now_ns
            works = self.watchdog.tick(self.now_ns)
        return works


def test_a_working_device_is_opened_once_and_left_alone() -> None:
    bench = Bench()
    assert bench.run(5000)
    assert len(bench.tries_ns) == 1
    assert (bench.watchdog.reopens, bench.watchdog.reason, bench.watchdog.device) == (0, "", "card")


def test_an_absent_device_is_tried_again_with_growing_pauses() -> None:
    bench = Bench()
    bench.is_there = False
    assert not bench.run(60_000)
    pauses_ms = [round((b - a) / MS) for a, b in zip(bench.tries_ns, bench.tries_ns[1:], strict=False)]
    assert pauses_ms[:4] == [250, 500, 1000, 1000]
    assert pauses_ms[-1] == 5000
    assert bench.refreshes == len(bench.tries_ns) - 1
    assert bench.watchdog.missing_state == "no device"
    assert bench.watchdog.reason == "no such device"
    bench.is_there = True
    assert bench.run(5001)


def test_a_vanished_device_is_seen_at_once_and_opened_when_it_returns() -> None:
    bench = Bench()
    bench.run(2000)
    gone = bench.stream
    assert gone is not None
    gone.finished = True
    bench.is_there = False
    assert not bench.run(1)
    assert gone.is_closed
    assert "vanished" in bench.watchdog.reason
    bench.run(3000)
    assert bench.watchdog.missing_state == "lost"
    bench.is_there = True
    assert bench.run(1001)
    assert bench.watchdog.reopens == 1


def test_a_hanging_device_is_seen_within_a_quarter_second_and_may_come_back_by_itself() -> None:
    bench = Bench()
    bench.run(2000)
    assert not bench.run(200, calls_back=False)
    assert "has not asked for sound" in bench.watchdog.reason
    assert bench.run(1)
    assert (len(bench.tries_ns), bench.watchdog.reason) == (1, "")


def test_a_device_that_hangs_for_long_is_opened_again() -> None:
    bench = Bench()
    bench.run(2000)
    hung = bench.stream
    bench.run(3002, calls_back=False)
    assert hung is not None
    assert hung.is_closed
    assert len(bench.tries_ns) == 2


def test_a_slow_first_callback_is_no_hang() -> None:
    bench = Bench()
    assert bench.run(900, calls_back=False)
    assert not bench.run(200, calls_back=False)


def test_underflows_are_kept_over_reopenings() -> None:
    bench = Bench()
    bench.run(10)
    assert bench.stream is not None
    bench.stream.underflows = 3
    bench.stream.finished = True
    bench.run(500)
    assert bench.stream is not None
    bench.stream.underflows = 2
    assert bench.watchdog.device_underflows == 5


def test_the_device_buffer_doubles_at_the_third_underflow_within_ten_seconds() -> None:
    buffer = DeviceBuffer(0.015)
    buffer.opened(100.0)
    assert not buffer.must_grow(5, 101.0), "a driver that is starting"
    assert [buffer.must_grow(count, float(now)) for count, now in ((6, 103), (7, 104), (7, 105))] == [
        False
    ] * 3
    assert buffer.must_grow(8, 106.0)
    assert buffer.seconds == 0.03


def test_rare_underflows_do_not_grow_the_device_buffer() -> None:
    buffer = DeviceBuffer(0.015)
    assert not any(buffer.must_grow(count, 10.0 + 6.0 * count) for count in range(1, 100))


def test_the_device_buffer_grows_no_further_than_80_ms() -> None:
    buffer = DeviceBuffer(0.06)
    grew = [buffer.must_grow(count, 10.0 + count) for count in range(1, 50)]
    assert grew.count(True) == 1
    assert buffer.seconds == 0.08


def test_the_device_is_opened_again_on_demand() -> None:
    bench = Bench()
    bench.run(2000)
    bench.watchdog.reopen(bench.now_ns, "a larger buffer is wanted")
    assert bench.watchdog.stream is None
    assert bench.run(2)
    assert bench.watchdog.reopens == 1
