"""Multi-resolution STFT loss of a stereo waveform, the whole of the autoencoder's reconstruction goal.

Called by :mod:`sr_runtime.train.vae`. Left, right, their sum and their difference are compared; the FFT
is taken of left and right only, sum and difference are formed on the complex spectra as (l ± r), so a
scale costs two transforms instead of four.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from sr_runtime.types import SAMPLE_RATE

FFT_SIZES = (2048, 1024, 512, 256, 128, 64, 32)
"""Window lengths in samples; the hop is a quarter of each (SoundReactor VAE)."""

SUM_DIFFERENCE_WEIGHT = 2.0
"""Effective weight of the averaged sum and difference terms: the published recipe adds its 1.0 twice."""

LEFT_RIGHT_WEIGHT = 0.5
"""Weight of left and of right."""

LOG_FLOOR = 1e-4
"""Magnitudes are compared as log(m + floor): −80 dBFS of noise per bin. Lower floors let the networks'
idle noise in silent crops, which games have many of, outweigh every audible error."""

SILENCE_RMS = 1e-2
"""The spectral-convergence term divides by at least the norm of noise of this level (−40 dBFS)."""


@dataclass(frozen=True)
class StftLoss:
    """What one comparison gives; every entry is a scalar tensor.

    Attributes:
        total: the weighted sum that is optimised.
        log_magnitude: mean absolute log-magnitude error over left, right, sum and difference.
        convergence: mean relative spectral error (Frobenius norms) over the same four.
    """

    total: Tensor
    log_magnitude: Tensor
    convergence: Tensor


@dataclass(frozen=True)
class LossWeights:
    """How much each kind of spectral error counts.

    Attributes:
        log_magnitude: of the log-magnitude error.
        convergence: of spectral convergence. It is smallest for noise that is too quiet (−2 dB at least),
            since a bin whose phase cannot be predicted is cheapest near zero.
        a_weighted: whether magnitudes are A-weighted (−19 dB at 100 Hz: the bass hardly counts).
    """

    log_magnitude: float = 1.0
    convergence: float = 1.0
    a_weighted: bool = True


@lru_cache(maxsize=32)
def a_weighting(fft_size: int) -> Tensor:
    """Return the A-weighting gain of every bin, float32 (fft_size // 2 + 1), at most 1.2 (IEC 61672)."""
    f2 = torch.linspace(0, SAMPLE_RATE / 2, fft_size // 2 + 1, dtype=torch.float64).square()
    gain = (12194.0**2 * f2**2) / (
        (f2 + 20.6**2) * ((f2 + 107.7**2) * (f2 + 737.9**2)).sqrt() * (f2 + 12194.0**2)
    )
    return (gain * 10 ** (2.0 / 20)).float()


@lru_cache(maxsize=32)
def _window(fft_size: int) -> Tensor:
    """Return a Hann window of unit energy, so that white noise of level s has magnitude s in every bin."""
    window = torch.hann_window(fft_size)
    return window / window.square().sum().sqrt()


def spectra(wave: Tensor, fft_size: int, weighted: bool = True, hop: int | None = None) -> Tensor:
    """Transform stereo sound into left, right, sum and difference spectra.

    Args:
        wave: float32 (B, 2, S).
        fft_size: window length in samples.
        weighted: whether to apply A-weighting.
        hop: samples between windows; a quarter of the window by default.

    Returns:
        Magnitudes, float32 (4, B, frames, bins) in the order left, right, sum, difference; sum and
        difference are halved powers ((l ± r)/√2), so that uncorrelated channels have equal levels.
    """
    batch, _, samples = wave.shape
    padded = torch.nn.functional.pad(wave.reshape(batch * 2, 1, samples), (fft_size // 2,) * 2)
    frames = padded.reshape(batch * 2, -1).unfold(-1, fft_size, hop or fft_size // 4)
    bins = torch.fft.rfft(frames * _window(fft_size)).reshape(batch, 2, frames.shape[1], -1)
    left, right = bins[:, 0], bins[:, 1]
    middle, side = (left + right) * math.sqrt(0.5), (left - right) * math.sqrt(0.5)
    four = torch.view_as_real(torch.stack((left, right, middle, side)))
    magnitude = (four.square().sum(-1) + 1e-12).sqrt()
    return magnitude * a_weighting(fft_size) if weighted else magnitude


def _scale_terms(
    estimate: Tensor, target: Tensor, fft_size: int, weights: LossWeights, overlap: int
) -> Tensor:
    """Return log-magnitude and convergence errors of one FFT size, (2, 4)."""
    hop = fft_size // overlap
    estimated = spectra(estimate, fft_size, weights.a_weighted, hop)
    with torch.no_grad():
        wanted = spectra(target, fft_size, weights.a_weighted, hop)
        least = SILENCE_RMS * math.sqrt(wanted.shape[2] * wanted.shape[3])
        scale = wanted.square().sum((2, 3)).sqrt().clamp_min(least)
        wanted_log = (wanted + LOG_FLOOR).log()
    log_error = ((estimated + LOG_FLOOR).log() - wanted_log).abs().mean((1, 2, 3))
    convergence = (((estimated - wanted).square().sum((2, 3)) + 1e-12).sqrt() / scale).mean(1)
    return torch.stack((log_error, convergence))


PUBLISHED = LossWeights()


def stft_loss(
    estimate: Tensor,
    target: Tensor,
    fft_sizes: tuple[int, ...] = FFT_SIZES,
    weights: LossWeights = PUBLISHED,
    overlap: int = 4,
) -> StftLoss:
    """Compare two stereo waveforms over several FFT sizes.

    Args:
        estimate: float32 (B, 2, S); receives the gradient.
        target: float32 (B, 2, S).
        fft_sizes: which sizes to use; a few random ones per step are an unbiased estimate of all.
        weights: of the kinds of error.
        overlap: windows that cover a sample. 2 costs half of 4; training can take it when it shifts the
            sound at random from step to step.
    """
    parts = [_scale_terms(estimate, target, size, weights, overlap) for size in fft_sizes]
    terms = torch.stack(parts).mean(0)
    each = weights.log_magnitude * terms[0] + weights.convergence * terms[1]
    total = LEFT_RIGHT_WEIGHT * (each[0] + each[1]) + SUM_DIFFERENCE_WEIGHT * 0.5 * (each[2] + each[3])
    return StftLoss(total, *terms.mean(1))


@lru_cache(maxsize=8)
def mel_bands(fft_size: int, bands: int) -> Tensor:
    """Return triangular mel bands up to 24 kHz that average power, float32 (fft_size // 2 + 1, bands)."""
    bins = torch.linspace(0, SAMPLE_RATE / 2, fft_size // 2 + 1)
    mel = 2595.0 * torch.log10(1.0 + bins / 700.0)
    place = mel / mel[-1] * (bands - 1)
    weights = (1.0 - (place.unsqueeze(1) - torch.arange(bands)).abs()).clamp_min(0.0)
    return weights / weights.sum(0).clamp_min(1e-6)


@dataclass(frozen=True)
class BandErrors:
    """What a comparison of levels in mel bands gives, natural logs, scalar tensors.

    Attributes:
        level: mean absolute error over left, right, sum and difference.
        balance: the same of left minus right. A source in the middle is the cheapest guess while panning is
            not understood; this term makes it dear, and noise hardly disturbs it: both sides share theirs.
    """

    level: Tensor
    balance: Tensor


def band_errors(estimate: Tensor, target: Tensor, overlap: int = 2) -> BandErrors:
    """Compare levels in mel bands, natural logs: what noise of another phase still has in common.

    A spectrum compared bin by bin rewards noise that is too quiet (its bins and the target's fluctuate
    independently); band levels do not, and they leave no frequency out.

    Args:
        estimate: float32 (B, 2, S); receives the gradient.
        target: float32 (B, 2, S).
        overlap: see :func:`stft_loss`.

    Returns:
        Means over three resolutions.
    """
    errors, balances = [], []
    for fft_size, bands in ((2048, 64), (512, 32), (128, 12)):
        matrix = mel_bands(fft_size, bands)
        levels = [
            0.5 * (spectra(wave, fft_size, False, fft_size // overlap).square() @ matrix + LOG_FLOOR**2).log()
            for wave in (estimate, target)
        ]
        difference = levels[0] - levels[1]
        errors.append(difference.abs().mean())
        balances.append((difference[0] - difference[1]).abs().mean())
    return BandErrors(torch.stack(errors).mean(), torch.stack(balances).mean())


def kl_divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """Return KL(q ‖ N(0, 1)): summed over the channels, averaged over batch and time.

    Args:
        mean: float32 (B, 64, T).
        logvar: float32 (B, 64, T).
    """
    bounded = logvar.clamp(-30.0, 20.0)
    return 0.5 * (mean.square() + bounded.exp() - bounded - 1.0).sum(1).mean()
