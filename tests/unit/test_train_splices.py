"""Spliced histories: whose sound stands where, and which hops may teach."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from sr_runtime.model.generator import Generator
from sr_runtime.train.diffusion import condition_of, conditions_and_targets
from sr_runtime.train.settings import DiffusionSettings
from sr_runtime.train.splices import LONGEST, SHORTEST, splice
from sr_runtime.train.windows import Windows
from tests.training_material import TINY


def crops(batch: int, hops: int) -> torch.Tensor:
    """Latents that tell crop and hop: (B, T, 64) of 1000·crop + hop."""
    return (1000.0 * torch.arange(batch)[:, None] + torch.arange(hops))[..., None].expand(-1, -1, 64)


def test_without_a_share_nothing_changes():
    latents = crops(3, 100)
    history, counts = splice(latents, 0.0)
    assert torch.equal(history, latents)
    assert counts.all()


@pytest.mark.parametrize("seed", range(5))
def test_stretches_are_another_crops_at_the_same_hops(seed):
    torch.manual_seed(seed)
    latents = crops(4, 300)
    history, counts = splice(latents, 1.0)
    is_foreign = (history != latents)[..., 0]
    assert torch.equal(history[is_foreign], latents.roll(1, 0)[is_foreign])
    for row, counted in zip(is_foreign, counts, strict=True):
        assert 0.1 < row.float().mean() < 0.9
        _, lengths = torch.unique_consecutive(row, return_counts=True)
        assert lengths[:-1].min() >= SHORTEST
        assert lengths.max() <= LONGEST
        # What does not count: hops that would go on from foreign sound without coming back.
        assert torch.equal(counted[1:], ~(row[1:] & row[:-1]))
        assert counted[0]


def test_only_the_share_is_spliced():
    torch.manual_seed(0)
    latents = crops(400, 130)
    history, _ = splice(latents, 0.25)
    assert (history != latents).any(-1).any(-1).float().mean() == pytest.approx(0.25, abs=0.06)


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    config = replace(TINY, transformer=replace(TINY.transformer, residual_dropout=0.0))
    return Generator(config)


def windows(hops: int = 90) -> Windows:
    torch.manual_seed(3)
    shape = (3, hops, TINY.vision.channels, *TINY.vision.grid_shape)
    return Windows(torch.randn(shape), torch.randn(3, hops, 64))


def test_a_training_step_learns_from_the_hops_that_count(generator):
    batch, drop = windows(), torch.zeros(3, dtype=torch.bool)
    settings = DiffusionSettings(steps=1, splice_share=1.0, noise_draws=2)
    generator.train()
    torch.manual_seed(7)
    z, clean = conditions_and_targets(generator, batch, drop, settings)
    torch.manual_seed(7)
    history, counts = splice(batch.latents, 1.0)
    assert len(z) == len(clean) == 2 * int(counts.sum())
    assert torch.equal(clean, batch.latents[counts].repeat(2, 1))  # targets are the true sound throughout
    whole = condition_of(generator, batch, drop, history)
    torch.testing.assert_close(z[: len(z) // 2], whole[counts.flatten()])
    unspliced = condition_of(generator, batch, drop)
    assert not torch.allclose(whole, unspliced)


def test_validation_sees_true_histories(generator):
    batch, drop = windows(), torch.zeros(3, dtype=torch.bool)
    settings = DiffusionSettings(steps=1, splice_share=1.0, noise_draws=1)
    z, clean = conditions_and_targets(generator.eval(), batch, drop, settings)
    torch.testing.assert_close(z, condition_of(generator, batch, drop))
    assert torch.equal(clean, batch.latents.flatten(0, 1))
