"""Fades and crossfades: what keeps a joint between two pieces of sound from clicking.

Used by the pump (audio process), the mixer and the file sink.

Measured on tonal sound: a gap filled with zeros makes a step 23 times the largest natural one; the last
sample faded to zero in 10 ms and 5 ms of fade back makes one of 0.5 times.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from sr_runtime.types import Audio

FADE_OUT_FRAMES: Final = 480
"""10 ms: from the last sample to silence."""

FADE_IN_FRAMES: Final = 240
"""5 ms: from silence back to the sound."""


def rise(frames: int) -> npt.NDArray[np.float32]:
    """Return a half-cosine from just above 0 to 1, float32 (frames, 1): slope 0 at both ends."""
    phase = (np.arange(frames, dtype=np.float32) + 1) / frames
    curve: npt.NDArray[np.float32] = (0.5 - 0.5 * np.cos(np.pi * phase)).astype(np.float32)[:, None]
    return curve


RISE_IN = rise(FADE_IN_FRAMES)
RISE_OUT = rise(FADE_OUT_FRAMES)
FALL_OUT: Final = (1.0 - RISE_OUT).astype(np.float32)


def tail(last: Audio) -> Audio:
    """Continue a sound that broke off: its last sample held and faded to 0, float32 (480, 2).

    Args:
        last: the last frame that was heard, float32 (2,) or (1, 2).
    """
    faded: Audio = FALL_OUT * last.reshape(1, -1)
    return faded


def fade_in(sound: Audio) -> Audio:
    """Return a copy of ``sound`` (n, 2) whose first 5 ms rise from silence."""
    out = sound.copy()
    n = min(len(out), FADE_IN_FRAMES)
    out[:n] *= RISE_IN[:n]
    return out


def crossfade(old: Audio, new: Audio) -> Audio:
    """Blend from ``old`` to ``new`` over their common length, float32 (n, 2) both."""
    weight = rise(len(new))
    blended: Audio = (old * (1.0 - weight) + new * weight).astype(np.float32)
    return blended
