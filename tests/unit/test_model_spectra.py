"""Spectra inside the compact auto-encoder: the split Fourier transform, shaped noise, log levels."""

from __future__ import annotations

import math

import pytest
import torch

from sr_runtime.model.log_spectrum import LogSpectrum
from sr_runtime.model.noise_bands import SIGNS, NoiseBands, advance
from sr_runtime.model.square_dft import SquareDFT
from sr_runtime.types import SAMPLE_RATE

SIZES = pytest.mark.parametrize("size", [16, 400, 1600])


@SIZES
def test_analysis_is_the_fourier_transform(size: int) -> None:
    windows = torch.randn(3, 2, size)
    cosines, sines = SquareDFT(size).analyse(windows)
    expected = torch.fft.rfft(windows.double())[..., :-1] * math.sqrt(2 / size)
    torch.testing.assert_close(
        torch.complex(cosines, -sines), expected.to(torch.complex64), atol=1e-5, rtol=1e-5
    )


@SIZES
def test_synthesis_adds_up_cosines_and_sines(size: int) -> None:
    cosines, sines = torch.randn(2, 5, size // 2).unbind(0)
    phase = 2 * math.pi / size * torch.arange(size // 2).double()[:, None] * torch.arange(size).double()
    expected = (cosines.double() @ phase.cos() + sines.double() @ phase.sin()) * math.sqrt(2 / size)
    torch.testing.assert_close(
        SquareDFT(size).synthesise(cosines, sines), expected.float(), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("size", [0, 9, 1000])
def test_a_window_that_is_no_even_square_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="square of an even number"):
        SquareDFT(size)


@pytest.mark.parametrize("size", [400, 1600])
def test_noise_has_the_level_that_was_asked_for_and_only_in_its_band(size: int) -> None:
    bands, level = 20, math.log(0.01)
    levels = torch.full((1, 385, 3, bands), -12.0)
    levels[:, :, 0, 8] = level  # left alone
    windows = NoiseBands(bands, size)(levels.flatten(2), torch.zeros(1))
    first, second = windows.chunk(2, dim=-1)
    left, right = (first[:, 1:] + second[:, :-1]).transpose(1, 2).flatten(2)[0]
    spectrum = torch.fft.rfft(left.reshape(-1, 4800) * torch.hann_window(4800)).abs().square().mean(0)
    mel = 2595 * math.log10(1 + 24_000 / 700)
    edges = [700 * (10 ** (mel * k / (bands - 1) / 2595) - 1) for k in (6.5, 9.5)]
    inside = slice(*(int(e / SAMPLE_RATE * 4800) for e in edges))
    assert spectrum[inside].sum() > 0.98 * spectrum.sum()
    assert right.square().mean() < 1e-3 * left.square().mean()
    peak = 10 * math.log10(float(spectrum.max()) / (torch.hann_window(4800).square().sum() * 0.01**2))
    assert -5.0 < peak < 3.0  # a band between two bins is seen at its flank


def test_noise_does_not_repeat_itself_within_its_period() -> None:
    noise = NoiseBands(4, 400)
    windows = noise(torch.zeros(1, math.prod(SIGNS), 12), torch.zeros(1))[0, :, 0]
    unit = windows / windows.norm(dim=-1, keepdim=True)
    alike = unit[:8] @ unit.T
    alike[torch.arange(8), torch.arange(8)] = 0
    assert alike.abs().max() < 0.4  # chance among 400 numbers: 0.05 each, 0.25 for the largest of 9000


def test_levels_stray_as_far_as_they_are_told_to_and_keep_their_power() -> None:
    noise, steps = NoiseBands(20, 1600), 1000
    levels = torch.full((1, steps, 3 * 20), math.log(0.01))
    deviation = torch.full((1, steps, 20), -20.0)  # more than that is no less: 0.06 dB
    deviation[..., 10:] = math.log(0.4)
    steady, straying = (
        torch.fft.rfft(noise(levels, torch.zeros(1), how)[0, :, 0]).abs().square()
        for how in (None, deviation)
    )
    low, band, bands = slice(0, 60), slice(443, 449), slice(331, 599)  # 0 to 7, the middle of 16, 15 to 17
    assert straying[:, low].log().sub(steady[:, low].log()).abs().mean() < 0.02
    assert float(straying[:, bands].mean() / steady[:, bands].mean()) == pytest.approx(1.0, abs=0.1)
    before, after = (0.5 * power[:, band].mean(1).log().std() for power in (steady, straying))
    assert float((after**2 - before**2).sqrt()) == pytest.approx(0.4, abs=0.05)


def test_position_returns_to_where_the_noise_began() -> None:
    noise, levels = NoiseBands(4, 16), torch.zeros(1, 3, 12)
    after_a_period = advance(torch.zeros(1), math.prod(SIGNS))
    assert torch.equal(noise(levels, torch.zeros(1)), noise(levels, after_a_period))
    assert advance(torch.tensor([1146.0]), 2).item() == 1.0


def test_levels_of_white_noise_are_flat_and_silence_is_finite() -> None:
    noise = 0.1 * torch.randn(1, 200, 2, 1600)
    for spectrum, width in ((LogSpectrum(1600), 800), (LogSpectrum(1600, 40), 40)):
        levels = spectrum(noise).reshape(200, 2, width).mean((0, 1)) * 4.5 - 4.5  # natural log of amplitude
        assert (levels[3:] - math.log(0.1)).abs().max() < 0.45  # a log's mean is below the mean's log
        assert torch.allclose(spectrum(torch.zeros(1, 1, 2, 1600)), torch.tensor(-1.0467), atol=1e-3)
