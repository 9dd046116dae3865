"""The noise that starts each evaluation of the head, as a pure function of seed, hop and evaluation.

Only Philox's raw bits are used, which numpy keeps stable between versions (its normal generator it does
not), so the same seed gives the same sound next year. Called by the head stage. Thread: any.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def philox_normal(seed: int, hop: int, evaluation: int, size: int) -> npt.NDArray[np.float32]:
    """Return standard normal noise.

    Args:
        seed: The session's seed, 0 ≤ seed < 2**64.
        hop: Index of the hop, ≥ 0.
        evaluation: Index of the head's evaluation within the hop, ≥ 0.
        size: How many numbers; even.

    Returns:
        float32 (1, size).

    Example:
        >>> bool((philox_normal(1, 2, 0, 64) == philox_normal(1, 2, 0, 64)).all())
        True

    Thread: any.
    """
    counter = np.array([0, evaluation, hop, 0], dtype=np.uint64)
    bits = np.random.Philox(key=np.array([seed, 0], dtype=np.uint64), counter=counter).random_raw(size)
    uniform = ((bits >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    radius = np.sqrt(-2.0 * np.log(uniform[: size // 2]))
    angle = (2.0 * np.pi) * uniform[size // 2 :]
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)]).astype(np.float32)[None]
