"""The network cut into the graphs that a runtime calls: flat tensors in, flat tensors out.

Each graph is a module with its tensor names and example inputs, so that an exporter need not know what is
inside. The first dimension is free everywhere, one row per sequence, and no row depends on another: so a host
computes as many sessions together as it likes. Called by export. Session conventions (which rows see the
video, the host owns the ring and writes new keys and values) are those of the bundle.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sr_runtime.model.generator import Generator
from sr_runtime.model.steering import Steering
from sr_runtime.model.transformer import KeyValue
from sr_runtime.model.vae import VAE
from sr_runtime.model.vae_oobleck import OobleckVAE
from sr_runtime.model.vision import FrozenBackbone
from sr_runtime.types import CHANNELS, HOP_SAMPLES

ROWS = 2
"""Of an example: with one row, an exporter would take the dimension for a fixed one."""


class Graph(nn.Module):
    """A module to export.

    Attributes:
        input_names: One per positional argument of ``forward``.
        output_names: One per returned tensor.
    """

    input_names: tuple[str, ...]
    output_names: tuple[str, ...]

    def example_inputs(self) -> tuple[Tensor, ...]:
        """Return inputs of the exact shapes and dtypes."""
        raise NotImplementedError


class VisionGraph(Graph):
    """image, prev_grid → grid, token."""

    input_names = ("image", "prev_grid")
    output_names = ("grid", "token")

    def __init__(self, backbone: FrozenBackbone, generator: Generator) -> None:
        super().__init__()
        self.config = generator.config.vision
        self.backbone = backbone
        self.generator = generator

    def forward(self, image: Tensor, prev_grid: Tensor) -> tuple[Tensor, Tensor]:
        """Encode a picture and its change.

        Args:
            image: uint8 (N, H, W, 3).
            prev_grid: float32 (N, c, h, w), ``grid`` of the last new frame; zeros before the first; this
                picture's own grid for a repeated frame.

        Returns:
            Projected grid float32 (N, c, h, w) and typed video token float32 (N, 1, width).
        """
        grid = self.generator.project(self.backbone(image.permute(0, 3, 1, 2).float()))
        return grid, self.generator.vision_token(grid, grid - prev_grid).unsqueeze(1)

    def example_inputs(self) -> tuple[Tensor, ...]:
        """See :meth:`Graph.example_inputs`."""
        config = self.config
        image = torch.randint(0, 256, (ROWS, config.height, config.width, 3), dtype=torch.uint8)
        return image, torch.randn(ROWS, config.channels, *config.grid_shape)


class TransformerStepGraph(Graph):
    """tokens, k_0, v_0, …, cos, sin, mask → hidden, k_new_0, v_new_0, …"""

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.transformer = generator.transformer
        layers = range(generator.config.transformer.layers)
        ring = tuple(name for layer in layers for name in (f"k_{layer}", f"v_{layer}"))
        new = tuple(name for layer in layers for name in (f"k_new_{layer}", f"v_new_{layer}"))
        self.input_names = ("tokens", *ring, "cos", "sin", "mask")
        self.output_names = ("hidden", *new)

    def forward(self, tokens: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """Run one token of each row.

        Args:
            tokens: float32 (N, 1, width).
            *rest: Per layer the key and value ring (N, kv_heads, window, head_dim), read only; then cos and
                sin (N, head_dim/2) of the rows' positions, and their additive masks (N, window).

        Returns:
            hidden (N, 1, width), then per layer the new key and value (N, kv_heads, 1, head_dim).
        """
        rings, (cos, sin, mask) = rest[:-3], rest[-3:]
        past = [KeyValue(key, value) for key, value in zip(rings[::2], rings[1::2], strict=True)]
        hidden, news = self.transformer.step(tokens, past, cos, sin, mask)
        return (hidden, *(tensor for new in news for tensor in new))

    def example_inputs(self) -> tuple[Tensor, ...]:
        """See :meth:`Graph.example_inputs`."""
        config = self.transformer.config
        ring = (ROWS, config.kv_heads, config.cache_tokens, config.head_dim)
        rings = [torch.randn(ring) for _ in range(2 * config.layers)]
        angle = torch.randn(ROWS, config.head_dim // 2)
        mask = torch.zeros(ROWS, config.cache_tokens)
        return (torch.randn(ROWS, 1, config.width), *rings, angle.cos(), angle.sin(), mask)


class ConditionGraph(Graph):
    """sigma, z → modulation: all of the head that does not depend on what is denoised."""

    input_names = ("sigma", "z")
    output_names = ("modulation",)

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, sigma: Tensor, z: Tensor) -> Tensor:
        """Return the modulation float32 (N, (3·blocks + 2)·width) for σ (N,) and guided z (N, 2·width)."""
        return self.generator.diffusion_head.modulations(sigma, z)

    def example_inputs(self) -> tuple[Tensor, ...]:
        """See :meth:`Graph.example_inputs`."""
        z = torch.randn(ROWS, 2 * self.generator.config.transformer.width)
        return torch.tensor([80.0, 0.8]), z


class HeadGraph(Graph):
    """x_t, sigma, modulation → denoised, audio_token."""

    input_names = ("x_t", "sigma", "modulation")
    output_names = ("denoised", "audio_token")

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, x_t: Tensor, sigma: Tensor, modulation: Tensor) -> tuple[Tensor, Tensor]:
        """Denoise once.

        Args:
            x_t: float32 (N, latent).
            sigma: float32 (N,).
            modulation: What :class:`ConditionGraph` makes of ``sigma`` and z.

        Returns:
            Denoised latent (N, latent), and the typed audio token of it (N, 1, width).
        """
        denoised = self.generator.diffusion_head.denoise(x_t, sigma, modulation)
        return denoised, self.generator.audio_token(denoised).unsqueeze(1)

    def example_inputs(self) -> tuple[Tensor, ...]:
        """See :meth:`Graph.example_inputs`."""
        sigma, modulation = torch.tensor([80.0, 0.8]), self.generator.diffusion_head.modulation
        return (
            torch.randn(ROWS, self.generator.config.vae.latent),
            sigma,
            torch.randn(ROWS, modulation.out_features),
        )


class SteeringGraph(Graph):
    """latent, grid, panning → steered, audio_token, panning_new."""

    input_names = ("latent", "grid", "panning")
    output_names = ("steered", "audio_token", "panning_new")

    def __init__(self, steering: Steering, generator: Generator) -> None:
        super().__init__()
        self.steering = steering
        self.generator = generator

    def forward(self, latent: Tensor, grid: Tensor, panning: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Turn one hop.

        Args:
            latent: Normalised, float32 (N, latent), as the head drew it.
            grid: Of the picture that the hop sees, (N, c, h, w).
            panning: As of the hop before, dB, float32 (N,); 0 at first.

        Returns:
            The latent to decode, its typed audio token (N, 1, width), and the panning told now (N,).
        """
        steered, told = self.steering(latent, grid, panning)
        return steered, self.generator.audio_token(steered).unsqueeze(1), told

    def example_inputs(self) -> tuple[Tensor, ...]:
        """See :meth:`Graph.example_inputs`."""
        config = self.generator.config
        latent = torch.randn(1, config.vae.latent) * 0.5
        mirrored = self.steering.mirror(latent)  # so that whatever is told one of the two leans the other way
        grids = torch.randn(ROWS, config.vision.channels, *config.vision.grid_shape)
        return torch.cat((latent, mirrored)), grids, torch.full((ROWS,), 50.0)


