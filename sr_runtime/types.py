"""The nouns used everywhere: the hop, its rates and the array types that cross module borders.

Imported by every package of the runtime; imports nothing but numpy.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

SAMPLE_RATE: Final = 48_000
"""Samples per second and channel, everywhere inside the runtime."""

HOP_HZ: Final = 30
"""Model steps per second."""

HOP_SAMPLES: Final = 1600
"""Samples per channel that one model step makes: 48000 / 30."""

CHANNELS: Final = 2
"""Stereo: left, right."""

Frame = npt.NDArray[np.uint8]
"""A picture: uint8 (height, width, 3), sRGB, top row first."""

Audio = npt.NDArray[np.float32]
"""Sound: float32 (samples, 2), 48 kHz, −1..1."""

State = dict[str, np.ndarray]
"""A session's whole memory as a flat name → array mapping, described in the bundle's ``model.json``."""
