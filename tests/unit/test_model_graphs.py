"""The exportable pieces: names, shapes, and that a session made of them is the trained network."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sr_runtime.model.attention import MASKED
from sr_runtime.model.generator import Generator
from sr_runtime.model.graphs import (
    ConditionGraph,
    DecoderGraph,
    EncoderGraph,
    Graph,
    HeadGraph,
    TransformerStepGraph,
    VisionGraph,
    export_ready,
    session_constants,
)
from sr_runtime.model.presets import (
    AggregatorConfig,
    CompactVAEConfig,
    HeadConfig,
    ModelConfig,
    OobleckConfig,
    TransformerConfig,
    VAEConfig,
    VisionConfig,
)
from sr_runtime.model.rope import rotary_angles
from sr_runtime.model.vae import VAE, build_vae
from sr_runtime.model.vision import FrozenBackbone, build_backbone

HOPS = 10

TINY = ModelConfig(
    vision=VisionConfig(backbone="efficientnet_lite0", width=32, height=32, pca=8),
    aggregator=AggregatorConfig(width=16, layers=1, heads=2, hidden=32, projection=8, kernel=2),
    transformer=TransformerConfig(
        width=16, layers=2, heads=2, kv_heads=1, head_dim=8, hidden=32, window=12, attention_dropout=0.0
    ),
    head=HeadConfig(width=16, blocks=1),
    vae=VAEConfig(kind="compact", compact=CompactVAEConfig(bands=16, fast_bands=8)),
)


@pytest.fixture(scope="module")
def networks() -> tuple[FrozenBackbone, Generator, VAE]:
    torch.manual_seed(0)
    return (
        build_backbone(TINY.vision, random_weights=True),
        Generator(TINY).eval(),
        build_vae(TINY.vae).eval(),
    )


def test_every_graph_runs_its_examples_and_names_every_tensor(
    networks: tuple[FrozenBackbone, Generator, VAE],
) -> None:
    backbone, generator, vae = networks
    graphs: list[Graph] = [
        VisionGraph(backbone, generator),
        TransformerStepGraph(generator),
        ConditionGraph(generator),
        HeadGraph(generator),
        DecoderGraph(vae),
        EncoderGraph(vae, hops=3),
    ]
    for graph in graphs:
        inputs = graph.example_inputs()
        outputs = graph(*inputs)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        assert len(graph.input_names) == len(inputs)
        assert len(graph.output_names) == len(outputs)
        assert len(set(graph.input_names + graph.output_names)) == len(inputs) + len(outputs)


def test_shapes_are_those_of_the_bundle(networks: tuple[FrozenBackbone, Generator, VAE]) -> None:
    backbone, generator, vae = networks
    vision, step = VisionGraph(backbone, generator), TransformerStepGraph(generator)
    grid, token = vision(*vision.example_inputs())
    assert (grid.shape, token.shape) == ((2, 8, 2, 2), (2, 1, 16))
    shapes = dict(zip(step.input_names, (tuple(t.shape) for t in step.example_inputs()), strict=True))
    assert shapes["tokens"] == (2, 1, 16)
    assert shapes["k_0"] == shapes["v_1"] == (2, 1, 12, 8)
    assert (shapes["cos"], shapes["mask"]) == ((2, 4), (2, 12))
    hidden, key, *_ = step(*step.example_inputs())
    assert (hidden.shape, key.shape) == ((2, 1, 16), (2, 1, 1, 8))
    decoder = DecoderGraph(vae)
    assert decoder(*decoder.example_inputs())[0].shape == (2, 1600, 2)


@torch.no_grad()
def run_session(networks: tuple[FrozenBackbone, Generator, VAE], images: Tensor, latents: Tensor) -> Tensor:
    """Run the graphs hop by hop as a host does; return z of both rows, (2, hops, 2·width)."""
    backbone, generator, _ = networks
    vision, step = VisionGraph(backbone, generator), TransformerStepGraph(generator)
    condition, head = ConditionGraph(generator), HeadGraph(generator)
    constants, window = session_constants(generator), TINY.transformer.cache_tokens
    rings = [torch.zeros(2, 1, window, 8) for _ in range(2 * TINY.transformer.layers)]
    mask, previous = torch.full((1, window), MASKED), torch.zeros(1, 8, 2, 2)
    audio, rows = constants["bos"], []
    for hop in range(len(images)):
        previous, video = vision(images[hop : hop + 1], previous)
        hidden = []
        for place, tokens in enumerate((audio.expand(2, 1, -1), torch.cat((video, constants["null_token"])))):
            position = 2 * hop + place
            cos, sin = rotary_angles(torch.tensor([position]), 8, 10_000.0)
            mask[0, position % window] = MASKED
            out, *news = step(tokens, *rings, cos, sin, mask)
            for ring, new in zip(rings, news, strict=True):
                ring[:, :, position % window] = new[:, :, 0]
            mask[0, position % window] = 0.0
            hidden.append(out)
        rows.append(torch.cat((hidden[0], hidden[1]), dim=-1))
        audio = generator.audio_token(latents[hop])[None, None]
        modulation = condition(torch.ones(1), rows[-1][:1, 0])
        assert head(torch.randn(1, 64), torch.ones(1), modulation)[1].shape == audio.shape
    return torch.cat(rows, dim=1)


def test_session_of_graphs_computes_the_trained_condition(
    networks: tuple[FrozenBackbone, Generator, VAE],
) -> None:
    backbone, generator, _ = networks
    torch.manual_seed(1)
    images = torch.randint(0, 256, (HOPS, 32, 32, 3), dtype=torch.uint8)
    latents = 0.5 * torch.randn(HOPS, 64)
    z = run_session(networks, images, latents)
    with torch.no_grad():
        grids = generator.pca(backbone(images.permute(0, 3, 1, 2).float()))
        before = torch.cat((torch.zeros_like(grids[:1]), grids[:-1]))
        both = [tensor.expand(2, *tensor.shape) for tensor in (grids, grids - before, latents)]
        expected = generator.condition(*both, torch.tensor([False, True]))
    torch.testing.assert_close(z, expected, atol=1e-5, rtol=1e-5)


def test_decoder_graph_takes_normalised_latents(networks: tuple[FrozenBackbone, Generator, VAE]) -> None:
    vae = networks[2]
    vae.set_latent_statistics(torch.linspace(-1, 1, 64), torch.full((64,), 2.0))
    graph, z = DecoderGraph(vae), torch.randn(1, 64, 3)
    states = tuple(vae.initial_decoder_state(1).values())
    parts = []
    with torch.no_grad():
        for hop in range(3):
            audio, *new = graph(vae.normalise(z)[:, :, hop], *states)
            states = tuple(new)
            parts.append(audio)
        whole = vae.decode(z).transpose(1, 2)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-5)


def test_export_ready_oobleck_keeps_no_weight_norm() -> None:
    vae = build_vae(VAEConfig(kind="oobleck", oobleck=OobleckConfig(channels=2)))
    graph = DecoderGraph(vae)
    before = graph(*(inputs := graph.example_inputs()))[0]
    export_ready(graph)
    assert not any("parametrizations" in name for name, _ in graph.named_parameters())
    torch.testing.assert_close(graph(*inputs)[0], before, atol=1e-6, rtol=1e-5)


def test_repeated_frame_has_the_token_of_zero_difference(
    networks: tuple[FrozenBackbone, Generator, VAE],
) -> None:
    backbone, generator, _ = networks
    graph = VisionGraph(backbone, generator)
    image, _ = graph.example_inputs()
    with torch.no_grad():
        grid, _ = graph(image, torch.zeros(1, 8, 2, 2))
        _, token = graph(image, grid)
        expected = generator.vision_token(grid, torch.zeros_like(grid))
    torch.testing.assert_close(token[:, 0], expected)


def test_window_none_streams_with_a_ring_of_the_training_length() -> None:
    config = replace(TINY.transformer, window=None, context=20)
    assert config.cache_tokens == 20