class DecoderGraph(Graph):
    """latent, states → audio, new states; de-normalisation is inside."""

    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.vae = vae
        self.state_names = tuple(vae.initial_decoder_state(1))
        self.input_names = ("latent", *self.state_names)
        self.output_names = ("audio", *(f"{name}_new" for name in self.state_names))

    def forward(self, latent: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Decode one hop.

        Args:
            latent: Normalised, float32 (N, latent).
            *states: As :meth:`VAE.initial_decoder_state`, in its order.

        Returns:
            audio float32 (N, 1600, 2), then the states after it.
        """
        before = dict(zip(self.state_names, states, strict=True))
        wave, after = self.vae.decode_step(self.vae.denormalise(latent.unsqueeze(-1)), before)
        return (wave.transpose(1, 2), *(after[name] for name in self.state_names))

    def example_inputs(self) -> tuple[Tensor, ...]:
        """See :meth:`Graph.example_inputs`."""
        states = self.vae.initial_decoder_state(ROWS).values()
        return (
            torch.randn(ROWS, self.vae.config.latent) * 0.5,
            *(torch.randn_like(state) * 0.1 for state in states),
        )


class EncoderGraph(Graph):
    """audio → latent: the posterior mean, normalised; for starting from real sound and for evaluation."""

    input_names = ("audio",)
    output_names = ("latent",)

    def __init__(self, vae: VAE, hops: int = 30) -> None:
        super().__init__()
        self.vae = vae
        self.hops = hops

    def forward(self, audio: Tensor) -> Tensor:
        """Encode float32 (1, 1600·T, 2) to (1, T, latent); T may be dynamic."""
        mean, _ = self.vae.encode(audio.transpose(1, 2))
        return self.vae.normalise(mean).transpose(1, 2)

    def example_inputs(self) -> tuple[Tensor, ...]:
        """See :meth:`Graph.example_inputs`."""
        return (torch.randn(1, self.hops * HOP_SAMPLES, CHANNELS) * 0.1,)


def session_constants(generator: Generator) -> dict[str, Tensor]:
    """Return the learned tokens that a host feeds itself: ``bos`` and ``null_token``, each (1, 1, width)."""
    return {
        "bos": generator.bos_token().detach().reshape(1, 1, -1).clone(),
        "null_token": generator.null_token().detach().reshape(1, 1, -1).clone(),
    }


def export_ready(graph: Graph) -> Graph:
    """Return the graph in evaluation mode, weights frozen and weight norms folded, as tracing wants it."""
    for module in graph.modules():
        if isinstance(module, OobleckVAE):
            module.fold_weight_norm()
    return graph.eval().requires_grad_(False)
