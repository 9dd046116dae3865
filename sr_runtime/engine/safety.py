"""What stands between the network and a loudspeaker: finite values, no DC, no absurd level.

Limiting is the mixer's business; here only what can never be sound is kept out. Called by the session.
Thread: inference.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from sr_runtime.types import HOP_SAMPLES, SAMPLE_RATE, Audio, State

DC_BLOCK_HZ: Final = 5.0
"""Corner of the high-pass: far below hearing, a DC step is gone after 0.1 s."""

RUNAWAY_PEAK: Final = 8.0
"""18 dB above full scale: no trained decoder says that; a broken state does."""

FADE_SAMPLES: Final = 240
"""5 ms from the last sample to silence, so that a broken hop does not click."""

_POLE: Final = float(np.exp(-2 * np.pi * DC_BLOCK_HZ / SAMPLE_RATE))
DC_ZEROS: Final = np.array([1.0, -1.0])
DC_POLES: Final = np.array([1.0, -_POLE])
_DECAY: Final = _POLE ** np.arange(HOP_SAMPLES, dtype=np.float64)[:, None]
"""From 1 to 0.35: a hop is so short that the filter's sum can be taken in one go."""


def is_sound(audio: npt.NDArray[np.float32]) -> bool:
    """Tell whether every value is finite and within :data:`RUNAWAY_PEAK`."""
    # max/min propagate NaN, and a comparison with NaN is false: one pass each, no temporary arrays.
    return bool(audio.max() < RUNAWAY_PEAK and audio.min() > -RUNAWAY_PEAK)


class OutputGuard:
    """Removes DC from each hop; makes the silence that replaces a broken one.

    Args:
        state: Uses ``dc_block`` (float64 (1, 2)) and ``last_sample`` (float32 (2,)), in place.
    """

    def __init__(self, state: State) -> None:
        self._dc, self._last = state["dc_block"], state["last_sample"]

    def clean(self, audio: Audio) -> Audio:
        """Return a new array (1600, 2) without DC: y[n] = x[n] − x[n−1] + p·y[n−1], as a sum.

        Importing a signal library for this would cost a second at every start.
        """
        steps = np.diff(audio.astype(np.float64), axis=0, prepend=-self._dc)
        filtered = _DECAY * np.cumsum(steps / _DECAY, axis=0)
        self._dc[0] = _POLE * filtered[-1] - audio[-1]
        self._dc[np.abs(self._dc) < 1e-20] = 0.0  # Denormals in endless silence are slow.
        result: Audio = filtered.astype(np.float32)
        self._last[:] = result[-1]
        return result

    def silence(self, last_sample: npt.NDArray[np.float32]) -> Audio:
        """Return a hop that fades from ``last_sample`` (2,) to zero within 5 ms."""
        audio = np.zeros((HOP_SAMPLES, 2), dtype=np.float32)
        audio[:FADE_SAMPLES] = np.linspace(1.0, 0.0, FADE_SAMPLES, dtype=np.float32)[:, None] * last_sample
        return audio
