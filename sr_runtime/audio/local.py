"""The last few milliseconds before the device: a ring inside the audio process.

The pump writes whole pieces, the device's callback copies them out as bytes. If the callback finds too
little, it goes on with a fade that the pump prepared beforehand: no computing, no numpy (whose copies let
the interpreter lock go and take it again, up to 5 ms each), no allocation worth the name.
"""

from __future__ import annotations

from array import array
from typing import Final

import numpy as np

from sr_runtime.audio.fades import FADE_OUT_FRAMES, tail
from sr_runtime.types import CHANNELS, Audio

FRAME_BYTES: Final = CHANNELS * 4
SILENCE: Final = memoryview(bytes(FRAME_BYTES * 4096))
BLOCK_LOG: Final = 256
"""Blocks whose DAC times are remembered: 2.5 s at 480 frames; the pump reads them every 3 ms."""


class LocalRing:
    """One writer (pump), one reader (callback); the interpreter lock orders their counters.

    Args:
        capacity_frames: room, in frames.

    Attributes:
        short_frames: frames that the callback asked for and did not find, ever.
        gap_frames: length of the gap that is being played now, 0 while there is sound.
        blocks: callbacks so far.
    """

    def __init__(self, capacity_frames: int) -> None:
        self.capacity = capacity_frames
        self._bytes = memoryview(bytearray(capacity_frames * FRAME_BYTES))
        self._sound = np.frombuffer(self._bytes, np.float32).reshape(capacity_frames, CHANNELS)
        self._log_start = array("q", bytes(8 * BLOCK_LOG))
        self._log_dac_s = array("d", bytes(8 * BLOCK_LOG))
        self.short_frames = 0
        self.blocks = 0
        self.gap_frames = 0
        # One attribute holds both, so that the callback never sees a counter with another counter's fade.
        self._published = (0, SILENCE[: FADE_OUT_FRAMES * FRAME_BYTES])
        self._read = 0

    @property
    def written(self) -> int:
        """Frames ever written; the index of the next one."""
        return self._published[0]

    @property
    def played(self) -> int:
        """Frames ever taken by the callback."""
        return self._read

    @property
    def level(self) -> int:
        """Frames waiting."""
        return self._published[0] - self._read

    @property
    def free(self) -> int:
        """Frames that may be written now."""
        return self.capacity - self.level

    def write(self, sound: Audio) -> None:
        """Append float32 (n ≤ free, 2).

        Thread: pump.
        """
        if not len(sound):
            return
        written = self._published[0]
        at = written % self.capacity
        first = min(len(sound), self.capacity - at)
        self._sound[at : at + first] = sound[:first]
        self._sound[: len(sound) - first] = sound[first:]
        fade = memoryview(tail(sound[-1]).tobytes())
        self._published = (written + len(sound), fade)

    def read_into(self, out: memoryview, frames: int, dac_s: float) -> None:
        """Fill ``out`` (frames × 8 bytes) with sound, or with the fade and silence where it is short.

        Args:
            out: the device's buffer, writable bytes.
            frames: its length.
            dac_s: when its first frame will be heard, in stream time, for :meth:`dac_time_s`.

        Thread: audio callback.
        """
        written, fade = self._published
        read = self._read
        n = min(frames, written - read)
        slot = self.blocks % BLOCK_LOG
        self._log_start[slot] = read
        self._log_dac_s[slot] = dac_s
        if n > 0:
            self._copy(out, read, n)
            self._read = read + n
            self.gap_frames = 0
        if n < frames:
            self.short_frames += frames - n
            self._fill_gap(out, n, frames, fade)
        self.blocks += 1

    def _copy(self, out: memoryview, read: int, n: int) -> None:
        at = read % self.capacity
        first = min(n, self.capacity - at)
        out[: first * FRAME_BYTES] = self._bytes[at * FRAME_BYTES : (at + first) * FRAME_BYTES]
        if first < n:
            out[first * FRAME_BYTES : n * FRAME_BYTES] = self._bytes[: (n - first) * FRAME_BYTES]

    def _fill_gap(self, out: memoryview, begin: int, end: int, fade: memoryview) -> None:
        """Play on with the fade from where it stands, then silence."""
        while begin < end:
            rest = FADE_OUT_FRAMES - self.gap_frames
            source = fade[self.gap_frames * FRAME_BYTES :] if rest > 0 else SILENCE
            n = min(end - begin, len(source) // FRAME_BYTES)
            out[begin * FRAME_BYTES : (begin + n) * FRAME_BYTES] = source[: n * FRAME_BYTES]
            self.gap_frames += n
            begin += n

    def dac_time_s(self, frame: int) -> tuple[int, float] | None:
        """Find the newest block that begins at or before ``frame``.

        Returns:
            The block's first frame and its DAC time in stream seconds, or None if it is forgotten.

        Thread: pump.
        """
        newest = self.blocks - 1
        for block in range(newest, max(newest - BLOCK_LOG + 8, -1), -1):
            slot = block % BLOCK_LOG
            if self._log_start[slot] <= frame:
                return self._log_start[slot], self._log_dac_s[slot]
        return None
