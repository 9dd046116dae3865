"""The way from ring to callback on a virtual clock: stalls, backlogs, drift and pauses, without a click."""

from __future__ import annotations

import numpy as np
import pytest

from sr_runtime.audio.local import LocalRing
from sr_runtime.audio.pump import Pump
from sr_runtime.audio.ring import FLAG_PAUSE, RING_BYTES, SharedRing
from sr_runtime.audio.settings import AudioSettings
from sr_runtime.server.hop_clock import HopClock
from sr_runtime.types import Audio

MS = 1_000_000
TONE_HZ = 997.0
LEVEL = 0.5
STEP = LEVEL * 2 * np.pi * TONE_HZ / 48000
"""Largest step from sample to sample of the test tone."""


class Bench:
    """A producer, a pump and a sound card on one virtual clock, in steps of 1 ms.

    Attributes:
        producing: whether hops are made (every 33.3 ms).
        pumping: whether the pump gets to run (every 3 ms).
        skip_backlog: of the hops due in a stall only the newest is made, by the runtime's own clock.
    """

    def __init__(self, latency: str | float = "balanced", card_ppm: float = 0.0) -> None:
        self.ring = SharedRing(memoryview(bytearray(RING_BYTES)))
        self.settings = AudioSettings(latency=latency)
        self.pump = Pump(self.ring, self.settings)
        self.now_ns = 10**12
        self.producing = self.pumping = True
        self.skip_backlog = True
        self._block_ns = 480 / 48000 * 1e9 / (1 + card_ppm * 1e-6)
        self._next_block_ns = float(self.now_ns)
        self._clock = HopClock(self.now_ns)
        self._hop = 0
        self._heard: list[Audio] = []

    @property
    def heard(self) -> Audio:
        return np.concatenate(self._heard)

    def run(self, ms: int) -> None:
        for step in range(ms):
            self.now_ns += MS
            if self.producing and (beat := self._clock.take(self.now_ns)) is not None:
                for _ in range(1 if self.skip_backlog else 1 + beat.skipped):
                    self.write_hop()
            if self.pumping and step % 3 == 0:
                self.pump.tick(self.now_ns)
            while self.now_ns >= self._next_block_ns:
                self._next_block_ns += self._block_ns
                self._play_block()

    def wait(self, ms: int) -> None:
        """Let time pass in which nothing runs."""
        self.now_ns += ms * MS
        self._next_block_ns = float(self.now_ns)
        self._clock = HopClock(self.now_ns)

    def write_hop(self) -> None:
        at = np.arange(self._hop * 1600, (self._hop + 1) * 1600)
        wave = (LEVEL * np.sin(2 * np.pi * TONE_HZ * at / 48000)).astype(np.float32)
        self.ring.write(np.stack([wave, -wave], axis=1), self.now_ns, self._hop, self.now_ns)
        self._hop += 1

    def _play_block(self) -> None:
        block = np.full((480, 2), 9.0, np.float32)
        self.pump.local.read_into(memoryview(block).cast("B"), 480, (self.now_ns + 20 * MS) / 1e9)
        self._heard.append(block)

    def silence_ms(self) -> float:
        """Silence since the first sound, in milliseconds."""
        loud = np.abs(self.heard[:, 0]) > 1e-3
        first = int(np.argmax(loud))
        blocks = np.abs(self.heard[first:, 0])[: (len(self.heard) - first) // 48 * 48].reshape(-1, 48)
        return float((blocks.max(axis=1) < 1e-3).sum())

    def has_click(self) -> bool:
        return bool(np.abs(np.diff(self.heard, axis=0)).max() > 1.1 * STEP)


def test_steady_hops_come_out_whole_at_the_target_level() -> None:
    bench = Bench()
    bench.run(10_000)
    stats = bench.pump.stats()
    assert (stats.state, stats.underruns, stats.skips, stats.corrupt) == ("playing", 0, 0, 0)
    assert not bench.has_click()
    assert bench.silence_ms() == 0
    assert np.abs(bench.heard[24000:]).max() == pytest.approx(LEVEL, rel=0.01)
    assert stats.level_ms.p50 == pytest.approx(bench.settings.latency_ms, abs=12)
    assert stats.level_ms.min > 45


def test_sound_starts_with_a_rise_once_the_target_is_gathered() -> None:
    bench = Bench()
    bench.run(60)
    assert bench.pump.state == "priming"
    assert np.all(bench.heard == 0.0)
    bench.run(200)
    assert bench.pump.state == "playing"
    first = int(np.argmax(np.abs(bench.heard[:, 0]) > 1e-4))
    assert np.abs(bench.heard[first : first + 24, 0]).max() < 0.05


def test_latency_is_measured_from_capture_to_the_dac() -> None:
    bench = Bench()
    bench.run(5000)
    latency = bench.pump.stats().frame_to_sample_ms
    # Level just before a hop comes (83 - 17 ms) + the card's 20 ms + the wait for its next block.
    assert latency.p50 == pytest.approx(83 - 17 + 20, abs=12)
    assert latency.p50 <= latency.p95 < latency.p50 + 12


def test_a_short_stall_is_not_heard() -> None:
    bench = Bench()
    bench.run(3000)
    bench.producing = False
    bench.skip_backlog = False
    bench.run(45)
    bench.producing = True
    bench.run(3000)
    assert bench.pump.stats().underruns == 0
    assert bench.silence_ms() == 0
    assert not bench.has_click()


@pytest.mark.parametrize("phase_ms", [0, 12, 18, 30])
def test_a_stalled_producer_costs_one_fade_and_the_sound_is_back_at_its_target(phase_ms: int) -> None:
    bench = Bench()
    bench.run(3000 + phase_ms)
    bench.producing = False
    bench.run(150)
    bench.producing = True
    bench.run(2000)
    stats = bench.pump.stats()
    assert stats.underruns == 1
    assert not bench.has_click()
    assert bench.silence_ms() == pytest.approx(stats.gaps_ms - 10, abs=12)  # the fade counts as gap
    # 3 or 4 hops are missing, by when in a hop the stall began, and only they are silent: 104 or 134 ms.
    assert 95 < bench.silence_ms() < 140
    assert abs(bench.pump.level_frames / 48 - 83) < 35
    assert stats.target_ms == 83


def test_underruns_that_repeat_widen_the_latency() -> None:
    bench = Bench("low")
    for _ in range(3):
        bench.run(2000)
        bench.producing = False
        bench.run(200)
        bench.producing = True
    bench.run(1000)
    stats = bench.pump.stats()
    assert stats.underruns == 3
    assert stats.target_ms == pytest.approx(67 * 1.5 * 1.5, abs=1)
    assert not bench.has_click()


def test_a_backlog_is_skipped_in_pieces_without_a_click() -> None:
    bench = Bench()
    bench.run(3000)
    for _ in range(3):
        bench.write_hop()
    bench.run(4000)
    stats = bench.pump.stats()
    assert stats.underruns == 0
    assert stats.skips > 10
    assert bench.pump.level_frames < bench.settings.target_frames + 1600
    assert bench.silence_ms() == 0
    assert np.abs(np.diff(bench.heard, axis=0)).max() < 1.3 * STEP  # two tones in a blend may add up


def test_a_huge_backlog_is_skipped_at_once() -> None:
    bench = Bench()
    bench.run(3000)
    for _ in range(15):
        bench.write_hop()
    bench.run(100)
    assert bench.pump.stats().skips == 1
    assert bench.pump.stats().skipped_ms == pytest.approx(500, abs=40)
    bench.run(1000)
    assert abs(bench.pump.level_frames / 48 - 83) < 35
    assert bench.silence_ms() == 0


def test_a_pause_is_no_underrun_and_ends_softly() -> None:
    bench = Bench()
    bench.run(2000)
    bench.producing = False
    bench.ring.write(np.zeros((0, 2), np.float32), 0, -1, bench.now_ns, FLAG_PAUSE)
    bench.run(1000)
    assert bench.pump.state == "idle"
    bench.producing = True
    bench.run(1000)
    stats = bench.pump.stats()
    assert (stats.state, stats.underruns, stats.gaps_ms) == ("playing", 0, 0)
    assert not bench.has_click()


def test_a_late_pump_fades_and_recovers() -> None:
    bench = Bench()
    bench.run(3000)
    bench.pumping = False
    bench.run(150)
    bench.pumping = True
    bench.run(2000)
    assert bench.pump.stats().underruns == 1
    assert not bench.has_click()
    assert abs(bench.pump.level_frames / 48 - 83) < 60


@pytest.mark.parametrize("card_ppm", [-4000, 4000])
def test_a_fast_or_slow_card_is_followed_in_pitch_and_level(card_ppm: int) -> None:
    bench = Bench(card_ppm=card_ppm)
    bench.run(25_000)
    stats = bench.pump.stats()
    assert (stats.underruns, stats.skips) == (0, 0)
    assert stats.ppm == pytest.approx(-card_ppm, abs=1000)
    assert not bench.has_click()
    settled = bench.heard[-8 * 48000 :, 0].astype(np.float64)
    crossings = np.nonzero((settled[:-1] < 0) & (settled[1:] >= 0))[0]
    heard_hz = 48000 * (len(crossings) - 1) / (crossings[-1] - crossings[0])
    # The card turns samples into time too fast; resampled by the same amount, the tone is right again.
    assert heard_hz * (1 + card_ppm * 1e-6) == pytest.approx(TONE_HZ, rel=1.5e-3)


def test_while_there_is_no_device_only_the_newest_sound_is_kept() -> None:
    bench = Bench()
    bench.run(1000)
    for _ in range(40):
        bench.write_hop()
        bench.pump.hold(bench.now_ns, was_playing=True)
    assert bench.pump.level_frames / 48 < 83 + 80 + 10
    bench.wait(2000)
    bench.pump.fresh_device()
    bench.run(500)
    stats = bench.pump.stats()
    assert stats.state == "playing"
    assert stats.underruns == 1
    assert stats.gaps_ms > 2000


def test_a_poisoned_hop_reaches_no_device() -> None:
    bench = Bench()
    bench.run(1000)
    bench.ring.write(np.full((1600, 2), np.nan, np.float32), 0, 0, 0)
    bench.ring.write(np.full((1600, 2), 50.0, np.float32), 0, 0, 0)
    bench.run(1000)
    assert np.isfinite(bench.heard).all()
    assert np.abs(bench.heard).max() <= 1.0
    assert np.abs(bench.heard[-4800:]).max() == pytest.approx(LEVEL, rel=0.01), "the sound goes on after it"


@pytest.mark.parametrize("block", [1, 64, 333, 480, 1900, 5000])
def test_the_local_ring_gives_what_it_got_for_any_block_size(block: int) -> None:
    local = LocalRing(1920)
    heard, count = [], 0
    while count < max(8000, 3 * block):
        n = min(local.free, 700)
        ramp = np.arange(count, count + n, dtype=np.float32)
        local.write(np.stack([ramp, -ramp], axis=1))
        count += n
        out = np.full((block, 2), np.nan, np.float32)
        before = local.played
        local.read_into(memoryview(out).cast("B"), block, 0.0)
        heard.append(out[: local.played - before])
        assert np.isfinite(out).all()
        if local.level == 0:
            continue
    sound = np.concatenate(heard)
    np.testing.assert_array_equal(sound[:, 0], np.arange(len(sound)))


def test_a_fade_goes_on_over_callbacks_and_ends_in_silence() -> None:
    local = LocalRing(1920)
    local.write(np.full((100, 2), 0.5, np.float32))
    heard = []
    for _ in range(20):
        out = np.full((50, 2), np.nan, np.float32)
        local.read_into(memoryview(out).cast("B"), 50, 0.0)
        heard.append(out)
    sound = np.concatenate(heard)[:, 0]
    assert np.all(sound[:100] == 0.5)
    assert np.all(np.diff(sound[100:580]) < 1e-7)
    assert np.all(sound[580:] == 0.0)
    assert np.abs(np.diff(sound)).max() < 0.005
    assert (local.short_frames, local.gap_frames) == (900, 900)
