"""From a grid and its difference to one vision token: projection, downsampling, attention read-out.

::

    grid ‖ difference (2c, h, w) ─ 1×1 ─ SiLU ─ stride 2 ─ h/2·w/2 tokens ┐
                                              learned read-out token, last ┴─ layers ─ norm ─ v (d_v)

Called by the generator, once per frame.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_runtime.model.layers import RMS_EPS, SwiGLU
from sr_runtime.model.presets import AggregatorConfig


class ReadoutLayer(nn.Module):
    """A pre-norm transformer layer; ``last_only`` computes the last token's output alone (exact, cheaper)."""

    def __init__(self, config: AggregatorConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.RMSNorm(config.width, eps=RMS_EPS)
        self.query = nn.Linear(config.width, config.width, bias=False)
        self.key_value = nn.Linear(config.width, 2 * config.width, bias=False)
        self.output = nn.Linear(config.width, config.width, bias=False)
        self.ffn_norm = nn.RMSNorm(config.width, eps=RMS_EPS)
        self.ffn = SwiGLU(config.width, config.hidden, config.dropout)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, last_only: bool) -> Tensor:
        """Map (N, tokens, width) to the same, or to (N, 1, width)."""
        normed = self.attention_norm(x)
        kept = x[:, -1:] if last_only else x
        query = self._split(self.query(normed[:, -1:] if last_only else normed))
        key, value = self.key_value(normed).chunk(2, dim=-1)
        mixed = F.scaled_dot_product_attention(query, self._split(key), self._split(value))
        kept = kept + self.dropout(self.output(mixed.transpose(1, 2).reshape(kept.shape)))
        return cast(Tensor, kept + self.ffn(self.ffn_norm(kept)))

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)


class Downsample(nn.Module):
    """Halve a grid (N, h, w, projection) into tokens (N, h/2·w/2, width)."""

    def __init__(self, config: AggregatorConfig) -> None:
        super().__init__()
        inputs, outputs = config.projection, config.width
        # 2×2 patches are one matrix product, so the int8 export quantises them; a convolution it leaves fp32.
        self.patches = nn.Linear(4 * inputs, outputs, bias=False) if config.kernel == 2 else None
        self.overlapping = (
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False) if config.kernel == 3 else None
        )

    def forward(self, cells: Tensor) -> Tensor:
        """Downsample; odd rows and columns are dropped by the 2×2 form and padded by the 3×3 form."""
        if self.overlapping is not None:
            down: Tensor = self.overlapping(cells.permute(0, 3, 1, 2))
            return down.flatten(2).transpose(1, 2)
        count, rows, columns, channels = cells.shape
        pairs = cells[:, : rows // 2 * 2, : columns // 2 * 2]
        pairs = pairs.reshape(count, rows // 2, 2, columns // 2, 2, channels).transpose(2, 3)
        return cast(Tensor, cast(nn.Linear, self.patches)(pairs.reshape(count, -1, 4 * channels)))


class VisionTokenizer(nn.Module):
    """Sum up a grid and its temporal difference in one token."""

    grid_positions: Tensor

    def __init__(self, config: AggregatorConfig, channels: int, grid_shape: tuple[int, int]) -> None:
        super().__init__()
        self.config = config
        self.project = nn.Linear(2 * channels, config.projection)
        self.downsample = Downsample(config)
        rows, columns = (_halved(size, config.kernel) for size in grid_shape)
        self.readout = nn.Parameter(torch.randn(config.width) / math.sqrt(config.width))
        self.readout_position = nn.Parameter(torch.randn(config.width) * 0.02)
        if config.positions == "learned":
            self.grid_positions = nn.Parameter(torch.randn(rows * columns, config.width) * 0.02)
        else:
            self.register_buffer("grid_positions", sinusoids_2d(rows, columns, config.width))
        self.layers = nn.ModuleList(ReadoutLayer(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, eps=RMS_EPS)

    def forward(self, grid: Tensor, difference: Tensor) -> Tensor:
        """Map grid and difference, each (N, c, h, w), to tokens (N, d_v)."""
        if not self.config.difference:
            difference = torch.zeros_like(difference)
        cells = torch.cat((grid, difference), dim=1).permute(0, 2, 3, 1)
        if self.config.pooled:
            cells = cells.mean((1, 2), keepdim=True).expand_as(cells)
        tokens = self.downsample(F.silu(self.project(cells))) + self.grid_positions
        last = (self.readout + self.readout_position).to(tokens.dtype).expand(tokens.shape[0], 1, -1)
        tokens = torch.cat((tokens, last), dim=1)
        for index, layer in enumerate(self.layers):
            # Later layers read the last token only, so the final one need not compute the others.
            tokens = layer(tokens, last_only=index == len(self.layers) - 1)
        return cast(Tensor, self.norm(tokens[:, -1]))


def _halved(size: int, kernel: int) -> int:
    return (size + 1) // 2 if kernel == 3 else size // 2


def sinusoids_2d(rows: int, columns: int, width: int) -> Tensor:
    """Return a fixed table (rows·columns, width): a quarter each of sin/cos of the row and of the column."""
    frequencies = 10_000.0 ** (-torch.arange(width // 4) / (width // 4))
    row = torch.arange(rows)[:, None, None] * frequencies
    column = torch.arange(columns)[None, :, None] * frequencies
    row, column = row.expand(rows, columns, -1), column.expand(rows, columns, -1)
    table = torch.cat((row.sin(), row.cos(), column.sin(), column.cos()), dim=-1)
    return table.reshape(rows * columns, width)
