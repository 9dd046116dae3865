"""Frozen encoders and what follows them: loaders, known pictures, differences, PCA."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from sr_runtime.errors import BundleError, ConfigError
from sr_runtime.model.difference import sequence_differences
from sr_runtime.model.dinov2 import DinoV2
from sr_runtime.model.efficientnet import EfficientNetLite0Classifier, published_weights
from sr_runtime.model.pca import PCAProjection, fit_pca
from sr_runtime.model.presets import PRESETS, VisionConfig
from sr_runtime.model.vision import build_backbone

SMALL_DINO = VisionConfig(backbone="dinov2_vits14_reg", width=56, height=28)


def public_dino_weights() -> dict[str, Tensor]:
    """Names and shapes of dinov2_vits14_reg4_pretrain.pth, with random numbers."""
    shapes: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, 384),
        "pos_embed": (1, 1370, 384),
        "register_tokens": (1, 4, 384),
        "mask_token": (1, 384),
        "patch_embed.proj.weight": (384, 3, 14, 14),
        "patch_embed.proj.bias": (384,),
        "norm.weight": (384,),
        "norm.bias": (384,),
    }
    linear = {
        "attn.qkv": (1152, 384),
        "attn.proj": (384, 384),
        "mlp.fc1": (1536, 384),
        "mlp.fc2": (384, 1536),
    }
    for block in range(12):
        for name, shape in linear.items():
            shapes[f"blocks.{block}.{name}.weight"] = shape
            shapes[f"blocks.{block}.{name}.bias"] = shape[:1]
        for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias", "ls1.gamma", "ls2.gamma"):
            shapes[f"blocks.{block}.{name}"] = (384,)
    generator = torch.Generator().manual_seed(0)
    return {name: 0.05 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def functional_dino(weights: dict[str, Tensor], image: Tensor, rows: int, columns: int) -> Tensor:
    """DINOv2 once more, as plain formulas over the checkpoint."""

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name: str, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = (image / 255 - mean[:, None, None]) / std[:, None, None]
    cells = (
        pixels.reshape(1, 3, rows, 14, columns, 14).permute(0, 2, 4, 1, 3, 5).reshape(1, rows * columns, -1)
    )
    x = cells @ weights["patch_embed.proj.weight"].reshape(384, -1).T + weights["patch_embed.proj.bias"]
    table = weights["pos_embed"][:, 1:].reshape(1, 37, 37, 384).permute(0, 3, 1, 2)
    table = F.interpolate(table, (rows, columns), mode="bicubic", antialias=True)
    x = x + table.flatten(2).transpose(1, 2)
    x = torch.cat((weights["cls_token"] + weights["pos_embed"][:, :1], weights["register_tokens"], x), dim=1)
    for block in range(12):
        name = f"blocks.{block}"
        query, key, value = linear(f"{name}.attn.qkv", norm(f"{name}.norm1", x)).chunk(3, dim=-1)
        mixed = []
        for head in range(6):
            part = slice(64 * head, 64 * head + 64)
            scores = query[..., part] @ key[..., part].transpose(1, 2) / 8.0
            mixed.append(scores.softmax(-1) @ value[..., part])
        x = x + weights[f"{name}.ls1.gamma"] * linear(f"{name}.attn.proj", torch.cat(mixed, dim=-1))
        hidden = F.gelu(linear(f"{name}.mlp.fc1", norm(f"{name}.norm2", x)))
        x = x + weights[f"{name}.ls2.gamma"] * linear(f"{name}.mlp.fc2", hidden)
    return norm("norm", x[:, 5:]).transpose(1, 2).reshape(1, 384, rows, columns)


@torch.no_grad()
def test_dinov2_loads_public_names_and_matches_plain_formulas(tmp_path: Path) -> None:
    weights = public_dino_weights()
    save_file(weights, tmp_path / "dino.safetensors")
    backbone = build_backbone(SMALL_DINO, tmp_path / "dino.safetensors")
    image = 255 * torch.rand(1, 3, 28, 56)
    grid = backbone(image)
    assert grid.shape == (1, 384, *SMALL_DINO.grid_shape) == (1, 384, 2, 4)
    torch.testing.assert_close(grid, functional_dino(weights, image, 2, 4), atol=1e-4, rtol=1e-4)


def test_dinov2_refuses_a_checkpoint_that_does_not_fit(tmp_path: Path) -> None:
    weights = public_dino_weights()
    del weights["blocks.7.ls1.gamma"]
    weights["head.weight"] = torch.zeros(2)
    weights["register_tokens"] = torch.zeros(1, 8, 384)
    torch.save(weights, tmp_path / "dino.pth")
    with pytest.raises(BundleError, match="does not fit") as refused:
        build_backbone(SMALL_DINO, tmp_path / "dino.pth")
    for name in ("blocks.7.ls1.gamma", "head.weight", "register_tokens"):
        assert name in str(refused.value)


def test_dinov2_without_weights_says_what_to_download() -> None:
    with pytest.raises(BundleError, match="dinov2_vits14_reg4_pretrain"):
        build_backbone(SMALL_DINO)


def test_dinov2_refuses_sizes_that_are_no_multiples_of_14() -> None:
    with pytest.raises(ConfigError, match="14"):
        DinoV2(30, 56)


def test_dinov2_keeps_pretraining_positions_at_pretraining_size() -> None:
    dino = DinoV2(518, 518)
    assert torch.equal(dino.grid_positions, dino.pos_embed[:, 1:])


def natural_picture() -> Tensor:
    """The portrait of a naval officer that comes with matplotlib, as (1, 3, 224, 224)."""
    matplotlib = pytest.importorskip("matplotlib")
    simplejpeg = pytest.importorskip("simplejpeg")
    path = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    pixels = torch.from_numpy(simplejpeg.decode_jpeg(path.read_bytes())).permute(2, 0, 1).float()
    square = pixels[:, : pixels.shape[2]]
    return F.interpolate(square[None], (224, 224), mode="bilinear", antialias=True)


@torch.no_grad()
def test_efficientnet_recognises_a_military_uniform() -> None:
    classifier = EfficientNetLite0Classifier()
    classifier.load_state_dict(published_weights())
    probabilities = classifier.eval()(natural_picture()).softmax(-1)[0]
    # Class 652 = military uniform, 0.32. Symmetric padding (wrong here) gives 0.20 against 0.18 for the next.
    assert int(probabilities.argmax()) == 652
    assert float(probabilities[652]) > 3 * float(probabilities.sort().values[-2])


@torch.no_grad()
def test_backbone_grid_is_the_tap_of_the_whole_network() -> None:
    backbone = build_backbone(PRESETS["mini"].vision)
    image = 255 * torch.rand(2, 3, 128, 128)
    grid = backbone(image)
    assert grid.shape == (2, 112, 8, 8)
    whole = EfficientNetLite0Classifier()
    whole.load_state_dict(published_weights())
    taps: list[Tensor] = []
    whole._blocks[10].register_forward_hook(lambda _module, _inputs, output: taps.append(output))
    whole.eval()(image)
    torch.testing.assert_close(grid, taps[0], atol=1e-4, rtol=1e-4)


def test_backbone_stays_frozen_in_training_mode() -> None:
    backbone = build_backbone(PRESETS["mini"].vision, random_weights=True).train()
    assert not backbone.training
    assert not any(module.training for module in backbone.modules())
    assert not any(parameter.requires_grad for parameter in backbone.parameters())


def test_held_frame_has_no_difference_and_first_frame_is_its_own() -> None:
    grids = torch.randn(1, 4, 3, 2, 2)
    grids[:, 2] = grids[:, 1]
    differences = sequence_differences(grids)
    assert torch.equal(differences[:, 0], grids[:, 0])
    assert not differences[:, 2].any()
    assert torch.equal(differences[:, 3], grids[:, 3] - grids[:, 2])
    assert not sequence_differences(grids, first="zero")[:, 0].any()


def test_difference_is_zero_where_the_hop_had_no_new_frame() -> None:
    is_new = torch.tensor([[True, True, False, True]])
    differences = sequence_differences(torch.randn(1, 4, 3, 2, 2), is_new)
    assert not differences[:, 2].any()
    assert differences[:, 3].any()


def test_pca_finds_the_directions_of_most_variance() -> None:
    torch.manual_seed(0)
    axes = torch.linalg.qr(torch.randn(12, 12)).Q
    scales = torch.tensor([5.0, 3.0, 1.0] + [0.01] * 9)
    fit = fit_pca(torch.randn(4000, 12) * scales @ axes + 7.0, 3)
    cosine = F.cosine_similarity(fit.basis, axes[:3], dim=-1).abs()
    assert float(cosine.min()) > 0.99
    assert fit.components_for(0.95) == 2
    assert float(fit.explained[2]) > 0.999


def test_pca_projection_centres_and_scales_to_unit_mean_variance() -> None:
    torch.manual_seed(0)
    grids = torch.randn(64, 12, 4, 4) * torch.linspace(0.1, 4, 12)[:, None, None] + 3.0
    projection = PCAProjection(12, 5)
    projection.set_fit(fit_pca(grids.permute(0, 2, 3, 1).reshape(-1, 12), 5))
    projected = projection(grids)
    assert projected.shape == (64, 5, 4, 4)
    assert float(projected.mean(dim=(0, 2, 3)).abs().max()) < 1e-3
    assert abs(float(projected.var(dim=(0, 2, 3)).mean()) - 1.0) < 0.01


def test_difference_of_projections_is_projection_of_difference() -> None:
    projection = PCAProjection(6, 4)
    projection.set_fit(fit_pca(torch.randn(100, 6), 4))
    now, before = torch.randn(1, 6, 2, 2), torch.randn(1, 6, 2, 2)
    expected = F.conv2d(now - before, projection.basis[:, :, None, None])
    torch.testing.assert_close(projection(now) - projection(before), expected, atol=1e-5, rtol=1e-5)


def test_no_pca_is_the_identity() -> None:
    grid = torch.randn(1, 6, 2, 2)
    assert PCAProjection(6, None)(grid) is grid


def test_pca_refuses_more_components_than_channels() -> None:
    with pytest.raises(ConfigError, match=r"vision\.pca"):
        fit_pca(torch.randn(100, 6), 7)
