"""What every auto-encoder of sound offers, whatever is inside: encode, decode, decode hop by hop.

Called by training, export and evaluation. A latent frame j stands for samples [1600 j, 1600 (j+1)).
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_runtime.model.presets import VAEConfig
from sr_runtime.types import HOP_SAMPLES

LOGVAR_RANGE = (-30.0, 20.0)
"""Clamp of the encoder's log-variance, as in the released auto-encoder."""

DecoderState = dict[str, Tensor]
"""What a streaming decoder remembers between hops: flat name → tensor, batch first."""


class VAE(nn.Module, ABC):
    """A stereo auto-encoder at one latent frame per hop.

    Latents are unnormalised everywhere except in :meth:`normalise` and :meth:`denormalise`. The statistics
    they use are buffers (identity until training sets them), so they are saved with the weights.
    """

    latent_mean: Tensor
    latent_std: Tensor

    def __init__(self, config: VAEConfig) -> None:
        super().__init__()
        self.config = config
        # std 0.5 makes normalise() the identity until real statistics are set.
        self.register_buffer("latent_mean", torch.zeros(config.latent))
        self.register_buffer("latent_std", torch.full((config.latent,), 0.5))

    @abstractmethod
    def encode(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Encode sound.

        Args:
            wave: float32 (B, 2, S), 48 kHz, −1..1; S is zero-padded to whole hops.

        Returns:
            Mean and clamped log-variance, each (B, latent, T).
        """

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """Decode latents (B, latent, T) to sound (B, 2, 1600·T)."""

    @abstractmethod
    def initial_decoder_state(self, batch: int) -> DecoderState:
        """Return the state before the first hop: zeros, as :meth:`decode`'s left padding."""

    @abstractmethod
    def decode_step(self, z: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Decode one latent frame (B, latent, 1) to (B, 2, 1600), with the state before and after."""

    def normalise(self, z: Tensor) -> Tensor:
        """Scale latents (B, latent, T) per channel to mean 0, standard deviation 0.5 = σ_data."""
        return (z - self.latent_mean[:, None]) / (2.0 * self.latent_std[:, None])

    def denormalise(self, x: Tensor) -> Tensor:
        """Undo :meth:`normalise`: (B, latent, T) → latents for :meth:`decode`."""
        return x * (2.0 * self.latent_std[:, None]) + self.latent_mean[:, None]

    def set_latent_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Store per-channel statistics, each (latent,), measured on sampled latents of the training set."""
        self.latent_mean.copy_(mean)
        self.latent_std.copy_(std.clamp_min(1e-4))


def split_posterior(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Split (B, 2·latent, T) into mean and clamped log-variance, each (B, latent, T)."""
    mean, logvar = parameters.chunk(2, dim=1)
    return mean, logvar.clamp(*LOGVAR_RANGE)


def sample_posterior(mean: Tensor, logvar: Tensor) -> Tensor:
    """Draw z = μ + e^{logvar/2} ε, as the paper does at inference too."""
    return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)


def pad_to_hops(wave: Tensor) -> Tensor:
    """Complete the last hop of (B, 2, S) with zeros."""
    return F.pad(wave, (0, -wave.shape[-1] % HOP_SAMPLES))


def build_vae(config: VAEConfig) -> VAE:
    """Build the auto-encoder that ``config.kind`` names, with fresh weights."""
    if config.kind == "compact":
        from sr_runtime.model.vae_compact import CompactVAE

        return CompactVAE(config)
    from sr_runtime.model.vae_oobleck import OobleckVAE

    return OobleckVAE(config)
