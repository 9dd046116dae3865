"""Pass real sound through a bundle's autoencoder: what a perfect generator would reach.

Only bundles with the optional ``encoder`` graph can; the baseline ``vae`` is left out for the others.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sr_runtime.engine.decoder import DecoderStage
from sr_runtime.engine.member import Member
from sr_runtime.engine.session import Engine
from sr_runtime.types import Audio

_DITHER: Final = 1e-5
"""−100 dBFS. Encoders take logarithms of spectra, and games are digitally silent between sounds; the 1e-8
that keeps log(0) away was optimised out of an exported graph as “adding zero”."""


def can_reconstruct(engine: Engine) -> bool:
    """Tell whether the engine's bundle came with an encoder."""
    return "encoder" in engine.bundle.manifest.graphs


def reconstruct(engine: Engine, audio: Audio) -> Audio:
    """Encode and decode a sound.

    Args:
        engine: An engine whose bundle has an ``encoder`` graph.
        audio: float32 (hops × 1600, 2), 48 kHz.

    Returns:
        float32, the same shape.
    """
    decoder, member = DecoderStage(engine.graph("decoder")), Member(engine.bundle.initial_state())
    dither = np.random.default_rng(0).standard_normal(audio.shape, np.float32) * _DITHER
    latents = engine.graph("encoder").run({"audio": (audio + dither)[None]})["latent"][0]
    # A copy: the stage hands out the same buffer at every hop.
    return np.concatenate([decoder.decode([member], [latent[None]])[0].copy() for latent in latents])
