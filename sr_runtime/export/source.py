"""Where an export takes its networks from: run folders of training, or random weights for speed tests.

Called by the exporter. Thread: any.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sr_runtime.errors import BundleError
from sr_runtime.model.checkpoint import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    grid_key,
    latent_key,
    load_config,
    load_facts,
    load_generator,
    load_panning,
    load_vae,
)
from sr_runtime.model.generator import Generator
from sr_runtime.model.presets import ModelConfig, preset
from sr_runtime.model.steering import Steering
from sr_runtime.model.vae import VAE, build_vae
from sr_runtime.model.vision import FrozenBackbone, build_backbone

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Networks:
    """What a bundle is made of.

    Attributes:
        config: The generator's config, which rules picture and transformer.
        backbone: The frozen picture encoder.
        generator: From stage 1 or stage 2.
        vae: The auto-encoder whose latents the generator learned.
        training: Facts of all trainings, for ``model.json``.
        steering: Turns sounds to the side that the picture tells, or None.
    """

    config: ModelConfig
    backbone: FrozenBackbone
    generator: Generator
    vae: VAE
    training: dict[str, Any]
    steering: Steering | None = None

    @property
    def sampler(self) -> str:
        """Return the sampler that the generator was trained for: Heun after stage 1."""
        stage = str(self.training.get("generator", {}).get("stage", ""))
        return "heun" if stage.replace("_", "").lower() == "stage1" else "consistency"


def load_networks(
    vae: Path, generator: Path, vision_weights: Path | None = None, steering: Path | None = None
) -> Networks:
    """Load trained networks.

    Args:
        vae: A run folder of ``train vae``, or its ``network`` folder.
        generator: A run folder of ``train stage1`` or ``train stage2``, or its ``network`` folder.
        vision_weights: Checkpoint of the frozen backbone where it is not an installed package.
        steering: A run folder of ``train steering``, or its ``network`` folder; None: the bundle does not
            steer.

    Raises:
        BundleError: A folder has no network, or they do not belong together.
    """
    vae_folder, generator_folder = network_folder(vae), network_folder(generator)
    config = load_config(generator_folder)
    _check_pair(load_config(vae_folder), config, vae_folder)
    training = {"vae": load_facts(vae_folder), "generator": load_facts(generator_folder)}
    _compare_keys(vae_folder, training["generator"])
    trained, autoencoder, turns = load_generator(generator_folder), load_vae(vae_folder), None
    if steering is not None:
        folder = network_folder(steering)
        turns, training["steering"] = _load_steering(folder, trained, autoencoder), load_facts(folder)
    return Networks(
        config, build_backbone(config.vision, vision_weights), trained, autoencoder, training, turns
    )


def random_networks(name: str, seed: int = 0) -> Networks:
    """Return a preset's networks with random weights: right shapes and speed, meaningless sound."""
    return networks_from_config(preset(name), seed)


def networks_from_config(config: ModelConfig, seed: int = 0) -> Networks:
    """Return networks of any config with random weights, not even the zero-initialised ones zero."""
    torch.manual_seed(seed)
    generator, vae = Generator(config).eval(), build_vae(config.vae).eval()
    backbone = build_backbone(config.vision, random_weights=True)
    with torch.no_grad():
        for parameter in generator.diffusion_head.parameters():
            if not parameter.any():
                parameter.normal_(0.0, 0.02)
    return Networks(config, backbone, generator, vae, {"note": f"random weights, seed {seed}"})


def network_folder(path: Path) -> Path:
    """Return the folder with the weights: ``path`` itself, or its ``network`` folder.

    Raises:
        BundleError: Neither has a network.
    """
    for folder in (path, path / "network"):
        if (folder / CONFIG_FILE).is_file() and (folder / WEIGHTS_FILE).is_file():
            return folder
    raise BundleError(
        f"{path}: no network there (expected config.json and weights.safetensors in it or in "
        f"{path / 'network'}); name the folder that sr-runtime train wrote"
    )


def _load_steering(folder: Path, generator: Generator, vae: VAE) -> Steering:
    """Return what steers, if it reads the grids that the generator makes."""
    panning = load_panning(folder)
    if load_facts(folder).get("grids") != grid_key(generator):
        raise BundleError(
            f"{folder}: fitted to grids of another picture encoder or projection than the generator's; fit "
            "it again with: sr-runtime train steering --generator RUN"
        )
    return Steering(panning, vae).eval()


def _compare_keys(vae: Path, generator_facts: dict[str, Any]) -> None:
    """Warn if the generator learned another auto-encoder's latents; a tuned decoder is harmless."""
    wanted, found = generator_facts.get("vae"), latent_key(vae)
    if wanted is not None and wanted != found:
        logger.warning(
            "the generator was trained on latents of auto-encoder %s, those of %s are %s: expect wrong sound",
            wanted,
            vae,
            found,
        )


def _check_pair(vae: ModelConfig, generator: ModelConfig, folder: Path) -> None:
    if vae.vae.latent != generator.vae.latent:
        raise BundleError(
            f"{folder}: its latent has {vae.vae.latent} channels, the generator was trained on "
            f"{generator.vae.latent}; name the auto-encoder that the generator's run used"
        )
