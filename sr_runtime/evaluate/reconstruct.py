"""Pass real sound through a bundle's autoencoder: what a perfect generator would reach.

Only bundles with the optional ``encoder`` graph can; the baseline ``vae`` is left out for the others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxGraph
from sr_runtime.engine.decoder import DecoderStage
from sr_runtime.engine.session import Engine
from sr_runtime.types import HOP_SAMPLES, Audio


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
    decoder = DecoderStage(engine.backend.graph("decoder"), engine.bundle.initial_state())
    latents = encode(engine.backend.graph("encoder"), audio)
    return np.concatenate([decoder.decode(latent[None]).copy() for latent in latents])


def encode(graph: OnnxGraph, audio: Audio) -> npt.NDArray[np.float32]:
    """Return the latents of a sound.

    The encoder looks back only. A graph of fixed length is run on windows that overlap by half, of which the
    second half is kept, so that every latent has heard at least half a window of past::

        window 0   |silence|  kept |
        window 1           | past  |  kept |
        window 2                   | past  |  kept |

    Args:
        graph: ``encoder``: audio (1, T × 1600, 2) → latent (1, T, size), normalised; T fixed or free.
        audio: float32 (hops × 1600, 2), 48 kHz.

    Returns:
        float32 (hops, size).
    """
    hops = len(audio) // HOP_SAMPLES
    length = graph.spec.inputs[0].shape[1]
    if length <= 0:
        return np.asarray(graph.run({"audio": audio[None]})["latent"][0], np.float32)
    window = length // HOP_SAMPLES
    kept = max(1, window // 2)
    silence = np.zeros(((window - kept) * HOP_SAMPLES, 2), np.float32)
    padded = np.concatenate([silence, audio, np.zeros((length, 2), np.float32)])
    pieces = []
    for start in range(0, hops, kept):
        piece = padded[start * HOP_SAMPLES :][:length]
        pieces.append(graph.run({"audio": np.ascontiguousarray(piece[None])})["latent"][0, -kept:])
    return np.concatenate(pieces)[:hops].astype(np.float32)
