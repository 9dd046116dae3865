"""What both generator stages share: data caches, the network in training, averaging, validation material.

The base class of :class:`~sr_runtime.train.diffusion.DiffusionStage` and
:class:`~sr_runtime.train.consistency.ConsistencyStage`.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning_fabric
import numpy as np
import torch
from torch import Tensor, nn

from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.errors import ConfigError, TrainingError
from sr_runtime.model.checkpoint import load_config, load_generator, load_weights, save_network
from sr_runtime.model.efficientnet import TunedBlocks, published_weights
from sr_runtime.model.generator import Generator
from sr_runtime.model.pca import PCAFit
from sr_runtime.model.presets import ModelConfig, VisionConfig
from sr_runtime.train.ema import WeightAverage, evaluating
from sr_runtime.train.features import FeatureCache
from sr_runtime.train.latents import LatentCache
from sr_runtime.train.loop import Metrics
from sr_runtime.train.optimiser import build_optimiser, set_rate
from sr_runtime.train.run_folder import RunFolder
from sr_runtime.train.schedule import ema_decay, learning_rate
from sr_runtime.train.settings import ConsistencySettings, DiffusionSettings
from sr_runtime.train.windows import Windows, WindowSampler

VALIDATION_CROPS = 16

FillReport = Callable[[str, int, int], None]
"""Called while caches are filled with what is computed, how many clips are done, of how many."""


class Caches:
    """Features and latents of a store's clips, computed where missing.

    Args:
        store: recordings.
        vae: the autoencoder's network folder.
        config: the generator's configuration (its vision part decides the features).
        settings: of the run: what may be left out; None for nothing.
        backbone_weights: for backbones whose weights come with no package.
        report: told about the work.
        fit: the PCA of a network to go on training; None fits one on the store.
    """

    def __init__(
        self,
        store: ClipStore,
        vae: Path,
        config: ModelConfig,
        settings: DiffusionSettings | None = None,
        backbone_weights: Path | None = None,
        report: FillReport | None = None,
        fit: PCAFit | None = None,
    ) -> None:
        self.store, self.vae = store, vae
        cached_only = settings is not None and settings.cached_only
        self.features = FeatureCache(store, config.vision, backbone_weights, torch.get_num_threads(), fit)
        self.latents = LatentCache(store, vae)
        self.train, self.validation = (
            [clip for clip in store.clips(split) if not cached_only or self.features.has(clip)]
            for split in ("train", "validation")
        )
        if not self.train:
            raise TrainingError(f"{store.root} has no training clips; record some with sr-runtime record")
        for name, cache in (("latents", self.latents), ("features", self.features)):
            cache.fill([*self.train, *self.validation], _named(report, name))


def _named(report: FillReport | None, name: str) -> Callable[[int, int], None] | None:
    return None if report is None else lambda done, of: report(name, done, of)


class GeneratorStage(ABC):
    """A :class:`~sr_runtime.train.loop.Stage` that trains the generator.

    Args:
        caches: filled features and latents.
        settings: of the stage.
        generator: new, or with weights to go on from.
    """

    name: str

    def __init__(self, caches: Caches, settings: DiffusionSettings, generator: Generator) -> None:
        self.caches, self.settings = caches, settings
        self.fabric = lightning_fabric.Fabric(
            accelerator=settings.accelerator, devices=1, precision=settings.precision
        )
        fit = caches.features.fit()
        if fit is not None:
            generator.pca.set_fit(fit)
        generator.train()
        self.generator, self.average = generator, WeightAverage(generator)
        optimiser = build_optimiser(
            generator, settings.learning_rate, settings.weight_decay, (0.9, 0.95), generator.tuned_blocks
        )
        self.network, self.optimiser = self.fabric.setup(self.build_pass(generator), optimiser)
        if settings.compile_model:
            self.network = torch.compile(self.network)
        self.windows = self._sampler(caches.train)
        usable = [clip for clip in caches.validation if clip.hops >= settings.crop_hops]
        self.held = self._sampler(usable) if usable else self.windows

    @abstractmethod
    def build_pass(self, generator: Generator) -> nn.Module:
        """Return the module whose call with (windows, progress…) gives the loss."""

    @abstractmethod
    def loss(self, module: nn.Module, batch: Windows, drop: Tensor, progress: float) -> dict[str, Tensor]:
        """Return the loss under ``loss`` and whatever else is worth logging, all scalars."""

    def train_step(self, step: int, progress: float, rng: np.random.Generator) -> Metrics:
        """Do one step; see :class:`~sr_runtime.train.loop.Stage`."""
        settings = self.settings
        batch = Windows(*(self.fabric.to_device(part) for part in self.windows.draw(settings.batch, rng)))
        drop = torch.from_numpy(rng.random(settings.batch) < settings.drop_video).to(batch.grids.device)
        terms = self.loss(self.network, batch, drop, progress)
        rate = learning_rate(step, progress, settings.learning_rate, settings.warmup_steps)
        norm = self._descend(terms["loss"], rate)
        self.average.update(self.generator, ema_decay(step, settings.ema_decay))
        return {**{k: float(v.detach()) for k, v in terms.items()}, "rate": rate, "gradient": norm}

    def _descend(self, loss: Tensor, rate: float) -> float:
        set_rate([self.optimiser], rate)
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.generator.parameters(), self.settings.clip_norm)
        if torch.isfinite(norm):
            self.optimiser.step()
        return float(norm)

    def validate(self, step: int, progress: float) -> Metrics:
        """Measure the averaged weights' loss on fixed crops and noise, with the video and without it."""
        del step, progress
        batch = Windows(*(self.fabric.to_device(part) for part in self.held.fixed(VALIDATION_CROPS)))
        module = self.build_pass(self.average.module)  # type: ignore[arg-type]
        metrics: Metrics = {}
        with evaluating(self.average.module), self.fabric.autocast():
            for suffix, is_dropped in (("", False), ("_without_video", True)):
                drop = torch.full((len(batch.grids),), is_dropped, device=batch.grids.device)
                torch.manual_seed(4321)
                terms = self.loss(module.eval(), batch, drop, 1.0)
                metrics |= {f"{k}{suffix}": float(v) for k, v in terms.items()}
        return metrics

    def state_dict(self) -> dict[str, Any]:
        """See :class:`~sr_runtime.train.loop.Stage`."""
        return {
            "generator": self.generator.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state_dict(),
            "clip_ids": [clip.clip_id for clip in self.windows.clips],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`~sr_runtime.train.loop.Stage`."""
        self.generator.load_state_dict(state["generator"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.load_state_dict(state["average"])
        known = {clip.clip_id: clip for clip in self.caches.train}
        if missing := [c for c in state["clip_ids"] if c not in known]:
            raise TrainingError(
                f"{self.caches.store.root} lacks clips that the run was trained on: {missing[:3]}"
            )
        self.windows = self._sampler([known[c] for c in state["clip_ids"]])

    def save_network(self, run: RunFolder) -> None:
        """Write the averaged weights."""
        hours = sum(clip.hops for clip in self.windows.clips) / (30 * 3600)
        facts = {"stage": self.name, "hours": round(hours, 3), "vae": str(self.caches.latents.folder.name)}
        save_network(run.network, self.average.module, self.generator.config, facts)

    def finish(self, run: RunFolder) -> None:
        """Plot the curves and generate sound for validation crops."""
        from sr_runtime.train.plots import plot_run

        plot_run(run)
        self.write_samples(run)

    @abstractmethod
    def write_samples(self, run: RunFolder) -> None:
        """Generate sound for a few validation crops into ``run.path / samples``."""

    def _sampler(self, clips: list[Clip]) -> WindowSampler:
        settings = self.settings
        return WindowSampler(
            clips,
            self.caches.features,
            self.caches.latents,
            settings.crop_hops,
            settings.source_share,
            settings.quiet_share,
            settings.lookahead_hops,
        )


def build_generator(config: ModelConfig, init: Path | None, settings: DiffusionSettings) -> Generator:
    """Return a generator, new or from a network folder, with a stage's regularisation.

    Args:
        config: the model; where ``init`` is given, the folder's own configuration is used.
        init: network folder to start from, or None.
        settings: what is done to the audio history in training, how much of the encoder learns, and in stage
            2 the head's dropout.

    Raises:
        ConfigError: Encoder blocks are to be tuned without a network to start from, or other ones than its.
    """
    config = load_config(init) if init else config
    vision = _tuned_vision(config.vision, settings.tuned_blocks, init)
    transformer = dataclasses.replace(
        config.transformer, history_noise=settings.history_noise, deaf_share=settings.deaf_share
    )
    head = config.head
    if isinstance(settings, ConsistencySettings):
        head = dataclasses.replace(head, dropout=settings.head_dropout)
    generator = Generator(dataclasses.replace(config, vision=vision, transformer=transformer, head=head))
    if init:
        load_generator(init)  # checks that weights and configuration fit, with a message that says so
        start_from(generator, load_weights(init))
    if not settings.tuned_blocks:
        generator.tuned_blocks.requires_grad_(False)
    return generator


def _tuned_vision(vision: VisionConfig, tuned_blocks: int, init: Path | None) -> VisionConfig:
    if not tuned_blocks or tuned_blocks == vision.tuned_blocks:
        return vision
    if init is None:
        raise ConfigError(
            "train.tuned_blocks: encoder blocks are tuned from a trained network, whose projection of their "
            "features is kept; train without it first, then name that run with --init"
        )
    if vision.tuned_blocks:
        raise ConfigError(
            f"train.tuned_blocks: expected {vision.tuned_blocks} for {init}, got {tuned_blocks}"
        )
    return dataclasses.replace(vision, tuned_blocks=tuned_blocks)


def start_from(generator: Generator, weights: dict[str, Tensor]) -> None:
    """Load a network's weights; encoder blocks that it does not have are ImageNet's.

    Raises:
        RuntimeError: They are of another shape.
    """
    tuned = generator.tuned_blocks
    if isinstance(tuned, TunedBlocks) and not any(name.startswith("tuned_blocks.") for name in weights):
        tuned.load_published(published_weights())
        weights = weights | {f"tuned_blocks.{name}": part for name, part in tuned.state_dict().items()}
    generator.load_state_dict(weights)
