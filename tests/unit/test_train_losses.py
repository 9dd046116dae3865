from __future__ import annotations

import pytest
import torch

from sr_runtime.train.discriminator import (
    Discriminator,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
)
from sr_runtime.train.losses import (
    FFT_SIZES,
    LossWeights,
    a_weighting,
    band_errors,
    kl_divergence,
    spectra,
    stft_loss,
)


@pytest.fixture
def sound() -> torch.Tensor:
    return 0.1 * torch.randn(2, 2, 9600, generator=torch.Generator().manual_seed(0))


def test_loss_of_a_sound_with_itself_is_zero(sound):
    loss = stft_loss(sound, sound)
    assert loss.log_magnitude.item() == pytest.approx(0, abs=1e-6)
    assert loss.total.item() < 1e-3


def test_loss_ignores_polarity_and_swapped_channels_alike(sound):
    made = torch.roll(sound, 7, -1)
    plain = stft_loss(made, sound).total.item()
    assert stft_loss(-made, sound).total.item() == pytest.approx(plain, rel=1e-5)
    assert stft_loss(made.flip(1), sound.flip(1)).total.item() == pytest.approx(plain, rel=1e-5)


def test_loss_hears_inverted_phase_between_the_channels(sound):
    mono = sound[:, :1].expand(-1, 2, -1)
    inverted = mono * torch.tensor([1.0, -1.0])[:, None]
    assert stft_loss(inverted, mono).total.item() > 2.0


def test_sum_and_difference_are_those_of_the_waveform(sound):
    four = spectra(sound, 256, weighted=False)
    middle = (sound[:, :1] + sound[:, 1:]) * 0.5**0.5
    directly = spectra(middle.expand(-1, 2, -1), 256, weighted=False)[0]
    assert torch.allclose(four[2], directly, atol=1e-5)


def test_louder_by_six_decibels_costs_its_logarithm_at_every_scale(sound):
    for size in FFT_SIZES:
        error = stft_loss(2 * sound, sound, (size,), LossWeights(a_weighted=False)).log_magnitude.item()
        assert error == pytest.approx(0.693, abs=0.03)


def test_noise_in_silence_is_punished_by_a_bounded_amount():
    silence = torch.zeros(1, 2, 9600)
    hiss = 1e-3 * torch.randn(1, 2, 9600)
    assert stft_loss(hiss, silence).total.item() < 10


def test_gradient_reaches_both_channels(sound):
    made = (0.5 * sound).requires_grad_()
    stft_loss(made, sound, (512, 64), overlap=2).total.backward()
    assert (made.grad.abs().amax((0, 2)) > 0).all()


def test_a_weighting_is_one_at_one_kilohertz_and_small_in_the_bass():
    gains = a_weighting(48_000)  # bins of 1 Hz
    assert gains[1000].item() == pytest.approx(1.0, abs=0.01)
    assert gains[100].item() == pytest.approx(10 ** (-19.1 / 20), rel=0.03)  # IEC 61672: −19.1 dB


def test_kl_of_the_prior_is_zero_and_grows_with_the_mean():
    zero = torch.zeros(1, 64, 3)
    assert kl_divergence(zero, zero).item() == 0.0
    assert kl_divergence(zero + 1, zero).item() == pytest.approx(32.0)


def test_discriminator_learns_to_tell_noise_from_a_tone():
    torch.manual_seed(0)
    judge = Discriminator((256, 64), filters=4)
    optimiser = torch.optim.AdamW(judge.parameters(), 1e-2)
    tone = torch.sin(torch.arange(4800) * 0.2).expand(2, 2, -1) * 0.3
    losses = []
    for _ in range(12):
        noise = 0.3 * torch.randn(2, 2, 4800)
        loss = discriminator_loss(judge(tone), judge(noise))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert adversarial_loss(judge(noise)) > adversarial_loss(judge(tone))


def test_feature_matching_is_zero_for_the_same_sound(sound):
    judge = Discriminator((256,), filters=4)
    assert feature_matching_loss(judge(sound), judge(sound)).item() == pytest.approx(0, abs=1e-6)
    assert feature_matching_loss(judge(sound), judge(0.1 * sound)).item() > 0.1


def test_band_levels_of_other_noise_agree_where_spectra_do_not():
    torch.manual_seed(0)
    one, other = 0.1 * torch.randn(2, 1, 2, 48_000)
    assert band_errors(one, other).level.item() < 0.4
    assert stft_loss(one, other).log_magnitude.item() > 0.6


def test_band_levels_prefer_the_true_loudness_of_noise():
    torch.manual_seed(0)
    one, other = 0.1 * torch.randn(2, 1, 2, 48_000)
    at = {gain: band_errors(gain * one, other).level.item() for gain in (0.6, 1.0, 1.6)}
    assert at[1.0] == min(at.values())


def test_band_levels_hear_the_bass():
    tone = 0.3 * torch.sin(torch.arange(48_000) * 2 * torch.pi * 60 / 48_000).expand(1, 2, -1)
    assert band_errors(torch.zeros_like(tone), tone).level.item() > 0.2


def test_balance_hears_panning_and_nothing_else():
    torch.manual_seed(0)
    noise, other = 0.1 * torch.randn(2, 1, 1, 48_000)
    left = torch.cat((noise, 0.25 * noise), dim=1)
    panned_alike, mirrored = torch.cat((other, 0.25 * other), dim=1), left.flip(1)
    assert band_errors(panned_alike, left).balance.item() < 1e-3
    assert band_errors(0.5 * left, left).balance.item() < 0.05
    assert band_errors(mirrored, left).balance.item() > 2.0  # 2 ln 4 = 2.77
