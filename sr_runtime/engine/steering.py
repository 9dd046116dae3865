"""The steering stage, of bundles that have one: a latent is turned to the side that the picture tells.

Called by the hop, between head and decoder. Thread: inference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxGraph
from sr_runtime.engine.bundle import PANNING
from sr_runtime.engine.member import Member

Latent = npt.NDArray[np.float32]


class SteeringStage:
    """Runs ``steering(latent, grid, panning) → steered, audio_token, panning_new`` for several sessions.

    Uses ``prev_grid`` of their states (of the picture at hand, once that was seen); ``panning`` and
    ``audio_token`` are changed in place.

    Args:
        graph: The steering graph.
        capacity: Most sessions.
    """

    def __init__(self, graph: OnnxGraph, capacity: int = 1) -> None:
        inputs, outputs = (graph.rows(specs, capacity) for specs in (graph.spec.inputs, graph.spec.outputs))
        self._latents, self._grids, self._panning = inputs["latent"], inputs["grid"], inputs["panning"]
        self._steered, self._told = outputs["steered"], outputs["panning_new"]
        self._audio_tokens = outputs["audio_token"]
        self._run = graph.bind(inputs, outputs)

    def steer(self, members: Sequence[Member], latents: Sequence[Latent]) -> list[Latent]:
        """Return of each session the latent to decode, float32 (1, latent), for one that was drawn."""
        for row, (member, latent) in enumerate(zip(members, latents, strict=True)):
            self._latents[row] = latent[0]
            self._grids[row] = member.state["prev_grid"][0]
            self._panning[row] = member.state[PANNING][0]
        self._run(0, len(members))
        for row, member in enumerate(members):
            member.state[PANNING][0] = self._told[row]
            member.state["audio_token"][0] = self._audio_tokens[row]
        return [self._steered[row : row + 1].copy() for row in range(len(members))]
