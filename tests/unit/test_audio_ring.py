"""The shared-memory ring: what goes in comes out, across processes too, and damage is seen."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_runtime.audio.board import BOARD_BYTES, Board
from sr_runtime.audio.ring import (
    LINE,
    RING_BYTES,
    SLOTS,
    TORN_READS,
    SharedRing,
    create_memory,
    view_of,
)
from sr_runtime.audio.stats import Level, PlayerStats

WRITER = """
import sys, time
import numpy as np
from sr_runtime.audio.ring import SharedRing, attach_memory, view_of
memory = attach_memory(sys.argv[1])
ring = SharedRing(view_of(memory))
ramp = np.arange(3200, dtype=np.float32).reshape(1600, 2)
for hop in range(int(sys.argv[2])):
    while not ring.write(ramp + hop, hop + 1, hop, time.monotonic_ns()):
        time.sleep(0)
ring.release()
memory.close()
"""


def new_ring() -> tuple[SharedRing, memoryview]:
    memory = memoryview(bytearray(RING_BYTES))
    return SharedRing(memory), memory


def sound(value: float, frames: int = 1600) -> np.ndarray:
    return np.full((frames, 2), value, np.float32)


def test_a_hop_comes_out_with_its_header() -> None:
    ring, _ = new_ring()
    assert ring.write(sound(0.25, 700), capture_ns=11, hop=5, written_ns=12)
    chunk = ring.read()
    assert chunk is not None
    assert (chunk.seq, chunk.capture_ns, chunk.hop, chunk.written_ns, chunk.flags) == (0, 11, 5, 12, 0)
    np.testing.assert_array_equal(chunk.sound, sound(0.25, 700))
    assert ring.read() is None


def test_a_full_ring_refuses_and_counts() -> None:
    ring, _ = new_ring()
    assert all(ring.write(sound(i), 0, i, 0) for i in range(SLOTS))
    assert not ring.write(sound(-1), 0, 99, 0)
    assert (ring.full, ring.waiting) == (1, SLOTS)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 1600)), max_size=120))
@settings(max_examples=40, deadline=None)
def test_any_order_of_writes_and_reads_is_a_queue(steps: list[tuple[bool, int]]) -> None:
    ring, _ = new_ring()
    model: deque[tuple[int, int]] = deque()
    for count, (is_write, frames) in enumerate(steps):
        if is_write:
            assert ring.write(sound(count, frames), 0, count, 0) == (len(model) < SLOTS)
            if len(model) < SLOTS:
                model.append((count, frames))
        else:
            chunk = ring.read()
            expected = model.popleft() if model else None
            assert (chunk and (chunk.hop, len(chunk.sound))) == expected
            assert chunk is None or np.all(chunk.sound == chunk.hop)
        assert ring.waiting == len(model)


def test_a_damaged_hop_is_never_played_but_given_up() -> None:
    ring, memory = new_ring()
    ring.write(sound(0.5), 0, 0, 0)
    ring.write(sound(0.75), 0, 1, 0)
    memory[2 * LINE + LINE + 100] ^= 0xFF
    assert all(ring.read() is None for _ in range(TORN_READS))
    assert ring.corrupt == 1
    chunk = ring.read()
    assert chunk is not None
    assert chunk.hop == 1


@given(st.binary(min_size=64, max_size=64))
@settings(deadline=None)
def test_a_garbled_header_is_given_up(garbage: bytes) -> None:
    ring, memory = new_ring()
    ring.write(sound(0.5), 0, 0, 0)
    memory[2 * LINE : 3 * LINE] = garbage
    for _ in range(TORN_READS):
        assert ring.read() is None
    assert ring.corrupt == 1


def test_five_thousand_hops_cross_to_another_process_intact() -> None:
    memory = create_memory(RING_BYTES)
    ring = SharedRing(view_of(memory))
    hops = 5_000
    writer = subprocess.Popen([sys.executable, "-c", WRITER, memory.name, str(hops)])
    try:
        ramp = np.arange(3200, dtype=np.float32).reshape(1600, 2)
        deadline = time.monotonic() + 120
        expected = 0
        while expected < hops:
            chunk = ring.read()
            if chunk is None:
                assert time.monotonic() < deadline, f"only {expected} hops arrived"
                time.sleep(0)
                continue
            assert (chunk.seq, chunk.hop, chunk.capture_ns) == (expected, expected, expected + 1)
            assert np.array_equal(chunk.sound, ramp + expected)
            expected += 1
        assert writer.wait(10) == 0
        assert ring.corrupt == 0
    finally:
        writer.kill()
        writer.wait()
        ring.release()
        memory.close()
        memory.unlink()


def test_the_board_shows_the_newest_stats() -> None:
    board = Board(memoryview(bytearray(BOARD_BYTES)))
    assert board.stats() is None
    for underruns in range(3):
        shown = PlayerStats(state="playing", device="card", underruns=underruns, level_ms=Level(1, 2, 3))
        board.publish(shown)
    stats = board.stats()
    assert stats is not None
    assert (stats.state, stats.device, stats.underruns, stats.level_ms.max) == ("playing", "card", 2, 3.0)
    board.heartbeat_ns = 17
    board.clear()
    assert board.stats() is None
    assert board.heartbeat_ns == 0


def test_a_board_that_is_being_written_is_not_read() -> None:
    memory = memoryview(bytearray(BOARD_BYTES))
    board = Board(memory)
    board.publish(PlayerStats(state="playing"))
    memory[0] ^= 1
    assert board.stats() is None


@pytest.mark.parametrize("length", [200, 5000])
def test_a_long_reason_still_fits_the_board(length: int) -> None:
    board = Board(memoryview(bytearray(BOARD_BYTES)))
    board.publish(PlayerStats(state="lost", reason="ü" * length))
    stats = board.stats()
    assert stats is not None
    assert stats.reason.startswith("ü" * 200)
