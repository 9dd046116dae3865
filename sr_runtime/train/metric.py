"""Which errors of a latent count, and how much: both generator stages' losses measure errors with this.

The autoencoder's channels are scaled for the levels of sound, of which the balance between left and right is
a small part. A share of the loss can be set aside for the balance that the decoder would make. With Doom it
taught ``mini`` nothing of the side (``docs/training/mini``).
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from sr_runtime.data.store import Clip
from sr_runtime.errors import ConfigError
from sr_runtime.model.vae import VAE
from sr_runtime.model.vae_compact import CompactVAE
from sr_runtime.train.latents import LatentCache

MOST_HOPS: Final = 50_000
"""Latents whose variance is measured; 28 minutes."""


def weighed(missed: Tensor, metric: Tensor | None) -> Tensor:
    """Return errors of latents (N, 64) as they count, float32: in mixed precision, too.

    Args:
        missed: What was made less what was to be made.
        metric: Of :func:`error_metric`; None: all channels alike.
    """
    missed = missed.float()
    if metric is None:
        return missed
    with torch.autocast(missed.device.type, enabled=False):
        return missed @ metric


def error_metric(vae: VAE, latents: Tensor, balance_share: float) -> Tensor:
    """Return the matrix A (64, 64) with which a normalised latent's error e weighs |e A|² instead of |e|².

    Over all latents both add up to the same: 1 − ``balance_share`` of it are the channels, all alike, and the
    rest is the balance that the decoder would make of a latent held, in all bands.

    Args:
        vae: A compact one: its decoder's levels are a linear map of latents.
        latents: Normalised, float32 (N, 64).
        balance_share: Above 0 and below 1.

    Raises:
        ConfigError: The decoder is a network.
    """
    if not isinstance(vae, CompactVAE):
        raise ConfigError(
            f"train.balance_share: only a compact autoencoder's balance is a map of its latents, got "
            f"{vae.config.kind!r}; leave it at 0"
        )
    variance = latents.double().T @ latents.double() / len(latents)
    balance = _balance(vae).double()
    heard = balance.T @ balance
    heard = heard * (variance.trace() / (heard @ variance).trace())
    both = (1 - balance_share) * torch.eye(len(heard), dtype=torch.float64) + balance_share * heard
    factor: Tensor = torch.linalg.cholesky(both)
    return factor.float()


def _balance(vae: CompactVAE) -> Tensor:
    """Return the map (levels, 64) from a latent, normalised and held, to the decoder's left minus right."""
    decoder = vae.decoder
    weight = decoder.line.weight.detach()
    held = weight.reshape(len(weight), -1, vae.config.latent).sum(1)
    left, right, _ = held.reshape(decoder.steps, 3, decoder.noise.bands, -1).unbind(1)
    return (left - right).flatten(0, 1) * (2.0 * vae.latent_std)


def some_latents(cache: LatentCache, clips: list[Clip]) -> Tensor:
    """Return normalised latents of clips, (N, 64), as many as a variance needs."""
    parts, hops = list[Tensor](), 0
    for clip in clips:
        mean = torch.from_numpy(cache.read(clip)[0]).float()
        parts.append(cache.vae.normalise(mean.T[None])[0].T)
        hops += len(mean)
        if hops >= MOST_HOPS:
            break
    return torch.cat(parts)
