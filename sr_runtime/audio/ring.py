"""The way of hops from the runtime to the audio process: a ring of slots in shared memory.

One writer (inference thread), one reader (audio process), neither ever waits for the other.

    ┌─────────────┬─────────────┬────────────────────────────┬──────┬───
    │ written u64 │  read u64   │ slot 0: header 64 B, sound │ slot 1 …
    │ (64 B line) │ (64 B line) │         12,800 B           │
    └─────────────┴─────────────┴────────────────────────────┴──────┴───

The two counters only grow and lie on cache lines of their own. Each slot's header carries a sequence number
and a CRC over header and sound, because on ARM another core may see the counter before the sound: such a slot
is seen as torn and read again (x86-64 keeps stores in order: 1.1e9 frames without a bad one).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sized
from multiprocessing import shared_memory
from typing import Final, NamedTuple

import numpy as np

from sr_runtime.types import CHANNELS, HOP_SAMPLES, Audio

SLOTS: Final = 32
"""1.07 s of hops: more than the longest latency that can be set, so only a dead reader fills it."""

LINE: Final = 64
HEADER: Final = struct.Struct("<QqqqII")
CRC: Final = struct.Struct("<I")
SLOT_BYTES: Final = LINE + HOP_SAMPLES * CHANNELS * 4
RING_BYTES: Final = 2 * LINE + SLOTS * SLOT_BYTES
FLAG_PAUSE: Final = 1
"""A header without sound: the producer pauses, the silence that follows is meant."""

TORN_READS: Final = 50
"""Reads of a slot that does not match its checksum before it is given up (the pump reads every 3 ms)."""


class Chunk(NamedTuple):
    """One hop as it lies in the ring.

    Attributes:
        seq: counts 0, 1, 2 … without gaps.
        capture_ns: ``time.monotonic_ns()`` at the capture of the frame, 0 = unknown.
        hop: the model step, −1 = unknown.
        written_ns: ``time.monotonic_ns()`` at the write.
        flags: :data:`FLAG_PAUSE` or 0.
        sound: float32 (n ≤ 1600, 2), a copy.
    """

    seq: int
    capture_ns: int
    hop: int
    written_ns: int
    flags: int
    sound: Audio


class SharedRing:
    """A view on the ring's memory; the writer and the reader each make their own.

    Args:
        memory: at least :data:`RING_BYTES`, zeroed before the first view is made.

    Attributes:
        full: hops that the writer found no slot for.
        corrupt: hops that the reader gave up.
    """

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._written = np.frombuffer(memory, np.uint64, 1, 0)
        self._read = np.frombuffer(memory, np.uint64, 1, LINE)
        self._sounds = [
            np.frombuffer(memory, np.float32, HOP_SAMPLES * CHANNELS, self._slot(i) + LINE)
            for i in range(SLOTS)
        ]
        self._torn = 0
        self.full = 0
        self.corrupt = 0

    @staticmethod
    def _slot(count: int) -> int:
        return 2 * LINE + (count % SLOTS) * SLOT_BYTES

    @property
    def waiting(self) -> int:
        """Hops written and not yet read."""
        return int(self._written[0]) - int(self._read[0])

    def write(self, sound: Audio, capture_ns: int, hop: int, written_ns: int, flags: int = 0) -> bool:
        """Put one hop in; False (and counted) if every slot is taken.

        Args:
            sound: float32 (n ≤ 1600, 2).
            capture_ns: monotonic time at the frame's capture, 0 = unknown.
            hop: the model step, −1 = unknown.
            written_ns: monotonic time now.
            flags: :data:`FLAG_PAUSE` or 0.

        Thread: the one writer.
        """
        seq = int(self._written[0])
        if seq - int(self._read[0]) >= SLOTS:
            self.full += 1
            return False
        n = len(sound)
        slot = self._sounds[seq % SLOTS]
        slot[: n * CHANNELS] = sound.reshape(-1)
        header = HEADER.pack(seq, capture_ns, hop, written_ns, n, flags)
        crc = CRC.pack(zlib.crc32(slot[: n * CHANNELS].data, zlib.crc32(header)))
        at = self._slot(seq)
        self._memory[at : at + len(header) + len(crc)] = header + crc
        self._written[0] = seq + 1
        return True

    def read(self) -> Chunk | None:
        """Take the oldest hop out, or None if there is none (or it is not whole yet).

        Thread: the one reader.
        """
        count = int(self._read[0])
        if int(self._written[0]) <= count:
            return None
        at = self._slot(count)
        header = bytes(self._memory[at : at + HEADER.size])
        seq, capture_ns, hop, written_ns, n, flags = HEADER.unpack(header)
        (crc,) = CRC.unpack_from(self._memory, at + HEADER.size)
        sound = self._sounds[count % SLOTS][: min(n, HOP_SAMPLES) * CHANNELS].copy()
        if seq != count or n > HOP_SAMPLES or zlib.crc32(sound.data, zlib.crc32(header)) != crc:
            self._give_up_if_torn_for_long(count)
            return None
        self._torn = 0
        self._read[0] = count + 1
        return Chunk(seq, capture_ns, hop, written_ns, flags, sound.reshape(-1, CHANNELS))

    def discard(self) -> None:
        """Throw away what is waiting.

        Thread: the one reader.
        """
        self._read[0] = self._written[0]

    def _give_up_if_torn_for_long(self, count: int) -> None:
        self._torn += 1
        if self._torn >= TORN_READS:
            self._torn = 0
            self.corrupt += 1
            self._read[0] = count + 1

    def release(self) -> None:
        """Let go of the memory, so that it can be closed."""
        del self._written, self._read, self._sounds
        self._memory.release()


def create_memory(size: int) -> shared_memory.SharedMemory:
    """Make a zeroed shared segment; the caller closes and unlinks it."""
    return shared_memory.SharedMemory(create=True, size=size)


def attach_memory(name: str) -> shared_memory.SharedMemory:
    """Open the parent's segment without taking charge of it.

    Before Python 3.13 (``track=False``) attaching also registers the segment for deletion at this
    process's exit, under the parent's feet; the audio process opens nothing else, so it registers nothing.
    """
    from multiprocessing import resource_tracker

    def register_nothing(name: Sized, rtype: str) -> None:
        """Leave the segment to its owner."""

    register = resource_tracker.register
    resource_tracker.register = register_nothing
    try:
        return shared_memory.SharedMemory(name=name)
    finally:
        resource_tracker.register = register


def view_of(segment: shared_memory.SharedMemory) -> memoryview:
    """Return the segment's memory."""
    assert segment.buf is not None  # only after close()
    return segment.buf
