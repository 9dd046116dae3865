"""Which recorded picture a hop sees when the source is no 30 frames/s recorder but a real game.

Used by :mod:`sr_runtime.train.windows`. Live, a hop takes the newest frame that has come; slower sources make
it see one twice (difference 0), faster ones make frames go unseen. Training shows the model both, with the
jitter of real frame times.

    hop end (k+1)/30      |        |        |        |        |
    source at 20/s        s0          s1           s2          s3
    picture seen          0        0        1        2        2
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sr_runtime.types import HOP_HZ

SLOWEST_FPS, FASTEST_FPS = 15.0, 144.0
JITTER = 0.25
"""Standard deviation of a frame's time, as a share of the frame interval."""


def frame_times(count_s: float, fps: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return rising times of a source's frames, in seconds, from before 0 to past ``count_s``."""
    number = int(count_s * fps) + 4
    regular = (np.arange(number) - 1 + rng.random()) / fps
    return np.asarray(np.sort(regular + rng.normal(0.0, JITTER / fps, number)))


def seen_pictures(hops: int, times: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return for every hop the recorded picture that stands for the newest source frame.

    Args:
        hops: length of the crop; recorded picture k was on screen at (k+1)/30 s.
        times: rising times of the source's frames, in seconds.

    Returns:
        int64 (hops,): picture indices, never falling and never later than their hop. Of the recorded
        pictures the one nearest to the source frame's time is taken.
    """
    ends = (np.arange(hops) + 1) / HOP_HZ
    newest = np.searchsorted(times, ends + 1e-9, side="right") - 1
    at = times[np.maximum(newest, 0)]
    nearest = np.rint(at * HOP_HZ).astype(np.int64) - 1
    return np.maximum.accumulate(np.clip(nearest, 0, np.arange(hops)))


def simulated_source(hops: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return :func:`seen_pictures` of a source with a random rate of 15–144 frames/s and jitter.

    Half the sources are slower than 30 frames/s, where hops see a picture again.
    """
    slow = rng.random() < 0.5
    fps = rng.uniform(SLOWEST_FPS, HOP_HZ) if slow else rng.uniform(HOP_HZ, FASTEST_FPS)
    return seen_pictures(hops, frame_times(hops / HOP_HZ, fps, rng))


def steady_source(hops: int) -> npt.NDArray[np.int64]:
    """Return the picture of every hop for a source at exactly 30 frames/s: its own."""
    return np.arange(hops)
