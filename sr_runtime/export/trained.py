"""Export trained networks as a bundle, and prove on the way that the graphs compute what torch computes.

Called by ``sr-runtime export`` and by tests. Thread: any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx

from sr_runtime.engine.bundle import ImageSpec, Manifest, SamplingSpec, StateSpec, TransformerSpec
from sr_runtime.export.card import write_card
from sr_runtime.export.compress import halved, quantised
from sr_runtime.export.graph import to_onnx
from sr_runtime.export.parity import check, relative_error
from sr_runtime.export.source import Networks
from sr_runtime.export.writer import session_state, write_bundle
from sr_runtime.model.edm import CONSISTENCY_TIMES
from sr_runtime.model.graphs import (
    DecoderGraph,
    EncoderGraph,
    Graph,
    HeadGraph,
    TransformerStepGraph,
    VisionGraph,
    session_constants,
)
from sr_runtime.model.presets import ModelConfig, config_to_dict

Precision = Literal["fp32", "int8"]
Report = Callable[[str], None]


@dataclass(frozen=True)
class ExportOptions:
    """How a bundle is made and what it is called.

    Attributes:
        name: Bundle name.
        precision: ``int8`` (CPU) or ``fp32`` (GPU, and as the reference).
        with_encoder: Also export the auto-encoder's encoder (for the reconstruction ceiling).
        description: One sentence for people.
        licence: Of the weights.
        sampler: Default sampler; None = what the generator was trained for.
        nfe: Default evaluations per hop; None = the sampler's default.
        guidance: Default guidance scale.
        metrics: ``evaluate --json``'s output for the model card.
    """

    name: str
    precision: Precision = "int8"
    with_encoder: bool = True
    description: str = "Game frames in, the game's sound out."
    licence: str = "Apache-2.0"
    sampler: str | None = None
    nfe: int | None = None
    guidance: float = 3.0
    metrics: Mapping[str, Any] | None = None


def export_bundle(
    networks: Networks, folder: Path, options: ExportOptions, report: Report = lambda line: None
) -> Manifest:
    """Write a bundle.

    Args:
        networks: Trained or random networks, in evaluation mode.
        folder: Where to; an older bundle there is replaced at the very end.
        options: Name, precision, defaults.
        report: Called with one line per graph.

    Returns:
        The manifest.

    Raises:
        BundleError: A graph differs from torch; nothing is written then.
    """
    models: dict[str, onnx.ModelProto] = {}
    parity: dict[str, dict[str, float]] = {}
    for name, graph in _graphs(networks, options).items():
        models[name], parity[name] = _export_graph(name, graph, options.precision)
        size = models[name].ByteSize() / 1e6
        errors = ", ".join(f"{precision} {error:.2g}" for precision, error in parity[name].items())
        report(f"{name}: {size:.1f} MB, largest relative error against torch: {errors}")
    facts = _facts(networks, options, parity)
    manifest = write_bundle(folder, models, _constants(networks), facts)
    write_card(folder, manifest, options.metrics)
    return manifest


def _graphs(networks: Networks, options: ExportOptions) -> dict[str, Graph]:
    graphs: dict[str, Graph] = {
        "vision": VisionGraph(networks.backbone, networks.generator),
        "transformer": TransformerStepGraph(networks.generator),
        "head": HeadGraph(networks.generator),
        "decoder": DecoderGraph(networks.vae),
    }
    if options.with_encoder:
        graphs["encoder"] = EncoderGraph(networks.vae)
    return graphs


def _export_graph(name: str, graph: Graph, precision: Precision) -> tuple[onnx.ModelProto, dict[str, float]]:
    model = to_onnx(graph)
    errors = {"fp32": relative_error(graph, model)}
    check(name, "fp32", errors["fp32"])
    if precision == "int8":
        fixed = _fixed_matrices(graph)
        model = halved(quantised(model, fixed), fixed)
        errors["int8"] = relative_error(graph, model)
        check(name, "int8", errors["int8"])
    return model, errors


def _fixed_matrices(graph: Graph) -> list[np.ndarray]:
    return [buffer.numpy() for buffer in graph.buffers() if buffer.ndim == 2 and buffer.is_floating_point()]


def _constants(networks: Networks) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in session_constants(networks.generator).items()}


def _facts(networks: Networks, options: ExportOptions, parity: dict[str, dict[str, float]]) -> dict[str, Any]:
    config = networks.config
    image, transformer = _image(config), _transformer(config)
    grid = (1, config.vision.channels, *config.vision.grid_shape)
    training = {**networks.training, "config": config_to_dict(config)}
    return {
        "name": options.name,
        "description": options.description,
        "licence": options.licence,
        "precision": options.precision,
        "image": image,
        "latent_size": config.vae.latent,
        "transformer": transformer,
        "sampling": _sampling(networks, options),
        "state": session_state(image, grid, transformer, _decoder_states(networks)),
        "parameters": _parameter_count(networks),
        "training": training,
        "parity": parity,
    }


def _image(config: ModelConfig) -> ImageSpec:
    vision = config.vision
    if vision.backbone == "efficientnet_lite0":
        mean, std = (127.0, 127.0, 127.0), (128.0, 128.0, 128.0)
    else:
        mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    return ImageSpec(
        vision.width, vision.height, mean=mean, std=std, first_difference=vision.first_difference
    )


def _transformer(config: ModelConfig) -> TransformerSpec:
    transformer = config.transformer
    return TransformerSpec(
        layers=transformer.layers,
        width=transformer.width,
        kv_heads=transformer.kv_heads,
        head_size=transformer.head_dim,
        window=transformer.cache_tokens,
        rope_theta=transformer.rope_theta,
    )


def _sampling(networks: Networks, options: ExportOptions) -> SamplingSpec:
    sampler = options.sampler or networks.sampler
    spec = SamplingSpec(
        sampler="heun" if sampler == "heun" else "consistency",
        guidance=options.guidance,
        consistency_sigmas={str(nfe): times for nfe, times in CONSISTENCY_TIMES.items()},
    )
    if options.nfe is None:
        return spec
    field = "heun_nfe" if sampler == "heun" else "nfe"
    return SamplingSpec(**{**_as_dict(spec), field: options.nfe})


def _as_dict(spec: SamplingSpec) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in spec.__struct_fields__}


def _decoder_states(networks: Networks) -> tuple[StateSpec, ...]:
    states = networks.vae.initial_decoder_state(1)
    return tuple(StateSpec(name, tuple(tensor.shape), "float32") for name, tensor in states.items())


def _parameter_count(networks: Networks) -> int:
    parts = (networks.backbone, networks.generator, networks.vae)
    return sum(parameter.numel() for part in parts for parameter in part.parameters())
