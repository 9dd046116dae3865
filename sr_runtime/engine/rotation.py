"""Rotary position angles, computed in float64 and reduced to one turn before they become float32.

Positions grow for as long as a session lasts: 60 a second, 5 million a day. float32 angles would be off by
0.06 rad after a day; float64 is right to 1e-7 rad at position 1e9. Called by the transformer stage.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Angles = npt.NDArray[np.float32]


class Rotation:
    """cos and sin for one token at any position.

    Args:
        head_size: Width of one attention head; even.
        theta: RoPE's base.
    """

    def __init__(self, head_size: int, theta: float) -> None:
        exponents = np.arange(0, head_size, 2, dtype=np.float64) / head_size
        self._frequencies = theta**-exponents

    def write(self, position: int, cos: Angles, sin: Angles) -> None:
        """Write cos and sin of ``position`` into two arrays of head_size / 2 numbers each.

        Thread: inference.
        """
        angles = np.fmod(position * self._frequencies, 2.0 * np.pi)
        cos[...] = np.cos(angles)
        sin[...] = np.sin(angles)
