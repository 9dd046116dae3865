"""Left and right: where the picture tells a side, the sound is turned to it.

A history says for itself which side a sound is on, so a generator does not learn to find it in the picture. A
linear map from the projected grid does, and a code that is linear in levels can be turned: a latent is
replaced by the one whose levels are its own with left and right exchanged.

::

    grid ─ panning, dB ─ smoothed ─┐
    latent ─ balance of its levels ┴ other side? ─ mirrored latent: heard, and looked back on

Runs after the head and before the decoder. Called by export, by the torch backend and by what fits and judges
it. The paper has no such part.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from sr_runtime.errors import BundleError
from sr_runtime.model.noise_bands import LOG_LEVEL_RANGE
from sr_runtime.model.presets import VisionConfig
from sr_runtime.model.vae import VAE
from sr_runtime.model.vae_compact import CompactVAE

SMOOTHING = 0.9
"""Share of what was told before in what is told now, hop by hop. On clips that no table reports, sounds jump
from side to side 0.47 times a second with 0.6, 0.30 with 0.8, 0.20 with this; 0.29 untouched, 0.11 really."""

LEAST_DB = 1.0
"""Told panning below this turns nothing."""

LEAST_BALANCE = 0.05
"""Natural logs of left over right, below which a sound has no side to be turned from."""


class Panning(nn.Module):
    """Projected grids (N, c, h, w) → by how much left should be louder than right, dB, (N,).

    Args:
        vision: Says how large a grid is.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, vision: VisionConfig) -> None:
        super().__init__()
        self.register_buffer("weight", torch.zeros(vision.channels, *vision.grid_shape))
        self.register_buffer("bias", torch.zeros(()))

    def forward(self, grid: Tensor) -> Tensor:
        """Return the panning that a picture tells; 0 before anything was fitted."""
        return (grid.float() * self.weight).flatten(1).sum(1) + self.bias


class Mirror(nn.Module):
    """Normalised latents (N, 64) → those of the same sound with left and right exchanged.

    A decoder that looks back on several latents is read as if the sound were held: their maps add up.

    Args:
        vae: With a decoder that is linear in levels.
    """

    levels: Tensor
    bias: Tensor
    matrix: Tensor
    offset: Tensor

    def __init__(self, vae: CompactVAE) -> None:
        super().__init__()
        decoder, size = vae.decoder, vae.config.latent
        held = decoder.line.weight.detach().double().reshape(len(decoder.line.bias), -1, size).sum(1)
        bias = held @ vae.latent_mean.double() + decoder.line.bias.detach().double()
        held = held * (2.0 * vae.latent_std.double())
        shape = decoder.steps, 3, decoder.noise.bands
        levels, parts = held.reshape(*shape, size), bias.reshape(shape)
        exchanged = [1, 0, 2]
        back = torch.linalg.pinv(held)
        matrix = back @ levels[:, exchanged].reshape(-1, size)
        offset = back @ (parts[:, exchanged].flatten() - bias)
        for name, part in {
            "levels": levels[:, :2].flatten(0, 2).T,
            "bias": parts[:, :2].flatten(),
            "matrix": matrix.T,
            "offset": offset,
        }.items():
            self.register_buffer(name, part.float().contiguous(), persistent=False)
        self.bands = decoder.noise.bands

    def forward(self, latent: Tensor) -> Tensor:
        """Return the latent whose levels are nearest to the exchanged ones."""
        return latent @ self.matrix + self.offset

    def levels_of(self, latent: Tensor) -> Tensor:
        """Return what a decoder plays of held latents: levels, left and right, (N, windows, 2, bands)."""
        levels: Tensor = latent @ self.levels + self.bias
        return levels.reshape(levels.shape[0], -1, 2, self.bands).clamp(*LOG_LEVEL_RANGE)

    def balance(self, latent: Tensor) -> Tensor:
        """Return left over right (N,), natural logs, mean over bands and windows by their power."""
        left, right = self.levels_of(latent).unbind(2)
        power = (left + right).exp()
        return ((left - right) * power).sum((1, 2)) / power.sum((1, 2))


class Steering(nn.Module):
    """Turns latents to the side that pictures tell.

    Args:
        panning: Fitted to the generator's grids (:mod:`sr_runtime.train.steering`).
        vae: Whose latents are turned.

    Raises:
        BundleError: The autoencoder's latents cannot be mirrored.
    """

    def __init__(self, panning: Panning, vae: VAE) -> None:
        super().__init__()
        if not isinstance(vae, CompactVAE):
            raise BundleError(
                f"steering mirrors latents of the compact autoencoder, this one is {vae.config.kind}; "
                "export without --steering"
            )
        self.panning, self.mirror = panning, Mirror(vae)

    def forward(self, latent: Tensor, grid: Tensor, panning: Tensor) -> tuple[Tensor, Tensor]:
        """Take one hop.

        Args:
            latent: Normalised, float32 (N, 64).
            grid: Of the picture that the hop sees, (N, c, h, w).
            panning: What was told before, dB, float32 (N,); 0 at first.

        Returns:
            The latent to be heard, and what is told now.
        """
        told = self.tell(grid, panning)
        return self.turn(latent, told), told

    def tell(self, grid: Tensor, panning: Tensor) -> Tensor:
        """Return what is told with one more picture."""
        return SMOOTHING * panning + (1.0 - SMOOTHING) * cast(Tensor, self.panning(grid))

    def turn(self, latent: Tensor, told: Tensor) -> Tensor:
        """Return latents, mirrored where they lean to the other side than is told."""
        return torch.where(self.is_wrong(latent, told)[:, None], self.mirror(latent), latent)

    def is_wrong(self, latent: Tensor, told: Tensor) -> Tensor:
        """Tell which latents lean to the other side, bool (N,)."""
        balance = self.mirror.balance(latent)
        is_sure = (told.abs() > LEAST_DB) & (balance.abs() > LEAST_BALANCE)
        return is_sure & (told * balance < 0)
