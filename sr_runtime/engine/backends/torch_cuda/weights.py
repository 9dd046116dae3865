"""Read and write the networks that a bundle carries for torch: safetensors and configurations, no pickle.

    BUNDLE/torch/generator/   config.json, weights.safetensors     (as training writes them)
    BUNDLE/torch/vae/         the same
    BUNDLE/torch/steering/    the same, where the bundle steers
    BUNDLE/torch/backbone.safetensors                               the frozen picture encoder

Called by the torch backend (read) and by export (write). Thread: any.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from sr_runtime.engine.backends.torch_cuda.backend import torch_folder
from sr_runtime.engine.bundle import STEERING, Bundle
from sr_runtime.errors import BundleError
from sr_runtime.model.checkpoint import load_generator, load_panning, load_vae, save_network
from sr_runtime.model.generator import Generator
from sr_runtime.model.steering import Panning, Steering
from sr_runtime.model.vae import VAE
from sr_runtime.model.vae_oobleck import OobleckVAE
from sr_runtime.model.vision import FrozenBackbone, build_backbone

BACKBONE = "backbone.safetensors"


@dataclass(frozen=True)
class TorchNetworks:
    """Networks on a device, ready for hops.

    Attributes:
        backbone: In ``dtype``.
        generator: Vision tokenizer and transformer in ``dtype``, everything else in fp32: noise levels up to
            80 do not fit a head in bf16, and tokens add up over seconds.
        vae: In fp32: convolutions of this depth overflow half precision.
        dtype: Of the rings too.
        device: Where.
        steering: In fp32; None: the bundle does not steer.
    """

    backbone: FrozenBackbone
    generator: Generator
    vae: VAE
    dtype: torch.dtype
    device: torch.device
    steering: Steering | None = None


def load_torch_networks(bundle: Bundle, device: torch.device, dtype: torch.dtype) -> TorchNetworks:
    """Load a bundle's networks onto a device.

    Raises:
        BundleError: There are none, or they are damaged.
    """
    folder = torch_folder(bundle)
    generator, vae = load_generator(folder / "generator"), load_vae(folder / "vae")
    backbone = build_backbone(generator.config.vision, random_weights=True)
    try:
        backbone.load_state_dict(load_file(folder / BACKBONE))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise BundleError(f"{folder / BACKBONE}: {error}; export the bundle again") from None
    steers = STEERING in bundle.manifest.graphs
    panning = load_panning(folder / STEERING) if steers else None
    return on_device(backbone, generator, vae, device, dtype, panning)


def on_device(
    backbone: FrozenBackbone,
    generator: Generator,
    vae: VAE,
    device: torch.device,
    dtype: torch.dtype,
    panning: Panning | None = None,
) -> TorchNetworks:
    """Move networks to a device, each part in its precision."""
    steering = None if panning is None else Steering(panning, vae).to(device).eval()
    for module in (backbone, generator, vae):
        module.to(device).eval().requires_grad_(False)
    for part in (
        backbone,
        generator.tuned_blocks,
        generator.tokenizer,
        generator.video_in,
        generator.transformer,
    ):
        part.to(dtype)
    if isinstance(vae, OobleckVAE):
        vae.fold_weight_norm()
        vae.fold_activations()
    return TorchNetworks(backbone, generator, vae, dtype, device, steering)


def write_torch_networks(
    folder: Path,
    backbone: FrozenBackbone,
    generator: Generator,
    vae: VAE,
    panning: Panning | None = None,
) -> tuple[Path, ...]:
    """Write what :func:`load_torch_networks` reads into ``folder``; returns the files."""
    save_network(folder / "generator", generator, generator.config)
    save_network(folder / "vae", vae, {"vae": vae.config})
    if panning is not None:
        save_network(folder / STEERING, panning, generator.config)
    weights = {name: tensor.contiguous() for name, tensor in backbone.state_dict().items()}
    save_file(weights, folder / BACKBONE)
    return tuple(sorted(path for path in folder.rglob("*") if path.is_file()))
