"""The paper's auto-encoder: Oobleck at 48 kHz, ×1600, causal (streaming) or not (upper bound).

::

    encoder  Conv 7 ─ 5 × {residual units, dilation 1 3 9; Snake; Conv 2s, stride s} ─ Snake ─ Conv 3
    decoder  Conv 7 ─ 5 × {Snake; transposed Conv 2s, stride s; residual units 1 3 9} ─ Snake ─ Conv 7

The causal form pads on the left only and trims transposed convolutions on the right only, so hop j hears
samples < 1600 (j+1) and needs no later latent. A streaming layer keeps what the next hop will need: the last
inputs of a convolution, the unfinished tail of a transposed one.
"""

from __future__ import annotations

import math
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize
from torch.nn.utils.parametrizations import weight_norm

from sr_runtime.errors import ConfigError
from sr_runtime.model.presets import OobleckConfig, VAEConfig
from sr_runtime.model.vae import VAE, DecoderState, pad_to_hops, split_posterior
from sr_runtime.types import CHANNELS

DILATIONS = (1, 3, 9)


class Memory:
    """The streaming state of one pass: ``before`` is read (None = silence), ``after`` is written."""

    def __init__(self, before: DecoderState | None) -> None:
        self.before = before
        self.after: DecoderState = {}


class Conv1d(nn.Module):
    """Weight-normed convolution over (B, C, T), padded to keep T/stride steps."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        causal: bool,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.causal, self.stride = causal, stride
        self.overlap = (kernel - 1) * dilation + 1 - stride
        self.state_name = ""
        self.conv = weight_norm(nn.Conv1d(inputs, outputs, kernel, stride, dilation=dilation, bias=bias))

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Convolve after what the memory holds; T must be a multiple of the stride."""
        if self.overlap == 0:
            return cast(Tensor, self.conv(x))
        if not self.causal:
            # Strided layers reflect, the others see zeros, as in the released non-causal model.
            right = self.overlap // 2
            mode = "reflect" if self.stride > 1 and x.shape[-1] > self.overlap else "constant"
            return cast(Tensor, self.conv(F.pad(x, (self.overlap - right, right), mode=mode)))
        past = self.silence(x) if memory.before is None else memory.before[self.state_name]
        extended = torch.cat((past, x), dim=-1)
        memory.after[self.state_name] = extended[..., extended.shape[-1] - self.overlap :]
        return cast(Tensor, self.conv(extended))

    def silence(self, x: Tensor) -> Tensor:
        """Return the memory before the first sample: zeros (B, C, overlap)."""
        return x.new_zeros(x.shape[0], self.conv.in_channels, self.overlap)


