"""Layers that the aggregator and the transformer share: SwiGLU and residual dropping."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RMS_EPS = 1e-5


class SwiGLU(nn.Module):
    """w2(silu(a) · b) with (a, b) = w13(x); no biases."""

    def __init__(self, width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        # One product for both halves: fewer launches, and one quantisation of x in the int8 graph.
        self.w13 = nn.Linear(width, 2 * hidden, bias=False)
        self.w2 = nn.Linear(hidden, width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., width) to (..., width)."""
        gate, value = self.w13(x).chunk(2, dim=-1)
        return cast(Tensor, self.dropout(self.w2(F.silu(gate) * value)))


class StochasticDepth(nn.Module):
    """Drop a residual branch for whole clips at random; the kept ones are scaled up."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """Drop along the first axis of (B, ...)."""
        if not self.training or self.probability == 0.0:
            return branch
        shape = (branch.shape[0],) + (1,) * (branch.ndim - 1)
        kept = torch.rand(shape, device=branch.device) >= self.probability
        return branch * (kept.to(branch.dtype) / (1.0 - self.probability))


def two_layer_projection(inputs: int, width: int) -> nn.Sequential:
    """Linear → SiLU → Linear, Kaiming-normal, as the projections into the transformer are."""
    projection = nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width))
    for layer in (projection[0], projection[2]):
        nn.init.kaiming_normal_(cast(Tensor, layer.weight), nonlinearity="linear")
        nn.init.zeros_(cast(Tensor, layer.bias))
    return projection
