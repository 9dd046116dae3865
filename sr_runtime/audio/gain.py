"""Levels and safety of a sound before it is heard: gain, DC block, NaN guard, limiter.

Each keeps its state from hop to hop and takes float32 (n, 2) at 48 kHz. Called by the mixer.

Thread: inference.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sr_runtime.types import SAMPLE_RATE, Audio

GAIN_TIME_CONSTANT_S: Final = 0.010
"""A gain change is through in about 30 ms: no zipper noise, still felt as immediate."""

DC_CUTOFF_HZ: Final = 5.0
CEILING: Final = 0.98
"""The limiter's highest output, −0.18 dBFS: leaves room for the resampler's overshoot."""

RELEASE_S: Final = 0.080
LOUDEST_INPUT: Final = 4.0
"""+12 dBFS. Anything above is a fault; bounding it keeps the limiter from closing for seconds."""


class SmoothedGain:
    """A gain that glides to a new value instead of jumping.

    Args:
        gain: factor to begin with, 0 or more.

    Example:
        >>> gain = SmoothedGain(1.0)
        >>> gain.target = 0.5
        >>> quieter = gain.apply(np.ones((1600, 2), np.float32))
        >>> bool(quieter[0, 0] > 0.99), bool(abs(quieter[-1, 0] - 0.5) < 0.02)
        (True, True)
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.target = gain
        self._now = gain

    def apply(self, sound: Audio) -> Audio:
        """Return ``sound`` at the gliding gain."""
        if self._now == self.target:
            return sound if self.target == 1.0 else sound * np.float32(self.target)
        steps = np.arange(1, len(sound) + 1)
        curve = self.target + (self._now - self.target) * np.exp(
            -steps / (GAIN_TIME_CONSTANT_S * SAMPLE_RATE)
        )
        self._now = float(curve[-1])
        if abs(self._now - self.target) < 1e-4:
            self._now = self.target
        return (sound * curve[:, None]).astype(np.float32)


class DCBlock:
    """Take a constant offset away: a first-order high-pass at 5 Hz, y[n] = x[n] − x[n−1] + R·y[n−1].

    The recursion is solved for a whole hop at once; R^−1600 = 2.8, so float64 loses nothing.
    """

    def __init__(self) -> None:
        self._pole = float(np.exp(-2 * np.pi * DC_CUTOFF_HZ / SAMPLE_RATE))
        self._last_in = np.zeros((1, 2))
        self._last_out = np.zeros((1, 2))

    def apply(self, sound: Audio) -> Audio:
        """Return ``sound`` without its offset."""
        if not len(sound):
            return sound
        wide = sound.astype(np.float64)
        difference = np.diff(wide, axis=0, prepend=self._last_in)
        powers = self._pole ** np.arange(1, len(wide) + 1)[:, None]
        out = powers * (self._last_out + np.cumsum(difference / powers, axis=0))
        self._last_in, self._last_out = wide[-1:], out[-1:]
        clean: Audio = out.astype(np.float32)
        return clean


class Limiter:
    """Hold the peaks at 0.98 without looking ahead: instant attack, 80 ms release, no added delay.

    Left and right get the same reduction, so that the picture does not wander.
    With a = 1 − gain: a[n] = max(needed[n], r·a[n−1]), which is r^n · cummax(needed[k]·r^−k).

    Attributes:
        limited_hops: hops in which the gain was reduced.
    """

    def __init__(self, ceiling: float = CEILING) -> None:
        self._ceiling = ceiling
        self._decay = float(np.exp(-1.0 / (RELEASE_S * SAMPLE_RATE)))
        self._reduction = 0.0
        self.limited_hops = 0

    def apply(self, sound: Audio) -> Audio:
        """Return ``sound`` with no sample above the ceiling."""
        if not len(sound):
            return sound
        peaks = np.abs(sound).max(axis=1).astype(np.float64)
        if self._reduction < 1e-6 and peaks.max() <= self._ceiling:
            return sound
        self.limited_hops += 1
        needed = 1.0 - self._ceiling / np.maximum(peaks, self._ceiling)
        powers = self._decay ** np.arange(1, len(sound) + 1)
        reduction = powers * np.maximum(np.maximum.accumulate(needed / powers), self._reduction)
        self._reduction = float(reduction[-1])
        limited = (sound * (1.0 - reduction)[:, None]).astype(np.float32)
        safe: Audio = np.clip(limited, -self._ceiling, self._ceiling)
        return safe


def is_sound(hop: Audio) -> bool:
    """Tell whether every sample is a finite number."""
    # One sum instead of 3200 tests: it is finite exactly if every float32 is (opposite Infs give NaN).
    with np.errstate(invalid="ignore"):
        return bool(np.isfinite(hop.sum(dtype=np.float64)))


def bounded(hop: Audio) -> Audio:
    """Return ``hop`` with samples beyond ±4 cut off."""
    return np.clip(hop, -LOUDEST_INPUT, LOUDEST_INPUT)
