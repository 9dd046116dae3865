"""The Fourier transform of real windows whose length is a square, as two products with small matrices.

A full DFT matrix for 1600 samples is 10 MB of constants in an exported graph; split once by Cooley and Tukey
(1965) it is four 40 × 40 matrices and a table of rotations, and runs in plain matrix products everywhere.

::

    sample n = n₂ + side·n₁        bin k = k₁ + side·k₂
    (k₂, k₁) ── sum over k₂ ── (n₂, k₁) ── rotate by 2π·k₁·n₂/size ── sum over k₁ ── (n₂, n₁)

Called by :mod:`sr_runtime.model.noise_bands` and :mod:`sr_runtime.model.vae_compact`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class SquareDFT(nn.Module):
    """Cosines and sines of bins 0 to size/2 − 1, scaled so that every row but bin 0 has unit energy.

    Bin 0 counts √2 too much and the bin at half the sampling rate is left out: neither carries sound.

    Args:
        size: Samples of a window: the square of an even number.

    Raises:
        ValueError: ``size`` is none.
    """

    inner: Tensor
    rotation_cos: Tensor
    rotation_sin: Tensor
    outer: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        side = math.isqrt(size)
        if side * side != size or side % 2 or not side:
            raise ValueError(f"size: expected the square of an even number, got {size}")
        self.size, self.side = size, side
        index = torch.arange(side, dtype=torch.float64)
        half = 2 * math.pi / side * index.unsqueeze(1) * index[: side // 2]
        cosine, sine = half.cos(), half.sin()
        inner = torch.cat((torch.cat((cosine, sine), 1), torch.cat((sine, -cosine), 1)))
        full = 2 * math.pi / side * index.unsqueeze(1) * index
        outer = torch.cat((full.cos(), -full.sin())) * math.sqrt(2 / size)
        rotation = 2 * math.pi / size * index.unsqueeze(1) * index
        self.register_buffer("inner", inner.float(), persistent=False)
        self.register_buffer("rotation_cos", rotation.cos().float(), persistent=False)
        self.register_buffer("rotation_sin", rotation.sin().float(), persistent=False)
        self.register_buffer("outer", outer.float(), persistent=False)

    def synthesise(self, cosines: Tensor, sines: Tensor) -> Tensor:
        """Add up waves: two float32 (…, size/2) → float32 (…, size)."""
        lead, side = cosines.shape[:-1], self.side
        parts = torch.cat((cosines, sines), dim=-1).reshape(*lead, side, side)
        real, imaginary = torch.matmul(self.inner, parts).chunk(2, dim=-2)
        turned = torch.cat(
            (
                real * self.rotation_cos - imaginary * self.rotation_sin,
                real * self.rotation_sin + imaginary * self.rotation_cos,
            ),
            dim=-1,
        )
        return torch.matmul(turned, self.outer).transpose(-1, -2).reshape(*lead, self.size)

    def analyse(self, windows: Tensor) -> tuple[Tensor, Tensor]:
        """Compare windows float32 (…, size) with every wave: cosines and sines, each (…, size/2)."""
        lead, side = windows.shape[:-1], self.side
        grid = windows.reshape(*lead, side, side).transpose(-1, -2)
        real, imaginary = torch.matmul(grid, self.outer.T).chunk(2, dim=-1)
        turned = torch.cat(
            (
                real * self.rotation_cos + imaginary * self.rotation_sin,
                imaginary * self.rotation_cos - real * self.rotation_sin,
            ),
            dim=-2,
        )
        cosines, sines = torch.matmul(self.inner.T, turned).chunk(2, dim=-2)
        return cosines.reshape(*lead, -1), sines.reshape(*lead, -1)
