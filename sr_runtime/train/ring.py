"""The transformer with its ring cache as a session has it, for many rows at once: one token of each per step.

Called by :mod:`sr_runtime.train.rollout`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sr_runtime.model.attention import MASKED
from sr_runtime.model.generator import Generator
from sr_runtime.model.rope import Extension, rotary_angles, rotate
from sr_runtime.model.transformer import KeyValue


@dataclass(frozen=True)
class Memory:
    """What a token remembers; the defaults are a session's.

    Attributes:
        tokens: Length of the ring, or None for that of the configuration.
        extension: Rotary stretching for rings longer than the training's window, by ``factor``.
        factor: Ring ÷ training window.
        sinks: First tokens of the session that are never forgotten; they move along, always just before the
            oldest token of the ring, so that no distance is one that training has not seen.
    """

    tokens: int | None = None
    extension: Extension = "none"
    factor: float = 1.0
    sinks: int = 0


class RingTransformer:
    """The generator's transformer with its ring cache, one token of every row at a time.

    Args:
        generator: in evaluation mode.
        rows: how many sequences run side by side.
        memory: what a token remembers.
        dtype: of the cache.
    """

    def __init__(
        self, generator: Generator, rows: int, memory: Memory, dtype: torch.dtype = torch.float32
    ) -> None:
        config = generator.config.transformer
        self.transformer, self.config, self.memory = generator.transformer, config, memory
        self.ring = memory.tokens or config.cache_tokens
        shape = (rows, config.kv_heads, self.ring, config.head_dim)
        self.cache = [
            KeyValue(torch.zeros(shape, dtype=dtype), torch.zeros(shape, dtype=dtype))
            for _ in range(config.layers)
        ]
        self.mask = torch.full((1, self.ring), MASKED)
        self.position = 0
        self._sinks = [torch.zeros_like(layer.key[:, :, : memory.sinks]) for layer in self.cache]

    def step(self, tokens: Tensor, keep: bool = True) -> Tensor:
        """Run one token per row, (rows, width) → z̃ (rows, width); ``keep`` = False forgets it again."""
        slot = self._slot()
        seen = self.mask[0, slot].item()
        self.mask[0, slot] = MASKED  # it holds the token `ring` back, outside the window
        self._move_sinks()
        cos, sin = self._angles(self.position)
        hidden, news = self.transformer.step(tokens.unsqueeze(1), self.cache, cos, sin, self.mask)
        if not keep:
            self.mask[0, slot] = seen
            return hidden.squeeze(1)
        for past, new, sinks in zip(self.cache, news, self._sinks, strict=True):
            past.key[:, :, slot], past.value[:, :, slot] = new.key[:, :, 0], new.value[:, :, 0]
            if slot < self.memory.sinks:
                sinks[:, :, slot] = new.key[:, :, 0]
        self.mask[0, slot] = 0.0
        self.position += 1
        return hidden.squeeze(1)

    def state(self) -> dict[str, Any]:
        """Return all that :meth:`load_state` needs to go on: tensors and numbers."""
        return {"position": self.position, "tensors": [tensor.clone() for tensor in self._tensors()]}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state of a ring of the same shape."""
        self.position = int(state["position"])
        for own, saved in zip(self._tensors(), state["tensors"], strict=True):
            own.copy_(saved)

    def _tensors(self) -> list[Tensor]:
        return [self.mask, *(part for layer in self.cache for part in layer), *self._sinks]

    def _slot(self) -> int:
        sinks = self.memory.sinks
        if self.position < sinks:
            return self.position
        return sinks + (self.position - sinks) % (self.ring - sinks)

    def _move_sinks(self) -> None:
        """Turn the sinks' keys, so that they stand at the far end of the ring as seen from this token."""
        moved = self.position - self.ring + 1
        if self.memory.sinks and moved > 0:
            cos, sin = self._angles(moved)
            for past, sinks in zip(self.cache, self._sinks, strict=True):
                past.key[:, :, : self.memory.sinks] = rotate(sinks, cos, sin)

    def _angles(self, position: int) -> tuple[Tensor, Tensor]:
        config, memory = self.config, self.memory
        return rotary_angles(
            torch.tensor([position]), config.head_dim, config.rope_theta, memory.extension, memory.factor
        )
