"""Noise and samplers: reproducible, normally distributed, and the same as torch's reference."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
import torch

from sr_runtime.engine.bundle import SamplingSpec
from sr_runtime.engine.noise import philox_normal
from sr_runtime.engine.sampling import karras_sigmas, sample_consistency, sample_heun
from sr_runtime.engine.settings import SamplingSettings
from sr_runtime.errors import ConfigError
from sr_runtime.model.edm import CONSISTENCY_TIMES, consistency_sample, heun_sample, karras_times

Z = np.linspace(-1, 1, 64, dtype=np.float32)[None]


def denoise(x: np.ndarray, sigma: float) -> np.ndarray:
    """Return the exact denoiser of a Gaussian with mean Z and standard deviation 0.5."""
    return ((x * 0.25 + Z * sigma**2) / (0.25 + sigma**2)).astype(np.float32)


def denoise_torch(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(denoise(x.numpy(), float(sigma[0])))


def noise(evaluation: int) -> np.ndarray:
    return philox_normal(1, 2, evaluation, 64)


@pytest.mark.parametrize("nfe", [1, 2, 3, 4])
def test_consistency_sampling_is_torchs(nfe: int) -> None:
    expected = consistency_sample(
        denoise_torch, [torch.from_numpy(noise(i)) for i in range(nfe)], CONSISTENCY_TIMES[nfe]
    )
    found = sample_consistency(denoise, noise, CONSISTENCY_TIMES[nfe])
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("steps", [1, 2, 8])
def test_heun_sampling_is_torchs(steps: int) -> None:
    expected = heun_sample(denoise_torch, torch.from_numpy(noise(0)), karras_times(steps))
    found = sample_heun(denoise, noise, karras_sigmas(steps, 0.002, 80.0, 7.0))
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_heun_finds_the_distribution() -> None:
    draws = [
        sample_heun(
            denoise, lambda _, seed=seed: philox_normal(seed, 0, 0, 64), karras_sigmas(48, 0.002, 80, 7)
        )
        for seed in range(100)
    ]
    errors = np.concatenate(draws) - Z
    assert errors.std() == pytest.approx(0.5, abs=0.02)
    assert abs(errors.mean()) < 0.02


def test_noise_levels_of_the_bundle_are_torchs() -> None:
    assert {int(nfe): times for nfe, times in SamplingSpec().consistency_sigmas.items()} == CONSISTENCY_TIMES


def test_noise_is_a_pure_function_of_seed_hop_and_evaluation() -> None:
    base = philox_normal(1, 2, 3, 64)
    assert np.array_equal(base, philox_normal(1, 2, 3, 64))
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4), (1, 2**40, 3), (2**64 - 1, 2, 3)):
        assert not np.array_equal(base, philox_normal(*other, 64))


def test_noise_is_standard_normal() -> None:
    noise = np.concatenate([philox_normal(0, hop, 0, 64)[0] for hop in range(2000)])
    assert abs(noise.mean()) < 0.01
    assert noise.std() == pytest.approx(1.0, abs=0.01)
    assert (noise**4).mean() == pytest.approx(3.0, abs=0.1)


def test_noise_never_changes_between_versions() -> None:
    expected = [0.37000301, 0.04200676, 0.31125346, -0.62618768]
    np.testing.assert_allclose(philox_normal(1, 2, 3, 64)[0, :4], expected, atol=1e-6)


def test_settings_of_a_stage_1_bundle_sample_with_heun() -> None:
    spec = SamplingSpec(sampler="heun", heun_nfe=15)
    chosen = SamplingSettings.from_spec(spec)
    assert (chosen.sampler, chosen.nfe, len(chosen.sigmas)) == ("heun", 15, 8)
    assert SamplingSettings.from_spec(spec, sampler="consistency").sigmas == (80.0,)


@pytest.mark.parametrize("nfe", [0, 128])
def test_heun_evaluations_out_of_range_are_refused(nfe: int) -> None:
    with pytest.raises(ConfigError, match="nfe: expected 1–127"):
        SamplingSettings.from_spec(SamplingSpec(), sampler="heun", nfe=nfe)


def test_an_unknown_sampler_is_refused() -> None:
    with pytest.raises(ConfigError, match="sampler: expected 'consistency' or 'heun', got 'euler'"):
        SamplingSettings.from_spec(SamplingSpec(), sampler="euler")


@pytest.mark.parametrize("module", ["bundle", "noise", "sampling", "session"])
def test_examples_in_the_docstrings_are_true(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"sr_runtime.engine.{module}"))
    assert result.attempted
    assert not result.failed
