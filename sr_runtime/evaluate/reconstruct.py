"""Pass real sound through a bundle's autoencoder: what a perfect generator would reach.

Only bundles with the optional ``encoder`` graph can; the baseline ``vae`` is left out for the others.
"""

from __future__ import annotations

from sr_runtime.engine.session import Engine
from sr_runtime.types import Audio


def reconstruct(engine: Engine, audio: Audio) -> Audio:
    """Encode and decode a sound, hop by hop.

    Args:
        engine: An engine whose bundle has an ``encoder`` graph.
        audio: float32 (hops × 1600, 2), 48 kHz.

    Returns:
        float32, the same shape.
    """
    raise NotImplementedError
