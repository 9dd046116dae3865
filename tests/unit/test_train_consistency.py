from __future__ import annotations

import pytest
import torch
from torch import nn

from sr_runtime.model.edm import CF, ect_distance, ect_earlier_time, ect_weight
from sr_runtime.model.generator import Generator
from sr_runtime.train.consistency import consistency_loss, stage_at
from sr_runtime.train.diffusion import condition_of, diffusion_loss
from sr_runtime.train.generator_stage import build_generator
from sr_runtime.train.settings import ConsistencySettings
from sr_runtime.train.windows import Windows
from tests.training_material import TINY


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    generator = Generator(TINY)
    with torch.no_grad():  # zero-initialised modulations would hide what the head does
        for parameter in generator.diffusion_head.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return generator


def material(tokens: int = 50) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    z = torch.randn(tokens, 2 * TINY.transformer.width, requires_grad=True)
    return z, 0.5 * torch.randn(tokens, 64), torch.randn(tokens, 64)


def test_stages_are_equal_shares_of_the_run():
    assert [stage_at(p / 16, CF) for p in range(17)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 7]


def test_first_stage_with_zero_earlier_time_is_denoising(generator):
    generator.eval()
    z, clean, noise = material()
    later = torch.full((50,), 0.3)
    earlier = ect_earlier_time(later, 0)
    assert (earlier == 0).all()
    loss = consistency_loss(generator, z, clean, (later, earlier), noise)
    denoised = generator.head(clean + 0.3 * noise, later, z)
    expected = (ect_weight(later, earlier) * ect_distance(denoised - clean)).mean()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)


def test_teacher_and_student_share_their_dropout_mask(generator):
    generator.train()
    for module in generator.diffusion_head.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.5
    z, clean, noise = material()
    later = torch.full((50,), 2.0)
    same = consistency_loss(generator, z, clean, (later, later), noise)  # t = r: only the mask could differ
    assert same.item() * 1e-8 < 1e-3  # weight is 1/gap, capped at 1e8; distance is √1e-8 when nothing differs
    denoise = [generator.head(clean, later, z) for _ in range(2)]
    assert not torch.equal(*denoise)


def test_teacher_gets_no_gradient(generator):
    z, clean, noise = material()
    later, earlier = torch.full((50,), 20.0), torch.full((50,), 10.0)
    consistency_loss(generator, z, clean, (later, earlier), noise).backward()
    both = z.grad.clone()
    z.grad = None
    generator.zero_grad()
    torch.manual_seed(5)
    with torch.no_grad():
        fixed = generator.head(clean + 10 * noise, earlier, z)
    torch.manual_seed(5)
    student = generator.head(clean + 20 * noise, later, z)
    (ect_weight(later, earlier) * ect_distance(student - fixed)).mean().backward()
    assert both.shape == z.grad.shape
    assert both.abs().sum() > 0


def test_untrained_uncertainty_leaves_the_weighted_error_alone(generator):
    z, clean, noise = material()
    loss, error = diffusion_loss(generator, z, clean, torch.full((50,), 0.7), noise)
    assert loss.item() == pytest.approx(error.item(), rel=1e-5)


def test_dropped_video_is_not_looked_at(generator):
    generator.eval()
    shape = (2, 12, TINY.vision.channels, *TINY.vision.grid_shape)
    latents = torch.randn(2, 12, 64)
    drop = torch.tensor([True, False])
    one = condition_of(generator, Windows(torch.randn(shape), latents), drop).unflatten(0, (2, 12))
    other = condition_of(generator, Windows(torch.randn(shape), latents), drop).unflatten(0, (2, 12))
    assert torch.equal(one[0], other[0])
    assert not torch.allclose(one[1], other[1])


def test_stage_replaces_dropout_and_history_noise_of_the_configuration():
    settings = ConsistencySettings(steps=1, history_noise=0.3, deaf_share=0.1, head_dropout=0.2)
    generator = build_generator(TINY, None, settings)
    assert generator.config.head.dropout == 0.2
    assert generator.config.transformer.history_noise == 0.3
    assert generator.config.transformer.deaf_share == 0.1
