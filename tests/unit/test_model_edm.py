"""Noise levels, preconditioning, ECT pairs, samplers and the head."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sr_runtime.model.edm import (
    CF,
    CONSISTENCY_TIMES,
    IN,
    consistency_sample,
    ect_distance,
    ect_earlier_time,
    ect_gap_scale,
    ect_weight,
    heun_sample,
    karras_times,
    loss_weight,
    preconditioning,
    sample_sigma,
)
from sr_runtime.model.head import DiffusionHead, UncertaintyNet
from sr_runtime.model.presets import HeadConfig

SMALL = HeadConfig(width=32, blocks=2)


def test_preconditioning_is_edms() -> None:
    scalings = preconditioning(torch.tensor([0.5]))
    expected = {"skip": 0.5, "out": 0.5**0.5 / 2, "input": 2**0.5, "noise": torch.tensor(0.5).log() / 4}
    for name, value in expected.items():
        torch.testing.assert_close(float(getattr(scalings, name)), float(value), atol=1e-6, rtol=1e-6)
    sigma = torch.tensor([0.01, 1.0, 50.0])
    torch.testing.assert_close(loss_weight(sigma), preconditioning(sigma).out.square().reciprocal())


def test_ect_gap_scale_is_5_at_0_and_1_far_out() -> None:
    torch.testing.assert_close(ect_gap_scale(torch.tensor([0.0, 1e3])), torch.tensor([5.0, 1.0]))


def test_ect_stage_0_pairs_small_times_with_the_clean_token() -> None:
    t = torch.tensor([0.01, 0.5, 1.0, 5.0, 20.0, 80.0])
    r = ect_earlier_time(t, stage=0)
    assert not r[:3].any()
    assert float(r[3] / t[3]) == pytest.approx(0.47, abs=0.005)
    torch.testing.assert_close(r[4:] / t[4:], torch.full((2,), 0.5), atol=1e-3, rtol=0)


def test_ect_pairs_close_in_over_the_stages_as_published() -> None:
    ratios = [float(ect_earlier_time(torch.tensor(t), 3) / t) for t in (0.02, 1.0, 20.0)]
    assert ratios == pytest.approx([0.69, 0.80, 0.94], abs=0.005)
    last = float(ect_earlier_time(torch.tensor(1e-6), CF.stages - 1) / 1e-6)
    assert last == pytest.approx(1 - 5 / 256, abs=1e-4)
    assert IN.q**IN.stages == CF.q**CF.stages == 256


def test_ect_stage_0_target_is_the_denoising_target() -> None:
    torch.manual_seed(0)
    clean, noise, t = 0.5 * torch.randn(16, 64), torch.randn(16, 64), torch.full((16,), 0.7)
    r = ect_earlier_time(t, stage=0)
    teacher_input = clean + r[:, None] * noise
    assert torch.equal(teacher_input, clean)
    # D(x, 0) = c_skip(0)·x = x whatever the network says: the teacher's output is x_0, as in stage 1.
    assert float(preconditioning(torch.tensor(0.0)).skip) == 1.0
    assert float(preconditioning(torch.tensor(0.0)).out) == 0.0


def test_ect_weights_and_metrics_follow_their_recipes() -> None:
    t, r = torch.tensor([2.0]), torch.tensor([1.5])
    assert float(ect_weight(t, r, CF)) == pytest.approx(2.0)
    assert float(ect_weight(t, r, IN)) == pytest.approx(float(loss_weight(t)))
    a, b = torch.zeros(1, 4), torch.full((1, 4), 0.5)
    assert float(ect_distance(a - b, CF)) == pytest.approx(1.0, abs=1e-4)
    assert float(ect_distance(a - b, IN)) == pytest.approx((1 + 0.06**2) ** 0.5 - 0.06, abs=1e-4)


def test_ect_distance_has_a_finite_gradient_at_zero() -> None:
    a = torch.zeros(1, 4, requires_grad=True)
    ect_distance(a).sum().backward()
    assert torch.isfinite(a.grad).all()


def test_sigma_is_log_normal_within_its_bounds() -> None:
    torch.manual_seed(0)
    drawn = sample_sigma((20_000,), -0.4, 1.0)
    assert float(drawn.log().mean()) == pytest.approx(-0.4, abs=0.03)
    assert float(sample_sigma((1000,), 9.0, 1.0).max()) == 80.0


def test_karras_grid_of_five_gives_the_four_step_times() -> None:
    times = karras_times(5)
    assert times[0] == pytest.approx(80.0)
    assert times[-2:] == pytest.approx([0.002, 0.0])
    assert times[:4] == pytest.approx(CONSISTENCY_TIMES[4], rel=0.05)


def ideal_denoiser(x: Tensor, sigma: Tensor) -> Tensor:
    """The exact posterior mean for data N(0.3, 0.5²)."""
    data = 0.25
    return (sigma.square()[:, None] * 0.3 + data * x) / (sigma.square()[:, None] + data)


def test_heun_turns_noise_into_the_data_distribution() -> None:
    # 64 steps: at 16 the method's own error is 8 % of the deviation.
    torch.manual_seed(0)
    drawn = heun_sample(ideal_denoiser, torch.randn(4000, 4), karras_times(64))
    assert float(drawn.mean()) == pytest.approx(0.3, abs=0.02)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("evaluations", [1, 2, 3, 4])
def test_consistency_sampling_asks_as_often_as_nfe(evaluations: int) -> None:
    asked: list[float] = []

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        asked.append(float(sigma[0]))
        return x / (1 + sigma[:, None])

    times = CONSISTENCY_TIMES[evaluations]
    drawn = consistency_sample(denoise, [torch.randn(3, 4) for _ in times], times)
    assert drawn.shape == (3, 4)
    assert asked == pytest.approx(list(times))


def test_fresh_head_returns_the_skip_path() -> None:
    head = DiffusionHead(SMALL, 64, 48).eval()
    x, sigma = torch.randn(5, 64), torch.full((5,), 0.5)
    torch.testing.assert_close(head(x, sigma, torch.randn(5, 48)), 0.5 * x)


@pytest.mark.parametrize("norm", ["layer", "rms"])
@pytest.mark.parametrize("merge", ["sum", "mp_sum"])
def test_head_uses_noise_level_and_condition(norm: str, merge: str) -> None:
    torch.manual_seed(0)
    head = DiffusionHead(replace(SMALL, norm=norm, merge=merge), 64, 48).eval()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    x, sigma, z = torch.randn(5, 64), torch.full((5,), 0.5), torch.randn(5, 48)
    base = head(x, sigma, z)
    assert not torch.allclose(base, head(x, sigma, z + 1.0))
    assert not torch.allclose(head.raw(x, sigma, z), head.raw(x, sigma + 1.0, z))


def test_uncertainty_starts_at_zero() -> None:
    assert not UncertaintyNet()(torch.rand(7) + 0.1).any()


def test_head_dropout_repeats_with_the_random_state() -> None:
    head = DiffusionHead(replace(SMALL, dropout=0.5), 64, 48).train()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    x, sigma, z = torch.randn(5, 64), torch.full((5,), 0.5), torch.randn(5, 48)
    state = torch.get_rng_state()
    first = head(x, sigma, z)
    assert not torch.equal(first, head(x, sigma, z))
    torch.set_rng_state(state)
    assert torch.equal(first, head(x, sigma, z))
