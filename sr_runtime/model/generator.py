"""The generator: everything between a projected grid and a denoised audio latent, wired as in Algorithms 1–3.

::

    features ─ (tuned blocks ─ PCA ─) grid, difference ─ tokenizer ─ projection + type ─ v_i ──┐
    latent x_{i−1} or BOS ─ projection + type ─ x_{i−1} ─ transformer ─ z_i ─ head ─ x_i

    z_i joins the outputs at the slots of x_{i−1} and of v_i: concat(z̃_{2i−1}, z̃_{2i})

The frozen backbone and the auto-encoder are not part of it; the PCA basis is, and so are the encoder's last
blocks where they are tuned: then *features* are what comes before them, else the grid itself. Called by
training (``condition`` and ``head``), export and evaluation (the incremental methods).
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from sr_runtime.model.aggregator import VisionTokenizer
from sr_runtime.model.efficientnet import TunedBlocks
from sr_runtime.model.head import DiffusionHead, UncertaintyNet
from sr_runtime.model.layers import two_layer_projection
from sr_runtime.model.pca import PCAProjection
from sr_runtime.model.presets import ModelConfig
from sr_runtime.model.rope import Extension
from sr_runtime.model.transformer import Transformer

VIDEO, AUDIO = 0, 1
"""Rows of the type embedding."""


class Generator(nn.Module):
    """p(x_i | x_{<i}, v_{≤i}) for i = 1, 2, …"""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.transformer.width
        vision = config.vision
        first = vision.tap_block + 1 - vision.tuned_blocks
        self.tuned_blocks: nn.Module = (
            TunedBlocks(first, vision.tap_block) if vision.tuned_blocks else nn.Identity()
        )
        self.pca = PCAProjection(vision.backbone_channels, vision.pca)
        self.tokenizer = VisionTokenizer(config.aggregator, vision.channels, vision.grid_shape)
        self.video_in = two_layer_projection(config.aggregator.width, width)
        self.audio_in = two_layer_projection(config.vae.latent, width)
        self.bos = nn.Parameter(torch.randn(width) * 0.02)
        self.null = nn.Parameter(torch.randn(width) * 0.02)
        self.types = nn.Parameter(
            torch.randn(2, width) * 0.02 if config.transformer.type_embedding else torch.zeros(2, width),
            requires_grad=config.transformer.type_embedding,
        )
        self.transformer = Transformer(config.transformer)
        self.diffusion_head = DiffusionHead(config.head, config.vae.latent, 2 * width, config.sigma_data)
        self.uncertainty_net = UncertaintyNet()

    def project(self, raw: Tensor) -> Tensor:
        """Map what the frozen encoder makes of pictures, (N, C, h, w), to projected grids."""
        return cast(Tensor, self.pca(self.tuned_blocks(raw).float()))

    def grids(self, features: Tensor) -> Tensor:
        """Return the projected grids of stored features, (..., c, h, w) each.

        A store keeps projected grids, unless encoder blocks are tuned: then it keeps what comes before them.
        Where mixed precision is on, the projection is left out of it: differences are small beside grids.
        """
        if not self.config.vision.tuned_blocks:
            return features
        # Channels last: convolutions run twice as fast on a CPU.
        stored = features.flatten(0, -4).contiguous(memory_format=torch.channels_last)
        raw = self.tuned_blocks(stored).float()
        with torch.autocast(raw.device.type, enabled=False):
            grids: Tensor = self.pca(raw)
        return grids.reshape(*features.shape[:-3], *grids.shape[1:])

    def vision_token(self, grid: Tensor, difference: Tensor) -> Tensor:
        """Map projected grids and differences, each (N, c, h, w), to typed video tokens (N, width)."""
        return cast(Tensor, self.video_in(self.tokenizer(grid, difference))) + self.types[VIDEO]

    def audio_token(self, latent: Tensor) -> Tensor:
        """Map normalised latents (..., 64) to typed audio tokens (..., width)."""
        return cast(Tensor, self.audio_in(latent)) + self.types[AUDIO]

    def bos_token(self) -> Tensor:
        """Return S, the typed audio token (width,) that stands before the first latent."""
        return self.bos + self.types[AUDIO]

    def null_token(self) -> Tensor:
        """Return ∅ (width,), which replaces a typed video token."""
        return self.null

    def condition(
        self,
        grids: Tensor,
        differences: Tensor,
        latents: Tensor,
        drop: Tensor | None = None,
        extension: Extension = "none",
        factor: float = 1.0,
    ) -> Tensor:
        """Compute every z_i of a clip in one causal pass, teacher-forced.

        Args:
            grids: Projected grids (B, T, c, h, w), any float dtype.
            differences: Same shape.
            latents: Normalised, (B, T, 64); the last one is not looked at.
            drop: bool (B,): clips whose video is replaced by ∅ (classifier-free guidance).
            extension: Rotary stretching beyond the training length, by ``factor``.
            factor: Length ÷ training length.

        Returns:
            z (B, T, 2·width): z_i = concat(z̃_{2i−1}, z̃_{2i}).
        """
        batch, frames = grids.shape[:2]
        dtype = self.bos.dtype
        video = self.vision_token(grids.flatten(0, 1).to(dtype), differences.flatten(0, 1).to(dtype))
        video = video.reshape(batch, frames, -1)
        if drop is not None:
            video = torch.where(drop[:, None, None], self.null_token().to(video.dtype), video)
        audio = self.history_tokens(latents.to(dtype))
        tokens = torch.stack((audio, video), dim=2).flatten(1, 2)
        hidden = self.transformer(tokens, extension=extension, factor=factor)
        return cast(Tensor, hidden.reshape(batch, frames, -1))

    def history_tokens(self, latents: Tensor) -> Tensor:
        """Return [S, x_1, …, x_{T−1}] as tokens (B, T, width), noised in training if so configured.

        Noise mixed in tells the network not to trust its own play too much; clips that are noise alone have
        it find in the picture what it would otherwise read off the sound before.
        """
        bos = self.bos_token().expand(latents.shape[0], 1, -1)
        tokens = self.audio_token(latents[:, :-1])
        tokens = torch.cat((bos.to(tokens.dtype), tokens), dim=1)
        k_max, deaf_share = self.config.transformer.history_noise, self.config.transformer.deaf_share
        if not self.training or k_max == deaf_share == 0.0:
            return tokens
        k = torch.rand(*tokens.shape[:2], 1, device=tokens.device) * k_max
        is_deaf = torch.rand(len(tokens), 1, 1, device=tokens.device) < deaf_share
        k = torch.where(is_deaf, 1.0, k)
        return k * torch.randn_like(tokens) + (1.0 - k) * tokens

    def head(self, x_t: Tensor, sigma: Tensor, z: Tensor) -> Tensor:
        """Return D(x_t (N, 64), σ (N,), z (N, 2·width)), denoised latents (N, 64)."""
        return cast(Tensor, self.diffusion_head(x_t, sigma, z))

    def uncertainty(self, sigma: Tensor) -> Tensor:
        """Return u(σ), (N,)."""
        return cast(Tensor, self.uncertainty_net(sigma))


def guide(conditional: Tensor, unconditional: Tensor, scale: float | Tensor) -> Tensor:
    """Return z̃_null + ω (z̃_cond − z̃_null); ω = 1 is the conditional row itself, exactly."""
    return torch.lerp(unconditional, conditional, scale)
