"""Encoder blocks that learn with the generator: pictures are seen as before, until they have learned."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments import average
from sr_runtime.errors import ConfigError
from sr_runtime.export.facts import ExportOptions
from sr_runtime.export.source import load_networks
from sr_runtime.export.trained import export_bundle
from sr_runtime.model.checkpoint import load_generator, save_network
from sr_runtime.model.generator import Generator
from sr_runtime.model.presets import PRESETS, VisionConfig
from sr_runtime.model.vae import build_vae
from sr_runtime.model.vision import build_backbone
from sr_runtime.train.consistency import train_stage2
from sr_runtime.train.features import FeatureCache, vision_key
from sr_runtime.train.generator_stage import build_generator
from sr_runtime.train.rollout import video_tokens
from sr_runtime.train.settings import ConsistencySettings, DiffusionSettings
from tests.training_material import TINY, make_store, make_vae

VISION = VisionConfig(backbone="efficientnet_lite0", width=32, height=32, tap_block=3, pca=5)
SMALL = replace(TINY, vision=VISION)
QUICK = {"steps": 3, "batch": 2, "crop_hops": 12, "noise_draws": 2, "precision": "32-true", "validations": 1}


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A network folder as training without tuned blocks leaves it."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    generator = Generator(SMALL)
    generator.pca.basis.normal_()
    save_network(tmp_path / "trained", generator, SMALL)
    return tmp_path / "trained"


def tuned(init: Path, blocks: int = 2) -> Generator:
    return build_generator(SMALL, init, DiffusionSettings(steps=1, tuned_blocks=blocks)).eval()


@torch.no_grad()
def test_a_network_sees_the_same_before_its_blocks_have_learned(trained: Path) -> None:
    image = 255 * torch.rand(2, 3, 32, 32)
    before, after = load_generator(trained), tuned(trained)
    assert after.config.vision.tuned_blocks == 2
    expected = before.project(build_backbone(VISION)(image))
    seen = after.project(build_backbone(after.config.vision)(image))
    assert seen.shape == (2, 5, *VISION.grid_shape)
    torch.testing.assert_close(seen, expected, atol=1e-4, rtol=1e-4)


def test_kernels_and_statistics_stay_and_the_rest_learns(trained: Path, tmp_path: Path) -> None:
    store, vae = make_store(tmp_path / "store"), make_vae(tmp_path / "vae")
    before = tuned(trained).tuned_blocks.state_dict()
    settings = ConsistencySettings(**QUICK, tuned_blocks=2, learning_rate=1e-2, ema_decay=0.0, warmup_steps=1)
    assert train_stage2(store.root, tmp_path / "run", vae, settings, trained)
    after = load_generator(tmp_path / "run" / "network").tuned_blocks.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert {name.split(".", 2)[2] for name in moved} == {
        *(f"{part}.weight" for part in ("_expand_conv", "_project_conv", "_bn0", "_bn1", "_bn2")),
        *(f"{part}.bias" for part in ("_bn0", "_bn1", "_bn2")),
    }


def test_the_store_keeps_what_comes_before_the_tuned_blocks(trained: Path, tmp_path: Path) -> None:
    store, generator = make_store(tmp_path / "store", hops=20), tuned(trained)
    cache = FeatureCache(store, generator.config.vision, fit=generator.pca.fit())
    clip = store.clips("train")[0]
    cache.fill([clip])
    features = torch.from_numpy(np.array(cache.read(clip), np.float32))
    assert features.shape == (20, 24, 8, 8)
    plain = FeatureCache(store, VISION, fit=generator.pca.fit())
    plain.fill([clip])
    grids = torch.from_numpy(np.array(plain.read(clip), np.float32))
    # Both are stored in half precision: measured 0.005 of the largest value.
    assert (generator.grids(features) - grids).abs().max() < 0.02 * grids.abs().max()
    assert generator.grids(features[None]).shape == (1, *grids.shape)
    with torch.autocast("cpu", torch.bfloat16):
        assert generator.grids(features).dtype == torch.float32  # a difference of bf16 grids would be coarse
    assert video_tokens(generator, features[None]).shape == (1, 20, 32)
    assert vision_key(generator.config.vision) != vision_key(VISION)


def test_a_bundle_sees_with_the_tuned_blocks(trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    generator = tuned(trained)
    with torch.no_grad():
        for parameter in generator.tuned_blocks.parameters():
            parameter.mul_(1.1)  # no longer ImageNet's
        for parameter in generator.diffusion_head.parameters():
            if not parameter.any():
                parameter.normal_(0.0, 0.02)
    save_network(tmp_path / "tuned", generator, generator.config)
    save_network(tmp_path / "vae", build_vae(SMALL.vae), SMALL)
    networks = load_networks(tmp_path / "vae", tmp_path / "tuned")
    # Every graph, and whole sessions, are compared with torch here; what differs is refused.
    export_bundle(networks, tmp_path / "bundle", ExportOptions("tuned", "fp32"))
    assert (tmp_path / "bundle" / "vision.onnx").is_file()


def test_blocks_that_have_learned_stay_as_they_are_unless_asked_for(trained: Path, tmp_path: Path) -> None:
    generator = tuned(trained)
    save_network(tmp_path / "tuned", generator, generator.config)
    later = build_generator(SMALL, tmp_path / "tuned", DiffusionSettings(steps=1))
    assert later.config.vision.tuned_blocks == 2
    assert not any(p.requires_grad for p in later.tuned_blocks.parameters())
    with pytest.raises(ConfigError, match=r"expected 2 for .*, got 3"):
        build_generator(SMALL, tmp_path / "tuned", DiffusionSettings(steps=1, tuned_blocks=3))


def test_blocks_are_tuned_from_a_trained_network_only(trained: Path) -> None:
    with pytest.raises(ConfigError, match="name that run with --init"):
        build_generator(SMALL, None, DiffusionSettings(steps=1, tuned_blocks=2))
    for blocks in (-1, 4):
        with pytest.raises(ConfigError, match="expected 0 to 3"):
            tuned(trained, blocks)
    with pytest.raises(ConfigError, match="expected 0 to 0 for dinov2_vits14_reg"):
        VisionConfig(tuned_blocks=1)


def test_shipped_sizes_can_be_tuned() -> None:
    vision = replace(PRESETS["mini"].vision, tuned_blocks=6)
    assert (vision.frozen.tap_block, vision.frozen.pca, vision.channels) == (4, None, 59)
    assert vision.frozen.grid_shape == (16, 16)
    assert VISION.frozen == VISION
    # Stores on users' disks keep features under this name.
    assert vision_key(PRESETS["mini"].vision) == "efficientnet_lite0-d55d6b1c39"


def test_a_mean_with_a_network_whose_blocks_are_imagenets(trained: Path, tmp_path: Path) -> None:
    generator = tuned(trained)
    with torch.no_grad():
        for parameter in generator.tuned_blocks.parameters():
            parameter.add_(1.0)
    save_network(tmp_path / "tuned", generator, generator.config)
    average.command(trained, tmp_path / "tuned", tmp_path / "mean", share=0.5)
    before, after = tuned(trained).state_dict(), load_generator(tmp_path / "mean").state_dict()
    name = "tuned_blocks.blocks.3._project_conv.weight"
    torch.testing.assert_close(after[name], before[name] + 0.5)
    torch.testing.assert_close(after["bos"], before["bos"])
