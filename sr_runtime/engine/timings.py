"""What one hop cost and what happened so far, as plain values.

Read by the server's scheduler and status, ``bench`` and the dashboard. Thread: any (values are replaced,
never changed).
"""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HopTimings:
    """Milliseconds of the newest hop.

    Attributes:
        vision_ms: Stretching the picture, and the vision graph.
        transformer_ms: Both transformer passes.
        head_ms: All evaluations of the head, and steering.
        decoder_ms: The waveform decoder, DC block and checks.
        hop_ms: All computing of the hop, both passes included.
        after_frame_ms: The part that cannot start before the frame is there.
    """

    vision_ms: float = 0.0
    transformer_ms: float = 0.0
    head_ms: float = 0.0
    decoder_ms: float = 0.0
    hop_ms: float = 0.0
    after_frame_ms: float = 0.0


@dataclass(slots=True)
class Counters:
    """What a session has seen since it was opened; a reset does not clear it.

    Attributes:
        hops: Hops computed.
        repeated_frames: Hops that had no new frame.
        resets_after_nan: Hops whose result was not finite (or absurdly loud) and were silenced.
    """

    hops: int = 0
    repeated_frames: int = 0
    resets_after_nan: int = 0


class Stopwatch:
    """Milliseconds between calls of :meth:`lap`."""

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def lap(self) -> float:
        """Return the milliseconds since the last call, or since the stopwatch was made."""
        now = time.perf_counter()
        elapsed, self._last = now - self._last, now
        return elapsed * 1e3
