"""Which errors of a latent the generator's losses count, and how much."""

from __future__ import annotations

import pytest
import torch

from sr_runtime.errors import ConfigError
from sr_runtime.model.presets import preset
from sr_runtime.model.vae import VAE, build_vae
from sr_runtime.model.vae_compact import CompactVAE
from sr_runtime.train.metric import error_metric, weighed
from sr_runtime.train.settings import DiffusionSettings


def compact_vae_that_pans_by_channel(channel: int) -> CompactVAE:
    """Return one whose decoder turns left by one channel of a latent, and everything up by the others."""
    vae = build_vae(preset("mini").vae)
    assert isinstance(vae, CompactVAE)
    levels = torch.ones(vae.decoder.steps, 3, vae.decoder.noise.bands, vae.decoder.past + 1, 64)
    levels[:, 0, ..., channel], levels[:, 1, ..., channel] = 1.0, -1.0
    with torch.no_grad():
        vae.decoder.line.weight.copy_(levels.flatten(3).flatten(0, 2))
    return vae


def weight(metric: torch.Tensor, channel: int) -> float:
    return float(metric[channel].square().sum())


def test_errors_are_weighed_in_single_precision_whatever_trains() -> None:
    missed, metric = 0.01 * torch.randn(9, 64), torch.randn(64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(weighed(missed, None), missed)
        found = weighed(missed, metric)
    assert torch.equal(found, missed @ metric)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=r"balance_share: expected 0 to below 1, got"):
        DiffusionSettings(steps=1, balance_share=share)


@pytest.mark.parametrize("share", [0.1, 0.6])
def test_the_balance_gets_its_share_and_all_latents_together_weigh_as_before(share: float) -> None:
    torch.manual_seed(0)
    latents = 0.5 * torch.randn(2000, 64)
    metric = error_metric(compact_vae_that_pans_by_channel(7), latents, share)
    total = float(latents.square().sum())
    assert float((latents @ metric).square().sum()) == pytest.approx(total, rel=1e-4)
    assert weight(metric, 3) == pytest.approx(1 - share, rel=1e-4)
    balance = float(latents[:, 7].square().sum()) * weight(metric, 7)
    assert balance / total == pytest.approx(share + (1 - share) / 64, rel=0.05)


def test_a_network_has_no_balance_that_is_known_beforehand() -> None:
    vae: VAE = build_vae(preset("paper").vae)
    with pytest.raises(ConfigError, match=r"balance_share.*oobleck.*leave it at 0"):
        error_metric(vae, torch.randn(9, 64), 0.3)
