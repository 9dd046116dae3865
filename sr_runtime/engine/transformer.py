"""The transformer stage: one token in, one hidden vector out, the past in a ring that never ends.

The graph reads the key/value cache and returns only the new token's keys and values; this stage owns the
ring and writes them to their slot. Two rows run together: row 0 sees the video, row 1 has the null token in
place of every video token (for guidance). Called by the session. Thread: inference.

    position p attends to   p−W+1 … p−1   (ring)   and itself
    ring slot of p        = p mod W       so slot p mod W still holds p−W: masked while p runs
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxGraph
from sr_runtime.engine.bundle import TransformerSpec
from sr_runtime.engine.rotation import Rotation
from sr_runtime.types import State

HIDDEN_FROM_ATTENTION = np.float32(-1e30)
"""Added to the scores of masked slots; finite, so that a fully masked ring makes no NaN."""

Hidden = npt.NDArray[np.float32]


class TransformerStage:
    """Runs ``transformer(tokens, k_*, v_*, cos, sin, mask) → hidden, k_new_*, v_new_*``.

    Args:
        graph: The transformer graph.
        spec: Its sizes.
        state: Uses ``k_*``, ``v_*`` and ``position``, in place.
    """

    def __init__(self, graph: OnnxGraph, spec: TransformerSpec, state: State) -> None:
        self._window = spec.window
        self._position = state["position"]
        self._rotation = Rotation(spec.head_size, spec.rope_theta)
        cache = [f"{kind}_{layer}" for layer in range(spec.layers) for kind in ("k", "v")]
        fixed = {
            tensor.name: np.zeros(tensor.shape, tensor.dtype)
            for tensor in graph.spec.inputs
            if tensor.name not in cache
        }
        self._tokens, self._mask = fixed["tokens"], fixed["mask"]
        self._cos, self._sin = fixed["cos"].reshape(-1), fixed["sin"].reshape(-1)
        self._flat_mask = self._mask.reshape(-1)
        outputs = {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in graph.spec.outputs}
        self._hidden: Hidden = outputs["hidden"]
        self._writes = [(state[name], outputs[f"{name[0]}_new{name[1:]}"]) for name in cache]
        self._run = graph.bind({**fixed, **{name: state[name] for name in cache}}, outputs)
        self.forget()

    @property
    def position(self) -> int:
        """Return how many tokens this sequence has had."""
        return int(self._position[0])

    def forget(self) -> None:
        """Derive the mask from ``position`` again, because the state was replaced."""
        self._flat_mask[:] = HIDDEN_FROM_ATTENTION
        last = self.position
        seen = np.arange(max(0, last - self._window), last) % self._window
        self._flat_mask[seen] = 0.0

    def append(self, conditional: Hidden, null: Hidden) -> Hidden:
        """Append one token to both rows.

        Args:
            conditional: Token of row 0, float32 (1, 1, width).
            null: Token of row 1, float32 (1, 1, width).

        Returns:
            float32 (2, 1, width): the hidden vectors, valid until the next call.
        """
        position = self.position
        slot = position % self._window
        self._tokens[0] = conditional[0]
        self._tokens[1] = null[0]
        self._rotation.write(position, self._cos, self._sin)
        self._flat_mask[slot] = HIDDEN_FROM_ATTENTION
        self._run()
        for ring, new in self._writes:
            ring[:, :, slot] = new[:, :, 0]
        self._flat_mask[slot] = 0.0
        self._position[0] = position + 1
        return self._hidden
