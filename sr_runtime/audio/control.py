"""Hold the sound waiting in the rings at its target, whatever the sound card's clock does.

Pure arithmetic on a clock that the caller brings, so that hours can be simulated in a second.

Thread: the audio process's pump.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np

from sr_runtime.types import HOP_HZ, HOP_SAMPLES, SAMPLE_RATE

MAX_DEVIATION: Final = 0.006
"""±0.6 % of speed, a tenth of a semitone: not heard, fifty times the drift of real sound cards, and enough to
hold ±0.5 % with some to spare."""

SMOOTHING_S: Final = 1.0
"""Time constant of the level's average: thirty hops, since each hop lets the level jump by 33 ms."""

PROPORTIONAL_S: Final = 6.0
"""An error is worked off with this time constant."""

INTEGRAL_PER_S: Final = 4e-7
"""Deviation gained per second and frame of error. With the above: ω = 0.14 rad/s, damping 0.6."""

SEED_HOPS: Final = 60
SEED_THRESHOLD: Final = 0.002
"""2 s of arrivals with 3 ms of jitter tell the producer's rate to ±700 ppm: only larger ones are believed."""


class PIController:
    """Turn the level of the rings into a resampling ratio.

    Args:
        target_frames: mean level to hold.

    Example:
        >>> control = PIController(4000)
        >>> control.update(4000, 0.01)
        1.0
        >>> control.update(4800, 0.01) > 1.0
        True
    """

    def __init__(self, target_frames: float) -> None:
        self.target_frames = target_frames
        self._average = target_frames
        self._integral = 0.0
        self._deviation = 0.0

    @property
    def ppm(self) -> float:
        """The present deviation from 1:1, in parts per million; positive = input is used up faster."""
        return self._deviation * 1e6

    def restart(self) -> None:
        """Forget the average level, keep what was learnt of the clocks: after a gap or a skip."""
        self._average = self.target_frames

    def seed(self, deviation: float) -> None:
        """Begin from a measured difference of rates."""
        self._integral = _clip(deviation)

    def update(self, level_frames: float, dt_s: float) -> float:
        """Take the level measured now.

        Args:
            level_frames: sound waiting.
            dt_s: time since the last update.

        Returns:
            Input frames per output frame, 0.994–1.006.
        """
        self._average += (level_frames - self._average) * (1.0 - math.exp(-dt_s / SMOOTHING_S))
        error = self._average - self.target_frames
        self._integral = _clip(self._integral + INTEGRAL_PER_S * error * dt_s)
        self._deviation = _clip(self._integral + error / SAMPLE_RATE / PROPORTIONAL_S)
        return 1.0 + self._deviation


def _clip(deviation: float) -> float:
    return min(max(deviation, -MAX_DEVIATION), MAX_DEVIATION)


def measured_deviation(arrivals_ns: Sequence[int]) -> float:
    """Estimate how much faster than 30 Hz hops arrive, by a straight line through their times.

    Args:
        arrivals_ns: when consecutive hops were written, at least :data:`SEED_HOPS`.

    Returns:
        Relative deviation; 0 when it is too small to be told from jitter.
    """
    times = np.asarray(arrivals_ns, np.float64) - arrivals_ns[0]
    period_ns = float(np.polyfit(np.arange(len(times)), times, 1)[0])
    if period_ns <= 0:
        return 0.0
    deviation = 1e9 / HOP_HZ / period_ns - 1.0
    return deviation if SEED_THRESHOLD < abs(deviation) <= 4 * MAX_DEVIATION else 0.0


class LatencyTarget:
    """The level to aim at: the preset, widened when underruns repeat, narrowed again in calm.

    One underrun changes nothing (a single stall is no reason for more latency); a second one within
    10 s widens by half, up to 250 ms. After 30 s without any, it goes back by a tenth every 5 s.

    Args:
        base_frames: the preset.
    """

    REPEAT_S: Final = 10.0
    CALM_S: Final = 30.0
    STEP_S: Final = 5.0
    WIDEST_FRAMES: Final = SAMPLE_RATE // 4

    def __init__(self, base_frames: float) -> None:
        self.base_frames = base_frames
        self.frames = base_frames
        self._underruns_s: deque[float] = deque(maxlen=2)
        self._next_step_s = math.inf

    def underrun(self, now_s: float) -> bool:
        """Note an underrun; True if the target was widened."""
        self._underruns_s.append(now_s)
        self._next_step_s = now_s + self.CALM_S
        repeated = len(self._underruns_s) == 2 and now_s - self._underruns_s[0] <= self.REPEAT_S
        if not repeated or self.frames >= self.WIDEST_FRAMES:
            return False
        self.frames = max(self.frames, min(self.frames * 1.5, self.WIDEST_FRAMES))
        return True

    def update(self, now_s: float) -> None:
        """Narrow by a step if it is time."""
        if now_s < self._next_step_s:
            return
        self._next_step_s = now_s + self.STEP_S
        self.frames += 0.1 * (self.base_frames - self.frames)
        if self.frames - self.base_frames < 1:
            self.frames = self.base_frames
            self._next_step_s = math.inf


class SkipPolicy:
    """Decide when there is so much sound that resampling is too slow to work it off.

    More than 33 ms above the target for 100 ms without a break: pieces of 5 ms every 100 ms until half a hop
    above it. More than 200 ms: all at once. Why without a break: the level jumps by a hop when one comes and
    by the device's block when that is taken (30 ms with PulseAudio), so a right mean has peaks beyond 50 ms.
    """

    BEGIN_FRAMES: Final = HOP_SAMPLES
    LASTING_S: Final = 0.1
    """Three hops: the least of the levels is then below their mean by what hops and blocks add to it."""
    RESYNC_FRAMES: Final = SAMPLE_RATE // 5
    END_FRAMES: Final = HOP_SAMPLES // 2
    """Half a hop: with a mean at the target, the level just after a hop came."""
    PIECE_FRAMES: Final = 240
    COOL_DOWN_S: Final = 0.1

    def __init__(self) -> None:
        self._skipping = False
        self._above_since_s = math.inf
        self._next_s = -math.inf

    def frames_to_skip(self, level_frames: float, target_frames: float, now_s: float) -> int:
        """Return how many frames to leave out now, 0 for none."""
        surplus = level_frames - target_frames
        if surplus > self.RESYNC_FRAMES:
            self._skipping, self._above_since_s = False, math.inf
            return int(surplus - self.END_FRAMES)
        if surplus <= (self.END_FRAMES if self._skipping else self.BEGIN_FRAMES):
            self._skipping, self._above_since_s = False, math.inf
            return 0
        self._above_since_s = min(self._above_since_s, now_s)
        self._skipping = self._skipping or now_s - self._above_since_s >= self.LASTING_S
        if not self._skipping or now_s < self._next_s:
            return 0
        self._next_s = now_s + self.COOL_DOWN_S
        return self.PIECE_FRAMES
