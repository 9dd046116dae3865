"""How far a run is and what follows from it: progress, learning rate, decay of the weight average.

Used by :mod:`sr_runtime.train.loop`. Progress is counted in steps, in minutes, or whichever is further, so
that a run of any given length anneals to its end.
"""

from __future__ import annotations

import math

FINAL_SHARE = 0.02
"""The learning rate at the end of a run, relative to its peak."""


def progress_of(step: int, elapsed_s: float, steps: int | None, minutes: float | None) -> float:
    """Return how much of the run is done, 0..1.

    Args:
        step: optimiser steps done.
        elapsed_s: training time so far, over all resumptions.
        steps: the run's length in steps, or None.
        minutes: the run's length in time, or None.

    Example:
        >>> progress_of(50, 30.0, steps=100, minutes=2.0)
        0.5
    """
    by_steps = step / steps if steps else 0.0
    by_time = elapsed_s / (60.0 * minutes) if minutes else 0.0
    return min(1.0, max(by_steps, by_time))


def learning_rate(step: int, progress: float, peak: float, warmup_steps: int) -> float:
    """Return the learning rate: linear warm-up by steps, then a cosine over the progress.

    Example:
        >>> learning_rate(0, 0.0, 1.0, 10)
        0.1
        >>> round(learning_rate(500, 1.0, 1.0, 10), 6)
        0.02
    """
    warm = min(1.0, (step + 1) / max(1, warmup_steps))
    cosine = 0.5 * (1.0 + math.cos(math.pi * progress))
    return peak * warm * (FINAL_SHARE + (1.0 - FINAL_SHARE) * cosine)


def ema_decay(step: int, largest: float) -> float:
    """Return the decay of the weight average after ``step`` steps: short memory early, ``largest`` later.

    Example:
        >>> ema_decay(0, 0.999)
        0.1
    """
    return min(largest, (1.0 + step) / (10.0 + step))
