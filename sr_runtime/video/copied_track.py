"""A track that goes from one file into another bit for bit, with decode times made whole.

Used by the movie writer. Matroska stores no decode times: FFmpeg derives them and leaves the first few open
(as many as pictures are reordered), yet MP4 needs them all.
"""

from __future__ import annotations

from typing import Any


class CopiedTrack:
    """One output stream and the packets that still wait for a decode time.

    Args:
        stream: PyAV's output stream.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._waiting: list[Any] = []

    def add(self, packet: Any, shift_s: float) -> list[Any]:
        """Return the packets that can be written now, in order."""
        shift = round(shift_s / packet.time_base)
        packet.pts = packet.pts - shift if packet.pts is not None else None
        packet.dts = packet.dts - shift if packet.dts is not None else None
        packet.stream = self._stream
        self._waiting.append(packet)
        return [] if packet.dts is None else self._dated()

    def rest(self) -> list[Any]:
        """Return what still waits at the end: packets of a file too short to reorder anything."""
        for packet in self._waiting:
            packet.dts = packet.pts
        return self._take()

    def _dated(self) -> list[Any]:
        """Date the open packets backwards from the last one, a packet's duration apart."""
        later = self._waiting[-1]
        for packet in reversed(self._waiting[:-1]):
            packet.dts = later.dts - max(1, packet.duration or 1)
            later = packet
        return self._take()

    def _take(self) -> list[Any]:
        ready, self._waiting = self._waiting, []
        return ready
