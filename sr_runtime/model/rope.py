"""Rotary positions: adjacent pairs, one angle per pair, and how to stretch them beyond the training length.

Angles are computed in float64: in float32 they err by 0.06 rad after a day of streaming. Called by the
transformer; a streaming host computes the same cosines and sines itself (they are inputs of the graph).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Extension = Literal["none", "pi", "ntk"]


def ntk_base(base: float, factor: float, head_dim: int) -> float:
    """Return the NTK-aware base: base · factor^{d/(d−2)} (10,000 at ×2, d = 64: 20,452)."""
    return float(base * factor ** (head_dim / (head_dim - 2)))


def rotary_angles(
    positions: Tensor, head_dim: int, base: float, extension: Extension = "none", factor: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Return cosines and sines.

    Args:
        positions: int64 (T,), token positions since the session began.
        head_dim: Even.
        base: θ, 10,000 in the paper.
        extension: ``pi`` divides positions by ``factor``; ``ntk`` raises the base instead.
        factor: Test length ÷ training length.

    Returns:
        Two float32 tensors (T, head_dim/2).
    """
    if extension == "ntk":
        base = ntk_base(base, factor, head_dim)
    exact = positions.double() / (factor if extension == "pi" else 1.0)
    frequencies = base ** (
        -torch.arange(0, head_dim, 2, dtype=torch.float64, device=positions.device) / head_dim
    )
    angles = exact[:, None] * frequencies
    return angles.cos().float(), angles.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate adjacent pairs of (..., T, head_dim) by angles (T, head_dim/2), in x's own dtype."""
    pairs = x.reshape(*x.shape[:-1], -1, 2)
    real, imaginary = pairs[..., 0], pairs[..., 1]
    cos, sin = cos.to(x.dtype), sin.to(x.dtype)
    return torch.stack((real * cos - imaginary * sin, real * sin + imaginary * cos), dim=-1).flatten(-2)


def spread_angles(cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosine and signed sine of every number of a head (..., head_dim), for :func:`rotate_spread`."""
    return cos.repeat_interleave(2, -1), torch.stack((-sin, sin), dim=-1).flatten(-2)


def rotate_spread(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate as :func:`rotate` does, with angles that are spread: three launches instead of seven."""
    swapped = x.reshape(*x.shape[:-1], -1, 2).flip(-1).flatten(-2)
    return torch.addcmul(x * cos, swapped, sin)
