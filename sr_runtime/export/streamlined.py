"""Modules spelled for a runtime instead of for training: the same numbers from fewer nodes.

A hop runs the transformer twice for one token each, where a node costs more than the arithmetic in it. Called
by :mod:`sr_runtime.export.graph` on a copy of what is exported; the parity check compares with the original.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from sr_runtime.model.transformer import Attention, KeyValue


class PlainRMSNorm(nn.Module):
    """RMSNorm spelled with a division.

    torch's own export uses Reciprocal and Mul, which onnxruntime does not recognise; this form it fuses to
    one node (13 of them per pass of ``mini``).
    """

    def __init__(self, norm: nn.RMSNorm) -> None:
        super().__init__()
        self.eps = norm.eps or torch.finfo(torch.float32).eps
        self.weight = norm.weight

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last axis."""
        scaled = x / torch.sqrt(x.pow(2.0).mean(-1, keepdim=True) + self.eps)
        return scaled if self.weight is None else scaled * self.weight


class StreamingAttention(nn.Module):
    """:meth:`Attention.step` with queries and keys rotated together, and their scale inside the weights.

    ::

        rotation of adjacent pairs (a, b):   (a, b)·(c, c) + (b, a)·(−s, s)      one Gather, 2 Mul, 1 Add
    """

    swap: Tensor

    def __init__(self, attention: Attention) -> None:
        super().__init__()
        config = attention.config
        self.heads, self.kv_heads, self.head_dim = config.heads, config.kv_heads, config.head_dim
        self.qkv = nn.Linear(config.width, attention.qkv.out_features, bias=False)
        self.output = attention.output
        weight = attention.qkv.weight.detach().clone()
        weight[: config.heads * config.head_dim] *= config.head_dim**-0.5
        self.qkv.weight = nn.Parameter(weight, requires_grad=False)
        self.register_buffer("swap", torch.arange(config.head_dim) ^ 1)

    def step(
        self, x: Tensor, past: KeyValue, cos: Tensor, sin: Tensor, mask: Tensor
    ) -> tuple[Tensor, KeyValue]:
        """Do what :meth:`Attention.step` does."""
        ring = past.key.shape[2]
        joint = self.qkv(x).reshape(-1, self.heads + 2 * self.kv_heads, self.head_dim)
        rotated, value = joint.split((self.heads + self.kv_heads, self.kv_heads), dim=1)
        rotated = rotated * _both(cos, cos) + rotated.index_select(-1, self.swap) * _both(-sin, sin)
        query, key = rotated.split((self.heads, self.kv_heads), dim=1)
        query = query.reshape(-1, self.kv_heads, self.heads // self.kv_heads, self.head_dim)
        key, value = key.unsqueeze(2), value.unsqueeze(2)
        on_past = query @ past.key.transpose(-1, -2) + mask[:, None, None]
        on_self = (query * key).sum(-1, keepdim=True)
        weights = torch.cat((on_past, on_self), dim=-1).softmax(-1)
        mixed = weights[..., :ring] @ past.value + weights[..., ring:] * value
        mixed = mixed.reshape(-1, 1, self.heads * self.head_dim)
        return cast(Tensor, self.output(mixed)), KeyValue(key, value)


def _both(even: Tensor, odd: Tensor) -> Tensor:
    """Interleave two (N, n) to (N, 1, 2n)."""
    return torch.stack((even, odd), dim=-1).flatten(-2).unsqueeze(1)


def streamline(module: nn.Module) -> None:
    """Replace what has a faster spelling, everywhere below ``module``."""
    for name, child in module.named_children():
        if isinstance(child, nn.RMSNorm):
            setattr(module, name, PlainRMSNorm(child))
        elif isinstance(child, Attention):
            setattr(module, name, StreamingAttention(child))
        else:
            streamline(child)
