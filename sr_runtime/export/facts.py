"""What ``model.json`` says about a trained bundle, from the networks' own configuration.

Called by the exporter. Thread: any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sr_runtime.engine.bundle import ImageSpec, SamplingSpec, StateSpec, TransformerSpec
from sr_runtime.export.source import Networks
from sr_runtime.export.writer import session_state
from sr_runtime.model.edm import CONSISTENCY_TIMES
from sr_runtime.model.presets import ModelConfig, config_to_dict

Precision = Literal["fp32", "int8"]


@dataclass(frozen=True)
class ExportOptions:
    """How a bundle is made and what it is called.

    Attributes:
        name: Bundle name.
        precision: ``int8`` (CPU) or ``fp32`` (GPU, and as the reference).
        with_encoder: Also export the auto-encoder's encoder (for the reconstruction ceiling).
        with_torch: Also keep the networks as they are, for the torch backend (GPUs).
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
    with_torch: bool = False
    description: str = "Game frames in, the game's sound out."
    licence: str = "Apache-2.0"
    sampler: str | None = None
    nfe: int | None = None
    guidance: float = 3.0
    metrics: Mapping[str, Any] | None = None


def manifest_facts(
    networks: Networks, options: ExportOptions, parity: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """Return the fields of :class:`Manifest` except ``graphs`` and ``constants``."""
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
        "state": session_state(
            image, grid, transformer, _decoder_states(networks), steers=networks.steering is not None
        ),
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
