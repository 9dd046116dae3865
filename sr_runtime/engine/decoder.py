"""The decoder stage: one latent becomes 1600 samples, the rest of its past kept in named arrays.

Called by the session. Thread: inference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxGraph
from sr_runtime.types import Audio, State


class DecoderStage:
    """Runs ``decoder(latent, <states>) → audio, <states>_new``.

    Args:
        graph: The decoder graph.
        state: Every graph input but ``latent`` is an entry of it, changed in place.
    """

    def __init__(self, graph: OnnxGraph, state: State) -> None:
        names = [tensor.name for tensor in graph.spec.inputs if tensor.name != "latent"]
        shapes = {tensor.name: tensor for tensor in graph.spec.inputs}
        self._latent = np.zeros(shapes["latent"].shape, shapes["latent"].dtype)
        outputs = {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in graph.spec.outputs}
        self._audio: Audio = outputs["audio"][0]
        self._updates = [(state[name], outputs[f"{name}_new"]) for name in names]
        self._run = graph.bind({"latent": self._latent, **{name: state[name] for name in names}}, outputs)

    def decode(self, latent: npt.NDArray[np.float32]) -> Audio:
        """Return float32 (1600, 2), valid until the next call, for a normalised latent (1, latent)."""
        np.copyto(self._latent, latent)
        self._run()
        for old, new in self._updates:
            np.copyto(old, new)
        return self._audio
