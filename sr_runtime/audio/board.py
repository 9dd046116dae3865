"""What the audio process tells the runtime: a small board in shared memory that one writes, one reads.

A version counter is odd while the board is being written; a reader that sees it odd or changed reads again.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np

from sr_runtime.audio.stats import PlayerStats

BOARD_BYTES: Final = 4096
LONGEST_TEXT: Final = 400
"""Two texts of 400 characters, 4 bytes each, leave 800 bytes for the numbers, which need 500."""

_TEXT_AT: Final = 64


class Board:
    """A view on the board's memory.

    Args:
        memory: :data:`BOARD_BYTES`, zeroed before the first view is made.
    """

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory
        self._version = np.frombuffer(memory, np.uint64, 1, 0)
        self._length = np.frombuffer(memory, np.uint64, 1, 8)
        self._heartbeat = np.frombuffer(memory, np.int64, 1, 16)

    @property
    def heartbeat_ns(self) -> int:
        """``time.monotonic_ns()`` of the audio process's last sign of life, 0 before the first."""
        return int(self._heartbeat[0])

    @heartbeat_ns.setter
    def heartbeat_ns(self, now_ns: int) -> None:
        self._heartbeat[0] = now_ns

    def publish(self, stats: PlayerStats) -> None:
        """Show new stats.

        Thread: the audio process's pump.
        """
        short = msgspec.structs.replace(
            stats, reason=stats.reason[:LONGEST_TEXT], device=stats.device[:LONGEST_TEXT]
        )
        text = msgspec.msgpack.encode(short)
        self._version[0] += 1
        self._memory[_TEXT_AT : _TEXT_AT + len(text)] = text
        self._length[0] = len(text)
        self._version[0] += 1

    def stats(self) -> PlayerStats | None:
        """Return the newest stats, or None before the first (or if none could be read whole).

        Thread: any.
        """
        for _ in range(100):
            version = int(self._version[0])
            text = bytes(self._memory[_TEXT_AT : _TEXT_AT + int(self._length[0])])
            if version % 2 == 0 and int(self._version[0]) == version:
                return _decode(text)
        return None

    def clear(self) -> None:
        """Forget everything, before another audio process takes the board over."""
        self._memory[:_TEXT_AT] = bytes(_TEXT_AT)

    def release(self) -> None:
        """Let go of the memory, so that it can be closed."""
        del self._version, self._length, self._heartbeat
        self._memory.release()


def _decode(text: bytes) -> PlayerStats | None:
    try:
        return msgspec.msgpack.decode(text, type=PlayerStats) if text else None
    except msgspec.DecodeError:
        return None
