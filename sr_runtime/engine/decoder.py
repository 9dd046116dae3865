"""The decoder stage: one latent becomes 1600 samples, the rest of its past kept in named arrays.

Called by the hop. Thread: inference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxGraph
from sr_runtime.engine.member import Member
from sr_runtime.types import Audio


class DecoderStage:
    """Runs ``decoder(latent, <states>) → audio, <states>_new`` for several sessions at once.

    Every graph input but ``latent`` is an entry of their states, changed in place.

    Args:
        graph: The decoder graph.
        capacity: Most sessions.
    """

    def __init__(self, graph: OnnxGraph, capacity: int = 1) -> None:
        inputs, outputs = (graph.rows(specs, capacity) for specs in (graph.spec.inputs, graph.spec.outputs))
        self._latents, self._audio = inputs["latent"], outputs["audio"]
        self._states = [
            (name, before, outputs[f"{name}_new"]) for name, before in inputs.items() if name != "latent"
        ]
        self._run = graph.bind(inputs, outputs)

    def decode(self, members: Sequence[Member], latents: Sequence[npt.NDArray[np.float32]]) -> list[Audio]:
        """Return of each session float32 (1600, 2), valid until the next call, for a latent (1, latent)."""
        for row, (member, latent) in enumerate(zip(members, latents, strict=True)):
            self._latents[row] = latent[0]
            for name, before, _ in self._states:
                before[row] = member.state[name][0]
        self._run(0, len(members))
        for row, member in enumerate(members):
            for name, _, after in self._states:
                member.state[name][0] = after[row]
        return [self._audio[row] for row in range(len(members))]
