"""DINOv2 ViT-S/14 with four registers, the paper's frozen picture encoder.

Parameter names are those of the public checkpoint ``dinov2_vits14_reg4_pretrain.pth``, which the user
brings and which loads key for key. Called through :func:`sr_runtime.model.vision.build_backbone`.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_runtime.errors import ConfigError

WIDTH = 384
BLOCKS = 12
HEADS = 6
REGISTERS = 4
PATCH = 14
PRETRAINED_GRID = 37
"""Cells per side in pre-training: 518 px."""
EPS = 1e-6
_MEAN = (0.485 * 255, 0.456 * 255, 0.406 * 255)
_STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)


class _Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        qkv = self.qkv(x).reshape(batch, tokens, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(qkv[0], qkv[1], qkv[2])
        return cast(Tensor, self.proj(y.transpose(1, 2).reshape(batch, tokens, WIDTH)))


class _Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.fc2(F.gelu(self.fc1(x))))


class _LayerScale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class _Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(WIDTH, eps=EPS)
        self.attn = _Attention()
        self.ls1 = _LayerScale()
        self.norm2 = nn.LayerNorm(WIDTH, eps=EPS)
        self.mlp = _Mlp()
        self.ls2 = _LayerScale()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self.attn(self.norm1(x)))
        return cast(Tensor, x + self.ls2(self.mlp(self.norm2(x))))


class _PatchEmbed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, WIDTH, PATCH, stride=PATCH)


class DinoV2(nn.Module):
    """Patch tokens after the final norm, as a grid; CLS and registers are dropped.

    Args:
        height: Pixels, a multiple of 14.
        width: Pixels, a multiple of 14.
    """

    grid_positions: Tensor
    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        if height % PATCH or width % PATCH:
            raise ConfigError(f"vision: DINOv2 needs multiples of {PATCH} px, got {width}×{height}")
        self.rows, self.columns = height // PATCH, width // PATCH
        self.patch_embed = _PatchEmbed()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.register_tokens = nn.Parameter(torch.zeros(1, REGISTERS, WIDTH))
        self.mask_token = nn.Parameter(torch.zeros(1, WIDTH))
        self.pos_embed = nn.Parameter(torch.randn(1, 1 + PRETRAINED_GRID**2, WIDTH) * 0.02)
        self.blocks = nn.ModuleList(_Block() for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(WIDTH, eps=EPS)
        self.register_buffer("pixel_mean", torch.tensor(_MEAN).reshape(3, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(_STD).reshape(3, 1, 1), persistent=False)
        self.register_buffer("grid_positions", self._interpolated_positions(), persistent=False)
        self.register_load_state_dict_post_hook(_refresh_positions)  # type: ignore[no-untyped-call]

    def _interpolated_positions(self) -> Tensor:
        """Resize the 37×37 table to this grid: bicubic, antialiased, offset 0, as the register models do."""
        table = self.pos_embed.detach()[:, 1:].reshape(1, PRETRAINED_GRID, PRETRAINED_GRID, WIDTH)
        if (self.rows, self.columns) != (PRETRAINED_GRID, PRETRAINED_GRID):
            table = F.interpolate(
                table.permute(0, 3, 1, 2), (self.rows, self.columns), mode="bicubic", antialias=True
            ).permute(0, 2, 3, 1)
        return table.reshape(1, self.rows * self.columns, WIDTH).clone()

    def forward(self, image: Tensor) -> Tensor:
        """Encode float (B, 3, H, W), RGB 0..255, to a grid (B, 384, H/14, W/14)."""
        patches = self.patch_embed.proj((image - self.pixel_mean) / self.pixel_std)
        patches = patches.flatten(2).transpose(1, 2) + self.grid_positions
        batch = patches.shape[0]
        first = (self.cls_token + self.pos_embed[:, :1]).expand(batch, -1, -1)
        x = torch.cat((first, self.register_tokens.expand(batch, -1, -1), patches), dim=1)
        for block in self.blocks:
            x = block(x)
        x = self.norm(x[:, 1 + REGISTERS :])
        return cast(Tensor, x).transpose(1, 2).reshape(batch, WIDTH, self.rows, self.columns)

    def load_published(self, weights: dict[str, Tensor]) -> None:
        """Load the public checkpoint; every key must be there and none may be left over."""
        self.load_state_dict(weights)


def _refresh_positions(module: nn.Module, _keys: Any) -> None:
    dino = cast(DinoV2, module)
    dino.grid_positions.copy_(dino._interpolated_positions())
