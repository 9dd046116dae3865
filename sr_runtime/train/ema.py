"""Exponential moving average of a network's weights: what is validated, exported and played.

Used by every trainer.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """A shadow copy of a module that follows it slowly.

    Args:
        module: the network in training; its buffers are copied, its parameters averaged.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = copy.deepcopy(module).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, source: nn.Module, decay: float) -> None:
        """Move the average towards ``source`` by 1 − ``decay``."""
        averaged: list[Tensor] = list(self.module.parameters())
        current = [p.detach() for p in source.parameters()]
        torch._foreach_lerp_(averaged, current, 1.0 - decay)  # one fused call: 10 ms a step for 15 M
        for own, other in zip(self.module.buffers(), source.buffers(), strict=True):
            own.copy_(other)

    def state_dict(self) -> dict[str, Any]:
        """Return the averaged weights."""
        return dict(self.module.state_dict())

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take averaged weights back."""
        self.module.load_state_dict(state)


@contextmanager
def evaluating(module: nn.Module) -> Iterator[nn.Module]:
    """Run a block with the module in evaluation mode and without gradients, then restore its mode."""
    was_training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield module
    finally:
        module.train(was_training)
