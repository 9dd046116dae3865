"""The auto-encoders: size, streaming equals offline, causality, latent statistics."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sr_runtime.errors import ConfigError
from sr_runtime.model.presets import PRESETS, CompactVAEConfig, OobleckConfig, VAEConfig
from sr_runtime.model.vae import VAE, build_vae, pad_to_hops, sample_posterior

SMALL_COMPACT = VAEConfig(
    kind="compact",
    compact=CompactVAEConfig(bands=12, fast_bands=8),
)
SMALL_DEVIATING = VAEConfig(
    kind="compact",
    compact=CompactVAEConfig(bands=12, fast_bands=8, past_hops=2, deviates=True),
)
SMALL_OOBLECK = VAEConfig(kind="oobleck", oobleck=OobleckConfig(channels=4))
CAUSAL = pytest.mark.parametrize(
    "config", [SMALL_COMPACT, SMALL_DEVIATING, SMALL_OOBLECK], ids=["compact", "deviating", "oobleck"]
)


def build(config: VAEConfig) -> VAE:
    torch.manual_seed(0)
    vae = build_vae(config).eval()
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return vae


def decode_in_chunks(vae: VAE, z: Tensor, sizes: list[int]) -> Tensor:
    state, waves, start = vae.initial_decoder_state(len(z)), [], 0
    for size in sizes:
        wave, state = vae.decode_step(z[:, :, start : start + size], state)
        waves.append(wave)
        start += size
    return torch.cat(waves, dim=-1)


@CAUSAL
@pytest.mark.parametrize("sizes", [[1] * 12, [5, 1, 6], [12]])
@torch.no_grad()
def test_streaming_decoder_equals_offline_decoder(config: VAEConfig, sizes: list[int]) -> None:
    vae, z = build(config), torch.randn(2, 64, 12)
    # Measured 1e-6 or less.
    torch.testing.assert_close(decode_in_chunks(vae, z, sizes), vae.decode(z), atol=1e-5, rtol=1e-5)


@CAUSAL
@torch.no_grad()
def test_sound_of_a_hop_ignores_later_latents(config: VAEConfig) -> None:
    vae, z = build(config), torch.randn(1, 64, 8)
    before = vae.decode(z)
    z[:, :, 5:] += 1.0
    after = vae.decode(z)
    assert torch.equal(before[..., : 5 * 1600], after[..., : 5 * 1600])
    assert not torch.allclose(before[..., 5 * 1600 : 6 * 1600], after[..., 5 * 1600 : 6 * 1600])


@CAUSAL
@torch.no_grad()
def test_latent_of_a_hop_hears_its_own_samples_and_no_later_ones(config: VAEConfig) -> None:
    vae, wave = build(config), 0.1 * torch.randn(1, 2, 8 * 1600)
    before, _ = vae.encode(wave)
    wave[..., 5 * 1600 :] += 0.1
    after, _ = vae.encode(wave)
    assert torch.equal(before[..., :5], after[..., :5])
    assert not torch.allclose(before[..., 5], after[..., 5])


@CAUSAL
@torch.no_grad()
def test_incomplete_hop_is_completed_with_silence(config: VAEConfig) -> None:
    vae = build(config)
    mean, logvar = vae.encode(torch.zeros(1, 2, 1601))
    assert mean.shape == logvar.shape == (1, 64, 2)
    assert pad_to_hops(torch.zeros(1, 2, 1600)).shape[-1] == 1600


def test_paper_auto_encoder_has_150_35_million_parameters() -> None:
    with torch.device("meta"):
        vae = build_vae(PRESETS["paper"].vae)
    assert sum(p.numel() for p in vae.parameters()) == 150_345_346


@torch.no_grad()
def test_non_causal_oobleck_keeps_length_and_refuses_to_stream() -> None:
    vae = build(replace(SMALL_OOBLECK, oobleck=OobleckConfig(channels=4, causal=False)))
    assert vae.decode(torch.randn(1, 64, 6)).shape == (1, 2, 9600)
    assert vae.encode(torch.randn(1, 2, 9600))[0].shape == (1, 64, 6)
    with pytest.raises(ConfigError, match="cannot stream"):
        vae.initial_decoder_state(1)


def test_oobleck_refuses_strides_of_another_hop() -> None:
    with pytest.raises(ConfigError, match="1600"):
        build_vae(VAEConfig(oobleck=OobleckConfig(strides=(2, 4, 5, 5, 4))))


@torch.no_grad()
def test_folding_weight_norm_changes_nothing() -> None:
    vae, z = build(SMALL_OOBLECK), torch.randn(1, 64, 3)
    before = vae.decode(z)
    vae.fold_weight_norm()
    torch.testing.assert_close(vae.decode(z), before, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_folding_a_copy_leaves_the_network_as_it_was() -> None:
    vae, z = build(SMALL_OOBLECK), torch.randn(1, 64, 3)
    before = vae.decode(z)
    copied = copy.deepcopy(vae)
    copied.fold_weight_norm()
    torch.testing.assert_close(vae.decode(z), before)
    torch.testing.assert_close(copied.decode(z), before, atol=1e-6, rtol=1e-5)
    again = copy.deepcopy(vae)
    again.fold_weight_norm()
    torch.testing.assert_close(again.decode(z), before, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_folding_activations_changes_nothing() -> None:
    vae, z = build(SMALL_OOBLECK), torch.randn(1, 64, 3)
    for name, parameter in vae.named_parameters():
        if name.endswith(("log_alpha", "log_beta")):
            parameter.normal_(std=0.2)  # More, and the deep net would turn rounding errors into noise.
    before = vae.decode(z)
    vae.fold_activations()
    torch.testing.assert_close(vae.decode(z), before, atol=1e-5, rtol=1e-4)


def test_normalised_latents_have_half_unit_deviation() -> None:
    vae = build(SMALL_COMPACT)
    z = torch.randn(4, 64, 500) * torch.linspace(0.1, 3, 64)[:, None] + torch.linspace(-2, 2, 64)[:, None]
    torch.testing.assert_close(vae.normalise(z), z)
    vae.set_latent_statistics(z.mean(dim=(0, 2)), z.std(dim=(0, 2)))
    scaled = vae.normalise(z)
    torch.testing.assert_close(scaled.std(dim=(0, 2)), torch.full((64,), 0.5))
    torch.testing.assert_close(vae.denormalise(scaled), z, atol=1e-5, rtol=1e-5)


def test_posterior_sampling_follows_mean_and_logvar() -> None:
    torch.manual_seed(0)
    mean, logvar = torch.full((1, 4, 20_000), 2.0), torch.full((1, 4, 20_000), -2.0)
    drawn = sample_posterior(mean, logvar)
    assert abs(float(drawn.mean()) - 2.0) < 0.01
    assert abs(float(drawn.std()) - float(torch.tensor(-1.0).exp())) < 0.01
