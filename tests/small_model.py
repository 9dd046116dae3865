"""A network small enough to export in seconds, with every part that a real one has; weights are random.

Used by the streaming and export tests.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from unittest import mock

import numpy as np
import torch

from sr_runtime.engine.bundle import Bundle, load_bundle
from sr_runtime.export import compress
from sr_runtime.export.facts import ExportOptions
from sr_runtime.export.source import Networks, networks_from_config
from sr_runtime.export.trained import export_bundle
from sr_runtime.model.presets import (
    AggregatorConfig,
    CompactVAEConfig,
    HeadConfig,
    ModelConfig,
    TransformerConfig,
    VAEConfig,
    VisionConfig,
)
from sr_runtime.types import Frame

if TYPE_CHECKING:
    from sr_runtime.model.steering import Steering

WINDOW = 12
"""Tokens: the ring wraps after 6 hops."""

CONFIG = ModelConfig(
    name="small",
    vision=VisionConfig(backbone="efficientnet_lite0", width=64, height=48, tap_block=5, pca=8),
    aggregator=AggregatorConfig(width=32, layers=1, heads=2, hidden=48, projection=16, kernel=2, dropout=0.0),
    transformer=TransformerConfig(
        width=48, layers=2, heads=4, kv_heads=2, head_dim=16, hidden=64, window=WINDOW
    ),
    head=HeadConfig(width=48, blocks=2, frequencies=32),
    vae=VAEConfig(
        kind="compact",
        compact=CompactVAEConfig(bands=16, fast_bands=8),
    ),
)


def small_networks() -> Networks:
    """Return fresh modules, always with the same weights, and latent statistics that are not the identity."""
    networks = networks_from_config(CONFIG, seed=1)
    generator = torch.Generator().manual_seed(2)
    latent = CONFIG.vae.latent
    networks.vae.set_latent_statistics(
        torch.randn(latent, generator=generator) * 0.2, torch.rand(latent, generator=generator) + 0.5
    )
    with torch.no_grad():
        # A wild random denoiser makes the ODE chaotic: rounding errors grow a thousandfold in four steps.
        networks.generator.diffusion_head.out.weight *= 0.2
        # Random convolutions under fresh batch norms let almost nothing through; real grids vary by about 1.
        noise = torch.rand(1, 3, 48, 64, generator=generator) * 255
        networks.generator.pca.basis /= networks.backbone(noise).std()
    return replace(networks, steering=_random_steering(networks))


def _random_steering(networks: Networks) -> Steering:
    """Return a steering that often tells another side than is heard."""
    from sr_runtime.model.steering import Panning, Steering

    panning = Panning(CONFIG.vision)
    panning.weight.normal_(0.0, 4.0, generator=torch.Generator().manual_seed(3))
    panning.bias.fill_(-64.0)  # so that pictures tell both sides
    return Steering(panning, networks.vae).eval()


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="small-model-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def small_bundle(precision: Literal["fp32", "int8"] = "fp32") -> Bundle:
    """Return the exported bundle; made once per test run."""
    target = _folder() / precision
    # Only large matrices are quantised, which a small model does not have.
    with mock.patch.object(compress, "QUANTISE_FROM_ELEMENTS", 256):
        export_bundle(
            small_networks(), target, ExportOptions("small", precision, with_torch=precision == "fp32")
        )
    return load_bundle(target)


def moving_pictures(count: int, seed: int = 0) -> list[Frame]:
    """Return pictures that change smoothly and now and then at once."""
    rng = np.random.default_rng(seed)
    still = rng.integers(0, 256, (48, 64, 3))
    pictures = []
    for index in range(count):
        if index % 7 == 6:
            still = rng.integers(0, 256, (48, 64, 3))
        pictures.append(np.roll(still, index, axis=1).astype(np.uint8))
    return pictures
