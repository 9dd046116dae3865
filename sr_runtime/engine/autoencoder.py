"""Pass real sound through a bundle's auto-encoder, without its generator: the ceiling of what it can sound.

Called by ``evaluate``; needs a bundle with the optional ``encoder`` graph. Thread: inference.
"""

from __future__ import annotations

import numpy as np

from sr_runtime.engine.backends.onnx import OnnxBackend
from sr_runtime.engine.bundle import Bundle
from sr_runtime.engine.decoder import DecoderStage
from sr_runtime.errors import BundleError
from sr_runtime.types import HOP_SAMPLES, Audio


def reconstruct(backend: OnnxBackend, bundle: Bundle, audio: Audio) -> Audio:
    """Encode a sound and decode it again, hop by hop.

    Args:
        backend: The bundle, loaded.
        bundle: The bundle.
        audio: float32 (samples, 2), 48 kHz; completed to whole hops with silence.

    Returns:
        float32, the same shape.

    Raises:
        BundleError: The bundle has no encoder.
    """
    if "encoder" not in bundle.manifest.graphs:
        raise BundleError(f"bundle '{bundle.name}' has no encoder; export it again without --no-encoder")
    samples = len(audio)
    padded = np.pad(audio.astype(np.float32), ((0, -samples % HOP_SAMPLES), (0, 0)))
    latents = backend.graph("encoder").run({"audio": padded[None]})["latent"][0]
    decoder = DecoderStage(backend.graph("decoder"), bundle.initial_state())
    return np.concatenate([decoder.decode(latent[None]).copy() for latent in latents])[:samples]
