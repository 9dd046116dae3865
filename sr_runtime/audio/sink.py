"""What every place that sound can go to has in common."""

from __future__ import annotations

from typing import Protocol

from sr_runtime.audio.stats import PlayerStats
from sr_runtime.types import Audio


class Sink(Protocol):
    """Takes a hop at a time and never blocks the thread that makes them."""

    def start(self) -> PlayerStats:
        """Begin; returns what became of it. Calling it again does nothing."""
        ...

    def write(self, hop: Audio, capture_ns: int = 0, hop_index: int | None = None) -> None:
        """Hand over one hop.

        Args:
            hop: float32 (n ≤ 1600, 2), 48 kHz, −1..1; copied.
            capture_ns: ``time.monotonic_ns()`` at the capture of its frame, 0 = unknown.
            hop_index: the model step.
        """
        ...

    def pause(self) -> None:
        """Say that nothing follows for now: what is there plays out, and the silence is no underrun."""
        ...

    def stats(self) -> PlayerStats:
        """Return a snapshot; cheap, from any thread."""
        ...

    def close(self) -> None:
        """Stop and give everything back. Calling it again does nothing."""
        ...
