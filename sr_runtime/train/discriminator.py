"""Multi-scale STFT discriminator with feature matching: makes the autoencoder's sound crisp.

Called by :mod:`sr_runtime.train.vae` in the last part of a run. Complex spectra of the stereo sound pass
through a few 2-D convolutions per scale (EnCodec's design); the loss is the hinge form.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu
from torch.nn.utils.parametrizations import weight_norm

Maps = list[list[Tensor]]
"""Feature maps, outer list = scale, inner list = layer; the last layer of a scale is its verdict."""


class ScaleDiscriminator(nn.Module):
    """Judge one resolution of the complex stereo spectrogram.

    Args:
        fft_size: window length in samples; the hop is a quarter of it.
        filters: channels of every hidden layer.
    """

    def __init__(self, fft_size: int, filters: int) -> None:
        super().__init__()
        self.fft_size = fft_size
        self.register_buffer("window", torch.hann_window(fft_size), persistent=False)
        kernels = [((3, 9), (1, 1)), ((3, 9), (1, 2)), ((3, 9), (1, 2)), ((3, 9), (1, 2)), ((3, 3), (1, 1))]
        layers, channels = [], 4
        for kernel, stride in kernels:
            padding = (kernel[0] // 2, kernel[1] // 2)
            layers.append(weight_norm(nn.Conv2d(channels, filters, kernel, stride, padding)))
            channels = filters
        self.layers = nn.ModuleList(layers)
        self.verdict = weight_norm(nn.Conv2d(filters, 1, (3, 3), 1, 1))

    def forward(self, wave: Tensor) -> list[Tensor]:
        """Return the maps of every layer for sound float32 (B, 2, S)."""
        batch, channels, samples = wave.shape
        window = self.get_buffer("window")
        bins = torch.stft(
            wave.reshape(-1, samples),
            self.fft_size,
            self.fft_size // 4,
            window=window,
            normalized=True,
            return_complex=True,
        )
        picture = torch.view_as_real(bins).reshape(batch, channels, *bins.shape[1:], 2)
        hidden = picture.permute(0, 1, 4, 3, 2).reshape(batch, channels * 2, bins.shape[2], bins.shape[1])
        hidden = hidden.contiguous(memory_format=torch.channels_last)
        maps = []
        for layer in self.layers:
            hidden = leaky_relu(layer(hidden), 0.2)
            maps.append(hidden)
        return [*maps, self.verdict(hidden)]


class Discriminator(nn.Module):
    """Several scales side by side.

    Args:
        fft_sizes: one scale each.
        filters: channels of the hidden layers; 2 scales × 16 filters cost about a third of a step on a CPU.
    """

    def __init__(self, fft_sizes: tuple[int, ...] = (1024, 256), filters: int = 16) -> None:
        super().__init__()
        self.scales = nn.ModuleList(ScaleDiscriminator(size, filters) for size in fft_sizes)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in the stubs

    def forward(self, wave: Tensor) -> Maps:
        """Return the feature maps of every scale for sound float32 (B, 2, S)."""
        return [scale(wave) for scale in self.scales]


def discriminator_loss(real: Maps, fake: Maps) -> Tensor:
    """Return the hinge loss that trains the discriminator."""
    terms = [
        relu(1 - r[-1].float()).mean() + relu(1 + f[-1].float()).mean()
        for r, f in zip(real, fake, strict=True)
    ]
    return torch.stack(terms).mean()


def adversarial_loss(fake: Maps) -> Tensor:
    """Return the generator's side of the hinge loss."""
    return torch.stack([relu(1 - maps[-1].float()).mean() for maps in fake]).mean()


def feature_matching_loss(real: Maps, fake: Maps) -> Tensor:
    """Return the mean relative L1 distance between the hidden maps of real and generated sound."""
    terms = [
        (f.float() - r.detach().float()).abs().mean() / r.detach().float().abs().mean().clamp_min(1e-4)
        for reals, fakes in zip(real, fake, strict=True)
        for r, f in zip(reals[:-1], fakes[:-1], strict=True)
    ]
    return torch.stack(terms).mean()
