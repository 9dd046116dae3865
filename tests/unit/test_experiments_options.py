"""Options that exist for comparison only: they do what their name says, and change nothing by default."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from sr_runtime.errors import ConfigError
from sr_runtime.model.aggregator import VisionTokenizer
from sr_runtime.model.presets import config_from_dict, config_to_dict
from sr_runtime.train.settings import DiffusionSettings
from sr_runtime.train.windows import WindowSampler
from tests.training_material import TINY

GRID = (4, 4)


def token(grid: torch.Tensor, change: torch.Tensor, **options: bool) -> torch.Tensor:
    torch.manual_seed(0)
    tokenizer = VisionTokenizer(replace(TINY.aggregator, **options), 3, GRID).eval()
    with torch.no_grad():
        return tokenizer(grid, change)


def pictures(seed: int) -> torch.Tensor:
    return torch.randn(2, 3, *GRID, generator=torch.manual_seed(seed))


def test_without_difference_only_the_picture_counts():
    grid, one, other = pictures(0), pictures(1), pictures(2)
    assert torch.equal(token(grid, one, difference=False), token(grid, other, difference=False))
    assert not torch.allclose(token(grid, one), token(grid, other))


def test_pooled_features_do_not_tell_where_something_is():
    grid, difference = pictures(0), pictures(1)
    moved = grid.roll(1, dims=2)
    torch.testing.assert_close(token(grid, difference, pooled=True), token(moved, difference, pooled=True))
    assert not torch.allclose(token(grid, difference), token(moved, difference), atol=1e-3)


def test_networks_saved_before_these_options_still_load():
    plain = config_to_dict(TINY)
    for name in ("difference", "pooled"):
        del plain["aggregator"][name]
    assert config_from_dict(plain) == TINY


def sampler(lookahead_hops: int, hops: int = 20) -> WindowSampler:
    grids = np.arange(hops, dtype=np.float16)[:, None, None, None]
    latents = SimpleNamespace(
        vae=SimpleNamespace(latent_mean=torch.zeros(64), latent_std=torch.full((64,), 0.5)),
        read=lambda clip: (
            np.repeat(np.arange(hops, dtype=np.float16)[:, None], 64, 1),
            np.zeros((hops, 64)),
        ),
    )
    features, clip = SimpleNamespace(read=lambda clip: grids), SimpleNamespace(hops=hops)
    return WindowSampler([clip], features, latents, crop_hops=8, lookahead_hops=lookahead_hops)


def test_lookahead_shows_later_pictures_and_holds_the_last_one():
    crops, plain = sampler(3).fixed(2), sampler(0).fixed(2)
    assert torch.equal(crops.latents, plain.latents)
    assert crops.grids[0].flatten().tolist() == [3, 4, 5, 6, 7, 8, 9, 10]
    assert crops.grids[1].flatten().tolist() == [15, 16, 17, 18, 19, 19, 19, 19]
    assert plain.grids[1].flatten().tolist() == [12, 13, 14, 15, 16, 17, 18, 19]


def test_lookahead_beyond_the_crop_is_refused():
    with pytest.raises(ConfigError, match=r"lookahead_hops.*below crop_hops, 12, got 12"):
        DiffusionSettings(steps=1, crop_hops=12, lookahead_hops=12)
