"""Sound into nothing, at the right pace: for servers without a sound card, and for tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from sr_runtime.audio.stats import PlayerStats, SinkState, Window
from sr_runtime.types import SAMPLE_RATE, Audio

NS_PER_FRAME: Final = 1e9 / SAMPLE_RATE


class NullSink:
    """Plays into nothing at 48 kHz: counts what a sound card would have done, without thread or device.

    Args:
        target_frames: sound to gather before the imagined playing begins.
        state: what ``stats`` reports as the state, instead of priming and playing.
        reason: why there is no real device.
        clock_ns: the time; a virtual clock in tests.

    Thread: inference (``stats``: any).

    Example:
        >>> sink = NullSink(clock_ns=lambda: 0)
        >>> sink.write(np.zeros((1600, 2), np.float32))
        >>> sink.stats().written
        1
    """

    def __init__(
        self,
        target_frames: int = 4000,
        state: SinkState | None = None,
        reason: str = "",
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._target = target_frames
        self._state = state
        self._reason = reason
        self._clock_ns = clock_ns
        self._waiting = 0.0
        self._last_ns = clock_ns()
        self._playing = False
        self._paused = True
        self._closed = False
        self._written = 0
        self._underruns = 0
        self._gap_frames = 0.0
        self._levels = Window(300)
        self._latencies = Window(300)

    def start(self) -> PlayerStats:
        """Begin at once."""
        return self.stats()

    def write(self, hop: Audio, capture_ns: int = 0, hop_index: int | None = None) -> None:
        """Count one hop as played when its turn comes."""
        self._advance()
        self._paused = False
        if capture_ns:
            wait_ns = self._waiting * NS_PER_FRAME
            self._latencies.add((self._last_ns + wait_ns - capture_ns) / 1e6)
        self._waiting += len(hop)
        self._written += 1
        if self._waiting >= self._target:
            self._playing = True

    def pause(self) -> None:
        """Take the coming silence as meant."""
        self._paused = True

    def stats(self) -> PlayerStats:
        """Return a snapshot."""
        self._advance()
        return PlayerStats(
            state=self._state or self._own_state(),
            reason=self._reason,
            device="none",
            written=self._written,
            underruns=self._underruns,
            gaps_ms=self._gap_frames * 1000 / SAMPLE_RATE,
            level_ms=self._levels.level(),
            target_ms=self._target * 1000 / SAMPLE_RATE,
            frame_to_sample_ms=self._latencies.frame_to_sample(),
        )

    def close(self) -> None:
        """Stop counting."""
        self._closed = True

    def _own_state(self) -> SinkState:
        if self._closed:
            return "closed"
        if self._playing:
            return "playing"
        return "idle" if self._paused else "priming"

    def _advance(self) -> None:
        """Play what the time since the last call allows; run dry if it was more than there is."""
        now_ns = self._clock_ns()
        frames = (now_ns - self._last_ns) / NS_PER_FRAME
        self._last_ns = now_ns
        if self._playing:
            self._levels.add(self._waiting * 1000 / SAMPLE_RATE)
            self._waiting -= frames
            if self._waiting < 0:
                self._run_dry()
        elif self._underruns and not self._paused:
            self._gap_frames += frames

    def _run_dry(self) -> None:
        if not self._paused:
            self._underruns += 1
            self._gap_frames -= self._waiting
        self._waiting = 0.0
        self._playing = False
