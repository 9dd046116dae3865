"""What a sink tells about itself: the same numbers for a sound card, a file and a silent sink.

Read by the server's telemetry, ``bench``, ``demo`` and the dashboard.
"""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import numpy.typing as npt

SinkState = Literal["starting", "priming", "playing", "idle", "no device", "lost", "closed"]
"""``priming``: gathering sound up to the target; ``idle``: the producer said that nothing is coming;
``lost``: the device stopped asking for sound or vanished, and is being reopened."""

NAN = float("nan")


class Level(msgspec.Struct, frozen=True):
    """Sound waiting in the rings over the last seconds, in milliseconds."""

    min: float = NAN
    p50: float = NAN
    max: float = NAN


class FrameToSample(msgspec.Struct, frozen=True):
    """Capture of a frame → its hop's first sample at the DAC, over the last seconds, in milliseconds."""

    p50: float = NAN
    p95: float = NAN


class PlayerStats(msgspec.Struct, frozen=True):
    """A snapshot of one sink.

    Attributes:
        state: what the sink is doing.
        reason: why it is not playing, in words, with what to do; empty while it plays.
        device: what it plays on (device name, file path, ``"none"``).
        written: hops accepted by ``write``.
        dropped: hops refused because the ring or queue was full.
        corrupt: hops whose checksum or sequence number was wrong on the other side.
        underruns: times that the sound ran out and was faded to silence.
        gaps_ms: silence that was played because of underruns.
        level_ms: sound waiting.
        target_ms: mean level aimed at; above the preset after repeated underruns.
        ppm: resampling now, in parts per million; positive = played faster.
        skips: pieces left out because too much sound was waiting.
        skipped_ms: their sum.
        restarts: times that the audio process was started again.
        reopens: times that the device was opened again.
        device_underflows: underflows that the sound driver itself reported.
        longest_tick_ms: the longest that the audio process was away; 3–10 is normal, over 40 a busy host.
        frame_to_sample_ms: latency from picture to sound.
    """

    state: SinkState = "starting"
    reason: str = ""
    device: str = ""
    written: int = 0
    dropped: int = 0
    corrupt: int = 0
    underruns: int = 0
    gaps_ms: float = 0.0
    level_ms: Level = Level()
    target_ms: float = NAN
    ppm: float = 0.0
    skips: int = 0
    skipped_ms: float = 0.0
    restarts: int = 0
    reopens: int = 0
    device_underflows: int = 0
    longest_tick_ms: float = 0.0
    frame_to_sample_ms: FrameToSample = FrameToSample()


class Window:
    """The last ``size`` measurements of one quantity, kept without growing.

    Thread: one writer; ``values`` may be read from it too.
    """

    def __init__(self, size: int) -> None:
        self._values = np.full(size, np.nan)
        self._count = 0

    def add(self, value: float) -> None:
        """Remember one measurement, forgetting the oldest."""
        self._values[self._count % len(self._values)] = value
        self._count += 1

    def values(self) -> npt.NDArray[np.float64]:
        """Return the remembered measurements, in no particular order."""
        return self._values[: min(self._count, len(self._values))]

    def level(self) -> Level:
        """Summarise as minimum, median and maximum."""
        values = self.values()
        if not len(values):
            return Level()
        return Level(min=float(values.min()), p50=float(np.median(values)), max=float(values.max()))

    def frame_to_sample(self) -> FrameToSample:
        """Summarise as median and 95th percentile."""
        values = self.values()
        if not len(values):
            return FrameToSample()
        p50, p95 = np.percentile(values, (50, 95))
        return FrameToSample(p50=float(p50), p95=float(p95))
