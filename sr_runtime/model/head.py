"""The diffusion head D_θ: a per-token MLP with AdaLN (MAR's layout) inside EDM2's preconditioning.

Each token is denoised alone, given its z. Called by the generator; the uncertainty net serves training only.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_runtime.model.edm import SIGMA_DATA, preconditioning
from sr_runtime.model.presets import HeadConfig

NORM_EPS = 1e-6
MAX_PERIOD = 10_000.0
FOURIER_FEATURES = 128


def sinusoid(value: Tensor, features: int) -> Tensor:
    """Embed (N,) in ``features`` cosines and sines, periods up to 2π·10,000."""
    half = features // 2
    frequencies = torch.exp(-math.log(MAX_PERIOD) * torch.arange(half, device=value.device) / half)
    angles = value[:, None] * frequencies
    return torch.cat((angles.cos(), angles.sin()), dim=-1)


class HeadBlock(nn.Module):
    """x + gate · MLP(norm(x)·(1 + scale) + shift)."""

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.norm = _norm(config, affine=True)
        self.first = nn.Linear(config.width, config.width)
        self.second = nn.Linear(config.width, config.width)
        self.dropout = nn.Dropout(config.dropout)
        _xavier(self.first, self.second)

    def forward(self, x: Tensor, shift: Tensor, scale: Tensor, gate: Tensor) -> Tensor:
        """Map (N, width); the modulations are (N, width) too."""
        h = self.norm(x) * (1.0 + scale) + shift
        return x + gate * cast(Tensor, self.second(self.dropout(F.silu(self.first(h)))))


class DiffusionHead(nn.Module):
    """Denoise tokens given their noise level and condition."""

    def __init__(
        self, config: HeadConfig, latent: int, condition: int, sigma_data: float = SIGMA_DATA
    ) -> None:
        super().__init__()
        self.config, self.sigma_data = config, sigma_data
        width = config.width
        self.latent_in = nn.Linear(latent, width)
        self.time_in = nn.Sequential(nn.Linear(config.frequencies, width), nn.SiLU(), nn.Linear(width, width))
        self.condition_in = nn.Linear(condition, width)
        # Every block's and the output's modulation in one product: it depends on time and condition only.
        self.modulation = nn.Linear(width, (3 * config.blocks + 2) * width)
        self.blocks = nn.ModuleList(HeadBlock(config) for _ in range(config.blocks))
        self.norm_out = _norm(config, affine=False)
        self.out = nn.Linear(width, latent)
        self._initialise()

    def _initialise(self) -> None:
        _xavier(self.latent_in, self.condition_in)
        for layer in (self.time_in[0], self.time_in[2]):
            nn.init.normal_(cast(Tensor, layer.weight), std=0.02)
            nn.init.zeros_(cast(Tensor, layer.bias))
        # Zero modulations and output: the network starts as D(x) = c_skip·x.
        for zeroed in (self.modulation, self.out):
            nn.init.zeros_(zeroed.weight)
            nn.init.zeros_(zeroed.bias)

    def forward(self, x_t: Tensor, sigma: Tensor, z: Tensor) -> Tensor:
        """Return D(x_t, σ, z).

        Args:
            x_t: (N, latent), noised.
            sigma: (N,), > 0.
            z: (N, condition).

        Returns:
            Denoised latents float32 (N, latent).
        """
        return self.denoise(x_t, sigma, self.modulations(sigma, z))

    def modulations(self, sigma: Tensor, z: Tensor) -> Tensor:
        """Return what σ (N,) and z (N, condition) do to every block, (N, (3·blocks + 2)·width).

        It does not depend on x: a sampler computes it for all its noise levels at once.
        """
        return self._modulations(preconditioning(sigma, self.sigma_data).noise, z)

    def denoise(self, x_t: Tensor, sigma: Tensor, modulations: Tensor) -> Tensor:
        """Return D(x_t (N, latent), σ (N,)) under the modulations of :meth:`modulations`."""
        scalings = preconditioning(sigma, self.sigma_data)
        raw = self._blocks(scalings.input[:, None] * x_t, modulations)
        return scalings.skip[:, None] * x_t + scalings.out[:, None] * raw.float()

    def raw(self, x: Tensor, noise_level: Tensor, z: Tensor) -> Tensor:
        """Return F(x (N, latent), c_noise (N,), z (N, condition)), the network inside the preconditioning."""
        return self._blocks(x, self._modulations(noise_level, z))

    def _modulations(self, noise_level: Tensor, z: Tensor) -> Tensor:
        y = self.time_in(sinusoid(noise_level, self.config.frequencies)) + self.condition_in(z)
        if self.config.merge == "mp_sum":
            y = y * math.sqrt(0.5)
        return cast(Tensor, self.modulation(F.silu(y)))

    def _blocks(self, x: Tensor, modulations: Tensor) -> Tensor:
        parts = modulations.chunk(3 * self.config.blocks + 2, dim=-1)
        h = self.latent_in(x)
        for index, block in enumerate(self.blocks):
            h = block(h, *parts[3 * index : 3 * index + 3])
        shift, scale = parts[-2:]
        return cast(Tensor, self.out(self.norm_out(h) * (1.0 + scale) + shift))


class UncertaintyNet(nn.Module):
    """u(t): the log of how hard a noise level is, learned beside the head to balance the loss (EDM2)."""

    frequencies: Tensor
    phases: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", 2 * math.pi * torch.randn(FOURIER_FEATURES))
        self.register_buffer("phases", 2 * math.pi * torch.rand(FOURIER_FEATURES))
        self.linear = nn.Linear(FOURIER_FEATURES, 1, bias=False)
        nn.init.zeros_(self.linear.weight)

    def forward(self, sigma: Tensor) -> Tensor:
        """Return u (N,) float32 for σ (N,); 0 before training."""
        features = (sigma.log()[:, None] / 4 * self.frequencies + self.phases).cos() * math.sqrt(2.0)
        return F.linear(features, self.linear.weight.to(features.dtype)).squeeze(-1).float()


def _norm(config: HeadConfig, affine: bool) -> nn.Module:
    if config.norm == "rms":
        return nn.RMSNorm(config.width, eps=NORM_EPS, elementwise_affine=affine)
    return nn.LayerNorm(config.width, eps=NORM_EPS, elementwise_affine=affine)


def _xavier(*layers: nn.Linear) -> None:
    for layer in layers:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
