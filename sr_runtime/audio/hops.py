"""Hops that have left the shared ring and wait to be resampled, oldest first.

Used by the pump alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from sr_runtime.audio.fades import crossfade
from sr_runtime.types import CHANNELS, Audio


@dataclass(slots=True)
class Piece:
    """A hop or what is left of it.

    Attributes:
        sound: float32 (n, 2).
        capture_ns: capture time of the frame behind its first sample; 0 if unknown or already passed on.
    """

    sound: Audio
    capture_ns: int


class HopQueue:
    """A queue of sound that can be taken, dropped and skipped in any length.

    Thread: pump.
    """

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self.frames = 0

    def push(self, sound: Audio, capture_ns: int) -> None:
        """Append one hop."""
        self._pieces.append(Piece(sound, capture_ns))
        self.frames += len(sound)

    def take(self, limit: int) -> Piece | None:
        """Take up to ``limit`` frames of the oldest hop, or None if there is nothing."""
        if not self._pieces or limit <= 0:
            return None
        head = self._pieces[0]
        if len(head.sound) <= limit:
            self._pieces.popleft()
            self.frames -= len(head.sound)
            return head
        taken = Piece(head.sound[:limit], head.capture_ns)
        head.sound, head.capture_ns = head.sound[limit:], 0
        self.frames -= limit
        return taken

    def drop(self, frames: int) -> int:
        """Throw the oldest frames away; returns how many there were to throw."""
        dropped = 0
        while dropped < frames and (piece := self.take(frames - dropped)) is not None:
            dropped += len(piece.sound)
        return dropped

    def skip(self, frames: int, blend: int) -> int:
        """Leave ``frames`` out, blending over ``blend`` frames; returns how many were left out."""
        if self.frames < frames + blend:
            return 0
        sound = self._gather(frames + blend)
        blended = crossfade(sound[:blend], sound[frames:])
        self._pieces.appendleft(Piece(blended, 0))
        self.frames += blend
        return frames

    def _gather(self, frames: int) -> Audio:
        parts: list[Audio] = []
        while frames > 0 and (piece := self.take(frames)) is not None:
            parts.append(piece.sound)
            frames -= len(piece.sound)
        return np.concatenate(parts) if parts else np.zeros((0, CHANNELS), np.float32)