class ConvTranspose1d(nn.Module):
    """Weight-normed transposed convolution of kernel 2s and stride s: (B, C, T) → (B, C', T·s)."""

    def __init__(self, inputs: int, outputs: int, stride: int, causal: bool) -> None:
        super().__init__()
        self.causal, self.stride = causal, stride
        self.overlap = stride
        self.state_name = ""
        self.conv = weight_norm(nn.ConvTranspose1d(inputs, outputs, 2 * stride, stride))

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Upsample; the causal form adds the tail left over from the hop before."""
        length = x.shape[-1] * self.stride
        if not self.causal:
            left = self.overlap // 2
            return cast(Tensor, self.conv(x))[..., left : left + length]
        # The bias joins after the overlap-add, else the overlapping part would get it twice.
        raw = F.conv_transpose1d(x, self.conv.weight, None, self.stride)
        tail = self.silence(x) if memory.before is None else memory.before[self.state_name]
        memory.after[self.state_name] = raw[..., length:]
        head = raw[..., : self.overlap] + tail
        bias = cast(Tensor, self.conv.bias)[:, None]
        return torch.cat((head, raw[..., self.overlap : length]), dim=-1) + bias

    def silence(self, x: Tensor) -> Tensor:
        """Return the memory before the first sample: zeros (B, C', s)."""
        return x.new_zeros(x.shape[0], self.conv.out_channels, self.overlap)


class SnakeBeta(nn.Module):
    """x + sin²(αx)/β, with α and β learned per channel as logarithms."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_alpha = nn.Parameter(torch.zeros(channels))
        self.log_beta = nn.Parameter(torch.zeros(channels))
        self._folded: tuple[Tensor, Tensor] | None = None

    def fold(self) -> None:
        """Compute α and 1/β once; training must not go on."""
        alpha, beta = self.log_alpha.exp()[:, None], self.log_beta.exp()[:, None]
        self._folded = alpha.detach(), 1 / (beta.detach() + 1e-9)

    def forward(self, x: Tensor) -> Tensor:
        """Activate (B, C, T)."""
        if self._folded is not None:
            return torch.addcmul(x, torch.sin(self._folded[0] * x).square(), self._folded[1])
        alpha, beta = self.log_alpha.exp()[:, None], self.log_beta.exp()[:, None]
        return x + torch.sin(alpha * x).square() / (beta + 1e-9)


class ResidualUnit(nn.Module):
    """x + Conv1(Snake(Conv7(Snake(x))))."""

    def __init__(self, channels: int, dilation: int, causal: bool) -> None:
        super().__init__()
        self.snake_in, self.snake_out = SnakeBeta(channels), SnakeBeta(channels)
        self.wide = Conv1d(channels, channels, 7, causal, dilation=dilation)
        self.point = Conv1d(channels, channels, 1, causal)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Run over (B, C, T)."""
        y = self.wide(self.snake_in(x), memory)
        return x + cast(Tensor, self.point(self.snake_out(y), memory))


class EncoderBlock(nn.Module):
    """Residual units, then downsampling."""

    def __init__(self, inputs: int, outputs: int, stride: int, causal: bool) -> None:
        super().__init__()
        self.units = nn.ModuleList(ResidualUnit(inputs, dilation, causal) for dilation in DILATIONS)
        self.snake = SnakeBeta(inputs)
        self.down = Conv1d(inputs, outputs, 2 * stride, causal, stride=stride)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Map (B, C, T) to (B, C', T/stride)."""
        for unit in self.units:
            x = unit(x, memory)
        return cast(Tensor, self.down(self.snake(x), memory))


class DecoderBlock(nn.Module):
    """Upsampling, then residual units."""

    def __init__(self, inputs: int, outputs: int, stride: int, causal: bool) -> None:
        super().__init__()
        self.snake = SnakeBeta(inputs)
        self.up = ConvTranspose1d(inputs, outputs, stride, causal)
        self.units = nn.ModuleList(ResidualUnit(outputs, dilation, causal) for dilation in DILATIONS)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """Map (B, C, T) to (B, C', T·stride)."""
        x = self.up(self.snake(x), memory)
        for unit in self.units:
            x = unit(x, memory)
        return x


def channel_widths(config: OobleckConfig) -> list[int]:
    """Return the widths between blocks: [128, 128, 256, 512, 1024, 2048] in the paper."""
    return [config.channels] + [config.channels * multiplier for multiplier in config.multipliers]


class OobleckEncoder(nn.Module):
    """Sound (B, 2, S) → posterior parameters (B, 2·latent, T)."""

    def __init__(self, config: OobleckConfig, latent: int) -> None:
        super().__init__()
        widths, causal = channel_widths(config), config.causal
        self.conv_in = Conv1d(CHANNELS, widths[0], 7, causal)
        self.blocks = nn.ModuleList(
            EncoderBlock(widths[index], widths[index + 1], stride, causal)
            for index, stride in enumerate(config.strides)
        )
        self.snake = SnakeBeta(widths[-1])
        self.conv_out = Conv1d(widths[-1], 2 * latent, 3, causal)
        _name_states(self)

    def forward(self, wave: Tensor) -> Tensor:
        """Encode whole hops."""
        memory = Memory(None)
        x = self.conv_in(wave, memory)
        for block in self.blocks:
            x = block(x, memory)
        return cast(Tensor, self.conv_out(self.snake(x), memory))


class OobleckDecoder(nn.Module):
    """Latents (B, latent, T) → sound (B, 2, 1600·T)."""

    def __init__(self, config: OobleckConfig, latent: int) -> None:
        super().__init__()
        widths, causal = channel_widths(config), config.causal
        self.conv_in = Conv1d(latent, widths[-1], 7, causal)
        self.blocks = nn.ModuleList(
            DecoderBlock(widths[index + 1], widths[index], config.strides[index], causal)
            for index in reversed(range(len(config.strides)))
        )
        self.snake = SnakeBeta(widths[0])
        self.conv_out = Conv1d(widths[0], CHANNELS, 7, causal, bias=False)
        _name_states(self)

    def forward(self, z: Tensor, state: DecoderState | None) -> tuple[Tensor, DecoderState]:
        """Decode any number of frames after ``state`` (None = silence)."""
        memory = Memory(state)
        x = self.conv_in(z, memory)
        for block in self.blocks:
            x = block(x, memory)
        return self.conv_out(self.snake(x), memory), memory.after

    def initial_state(self, like: Tensor) -> DecoderState:
        """Return zeros for every streaming layer, in the order in which they run."""
        layers = [module for module in self.modules() if isinstance(module, Conv1d | ConvTranspose1d)]
        return {layer.state_name: layer.silence(like) for layer in layers if layer.overlap > 0}


def _name_states(network: nn.Module) -> None:
    for name, module in network.named_modules():
        if isinstance(module, Conv1d | ConvTranspose1d):
            module.state_name = name.replace(".", "_")


class OobleckVAE(VAE):
    """The paper's auto-encoder; ``config.kind`` is ``oobleck``."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__(config)
        hop = math.prod(config.oobleck.strides)
        if hop != 1600:
            raise ConfigError(f"vae.oobleck.strides: expected a product of 1600 samples, got {hop}")
        self.encoder = OobleckEncoder(config.oobleck, config.latent)
        self.decoder = OobleckDecoder(config.oobleck, config.latent)

    def encode(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`VAE.encode`."""
        mean, logvar = split_posterior(self.encoder(pad_to_hops(wave)))
        return mean.float(), logvar.float()

    def decode(self, z: Tensor) -> Tensor:
        """See :meth:`VAE.decode`."""
        wave: Tensor = self.decoder(z, None)[0]
        return wave.float()

    def initial_decoder_state(self, batch: int) -> DecoderState:
        """See :meth:`VAE.initial_decoder_state`.

        Raises:
            ConfigError: The model is not causal, so it cannot stream.
        """
        if not self.config.oobleck.causal:
            raise ConfigError("vae.oobleck.causal is false: this auto-encoder looks ahead and cannot stream")
        return self.decoder.initial_state(self.latent_mean.new_zeros(batch, 1, 1))

    def decode_step(self, z: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """See :meth:`VAE.decode_step`."""
        return cast("tuple[Tensor, DecoderState]", self.decoder(z, state))

    def fold_activations(self) -> None:
        """Compute the activations' factors once; call it when the weights are where they stay."""
        for module in self.modules():
            if isinstance(module, SnakeBeta):
                module.fold()

    def fold_weight_norm(self) -> None:
        """Replace every weight-normed weight by its value: for inference and export, not for training."""
        for module in self.modules():
            if parametrize.is_parametrized(module, "weight"):
                # Torch keeps the property `weight` in a class that copies share, and takes it away there: a
                # class of its own first, or the network that this one was copied from could not go on.
                shared = type(module)
                module.__class__ = type(shared.__name__, shared.__bases__, dict(vars(shared)))
                parametrize.remove_parametrizations(module, "weight")
