"""Stage 1: train the generator by diffusion, teacher-forced (SoundReactor, Algorithm 1).

Called by ``sr-runtime train stage1``. One causal pass over a clip gives every hop's condition z_i; each token
is then denoised at ``noise_draws`` noise levels of its own by the small head.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn

from sr_runtime.data.store import ClipStore
from sr_runtime.model.difference import sequence_differences
from sr_runtime.model.edm import karras_times, loss_weight, sample_sigma
from sr_runtime.model.generator import Generator
from sr_runtime.model.presets import ModelConfig, config_to_dict, preset
from sr_runtime.train.generator_stage import Caches, FillReport, GeneratorStage, build_generator
from sr_runtime.train.loop import Reporter, TrainingLoop
from sr_runtime.train.rollout import Sampling, write_rollouts
from sr_runtime.train.run_folder import RunFolder
from sr_runtime.train.settings import DiffusionSettings
from sr_runtime.train.splices import splice
from sr_runtime.train.windows import Windows

HEUN_STEPS = 8
"""Steps of the sampler behind the sound samples: 15 evaluations a hop."""


def condition_of(generator: Generator, batch: Windows, drop: Tensor, history: Tensor | None = None) -> Tensor:
    """Return z float32 (B·T, 2·width) of a batch.

    Args:
        generator: The network.
        batch: Crops.
        drop: bool (B,): crops whose video is ∅.
        history: Latents to look back on, (B, T, 64); None: the crops' own.
    """
    grids = generator.grids(batch.grids)
    differences = sequence_differences(grids, first=generator.config.vision.first_difference)
    latents = batch.latents if history is None else history
    return generator.condition(grids, differences, latents, drop).flatten(0, 1).float()


def conditions_and_targets(
    generator: Generator, batch: Windows, drop: Tensor, settings: DiffusionSettings
) -> tuple[Tensor, Tensor]:
    """Return z float32 (N, 2·width) and x⁰ float32 (N, 64) of the hops that count, once per draw."""
    share, draws = (settings.splice_share if generator.training else 0.0), settings.noise_draws
    history, counts = splice(batch.latents, share)
    z = condition_of(generator, batch, drop, history)[counts.flatten()]
    return z.repeat(draws, 1), batch.latents[counts].float().repeat(draws, 1)


def diffusion_loss(
    generator: Generator,
    z: Tensor,
    clean: Tensor,
    sigma: Tensor,
    noise: Tensor,
) -> tuple[Tensor, Tensor]:
    """Return the loss of Algorithm 1 and the plain weighted error, scalars.

    Args:
        generator: for its head and its uncertainty u(σ).
        z: float32 (N, 2·width).
        clean: x⁰, float32 (N, 64).
        sigma: (N,).
        noise: ε, float32 (N, 64).
    """
    missed = generator.head(clean + sigma[:, None] * noise, sigma, z).float() - clean
    error = loss_weight(sigma, generator.config.sigma_data) * missed.square().mean(-1)
    uncertainty = generator.uncertainty(sigma)
    return (error / uncertainty.exp() + uncertainty).mean(), error.detach().mean()


class DiffusionPass(nn.Module):
    """Condition and loss as one module, so that mixed precision covers both."""

    def __init__(self, generator: Generator, settings: DiffusionSettings) -> None:
        super().__init__()
        self.generator, self.settings = generator, settings

    def forward(self, batch: Windows, drop: Tensor) -> tuple[Tensor, Tensor]:
        """Return loss and weighted error of a batch."""
        settings = self.settings
        z, clean = conditions_and_targets(self.generator, batch, drop, settings)
        sigma = sample_sigma((len(clean),), settings.noise_mean, settings.noise_std, clean.device)
        return diffusion_loss(self.generator, z, clean, sigma, torch.randn_like(clean))


class DiffusionStage(GeneratorStage):
    """Algorithm 1 as a stage of the loop."""

    name = "stage1"

    def build_pass(self, generator: Generator) -> nn.Module:
        """See :class:`GeneratorStage`."""
        return DiffusionPass(generator, self.settings)

    def loss(self, module: nn.Module, batch: Windows, drop: Tensor, progress: float) -> dict[str, Tensor]:
        """See :class:`GeneratorStage`."""
        del progress
        total, error = module(batch, drop)
        return {"loss": total, "error": error}

    def write_samples(self, run: RunFolder) -> None:
        """See :class:`GeneratorStage`."""
        write_rollouts(run, self, Sampling(heun_times=karras_times(HEUN_STEPS)))


def train_stage1(
    data: Path,
    out: Path,
    vae: Path,
    settings: DiffusionSettings,
    init: Path | None = None,
    backbone_weights: Path | None = None,
    report: Reporter | None = None,
    fill_report: FillReport | None = None,
    stop_after: int | None = None,
    config: ModelConfig | None = None,
) -> bool:
    """Train a generator by diffusion, or go on where ``out`` stands.

    Args:
        data: the clip store.
        out: the run folder.
        vae: network folder of the autoencoder.
        settings: see :class:`DiffusionSettings`.
        init: network folder to fine-tune from.
        backbone_weights: for backbones whose weights come with no package (DINOv2).
        report: called with every logged step.
        fill_report: called while features and latents are computed.
        stop_after: end after this many steps of this call.
        config: the model, when it is none of the presets.

    Returns:
        Whether the run is complete.
    """
    run = RunFolder(out)
    torch.manual_seed(settings.seed)
    generator = build_generator(config or preset(settings.preset), init, settings)
    caches = Caches(
        ClipStore(data),
        vae,
        generator.config,
        settings,
        backbone_weights,
        fill_report,
        fit=generator.pca.fit() if init else None,
    )
    stage = DiffusionStage(caches, settings, generator)
    run.write_config(
        {
            "stage": "stage1",
            "settings": msgspec.to_builtins(settings),
            "model": config_to_dict(generator.config),
        }
    )
    return TrainingLoop(stage, run, settings, report, stop_after).train()
