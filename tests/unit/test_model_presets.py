"""Sizes that must not drift, configs as data, and saved networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch
from torch import nn

from sr_runtime.errors import BundleError, ConfigError
from sr_runtime.model.checkpoint import load_config, load_facts, load_generator, load_vae, save_network
from sr_runtime.model.generator import Generator
from sr_runtime.model.presets import (
    PRESETS,
    CompactVAEConfig,
    ModelConfig,
    VAEConfig,
    config_from_dict,
    config_to_dict,
    preset,
)
from sr_runtime.model.vae import build_vae
from sr_runtime.model.vision import build_backbone


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def build_on_meta(config: ModelConfig) -> Generator:
    with torch.device("meta"):
        return Generator(config)


def total(config: ModelConfig) -> int:
    with torch.device("meta"):
        backbone = build_backbone(config.vision, random_weights=True)
        vae = build_vae(config.vae)
    return count(build_on_meta(config)) + count(backbone) + count(vae)


def test_paper_trunk_and_head_have_the_published_sizes() -> None:
    generator = build_on_meta(PRESETS["paper"])
    assert count(generator.transformer) == 231_248_896
    assert count(generator.diffusion_head) == 73_643_584
    assert count(generator.tokenizer) / 4 == pytest.approx(3.41e6, rel=0.2)


def test_compact_stays_within_55_million_parameters_all_included() -> None:
    assert total(PRESETS["compact"]) <= 55_000_000


def test_mini_stays_within_30_million_parameters_all_included() -> None:
    assert total(PRESETS["mini"]) <= 30_000_000


def test_mini_grid_is_8_by_8_of_112_channels() -> None:
    vision = PRESETS["mini"].vision
    assert (vision.backbone_channels, vision.grid_shape, vision.channels) == (112, (8, 8), 59)


def test_paper_grid_is_16_by_28() -> None:
    assert PRESETS["paper"].vision.grid_shape == (16, 28)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_config_survives_json(name: str) -> None:
    text = msgspec.json.encode(config_to_dict(PRESETS[name]))
    assert config_from_dict(msgspec.json.decode(text)) == PRESETS[name]


def test_wrong_value_in_a_config_is_named_with_its_path() -> None:
    plain = config_to_dict(PRESETS["mini"])
    plain["head"]["norm"] = "batch"
    with pytest.raises(ConfigError, match=r"\$\.head\.norm"):
        config_from_dict(plain)


def test_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="mini"):
        preset("huge")


def test_saved_generator_comes_back_with_weights_and_facts(tmp_path: Path) -> None:
    generator = Generator(PRESETS["mini"])
    generator.pca.mean.fill_(0.25)
    save_network(tmp_path / "net", generator, PRESETS["mini"], {"steps": 12})
    loaded = load_generator(tmp_path / "net")
    assert not loaded.training
    assert load_facts(tmp_path / "net") == {"steps": 12}
    assert load_config(tmp_path / "net") == PRESETS["mini"]
    for name, value in generator.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]), name


def small(bands: int = 12) -> ModelConfig:
    vae = VAEConfig(kind="compact", compact=CompactVAEConfig(bands=bands, fast_bands=8))
    return replace(PRESETS["mini"], vae=vae)


def test_saved_vae_keeps_its_latent_statistics(tmp_path: Path) -> None:
    vae = build_vae(small().vae)
    vae.set_latent_statistics(torch.arange(64.0), torch.full((64,), 3.0))
    save_network(tmp_path, vae, config_to_dict(small()))
    assert torch.equal(load_vae(tmp_path).latent_mean, torch.arange(64.0))


def test_missing_weights_and_damaged_config_are_reported(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"config\.json"):
        load_vae(tmp_path)
    save_network(tmp_path, build_vae(small().vae), small())
    (tmp_path / "weights.safetensors").write_bytes(b"short")
    with pytest.raises(BundleError, match="weights"):
        load_vae(tmp_path)
    (tmp_path / "config.json").write_bytes(b'{"format": 99}')
    with pytest.raises(BundleError, match="format"):
        load_vae(tmp_path)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    save_network(tmp_path, build_vae(small(bands=16).vae), small())
    with pytest.raises(BundleError, match="do not fit"):
        load_vae(tmp_path)
